"""What can be said of running statistics that no slip explains: how much is kept, and of what."""

import numpy as np

from normlib.checker.exercises.fits import EXACT, same
from normlib.checker.exercises.forward import axes
from normlib.checker.exercises.stateful import BUFFERS, STEPS

TRAINING = {step: batch for batch, _, step in STEPS if "training" in step}


def describe(part, answers):
    """For a buffer after the first steps: its shares of the old and of what is taken up."""
    name, _, step = part.partition(" after ")
    if name not in BUFFERS or step not in [*TRAINING][:2]:
        return []
    before = f"{name} at first" if step == [*TRAINING][0] else f"{name} after {[*TRAINING][0]}"
    for words, statistic in TAKEN_UP[name]:
        shares = [
            _shares(found[part], found[before], statistic(given[TRAINING[step]]))
            for given, found, _ in answers
        ]
        if all(share is not None for share in shares):
            (keeps, takes), momentum = shares[0], answers[0][0]["momentum"]
            old, own = f"keeps {keeps:g} of the old and", f"keeps {1 - momentum:g} and"
            if not answers[0][1][before].any():
                old = own = ""  # of zeros, nobody can tell
            text = (
                f"{name} {old} takes up {takes:g} of {words}. With momentum = {momentum:g} it "
                f"{own} takes up {momentum:g}."
            )
            return [text.replace("  ", " ")]
    return []


def _over(x):
    return axes("NP", x.ndim)


TAKEN_UP = {
    "running_mean": (("the mean of the batch", lambda x: x.mean(_over(x))),),
    "running_var": (
        ("the variance divided by n − 1", lambda x: x.var(_over(x), ddof=1)),
        ("the variance divided by n", lambda x: x.var(_over(x))),
        ("the standard deviation", lambda x: x.std(_over(x))),
        ("the mean of the batch", lambda x: x.mean(_over(x))),
    ),
}


def _shares(new, old, statistic):
    """The two shares in new = share·old + share·statistic, or None."""
    if not new.shape == old.shape == statistic.shape:
        return None
    columns = np.stack([old, statistic], 1)
    shares, *_ = np.linalg.lstsq(columns, new, rcond=None)
    if abs(shares[1]) < EXACT:
        return None  # a constant tells nothing of what is kept
    return np.round(shares, 4) + 0.0 if same(columns @ shares, new) else None
