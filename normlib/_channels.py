"""Batch, instance and group norm and their vjps: what they ask for, measure and update."""

import math

import numpy as np

from normlib._inputs import (
    require_buffers,
    require_channels,
    require_eps,
    require_gradient,
    require_groups,
    require_momentum,
    require_parameter,
    require_several,
)
from normlib._kernels import (
    BLOCK_BYTES,
    Statistics,
    apply,
    by_features,
    compute_dtype,
    dot,
    joined,
    space,
    store,
)

FEW_CHANNELS = 8  # so few that one of them, gathered from all samples, is a large part of x


def batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps):
    _require(x, 2, running_mean, running_var, weight, bias, training, momentum, eps)
    (n, c), size = x.shape[:2], math.prod(x.shape[2:])
    if not training:
        return _with_buffers(x, running_mean, running_var, weight, bias, eps)
    require_several(n * size, "value per channel", x)

    def channels(a):
        return a.reshape(n, c, size).swapaxes(0, 1)[np.newaxis]

    def samples(a):
        return a.reshape(n, c, 1, size)

    # Gathering channels is faster, but not number by number.
    apart = x.size and n > 1 and (size == 1 or c < FEW_CHANNELS)
    layout, norm = (samples, _by_samples) if apart else (channels, apply)
    y, vjp, observed = _apply(x, layout, c, weight, bias, eps, norm=norm)
    _update(running_mean, running_var, observed, n * size, momentum)
    return y, vjp


