"""What only a layer of numbers can be asked: axes, invariances, eps, and extreme numbers."""

import numpy as np

SAME = 1e-3  # relative difference below which two outputs count as equal: an eps of 1e-5 is less
ROUGH = 0.05  # the same where rounding is allowed
FAR, NEAR = 1e7, 1e-14  # spreads of x at which any eps is negligible, and at which none is
HALF = 2.0**-12  # by which float16 rounds: its numbers end at 65504, and near 1e-7
MOST = 3.0  # factor by which an output differs from its size without eps, where eps is measured


def unit_of(y):
    """By how much numbers are rounded, relative to their size, to judge by those of an output."""
    y = y[np.isfinite(y)].astype(np.float64)
    single = y.astype(np.float32)
    if (single != y).any() or not y.any():
        return 2.0**-53
    if not (single.view(np.uint32) & 0xFFFF).any():
        return 2.0**-9  # bfloat16
    return HALF if (y.astype(np.float16) == y).all() else 2.0**-24


def axes_of(view):
    """Which numbers move when the first one changes; of several times, as roundings may agree."""
    first = (0,) * view.x.ndim
    change = np.max([view.moved(view.changed(*first, seed=seed)) for seed in range(1, 4)], axis=0)
    found, features = [], None
    for i, name in enumerate(view.axes):
        line = [0] * view.x.ndim
        line[i] = slice(1, None)
        furthest = float(change[tuple(line)].max())
        if furthest > 0:
            found.append(name)
        if name == "feature":
            features = furthest
    together = max(int((change > 0).sum()), 1)
    return {"axes": tuple(found), "together": together, "other_features": features}


def invariances(view):
    """Whether a common shift, a positive factor and the sign are forgotten."""
    spread = view.x.std() or 1.0
    shift = 2 * (abs(view.x.mean()) + spread)  # seen beside a large mean too
    # Each number of x and of the output is rounded, and an average of them as well.
    rounding = 8 * view.unit * max(1.0, np.abs(view.y).max() / (np.std(view.y) or 1.0))
    shifted = rounding * (1 + (np.abs(view.x).max() + shift) / spread)
    return {
        "forgets_shift": _close(view(view.x + shift), view.y, max(SAME, shifted)),
        "forgets_scale": _close(view(3 * view.x), view.y, max(SAME, rounding)),
        "forgets_sign": _close(view(-view.x), view.y, max(SAME, rounding)),
    }


def scale_findings(view, found):
    """The divisor of the variance and eps, from how outputs shrink with their input."""
    half = view.unit == HALF
    far_off, near_zero = (1e3, 1e-3) if half else (FAR, NEAR)
    x = (view.x - view.x.mean()) / (view.x.std() or 1.0)
    first = (0,) * x.ndim
    other = far_off * x  # as large as that, or a large eps hides who shares a variance
    other[first] += 3 * far_off
    mask = view.moved(other, base=view(far_off * x)) > 0
    mask[first] = True
    values = x[mask]

    def odd(factor):  # without the bias, which is the same for x and -x
        return (view(factor * x) - view(-factor * x))[mask] / 2

    def size(factor):
        return np.sqrt(np.mean(odd(factor) ** 2))

    far = size(far_off)
    exact = max(1e-4, 8 * view.unit)
    if values.size < 2 or not (far > 0 and np.isclose(far, size(3 * far_off), rtol=exact, atol=0)):
        return {"divides_by": None, "eps": None, "eps_place": None}
    n = values.size
    divisor = None
    for name, rms in (("n", 1.0), ("n − 1", np.sqrt((n - 1) / n))):
        if np.isclose(far, rms, rtol=0, atol=max(1e-6, 2 * view.unit)):
            divisor = name
    square = values.var() if found["forgets_shift"] else np.mean(values**2)
    if divisor == "n − 1":
        square *= n / (n - 1)
    shrinking = _shrinking(odd, far_off, max(1e-3, 8 * view.unit))
    eps, place = _eps(shrinking, square, near_zero, far_off) if shrinking else (None, None)
    eps = None if half and eps == 0 else eps  # an eps of 1e-8 is none, in half precision
    return {"divides_by": divisor, "eps": eps, "eps_place": place}


def _shrinking(odd, far_off, exact):
    """By which factor outputs of factor · x are short; None if not all are by the same."""
    far = odd(far_off)

    def factor_of(factor):
        return (far @ far) / (far @ odd(factor))

    half = odd(1e-3)  # where an eps of 1e-5 shows
    if not np.allclose(half * factor_of(1e-3), far, rtol=exact, atol=exact * np.abs(far).max()):
        return None
    return factor_of


def _eps(shrinking, square, near_zero, far_off):
    """Eps and its place from ``shrinking(factor)``, by how much an output of factor · x is short.

    Inside the root it is √(1 + eps / (factor² square)), outside 1 + eps / (factor √square).
    """
    if not shrinking(near_zero) > 1.2:  # nan too
        return 0.0, None
    low, high = near_zero, far_off
    for _ in range(60):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if shrinking(middle) > MOST else (low, middle)
    a, r, further = high, shrinking(high), shrinking(high / 5)
    inside, outside = (r**2 - 1) * a**2 * square, (r - 1) * a * np.sqrt(square)
    for place, eps, expected in (
        ("inside", inside, np.sqrt(1 + 25 * (r**2 - 1))),
        ("outside", outside, 1 + 5 * (r - 1)),
    ):
        if np.isclose(further, expected, rtol=0.02):
            return float(eps), place
    return float(inside), None


def extremes(view, forgets_shift):
    """What becomes of zeros, of a large mean in float32, and of large numbers in float16."""
    unit = (view.x - view.x.mean()) / (view.x.std() or 1.0)
    shifted = unit.astype(np.float32) + np.float32(1e4)
    centered = shifted.astype(np.float64) - 1e4  # exactly the same numbers, without the mean
    large = (300 * unit).astype(np.float16)
    return {
        "zeros": _verdict(view, np.zeros_like(view.x)),
        "large_mean": _verdict(view, shifted, centered if forgets_shift else None),
        "float16": _verdict(view, large, large.astype(np.float64)),
    } | ({"large_mean": None} if view.unit > 1e-4 else {})


def _verdict(view, x, exact=None):
    try:
        y = np.asarray(view(x), dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):
        return "refused"
    if not np.isfinite(y).all():
        return "nan" if np.isnan(y).any() else "infinite"
    if exact is not None and not _close(y, view(exact), ROUGH):
        return "wrong"
    return "fine"


def _close(y, expected, tolerance):
    """Equal up to a share of the spread of what was expected."""
    spread = np.std(expected)
    return bool(np.abs(y - expected).max() <= tolerance * (spread if spread > 0 else 1.0))
