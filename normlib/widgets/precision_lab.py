"""The same formula in four number formats, by four algorithms."""

from collections import Counter

import traitlets as t

from normlib.palette import LIGHT
from normlib.widgets._base import Figure, Number
from normlib.widgets._precision import ALGORITHMS, ROUND, numbers, relative_error, statistics


class PrecisionLab(Figure):
    """How much of a variance do a number format and an algorithm leave?

    64 seeded numbers are stored in a format of 64, 32 or 16 bits; then their variance is computed
    with every operation rounded to that format. The reader pushes the numbers away from 0 and sees
    them collapse onto those that the format has; below, what the norm makes of them by each of
    four algorithms, and the whole error of the variance, storing included. Near 200 bfloat16 has
    one number in each unit, and 64 numbers become five; near 5000 E[x²] − E[x]² in float32 loses
    every digit, although storing loses hardly anything.

    Parameters
    ----------
    offset : float, 0 to 100000
        The mean of the numbers.
    spread : float, 0.001 to 100
        Their standard deviation, about, in the unit of the offset.
    dtype : "float64", "float32", "bfloat16" or "float16"
        The format in which the numbers are stored and in which every operation is rounded.
    algorithm : "one", "two", "welford" or "shifted"
        One pass, E[x²] − E[x]²; two passes, first the mean; Welford's running mean; one pass after
        the first number was subtracted from all.
    eps : float, 0 to 1
        Added to the variance, in the squared unit of the offset.
    seed : int, 0 to 999999
        Which 64 numbers.

    Attributes
    ----------
    stats : dict
        Written by the page: the computed "mean", "var" and "rstd" = 1/√(var + eps); the "error" of
        the variance relative to that of the numbers before they were stored, and the "output"
        norm's standard deviation. None stands for what is not a finite number.

    Examples
    --------
    >>> from normlib.widgets import PrecisionLab
    >>> figure = PrecisionLab(dtype="bfloat16", offset=100)
    >>> figure.dtype, figure.offset, figure.algorithm
    ('bfloat16', 100.0, 'one')
    """

    _file = "precision_lab"
    _alt = (
        "64 numbers around 200 with a spread of 1 become five when they are stored as bfloat16. "
        "In float32 storing loses little, but the error of E[x²] − E[x]² grows with the square of "
        "the offset: around 5000 no digit of the variance is right, while two passes keep four."
    )
    _room = (545, 640)

    offset = Number(200.0, min=0, max=1e5).tag(sync=True)
    spread = Number(1.0, min=1e-3, max=100).tag(sync=True)
    dtype = t.Enum([*ROUND], "bfloat16").tag(sync=True)
    algorithm = t.Enum([*ALGORITHMS], "one").tag(sync=True)
    eps = Number(1e-5, min=0, max=1).tag(sync=True)
    seed = t.Int(1, min=0, max=999999).tag(sync=True)
    stats = t.Dict().tag(sync=True)

    def _still(self, plt):
        """Draw the numbers on their grid, and the error of all algorithms against the offset."""
        drawing, (grid, ax) = plt.subplots(1, 2, figsize=(7.2, 3), width_ratios=(2, 3))
        stored = Counter(map(ROUND["bfloat16"], numbers(1, 200.0, 1.0)))
        for value, count in stored.items():
            grid.plot([value] * count, range(1, count + 1), ".", color=LIGHT["acc"])
        grid.set(xlabel="stored as bfloat16", ylabel="how many of 64")
        offsets = [10 ** (k / 4) for k in range(21)]
        names = {"one": "one pass", "welford": "Welford", "two": "two passes", "shifted": "shifted"}
        for algorithm, name in names.items():
            ax.loglog(offsets, [_median_error(o, algorithm) for o in offsets], label=name)
        ax.axhline(1, color=LIGHT["mute"], linestyle="-", linewidth=0.8)
        ax.set(xlabel="offset (spread 1)", ylabel="relative error of the variance")
        ax.set_title("float32, median of five draws", fontsize=10)
        ax.legend()
        return drawing


def _median_error(offset, algorithm):
    """Of the variance in float32, relative to that of the numbers before they were stored."""
    errors = []
    for seed in range(1, 6):
        x = numbers(seed, offset, 1.0)
        stored = [ROUND["float32"](value) for value in x]
        _, variance = statistics(stored, algorithm, ROUND["float32"])
        errors.append(max(relative_error(variance, x), 1e-9))
    return sorted(errors)[2]
