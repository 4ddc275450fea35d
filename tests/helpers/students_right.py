"""Right answers as students hand them in: PyTorch in float32, course code, odd formulas."""

import numpy as np
import torch
from torch.nn import functional as F

from students_backward import node_graph, one_line
from students_backward import right_dx as short_dx
from students_channel_backward import batchnorm_nodes, grouped_backward
from students_classes import Layer
from students_forward import column

RIGHT = []


def right(*exercises):
    """Enter a function as a right answer of these exercises."""

    def enter(function):
        RIGHT.extend((exercise, function) for exercise in exercises)
        return function

    return enter


# --- PyTorch's functions in float32, alone and with autograd --------------------------------------

FUNCTIONS = {
    "layer_norm": lambda x, w, b, e: F.layer_norm(x, x.shape[-1:], w, b, e),
    "rms_norm": lambda x, w, e: F.rms_norm(x, x.shape[-1:], w, e),
    "batch_norm": lambda x, w, b, e: F.batch_norm(x, None, None, w, b, training=True, eps=e),
    "instance_norm": lambda x, w, b, e: F.instance_norm(x, weight=w, bias=b, eps=e),
    "group_norm": F.group_norm,
}


def single(value):
    return torch.tensor(value, dtype=torch.float32) if isinstance(value, np.ndarray) else value


def torch_forward(function):
    def torch_function(*arguments):
        return function(*map(single, arguments))

    return torch_function


def torch_autograd(function):
    def torch_gradients(*arguments):
        arguments = [single(a) for a in arguments]
        leaves = [a.requires_grad_() for a in arguments if torch.is_tensor(a)]
        y = function(*arguments)
        return y, lambda dy: torch.autograd.grad(y, leaves, single(dy), retain_graph=True)

    return torch_gradients


def torch_vjp(function):
    """By torch.func."""

    def torch_func(*arguments):
        arrays = [single(a) for a in arguments if isinstance(a, np.ndarray)]
        eps, middle = arguments[-1], [a for a in arguments[:-1] if not isinstance(a, np.ndarray)]
        y, vjp = torch.func.vjp(lambda x, *rest: function(x, *middle, *rest, eps), *arrays)
        return y.numpy(), lambda dy: tuple(g.numpy() for g in vjp(single(dy)))

    return torch_func


def torch_backward(function):
    """By .backward() and .grad, as in training."""

    def torch_grad(*arguments):
        arguments = [single(a) for a in arguments]
        leaves = [a.requires_grad_() for a in arguments if torch.is_tensor(a)]
        y = function(*arguments)

        def vjp(dy):
            for leaf in leaves:
                leaf.grad = None
            y.backward(single(dy), retain_graph=True)
            return [leaf.grad for leaf in leaves]

        return y, vjp

    return torch_grad


for name, function in FUNCTIONS.items():
    right(name)(torch_forward(function))
    for way in (torch_autograd, torch_vjp, torch_backward):
        right(f"{name}_vjp")(way(function))


# --- modules ------------------------------------------------------------------------------------


@right("layer_norm")
def module_layer_norm(x, weight, bias, eps):
    layer = torch.nn.LayerNorm(x.shape[-1], eps=eps)
    with torch.no_grad():
        layer.weight.copy_(single(weight))
        layer.bias.copy_(single(bias))
        return layer(single(x))


@right("rms_norm")
def llama_rms_norm(x, weight, eps):
    hidden = single(x).to(torch.float32)
    variance = hidden.pow(2).mean(-1, keepdim=True)
    return single(weight) * (hidden * torch.rsqrt(variance + eps))


@right("group_norm")
def module_group_norm(x, num_groups, weight, bias, eps):
    layer = torch.nn.GroupNorm(num_groups, x.shape[1], eps=eps)
    layer.weight.data, layer.bias.data = single(weight), single(bias)
    return layer(single(x)).detach().numpy()


@right("batch_norm")
def module_batch_norm(x, weight, bias, eps):
    kind = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}[x.ndim]
    layer = kind(x.shape[1], eps=eps)
    layer.weight.data, layer.bias.data = single(weight), single(bias)
    return layer(single(x))


@right("layer_norm_vjp")
def module_with_autograd(x, weight, bias, eps):
    layer = torch.nn.LayerNorm(x.shape[-1], eps=eps)
    layer.weight.data, layer.bias.data = single(weight), single(bias)
    x = single(x).requires_grad_()
    y = layer(x)
    leaves = [x, layer.weight, layer.bias]
    return y, lambda dy: torch.autograd.grad(y, leaves, single(dy), retain_graph=True)


right("BatchNorm")(torch.nn.BatchNorm1d)


@right("BatchNorm")
class AnyBatchNorm(torch.nn.BatchNorm1d):
    def _check_input_dim(self, x):
        pass

    def forward(self, x):
        return super().forward(torch.as_tensor(x, dtype=torch.float32)).detach().numpy()


@right("BatchNorm")
class TakesArrays(torch.nn.BatchNorm1d):
    """Positions are laid in one axis; arrays come in, arrays go out."""

    def forward(self, x):
        flat = torch.from_numpy(np.asarray(x)).float().reshape(*x.shape[:2], -1)
        return super().forward(flat).reshape(tuple(x.shape)).detach().numpy()


