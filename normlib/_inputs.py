"""What every norm asks of its arguments, and one sentence for each that is not met."""

import math
import operator

import numpy as np


def require_array(name, value):
    """A NumPy array of floating-point (or complex) numbers, or a TypeError with the fix."""
    if not isinstance(value, np.ndarray):
        hint = f"{name}.numpy()" if hasattr(value, "numpy") else f"np.asarray({name}, float)"
        raise TypeError(f"{name} must be a NumPy array, got {type(value).__name__}: try {hint}.")
    if isinstance(value, (np.ma.MaskedArray, np.matrix)):  # a mask would be ignored in silence
        kind = type(value).__name__
        raise TypeError(f"{name} must be a plain array, got a {kind}: try np.asarray({name}).")
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


def as_shape(normalized_shape):
    """`normalized_shape` as a tuple of integers."""
    try:
        return tuple(operator.index(n) for n in np.atleast_1d(normalized_shape))
    except (TypeError, ValueError):
        raise TypeError(
            f"normalized_shape must be a tuple of integers, got {normalized_shape!r}: "
            "try (C,) for C features."
        ) from None


def trailing_shape(x, normalized_shape):
    """Return `normalized_shape` as a tuple, after checking that x ends in it."""
    shape = as_shape(normalized_shape)
    if not x.ndim:
        raise ValueError("x must have at least one axis to normalize, got a single number.")
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(
            f"normalized_shape must equal the last axes of x, got {shape} for x of shape "
            f"{x.shape}: for statistics over the last axis use {x.shape[-1:]}."
        )
    return shape


def require_channels(x, axes):
    """An array (N, C, …) of at least `axes` axes."""
    require_array("x", x)
    if x.ndim < axes:
        wanted = "(N, C, …)" if axes == 2 else "(N, C, L, …) with at least one spatial axis"
        raise ValueError(
            f"x must have shape {wanted}, got {x.shape}: insert the missing axes with np.newaxis."
        )


def require_momentum(momentum):
    """A number from 0 to 1."""
    if not isinstance(momentum, (int, float, np.integer, np.floating)):
        raise TypeError(
            f"momentum must be a number, got {type(momentum).__name__}: try momentum=0.1."
        )
    if not 0 <= momentum <= 1:
        raise ValueError(
            f"momentum must be from 0 to 1, the weight of the new batch in the running "
            f"statistics, got {momentum}: try momentum=0.1."
        )


def require_several(count, what, x):
    """More than one value for each variance: a single one has none."""
    if count == 1:
        raise ValueError(
            f"Expected more than 1 {what} when training, got x of shape {x.shape}: "
            "one value has variance 0, so its output would not depend on it."
        )


def require_groups(num_groups, channels):
    """A positive number of groups that divides the number of channels."""
    if not isinstance(num_groups, (int, np.integer)) or isinstance(num_groups, bool):
        raise TypeError(
            f"num_groups must be an integer, got {type(num_groups).__name__}: try num_groups=1."
        )
    if num_groups < 1 or channels % num_groups:
        divisors = [g for g in range(1, channels + 1) if channels % g == 0]
        nearest = min(divisors, key=lambda g: abs(g - num_groups), default=1)
        raise ValueError(
            f"num_groups must divide the number of channels, got {num_groups} groups for "
            f"{channels} channels: try num_groups={nearest}."
        )


def require_buffers(running_mean, running_var, x, measured, others):
    """Running statistics: both or none, needed unless measured, and then about to be written."""
    buffers = {"running_mean": running_mean, "running_var": running_var}
    absent = [name for name, buffer in buffers.items() if buffer is None]
    if len(absent) == 1 or (absent and not measured):
        use = "both be given or both be None" if measured else "both be given to be used"
        raise ValueError(
            f"running_mean and running_var must {use}, got {' and '.join(absent)} = None: "
            "start them with np.zeros and np.ones of one number for each channel."
        )
    for name, buffer in buffers.items():
        require_parameter(name, buffer, x.shape[1:2], x)
    if absent or not measured:
        return
    for name, buffer in buffers.items():
        if np.iscomplexobj(x) and not np.iscomplexobj(buffer):
            raise TypeError(f"x is complex but {name} is {buffer.dtype}: make {name} complex too.")
        if not buffer.flags.writeable:
            raise ValueError(f"{name} is updated in place but is read-only: pass {name}.copy().")
        rest = [b for n, b in buffers.items() if n != name]
        if any(a is not None and np.shares_memory(buffer, a) for a in (*others, *rest)):
            raise ValueError(
                f"{name} is updated in place but shares memory with another argument: "
                f"pass {name}.copy()."
            )
