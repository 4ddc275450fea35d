"""The checker is tested like a measuring instrument: on what it must pass, reject and name."""

import functools
from itertools import combinations

import numpy as np
import pytest

import broken_layers
import normlib as nl
from normlib.checker.attempts import run
from normlib.checker.checking import judge
from normlib.checker.exercises import EXERCISES
from normlib.checker.exercises.forward import EPSILON
from normlib.checker.exercises.inputs import TOKENS
from normlib.checker.recognition import prediction, tolerances
from right_batch_norm import layer_in_float32
from right_layers import (
    RIGHT,
    RIGHT_VJPS,
    in_float32,
    with_np_var,
    with_plain_float32_loops,
    with_rows,
    with_torch,
)

every_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=lambda e: e.name)


# --- every exercise: the reference, the slips, the pairs --------------------------------------


def messages(report, exercise):
    """The lines of a report that name a slip."""
    known = {slip.message for slip in exercise.slips}
    return [line for line in report.lines if line in known]


def same_answers(exercise, a, b, factor=1.0):
    """Whether two tuples of slips give the same formula's numbers; not by the checker's code."""
    for probe in exercise.probes:
        if probe.delicate and any(slip.rough for slip in (*a, *b)):
            continue
        one, two = prediction(exercise, a, probe), prediction(exercise, b, probe)
        if one is None or two is None:
            continue
        rounding = [tolerances(exercise, slips, probe) for slips in ((), a, b)]
        for part in exercise.parts:
            x, y = one[part], two[part]
            rough = np.nanmax([t[part] for t in rounding] + [slip.rough for slip in (*a, *b)])
            if x.shape != y.shape:
                return False
            with np.errstate(invalid="ignore"):
                same = (x == y) | (np.isnan(x) & np.isnan(y))  # infinities too
                gap = np.where(same, 0, np.abs(x - y))
                size = np.abs(y).max(where=np.isfinite(y), initial=1.0)
            if not gap.max() <= factor * rough * size:  # so that a lone nan is a difference
                return False
    return True


def runs_on(exercise, slips):
    """The probes on which these slips end in no error."""
    return [p for p in exercise.probes if prediction(exercise, slips, p) is not None]


@every_exercise
def test_the_reference_passes(exercise):
    report = nl.check(exercise.reference, exercise.name)
    assert report.ok
    assert report.attempted
    assert f"{len(exercise.probes)} probes" in report.lines[0]


@every_exercise
def test_every_slip_is_diagnosed_as_itself(exercise):
    for slip in exercise.slips:
        report = judge(exercise, exercise.attempt(slip))
        assert not report, f"no probe shows this slip, or it is no mistake: {slip} {slip.message}"
        assert messages(report, exercise) == [slip.message], slip


@every_exercise
def test_every_slip_is_diagnosed_in_float32_too(exercise):
    for slip in exercise.slips:
        attempt = exercise.attempt(slip)
        single = layer_in_float32 if exercise.name == "BatchNorm" else in_float32
        report = judge(exercise, single(attempt))
        assert messages(report, exercise) == [slip.message], slip


@every_exercise
def test_no_two_slips_can_be_confused(exercise):
    for a, b in combinations(exercise.slips, 2):
        if not (a.rough or b.rough):  # those are told apart by how they round
            assert not same_answers(exercise, (a,), (b,), factor=10), (
                "two slips give the same answers: add a probe that tells them apart, or keep one",
                a.message,
                b.message,
            )


# All pairs of all exercises take minutes, so every seventh runs with the slow tests. Every
# forty-first meets most slips in a pair: what is wrong with a slip itself is found at once.
@pytest.mark.parametrize("step", [41, pytest.param(7, marks=pytest.mark.slow)])
@every_exercise
def test_every_pair_is_diagnosed_as_that_pair_or_as_an_equal(exercise, step):
    by_messages = {}
    for slips in exercise.hypotheses:
        by_messages.setdefault(tuple(slip.message for slip in slips), []).append(slips)
    pairs = [slips for slips in exercise.hypotheses if len(slips) == 2]
    tried = 0
    for pair in pairs[::step]:
        if prediction(exercise, pair, exercise.probes[0]) is None:
            continue  # together they end in an error
        tried += 1
        named = tuple(messages(judge(exercise, exercise.attempt(*pair)), exercise))
        if named != tuple(slip.message for slip in pair):
            equals = by_messages.get(named, [()] if not named else [])
            assert any(same_answers(exercise, other, pair) for other in equals), (pair, named)
        if len(named) == 2 and not any(slip.rough for slip in pair):
            singles = [
                s
                for s in exercise.slips
                if runs_on(exercise, (s,)) == runs_on(exercise, pair)
                and same_answers(exercise, (s,), pair)
            ]
            assert not singles, pair
    print(f"{exercise.name}: {len(exercise.slips)} slips, {tried} of {len(pairs)} pairs")


