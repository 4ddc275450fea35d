"""Right `normalize`, RMSNorms and channel norms, written in many ways."""

import math

import numpy as np
import torch

from broken_channel_norms import affine, batch_axes, lift, norm, position_axes
from right_layers import in_float32

# --- normalize, by which the channel norms can be written too ------------------------------------


def plainly(x, axis, center, eps):
    z = x - x.mean(axis=axis, keepdims=True) if center else x
    return z / np.sqrt((z**2).mean(axis=axis, keepdims=True) + eps)


def as_tuple(axis, ndim):
    return tuple(a % ndim for a in ((axis,) if isinstance(axis, int) else axis))


def with_rows(x, axis, center, eps):
    """The averaged axes moved to the end and laid out in one row."""
    axis = as_tuple(axis, x.ndim)
    moved = np.moveaxis(x, axis, range(x.ndim - len(axis), x.ndim))
    rows = moved.reshape(*moved.shape[: x.ndim - len(axis)], -1)
    y = plainly(rows, -1, center, eps).reshape(moved.shape)
    return np.moveaxis(y, range(x.ndim - len(axis), x.ndim), axis)


def with_sums(x, axis, center, eps):
    total = x.sum(axis, keepdims=True)
    count = x.size // total.size
    z = x - center * total / count
    return z * ((z * z).sum(axis, keepdims=True) / count + eps) ** -0.5


def with_index_loops(x, axis, center, eps):
    axis = as_tuple(axis, x.ndim)
    y = np.empty_like(x)
    for index in np.ndindex(*(1 if a in axis else n for a, n in enumerate(x.shape))):
        place = tuple(slice(None) if a in axis else i for a, i in enumerate(index))
        values = [float(v) for v in x[place].ravel()]
        mean = math.fsum(values) / len(values) if center else 0.0
        var = math.fsum((v - mean) ** 2 for v in values) / len(values)
        y[place] = (x[place] - mean) / math.sqrt(var + eps)
    return y


def with_einsum(x, axis, center, eps):
    axis = as_tuple(axis, x.ndim)
    every = list(range(x.ndim))
    kept = [a for a in every if a not in axis]

    def average(values):
        total = np.einsum(values, every, kept)
        return np.expand_dims(total, axis) / (x.size // max(total.size, 1))

    z = x - average(x) if center else x
    return z / np.sqrt(average(z * z) + eps)


def with_var(x, axis, center, eps):
    mean, var = x.mean(axis, keepdims=True), x.var(axis, keepdims=True)
    if center:
        return (x - mean) / np.sqrt(var + eps)
    return x / np.sqrt(var + mean**2 + eps)  # two squares of the same sign: no digit is lost


def with_torch(x, axis, center, eps):
    x = torch.from_numpy(x)
    if not center:
        return x * torch.rsqrt((x**2).mean(axis, keepdim=True) + eps)
    var, mean = torch.var_mean(x, axis, correction=0, keepdim=True)
    return (x - mean) * torch.rsqrt(var + eps)


def with_lists(x, axis, center, eps):
    return plainly(x, axis, center, eps).tolist()


def twice_centered(x, axis, center, eps):
    if center:
        x = x - x.mean(axis, keepdims=True)
    return plainly(x, axis, center, eps)


def with_scaling(x, axis, center, eps):
    """Divided by the largest number first, as a guard against overflow."""
    z = x - x.mean(axis, keepdims=True) if center else x
    top = np.maximum(np.abs(z).max(axis, keepdims=True), 1e-30)
    root = top * np.sqrt(((z / top) ** 2).mean(axis, keepdims=True) + eps / top**2)
    return z / root


NORMALIZES = [
    plainly,
    with_rows,
    with_sums,
    with_index_loops,
    with_einsum,
    with_var,
    with_torch,
    with_lists,
    twice_centered,
    with_scaling,
]
NORMALIZES.append(in_float32(plainly))


def named(function, name):
    function.__name__ = name
    return function


def rms(operator):
    return named(
        lambda x, weight, eps: np.asarray(operator(x, -1, False, eps)) * weight, operator.__name__
    )


def torch_rms_norm(x, weight, eps):
    x, weight = torch.from_numpy(x), torch.from_numpy(weight)
    return torch.nn.functional.rms_norm(x, x.shape[-1:], weight, eps)


def rms_with_norm(x, weight, eps):
    size = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.sqrt(size**2 / x.shape[-1] + eps) * weight


def rms_as_matrix(x, weight, eps):
    rows = x.reshape(-1, x.shape[-1])
    root = np.sqrt(np.diag(rows @ rows.T) / x.shape[-1] + eps)
    return (rows / root[:, None] @ np.diag(weight)).reshape(x.shape)


RMS_NORMS = [*map(rms, NORMALIZES[:10]), torch_rms_norm, rms_with_norm, rms_as_matrix]
RMS_NORMS.append(in_float32(rms(plainly)))


def channel_norm(operator, axes):
    def attempt(x, weight, bias, eps):
        return affine(np.asarray(operator(x, axes(x), True, eps)), weight, bias)

    return named(attempt, operator.__name__)


def batch_norm_of_torch(x, weight, bias, eps):
    x, weight, bias = map(torch.from_numpy, (x, weight, bias))
    return torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True, eps=eps)


def instance_norm_of_torch(x, weight, bias, eps):
    x, weight, bias = map(torch.from_numpy, (x, weight, bias))
    return torch.nn.functional.instance_norm(x, weight=weight, bias=bias, eps=eps)


BATCH_NORMS = [*(channel_norm(f, batch_axes) for f in NORMALIZES), batch_norm_of_torch]
INSTANCE_NORMS = [*(channel_norm(f, position_axes) for f in NORMALIZES), instance_norm_of_torch]