def instance_norm(x, running_mean, running_var, weight, bias, use_input_stats, momentum, eps):
    _require(x, 3, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
    if not use_input_stats:
        return _with_buffers(x, running_mean, running_var, weight, bias, eps)
    (n, c), size = x.shape[:2], math.prod(x.shape[2:])
    require_several(size, "spatial element", x)
    y, vjp, observed = _apply(x, lambda a: a.reshape(n, c, 1, size), c, weight, bias, eps)
    _update(running_mean, running_var, observed, size, momentum)
    return y, vjp


def group_norm(x, num_groups, weight, bias, eps):
    require_channels(x, 2)
    require_groups(num_groups, x.shape[1])
    require_parameter("weight", weight, x.shape[1:2], x)
    require_parameter("bias", bias, x.shape[1:2], x)
    require_eps(eps)
    (n, c), size = x.shape[:2], math.prod(x.shape[2:])
    # As in PyTorch, which asks for two values in the whole array and not in each group.
    require_several(n * (c // num_groups) * size, "value per channel", x)
    shape = n, num_groups, c // num_groups, size
    return _apply(x, lambda a: a.reshape(shape), num_groups, weight, bias, eps)[:2]


def _with_buffers(x, running_mean, running_var, weight, bias, eps):
    (n, c), size = x.shape[:2], math.prod(x.shape[2:])
    dtype = compute_dtype(x.dtype)
    mean, var = (
        np.broadcast_to(b.astype(dtype).reshape(1, c, 1, 1), (n, c, 1, 1))
        for b in (running_mean, running_var)
    )
    known = Statistics(mean, np.broadcast_to(dtype.type(0), mean.shape), var)
    return _apply(x, lambda a: a.reshape(n, c, 1, size), c, weight, bias, eps, known)[:2]


def _apply(x, layout, groups, weight, bias, eps, known=None, norm=apply):
    """`norm` with weight, bias and their gradients of shape (C,)."""
    shape = 1, groups, x.shape[1] // max(groups, 1), 1
    weight, bias = (None if p is None else p.reshape(shape) for p in (weight, bias))
    y, vjp, statistics = norm(x, layout, 2, weight, bias, eps, known=known)

    def checked(dy):
        require_gradient(dy, x)
        dx, *gradients = vjp(dy)
        return dx, *(g if g is None else g.reshape(-1) for g in gradients)

    return y, checked, statistics


def _by_samples(x, layout, free, weight, bias, eps, known=None):
    """As `apply`, for one mean and variance per channel, in blocks of samples where they lie.

    First the statistics, then y; for the gradient first its two sums, then dx.
    """
    view, y, dtype = layout(x), np.empty(x.shape, x.dtype), compute_dtype(x.dtype)
    count = view.shape[0] * view.shape[3]

    def steps(*pairs):
        return [(f, joined(v.astype(dtype), view)) for f, v in pairs if v is not None]

    with np.errstate(all="ignore"):
        observed = _observe(view, dtype)
        mean, rest, var = observed
        rstd = 1 / np.sqrt(var + eps)
        # Rounding the mean matters only where it is large beside the spread.
        coarse = (abs(mean) ** 2 > 16 * abs(var)).any()
        center = steps((np.subtract, mean), (np.subtract, rest if coarse else None))
        scale = steps((np.multiply, rstd if weight is None else rstd * weight))
        _write(layout(y), view, center + scale + steps((np.add, bias)))

    def vjp(dy):
        g, dx = layout(dy), np.empty(x.shape, x.dtype)
        dweight, dbias = np.zeros((2, *var.shape), var.dtype)
        with np.errstate(all="ignore"):
            for block in _blocks(view):
                part = g[block].astype(dtype, copy=False)
                z = _do(center, view[block].astype(dtype, order="C"))
                dbias += _over_samples(part)
                z *= part
                dweight += _over_samples(z) * rstd
            # dx = scale · (dy − mean(dy) − x̂ · mean(dy · x̂))
            means = steps((np.multiply, rstd * dweight / count), (np.add, dbias / count))
            _write(layout(dx), view, center + means, g, scale)
            gradients = (dweight, weight), (dbias, bias)
            return dx, *(None if p is None else d.astype(p.dtype) for d, p in gradients)

    return y, vjp, observed


def _write(y, x, before, minuend=None, after=()):
    """Write to y what the steps make of x, subtracted from the minuend if there is one."""
    dtype = compute_dtype(x.dtype)
    for block in _blocks(x):
        z = space(y, block, x[block].shape, dtype)
        z[...] = x[block]
        _do(before, z)
        if minuend is not None:
            np.subtract(minuend[block], z, out=z)
        store(y, block, _do(after, z))


def _observe(x, dtype):
    """The statistics of each channel, from those of every block."""
    means, variances, counts = [], [], []
    for block in _blocks(x):
        z = x[block].astype(dtype, order="C")
        counts.append(z.shape[0] * z.shape[3])
        mean = (_over_samples(z) / counts[-1]).astype(dtype)
        _do([(np.subtract, joined(mean, x))], z)
        rest = _over_samples(z) / counts[-1]
        var = _over_samples(z * z) / counts[-1]
        if (abs(rest) ** 2 > 1e-9 * abs(var)).any():
            _do([(np.subtract, joined(rest.astype(dtype), x))], z)
            var = _over_samples(z * z) / counts[-1]
        means.append(mean + np.where(np.isnan(rest), 0, rest))
        variances.append(var)
    # The variance is that within the blocks and that between them. Never E[x²] − E[x]².
    exact = np.average(means, 0, counts)
    var = np.average(variances + (means - exact) ** 2, 0, counts)
    mean = exact.astype(dtype)
    return Statistics(mean, np.where(np.isfinite(exact), exact - mean, 0), var)


def _blocks(x):
    """Cut x of shape (N, C, 1, S) into blocks of samples."""
    step = max(1, BLOCK_BYTES // (x.nbytes // len(x)))
    return [(slice(i, min(i + step, len(x))), slice(None)) for i in range(0, len(x), step)]


def _over_samples(z):
    """Sums over all but the channels, of shape (1, C, 1, 1), in float64 or complex."""
    rows = z if z.shape[-1] == 1 else dot(z)
    sums = np.ones(len(z), z.dtype) @ rows[:, :, 0, 0]
    return sums.astype(np.promote_types(z.dtype, np.float64)).reshape(1, -1, 1, 1)


def _do(steps, z):
    for operation, values in steps:
        by_features(operation, z, values, (slice(None),) * 2, z)
    return z


@np.errstate(all="ignore")  # as in PyTorch, a buffer may overflow in silence
def _update(running_mean, running_var, observed, count, momentum):
    """Move the buffers toward the mean over the samples of what was observed in `count` values."""
    if running_mean is None or observed.var.size == 0 or count == 0:
        return
    # The buffers keep a variance for data to come, so theirs is the unbiased one.
    total = np.promote_types(observed.var.dtype, np.float64)
    mean = (observed.mean.astype(total) + observed.rest).mean(0).reshape(-1)
    var = observed.var.astype(total).mean(0).reshape(-1) * (count / (count - 1))
    for running, new in ((running_mean, mean), (running_var, var)):
        running[...] = (1 - momentum) * running.astype(total) + momentum * new


def _require(x, axes, running_mean, running_var, weight, bias, measured, momentum, eps):
    require_channels(x, axes)
    require_parameter("weight", weight, x.shape[1:2], x)
    require_parameter("bias", bias, x.shape[1:2], x)
    require_buffers(running_mean, running_var, x, measured, (x, weight, bias))
    require_momentum(momentum)
    require_eps(eps)
