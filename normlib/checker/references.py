"""The right answers, with a knob for every way to get them wrong.

A function here called without its knobs is right. A slip is the same call with a knob turned.
The functions compute in the dtype of x, so a slip can also be played as a reader's attempt.
"""

import numpy as np


def layer_norm(
    x,
    weight,
    bias,
    eps,
    *,
    weight_as="itself",  # or one, first, mean, inverse, one plus, on x
    bias_as="itself",  # or zero, first, mean, negative
    affine="weight first",  # or bias first, swapped
    **statistics,
):
    """LayerNorm over the last axis; `statistics` are the knobs of `normalize`."""
    if weight_as == "on x":
        return normalize(x * weight, eps, **statistics) + _bias(bias, bias_as)
    weight, bias = _weight(weight, weight_as), _bias(bias, bias_as)
    x_hat = normalize(x, eps, **statistics)
    if affine == "bias first":
        return weight * (x_hat + bias)
    if affine == "swapped":
        weight, bias = bias, weight
    return weight * x_hat + bias


def normalize(
    x,
    eps,
    *,
    mean_axis=-1,
    var_axis=-1,
    shift=1,  # how many means are subtracted
    sign=1,
    about="own mean",  # squares are measured from np.var's mean, the one subtracted, or zero
    ddof=0,
    spread="variance",  # or sum of squares, mean absolute
    power=0.5,  # of the variance in the denominator
    eps_place="inside",  # the root; or outside, both, squared, floor
    eps_factor=1.0,
    fixed_eps=None,
    one_pass=False,
    half=False,  # statistics in half precision
):
    """Take the mean off x and divide by the root of the variance."""
    source = x.astype(np.float16) if half else x
    mean = source.mean(mean_axis, keepdims=True)
    centers = {
        "own mean": source.mean(var_axis, keepdims=True),
        "mean": mean,
        "zero": source.dtype.type(0),
    }
    variance = _variance(source, centers[about], var_axis, ddof, spread, one_pass)
    eps = eps_factor * (eps if fixed_eps is None else fixed_eps)
    return sign * (x - shift * mean) / _denominator(variance, eps, eps_place, power)


def layer_norm_vjp(
    x,
    weight,
    bias,
    eps,
    *,
    mean_g="mean",  # how the term mean(g) is taken off: a key of _shares
    mean_gx="mean",  # and the term x̂·mean(g·x̂)
    means_axis=-1,
    weight_place="before",  # the projections; or after, not in the means, never
    direction="x_hat",  # that is projected out; or centered, x, no front, no inside
    scale="rstd",  # or none, variance, std
    rstd_eps=None,
    rstd_ddof=0,
    x_hat_eps=None,
    x_hat_ddof=0,
    dweight_from="x_hat",  # or x, centered, y, ones
    dbias_from="ones",  # or x_hat
    sums_of="dy",  # or g
    reduce="sum",  # over all axes but the last; or mean, none, first, all, features, keepdims
    order=(0, 1, 2),
):
    """LayerNorm over the last axis and its gradients; y is always right here."""
    centered = x - x.mean(-1, keepdims=True)
    y = layer_norm(x, weight, bias, eps)
    x_hat = centered * _rstd(x, eps if x_hat_eps is None else x_hat_eps, x_hat_ddof)
    rstd = _rstd(x, eps if rstd_eps is None else rstd_eps, rstd_ddof)
    values = {"x_hat": x_hat, "x": x, "centered": centered, "y": y, "ones": np.ones_like(x)}

    def vjp(dy):
        g = dy * weight if weight_place in ("before", "not in the means") else dy
        h = dy if weight_place == "not in the means" else g
        front = values["ones" if direction == "no front" else _inside(direction)]
        inside = values["ones" if direction == "no inside" else _inside(direction)]
        shares = _shares(x.shape[-1])
        dx = g - shares[mean_g] * h.mean(means_axis, keepdims=True)
        dx = dx - shares[mean_gx] * front * (h * inside).mean(means_axis, keepdims=True)
        dx = dx * {"rstd": rstd, "none": 1, "variance": rstd**2, "std": 1 / rstd}[scale]
        if weight_place == "after":
            dx = dx * weight
        upstream = dy * weight if sums_of == "g" else dy
        dweight = _over_tokens(upstream * values[dweight_from], reduce)
        dbias = _over_tokens(upstream * values[dbias_from], reduce)
        gradients = (dx, dweight, dbias)
        return tuple(gradients[i] for i in order)

    return y, vjp


def _weight(weight, weight_as):
    return {
        "itself": weight,
        "one": 1,
        "first": weight[0],
        "mean": weight.mean(),
        "inverse": 1 / weight,
        "one plus": 1 + weight,
    }[weight_as]


def _bias(bias, bias_as):
    return {
        "itself": bias,
        "zero": 0,
        "first": bias[0],
        "mean": bias.mean(),
        "negative": -bias,
    }[bias_as]


def _variance(x, center, axis, ddof, spread, one_pass):
    squares = (x - center) ** 2
    variance = squares.mean(axis, keepdims=True)
    count = squares.size // variance.size
    if spread == "sum of squares":
        return count * variance
    if spread == "mean absolute":
        return np.abs(x - center).mean(axis, keepdims=True) ** 2
    if one_pass:
        variance = (x**2).mean(axis, keepdims=True) - center**2
    return variance if ddof == 0 else variance * np.divide(count, count - ddof)


def _denominator(variance, eps, eps_place, power):
    if power == 0:
        return 1
    if eps_place == "outside":
        return variance**power + eps
    if eps_place == "both":
        return (variance + eps) ** power + eps
    if eps_place == "squared":
        return (variance + eps**2) ** power
    if eps_place == "floor":
        return np.maximum(variance, eps) ** power
    return (variance + eps) ** power


def _rstd(x, eps, ddof):
    return 1 / np.sqrt(x.var(-1, ddof=ddof, keepdims=True) + eps)


def _inside(direction):
    return direction if direction in ("x", "centered") else "x_hat"


def _shares(count):
    """What is subtracted, in units of the mean."""
    return {"mean": 1, "none": 0, "sum": count, "plus": -1, "n - 1": count / (count - 1)}


def _over_tokens(values, reduce):
    if reduce == "none":
        return values
    if reduce == "first":
        return values.sum(0)
    if reduce == "features":
        return values.sum(-1)
    if reduce == "all":
        return values.sum()
    axes = tuple(range(values.ndim - 1))
    if reduce == "mean":
        return values.mean(axes)
    return values.sum(axes, keepdims=reduce == "keepdims")
