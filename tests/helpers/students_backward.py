"""Wrong backwards and wrong classes as students hand them in; see students_forward."""

import numpy as np
import torch

WRONG = []


def wrong(exercise, *words):
    """Enter a function as a wrong answer of this exercise."""

    def enter(function):
        WRONG.append((exercise, function, words))
        return function

    return enter


def rows_of(a):
    return a.reshape(-1, a.shape[-1])


def of_channels(x):
    """The axes of a BatchNorm, and the shape of its parameters."""
    return (0, *range(2, x.ndim)), (1, -1) + (1,) * (x.ndim - 2)


# --- LayerNorm ----------------------------------------------------------------------------------


def node_graph(x, weight, bias, eps, *, two=2.0, power=-1.5, half=0.5, mean_sign=-1, count=None):
    """The graph of CS231n's layernorm_backward for any shape, with the places to go wrong."""
    d = x.shape[-1]
    mu = x.sum(-1, keepdims=True) / d
    xmu = x - mu
    var = (xmu**2).sum(-1, keepdims=True) / d
    sqrtvar = np.sqrt(var + eps)
    xhat = xmu / sqrtvar

    def vjp(dout):
        m = count or d
        dxhat = dout * weight
        dvar = np.sum(dxhat * xmu, -1, keepdims=True) * -half * (var + eps) ** power
        dxmu = dxhat / sqrtvar + two * xmu * dvar / m
        dmu = mean_sign * dxmu.sum(-1, keepdims=True)
        dx = dxmu + dmu / m
        return dx, rows_of(dout * xhat).sum(0), rows_of(dout).sum(0)

    return weight * xhat + bias, vjp


@wrong("layer_norm_vjp", "0.5", "½", "half")
def forgot_the_two(x, weight, bias, eps):
    return node_graph(x, weight, bias, eps, two=1.0)


@wrong("layer_norm_vjp", "2 ", "twice", "factor")
def forgot_the_half(x, weight, bias, eps):
    return node_graph(x, weight, bias, eps, half=1.0)


@wrong("layer_norm_vjp", "added mean(g)")
def mean_with_a_plus(x, weight, bias, eps):
    return node_graph(x, weight, bias, eps, mean_sign=1)


@wrong("layer_norm_vjp", "second term", "x̂·mean(g·x̂)", "power")
def wrong_power(x, weight, bias, eps):
    return node_graph(x, weight, bias, eps, power=-1.0)


@wrong("layer_norm_vjp", "divided by", "where C belongs", "length of the first axis")
def batch_size_for_features(x, weight, bias, eps):
    return node_graph(x, weight, bias, eps, count=x.shape[0])


@wrong("layer_norm_vjp", "batch", "first axis")
def batchnorm_backward_copied(x, weight, bias, eps):
    mu, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    xhat = (x - mu) / np.sqrt(var + eps)

    def vjp(dout):
        n = x.shape[0]
        dxhat = dout * weight
        dx = n * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0)
        dx = dx / (n * np.sqrt(var + eps))
        return dx, rows_of(dout * xhat).sum(0), rows_of(dout).sum(0)

    return weight * xhat + bias, vjp


def one_line(x, weight, bias, eps, combine, of_weight=None):
    """The short formula; `combine` makes dx of g, x̂, the root and the number of features."""
    mu, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    root = np.sqrt(var + eps)
    xhat = (x - mu) / root
    y = weight * xhat + bias

    def vjp(dout):
        dx = combine(dout * weight, xhat, root, x.shape[-1])
        dgamma = rows_of(dout * (y if of_weight == "y" else xhat)).sum(0)
        dbeta = rows_of(dout).sum(0)
        return (
            (dx, dgamma, dbeta / len(rows_of(dout))) if of_weight == "mean" else (dx, dgamma, dbeta)
        )

    return y, vjp


def total(a):
    return a.sum(-1, keepdims=True)


def right_dx(g, xhat, root, d):
    return (d * g - total(g) - xhat * total(g * xhat)) / (d * root)


@wrong("layer_norm_vjp", "All of dx is multiplied by C")
def without_one_over_d(x, weight, bias, eps):
    return one_line(x, weight, bias, eps, lambda g, h, r, d: d * right_dx(g, h, r, d))


@wrong("layer_norm_vjp", "sum", "means belong", "divided")
def g_not_times_d(x, weight, bias, eps):
    return one_line(x, weight, bias, eps, lambda g, h, r, d: (g - total(g) - h * total(g * h)) / r)


