"""The right gradients, with a knob for every way to get them wrong.

One derivation serves all norms. They differ in the axes of their statistics, in the axis along
which the parameters lie, and in whether the mean is subtracted.
"""

import numpy as np

from normlib.checker import references

# Of the term x̂·mean(g·x̂): what stands in front, and what inside.
DIRECTIONS = {
    "x_hat": ("x_hat", "x_hat"),
    "x": ("x", "x"),
    "centered": ("centered", "centered"),
    "x in front": ("x", "x_hat"),
    "centered in front": ("centered", "x_hat"),
    "no front": ("ones", "x_hat"),
    "no inside": ("x_hat", "ones"),
    "y": ("y", "y"),
}


def layer_norm_vjp(x, weight, bias, eps, **knobs):
    """LayerNorm over the last axis and its gradients; y is always right here."""
    y = references.layer_norm(x, weight, bias, eps)
    return y, _gradients(x, weight, y, eps, -1, **knobs)


def rms_norm_vjp(x, weight, eps, *, mean_g="none", **knobs):
    """RMSNorm over the last axis and its gradients."""
    y = references.rms_norm(x, weight, eps)
    return y, _gradients(x, weight, y, eps, -1, mean_g=mean_g, center=False, **knobs)


def batch_norm_vjp(x, weight, bias, eps, **knobs):
    """BatchNorm in training and its gradients."""
    y = references.batch_norm(x, weight, bias, eps)
    return y, _gradients(x, weight, y, eps, "NP", channel=True, **knobs)


def instance_norm_vjp(x, weight, bias, eps, **knobs):
    """InstanceNorm and its gradients."""
    y = references.instance_norm(x, weight, bias, eps)
    return y, _gradients(x, weight, y, eps, "P", channel=True, **knobs)


def group_norm_vjp(x, num_groups, weight, bias, eps, *, groups="contiguous", **knobs):
    """GroupNorm and its gradients; `groups` are those of the backward."""
    y = references.group_norm(x, num_groups, weight, bias, eps)
    split, join = references.grouping(x.shape, num_groups, groups)
    knobs |= {"split": split, "join": join, "num_groups": num_groups}
    return y, _gradients(x, weight, y, eps, "P", channel=True, **knobs)


def _same(x):
    return x


def _gradients(
    x,
    weight,
    y,
    eps,
    axis,
    *,
    channel=False,  # weight and bias lie along axis 1, not along the last
    center=True,
    split=_same,  # to the array on which the statistics are computed
    join=_same,
    num_groups=1,
    mean_g="mean",  # how the term mean(g) is taken off: a key of shares
    mean_gx="mean",  # and the term x̂·mean(g·x̂)
    means_axis="own",
    weight_place="before",  # the projections; or after, not in the means, never
    weight_axis="own",  # or last
    direction="x_hat",  # that is projected out: a key of DIRECTIONS
    scale="rstd",  # or none, variance, std
    rstd_eps=None,
    rstd_ddof=0,
    x_hat_eps=None,
    x_hat_ddof=0,
    dweight_from="x_hat",  # or x, centered, y, ones
    dbias_from="ones",  # or x_hat
    sums_of="dy",  # or g
    reduce="sum",  # over all axes but the parameters'; see _over_tokens
    order=None,
):
    """The function from dy to dx and the gradients of the parameters."""
    v = split(x)
    axis = references.axes(axis, v.ndim)
    means_axis = axis if means_axis == "own" else references.axes(means_axis, v.ndim)
    centered = v - v.mean(axis, keepdims=True) if center else v
    square = (centered**2).mean(axis, keepdims=True)
    count = v.size // square.size

    def root(own_eps, ddof):
        return np.sqrt(
            square * np.divide(count, count - ddof) + (eps if own_eps is None else own_eps)
        )

    std = root(rstd_eps, rstd_ddof)
    x_hat = centered / root(x_hat_eps, x_hat_ddof)
    inner = {"x_hat": x_hat, "x": v, "centered": centered, "ones": np.ones_like(v)}
    outer = {name: join(values) for name, values in inner.items()} | {"y": y}
    inner["y"] = split(y)
    factor = references.along(weight, x.ndim, channel, weight_axis)
    shares = {"mean": 1, "none": 0, "sum": count, "plus": -1, "n - 1": count / max(count - 1, 1)}
    front, inside = (inner[name] for name in DIRECTIONS[direction])

    def vjp(dy):
        g = split(dy * factor if weight_place in ("before", "not in the means") else dy)
        h = split(dy) if weight_place == "not in the means" else g
        dx = g - shares[mean_g] * h.mean(means_axis, keepdims=True)
        dx = dx - shares[mean_gx] * front * (h * inside).mean(means_axis, keepdims=True)
        dx = join(dx * {"rstd": 1 / std, "none": 1, "variance": 1 / std**2, "std": std}[scale])
        if weight_place == "after":
            dx = dx * factor
        upstream = dy * factor if sums_of == "g" else dy
        dweight = _over_tokens(upstream * outer[dweight_from], channel, reduce, num_groups)
        if not center:  # RMSNorm has no bias
            return (dx, dweight) if order is None else (dweight, dx)
        dbias = _over_tokens(upstream * outer[dbias_from], channel, reduce, num_groups)
        gradients = (dx, dweight, dbias)
        return gradients if order is None else tuple(gradients[i] for i in order)

    return vjp


def _over_tokens(values, channel, reduce, num_groups):
    """The sum over all axes but that of the parameters, or a wrong one."""
    own = 1 if channel else values.ndim - 1
    if reduce == "none":
        return values
    if reduce == "first":
        return values.sum(0)
    if reduce == "positions":
        return values.sum(tuple(range(2, values.ndim)))
    if reduce == "features":
        return values.sum(own)
    if reduce == "all":
        return values.sum()
    if reduce == "groups":
        return values.reshape(len(values), num_groups, -1).sum((0, 2))
    others = tuple(a for a in range(values.ndim) if a != own)
    if reduce == "mean":
        return values.mean(others)
    return values.sum(others, keepdims=reduce == "keepdims")