def group_norm(operator):
    """By one more axis."""

    def attempt(x, num_groups, weight, bias, eps):
        v = x.reshape(x.shape[0], num_groups, -1, *x.shape[2:])
        v = np.asarray(operator(v, tuple(range(2, v.ndim)), True, eps))
        return affine(v.reshape(x.shape), weight, bias)

    return named(attempt, operator.__name__)


def group_norm_of_torch(x, num_groups, weight, bias, eps):
    x, weight, bias = map(torch.from_numpy, (x, weight, bias))
    return torch.nn.functional.group_norm(x, num_groups, weight, bias, eps)


def group_norm_in_rows(x, num_groups, weight, bias, eps):
    rows = x.reshape(x.shape[0] * num_groups, -1)
    rows = (rows - rows.mean(1)[:, None]) / np.sqrt(rows.var(1) + eps)[:, None]
    return affine(rows.reshape(x.shape), weight, bias)


def group_norm_by_slices(x, num_groups, weight, bias, eps):
    size = x.shape[1] // num_groups
    parts = [x[:, i : i + size] for i in range(0, x.shape[1], size)]
    axes = tuple(range(1, x.ndim))
    return affine(np.concatenate([norm(p, axes, eps) for p in parts], axis=1), weight, bias)


GROUP_NORMS = [*map(group_norm, NORMALIZES), group_norm_of_torch]
GROUP_NORMS += [group_norm_in_rows, group_norm_by_slices]


# --- the gradients -------------------------------------------------------------------------------


def autograd(function, *numbers):
    """The gradients of a function of PyTorch with respect to its arrays."""

    def attempt(*arguments):
        arguments = [torch.tensor(a, requires_grad=True) if np.ndim(a) else a for a in arguments]
        y = function(*arguments)
        leaves = [a for a in arguments if torch.is_tensor(a)]
        return y, lambda dy: torch.autograd.grad(y, leaves, torch.from_numpy(dy))

    return attempt


def torch_batch_norm(x, w, b, e):
    return torch.nn.functional.batch_norm(x, None, None, w, b, training=True, eps=e)


def torch_instance_norm(x, w, b, e):
    return torch.nn.functional.instance_norm(x, weight=w, bias=b, eps=e)


def rms_from_formula(x, weight, eps):
    rstd = ((x**2).mean(-1, keepdims=True) + eps) ** -0.5

    def vjp(dy):
        g = dy * weight
        dx = rstd * g - x * rstd**3 * (g * x).mean(-1, keepdims=True)
        return [dx, (dy * x * rstd).reshape(-1, x.shape[-1]).sum(0)]

    return weight * x * rstd, vjp


def rms_with_jacobian(x, weight, eps):
    count = x.shape[-1]
    rstd = ((x**2).mean(-1, keepdims=True) + eps) ** -0.5

    def vjp(dy):
        dx = np.empty_like(x)
        for i in np.ndindex(x.shape[:-1]):
            u = x[i] * rstd[i]
            dx[i] = rstd[i] * (np.eye(count) - np.outer(u, u) / count) @ (weight * dy[i])
        return dx, np.einsum("nc,nc->c", *(a.reshape(-1, count) for a in (dy, x * rstd)))

    return weight * x * rstd, vjp


def with_nodes(axes, groups=None):
    """The graph node by node, over the axes of a channel norm; `groups` adds one."""

    def attempt(x, *rest):
        num_groups, (weight, bias, eps) = (rest[0], rest[1:]) if groups else (None, rest)
        shape = (x.shape[0], num_groups, -1, *x.shape[2:]) if groups else x.shape
        v = x.reshape(shape)
        over = tuple(range(2, v.ndim)) if groups else axes(x)
        z = v - v.mean(over, keepdims=True)
        root = np.sqrt((z**2).mean(over, keepdims=True) + eps)
        count = v.size // root.size
        x_hat = (z / root).reshape(x.shape)

        def vjp(dy):
            g = (dy * lift(weight, x)).reshape(shape)
            d_root = -(g * z).sum(over, keepdims=True) / root**2
            d_z = g / root + d_root / root * z / count
            dx = (d_z - d_z.mean(over, keepdims=True)).reshape(x.shape)
            sums = batch_axes(x)
            return dx, (dy * x_hat).sum(sums), dy.sum(sums)

        return affine(x_hat, weight, bias), vjp

    return attempt


RMS_NORM_VJPS = [
    rms_from_formula,
    rms_with_jacobian,
    autograd(lambda x, w, e: torch.nn.functional.rms_norm(x, x.shape[-1:], w, e)),
    in_float32(rms_from_formula),
]
BATCH_NORM_VJPS = [with_nodes(batch_axes), autograd(torch_batch_norm)]
BATCH_NORM_VJPS.append(in_float32(BATCH_NORM_VJPS[0]))
INSTANCE_NORM_VJPS = [with_nodes(position_axes), autograd(torch_instance_norm)]
INSTANCE_NORM_VJPS.append(in_float32(INSTANCE_NORM_VJPS[0]))
GROUP_NORM_VJPS = [with_nodes(None, groups=True), autograd(torch.nn.functional.group_norm)]
GROUP_NORM_VJPS.append(in_float32(GROUP_NORM_VJPS[0]))

# By the exercise that each is a solution of.
SOLUTIONS = {
    "normalize": NORMALIZES,
    "rms_norm": RMS_NORMS,
    "rms_norm_vjp": RMS_NORM_VJPS,
    "batch_norm": BATCH_NORMS,
    "batch_norm_vjp": BATCH_NORM_VJPS,
    "instance_norm": INSTANCE_NORMS,
    "instance_norm_vjp": INSTANCE_NORM_VJPS,
    "group_norm": GROUP_NORMS,
    "group_norm_vjp": GROUP_NORM_VJPS,
}
