"""Right layers, written in many ways: what every check here must pass."""

import math

import numpy as np
import torch

import normlib as nl
from broken_layer_vjps import forward, mean_last, over_tokens, right_dx


def single(value):
    """Arrays and floats in single precision; axes, flags and numbers of groups as they are."""
    if isinstance(value, np.ndarray):
        return value.astype(np.float32)
    return np.float32(value) if isinstance(value, float) else value


def in_float32(function):
    """The same function, computed in single precision whatever it is given."""

    def attempt(*arguments):
        result = function(*map(single, arguments))
        if not isinstance(result, tuple):
            return result
        y, vjp = result
        return y, lambda dy: vjp(dy.astype(np.float32))

    return attempt


def with_np_var(x, weight, bias, eps):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * weight + bias


def with_std_squared(x, weight, bias, eps):
    z = x - np.average(x, axis=-1)[..., None]
    return bias + weight * z * (np.std(x, -1)[..., None] ** 2 + eps) ** -0.5


def with_einsum(x, weight, bias, eps):
    count = x.shape[-1]
    z = x - np.einsum("...c->...", x)[..., None] / count
    var = np.einsum("...c,...c->...", z, z)[..., None] / count
    return np.einsum("...c,c->...c", z / np.sqrt(var + eps), weight) + bias


def with_loops_and_fsum(x, weight, bias, eps):
    y = np.empty_like(x)
    for index in np.ndindex(x.shape[:-1]):
        row = [float(v) for v in x[index]]
        mean = math.fsum(row) / len(row)
        var = math.fsum((v - mean) ** 2 for v in row) / len(row)
        for c, v in enumerate(row):
            y[(*index, c)] = weight[c] * (v - mean) / math.sqrt(var + eps) + bias[c]
    return y


def with_plain_float32_loops(x, weight, bias, eps):
    x, y = x.astype(np.float32), np.zeros(x.shape, np.float32)
    for index in np.ndindex(x.shape[:-1]):
        mean = var = np.float32(0)
        for v in x[index]:
            mean += v / np.float32(x.shape[-1])
        for v in x[index]:
            var += (v - mean) ** 2 / np.float32(x.shape[-1])
        y[index] = weight * (x[index] - mean) / np.sqrt(var + np.float32(eps)) + bias
    return y


def with_rows(x, weight, bias, eps):
    rows = x.reshape(-1, x.shape[-1])
    rows = rows - rows.mean(1)[:, None]
    rows = rows / np.sqrt((rows**2).mean(1) + eps)[:, None]
    return (rows * weight + bias).reshape(x.shape)


def with_columns(x, weight, bias, eps):
    t = np.moveaxis(x, -1, 0)
    t = (t - t.mean(0)) / np.sqrt(t.var(0) + eps)
    return np.moveaxis(t, 0, -1) * weight + bias


def with_projection_matrix(x, weight, bias, eps):
    count = x.shape[-1]
    z = x @ (np.eye(count) - np.ones((count, count)) / count).astype(x.dtype)
    return z / np.sqrt(np.linalg.norm(z, axis=-1, keepdims=True) ** 2 / count + eps) * weight + bias


def with_two_step_centering(x, weight, bias, eps):
    z = x - x[..., :1]
    z = z - z.mean(-1, keepdims=True)
    z = z - z.mean(-1, keepdims=True)
    return weight * z / np.sqrt((z * z).mean(-1, keepdims=True) + eps) + bias


def with_pairwise_differences(x, weight, bias, eps):
    d = x[..., :, None] - x[..., None, :]
    return weight * d.mean(-1) / np.sqrt((d**2).mean((-2, -1))[..., None] / 2 + eps) + bias


def with_welford(x, weight, bias, eps):
    mean, squares = np.zeros(x.shape[:-1]), np.zeros(x.shape[:-1])
    for n, v in enumerate(np.moveaxis(x, -1, 0), 1):
        delta = v - mean
        mean = mean + delta / n
        squares = squares + delta * (v - mean)
    var = squares / x.shape[-1]
    return weight * (x - mean[..., None]) / np.sqrt(var[..., None] + eps) + bias


