"""Wrong channel norms, written by hand as readers write them: what every check here must reject.

Nothing is imported from normlib, so these functions cannot share a mistake with the checker that
they test. Each catalogue maps the mistake to (function, a word that its diagnosis must contain).
"""

import numpy as np


def lift(values, x):
    """One number for each channel, in a shape that fits x."""
    return values.reshape(1, -1, *(1 for _ in x.shape[2:]))


def norm(x, axes, eps, ddof=0):
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(x.var(axis=axes, keepdims=True, ddof=ddof) + eps)


def batch_axes(x):
    return (0, *range(2, x.ndim))


def position_axes(x):
    return tuple(range(2, x.ndim))


def affine(x_hat, weight, bias):
    return lift(weight, x_hat) * x_hat + lift(bias, x_hat)


# --- BatchNorm ---------------------------------------------------------------------------------


def bn_axis_zero(x, weight, bias, eps):
    return affine(norm(x, 0, eps), weight, bias)


def bn_axes_zero_and_one(x, weight, bias, eps):
    return affine(norm(x, (0, 1), eps), weight, bias)


def bn_keeps_the_last(x, weight, bias, eps):
    return affine(norm(x, tuple(range(x.ndim - 1)), eps), weight, bias)


def bn_is_instance_norm(x, weight, bias, eps):
    return affine(norm(x, position_axes(x), eps), weight, bias)


def bn_is_layer_norm(x, weight, bias, eps):
    return affine(norm(x, tuple(range(1, x.ndim)), eps), weight, bias)


def bn_unbiased(x, weight, bias, eps):
    return affine(norm(x, batch_axes(x), eps, ddof=1), weight, bias)


def bn_eps_outside(x, weight, bias, eps):
    mean = x.mean(axis=batch_axes(x), keepdims=True)
    std = x.std(axis=batch_axes(x), keepdims=True)
    return affine((x - mean) / (std + eps), weight, bias)


def bn_affine_on_the_last_axis(x, weight, bias, eps):
    return weight * norm(x, batch_axes(x), eps) + bias


def bn_without_keepdims(x, weight, bias, eps):
    mean, var = x.mean(batch_axes(x)), x.var(batch_axes(x))
    return weight * (x - mean) / np.sqrt(var + eps) + bias


def bn_one_pass(x, weight, bias, eps):
    mean = x.mean(batch_axes(x), keepdims=True)
    var = (x * x).mean(batch_axes(x), keepdims=True) - mean**2
    return affine((x - mean) / np.sqrt(var + eps), weight, bias)


def bn_images_only(x, weight, bias, eps):
    n, c, h, w = x.shape
    return affine(norm(x, (0, 2, 3), eps), weight, bias)


BATCH_NORMS = {
    "axes (0,) on images": (bn_axis_zero, "over the batch only"),
    "axes (0, 1)": (bn_axes_zero_and_one, "samples and channels together"),
    "channels last": (bn_keeps_the_last, "all axes but the last"),
    "InstanceNorm": (bn_is_instance_norm, "that is InstanceNorm"),
    "LayerNorm": (bn_is_layer_norm, "that is LayerNorm"),
    "unbiased variance": (bn_unbiased, "n − 1"),
    "eps outside root": (bn_eps_outside, "outside"),
    "affine on the last axis": (bn_affine_on_the_last_axis, "along the last axis"),
    "no keepdims": (bn_without_keepdims, "one number for each channel"),
    "one pass": (bn_one_pass, "E[x²] − E[x]²"),
    "images only": (bn_images_only, "differs from input to input"),
}


# --- InstanceNorm ------------------------------------------------------------------------------


def in_is_batch_norm(x, weight, bias, eps):
    return affine(norm(x, batch_axes(x), eps), weight, bias)


def in_is_layer_norm(x, weight, bias, eps):
    return affine(norm(x, tuple(range(1, x.ndim)), eps), weight, bias)


def in_last_axis(x, weight, bias, eps):
    return affine(norm(x, -1, eps), weight, bias)


def in_axis_two(x, weight, bias, eps):
    return affine(norm(x, 2, eps), weight, bias)


def in_unbiased(x, weight, bias, eps):
    return affine(norm(x, position_axes(x), eps, ddof=1), weight, bias)