@wrong("layer_norm_vjp", "mean of g", "mean(g)", "mean(g·x̂)")
def terms_mixed_up(x, weight, bias, eps):
    def dx(g, h, r, d):
        return (g - total(g * h) / d - h * total(g) / d) / r

    return one_line(x, weight, bias, eps, dx)


@wrong("layer_norm_vjp", "dweight is made from y")
def dgamma_from_out(x, weight, bias, eps):
    return one_line(x, weight, bias, eps, right_dx, "y")


@wrong("layer_norm_vjp", "averaged", "dbias")
def dbeta_averaged(x, weight, bias, eps):
    return one_line(x, weight, bias, eps, right_dx, "mean")


@wrong("layer_norm_vjp", "the term g is multiplied by C")
def first_term_d_times(x, weight, bias, eps):
    return one_line(x, weight, bias, eps, lambda g, h, r, d: d * g / r - total(g) / r / d)


CACHE = {}


@wrong("layer_norm_vjp", "once the function has been called again")
def cache_is_global(x, weight, bias, eps):
    mu, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    CACHE["root"] = np.sqrt(var + eps)
    CACHE["xhat"] = (x - mu) / CACHE["root"]

    def vjp(dout):
        xhat = CACHE["xhat"]
        dx = right_dx(dout * weight, xhat, CACHE["root"], x.shape[-1])
        return dx, rows_of(dout * xhat).sum(0), rows_of(dout).sum(0)

    return weight * CACHE["xhat"] + bias, vjp


class Function:
    """A layer of a small framework: what backward needs lies on the class."""

    saved = None

    @classmethod
    def forward(cls, x, weight, bias, eps):
        root = np.sqrt(x.var(-1, keepdims=True) + eps)
        xhat = (x - x.mean(-1, keepdims=True)) / root
        cls.saved = xhat, root, weight
        return weight * xhat + bias

    @classmethod
    def backward(cls, dout):
        xhat, root, weight = cls.saved
        dx = right_dx(dout * weight, xhat, root, xhat.shape[-1])
        return dx, rows_of(dout * xhat).sum(0), rows_of(dout).sum(0)


@wrong("layer_norm_vjp", "once the function has been called again")
def cache_on_the_class(x, weight, bias, eps):
    return Function.forward(x, weight, bias, eps), Function.backward


@wrong("layer_norm_vjp", "second time", "second call", "called again", "twice")
def cache_is_popped(x, weight, bias, eps):
    root = np.sqrt(x.var(-1, keepdims=True) + eps)
    saved = [(x - x.mean(-1, keepdims=True)) / root]

    def vjp(dout):
        xhat = saved.pop()
        dx = right_dx(dout * weight, xhat, root, x.shape[-1])
        return dx, rows_of(dout * xhat).sum(0), rows_of(dout).sum(0)

    return weight * saved[0] + bias, vjp


@wrong("layer_norm_vjp", "second time", "second call", "called again", "twice")
def overwrites_its_cache(x, weight, bias, eps):
    root = np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = (x - x.mean(-1, keepdims=True)) / root

    def vjp(dout):
        g = dout * weight
        dgamma, dbeta = rows_of(dout * xhat).sum(0), rows_of(dout).sum(0)
        along = (g * xhat).mean(-1, keepdims=True)
        dx = xhat
        dx *= -along
        dx += g - g.mean(-1, keepdims=True)
        return dx / root, dgamma, dbeta

    return weight * xhat + bias, vjp


@wrong("layer_norm_vjp", "second time", "second call", "called again", "twice")
def gradients_pile_up(x, weight, bias, eps):
    root = np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = (x - x.mean(-1, keepdims=True)) / root
    grads = {"gamma": np.zeros_like(weight), "beta": np.zeros_like(bias)}

    def vjp(dout):
        grads["gamma"] = grads["gamma"] + rows_of(dout * xhat).sum(0)
        grads["beta"] = grads["beta"] + rows_of(dout).sum(0)
        return right_dx(dout * weight, xhat, root, x.shape[-1]), grads["gamma"], grads["beta"]

    return weight * xhat + bias, vjp


