"""The same formula in four number formats, by four algorithms."""

import traitlets as t

from normlib.widgets._base import Figure, Number
from normlib.widgets._precision import ALGORITHMS, ROUND, numbers, relative_error, statistics


class PrecisionLab(Figure):
    """How much of a variance do a number format and an algorithm leave?

    64 seeded numbers are stored in a format of 64, 32 or 16 bits; then their variance is computed
    with every operation rounded to that format. The reader moves the numbers away from 0 and sees
    them snap to the numbers that the format has, the error of all four algorithms in all four
    formats, the variance on the grid of numbers that it is picked from, and what the norm returns.
    Far from 0, E[x²] − E[x]² in float32 loses every digit and turns negative, two passes do not.

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
        the variance relative to that of the stored numbers, and the "output" norm's standard
        deviation. None stands for what is not a finite number.

    Examples
    --------
    >>> from normlib.widgets import PrecisionLab
    >>> figure = PrecisionLab(dtype="bfloat16", offset=100)
    >>> figure.dtype, figure.offset, figure.algorithm
    ('bfloat16', 100.0, 'one')
    """

    _file = "precision_lab"
    _alt = (
        "The variance of numbers around 5000 with a spread of 1, in float32: E[x²] − E[x]² gets no "
        "digit right and may turn out negative, while two passes keep six digits. "
        "The error of one pass grows with the square of the offset."
    )
    _room = (700, 900)

    offset = Number(5000.0, min=0, max=1e5).tag(sync=True)
    spread = Number(1.0, min=1e-3, max=100).tag(sync=True)
    dtype = t.Enum([*ROUND], "float32").tag(sync=True)
    algorithm = t.Enum([*ALGORITHMS], "one").tag(sync=True)
    eps = Number(1e-5, min=0, max=1).tag(sync=True)
    seed = t.Int(1, min=0, max=999999).tag(sync=True)
    stats = t.Dict().tag(sync=True)

    def _still(self, plt):
        """Draw the error against the offset, for all algorithms in float32."""
        drawing, ax = plt.subplots()
        offsets = [10 ** (k / 4) for k in range(21)]
        names = {"one": "one pass", "welford": "Welford", "two": "two passes", "shifted": "shifted"}
        for algorithm, name in names.items():
            ax.loglog(offsets, [_median_error(o, algorithm) for o in offsets], label=name)
        ax.axhline(1, color="#596273", linestyle="-", linewidth=0.8)
        ax.set(xlabel="offset (spread 1)", ylabel="relative error of the variance")
        ax.set_title("float32, median of five draws", fontsize=10)
        ax.legend()
        return drawing


def _median_error(offset, algorithm):
    errors = []
    for seed in range(1, 6):
        x = [ROUND["float32"](value) for value in numbers(seed, offset, 1.0)]
        _, variance = statistics(x, algorithm, ROUND["float32"])
        errors.append(max(relative_error(variance, x), 1e-9))
    return sorted(errors)[2]
