"""Exercises that ask for more than right numbers, as never to use x, and how that is seen.

No code is read. What the numbers may come from is changed, and they must change with it.
"""

import contextlib
import dataclasses
import inspect
import io
import sys

import numpy as np

from normlib.checker.attempts import as_array
from normlib.checker.exercises import groups, tokens


def from_output(exercise, function, given):
    """The rule that vjp makes x̂ from y and does not use x."""

    def gradients(change):
        arguments = {n: v.copy() if isinstance(v, np.ndarray) else v for n, v in given.items()}
        y, vjp = function(*(arguments[name] for name in exercise.arguments))
        change(arguments["x"], y)
        return [np.array(gradient) for gradient in vjp(arguments["dy"])]

    def without_x(x, y):
        x[...] = np.nan

    def with_other_y(x, y):
        y += given["weight"] / 2  # now every x̂ is larger by one half

    with contextlib.redirect_stdout(io.StringIO()):
        if not all(np.isfinite(gradient).all() for gradient in gradients(without_x)):
            return ["The gradients are right, but vjp uses x. It may use y and what is no larger."]
        _, before, dbias = gradients(lambda x, y: None)
        with contextlib.suppress(Exception):  # an output of PyTorch's may not be changed
            if np.allclose(gradients(with_other_y)[1], before + dbias / 2, 1e-3, 1e-3):
                return []
    return [
        "The gradients are right, but vjp does not make x̂ from y. It keeps x̂, or another array as "
        "large as x, which is to be saved here."
    ]


def only_by(norm):
    """The rule that nl's norm of this name computes the statistics, and nothing else does."""

    def rule(exercise, function, given):
        true = getattr(sys.modules["normlib"], norm)
        modules = (vars(sys.modules[name]) for name in ("normlib", "normlib.functional"))
        places = (*modules, getattr(inspect.unwrap(function), "__globals__", {}))
        places = [(place, name) for place in places for name in place if place[name] is true]
        arguments = [given[name] for name in exercise.arguments]
        with contextlib.redirect_stdout(io.StringIO()):
            y = as_array("y", function(*arguments))
            try:
                for place, name in places:
                    place[name] = lambda *args, **named: 2 * true(*args, **named)
                doubled = as_array("y", function(*arguments))
            finally:
                for place, name in places:
                    place[name] = true
        rest = 2 * y - doubled  # nothing, or the bias where it is added afterwards
        bias = given["bias"].reshape(-1, *[1] * (y.ndim - 2)) if "bias" in exercise.arguments else 0
        if np.allclose(rest, 0) or np.allclose(rest, bias):
            return []
        return [
            f"The numbers are right, but nl.{norm} does not make them all. You may reshape, "
            "multiply and add, but compute no average of your own."
        ]

    return rule


def _with(exercise, ending, rule):
    name = f"{exercise.name}_from_{ending}"
    return dataclasses.replace(exercise, name=name, rules=(*exercise.rules, rule))


WITH_A_RULE = {
    exercise.name: exercise
    for exercise in (
        _with(tokens.LAYER_NORM_VJP, "output", from_output),
        _with(tokens.RMS_NORM, "layer_norm", only_by("layer_norm")),
        _with(groups.GROUP_NORM, "batch_norm", only_by("batch_norm")),
    )
}
