"""The exercises: for each the reference, the probes and the mistakes that have a name.

To add one, write its reference with knobs, list the slips, and add it to EXERCISES. The tests then
hold it to the same rules: the reference passes, and each slip is told apart from all others.
"""

from functools import partial

import numpy as np

from normlib.checker import backward_slips, forward_slips, references
from normlib.checker.attempts import call_forward, call_vjp
from normlib.checker.model import Exercise, Probe


def _draw(seed, *shape, mean=2.0, sd=3.0, eps, dtype="float64"):
    """Arguments for a norm of the last axis. Weights keep away from 0 and 1, of either sign."""
    rng = np.random.default_rng([1607, 6450, seed])
    count = shape[-1]
    arrays = {
        "x": rng.normal(mean, sd, shape),
        "weight": rng.uniform(1.2, 2.5, count) * rng.choice([-1, 1, 1], count),
        "bias": rng.normal(0.5, 1.0, count),
        "dy": rng.normal(0.3, 1.0, shape),
    }
    return {name: array.astype(dtype) for name, array in arrays.items()} | {"eps": eps}


def _equal_features(seed, *shape, eps):
    """Variance 0. Halves and a power of two, so that no mean is rounded."""
    tokens = np.arange(1.5, 1.5 + np.prod(shape[:-1])).reshape(*shape[:-1], 1)
    return _draw(seed, *shape, eps=eps) | {"x": np.broadcast_to(tokens, shape).copy()}


def _zeros(seed, *shape, eps):
    """Every variance is 0, over any axes, about the mean or about zero."""
    return _draw(seed, *shape, eps=eps) | {"x": np.zeros(shape)}


def _turned(seed, *shape, eps):
    """The arrays x and dy are not contiguous in memory."""
    given = _draw(seed, *shape, eps=eps)
    return given | {name: np.asfortranarray(given[name]) for name in ("x", "dy")}


# For norms of the last axis. No two axes are equally long, and no mean is 0, but for the zeros.
TOKENS = (
    Probe("the plain case", partial(_draw, 0, 3, 4, 6, eps=0.3)),
    Probe("one token", partial(_draw, 1, 5, eps=0.1)),
    Probe("a variance far below eps", partial(_draw, 2, 2, 3, 5, mean=0.002, sd=0.002, eps=0.02)),
    Probe("equal features", partial(_equal_features, 3, 2, 3, 8, eps=1e-4)),
    Probe("zeros", partial(_zeros, 4, 2, 3, 4, eps=1e-4)),
    Probe("an array stored in another order", partial(_turned, 5, 2, 5, 7, eps=1e-12)),
    Probe("a large eps", partial(_draw, 6, 5, 2, 4, mean=-4.0, eps=20.0)),
    # In float32, two passes are right to about 1e-3 here; one pass is not right at all.
    Probe(
        "float32 numbers near 10000",
        partial(_draw, 7, 4, 3, 8, mean=1e4, sd=1.0, eps=0.1, dtype="float32"),
        tolerance=2e-2,
        delicate=True,
    ),
)

LAYER_NORM = Exercise(
    name="layer_norm",
    arguments=("x", "weight", "bias", "eps"),
    call=call_forward,
    parts=("y",),
    reference=references.layer_norm,
    probes=TOKENS,
    slips=(
        *forward_slips.STATISTICS,
        *forward_slips.EPSILON,
        *forward_slips.CENTERING,
        *forward_slips.AFFINE,
    ),
    checked="values and shapes, ε under the root, digits kept at a large mean, inputs unchanged",
)

LAYER_NORM_VJP = Exercise(
    name="layer_norm_vjp",
    arguments=("x", "weight", "bias", "eps"),
    call=call_vjp,
    parts=("y", "dx", "dweight", "dbias"),
    reference=references.layer_norm_vjp,
    probes=TOKENS,
    slips=(*backward_slips.PROJECTIONS, *backward_slips.SCALE, *backward_slips.PARAMETERS),
    checked="the output and all three gradients, their shapes and order, inputs unchanged",
    forward=LAYER_NORM,
)

EXERCISES = {exercise.name: exercise for exercise in (LAYER_NORM, LAYER_NORM_VJP)}
