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
from normlib._kernels import Statistics, apply, compute_dtype


def batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps):
    _require(x, 2, running_mean, running_var, weight, bias, training, momentum, eps)
    n, c, size = *x.shape[:2], math.prod(x.shape[2:])
    if not training:
        return _with_buffers(x, running_mean, running_var, weight, bias, eps)
    require_several(n * size, "value per channel", x)

    def layout(a):
        return a.reshape(n, c, size).swapaxes(0, 1)[np.newaxis]

    y, vjp, observed = _apply(x, layout, c, weight, bias, eps)
    _update(running_mean, running_var, observed, n * size, momentum)
    return y, vjp


def instance_norm(x, running_mean, running_var, weight, bias, use_input_stats, momentum, eps):
    _require(x, 3, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
    if not use_input_stats:
        return _with_buffers(x, running_mean, running_var, weight, bias, eps)
    n, c, size = *x.shape[:2], math.prod(x.shape[2:])
    require_several(size, "spatial element", x)
    y, vjp, observed = _apply(x, lambda a: a.reshape(n, c, 1, size), c, weight, bias, eps)
    _update(running_mean, running_var, observed, size, momentum)
    return y, vjp


def group_norm(x, num_groups, weight, bias, eps):
    require_channels(x, 2)
    require_groups(num_groups, x)
    require_parameter("weight", weight, x.shape[1:2], x)
    require_parameter("bias", bias, x.shape[1:2], x)
    require_eps(eps)
    n, c, size = *x.shape[:2], math.prod(x.shape[2:])
    # As in PyTorch, which asks for two values in the whole array and not in each group.
    require_several(n * (c // num_groups) * size, "value per channel", x)
    shape = n, num_groups, c // num_groups, size
    return _apply(x, lambda a: a.reshape(shape), num_groups, weight, bias, eps)[:2]


def _with_buffers(x, running_mean, running_var, weight, bias, eps):
    n, c, size = *x.shape[:2], math.prod(x.shape[2:])
    dtype = compute_dtype(x.dtype)
    mean, var = (
        np.broadcast_to(b.astype(dtype).reshape(1, c, 1, 1), (n, c, 1, 1))
        for b in (running_mean, running_var)
    )
    known = Statistics(mean, np.broadcast_to(dtype.type(0), mean.shape), var)
    return _apply(x, lambda a: a.reshape(n, c, 1, size), c, weight, bias, eps, known)[:2]


def _apply(x, layout, groups, weight, bias, eps, known=None):
    """`apply` with weight, bias and their gradients of shape (C,)."""
    shape = 1, groups, x.shape[1] // max(groups, 1), 1
    weight, bias = (None if p is None else p.reshape(shape) for p in (weight, bias))
    y, vjp, statistics = apply(x, layout, 2, weight, bias, eps, known=known)

    def checked(dy):
        require_gradient(dy, x)
        dx, *gradients = vjp(dy)
        return dx, *(g if g is None else g.reshape(-1) for g in gradients)

    return y, checked, statistics


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
