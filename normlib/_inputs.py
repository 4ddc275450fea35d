"""What every norm asks of its arguments, and one sentence for each that is not met."""

import math

import numpy as np


def require_array(name, value):
    """A NumPy array of floating-point (or complex) numbers, or a TypeError with the fix."""
    if not isinstance(value, np.ndarray):
        hint = f"{name}.numpy()" if hasattr(value, "numpy") else f"np.asarray({name}, float)"
        raise TypeError(f"{name} must be a NumPy array, got {type(value).__name__}: try {hint}.")
    if not np.issubdtype(value.dtype, np.inexact):
        raise TypeError(
            f"{name} must hold floating-point numbers, got dtype {value.dtype}: "
            f"try {name}.astype(float)."
        )


def require_eps(eps):
    """A non-negative number."""
    if not isinstance(eps, (int, float, np.integer, np.floating)):
        raise TypeError(f"eps must be a number, got {type(eps).__name__}: try eps=1e-5.")
    if not (eps >= 0 and math.isfinite(eps)):
        raise ValueError(f"eps must be non-negative and finite, got {eps}: try eps=1e-5.")


def require_parameter(name, value, shape, x):
    """None, or an array of exactly `shape` that can be used beside x."""
    if value is None:
        return
    require_array(name, value)
    if value.shape != shape:
        raise ValueError(
            f"{name} must have shape {shape}, one number for each normalized feature, "
            f"got {value.shape} for x of shape {x.shape}."
        )
    if np.iscomplexobj(value) and not np.iscomplexobj(x):
        raise TypeError(f"{name} is complex but x is {x.dtype}: make x complex too.")


def require_gradient(dy, x):
    """The upstream gradient has the shape of the output, which is the shape of x."""
    require_array("dy", dy)
    if dy.shape != x.shape:
        raise ValueError(
            f"dy must have the shape of the output, {x.shape}, got {dy.shape}: "
            "it is the gradient of the loss with respect to y."
        )
    if np.iscomplexobj(dy) and not np.iscomplexobj(x):
        raise TypeError(f"dy is complex but x is {x.dtype}: make x complex too.")


def trailing_shape(x, normalized_shape):
    """Return `normalized_shape` as a tuple, after checking that x ends in it."""
    try:
        shape = tuple(int(n) for n in np.atleast_1d(normalized_shape))
    except (TypeError, ValueError):
        raise TypeError(
            f"normalized_shape must be a tuple of integers, got {normalized_shape!r}: "
            f"try {x.shape[-1:]}."
        ) from None
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(
            f"normalized_shape must equal the last axes of x, got {shape} for x of shape "
            f"{x.shape}: for statistics over the last axis use {x.shape[-1:]}."
        )
    return shape