@wrong("layer_norm_vjp", "constants")
def detached_statistics(x, weight, bias, eps):
    leaves = [torch.tensor(a, dtype=torch.float32, requires_grad=True) for a in (x, weight, bias)]
    mean = leaves[0].mean(-1, keepdim=True).detach()
    var = leaves[0].var(-1, unbiased=False, keepdim=True).detach()
    y = leaves[1] * (leaves[0] - mean) / torch.sqrt(var + eps) + leaves[2]

    def vjp(dy):
        dy = torch.tensor(dy, dtype=torch.float32)
        return torch.autograd.grad(y, leaves, dy, retain_graph=True)

    return y, vjp


@wrong("layer_norm_vjp", "cache")
def forward_with_cache(x, weight, bias, eps):
    root = np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = (x - x.mean(-1, keepdims=True)) / root
    return weight * xhat + bias, (xhat, root, weight)


@wrong("layer_norm_vjp", "dy", "means in dx are taken of dy")
def mean_of_dout(x, weight, bias, eps):
    mu, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    root = np.sqrt(var + eps)
    xhat = (x - mu) / root

    def vjp(dout):
        g = dout * weight
        dx = (g - dout.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)) / root
        return dx, rows_of(dout * xhat).sum(0), rows_of(dout).sum(0)

    return weight * xhat + bias, vjp


# --- RMSNorm ------------------------------------------------------------------------------------


@wrong("rms_norm_vjp", "sum of g·x̂")
def rms_forgot_the_count(x, weight, eps):
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)

    def vjp(dout):
        g = dout * weight
        dx = g / rms - x * np.sum(g * x, axis=-1, keepdims=True) / rms**3
        return dx, rows_of(dout * x / rms).sum(0)

    return weight * x / rms, vjp


@wrong("rms_norm_vjp", "power", "second term", "x̂·mean(g·x̂)")
def rms_squared_for_cubed(x, weight, eps):
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)

    def vjp(dout):
        g = dout * weight
        dx = g / rms - x * np.mean(g * x, axis=-1, keepdims=True) / rms**2
        return dx, rows_of(dout * x / rms).sum(0)

    return weight * x / rms, vjp


@wrong("rms_norm_vjp", "2 ", "factor")
def rms_two_left_over(x, weight, eps):
    x_, w_ = torch.tensor(x).float(), torch.tensor(weight).float()
    inv = torch.rsqrt(x_.pow(2).mean(-1, keepdim=True) + eps)

    def vjp(dout):
        dout = torch.tensor(dout).float()
        g = dout * w_
        dx = inv * (g - 2 * x_ * inv**2 * (g * x_).mean(-1, keepdim=True))
        return dx, (dout * x_ * inv).flatten(0, -2).sum(0) if x.ndim > 1 else dout * x_ * inv

    return x_ * inv * w_, vjp


@wrong("rms_norm_vjp", "weight")
def rms_weight_only_once(x, weight, eps):
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    xhat = x / rms

    def vjp(dout):
        dx = (dout * weight - xhat * np.mean(dout * xhat, axis=-1, keepdims=True)) / rms
        return dx, rows_of(dout * xhat).sum(0)

    return weight * xhat, vjp


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


# --- BatchNorm, the class -----------------------------------------------------------------------


