"""Take the reader's stateful layer through a series of batches, and read it after each."""

import contextlib
import io

import numpy as np

from normlib.checker.attempts import (
    Fault,
    Unwritten,
    alike,
    as_array,
    invoke,
    invoke_value,
    only_array,
)

STATE = ("weight", "bias", "running_mean", "running_var", "training")
BUFFERS = ("running_mean", "running_var")
OTHER_NAMES = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean"}
OTHER_NAMES |= {"moving_var": "running_var", "is_training": "training", "mode": "training"}

# The batch, the method that is called before it, and how the step is called.
STEPS = (
    ("x", None, "training step 1"),
    ("x2", None, "training step 2"),
    ("x3", "eval", "the step in eval mode"),
    ("x4", "train", "training step 3"),
)

# The first that differ decide soonest which mistake it is.
PARTS = (
    *(
        part
        for *_, step in STEPS
        for part in (f"y of {step}", *(f"{b} after {step}" for b in BUFFERS))
    ),
    *(f"{name} at first" for name in STATE),
    "training after eval()",
    "training after train()",
)


def call_layer(exercise, make, given):
    """For a class: make a layer, set its parameters, and let it train, evaluate and train again."""
    layer = _made(exercise, make, given)
    parts = {f"{name} at first": _read(layer, name) for name in STATE}
    for name in ("weight", "bias"):
        _set(layer, name, given[name])
    for batch, method, step in STEPS:
        if method:
            _switch(layer, method)
            parts[f"training after {method}()"] = _read(layer, "training")
        y = invoke_value("__call__", "__call__(self, x)", _caller(layer), given[batch])
        parts[f"y of {step}"] = only_array(f"The result of {step}", y)
        for name in BUFFERS:
            parts[f"{name} after {step}"] = _read(layer, name)
    return parts


def _made(exercise, make, given):
    if not isinstance(make, type) and any(hasattr(make, name) for name in STATE):
        raise Fault("This is an object already; pass the class itself, without parentheses.")
    arguments = (given[name] for name in exercise.arguments)
    layer = invoke("The class", exercise.signature, make, *arguments)
    missing = [name for name in STATE if not hasattr(layer, name)]
    if len(missing) == len(STATE):
        raise Unwritten(f"The class sets none of {', '.join(STATE)} yet: __init__ is the place.")
    if missing:
        other = [old for old, new in OTHER_NAMES.items() if new in missing and hasattr(layer, old)]
        rename = f" Yours are called {' and '.join(other)}: rename them." if other else ""
        raise Fault(f"After __init__ the object has no {' and no '.join(missing)}.{rename}")
    if not callable(layer):
        raise Fault("The object cannot be called: the class has no method __call__(self, x).")
    return layer


def _caller(layer):
    """The layer as a function of arrays; a module of PyTorch gets tensors, if it will have them."""
    if not hasattr(layer, "register_buffer"):
        return layer
    one_axis = hasattr(layer, "_check_input_dim") and type(layer).__name__ == "BatchNorm1d"

    def call(x):
        tensor = layer.weight.new_tensor(x)
        if one_axis:  # PyTorch's own has no more than one axis of positions
            return layer(tensor.reshape(*x.shape[:2], -1) if x.ndim > 2 else tensor).reshape(
                x.shape
            )
        try:
            return layer(tensor)
        except TypeError:
            return layer(x)

    return call


def separate(exercise, make, given):
    """The rule that two objects of a class do not know of each other."""
    with contextlib.redirect_stdout(io.StringIO()):
        alone, one, other = (_made(exercise, make, given) for _ in range(3))
        for layer in (alone, one):
            for name in ("x", "x2"):
                _caller(layer)(given[name].copy())
                if layer is one:
                    _caller(other)(5 - given[name])
        same = alike(*({b: _read(layer, b) for b in BUFFERS} for layer in (alone, one)))
    text = "Two objects of your class share their buffers: each makes its own, in __init__."
    return [] if same else [text]


def _read(layer, name):
    value = getattr(layer, name)
    if name == "training":
        return np.array(float(bool(value)))
    if isinstance(value, list) and all(type(v) is int for v in value):
        value = np.array(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "iub":
        value = value.astype(float)  # zeros and ones may start as whole numbers
    return as_array(name, value)


def _set(layer, name, values):
    """Give the parameter the values of the probe, in the shape and of the kind that it has."""
    old = getattr(layer, name)
    shape = tuple(np.shape(old))
    if shape != values.shape and np.prod(shape) == values.size:
        values = values.reshape(shape)  # that the shape is wrong is said later
    try:
        if hasattr(old, "detach"):
            old.detach().copy_(old.new_tensor(values))
        else:
            setattr(layer, name, values)
    except Exception as error:
        raise Fault(f"{name} cannot be set: make it an ordinary attribute.") from error


def _switch(layer, method):
    if not callable(getattr(layer, method, None)):
        raise Fault(f"The class has no method {method}(self).")
    invoke(f"{method}()", f"{method}(self)", getattr(layer, method))
