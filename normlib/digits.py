"""Numbers as people write them: 7.3·10⁻⁴, −0.5, 2.31 ± 0.02."""

import math
import re

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# As Python writes one; the sign is a minus only where nothing stands before it: not in 2026-11-30.
NUMBER = re.compile(r"(?<![\w.)\]])(-?)(\d[\d,]*\.?\d*)(?:e([+-]\d+))?(?![\w])")


def readable(value: object, spec: str = "") -> str:
    r"""Write the numbers of a text as people do: ``1.2e-07`` as 1.2·10⁻⁷, ``-3`` with a minus sign.

    Parameters
    ----------
    value : object
        A number, or a text with numbers in it.
    spec : str, default: ""
        How to format it first, as in an f-string.

    Returns
    -------
    str

    Examples
    --------
    >>> import normlib as nl
    >>> nl.readable(1.25e-07, ".1e")
    '1.2·10⁻⁷'
    >>> nl.readable("a gap of 1e-05, a slope of -0.5")
    'a gap of 10⁻⁵, a slope of −0.5'
    """
    return NUMBER.sub(_written, format(value, spec))


def _written(found):
    minus, digits, power = found.groups()
    if not digits.strip("0.,"):
        return digits if power is None else "0"
    sign = "−" if minus else ""
    if power is None or int(power) == 0:
        return sign + digits
    ten = "10" + str(int(power)).translate(RAISED)
    return sign + (ten if digits == "1" else f"{digits}·{ten}")


def mean_sd(mean: float, sd: float, places: int | None = None) -> str:
    r"""Write a mean with its standard deviation, both with the digits that the deviation allows.

    Parameters
    ----------
    mean, sd : float
        The deviation is nan where there is none.
    places : int, optional
        Digits behind the point, so that the cells of a table have equally many.

    Returns
    -------
    str

    Examples
    --------
    >>> from normlib.digits import mean_sd
    >>> mean_sd(2.30312, 0.0123), mean_sd(0.00073, 0.00004)
    ('2.303 ± 0.012', '7.3·10⁻⁴ ± 0.4·10⁻⁴')
    """
    size = max(abs(mean), abs(sd))
    if not sd > 1e-5 * size:  # none, or nan, or too small to show beside the mean
        return readable(f"{mean:.4g}" + ("" if math.isnan(sd) else f" ± {sd:.1g}"))
    power = 0 if 1e-3 <= size < 1e5 else math.floor(math.log10(size))
    unit = 10.0**power
    if places is None or power:
        places = digits_behind(sd / unit)
    return " ± ".join(readable(f"{x / unit:.{places}f}e{power:+}") for x in (mean, sd))


def digits_behind(sd: float) -> int:
    """How many digits behind the point a standard deviation is worth."""
    first = math.floor(math.log10(sd))
    # Two digits of a deviation that begins with 1 or 2, one of another.
    return max(0, (sd / 10.0**first < 3) - first)