def with_lists(x, weight, bias, eps):
    return with_np_var(x, weight, bias, eps).tolist()


def with_apply_along_axis(x, weight, bias, eps):
    return np.apply_along_axis(with_np_var, -1, x, weight, bias, eps)


def with_torch(x, weight, bias, eps):
    x, weight, bias = (torch.tensor(a, requires_grad=True) for a in (x, weight, bias))
    return torch.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, eps)


def with_torch_by_hand(x, weight, bias, eps):
    x, weight, bias = (torch.from_numpy(a) for a in (x, weight, bias))
    var, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
    return (x - mean) * torch.rsqrt(var + eps) * weight + bias


def with_the_library(x, weight, bias, eps):
    return nl.layer_norm(x, x.shape[-1:], weight, bias, eps)


BUFFER = np.empty(1000)


def with_one_buffer(x, weight, bias, eps):
    out = BUFFER[: x.size].reshape(x.shape)
    out[:] = with_np_var(x, weight, bias, eps)
    return out


RIGHT = [
    with_np_var,
    with_std_squared,
    with_einsum,
    with_loops_and_fsum,
    with_plain_float32_loops,
    with_rows,
    with_columns,
    with_projection_matrix,
    with_two_step_centering,
    in_float32(with_np_var),
    with_pairwise_differences,
    with_welford,
    with_lists,
    with_apply_along_axis,
    with_torch,
    with_torch_by_hand,
    with_the_library,
    with_one_buffer,
]


def step_by_step(x, weight, bias, eps):
    """The graph of CS231n, node by node."""
    count = x.shape[-1]
    centered = x - x.mean(-1, keepdims=True)
    root = np.sqrt((centered**2).mean(-1, keepdims=True) + eps)
    y = weight * (centered / root) + bias

    def vjp(dy):
        d_x_hat = dy * weight
        d_root = (d_x_hat * -centered / root**2).sum(-1, keepdims=True)
        d_centered = d_x_hat / root + 2 * centered * (d_root / (2 * root)) / count
        dx = d_centered - d_centered.sum(-1, keepdims=True) / count
        axes = tuple(range(x.ndim - 1))
        return dx, (dy * centered / root).sum(axes), dy.sum(axes)

    return y, vjp


def with_jacobian(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        count, dx = x.shape[-1], np.empty_like(x)
        for i in np.ndindex(x.shape[:-1]):
            inner = np.eye(count) - 1 / count - np.outer(x_hat[i], x_hat[i]) / count
            dx[i] = (np.diag(weight) @ (rstd[i] * inner)).T @ dy[i]
        return dx, over_tokens(dy * x_hat), over_tokens(dy)

    return y, vjp


def from_the_output(x, weight, bias, eps):
    """Keeps y and rstd, not x."""
    y, _, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        x_hat = (y - bias) / weight
        return [right_dx(dy, weight, x_hat, rstd), over_tokens(dy * x_hat), over_tokens(dy)]

    return [y, vjp]


def with_autograd(x, weight, bias, eps):
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, weight, bias)]
    y = torch.nn.functional.layer_norm(tensors[0], x.shape[-1:], *tensors[1:], eps)
    return y, lambda dy: torch.autograd.grad(y, tensors, torch.from_numpy(dy))


def by_einsum(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        g = dy * weight
        along = np.einsum("...c,...c->...", g, x_hat)[..., None] / x.shape[-1]
        dx = rstd * (g - mean_last(g) - x_hat * along)
        rows = [a.reshape(-1, x.shape[-1]) for a in (dy, x_hat)]
        return dx, np.einsum("nc,nc->c", *rows), np.einsum("nc->c", rows[0])

    return y, vjp


def by_the_library(x, weight, bias, eps):
    return nl.layer_norm_vjp(x, x.shape[-1:], weight, bias, eps)


RIGHT_VJPS = [
    step_by_step,
    with_jacobian,
    from_the_output,
    with_autograd,
    in_float32(step_by_step),
    by_einsum,
    by_the_library,
]
