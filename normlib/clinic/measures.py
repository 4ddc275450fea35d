"""What only a layer of numbers can be asked: axes, invariances, eps, and extreme numbers."""

import numpy as np

SAME = 1e-3  # relative difference below which two outputs count as equal: an eps of 1e-5 is less
ROUGH = 0.05  # the same where rounding is allowed
FAR, NEAR = 1e7, 1e-14  # spreads of x at which any eps is negligible, and at which none is
MOST = 3.0  # factor by which an output differs from its size without eps, where eps is measured


def axes_of(view):
    """Which numbers move when the first one changes."""
    change, found, features = view.moved(view.changed(*(0,) * view.x.ndim)), [], None
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
    shift = 2 * (abs(view.x.mean()) + (view.x.std() or 1.0))  # seen beside a large mean too
    return {
        "forgets_shift": _close(view(view.x + shift), view.y, SAME),
        "forgets_scale": _close(view(3 * view.x), view.y, SAME),
        "forgets_sign": _close(view(-view.x), view.y, SAME),
    }


def scale_findings(view, found):
    """The divisor of the variance and eps, from how outputs shrink with their input."""
    x = (view.x - view.x.mean()) / (view.x.std() or 1.0)
    first = (0,) * x.ndim
    other = FAR * x  # as large as that, or a large eps hides who shares a variance
    other[first] += 3 * FAR
    mask = view.moved(other, base=view(FAR * x)) > 0
    mask[first] = True
    values = x[mask]

    def odd(factor):  # without the bias, which is the same for x and -x
        return (view(factor * x) - view(-factor * x))[mask] / 2

    def size(factor):
        return np.sqrt(np.mean(odd(factor) ** 2))

    far = size(FAR)
    if values.size < 2 or not (far > 0 and np.isclose(far, size(3 * FAR), rtol=1e-4, atol=0)):
        return {"divides_by": None, "eps": None, "eps_place": None}
    n = values.size
    divisor = None
    for name, rms in (("n", 1.0), ("n − 1", np.sqrt((n - 1) / n))):
        if np.isclose(far, rms, rtol=0, atol=1e-6):
            divisor = name
    square = values.var() if found["forgets_shift"] else np.mean(values**2)
    if divisor == "n − 1":
        square *= n / (n - 1)
    shrinking = _shrinking(odd)
    eps, place = _eps(shrinking, square) if shrinking else (None, None)
    return {"divides_by": divisor, "eps": eps, "eps_place": place}


def _shrinking(odd):
    """By which factor outputs of factor · x are short; None if not all are by the same."""
    far = odd(FAR)

    def factor_of(factor):
        return (far @ far) / (far @ odd(factor))

    half = odd(1e-3)  # where an eps of 1e-5 shows
    if not np.allclose(half * factor_of(1e-3), far, rtol=1e-3, atol=1e-3 * np.abs(far).max()):
        return None
    return factor_of


def _eps(shrinking, square):
    """Eps and its place from ``shrinking(factor)``, by how much an output of factor · x is short.

    Inside the root it is √(1 + eps / (factor² square)), outside 1 + eps / (factor √square).
    """
    if not shrinking(NEAR) > 1.2:  # nan too
        return 0.0, None
    low, high = NEAR, FAR
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
    }


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
