"""Batch, instance and group norm against PyTorch, arithmetic and each other; what they refuse."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import normlib.functional as nf
from contract import assert_same, growth, rounding_of_sums, torch_results
from normlib.agree import EPS, tolerance
from normlib.gradcheck import check_vjp

NORMS = ("batch_norm", "instance_norm", "group_norm")


@st.composite
def problems(draw, spatial=0):
    """x of shape (N, C, *), weight or None, bias or None, eps and dy, in float64 or float32."""
    tail = draw(st.lists(st.integers(1, 4), min_size=spatial, max_size=3))
    if spatial and np.prod(tail) == 1:
        tail[0] = 2
    shape = (draw(st.integers(2, 5)), draw(st.sampled_from([1, 2, 4, 6, 8])), *tail)
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(draw(st.sampled_from([0.0, 2.0, 30.0])), 3, shape).astype(dtype)
    weight, bias = rng.normal(1, 1, (2, shape[1])).astype(dtype)
    weight = draw(st.sampled_from([weight, None]))
    bias = draw(st.sampled_from([bias, None]))
    return x, weight, bias, draw(st.sampled_from(EPS)), rng.normal(size=shape).astype(dtype)


def buffers(rng, channels, dtype=np.float64):
    return rng.normal(size=channels).astype(dtype), rng.uniform(0.5, 2, channels).astype(dtype)


@pytest.mark.parametrize("name", NORMS[:2])
@given(st.data(), st.sampled_from([0.0, 0.1, 0.7, 1.0]), st.booleans())
@settings(max_examples=150)
def test_norms_with_buffers_and_their_gradients_match_torch(name, data, momentum, measured):
    x, weight, bias, eps, dy = data.draw(problems(spatial=int(name == "instance_norm")))
    mean, var = buffers(np.random.default_rng(1), x.shape[1], x.dtype)
    torch_mean, torch_var = torch.tensor(mean), torch.tensor(var)
    before = mean.copy(), var.copy()
    theirs, rest = getattr(torch.nn.functional, name), (measured, momentum, eps)
    expected = torch_results(
        lambda x, w, b: theirs(x, torch_mean, torch_var, w, b, *rest), (x, weight, bias), dy
    )
    y, vjp = getattr(nf, f"{name}_vjp")(x, mean, var, weight, bias, *rest)
    sets = x.swapaxes(0, 1).reshape(x.shape[1] * (1 if name == "batch_norm" else len(x)), -1)
    assert_same([y, *vjp(dy)], expected, x.dtype, growth(sets, eps) if measured else 10.0)
    assert_same([mean, var], [torch_mean.numpy(), torch_var.numpy()], x.dtype)
    assert measured or (mean.tolist(), var.tolist()) == tuple(b.tolist() for b in before)
    again = getattr(nf, name)(x, *(b.copy() for b in before), weight, bias, *rest)
    np.testing.assert_array_equal(y, again)


@given(problems(), st.data())
@settings(max_examples=150)
def test_group_norm_and_its_gradient_match_torch(problem, data):
    x, weight, bias, eps, dy = problem
    channels = x.shape[1]
    groups = data.draw(st.sampled_from([g for g in range(1, 7) if channels % g == 0]))
    y, vjp = nf.group_norm_vjp(x, groups, weight, bias, eps)
    # PyTorch cannot differentiate a bias without a weight here.
    alone, ones = weight is None and bias is not None, np.ones(channels, x.dtype)
    expected = torch_results(
        lambda x, w, b: torch.nn.functional.group_norm(x, groups, w, b, eps),
        (x, ones if alone else weight, bias),
        dy,
    )
    if alone:
        expected[2] = None
    rows = x.reshape(x.shape[0] * groups, -1)
    assert_same([y, *vjp(dy)], expected, x.dtype, growth(rows, eps))
    np.testing.assert_array_equal(y, nf.group_norm(x, groups, weight, bias, eps))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_the_buffers_follow_torch_over_several_steps(dtype):
    rng = np.random.default_rng(3)
    for norm, theirs in (
        (nf.batch_norm, torch.nn.BatchNorm1d(4)),
        (nf.instance_norm, torch.nn.InstanceNorm1d(4, track_running_stats=True)),
    ):
        theirs = theirs.double()
        mean, var = np.zeros(4, dtype), np.ones(4, dtype)
        for _ in range(5):
            x = rng.normal([[[1], [-2], [0], [3]]], 2, (3, 4, 5))
            norm(x, mean, var, None, None, True)
            theirs(torch.tensor(x))
        assert mean.dtype == var.dtype == dtype
        np.testing.assert_allclose(mean, theirs.running_mean, atol=tolerance(dtype) * 4)
        np.testing.assert_allclose(var, theirs.running_var, atol=tolerance(dtype) * 8)


def test_buffers_in_float64_keep_the_digits_of_a_large_mean():
    x = np.random.default_rng(13).normal(1e4, 1, (40, 3, 50)).astype(np.float32)
    mean, var = np.zeros(3), np.ones(3)
    nf.batch_norm(x, mean, var, training=True, momentum=1.0)
    np.testing.assert_allclose(mean, wide(x).mean((0, 2)), rtol=1e-10)
    np.testing.assert_allclose(var, wide(x).var((0, 2), ddof=1), rtol=1e-6)


def cases():
    """(function, arguments) of every vjp, with each parameter present and absent, many shapes."""
    rng = np.random.default_rng(4)
    weight, bias = rng.normal(1, 1, (2, 6))
    for shape in ((5, 6), (3, 6, 4), (2, 6, 3, 2), (2, 6, 2, 1, 3)):
        x = rng.normal(2, 3, shape)
        for affine in ((weight, bias), (weight, None), (None, bias), (None, None)):
            for eps in EPS:
                yield nf.group_norm_vjp, (x, 2, *affine, eps)
                yield nf.batch_norm_vjp, (x, None, None, *affine, True, 0.1, eps)
                yield nf.batch_norm_vjp, (x, *buffers(rng, 6), *affine, False, 0.1, eps)
                if x.ndim > 2:
                    yield nf.instance_norm_vjp, (x, *buffers(rng, 6), *affine, True, 0.1, eps)
                    yield nf.instance_norm_vjp, (x, *buffers(rng, 6), *affine, False, 0.1, eps)


def test_every_gradient_agrees_with_the_complex_step_and_the_central_difference():
    for function, arguments in cases():
        check_vjp(function, *arguments)


def test_a_common_shift_or_stretch_is_not_felt():
    rng = np.random.default_rng(5)
    x, dy = rng.normal(2, 3, (2, 4, 6, 3, 2))
    channels = (0, 2, 3)
    for shape, axes, (x_hat, vjp) in (
        (x.shape, channels, nf.batch_norm_vjp(x, None, None, training=True, eps=0.0)),
        (x.shape, (2, 3), nf.instance_norm_vjp(x, eps=0.0)),
        ((4, 2, 3, 3, 2), (2, 3, 4), nf.group_norm_vjp(x, 2, eps=0.0)),
    ):
        dx, *_ = vjp(dy)
        assert np.abs(dx).max() > 0.1
        np.testing.assert_allclose(dx.reshape(shape).sum(axes), 0, atol=1e-12)
        np.testing.assert_allclose((dx * x_hat).reshape(shape).sum(axes), 0, atol=1e-12)
    mean, var = buffers(rng, 6)
    dx, *_ = nf.batch_norm_vjp(x, mean, var)[1](dy)  # constants: nothing is projected out
    np.testing.assert_allclose(dx, dy / np.sqrt(var + 1e-5)[:, None, None])


def test_the_norms_meet_where_their_sets_are_the_same():
    rng = np.random.default_rng(6)
    x, (weight, bias) = rng.normal(2, 3, (4, 6, 5)), rng.normal(1, 1, (2, 6))
    wide = [np.repeat(p[:, None], 5, 1) for p in (weight, bias)]
    instance = nf.instance_norm(x, weight=weight, bias=bias)
    one_group = nf.group_norm(x, 1, weight, bias)
    np.testing.assert_allclose(nf.group_norm(x, 6, weight, bias), instance, atol=1e-12)
    np.testing.assert_allclose(one_group, nf.layer_norm(x, (6, 5), *wide), atol=1e-12)
    over_channels = nf.layer_norm(x.swapaxes(1, 2), (6,), weight, bias).swapaxes(1, 2)
    assert np.abs(one_group - over_channels).max() > 0.1  # it has no statistics of its own
    for i in range(4):
        alone = nf.batch_norm(x[i : i + 1], None, None, weight, bias, training=True)
        np.testing.assert_allclose(alone[0], instance[i], atol=1e-12)
    by_buffers = nf.batch_norm(x, x.mean((0, 2)), x.var((0, 2)))
    measured = nf.batch_norm(x, None, None, training=True)
    np.testing.assert_allclose(by_buffers, measured, atol=1e-12)


def call(name, x, *affine, vjp=False, groups=2):
    """The norm `name` of a batch, measured on it."""
    function = getattr(nf, name + "_vjp" * vjp)
    if name == "group_norm":
        return function(x, groups, *affine)
    return function(x, None, None, *(affine or (None, None)), True)


def wide(a):
    return a.astype(np.float64)


@pytest.mark.parametrize("shape", [(64, 4, 512), (512, 4), (3, 8, 1000, 2), (4096, 4)])
@pytest.mark.parametrize("name", NORMS)
def test_a_large_offset_costs_no_accuracy(name, shape):
    """No more than the sums that a statistic takes; of E[x²] − E[x]² no digit would be left."""
    if name == "instance_norm" and len(shape) == 2:
        shape = (4, 3, shape[0])
    x = (1e4 + np.random.default_rng(7).normal(size=shape)).astype(np.float32)
    groups, dy = 1 if len(shape) == 2 else 2, x[::-1] - x.mean()
    sets = {"batch_norm": shape[1], "instance_norm": shape[0] * shape[1]}
    together = x.size // sets.get(name, shape[0] * groups)
    (exact, exact_vjp), (y, vjp) = (call(name, a, vjp=True, groups=groups) for a in (wide(x), x))
    for found, expected in (y, exact), (vjp(dy)[0], exact_vjp(wide(dy))[0]):
        error = np.abs(found - expected).max()
        assert error <= rounding_of_sums(together, np.float32) * np.abs(expected).max()


@pytest.mark.parametrize(
    "shape",
    [(300, 6, 40, 10), (60, 12, 40, 10), (1, 300, 400, 5), (2, 6, 150000), (40000, 6), (900, 96)],
)
@pytest.mark.parametrize("name", NORMS)
def test_blocks_do_not_show(name, shape):
    """Arrays of many blocks, cut along either axis, give what the plain formula gives."""
    if name == "instance_norm" and len(shape) == 2:
        shape = 1, *shape
    rng = np.random.default_rng(8)
    x, dy = rng.normal(2, 3, (2, *shape))
    weight, bias = rng.normal(1, 1, (2, shape[1]))
    x5, dy5, w5, b5 = (
        a.reshape(n, 2, shape[1] // 2, -1)
        for a, n in ((x, shape[0]), (dy, shape[0]), (weight, 1), (bias, 1))
    )
    axes = {"batch_norm": (0, 3), "instance_norm": (3,), "group_norm": (2, 3)}[name]
    rstd = 1 / np.sqrt(x5.var(axes, keepdims=True) + 1e-5)
    x_hat = (x5 - x5.mean(axes, keepdims=True)) * rstd
    g = dy5 * w5
    dx5 = g - g.mean(axes, keepdims=True) - x_hat * (g * x_hat).mean(axes, keepdims=True)
    y, vjp = call(name, x, weight, bias, vjp=True)
    dx, dweight, dbias = vjp(dy)
    np.testing.assert_allclose(y, (x_hat * w5 + b5).reshape(shape), atol=1e-11)
    np.testing.assert_allclose(dx, (dx5 * rstd).reshape(shape), atol=1e-11)
    np.testing.assert_allclose(dweight, (dy5 * x_hat).sum((0, 3)).reshape(-1), atol=1e-8)
    np.testing.assert_allclose(dbias, dy5.sum((0, 3)).reshape(-1), atol=1e-8)


@pytest.mark.parametrize("name", NORMS)
def test_half_precision_is_computed_in_float32(name):
    x = np.random.default_rng(9).normal(300, 4, (3, 4, 5)).astype(np.float16)
    weight, bias = np.random.default_rng(10).normal(1, 1, (2, 4)).astype(np.float16)
    y, vjp = call(name, x, weight, bias, vjp=True)
    single = [a.astype(np.float32) for a in (x, weight, bias)]
    expected, expected_vjp = call(name, *single, vjp=True)
    for found, wanted in zip((y, *vjp(x)), (expected, *expected_vjp(single[0])), strict=True):
        assert found.dtype == np.float16
        np.testing.assert_array_max_ulp(found, wanted.astype(np.float16), 1)  # a tie, either way


@pytest.mark.parametrize("name", NORMS)
def test_awkward_arrays_are_accepted_and_left_alone(name):
    rng = np.random.default_rng(11)
    base = rng.normal(2, 3, (4, 6, 5))
    base.flags.writeable = False
    affine = rng.normal(1, 1, (2, 12))[:, ::2]
    awkward = {
        "read-only": base,
        "strided": rng.normal(size=(8, 12, 10))[::2, ::2, ::2],
        "channels last": rng.normal(size=(4, 5, 6)).swapaxes(1, 2),
        "broadcast": np.broadcast_to(rng.normal(size=(6, 5)), (4, 6, 5)),
        "Fortran order": np.asfortranarray(base),
    }
    for label, x in awkward.items():
        before, dy = x.copy(), rng.normal(size=(5, 6, 4)).T
        y, vjp = call(name, x, *affine, vjp=True)
        plain_y, plain_vjp = call(name, before, *affine.copy(), vjp=True)
        for found, expected in zip((y, *vjp(dy)), (plain_y, *plain_vjp(dy.copy())), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-12, err_msg=label)
        np.testing.assert_array_equal(x, before)


def test_the_order_in_memory_does_not_matter_to_batch_norm_of_vectors():
    x, dy = np.random.default_rng(15).normal(2, 3, (2, 50, 6))
    y, vjp = call("batch_norm", x, vjp=True)
    other_y, other_vjp = call("batch_norm", np.asfortranarray(x), vjp=True)
    np.testing.assert_allclose(other_y, y, atol=1e-12)
    np.testing.assert_allclose(other_vjp(np.asfortranarray(dy))[0], vjp(dy)[0], atol=1e-12)


def test_empty_batches_leave_the_buffers_alone():
    for shape in ((0, 4, 3), (2, 4, 0)):
        mean, var = np.zeros(4), np.full(4, 5.0)
        for y, vjp in (
            nf.batch_norm_vjp(np.zeros(shape), mean, var, np.ones(4), np.ones(4), True),
            nf.instance_norm_vjp(np.zeros(shape), mean, var, np.ones(4), np.ones(4)),
            nf.group_norm_vjp(np.zeros(shape), 2, np.ones(4), np.ones(4)),
            nf.batch_norm_vjp(np.zeros(shape), mean, var, np.ones(4), np.ones(4)),
        ):
            assert y.shape == shape
            assert [g.shape for g in vjp(np.zeros(shape))] == [shape, (4,), (4,)]
        assert (mean.tolist(), var.tolist()) == ([0] * 4, [5] * 4)


def test_nan_stays_in_its_set():
    x = np.random.default_rng(12).normal(size=(3, 4, 5))
    x[1, 2, 3] = np.nan
    mean, var = np.zeros(4), np.ones(4)
    y = nf.batch_norm(x, mean, var, training=True)
    assert [np.argwhere(a).tolist() for a in np.isnan((mean, var))] == [[[2]]] * 2
    assert np.argwhere(np.isnan(y).any((0, 2))).tolist() == [[2]]
    assert np.argwhere(np.isnan(nf.instance_norm(x)).any(2)).tolist() == [[1, 2]]
    assert np.argwhere(np.isnan(nf.group_norm(x, 2)).any(2)).tolist() == [[1, 2], [1, 3]]


@pytest.mark.parametrize("shape", [(90000, 2), (40, 2, 3000), (30, 10, 20)])
def test_blocks_of_batch_norm_may_differ_or_hold_infinity(shape):
    """The mean drifts from block to block, and one number of the first channel is infinite."""
    x = np.random.default_rng(14).normal(size=shape).astype(np.float32)
    x += np.linspace(0, 50, len(x), dtype=np.float32).reshape(-1, *(1 for _ in shape[1:]))
    x[0, 0, ...] = np.inf
    mean, var = np.zeros((2, shape[1]), np.float32)
    y = nf.batch_norm(x, mean, var, training=True, momentum=1.0)
    buffers = torch.zeros(2, shape[1])
    theirs = torch.nn.functional.batch_norm(torch.tensor(x), *buffers, training=True, momentum=1.0)
    np.testing.assert_array_equal(y[:, 0], theirs[:, 0])
    np.testing.assert_array_equal((mean[0], var[0]), buffers.numpy()[:, 0])
    rest, axes = wide(x[:, 1:]), (0, *range(2, x.ndim))
    allowed = rounding_of_sums(rest[:, 0].size, np.float32)
    np.testing.assert_allclose(mean[1:], rest.mean(axes), rtol=allowed)
    np.testing.assert_allclose(var[1:], rest.var(axes, ddof=1), rtol=allowed)
    exact = (rest - rest.mean(axes, keepdims=True)) / rest.std(axes, keepdims=True)
    np.testing.assert_allclose(y[:, 1:], exact, rtol=0, atol=allowed * np.abs(exact).max())


X, READ_ONLY = np.ones((2, 4, 3)), np.broadcast_to(1.0, 4)
BN, IN, GN = nf.batch_norm, nf.instance_norm, nf.group_norm
REFUSED = [
    (lambda m, v: BN(np.ones(4), m, v), ValueError, r"\(N, C, …\), got \(4,\)"),
    (lambda m, v: BN(np.ones((2, 4), int), m, v), TypeError, r"x\.astype\(float\)"),
    (lambda m, v: BN(X[:1, :, :1], m, v, training=True), ValueError, "more than 1 value per chan"),
    (lambda m, v: BN(X, m, None, training=True), ValueError, "both.*got running_var = None"),
    (lambda m, v: BN(X, None, None), ValueError, "both be given.*np.zeros and np.ones"),
    (lambda m, v: BN(X, m[:3], v, training=True), ValueError, r"running_mean must have shape \(4"),
    (lambda m, v: BN(X, m, v[:, None]), ValueError, r"running_var must have shape \(4,\)"),
    (lambda m, v: BN(X, m, READ_ONLY, training=True), ValueError, "read-only: pass running_var.c"),
    (lambda m, v: BN(X, m, v, v, training=True), ValueError, "shares memory"),
    (lambda m, v: BN(X, v, v, training=True), ValueError, "running_mean is updated.*shares"),
    (lambda m, v: BN(X + 0j, m, v, training=True), TypeError, "make running_mean complex"),
    (lambda m, v: BN(X, m, v, np.ones(3), training=True), ValueError, "weight must have shape"),
    (lambda m, v: BN(X, m, v, training=True, momentum=None), TypeError, "momentum must be a num"),
    (lambda m, v: BN(X, m, v, training=True, momentum=1.5), ValueError, "from 0 to 1.*1.5"),
    (lambda m, v: BN(X, m, v, training=True, eps=-1.0), ValueError, "eps must be non-negative"),
    (lambda m, v: IN(X[..., 0], m, v), ValueError, "at least one spatial axis"),
    (lambda m, v: IN(X[..., :1], m, v), ValueError, "more than 1 spatial element"),
    (lambda m, v: IN(X, use_input_stats=False), ValueError, "both be given"),
    (lambda m, v: GN(X, 3), ValueError, "3 groups for 4 channels: try num_groups=2"),
    (lambda m, v: GN(X, 0), ValueError, "try num_groups=1"),
    (lambda m, v: GN(X, 2, eps=-1.0), ValueError, "eps must be non-negative"),
    (lambda m, v: GN(X, 2.0), TypeError, "num_groups must be an integer"),
    (lambda m, v: GN(X[:1, :, 0], 4), ValueError, "more than 1 value per channel"),
    (lambda m, v: nf.group_norm_vjp(X, 2)[1](X[0]), ValueError, "dy must have the shape"),
]


@pytest.mark.parametrize(("refused", "error", "message"), REFUSED)
def test_bad_input_is_refused_with_the_rule_and_the_fix(refused, error, message):
    mean, var = np.full(4, 2.0), np.full(4, 3.0)
    with pytest.raises(error, match=message) as caught:
        refused(mean, var)
    assert "\n" not in str(caught.value)
    assert (mean.tolist(), var.tolist()) == ([2.0] * 4, [3.0] * 4)  # nothing was written
