"""The inputs of the exercises, chosen so that the usual mistakes show. Drawn when first needed.

===================================  ===============================================
mistake                              what shows it
===================================  ===============================================
wrong axis                           axes of unequal length, a mean far from 0
weight forgotten or misplaced        random weight and bias, away from 0 and 1
weight along the wrong axis          a last axis as long as that of the channels, so
                                     that no error stops it
eps outside, squared or ignored      eps of 0.1 and more, a variance far below eps
eps missing                          equal numbers, zeros
a second eps, a lower limit          a tiny variance with a tinier eps
one number of axes only              a table, three axes, four axes, one token
E[x²] − E[x]², half precision        float32 near 10000 (`delicate=True`)
groups                               1 < G < C with G² ≠ C, G = 1, G = C
state                                batches of unequal size and mean, then eval,
                                     then training again
===================================  ===============================================

The first probe is the plain case: a slip that ends in an error there is never recognized.
"""

from functools import partial

import numpy as np

from normlib.checker.model import Probe


def _draw(seed, *shape, mean=2.0, sd=3.0, eps, dtype="float64", features=-1, **more):
    """Arguments for a norm. Weights keep away from 0 and 1, of either sign."""
    rng = np.random.default_rng([1607, 6450, seed])
    count = shape[features]
    arrays = {
        "x": rng.normal(mean, sd, shape),
        "weight": rng.uniform(1.2, 2.5, count) * rng.choice([-1, 1, 1], count),
        "bias": rng.normal(0.5, 1.0, count),
        "dy": rng.normal(0.3, 1.0, shape),
    }
    return {name: array.astype(dtype) for name, array in arrays.items()} | {"eps": eps} | more


def _equal_features(seed, *shape, eps):
    """Variance 0. Halves and a power of two, so that no mean is rounded."""
    tokens = np.arange(1.5, 1.5 + np.prod(shape[:-1])).reshape(*shape[:-1], 1)
    return _draw(seed, *shape, eps=eps) | {"x": np.broadcast_to(tokens, shape).copy()}


def _equal_numbers(seed, *shape, eps, **more):
    """Variance 0 over any axes, about a mean that is not 0 and not rounded."""
    return _draw(seed, *shape, eps=eps, **more) | {"x": np.full(shape, 1.5)}


def _zeros(seed, *shape, eps, **more):
    """Every variance is 0, over any axes, about the mean or about zero."""
    return _draw(seed, *shape, eps=eps, **more) | {"x": np.zeros(shape)}


def _series(seed, *shapes, eps, momentum, constant=False, **more):
    """Batches for a layer that keeps running statistics, each with another mean."""
    given = _draw(seed, *shapes[0], eps=eps, momentum=momentum, features=1, **more)
    given["num_features"] = shapes[0][1]
    mean, sd, dtype = more.get("mean", 2.0), more.get("sd", 3.0), given["x"].dtype
    rng = np.random.default_rng([1607, 6450, seed, 1])
    for number, shape in enumerate(shapes[1:], 2):
        given[f"x{number}"] = rng.normal(mean + number * sd / 4, sd, shape).astype(dtype)
    if constant:
        given["x"] = np.full(shapes[0], 1.5)
    return given


# A variance that a second ε or a lower limit would change. There is no mean to round.
_tiny = partial(Probe, "a tiny variance", delicate=True)
_FAR_BELOW_1 = {"mean": 0.0, "sd": 1e-6, "eps": 1e-14}

# In float32, two passes are right to about 1e-3 here; one pass is not right at all.
_delicate = partial(Probe, "float32 numbers near 10000", delicate=True)
_near_10000 = {"mean": 1e4, "sd": 1.0, "eps": 0.1, "dtype": "float32"}

# For norms of the last axis. No two axes are equally long, and no mean is 0, but for the zeros.
TOKENS = (
    Probe("the plain case", partial(_draw, 0, 3, 4, 6, eps=0.3)),
    Probe("one token", partial(_draw, 1, 5, eps=0.1)),
    Probe("a table", partial(_draw, 8, 7, 5, eps=0.2)),
    Probe("four axes", partial(_draw, 9, 2, 3, 4, 5, eps=0.1)),
    Probe("a variance far below eps", partial(_draw, 2, 2, 3, 5, mean=0.002, sd=0.002, eps=0.02)),
    Probe("equal features", partial(_equal_features, 3, 2, 3, 8, eps=1e-4)),
    Probe("zeros", partial(_zeros, 4, 2, 3, 4, eps=1e-4)),
    Probe("a tiny eps", partial(_draw, 5, 2, 5, 7, eps=1e-12)),
    _tiny(partial(_draw, 60, 3, 2, 7, **_FAR_BELOW_1)),
    Probe("a large eps", partial(_draw, 6, 5, 2, 4, mean=-4.0, eps=20.0)),
    _delicate(partial(_draw, 7, 4, 3, 8, **_near_10000)),
)

