"""Call the reader's function on copies of the inputs, survive it, and say where it stopped."""

import contextlib
import inspect
import io
import linecache
import os
import re
import sysconfig
import traceback
import warnings
from dataclasses import dataclass

import numpy as np

LARGE = 10**6  # entries; an answer of this size has the wrong shape, so it is never copied


class Unwritten(Exception):
    """There is nothing to judge yet."""


class Fault(Exception):
    """Not what was asked for was returned; `parts` are the answer if it can be told."""

    def __init__(self, text, parts=None):
        super().__init__(text)
        self.parts = parts


@dataclass(frozen=True)
class Outcome:
    """What one call gave: the answer's parts, an error, the inputs that it changed, its prints."""

    parts: dict | None
    error: BaseException | None
    changed: tuple[str, ...]
    printed: str


def run(exercise, function, probe):
    """Call the function on copies of the probe's arguments."""
    given = {
        name: value.copy(order="K") if isinstance(value, np.ndarray) else value
        for name, value in probe.given.items()
    }
    parts, error, printed = None, None, io.StringIO()
    # A division by zero shows in the answer; its warning would look like ours.
    with (
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
        contextlib.redirect_stdout(printed),
    ):
        warnings.simplefilter("ignore")
        try:
            parts = exercise.call(exercise, function, given)
        except KeyboardInterrupt:
            raise
        except Fault as fault:
            parts, error = fault.parts, fault
        except BaseException as caught:
            error = caught
    changed = tuple(
        name
        for name, value in given.items()
        if isinstance(value, np.ndarray) and value.tobytes() != probe.given[name].tobytes()
    )
    return Outcome(parts, error, changed, printed.getvalue())


def call_forward(exercise, function, given):
    """For a function that returns an array."""
    result = invoke_exercise(exercise, function, given)
    if isinstance(result, tuple) and len(result) > 1 and hasattr(result[0], "shape"):
        text = f"You returned a tuple of {len(result)}: leave out the cache, return y alone."
        raise Fault(text, {exercise.parts[0]: as_array("The first of them", result[0])})
    return {exercise.parts[0]: only_array("The result", result)}


def close(found, expected, tolerance):
    """Equal shapes, and no entry farther off than `tolerance` times the size of the answer."""
    if found.shape != expected.shape:
        return False
    difference = np.abs(found - expected)
    worst = difference.max(initial=0.0)
    if np.isfinite(worst):
        return bool(worst <= tolerance * np.abs(expected).max(initial=1.0))
    # nan where nan is expected, and the same infinity, count as equal.
    size = np.abs(expected).max(where=np.isfinite(expected), initial=1.0)
    same = (difference <= tolerance * size) | (found == expected)
    return bool((same | (np.isnan(found) & np.isnan(expected))).all())


def alike(one, other):
    """Whether two calls gave the same parts; threads may sum in another order."""
    return all(close(value, other[part], 1e-4) for part, value in one.items())


def readers_frame(error):
    """The file and line number of the reader's own code nearest to the error, or None."""
    own = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not _in_library(frame.f_code.co_filename)
    ]
    return own[-1] if own else None


def invoke_exercise(exercise, function, given):
    """Call the reader's function as the exercise says."""
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
        if hasattr(original, "detach") and "ScalarType" in str(error):  # torch's word for dtypes
            raise Fault(
                f"{what} is a tensor of {original.dtype}, which has no NumPy form: convert it "
                "with .float()."
            ) from error
        raise Fault(
            f"{what} cannot be read as one array of numbers: it is {kind_of(original)}. Do its "
            "rows differ in length?"
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
            f"{what} is {kind_of(original)}; it should be an array of floating-point numbers."
        )
    # A copy, for the reader's function may use one buffer for all its answers.
    return array if array.size > LARGE else array.astype(np.float64)


def describe(error, reasons):
    """One line for the error, one for the place, one for the reason, as far as they are known."""
    kind, text = type(error).__name__, _text(error)
    lines = [f"It stopped with {kind}: {text}" if text else f"It stopped with {kind}."]
    frame = readers_frame(error)
    if frame is None:
        lines += getattr(error, "__notes__", ())
    else:
        source = linecache.getline(*frame).strip()
        lines.append(
            f"Your line {frame[1]}: {source}" if source else f"It is your line {frame[1]}."
        )
    for pattern, reason in reasons:
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


def kind_of(value):
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
