"""Four ways to a variance in four formats, step for step as js/precision_lab.js does them."""

import math

import numpy as np

from normlib.widgets._random import mulberry32

COUNT = 64


def numbers(seed, offset, spread):
    """Sums of three uniform numbers, with mean `offset` and standard deviation about `spread`."""
    draw = mulberry32(seed)
    return [
        offset + spread * (2 * (next(draw) + next(draw) + next(draw)) - 3) for _ in range(COUNT)
    ]


def _bfloat16(value):
    """Round float32 to its upper 16 bits, to nearest and ties to even, as hardware does."""
    single = np.float32(value)
    if not np.isfinite(single):
        return float(single)
    bits = single.view(np.uint32)
    bits = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(
        0xFFFF0000
    )
    return float(bits.view(np.float32))


ROUND = {
    "float64": float,
    "float32": lambda value: float(np.float32(value)),
    "bfloat16": _bfloat16,
    "float16": lambda value: float(np.float16(value)),
}


def statistics(x, algorithm, rounded):
    """Mean and variance of numbers, every operation rounded, summed from first to last."""
    with np.errstate(over="ignore"):
        return ALGORITHMS[algorithm](x, rounded)


def _one_pass(x, r):
    total = squares = 0.0
    for value in x:
        total = r(total + value)
        squares = r(squares + r(value * value))
    mean = r(total / len(x))
    return mean, r(r(squares / len(x)) - r(mean * mean))


def _two_pass(x, r):
    total = squares = 0.0
    for value in x:
        total = r(total + value)
    mean = r(total / len(x))
    for value in x:
        away = r(value - mean)
        squares = r(squares + r(away * away))
    return mean, r(squares / len(x))


def _welford(x, r):
    mean = squares = 0.0
    for k, value in enumerate(x, 1):
        away = r(value - mean)
        mean = r(mean + r(away / k))
        squares = r(squares + r(away * r(value - mean)))
    return mean, r(squares / len(x))


def _shifted(x, r):
    mean, variance = _one_pass([r(value - x[0]) for value in x], r)
    return r(x[0] + mean), variance


ALGORITHMS = {"one": _one_pass, "two": _two_pass, "welford": _welford, "shifted": _shifted}


def relative_error(variance, x):
    """How far a variance is from that of some numbers; inf where theirs is 0."""
    right = float(np.var(x)) if np.isfinite(x).all() else math.nan
    if not math.isfinite(variance) or not math.isfinite(right):
        return math.nan
    if right == 0:
        return 0.0 if variance == 0 else math.inf
    return abs(variance - right) / right