# For the operator `normalize`: any axes, with and without centering.
AXES = (
    Probe("two axes", partial(_draw, 10, 3, 4, 6, eps=0.3, axis=(0, 2), center=True)),
    Probe("no centering", partial(_draw, 11, 3, 4, 6, eps=0.1, axis=(1, 2), center=False)),
    Probe("a number as axis", partial(_draw, 12, 5, 3, eps=0.1, axis=0, center=True)),
    Probe("an axis from the end", partial(_draw, 13, 2, 5, 3, eps=0.1, axis=-2, center=False)),
    Probe("one axis", partial(_draw, 14, 7, eps=0.1, axis=(0,), center=True)),
    Probe(
        "a variance far below eps",
        partial(_draw, 15, 2, 3, 5, mean=0.002, sd=0.002, eps=0.02, axis=(-1, 0), center=True),
    ),
    Probe(
        "equal numbers", partial(_equal_numbers, 16, 2, 3, 4, eps=1e-4, axis=(0, 2), center=True)
    ),
    Probe("zeros", partial(_zeros, 17, 2, 3, 4, eps=1e-4, axis=(1, 2), center=False)),
    Probe("a large eps", partial(_draw, 18, 5, 2, 4, eps=20.0, axis=(0, 1), center=True)),
    Probe("four axes", partial(_draw, 61, 4, 3, 2, 5, eps=0.1, axis=(0, 2, 3), center=True)),
    _tiny(partial(_draw, 62, 3, 5, 6, axis=(0, 1), center=True, **_FAR_BELOW_1)),
    _delicate(partial(_draw, 19, 4, 3, 8, axis=(0, 2), center=True, **_near_10000)),
)

_draw_channels = partial(_draw, features=1)
_IMAGES = (
    Probe(
        "a variance far below eps",
        partial(_draw_channels, 21, 3, 2, 5, mean=0.002, sd=0.002, eps=0.02),
    ),
    Probe("equal numbers", partial(_equal_numbers, 22, 2, 3, 4, eps=1e-4, features=1)),
    Probe("zeros", partial(_zeros, 23, 2, 3, 4, eps=1e-4, features=1)),
    Probe("a tiny eps", partial(_draw_channels, 24, 2, 5, 4, 3, eps=1e-12)),
    _tiny(partial(_draw_channels, 63, 3, 4, 5, **_FAR_BELOW_1)),
    Probe("one sample", partial(_draw_channels, 64, 1, 3, 5, eps=0.1)),
    Probe("a large eps", partial(_draw_channels, 25, 4, 3, 5, mean=-4.0, eps=20.0)),
    _delicate(partial(_draw_channels, 26, 4, 3, 8, **_near_10000)),
)

# The last axis is as long as that of the channels, so that weights laid along it make no error.
_SQUARE = (5, 4, 3, 4)

BATCHES = (
    Probe("the plain case", partial(_draw_channels, 20, 6, 3, eps=0.3)),
    Probe("images", partial(_draw_channels, 27, *_SQUARE, eps=0.1)),
    *_IMAGES,
)

IMAGES = (Probe("the plain case", partial(_draw_channels, 28, *_SQUARE, eps=0.3)), *_IMAGES)

GROUPS = (
    Probe("the plain case", partial(_draw_channels, 30, 5, 6, 3, 6, num_groups=2, eps=0.3)),
    Probe("four groups of two", partial(_draw_channels, 31, 3, 8, 5, num_groups=4, eps=0.1)),
    Probe("a batch of vectors", partial(_draw_channels, 32, 5, 6, num_groups=2, eps=0.1)),
    Probe("one group", partial(_draw_channels, 33, 2, 4, 3, num_groups=1, eps=0.1)),
    Probe("one channel in each group", partial(_draw_channels, 34, 2, 3, 4, num_groups=3, eps=0.1)),
    Probe(
        "a variance far below eps",
        partial(_draw_channels, 35, 3, 6, 5, mean=0.002, sd=0.002, num_groups=3, eps=0.02),
    ),
    Probe(
        "equal numbers", partial(_equal_numbers, 36, 3, 4, 2, num_groups=2, eps=1e-4, features=1)
    ),
    Probe("zeros", partial(_zeros, 37, 2, 4, 3, num_groups=2, eps=1e-4, features=1)),
    Probe("a tiny eps", partial(_draw_channels, 38, 2, 6, 4, 3, num_groups=3, eps=1e-12)),
    _tiny(partial(_draw_channels, 65, 3, 6, 5, num_groups=2, **_FAR_BELOW_1)),
    Probe("one sample", partial(_draw_channels, 66, 1, 6, 5, num_groups=3, eps=0.1)),
    Probe("a large eps", partial(_draw_channels, 39, 4, 6, 5, mean=-4.0, num_groups=2, eps=20.0)),
    _delicate(partial(_draw_channels, 40, 4, 6, 8, num_groups=2, **_near_10000)),
)

# Training, training, eval, training: batches of unequal size.
SERIES = (
    Probe(
        "the plain case",
        partial(_series, 50, (6, 3), (2, 3), (4, 3), (5, 3), eps=0.3, momentum=0.3),
    ),
    Probe(
        "images",
        partial(_series, 51, *((n, 4, 3, 4) for n in (3, 2, 5, 4)), eps=0.1, momentum=0.2),
    ),
    Probe(
        "a variance far below eps",
        partial(
            _series,
            52,
            *((n, 3, 5) for n in (2, 4, 3, 2)),
            mean=0.002,
            sd=0.002,
            eps=0.02,
            momentum=0.6,
        ),
    ),
    Probe(
        "a batch of equal numbers",
        partial(_series, 53, (4, 3), (3, 3), (2, 3), (5, 3), constant=True, eps=1e-4, momentum=1.0),
    ),
    Probe(
        "a batch of one in evaluation",
        partial(_series, 55, (5, 3), (4, 3), (1, 3), (6, 3), eps=0.2, momentum=0.4),
    ),
    _tiny(partial(_series, 56, *((n, 4, 3) for n in (3, 5, 2, 4)), momentum=0.5, **_FAR_BELOW_1)),
    _delicate(
        partial(_series, 54, *((n, 3, 4) for n in (4, 2, 3, 2)), momentum=0.3, **_near_10000)
    ),
)
