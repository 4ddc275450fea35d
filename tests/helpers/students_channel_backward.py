"""Wrong backwards of norms of channels as students hand them in; see students_forward."""

import numpy as np
import torch

from students_forward import wrong

CACHE = {}


def of_channels(x):
    """The axes of a BatchNorm, and the shape of its parameters."""
    return (0, *range(2, x.ndim)), (1, -1) + (1,) * (x.ndim - 2)


# --- BatchNorm ----------------------------------------------------------------------------------


def batchnorm_nodes(x, gamma, beta, eps, *, two=2.0, share=True, n=None, over=None):
    """The nine steps of the well-known computational graph, for any number of positions."""
    axes, shape = of_channels(x)
    m = x.size // x.shape[1]
    gamma, beta = gamma.reshape(shape), beta.reshape(shape)
    mu = x.mean(axes, keepdims=True)
    xmu = x - mu
    var = (xmu**2).mean(axes, keepdims=True)
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar

    def vjp(dout):
        count = n or m
        dxhat = dout * gamma
        divar = (dxhat * xmu).sum(axes, keepdims=True)
        dxmu1 = dxhat * ivar
        dsqrtvar = -1.0 / sqrtvar**2 * divar
        dvar = 0.5 / sqrtvar * dsqrtvar
        dsq = dvar / count if share else dvar
        dxmu2 = two * xmu * dsq
        dx1 = dxmu1 + dxmu2
        dmu = -dx1.sum(axes if over is None else over, keepdims=True)
        dx2 = dmu / count
        return dx1 + dx2, (dout * xhat).sum(axes), dout.sum(axes)

    return gamma * xhat + beta, vjp


@wrong("batch_norm_vjp", "sum of g·x̂", "divide")
def mean_of_squares_without_n(x, weight, bias, eps):
    return batchnorm_nodes(x, weight, bias, eps, share=False)


@wrong("batch_norm_vjp", "0.5", "½", "half")
def square_without_two(x, weight, bias, eps):
    return batchnorm_nodes(x, weight, bias, eps, two=1.0)


@wrong("batch_norm_vjp", "by N", "where n")
def samples_for_all(x, weight, bias, eps):
    return batchnorm_nodes(x, weight, bias, eps, n=x.shape[0])


@wrong("batch_norm_vjp", "dx is not right")
def mean_gradient_over_axis_one(x, weight, bias, eps):
    return batchnorm_nodes(x, weight, bias, eps, over=1)


@wrong("batch_norm_vjp", "3 axes", "axes")
def right_but_asserts(x, weight, bias, eps):
    assert x.ndim in (2, 4)
    return batchnorm_nodes(x, weight, bias, eps)


@wrong("batch_norm_vjp", "by N", "where n")
def short_formula_with_samples(x, weight, bias, eps):
    axes, shape = of_channels(x)
    n = x.shape[0]
    inv = 1 / np.sqrt(x.var(axes, keepdims=True) + eps)
    xhat = (x - x.mean(axes, keepdims=True)) * inv
    g_ = weight.reshape(shape)

    def vjp(dout):
        dbeta, dgamma = dout.sum(axes), (dout * xhat).sum(axes)
        inner = n * dout - dbeta.reshape(shape) - xhat * dgamma.reshape(shape)
        return g_ * inv / n * inner, dgamma, dbeta

    return g_ * xhat + bias.reshape(shape), vjp


@wrong("batch_norm_vjp", "length 1 are left", "keepdims")
def gradients_keep_their_axes(x, weight, bias, eps):
    y, right = batchnorm_nodes(x, weight, bias, eps)
    axes, _ = of_channels(x)
    xhat = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)

    def vjp(dout):
        dx = right(dout)[0]
        return dx, (dout * xhat).sum(axes, keepdims=True), dout.sum(axes, keepdims=True)

    return y, vjp


@wrong("batch_norm_vjp", "once the function has been called again")
def memory_of_a_module(x, weight, bias, eps):
    CACHE["bn"] = batchnorm_nodes(x, weight, bias, eps)
    return CACHE["bn"][0], lambda dout: CACHE["bn"][1](dout)


# --- InstanceNorm and GroupNorm -----------------------------------------------------------------


def grouped_backward(x, num_groups, weight, bias, eps, *, count=None, over=(2,), keep=False):
    """CS231n's spatial_groupnorm_backward, on rows."""
    axes, shape = of_channels(x)
    rows = x.reshape(x.shape[0], num_groups, -1)
    root = np.sqrt(rows.var(2, keepdims=True) + eps)
    xhat = (rows - rows.mean(2, keepdims=True)) / root
    gamma, beta = weight.reshape(shape), bias.reshape(shape)

    def vjp(dout):
        n = count or rows.shape[2]
        g = (dout * gamma).reshape(rows.shape)
        first = g.sum(over, keepdims=True) / n
        second = (g * xhat).sum(over, keepdims=True) / n
        dx = ((g - first - xhat * second) / root).reshape(x.shape)
        back = xhat.reshape(x.shape)
        return dx, (dout * back).sum(axes, keepdims=keep), dout.sum(axes, keepdims=keep)

    return gamma * xhat.reshape(x.shape) + beta, vjp


@wrong("group_norm_vjp", "divided by", "where n")
def positions_for_the_group(x, num_groups, weight, bias, eps):
    count = int(np.prod(x.shape[2:]))
    return grouped_backward(x, num_groups, weight, bias, eps, count=count)


@wrong("group_norm_vjp", "one group", "all channels", "whole sample", "all groups")
def means_over_all_groups(x, num_groups, weight, bias, eps):
    count = x[0].size
    return grouped_backward(x, num_groups, weight, bias, eps, count=count, over=(1, 2))


@wrong("group_norm_vjp", "length 1 are left", "keepdims")
def group_gradients_keep_their_axes(x, num_groups, weight, bias, eps):
    return grouped_backward(x, num_groups, weight, bias, eps, keep=True)


@wrong("instance_norm_vjp", "divided by", "where n", "C times")
def all_channels_counted(x, weight, bias, eps):
    return grouped_backward(x, x.shape[1], weight, bias, eps, count=x[0].size)


@wrong("instance_norm_vjp", "constants")
def forward_under_no_grad(x, weight, bias, eps):
    leaves = [torch.tensor(a, dtype=torch.float32, requires_grad=True) for a in (x, weight, bias)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    axes = tuple(range(2, x.ndim))
    with torch.no_grad():
        var, mean = torch.var_mean(leaves[0], axes, correction=0, keepdim=True)
    y = leaves[1].view(shape) * (leaves[0] - mean) / (var + eps).sqrt() + leaves[2].view(shape)

    def vjp(dy):
        return torch.autograd.grad(y, leaves, torch.tensor(dy).float(), retain_graph=True)

    return y, vjp
