"""Words for answers that no slip explains: shapes, factors, offsets, nan, the worst entry."""

import numpy as np

from normlib.checker.recognition import close


def shape_reason(found, expected, per_parameter):
    """The likely reason for a wrong shape."""
    if len(expected) == 1 and len(found) > 1 and per_parameter:
        return per_parameter
    if found == ():
        return "That is a single number: is the axis of an average or a sum missing?"
    if len(found) > len(expected):
        return "There is an axis too many: look at where you add one, or where shapes broadcast."
    if found == expected[:-1] or found == (*expected[:-1], 1):
        return "The last axis is averaged away: return the normalized numbers, not a statistic."
    if sorted(found) == sorted(expected):
        return "The axes are in another order: is there a transpose or a reshape to undo?"
    if np.prod(found) == np.prod(expected):
        return "The numbers are all there: reshape them to the shape of x."
    if len(found) < len(expected):
        return "An axis is lost: averages and sums drop their axis unless keepdims=True."
    return "Print the shapes line by line: the first that surprises you is the place."


def relation(found, expected, tolerance):
    """How a wrong answer of the right shape differs from the right one."""
    if not np.isfinite(found).all():
        share = np.mean(~np.isfinite(found))
        return [
            f"{share:.0%} of its numbers are nan or infinite: is something divided by zero, or the "
            "root taken of a negative number?"
        ]
    difference = found - expected
    factor = (found * expected).sum() / max((expected * expected).sum(), 1e-12)
    if close(found, factor * expected, tolerance):
        return [f"Every number is {factor:.6g} times what it should be: look for a factor."]
    if close(found, expected + difference.mean(), tolerance):
        return [f"Every number is off by {difference.mean():+.4g}: look for a constant added."]
    size = max(1.0, np.abs(expected).max())
    share = np.mean(np.abs(difference) <= tolerance * size)
    worst = tuple(int(i) for i in np.unravel_index(np.abs(difference).argmax(), found.shape))
    return [
        f"{share:.0%} of its numbers are right. The worst is at {list(worst)}: "
        f"{found[worst]:.7g}, expected {expected[worst]:.7g}."
    ]
