"""What students hand in: right answers pass, wrong ones are refused with words that help."""

import contextlib
import io

import numpy as np
import pytest

import normlib as nl
import students_backward  # noqa: F401
import students_channel_backward  # noqa: F401
import students_channels  # noqa: F401
import students_classes  # noqa: F401
from normlib.checker import Exercise, Slip
from normlib.checker.checking import judge
from normlib.checker.exercises import EXERCISES, WITH_A_RULE
from normlib.checker.exercises.inputs import TOKENS
from right_layers import by_the_library, from_the_output, step_by_step, with_np_var
from students_forward import WRONG  # the modules above enter theirs into it
from students_right import RIGHT

every_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=lambda e: e.name)


@pytest.mark.parametrize(
    ("exercise", "attempt"), RIGHT, ids=[f"{e}: {f.__name__}" for e, f in RIGHT]
)
def test_a_right_answer_passes(exercise, attempt):
    report = nl.check(attempt, exercise)
    assert report, report


@pytest.mark.parametrize(
    ("exercise", "attempt", "words"), WRONG, ids=[f"{e}: {f.__name__}" for e, f, _ in WRONG]
)
def test_a_wrong_answer_is_refused_with_words_that_help(exercise, attempt, words):
    report = nl.check(attempt, exercise)
    assert not report
    assert any(word in repr(report) for word in words), report


def test_there_are_enough_of_them():
    assert len(WRONG) >= 100
    assert {exercise for exercise, *_ in WRONG} == EXERCISES.keys()


# --- nothing false ------------------------------------------------------------------------------


class Stops(Exception):
    pass


@every_exercise
def test_right_code_that_stops_somewhere_gets_no_other_mistake(exercise):
    known = {slip.message for slip in exercise.slips}
    if exercise.forward:
        known |= {slip.message for slip in exercise.forward.slips}
    for probe in exercise.probes[1:]:
        special = [value for value in probe.given.values() if isinstance(value, np.ndarray)][0]

        def attempt(*arguments, special=special):
            x = arguments[0]
            if isinstance(x, np.ndarray) and x.shape == special.shape and (x == special).all():
                raise Stops
            return exercise.reference(*arguments)

        if exercise.name == "BatchNorm":
            continue
        report = judge(exercise, attempt)
        assert "It stopped with Stops." in report.lines
        assert not known & {*report.lines}


def test_a_slip_that_gives_no_wrong_answer_explains_none():
    """It stops where the reader is wrong, and is right where it gives an answer."""

    def reference(x, eps, *, stop=False, by=0.0):
        if stop and x.ndim == 1:
            raise Stops
        return x + by

    slips = (Slip("It stops on one token.", stop=True), Slip("You added 2.", by=2.0))
    exercise = Exercise("itself", ("x", "eps"), reference, TOKENS, slips)
    wrong_there = nl.check(lambda x, eps: x + (x.ndim == 1), exercise)
    assert not {slip.message for slip in slips} & {*wrong_there.lines}
    assert nl.check(lambda x, eps: x + 2, exercise).lines == ("You added 2.",)


def test_where_it_stops_is_said_by_axes_dtype_or_eps_and_never_by_a_label():
    labels = {probe.label for exercise in EXERCISES.values() for probe in exercise.probes}

    def said(fails):
        def layer_norm(x, weight, bias, eps):
            if fails(x, eps):
                raise Stops
            return with_np_var(x, weight, bias, eps)

        text = repr(nl.check(layer_norm))
        assert not any(label in text for label in labels - {"zeros", "four axes"})
        return text

    assert "not for x with 1 axis." in said(lambda x, eps: x.ndim == 1)
    assert "not for x with 2 axes or with 4 axes." in said(lambda x, eps: x.ndim in (2, 4))
    assert "not for x of float32." in said(lambda x, eps: x.dtype == np.float32)
    assert "not for x with ε = 20." in said(lambda x, eps: eps == 20)


# --- what escaped -------------------------------------------------------------------------------