def test_a_missing_eps_and_a_tiny_one_differ_beside_another_slip():
    exercise = EXERCISES["layer_norm"]
    tiny = next(slip for slip in EPSILON if slip.changes == {"fixed_eps": 1e-12})
    for other in (slip for slip in exercise.slips if "power" not in slip.changes):
        if not (other.changes.keys() & {"fixed_eps", "eps_place", "eps_factor"} or other.rough):
            assert tiny.message in judge(exercise, exercise.attempt(other, tiny)).lines


def test_the_references_are_the_library():
    for probe in TOKENS:
        x, weight, bias, dy = (probe.given[k].astype(float) for k in ("x", "weight", "bias", "dy"))
        eps = probe.given["eps"]
        y, vjp = nl.layer_norm_vjp(x, x.shape[-1:], weight, bias, eps)
        expected = dict(zip(("y", "dx", "dweight", "dbias"), (y, *vjp(dy)), strict=True))
        found = prediction(EXERCISES["layer_norm_vjp"], (), probe)
        for part in expected:
            np.testing.assert_allclose(found[part], expected[part], rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(prediction(EXERCISES["layer_norm"], (), probe)["y"], y)


# --- what must pass: right functions, written in many ways ------------------------------------


@pytest.mark.parametrize("attempt", RIGHT, ids=lambda f: f.__name__)
def test_right_layer_norms_pass(attempt):
    report = nl.check(attempt, "layer_norm")
    assert report, report


@pytest.mark.parametrize("attempt", RIGHT_VJPS, ids=lambda f: f.__name__)
def test_right_vjps_pass(attempt):
    report = nl.check(attempt, "layer_norm_vjp")
    assert report, report


# --- rounding: float32 near 10000 separates two passes from one -------------------------------


def one_pass(x, weight, bias, eps, mean_of_squares):
    mean = x.mean(-1, keepdims=True)
    var = mean_of_squares(x) - mean**2
    return weight * (x - mean) / np.sqrt(np.maximum(var, 0) + eps) + bias


@pytest.mark.parametrize(
    "mean_of_squares",
    [
        lambda x: (x**2).mean(-1, keepdims=True),
        lambda x: np.einsum("...c,...c->...", x, x)[..., None] / x.dtype.type(x.shape[-1]),
        lambda x: (x**2).sum(-1, keepdims=True) * x.dtype.type(1 / x.shape[-1]),
        lambda x: np.linalg.norm(x, axis=-1, keepdims=True) ** 2 / x.shape[-1],
    ],
    ids=["mean", "einsum", "sum", "norm"],
)
def test_one_pass_variances_are_rejected_however_they_round(mean_of_squares):
    report = nl.check(
        functools.partial(one_pass, mean_of_squares=mean_of_squares), name="layer_norm"
    )
    assert "E[x²] − E[x]²" in repr(report)


def test_the_delicate_probe_leaves_room_on_both_sides():
    """Two honest passes are ten times better than asked for, and one pass ten times worse."""
    exercise = EXERCISES["layer_norm"]
    (probe,) = (p for p in exercise.probes if p.series[0].dtype == np.float32)
    expected = prediction(exercise, (), probe)["y"]
    size = np.abs(expected).max()
    # PyTorch itself is one of them, if not the most exact.
    allowed = tolerances(exercise, (), probe)["y"]
    for attempt in (with_np_var, with_rows, with_plain_float32_loops, with_torch):
        error = np.abs(run(exercise, attempt, probe).parts["y"] - expected).max() / size
        assert error < allowed / 10
    wrong = run(exercise, broken_layers.one_pass_variance, probe).parts["y"]
    assert not np.nanmax(np.abs(wrong - expected)) / size < 10 * allowed


def all_in_float16(x, weight, bias, eps):
    x, weight, bias = (a.astype(np.float16) for a in (x, weight, bias))
    return with_np_var(x, weight, bias, np.float16(eps))


def mean_in_float16(x, weight, bias, eps):
    z = x - x.astype(np.float16).mean(-1, keepdims=True)
    return weight * z / np.sqrt((z**2).mean(-1, keepdims=True) + eps) + bias


@pytest.mark.parametrize("attempt", [all_in_float16, mean_in_float16])
def test_half_precision_is_named_wherever_it_is_used(attempt):
    assert "half precision" in repr(nl.check(attempt, "layer_norm"))


def test_an_error_on_the_delicate_probe_is_not_taken_for_rounding():
    def layer_norm(x, weight, bias, eps):
        if x.dtype != np.float64:
            raise TypeError("doubles only")
        return with_np_var(x, weight, bias, eps)

    text = repr(nl.check(layer_norm))
    assert "doubles only" in text
    assert "digits" not in text


@pytest.mark.parametrize("factor", [1.001, 0.99, 1.05])
def test_a_small_mistake_without_a_name_gets_none(factor):
    """Nearly right is not the same as rounded."""
    exercise = EXERCISES["layer_norm"]

    def layer_norm(x, weight, bias, eps):
        return with_np_var(x, factor * weight, bias, eps)

    report = nl.check(layer_norm)
    assert not report
    assert not messages(report, exercise)
