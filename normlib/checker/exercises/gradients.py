"""The gradients that all norms share, with knobs for what can be wrong.

One derivation serves all norms. With g = dy·weight it is

    dx = (g − mean(g) − x̂·mean(g·x̂)) / √(σ² + ε),  dweight = Σ dy·x̂,  dbias = Σ dy.

The norms differ in their `Layout`, and a slip turns some of the `Knobs`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from normlib.checker.exercises.forward import along, axes


def _same(x):
    return x


@dataclass(frozen=True)
class Layout:
    """In what the gradients of two norms differ."""

    axis: int | str  # of the statistics; see `axes`
    channel: bool = False  # weight and bias lie along axis 1, not along the last
    center: bool = True  # or, as in RMSNorm, no mean and no bias
    split: Callable = _same  # from x to the array that has these axes
    join: Callable = _same  # and back
    num_groups: int = 1


@dataclass(frozen=True)
class Knobs:
    """What a backward does; by default it is right."""

    # In dx.
    mean_g: str = "mean"  # what is taken off for mean(g); or none, sum, plus, n - 1
    mean_gx: str = "mean"  # the same for x̂·mean(g·x̂)
    first: str = "ones"  # what g is multiplied by in the first mean
    direction: tuple = ("x_hat", "x_hat")  # the two x̂ of that term; or x, centered, y, ones
    g_axis: int | str | tuple | None = "own"  # of mean(g); or others, see `axes`
    gx_axis: int | str | tuple | None = "own"  # of mean(g·x̂)
    weight_place: str = "before"  # the means are taken; or after, never
    mean_g_of: str = "g"  # or dy
    mean_gx_of: str = "g"  # or dy
    weight_axis: str = "own"  # or last
    scale: str = "rstd"  # 1 / √(σ² + ε); or none, variance, std
    # In the statistics: of the factor rstd, and of x̂.
    rstd_eps: float | None = None  # the ε of the forward
    rstd_ddof: int = 0
    x_hat_eps: float | None = None
    x_hat_ddof: int = 0
    # In dweight and dbias.
    dweight_from: str = "x_hat"  # or x, centered, y, ones
    dbias_from: str = "ones"  # or x_hat
    dweight_of: str = "dy"  # or g
    dbias_of: str = "dy"  # or g
    reduce: str = "sum"  # over all axes but the parameters'; or none, first, …: see `_reduced`
    order: tuple | None = None  # of what is returned


@dataclass(frozen=True)
class _Kept:
    """What the backward takes from the forward, in the shape in which statistics are computed."""

    axis: int | tuple
    count: int  # of the numbers in each average
    std: np.ndarray
    named: dict  # x̂, and what a reader may take for it


def gradients(x, weight, y, eps, layout, **knobs):
    """The function from dy to dx, dweight and dbias."""
    knobs = Knobs(**knobs)
    held = kept(x, y, eps, layout, knobs)
    factor = along(weight, x.ndim, layout.channel, knobs.weight_axis)
    sources = ((knobs.dweight_from, knobs.dweight_of), (knobs.dbias_from, knobs.dbias_of))

    def vjp(dy):
        upstream = {"dy": dy, "g": dy * factor}
        sums = (
            _reduced(upstream[of] * layout.join(held.named[source]), layout, knobs.reduce)
            for source, of in (sources if layout.center else sources[:1])
        )
        found = (_dx(dy, factor, held, layout, knobs), *sums)
        return found if knobs.order is None else tuple(found[i] for i in knobs.order)

    return vjp


def kept(x, y, eps, layout, knobs=Knobs()):  # noqa: B008  (frozen)
    """The statistics, by the axes of the forward."""
    v = layout.split(x)
    axis = axes(layout.axis, v.ndim)
    centered = v - v.mean(axis, keepdims=True) if layout.center else v
    square = (centered**2).mean(axis, keepdims=True)
    count = v.size // square.size

    def root(own_eps, ddof):
        variance = square * np.divide(count, count - ddof)
        return np.sqrt(variance + (eps if own_eps is None else own_eps))

    of_rstd, of_x_hat = (knobs.rstd_eps, knobs.rstd_ddof), (knobs.x_hat_eps, knobs.x_hat_ddof)
    std = root(*of_rstd)
    named = {
        "x_hat": centered / (std if of_x_hat == of_rstd else root(*of_x_hat)),
        "x": v,
        "centered": centered,
        "y": layout.split(y),
        "ones": np.ones_like(v),
    }
    return _Kept(axis, count, std, named)


def _dx(dy, factor, held, layout, knobs):
    """(g − mean(g) − x̂·mean(g·x̂)) / √(σ² + ε), where g = dy·weight."""
    place = knobs.weight_place
    g = layout.split(dy * factor if place == "before" else dy)
    of = {"g": g, "dy": layout.split(dy)}
    front, inside = (held.named[name] for name in knobs.direction)
    n = held.count
    share = {"mean": 1, "none": 0, "sum": n, "plus": -1, "n - 1": n / max(n - 1, 1)}

    def mean(values, axis):
        own = held.axis if axis == "own" else axes(axis, values.ndim)
        return values.mean(own, keepdims=True)

    of_g = mean(of[knobs.mean_g_of] * held.named[knobs.first], knobs.g_axis)
    of_gx = mean(of[knobs.mean_gx_of] * inside, knobs.gx_axis)
    dx = g - share[knobs.mean_g] * of_g - share[knobs.mean_gx] * front * of_gx
    dx = layout.join(dx * _scale(held.std, knobs.scale))
    return dx * factor if place == "after" else dx


def _scale(std, name):
    """What dx is multiplied by at the end."""
    if name == "none":
        return 1
    if name == "variance":
        return 1 / std**2
    return std if name == "std" else 1 / std


def _reduced(values, layout, reduce):
    """The sum over all axes but that of the parameters, or a wrong one."""
    own = 1 if layout.channel else values.ndim - 1
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
        return values.reshape(len(values), layout.num_groups, -1).sum((0, 2))
    others = tuple(a for a in range(values.ndim) if a != own)
    if reduce == "mean":
        return values.mean(others)
    return values.sum(others, keepdims=reduce == "keepdims")