def test_a_vjp_is_asked_beside_another_and_twice():
    kept = {}

    def of_the_last(x, weight, bias, eps):
        y, kept["vjp"] = by_the_library(x, weight, bias, eps)
        return y, lambda dy: kept["vjp"](dy)

    def once(x, weight, bias, eps):
        y, vjp = by_the_library(x, weight, bias, eps)
        left = [vjp]
        return y, lambda dy: left.pop()(dy)

    assert "once the function has been called again" in repr(
        nl.check(of_the_last, "layer_norm_vjp")
    )
    assert "a second time" in repr(nl.check(once, "layer_norm_vjp"))


# --- prints, rules ------------------------------------------------------------------------------


def test_prints_appear_once(capsys):
    def layer_norm_vjp(x, weight, bias, eps):
        print("forward", x.shape)
        y, vjp = step_by_step(x, weight, bias, eps)

        def loud(dy):
            print("backward")
            return vjp(dy)

        return y, loud

    assert nl.check(layer_norm_vjp)
    assert capsys.readouterr().out == "forward (3, 4, 6)\nbackward\n"


def test_the_prints_are_those_of_the_call_that_stops(capsys):
    def layer_norm(x, weight, bias, eps):
        print(x.shape)
        assert x.ndim > 1
        return with_np_var(x, weight, bias, eps)

    assert not nl.check(layer_norm)
    assert capsys.readouterr().out == "(5,)\n"


def column(values, x):
    return values.reshape(-1, *[1] * (x.ndim - 2))


def rms_norm(x, weight, eps):
    return weight * x / np.sqrt((x**2).mean(-1, keepdims=True) + eps)


def rms_norm_mirrored(x, weight, eps):
    mirrored = np.concatenate([x, -x], axis=-1)
    y = nl.layer_norm(mirrored, mirrored.shape[-1:], eps=eps)
    return weight * y[..., : x.shape[-1]]


def rms_norm_undone(x, weight, eps):
    """LayerNorm is called, and undone."""
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    y = nl.layer_norm(x, x.shape[-1:], eps=eps) * np.sqrt(var + eps) + mean
    return weight * y / np.sqrt(var + mean**2 + eps)


def group_norm(x, num_groups, weight, bias, eps):
    grouped = x.reshape(len(x), num_groups, -1)
    x_hat = nl.normalize(grouped, -1, eps=eps).reshape(x.shape)
    return x_hat * column(weight, x) + column(bias, x)


def group_norm_by_batch_norm(x, num_groups, weight, bias, eps):
    parts = x.reshape(1, len(x) * num_groups, -1)
    y = nl.batch_norm(parts, None, None, training=True, eps=eps).reshape(x.shape)
    return y * column(weight, x) + column(bias, x)


RULES = [
    ("layer_norm_vjp_from_output", from_the_output, ""),
    ("layer_norm_vjp_from_output", step_by_step, "vjp does not make x̂ from y"),
    ("layer_norm_vjp_from_output", by_the_library, "vjp uses x"),
    ("rms_norm_from_layer_norm", rms_norm_mirrored, ""),
    ("rms_norm_from_layer_norm", rms_norm, "nl.layer_norm does not make them all"),
    ("rms_norm_from_layer_norm", rms_norm_undone, "nl.layer_norm does not make them all"),
    ("group_norm_from_batch_norm", group_norm_by_batch_norm, ""),
    ("group_norm_from_batch_norm", group_norm, "nl.batch_norm does not make them all"),
]


@pytest.mark.parametrize(("name", "attempt", "word"), RULES)
def test_a_rule_of_an_exercise_is_checked(name, attempt, word):
    before = nl.layer_norm, nl.batch_norm
    with contextlib.redirect_stdout(io.StringIO()):
        report = nl.check(attempt, name)
    assert bool(report) == (not word), report
    assert word in repr(report)
    assert (nl.layer_norm, nl.batch_norm) == before
    assert WITH_A_RULE.keys() == {name for name, *_ in RULES}
