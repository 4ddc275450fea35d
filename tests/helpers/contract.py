"""What a norm and its gradient must do, whoever wrote them.

The library's functions and the functions of the chapters go through the same contract. They are
called, on the same probes, as `agrees` calls them: `(x, weight, bias, eps)`, RMS norm without a
bias, group norm with the number of groups after x, and the operator under them as
`(x, axis, center, eps)`.
"""

import numpy as np
import torch

import normlib as nl
from normlib import agree
from normlib.agree import CALLS, GROUPS, probes, tolerance

EXACT = tolerance(np.float64)
TOKENS = ("layer_norm", "rms_norm")

# The axes that share statistics, for (B, T, C) or (N, C, L) = (4, 6, 5); groups are a reshape.
AXES = {
    "layer_norm": -1,
    "rms_norm": -1,
    "batch_norm": (0, 2),
    "instance_norm": 2,
    "normalize": (0, 2),
}


def in_chapter_form(name):
    """The library's function of this name, called as the chapters' functions are."""
    called, ours = CALLS[name.removesuffix("_vjp")], getattr(nl, name)
    return lambda x, *arguments: called(ours, x, arguments[:-1], arguments[-1])


def close(found, expected, allowed=EXACT):
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=allowed * scale)


def torch_results(norm, arrays, dy):
    """PyTorch's output and the gradients of the arrays; None stays None."""
    tensors = [None if a is None else torch.tensor(a, requires_grad=True) for a in arrays]
    y = norm(*tensors)
    present = [t for t in tensors if t is not None]
    gradients = iter(torch.autograd.grad(y, present, torch.tensor(dy)))
    return [y.detach().numpy()] + [None if t is None else next(gradients).numpy() for t in tensors]


def growth(sets, eps):
    """How much rounding grows in the norm of x, cut into rows that share their statistics.

    A mean is rounded like |x|, which the norm divides by the spread; a gradient is divided by it
    too, even where nothing of it is left in the end.
    """
    sets = sets.astype(np.float64)
    var = sets.var(1) + eps
    of_the_mean = 1 + float((np.abs(sets).max(1) ** 2 / var).max())
    return of_the_mean * max(1.0, float(var.min()) ** -0.5)


def assert_same(found, expected, dtype, growth=1.0):
    """Equal up to the rounding of `dtype`, and what it grows to."""
    assert len(found) == len(expected)
    for f, e in zip(found, expected, strict=True):
        if e is None:
            assert f is None
            continue
        assert f.shape == e.shape
        assert f.dtype == e.dtype
        allowed = tolerance(dtype) * max(1.0, np.abs(e).max(initial=0)) * growth
        np.testing.assert_allclose(f, e, rtol=0, atol=allowed, equal_nan=False)


def rounding_of_sums(n, dtype):
    """How far rounding moves a mean of n numbers, relative to their size, on any machine.

    A kernel adds in an order of its own, so its last digits are its own. But whatever the order,
    n rounding errors of either sign grow like √n, and more than 8 √n of them is beyond all chance
    (Higham and Mary, 2019).
    """
    return 8 * np.sqrt(n) * np.finfo(dtype).eps / 2


def plain(norm, rng):
    """An array whose sharing axes are well known, and arguments that do nothing."""
    x = rng.normal(2, 3, (4, 6, 5))
    if norm == "normalize":
        return x, (AXES[norm], True)
    ones = np.ones(5 if norm in TOKENS else 6)
    groups = (GROUPS,) if norm == "group_norm" else ()
    return x, (*groups, ones) if norm == "rms_norm" else (*groups, ones, 0 * ones)


def shared_mean(norm, values):
    """The mean over the numbers that share statistics."""
    if norm == "group_norm":
        return values.reshape(4, GROUPS, -1).mean(-1)
    return values.mean(AXES[norm])


def check_forward(norm, mine):
    """Values against PyTorch, shapes, invariances, and inputs that stay as they were."""
    for _, x, *arguments, eps, allowed in probes(norm):
        given = [a.copy() if isinstance(a, np.ndarray) else a for a in (x, *arguments)]
        y = mine(*given, eps)
        assert y.shape == x.shape
        close(y, agree.torch_results(norm, x, arguments, eps, None)[0], allowed)
        for before, after in zip((x, *arguments), given, strict=True):
            np.testing.assert_array_equal(after, before)

    x, arguments = plain(norm, np.random.default_rng(6))

    def tiny_eps(x):
        return mine(x, *arguments, 1e-12)

    y = tiny_eps(x)
    close(shared_mean(norm, y**2), 1)
    close(tiny_eps(7 * x), y)
    close(tiny_eps(-x), -y)
    close(tiny_eps(x[::-1])[::-1], y)
    if norm != "rms_norm":
        close(shared_mean(norm, y), 0)
        close(tiny_eps(x + 5), y)


def check_backward(norm, mine):
    """Gradients against autograd and central differences, and the identities that they obey."""
    rng = np.random.default_rng(7)
    for label, x, *arguments, eps, allowed in probes(norm):
        dy = rng.normal(size=x.shape).astype(x.dtype)
        y, vjp = mine(x, *arguments, eps)
        gradients = vjp(dy.copy())
        expected = agree.torch_results(f"{norm}_vjp", x, arguments, eps, dy)
        for ours, theirs in zip((y, *gradients), expected, strict=True):
            assert ours.shape == theirs.shape
            close(ours, theirs, allowed)
        if "eps =" in label:
            _check_differences(mine, (x, *arguments, eps), dy, gradients)

    x, arguments = plain(norm, rng)
    x_hat, vjp = mine(x, *arguments, 1e-12)
    dx, *_ = vjp(rng.normal(size=x.shape))
    close(shared_mean(norm, dx * x_hat), 0)  # a stretch is not felt,
    if norm != "rms_norm":
        close(shared_mean(norm, dx), 0)  # nor is a common shift


def _check_differences(mine, arguments, dy, gradients):
    rng = np.random.default_rng(8)
    arrays = [i for i, a in enumerate(arguments) if isinstance(a, np.ndarray)]
    for i, gradient in zip(arrays, gradients, strict=True):
        step = 1e-5 * rng.normal(size=gradient.shape)
        ends = []
        for sign in (1, -1):
            moved = list(arguments)
            moved[i] = arguments[i] + sign * step
            ends.append((mine(*moved)[0] * dy).sum())
        expected = (ends[0] - ends[1]) / 2
        size = np.abs(gradient * step).sum()
        assert abs((gradient * step).sum() - expected) <= 1e-5 * size
