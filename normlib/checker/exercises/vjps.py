"""Call the reader's function that returns (y, vjp), and ask its vjp more than once."""

import contextlib
import io

import numpy as np

from normlib.checker.attempts import (
    Fault,
    Unwritten,
    alike,
    as_array,
    invoke_exercise,
    invoke_value,
    kind_of,
)


def call_vjp(exercise, function, given):
    """For a function that returns (y, vjp), where vjp(dy) returns the gradients."""
    parts, vjp = _pair(exercise, function, given)
    return parts | _gradients(exercise, vjp, given["dy"])


def _pair(exercise, function, given):
    """The output as a part, and the vjp."""
    result = invoke_exercise(exercise, function, given)
    if not (isinstance(result, tuple | list) and len(result) == 2):
        raise Fault(f"You returned {kind_of(result)}; return the pair y, vjp.")
    output, vjp = exercise.parts[0], result[1]
    y = as_array(output, result[0])
    if vjp is None or vjp is Ellipsis:
        raise Unwritten(f"{output} is there; vjp is still to be written.")
    if not callable(vjp):
        raise Fault(
            f"The second thing that you return is {kind_of(vjp)}; it should be the function vjp "
            "itself, without parentheses. It sees what your forward computed: no cache is needed."
        )
    return {output: y}, vjp


def _gradients(exercise, vjp, dy):
    names = exercise.parts[1:]
    values = invoke_value("vjp(dy)", "vjp(dy)", vjp, dy)
    if not (isinstance(values, tuple | list) and len(values) == len(names)):
        raise Fault(f"vjp(dy) returned {kind_of(values)}; it should return {', '.join(names)}.")
    return {name: as_array(name, value) for name, value in zip(names, values, strict=True)}


def remembers(exercise, function, given):
    """The rule that a vjp is the same beside a second one, and when it is called again."""
    others = {n: 0.5 - v if isinstance(v, np.ndarray) else v for n, v in given.items()}
    text = (
        "vjp has other gradients once the function has been called again. Each call makes a vjp of "
        "its own: keep what it needs in local variables, not in a global or on a class."
    )
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            alone = _gradients(exercise, _pair(exercise, function, given)[1], given["dy"])
            first, second = (_pair(exercise, function, g)[1] for g in (given, others))
            _gradients(exercise, second, others["dy"])
            if not alike(_gradients(exercise, first, given["dy"]), alone):
                return [text]
            text = (
                "vjp has other gradients when it is called a second time. It may use up or change "
                "nothing that it keeps."
            )
            return [] if alike(_gradients(exercise, first, given["dy"]), alone) else [text]
    except Exception as error:
        return [] if "retain_graph" in str(error) else [text]  # torch frees its own graph