def in_no_eps(x, weight, bias, eps):
    return affine(norm(x, position_axes(x), 0), weight, bias)


def in_no_affine(x, weight, bias, eps):
    return norm(x, position_axes(x), eps)


def in_no_mean(x, weight, bias, eps):
    scale = np.sqrt((x**2).mean(axis=position_axes(x), keepdims=True) + eps)
    return affine(x / scale, weight, bias)


INSTANCE_NORMS = {
    "BatchNorm": (in_is_batch_norm, "that is BatchNorm"),
    "LayerNorm": (in_is_layer_norm, "that is LayerNorm"),
    "last axis": (in_last_axis, "last axis only"),
    "axis 2": (in_axis_two, "axis 2 only"),
    "unbiased variance": (in_unbiased, "n − 1"),
    "eps missing": (in_no_eps, "ε is missing"),
    "affine missing": (in_no_affine, "weight is missing"),
    "mean not subtracted": (in_no_mean, "did not subtract the mean"),
}


# --- GroupNorm ---------------------------------------------------------------------------------


def grouped(x, num_groups):
    return x.reshape(len(x), num_groups, x.shape[1] // num_groups, *x.shape[2:])


def gn_interleaved(x, num_groups, weight, bias, eps):
    v = x.reshape(len(x), x.shape[1] // num_groups, num_groups, *x.shape[2:])
    v = norm(v, (1, *range(3, v.ndim)), eps)
    return affine(v.reshape(x.shape), weight, bias)


def gn_not_reshaped(x, num_groups, weight, bias, eps):
    v = grouped(x, num_groups)
    v = norm(v, tuple(range(2, v.ndim)), eps)
    shape = (1, num_groups, -1, *(1 for _ in x.shape[2:]))
    return v * weight.reshape(shape) + bias.reshape(shape)


def gn_is_instance_norm(x, num_groups, weight, bias, eps):
    return affine(norm(x, position_axes(x), eps), weight, bias)


def gn_is_layer_norm(x, num_groups, weight, bias, eps):
    return affine(norm(x, tuple(range(1, x.ndim)), eps), weight, bias)


def gn_weight_per_group(x, num_groups, weight, bias, eps):
    v = grouped(x, num_groups)
    v = norm(v, tuple(range(2, v.ndim)), eps)
    shape = (1, num_groups, *(1 for _ in v.shape[2:]))
    return (v * weight[:num_groups].reshape(shape) + bias[:num_groups].reshape(shape)).reshape(
        x.shape
    )


def gn_affine_on_the_last_axis(x, num_groups, weight, bias, eps):
    v = grouped(x, num_groups)
    return norm(v, tuple(range(2, v.ndim)), eps).reshape(x.shape) * weight + bias


def gn_with_batch(x, num_groups, weight, bias, eps):
    v = grouped(x, num_groups)
    return affine(norm(v, (0, *range(2, v.ndim)), eps).reshape(x.shape), weight, bias)


def gn_size_of_groups(x, num_groups, weight, bias, eps):
    v = grouped(x, x.shape[1] // num_groups)
    return affine(norm(v, tuple(range(2, v.ndim)), eps).reshape(x.shape), weight, bias)


def gn_weight_in_another_order(x, num_groups, weight, bias, eps):
    v = grouped(x, num_groups)
    v = norm(v, tuple(range(2, v.ndim)), eps).reshape(x.shape)
    weight, bias = (a.reshape(-1, num_groups).T.reshape(-1) for a in (weight, bias))
    return affine(v, weight, bias)


def gn_positions_apart(x, num_groups, weight, bias, eps):
    v = grouped(x, num_groups)
    return affine(norm(v, 2, eps).reshape(x.shape), weight, bias)


GROUP_NORMS = {
    "interleaved": (gn_interleaved, "interleaved"),
    "not reshaped": (gn_not_reshaped, "still in groups"),
    "InstanceNorm": (gn_is_instance_norm, "that is InstanceNorm"),
    "LayerNorm": (gn_is_layer_norm, "that is LayerNorm"),
    "weight per group": (gn_weight_per_group, "one weight and one bias"),
    "affine on the last axis": (gn_affine_on_the_last_axis, "along the last axis"),
    "batch included": (gn_with_batch, "over the batch too"),
    "groups of num_groups": (gn_size_of_groups, "is the number of groups"),
    "weight in another order": (gn_weight_in_another_order, "in another order than the channels"),
    "each position by itself": (gn_positions_apart, "at each position by itself"),
}


# --- the backwards: one skeleton, one mistake each ----------------------------------------------


def backward(x, weight, bias, eps, axes, wrong, num_groups=None):
    """A right vjp but for one mistake; `num_groups` makes it that of GroupNorm."""

    def view(a):
        return a if num_groups is None else grouped(a, num_groups)

    v = view(x)
    mean = v.mean(axis=axes, keepdims=True)
    rstd = 1 / np.sqrt(v.var(axis=axes, keepdims=True) + eps)
    x_hat = (v - mean) * rstd
    count = v.size // mean.size
    y = affine(x_hat.reshape(x.shape), weight, bias)

    def vjp(dy):
        means = -1 if wrong == "means over the last axis" else axes
        means = (0, *axes) if wrong == "means over the batch too" else means
        means = axes[1:] if wrong == "means without the batch" else means
        g = view(dy if wrong == "no weight in dx" else dy * lift(weight, x))
        first = g.mean(axis=means, keepdims=True)
        second = x_hat * (g * x_hat).mean(axis=means, keepdims=True)
        if wrong == "no mean of g":
            first = 0
        if wrong == "no projection":
            second = 0
        if wrong == "constants":
            first = second = 0
        if wrong == "sums":
            first, second = first * count, second * count
        dx = g - first - second
        dx = (dx if wrong == "no rstd" else dx * rstd).reshape(x.shape)
        over = position_axes(x) if wrong == "batch not summed" else batch_axes(x)
        if wrong == "summed over the batch only":
            over = 0
        outer = x if wrong == "dweight from x" else x_hat.reshape(x.shape)
        if wrong == "not summed":
            return dx, dy * outer, dy
        dweight, dbias = (dy * outer).sum(axis=over), dy.sum(axis=over)
        if wrong == "averaged":
            dweight, dbias = (dy * outer).mean(axis=over), dy.mean(axis=over)
        if wrong == "per group":
            dweight, dbias = (
                grouped(a, num_groups).sum(axis=(0, *range(2, v.ndim))) for a in (dy * outer, dy)
            )
        return (dx, dbias, dweight) if wrong == "swapped" else (dx, dweight, dbias)

    return y, vjp


def batch_norm_vjp(wrong):
    return lambda x, weight, bias, eps: backward(x, weight, bias, eps, batch_axes(x), wrong)


def instance_norm_vjp(wrong):
    return lambda x, weight, bias, eps: backward(x, weight, bias, eps, position_axes(x), wrong)


def group_norm_vjp(wrong):
    def attempt(x, num_groups, weight, bias, eps):
        axes = tuple(range(2, x.ndim + 1))
        return backward(x, weight, bias, eps, axes, wrong, num_groups)

    return attempt


WORDS = {
    "no mean of g": "mean(g) is missing",
    "no projection": "x̂·mean(g·x̂) is missing",
    "constants": "constants",
    "sums": "took sums in dx",
    "no weight in dx": "weight is missing from dx",
    "no rstd": "multiply by rstd",
    "means over the last axis": "last axis only",
    "dweight from x": "made from x.",
    "not summed": "sum over the samples and positions is missing",
    "batch not summed": "over the positions only",
    "summed over the batch only": "over the first axis only",
    "averaged": "averaged over the samples and positions",
    "swapped": "swapped",
}
OF_BATCH_NORM = WORDS | {"means without the batch": "over the positions only"}
OF_INSTANCE_NORM = WORDS | {"means over the batch too": "over the batch too"}
OF_GROUP_NORM = OF_INSTANCE_NORM | {"per group": "one number for each group"}

# By the exercise that each is an attempt at.
CATALOGUES = {
    "batch_norm": BATCH_NORMS,
    "instance_norm": INSTANCE_NORMS,
    "group_norm": GROUP_NORMS,
    "batch_norm_vjp": {m: (batch_norm_vjp(m), word) for m, word in OF_BATCH_NORM.items()},
    "instance_norm_vjp": {m: (instance_norm_vjp(m), word) for m, word in OF_INSTANCE_NORM.items()},
    "group_norm_vjp": {m: (group_norm_vjp(m), word) for m, word in OF_GROUP_NORM.items()},
}
