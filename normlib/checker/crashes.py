"""Say where the reader's function stopped, and the likely reason."""

import linecache
import re

from normlib.checker.attempts import readers_frame

# Each line: what the error looks like, and what usually lies behind it. The first that fits.
_REASONS = (
    (
        "einsum|einstein",
        "In einsum every axis that is summed needs a letter of its own; '...' is never summed.",
    ),
    (
        "broadcast",
        "An average over an axis loses that axis; keepdims=True keeps it with length 1, so that "
        "the shapes still fit.",
    ),
    (
        "matmul|not aligned",
        "A product that sums over an axis needs that axis to be equally long on both sides. "
        "Multiply with * to go number by number.",
    ),
    (
        "AxisError|axis .*out of bounds",
        "Some inputs have one axis only. Count axes from the end: the last one is −1, and "
        "tuple(range(x.ndim - 1)) are all others, however many there are.",
    ),
    (
        "values to unpack",
        "Count the names on the left. x can have any number of axes, so its shape has no fixed "
        "length; C is the last entry.",
    ),
    (
        "UnboundLocalError",
        "A name is used before your function gives it a value: is the line in a branch that did "
        "not run?",
    ),
    ("NameError", "Is the name misspelt, or defined in a cell that you have not run?"),
    ("IndexError", "Some inputs have one axis only: count axes from the end."),
    (
        "RecursionError",
        "Your function calls itself without end. Does it use its own name where you meant another "
        "function?",
    ),
    ("'keepdim'|'dim'", "NumPy's words are axis and keepdims; dim and keepdim are PyTorch's."),
    (
        "must be Tensor|'numpy.ndarray' object has no|not callable",
        "The arguments that you get are NumPy arrays: x.shape is a tuple, x.size a number.",
    ),
    (
        "same_kind|Cannot cast",
        "An array of integers cannot hold decimals: make a new array of floats.",
    ),
    ("SystemExit", "Your function ends the program: return the result instead."),
    ("AssertionError", "An assert of your own does not hold here: print what it compares."),
    ("ZeroDivisionError", "A number that you divide by is zero: some inputs have variance 0."),
)

# For x of shape (N, C, …), where the channels are axis 1.
CHANNEL_REASONS = (
    (
        "broadcast",
        "Shapes are matched from the last axis on. What has one number for each channel needs an "
        "axis of length 1 for every position: keepdims=True for averages, reshape for weight and "
        "bias.",
    ),
    (
        "AxisError|axis .*out of bounds|IndexError|values to unpack",
        "N and C are the first two axes of x. How many axes of positions come after them differs "
        "from input to input.",
    ),
)

# For the operator that is told over which axes to average.
AXIS_REASONS = (
    (
        "to unpack|unpack non-|not iterable|not subscriptable",
        "x can have any number of axes, and axis can be a number or a tuple of any length.",
    ),
)


def describe(error, reasons=()):
    """One line for the error, one for the place, one for the reason, as far as they are known.

    `reasons` are those of the exercise; they go before the general ones.
    """
    kind, text = type(error).__name__, _text(error)
    lines = [f"It stopped with {kind}: {text}" if text else f"It stopped with {kind}."]
    frame = readers_frame(error)
    if frame is None:
        return [*lines, *getattr(error, "__notes__", ())]
    filename, number = frame
    source = linecache.getline(filename, number).strip()
    lines.append(f"Your line {number}: {source}" if source else f"It is your line {number}.")
    for pattern, reason in (*reasons, *_REASONS):
        if re.search(pattern, f"{kind}: {text}"):
            return [*lines, reason]
    return lines


def _text(error):
    """The error's message in one line; even asking for it can fail."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        return ""
    return text if len(text) <= 160 else text[:159] + "…"