@right("BatchNorm")
class AroundTheFunction(torch.nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(num_features))
        self.bias = torch.nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.eps, self.momentum = eps, momentum

    def forward(self, x):
        buffers = self.running_mean, self.running_var
        how = self.training, self.momentum, self.eps
        x = torch.as_tensor(x, dtype=torch.float32)
        return F.batch_norm(x, *buffers, self.weight, self.bias, *how)


@right("BatchNorm")
class ByHand(torch.nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = torch.nn.Parameter(torch.ones(num_features))
        self.bias = torch.nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x):
        x = torch.as_tensor(x, dtype=torch.float32)
        axes = [a for a in range(x.dim()) if a != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean(axes), x.var(axes, unbiased=False)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var(axes, unbiased=True), self.momentum)
        x = (x - mean.view(shape)) / torch.sqrt(var.view(shape) + self.eps)
        return x * self.weight.view(shape) + self.bias.view(shape)


# --- course code ----------------------------------------------------------------------------------

right("BatchNorm")(Layer)
right("layer_norm_vjp")(node_graph)
right("batch_norm_vjp")(batchnorm_nodes)
right("group_norm_vjp")(grouped_backward)


@right("layer_norm_vjp")
def short_formula(x, weight, bias, eps):
    return one_line(x, weight, bias, eps, short_dx)


@right("layer_norm_vjp")
def mean_gradient_without_its_zero(x, weight, bias, eps):
    """The sum of x − μ is zero, so the gradient of the mean has one term only."""
    d = x.shape[-1]
    xmu = x - x.mean(-1, keepdims=True)
    inv = 1 / np.sqrt((xmu**2).mean(-1, keepdims=True) + eps)

    def vjp(dout):
        dxhat = dout * weight
        dvar = (dxhat * xmu).sum(-1, keepdims=True) * -0.5 * inv**3
        dmu = -(dxhat * inv).sum(-1, keepdims=True)
        dx = dxhat * inv + dvar * 2 * xmu / d + dmu / d
        rows = dout.reshape(-1, d)
        return dx, (rows * (xmu * inv).reshape(-1, d)).sum(0), rows.sum(0)

    return weight * xmu * inv + bias, vjp


@right("layer_norm_vjp")
class AsAnObject:
    """The class is the function, its objects are the pairs."""

    def __new__(cls, x, weight, bias, eps):
        self = object.__new__(cls)
        self.root = np.sqrt(x.var(-1, keepdims=True) + eps)
        self.xhat, self.weight = (x - x.mean(-1, keepdims=True)) / self.root, weight
        return weight * self.xhat + bias, self.backward

    def backward(self, dout):
        rows = dout.reshape(-1, dout.shape[-1])
        dx = short_dx(dout * self.weight, self.xhat, self.root, dout.shape[-1])
        return dx, (rows * self.xhat.reshape(rows.shape)).sum(0), rows.sum(0)


@right("layer_norm")
def transposed_as_in_batch_norm(x, gamma, beta, eps):
    t = x.reshape(-1, x.shape[-1]).T
    t = (t - t.mean(axis=0)) / np.sqrt(t.var(axis=0) + eps)
    return (gamma * t.T + beta).reshape(x.shape)


@right("layer_norm")
def in_long_double(x, weight, bias, eps):
    wide = x.astype(np.longdouble)
    mu, var = wide.mean(-1, keepdims=True), wide.var(-1, keepdims=True)
    return (weight * (wide - mu) / np.sqrt(var + eps) + bias).astype(x.dtype)


@right("layer_norm")
def affine_folded_in(x, weight, bias, eps):
    """One multiplication and one addition a number, as compilers fuse it; in double precision."""
    x = x.astype(np.float64)
    scale = weight / np.sqrt(x.var(-1, keepdims=True) + eps)
    return x * scale + (bias - x.mean(-1, keepdims=True) * scale)


@right("batch_norm")
def rows_and_back(x, weight, bias, eps):
    rows = np.moveaxis(x, 1, -1)
    flat = rows.reshape(-1, x.shape[1])
    y = weight * (flat - flat.mean(0)) / np.sqrt(flat.var(0) + eps) + bias
    return np.moveaxis(y.reshape(rows.shape), -1, 1)


@right("batch_norm")
def single_by_hand(x, weight, bias, eps):
    x, weight, bias = (a.astype(np.float32) for a in (x, weight, bias))
    axes = (0, *range(2, x.ndim))
    mu, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return column(weight, x) * (x - mu) / np.sqrt(var + np.float32(eps)) + column(bias, x)


@right("group_norm")
def as_batch_norm_of_rows(x, num_groups, weight, bias, eps):
    """CS231n's trick: groups as the columns of a batch."""
    t = x.reshape(x.shape[0] * num_groups, -1).T
    t = (t - t.mean(0)) / np.sqrt(t.var(0) + eps)
    return column(weight, x) * t.T.reshape(x.shape) + column(bias, x)


@right("normalize")
def torch_normalize(x, axis, center, eps):
    x = torch.tensor(x, dtype=torch.float32)
    if center:
        x = x - x.mean(axis, keepdim=True)
    return x * torch.rsqrt(x.pow(2).mean(axis, keepdim=True) + eps)