class Layer:
    """A right one, written plainly; those below get one thing wrong, or several."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.weight, self.bias = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.eps, self.momentum, self.training = eps, momentum, True

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def batch(self, x):
        axes, _ = of_channels(x)
        return x.mean(axes), x.var(axes)

    def keep(self, mean, var, x):
        n, m = x.size // x.shape[1], self.momentum
        self.running_mean = (1 - m) * self.running_mean + m * mean
        self.running_var = (1 - m) * self.running_var + m * var * n / (n - 1)

    def use(self, x):
        if not self.training:
            return self.running_mean, self.running_var
        mean, var = self.batch(x)
        self.keep(mean, var, x)
        return mean, var

    def __call__(self, x):
        _, shape = of_channels(x)
        mean, var = (a.reshape(shape) for a in self.use(x))
        xhat = (x - mean) / np.sqrt(var + self.eps)
        return self.weight.reshape(shape) * xhat + self.bias.reshape(shape)


@wrong("BatchNorm", "CS231n")
class OfCS231n(Layer):
    def __init__(self, num_features, eps=1e-5, momentum=0.9):
        super().__init__(num_features, eps, momentum)
        self.running_var = np.zeros(num_features)

    def keep(self, mean, var, x):
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var


@wrong("BatchNorm", "wrong way round")
class OfD2L(Layer):
    def keep(self, mean, var, x):
        self.running_mean = self.momentum * self.running_mean + (1.0 - self.momentum) * mean
        self.running_var = self.momentum * self.running_var + (1.0 - self.momentum) * var


@wrong("BatchNorm", "rename", "gamma")
class WithGreekNames(Layer):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        self.gamma, self.beta = self.__dict__.pop("weight"), self.__dict__.pop("bias")

    def __call__(self, x):
        _, shape = of_channels(x)
        mean, var = (a.reshape(shape) for a in self.use(x))
        xhat = (x - mean) / np.sqrt(var + self.eps)
        return self.gamma.reshape(shape) * xhat + self.beta.reshape(shape)


@wrong("BatchNorm", "last training batch", "last batch")
class EvaluatesWithTheLastVariance(Layer):
    def use(self, x):
        if self.training:
            self.mean, self.var = self.batch(x)
            self.keep(self.mean, self.var, x)
            return self.mean, self.var
        return self.running_mean, self.var


@wrong("BatchNorm", "ε inside running_var", "ε is part of running_var", "takes up ε", "added ε")
class EpsilonInTheBuffer(Layer):
    def use(self, x):
        if not self.training:
            return self.running_mean, self.running_var - self.eps
        mean, var = self.batch(x)
        n, m = x.size // x.shape[1], self.momentum
        self.running_mean = (1 - m) * self.running_mean + m * mean
        self.running_var = (1 - m) * self.running_var + m * (var * n / (n - 1) + self.eps)
        return mean, var


@wrong("BatchNorm", "In training you divided the variance by n − 1")
class OfMakemore(Layer):
    def __init__(self, dim, eps=1e-5, momentum=0.1):
        super().__init__(dim, eps, momentum)

    def use(self, x):
        axes, _ = of_channels(x)
        if not self.training:
            return self.running_mean, self.running_var
        mean, var = x.mean(axes), x.var(axes, ddof=1)
        self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
        self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var
        return mean, var


class Shared:
    running_mean = running_var = None


@wrong("BatchNorm", "share", "two objects", "Two objects")
class BuffersOfTheClass(Layer):
    def keep(self, mean, var, x):
        if getattr(self, "fresh", True):
            Shared.running_mean, Shared.running_var = self.running_mean, self.running_var
            self.fresh = False
        self.running_mean, self.running_var = Shared.running_mean, Shared.running_var
        super().keep(mean, var, x)
        Shared.running_mean, Shared.running_var = self.running_mean, self.running_var


@wrong("BatchNorm", "cumulative", "every batch the same weight", "ignored", "momentum")
class CumulativeAverage(Layer):
    steps = 0

    def keep(self, mean, var, x):
        self.steps += 1
        self.momentum = 1 / self.steps
        super().keep(mean, var, x)


@wrong("BatchNorm", "running_var takes up the mean", "running_var")
class VarianceTakesUpTheMean(Layer):
    def keep(self, mean, var, x):
        super().keep(mean, mean, x)


@wrong("BatchNorm", "one sample", "1 sample", "(1,")
class SqueezesTheBatch(Layer):
    def __call__(self, x):
        return (
            super().__call__(x).squeeze()
            if self.training
            else super().__call__(x).squeeze(0)
            if len(x) == 1
            else super().__call__(x)
        )


@wrong("BatchNorm", "n − 1", "divided by n")
class TorchModule(torch.nn.Module):
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
                self.running_var.lerp_(var, self.momentum)
        x = (x - mean.view(shape)) / torch.sqrt(var.view(shape) + self.eps)
        return x * self.weight.view(shape) + self.bias.view(shape)


@wrong("BatchNorm", "normalize by the batch")
class NeverEvaluates(Layer):
    def use(self, x):
        mean, var = self.batch(x)
        if self.training:
            self.keep(mean, var, x)
        return mean, var


@wrong("BatchNorm", "running_mean", "keeps", "momentum")
class HalfOfTheMomentum(Layer):
    def keep(self, mean, var, x):
        n, m = x.size // x.shape[1], self.momentum
        self.running_mean = (1 - m) * self.running_mean + 0.5 * m * mean
        self.running_var = (1 - m) * self.running_var + m * var * n / (n - 1)


@wrong("BatchNorm", "eval", "training")
class ModeHasAnotherName(Layer):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        del self.training
        self.is_training = True

    def train(self):
        self.is_training = True

    def eval(self):
        self.is_training = False

    def use(self, x):
        mean, var = self.batch(x)
        return (mean, var) if self.is_training else (self.running_mean, self.running_var)
