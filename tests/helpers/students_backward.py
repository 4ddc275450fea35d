"""Wrong backwards of norms of tokens as students hand them in; see students_forward."""

import numpy as np
import torch

from students_forward import wrong


def rows_of(a):
    return a.reshape(-1, a.shape[-1])


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
