"""The norms against PyTorch, over shapes, dtypes, offsets and eps, and what they refuse."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import normlib as nl
from contract import (
    assert_same,
    check_backward,
    check_forward,
    growth,
    in_chapter_form,
    rounding_of_sums,
    torch_results,
)
from normlib.agree import CHECKED

shapes = st.lists(st.integers(1, 5), min_size=0, max_size=3).flatmap(
    lambda head: st.lists(st.integers(2, 7), min_size=1, max_size=2).map(
        lambda tail: (tuple(head), tuple(tail))
    )
)
dtypes = st.sampled_from([np.float64, np.float32])
eps_values = st.sampled_from([1e-12, 1e-5, 0.1])


@st.composite
def problems(draw):
    """x, normalized_shape, weight or None, bias or None, eps and dy."""
    (head, tail), dtype = draw(shapes), draw(dtypes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    offset = draw(st.sampled_from([0.0, 2.0, 30.0]))
    x = rng.normal(offset, 3, head + tail).astype(dtype)
    weight, bias = rng.normal(1, 1, tail).astype(dtype), rng.normal(0, 1, tail).astype(dtype)
    weight = draw(st.sampled_from([weight, None]))
    bias = draw(st.sampled_from([bias, None]))
    return x, tail, weight, bias, draw(eps_values), rng.normal(size=x.shape).astype(dtype)


@given(problems())
@settings(max_examples=150)
def test_layer_norm_and_its_gradient_match_torch(problem):
    x, shape, weight, bias, eps, dy = problem
    y, vjp = nl.layer_norm_vjp(x, shape, weight, bias, eps)
    np.testing.assert_array_equal(y, nl.layer_norm(x, shape, weight, bias, eps))
    theirs = torch.nn.functional.layer_norm
    expected = torch_results(lambda x, w, b: theirs(x, shape, w, b, eps), (x, weight, bias), dy)
    rows = x.reshape(-1, int(np.prod(shape)))
    assert_same([y, *vjp(dy)], expected, x.dtype, growth(rows, eps))


@given(problems())
@settings(max_examples=150)
def test_rms_norm_and_its_gradient_match_torch(problem):
    x, shape, weight, _, eps, dy = problem
    y, vjp = nl.rms_norm_vjp(x, shape, weight, eps)
    np.testing.assert_array_equal(y, nl.rms_norm(x, shape, weight, eps))
    theirs = torch.nn.functional.rms_norm
    expected = torch_results(lambda x, w: theirs(x, shape, w, eps), (x, weight), dy)
    assert_same([y, *vjp(dy)], expected, x.dtype)


@given(problems(), st.booleans(), st.data())
@settings(max_examples=100)
def test_normalize_matches_its_formula_over_any_axes(problem, center, data):
    x, _, _, _, eps, _ = problem
    x = x.astype(np.float64)
    axes = data.draw(st.sets(st.integers(-x.ndim, x.ndim - 1), min_size=1))
    axes = tuple({a % x.ndim for a in axes})
    mean = x.mean(axes, keepdims=True) if center else 0.0
    var = ((x - mean) ** 2).mean(axes, keepdims=True)
    found = nl.normalize(x, axes, center, eps)
    np.testing.assert_allclose(found, (x - mean) / np.sqrt(var + eps), rtol=1e-9, atol=1e-9)


def test_a_single_number_is_its_own_mean():
    for dtype in (np.float64, np.float16):
        assert nl.normalize(np.array(3, dtype), axis=None) == 0
        y, vjp = nl.normalize_vjp(np.array(3, dtype), axis=None, center=False, eps=7.0)
        assert y == 0.75
        assert vjp(np.array(1, dtype))[0] == dtype(0.25 - 0.75 * 0.75 * 0.25)


def test_a_set_of_one_number_gets_no_gradient_at_all():
    """Not even one of rounding, which 1 / √ε would make large."""
    x, dy, weight = np.random.default_rng(20).normal(1, 1, (3, 50, 1)).astype(np.float32)
    for y, vjp in (
        nl.layer_norm_vjp(x, (1,), weight[0], weight[1]),
        nl.group_norm_vjp(x.reshape(2, 25), 25, weight[:25, 0]),
        nl.normalize_vjp(x, -1),
    ):
        assert not vjp(dy.reshape(y.shape))[0].any()


@pytest.mark.parametrize("name", CHECKED)
def test_the_library_keeps_the_contract_of_the_chapters(name):
    check = check_backward if name.endswith("_vjp") else check_forward
    check(name.removesuffix("_vjp"), in_chapter_form(name))


def test_blocks_do_not_show():
    """An array of many blocks gives, row by row, what each row gives alone."""
    x = np.random.default_rng(0).normal(2, 3, (2000, 96))
    weight, bias, dy = x[0], x[1], x[::-1].copy()
    y, vjp = nl.layer_norm_vjp(x, (96,), weight, bias)
    dx, dweight, dbias = vjp(dy)
    for i in (0, 341, 342, 1999):
        row, row_vjp = nl.layer_norm_vjp(x[i], (96,), weight, bias)
        np.testing.assert_allclose(y[i], row, rtol=0, atol=1e-12)
        np.testing.assert_allclose(dx[i], row_vjp(dy[i])[0], rtol=0, atol=1e-12)
    x_hat = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(dweight, (dy * x_hat).sum(0), rtol=1e-10)
    np.testing.assert_allclose(dbias, dy.sum(0), rtol=1e-10)


def test_half_precision_is_computed_in_float32():
    x = np.array([[300.0, 302.0, 290.0, 310.0]], np.float16)  # 300² overflows float16
    for found, norm in (
        (nl.layer_norm(x, (4,)), torch.nn.functional.layer_norm),
        (nl.rms_norm(x, (4,)), torch.nn.functional.rms_norm),
    ):
        assert found.dtype == np.float16
        expected = norm(torch.tensor(x).float(), (4,)).half().numpy()
        np.testing.assert_array_max_ulp(found, expected, 1)  # a tie may be rounded either way


NORMS = [
    (lambda x, w: nl.layer_norm_vjp(x, (6,), w, w)),
    (lambda x, w: nl.rms_norm_vjp(x, (6,), w)),
    (lambda x, w: nl.batch_norm_vjp(x, w.copy(), w.copy(), w, w, training=True)),
    (lambda x, w: nl.batch_norm_vjp(x, w.copy(), abs(w), w, w)),
    (lambda x, w: nl.instance_norm_vjp(x.reshape(2, 6, 2), weight=w, bias=w)),
    (lambda x, w: nl.group_norm_vjp(x, 2, w, w)),
    (lambda x, w: nl.normalize_vjp(x, 0)),
]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_order_of_bytes_does_not_matter(norm, dtype):
    rng = np.random.default_rng(16)
    x, weight = rng.normal(300, 3, (4, 6)).astype(dtype), rng.normal(1, 1, 6).astype(dtype)
    y, vjp = norm(x, weight)
    other = x.dtype.newbyteorder()
    other_y, other_vjp = norm(x.astype(other), weight.astype(other))
    assert other_y.dtype == other
    np.testing.assert_array_equal(other_y, y)
    for found, expected in zip(other_vjp(other_y), vjp(y), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_float16_overflows_in_silence_as_in_torch():
    x = np.random.default_rng(17).normal(0, 1, (5000, 6)).astype(np.float16)
    large, ones = np.full_like(x, 50), np.ones(6, np.float16)
    for norm in NORMS[0], NORMS[2], NORMS[3]:
        assert np.isinf(norm(x, ones)[1](large)[2]).all()
    mean, var = np.zeros((2, 6), np.float16)
    nl.batch_norm(x * np.float16(1000), mean, var, training=True)
    assert np.isinf(var).all()


def test_settings_of_numpy_are_left_as_they_were():
    before = np.geterr(), np.getbufsize()
    for norm in NORMS:
        y, vjp = norm(np.ones((4, 6)), np.ones(6))
        vjp(y)
    y, vjp = nl.layer_norm_vjp(np.ones((4, 600)), (600,))
    assert (np.geterr(), np.getbufsize()) == before
    vjp(y)
    assert (np.geterr(), np.getbufsize()) == before


def test_rms_norm_without_eps_uses_the_machine_epsilon_of_the_compute_dtype():
    for dtype, compute in ((np.float64,) * 2, (np.float32,) * 2, (np.float16, np.float32)):
        x = np.full((1, 4), 1e-4, dtype)
        expected = nl.rms_norm(x, (4,), eps=float(np.finfo(compute).eps))
        np.testing.assert_array_equal(nl.rms_norm(x, (4,)), expected)


@pytest.mark.parametrize("norm", ["layer_norm", "rms_norm"])
def test_a_large_offset_costs_no_accuracy(norm):
    """No more than the sums of 512 numbers must; of E[x²] − E[x]² no digit would be left."""
    x = (1e4 + np.random.default_rng(0).normal(size=(64, 512))).astype(np.float32)
    exact = getattr(nl, norm)(x.astype(np.float64), (512,), eps=1e-5)
    error = np.abs(getattr(nl, norm)(x, (512,), eps=1e-5) - exact).max()
    assert error <= rounding_of_sums(512, np.float32) * np.abs(exact).max()


def test_a_channel_of_a_million_numbers_is_as_exact_as_a_short_one():
    """One sum in float32 over all of them would be wrong by more."""
    x = np.random.default_rng(18).normal(2, 1, (64, 2, 128, 128)).astype(np.float32)
    wide = x.astype(np.float64)
    y, vjp = nl.batch_norm_vjp(x, None, None, training=True)
    exact, exact_vjp = nl.batch_norm_vjp(wide, None, None, training=True)
    for ours, true in ((y, exact), (vjp(x[::-1])[0], exact_vjp(wide[::-1])[0])):
        np.testing.assert_allclose(ours, true, rtol=0, atol=5e-7 * np.abs(true).max())


def test_awkward_arrays_are_accepted_and_left_alone():
    rng = np.random.default_rng(0)
    base = rng.normal(2, 3, (4, 6))
    base.flags.writeable = False
    awkward = {
        "read-only": base,
        "strided": rng.normal(size=(8, 12))[::2, ::2],
        "transposed": rng.normal(size=(6, 4)).T,
        "broadcast": np.broadcast_to(rng.normal(size=6), (4, 6)),
        "Fortran order": np.asfortranarray(base),
    }
    for name, x in awkward.items():
        before, dy = x.copy(), rng.normal(size=x.shape)
        y, vjp = nl.layer_norm_vjp(x, (6,), np.ones(6), np.zeros(6))
        dx, *_ = vjp(dy)
        expected_y, expected_vjp = nl.layer_norm_vjp(before, (6,), np.ones(6), np.zeros(6))
        np.testing.assert_allclose(y, expected_y, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(dx, expected_vjp(dy)[0], atol=1e-12, err_msg=name)
        np.testing.assert_array_equal(x, before)


def test_empty_batches_and_nan_go_through_quietly():
    y, vjp = nl.layer_norm_vjp(np.zeros((0, 6)), (6,), np.ones(6), np.zeros(6))
    assert y.shape == (0, 6)
    assert [g.shape for g in vjp(np.zeros((0, 6)))] == [(0, 6), (6,), (6,)]
    x = np.random.default_rng(0).normal(size=(3, 6))
    x[1, 2] = np.nan
    y = nl.layer_norm(x, (6,))
    assert np.isnan(y).any(1).tolist() == [False, True, False]


X = np.ones((2, 3))
REFUSED = [
    (lambda: nl.layer_norm([[1.0, 2.0]], (2,)), TypeError, r"np\.asarray\(x, float\)"),
    (lambda: nl.layer_norm(torch.ones(2, 3), (3,)), TypeError, r"x\.numpy\(\)"),
    (lambda: nl.layer_norm(np.ones((2, 3), int), (3,)), TypeError, r"x\.astype\(float\)"),
    (lambda: nl.layer_norm(np.array([None, 1.0]), (2,)), TypeError, "dtype object"),
    (lambda: nl.layer_norm(X, (2,)), ValueError, r"\(2,\).*\(2, 3\).*use \(3,\)"),
    (lambda: nl.layer_norm(X, ()), ValueError, "last axes"),
    (lambda: nl.layer_norm(X, "three"), TypeError, "tuple of integers"),
    (lambda: nl.layer_norm(X, 3.7), TypeError, r"tuple of integers, got 3.7: try \(C,\)"),
    (lambda: nl.layer_norm(X[0, 0], ()), TypeError, "x must be a NumPy array"),
    (lambda: nl.layer_norm(np.array(1.0), ()), ValueError, "at least one axis"),
    (lambda: nl.normalize(np.ma.array(X, mask=X > 0)), TypeError, "got a MaskedArray: try np.asa"),
    (lambda: nl.rms_norm(X, (3,), X.view(np.matrix)), TypeError, "weight must be a plain array"),
    (lambda: nl.layer_norm(X, (3,), np.ones(2)), ValueError, r"weight must have shape \(3,\)"),
    (lambda: nl.layer_norm(X, (3,), None, np.ones((1, 3))), ValueError, "bias must have shape"),
    (lambda: nl.layer_norm(X, (3,), [1, 2, 3]), TypeError, "weight must be a NumPy array"),
    (lambda: nl.layer_norm(X, (3,), np.ones(3) + 0j), TypeError, "weight is complex"),
    (lambda: nl.layer_norm(X, (3,), eps=-1e-5), ValueError, "non-negative"),
    (lambda: nl.layer_norm(X, (3,), eps=float("nan")), ValueError, "non-negative"),
    (lambda: nl.layer_norm(X, (3,), eps=None), TypeError, "eps must be a number"),
    (lambda: nl.layer_norm_vjp(X, (3,))[1](np.ones(3)), ValueError, "dy must have the shape"),
    (lambda: nl.normalize(X, axis=2), ValueError, "out of bounds"),
    (lambda: nl.rms_norm(X, (3,), eps="small"), TypeError, "eps must be a number"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_bad_input_is_refused_with_the_rule_and_the_fix(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
