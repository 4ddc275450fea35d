"""Call the reader's function on copies of the inputs, survive it, and say where it stopped."""

import inspect
import linecache
import os
import re
import sysconfig
import traceback
import warnings
from dataclasses import dataclass

import numpy as np

LARGE = 10**6  # entries; an answer of this size has the wrong shape, so it is never copied

# Each line: what the error looks like, and what usually lies behind it. The first that fits.
REASONS = (
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


class Unwritten(Exception):
    """There is nothing to judge yet."""


class Fault(Exception):
    """The function came to its end, but what it returned is not what was asked for."""


@dataclass(frozen=True)
class Outcome:
    """What one call gave: the answer's parts or an error, and the inputs that it changed."""

    parts: dict | None
    error: BaseException | None
    changed: tuple[str, ...]


def run(exercise, function, probe):
    """Call the function on copies of the probe's arguments."""
    given = {
        name: value.copy(order="K") if isinstance(value, np.ndarray) else value
        for name, value in probe.given.items()
    }
    parts = error = None
    # A division by zero shows in the answer; its warning would look like ours.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            parts = exercise.call(exercise, function, given)
        except KeyboardInterrupt:
            raise
        except BaseException as caught:
            error = caught
    changed = tuple(
        name
        for name, value in given.items()
        if isinstance(value, np.ndarray) and value.tobytes() != probe.given[name].tobytes()
    )
    return Outcome(parts, error, changed)


def call_forward(exercise, function, given):
    """For a function that returns an array."""
    result = _invoke_exercise(exercise, function, given)
    return {exercise.parts[0]: only_array("The result", result)}


def call_vjp(exercise, function, given):
    """For a function that returns (y, vjp), where vjp(dy) returns the gradients."""
    result = _invoke_exercise(exercise, function, given)
    if not (isinstance(result, tuple | list) and len(result) == 2):
        raise Fault(f"You returned {_kind(result)}; return the pair y, vjp.")
    output, *gradients = exercise.parts
    parts = {output: as_array(output, result[0])}
    vjp = result[1]
    if vjp is None or vjp is Ellipsis:
        raise Unwritten(f"{output} is there; vjp is still to be written.")
    if not callable(vjp):
        raise Fault(
            f"The second thing that you return is {_kind(vjp)}; it should be the function vjp "
            "itself, without parentheses."
        )
    values = invoke_value("vjp(dy)", "vjp(dy)", vjp, given["dy"])
    if not (isinstance(values, tuple | list) and len(values) == len(gradients)):
        raise Fault(f"vjp(dy) returned {_kind(values)}; it should return {', '.join(gradients)}.")
    return parts | {
        name: as_array(name, value) for name, value in zip(gradients, values, strict=True)
    }


def readers_frame(error):
    """The file and line number of the reader's own code nearest to the error, or None."""
    own = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not _in_library(frame.f_code.co_filename)
    ]
    return own[-1] if own else None


def _invoke_exercise(exercise, function, given):
    arguments = (given[name] for name in exercise.arguments)
    return invoke_value("The function", exercise.signature, function, *arguments)


def invoke_value(what, signature, function, *arguments):
    """Call a function of the reader's that has something to return."""
    result = invoke(what, signature, function, *arguments)
    if result is None or result is Ellipsis or result is NotImplemented:
        raise Unwritten(f"{what} returns {result}. If you have written it, is return missing?")
    return result


def invoke(what, signature, function, *arguments):
    """Call a function of the reader's; a stub is not an error."""
    try:
        result = function(*arguments)
    except NotImplementedError as error:
        last = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][-1]
        if _in_library(last.f_code.co_filename):
            raise
        raise Unwritten(f"{what} only raises NotImplementedError so far.") from None
    except TypeError as error:
        if readers_frame(error) is None:  # the call itself failed: none of the reader's lines ran
            error.add_note(f"It is called as {signature}: with these arguments in this order.")
        raise
    if inspect.iscoroutine(result):
        result.close()  # or Python would warn, much later, that nobody waited for it
    return result


def only_array(what, result):
    """The array that is all of a result."""
    if isinstance(result, tuple):
        comma = " Is there a comma at the end of the line?" if len(result) == 1 else ""
        raise Fault(f"You returned a tuple of {len(result)}; return the array alone.{comma}")
    return as_array(what, result)


def as_array(what, value):
    """The value as a float64 array of its own; a list or a tensor will do."""
    original = value
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu().numpy()
        masked = isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value)
        array = np.asarray(value)
    except Exception as error:
        raise Fault(
            f"{what} cannot be read as one array of numbers: it is {_kind(original)}. Do its rows "
            "differ in length?"
        ) from error
    if masked:
        raise Fault(f"{what} is a masked array with numbers left out; return an ordinary array.")
    if array.dtype.kind == "c":
        raise Fault(f"{what} holds complex numbers; every number here is real.")
    if array.dtype.kind in "iub" and array.ndim:
        raise Fault(
            f"{what} holds {array.dtype} numbers, so the decimals are cut off. Use an array of "
            "floats."
        )
    if array.dtype.kind not in "fiub":
        raise Fault(
            f"{what} is {_kind(original)}; it should be an array of floating-point numbers."
        )
    # A copy, for the reader's function may use one buffer for all its answers.
    return array if array.size > LARGE else array.astype(np.float64)


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
    for pattern, reason in (*reasons, *REASONS):
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


def _kind(value):
    """The kind of a value in words, never its content, which may be huge."""
    if value is None:
        return "None"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _in_library(filename):
    """Whether code in this file is not the reader's: Python's, an installed package's or ours."""
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders = ("<frozen", "<__array_function__", sysconfig.get_path("stdlib"), ours + os.sep)
    return (
        filename.startswith(folders) or "site-packages" in filename or "dist-packages" in filename
    )
