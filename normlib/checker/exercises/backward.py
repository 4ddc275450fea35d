"""What the backwards of all norms share: the right gradients with their knobs, and the usual slips.

One derivation serves all norms. With g = dy·weight it is

    dx = (g − mean(g) − x̂·mean(g·x̂)) / √(σ² + ε),  dweight = Σ dy·x̂,  dbias = Σ dy.

The norms differ in their `Layout`, and a slip turns some of the `Knobs`. What stands in braces in a
message is said in the words of each norm, see `forward.WORDS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from normlib.checker.attempts import call_vjp
from normlib.checker.exercises.forward import along, axes
from normlib.checker.model import Exercise, Slip


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
    direction: tuple = ("x_hat", "x_hat")  # the two x̂ of that term; or x, centered, y, ones
    means_axis: int | str | tuple | None = "own"  # that of the forward; or others, see `axes`
    weight_place: str = "before"  # the means are taken; or after, not in the means, never
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
    sums_of: str = "dy"  # or g
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
    kept = _kept(x, y, eps, layout, knobs)
    factor = along(weight, x.ndim, layout.channel, knobs.weight_axis)
    sources = (knobs.dweight_from, knobs.dbias_from) if layout.center else (knobs.dweight_from,)

    def vjp(dy):
        upstream = dy * factor if knobs.sums_of == "g" else dy
        sums = (
            _reduced(upstream * layout.join(kept.named[source]), layout, knobs.reduce)
            for source in sources
        )
        found = (_dx(dy, factor, kept, layout, knobs), *sums)
        return found if knobs.order is None else tuple(found[i] for i in knobs.order)

    return vjp


def _kept(x, y, eps, layout, knobs):
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


def _dx(dy, factor, kept, layout, knobs):
    """(g − mean(g) − x̂·mean(g·x̂)) / √(σ² + ε), where g = dy·weight."""
    place = knobs.weight_place
    g = layout.split(dy * factor if place in ("before", "not in the means") else dy)
    averaged = layout.split(dy) if place == "not in the means" else g
    axis = kept.axis if knobs.means_axis == "own" else axes(knobs.means_axis, g.ndim)
    front, inside = (kept.named[name] for name in knobs.direction)
    n = kept.count
    share = {"mean": 1, "none": 0, "sum": n, "plus": -1, "n - 1": n / max(n - 1, 1)}
    dx = g - share[knobs.mean_g] * averaged.mean(axis, keepdims=True)
    dx = dx - share[knobs.mean_gx] * front * (averaged * inside).mean(axis, keepdims=True)
    dx = layout.join(dx * _scale(kept.std, knobs.scale))
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


MEAN_OF_G = (
    Slip(
        "You treated mean and standard deviation as constants. Both depend on x, so dx has two "
        "more terms: mean(g) and x̂·mean(g·x̂) are missing.",
        mean_g="none",
        mean_gx="none",
    ),
    Slip("The term mean(g) is missing from dx: the mean depends on x too.", mean_g="none"),
    Slip(
        "You took sums in dx where means belong: divide both by {n}.", mean_g="sum", mean_gx="sum"
    ),
    Slip("In dx you took the sum of g where its mean belongs: divide by {n}.", mean_g="sum"),
    Slip("You added mean(g) in dx: subtract it.", mean_g="plus"),
)

PROJECTION = (
    Slip(
        "The term x̂·mean(g·x̂) is missing from dx: the {root} depends on x too.",
        mean_gx="none",
    ),
    Slip("In dx you took the sum of g·x̂ where its mean belongs: divide by {n}.", mean_gx="sum"),
    Slip("You added x̂·mean(g·x̂) in dx: subtract it.", mean_gx="plus"),
    Slip(
        "In dx you divided the sum of g·x̂ by {n} − 1. The forward divides by {n}, and so does the "
        "gradient.",
        mean_gx="n - 1",
    ),
    Slip(
        "weight is missing from dx: multiply dy by weight before you take the means.",
        weight_place="never",
    ),
    Slip(
        "In the second term of dx, mean(g·x̂) is not multiplied by x̂.", direction=("ones", "x_hat")
    ),
    Slip(
        "In the second term of dx you took the mean of g. It is the mean of g·x̂.",
        direction=("x_hat", "ones"),
    ),
    Slip(
        "In the second term of dx, mean(g·x̂) is multiplied by x: multiply it by x̂.",
        direction=("x", "x_hat"),
    ),
    Slip("In the second term of dx you used x where x̂ belongs.", direction=("x", "x")),
)

CENTERED = (
    Slip(
        "In the second term of dx, mean(g·x̂) is multiplied by x − μ: multiply it by x̂.",
        direction=("centered", "x_hat"),
    ),
    Slip(
        "In the second term of dx you used x − μ where x̂ belongs: divide by the standard "
        "deviation.",
        direction=("centered", "centered"),
    ),
)

# Where the weight is not constant over the axes of the means, its place matters.
WEIGHT_PLACE = (
    Slip(
        "In dx you multiplied by weight last. Multiply dy by weight first, then take the means.",
        weight_place="after",
    ),
    Slip(
        "The means in dx are taken of dy. Take them of dy times weight.",
        weight_place="not in the means",
    ),
)

# Where it is constant there, "last" is right, and only this is a mistake.
WEIGHT_IN_THE_MEANS = (WEIGHT_PLACE[1],)

SCALE = (
    Slip("dx is not divided by the {root}: multiply by rstd.", scale="none"),
    Slip(
        "You divided dx by the {square}. Divide by the {root}, as the forward does.",
        scale="variance",
    ),
    Slip("You multiplied dx by the {root}: divide by it.", scale="std"),
    Slip("The factor rstd in dx leaves out ε: it is 1/√({s2} + ε).", rstd_eps=0.0),
    Slip("The x̂ in your backward leaves out ε: it is that of the forward.", x_hat_eps=0.0),
    Slip(
        "The backward leaves out ε. It has the same √({s2} + ε) as the forward.",
        rstd_eps=0.0,
        x_hat_eps=0.0,
    ),
    Slip(
        "Your backward ignores the argument eps and uses 1e-5. It has the same ε as the forward.",
        rstd_eps=1e-5,
        x_hat_eps=1e-5,
    ),
)

DDOF = (
    Slip(
        "The variance in rstd is divided by {n} − 1: divide by {n}, as in the forward.",
        rstd_ddof=1,
    ),
    Slip("The x̂ in your backward has a variance divided by {n} − 1: divide by {n}.", x_hat_ddof=1),
    Slip(
        "Your backward divides the variance by {n} − 1. It has the same variance as the forward.",
        rstd_ddof=1,
        x_hat_ddof=1,
    ),
)

SUMS = (
    Slip(
        "The sum over the {tokens} is missing. All {tokens} share {parameters}, so the gradients "
        "add up.",
        reduce="none",
    ),
    Slip(
        "You summed over the first axis only. All {tokens} share {parameters}: sum over {others}.",
        reduce="first",
    ),
    Slip("You averaged over the {tokens} where a sum belongs.", reduce="mean"),
    Slip(
        "You summed over the {feature}s. Sum over the {tokens}: {others}.",
        reduce="features",
    ),
    Slip(
        "You summed over everything. Each {feature} keeps its own number: sum over {others}.",
        reduce="all",
    ),
    Slip(
        "Axes of length 1 are left. A gradient has the shape of what it is the gradient of.",
        reduce="keepdims",
    ),
    Slip("dweight is made from x. What multiplies weight is x̂.", dweight_from="x"),
)

WITH_BIAS = (
    Slip(
        "dweight is the same as dbias. The output is weight·x̂ + bias: what multiplies weight?",
        dweight_from="ones",
    ),
    Slip(
        "dweight is made from x − μ. What multiplies weight is x̂: divide by the standard "
        "deviation.",
        dweight_from="centered",
    ),
    Slip("dweight is made from y. What multiplies weight is x̂.", dweight_from="y"),
    Slip(
        "dbias is the same as dweight: bias is only added, so x̂ has no part in it.",
        dbias_from="x_hat",
    ),
    Slip(
        "dweight and dbias are sums of dy times weight. Weight plays no part there: use dy itself.",
        sums_of="g",
    ),
    Slip("You swapped dweight and dbias: return dx, dweight, dbias.", order=(0, 2, 1)),
    *(
        Slip(
            "The gradients are right but in another order: return dx, dweight, dbias.", order=order
        )
        for order in ((1, 2, 0), (2, 1, 0), (1, 0, 2), (2, 0, 1))
    ),
)


def means_over(*wrong):
    """Slips in dx: pairs of a message and the axes over which the means are taken."""
    return tuple(Slip(message, means_axis=axis) for message, axis in wrong)


def exercise(of, reference, words, *slips, parameters=("weight", "bias"), per_parameter):
    """The exercise that asks for the gradients too, on the probes of its forward."""
    gradients = tuple(f"d{name}" for name in ("x", *parameters))
    number = {2: "two", 3: "three"}[len(gradients)]
    return Exercise(
        name=f"{of.name}_vjp",
        arguments=of.arguments,
        call=call_vjp,
        parts=("y", *gradients),
        reference=reference,
        probes=of.probes,
        slips=tuple(slip.worded(**words) for slip in slips),
        checked=f"the output and all {number} gradients, their shapes and order, inputs unchanged",
        forward=of,
        per_parameter=per_parameter,
        reasons=of.reasons,
    )
