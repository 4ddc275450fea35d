"""Check a hand-derived gradient against arithmetic, without trusting any framework."""

import inspect
from collections.abc import Callable

import numpy as np

from normlib.digits import readable

STREAM = 160706450
STEP = 1e-30  # no difference is taken, so nothing cancels and the step can be this small
WIDE = 1e-6  # of the central difference
ROUNDING = 1e-15  # of an output, a few units in its last place


class WrongGradient(AssertionError):
    """A vector–Jacobian product disagrees with the numerical derivative."""


def check_vjp(function: Callable, *args: object, complex_step: bool = True, seed: int = 0) -> float:
    r"""Compare a vjp with the numerical derivative along one random direction.

    For a direction :math:`v` in the space of the arguments and a direction :math:`u` in that of
    the output, the two numbers below must agree:

    .. math::

        \langle v, \operatorname{vjp}(u) \rangle = \langle u, \tfrac{d}{dt} f(a + t v) \rangle

    The right-hand side is computed by a central difference, with an error of about 10⁻⁸ beside
    the rounding of f, and by the complex step :math:`\operatorname{Im} f(a + i h v) / h`, exact to
    rounding. One direction tests all entries at once: a wrong one is missed with probability zero.

    Parameters
    ----------
    function : callable
        ``function(*args)`` returns ``(y, vjp)``; ``vjp(dy)`` returns one gradient for each
        argument that is a float64 array (running statistics excepted), in order, and None for
        each of ``weight`` and ``bias`` that is None.
    *args
        The arguments. Copies are passed on, so nothing that you pass is changed.
    complex_step : bool
        Set False for a function that uses np.abs, np.var or np.std, which are not analytic.
    seed : int
        Seeds the directions.

    Returns
    -------
    float
        The largest relative disagreement that was found.

    Raises
    ------
    normlib.gradcheck.WrongGradient
        With both numbers, for each argument on its own, so that the wrong one is named.
    TypeError
        If no argument is a float64 array.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.random.default_rng(0).normal(size=(4, 6))
    >>> error = nl.check_vjp(nl.layer_norm_vjp, x, (6,), np.ones(6))
    >>> error < 1e-7
    True
    """
    # A stream of its own: with default_rng(0) here and in a chapter, u would be x itself,
    # the one direction in which the gradient of a norm is zero.
    rng = np.random.default_rng([STREAM, seed])
    names = list(inspect.signature(function).parameters)
    which = _differentiable(names, args)
    if not which:
        raise TypeError(
            "check_vjp needs a float64 array among the arguments, got none: try x.astype(float)."
        )
    y, vjp = function(*_copies(args))
    u = rng.normal(size=y.shape)
    gradients = [g for g in vjp(u.copy()) if g is not None]
    if len(gradients) != len(which):
        raise WrongGradient(
            f"vjp returned {len(gradients)} gradients for {len(which)} array arguments "
            f"({', '.join(names[i] for i in which)})."
        )
    worst, rounding = 0.0, ROUNDING * float(np.abs(u * y).sum()) / WIDE
    for i, gradient in zip(which, gradients, strict=True):
        if gradient.shape != args[i].shape:
            raise WrongGradient(
                f"the gradient of {names[i]} has shape {gradient.shape}, "
                f"but {names[i]} has shape {args[i].shape}."
            )
        v = rng.normal(size=args[i].shape)
        found = float((v * gradient).sum())
        scale = float(np.abs(v * gradient).sum()) + 1e-12
        methods = [("central difference", _central_difference, 1e-6, rounding)]
        if complex_step:
            methods.append(("complex step", _complex_step, 1e-10, 0.0))
        for method, derivative, tolerance, slack in methods:
            expected = float((u * derivative(function, args, i, v)).sum())
            error = abs(found - expected) / scale
            worst = max(worst, error)
            if not abs(found - expected) <= tolerance * scale + slack:
                raise WrongGradient(
                    f"the gradient of {names[i]} is wrong: along a random direction the vjp gives "
                    f"{readable(found, '.9g')} and the {method} {readable(expected, '.9g')} "
                    "(relative to the size of the terms, "
                    f"{readable(error, '.1e')} > {readable(tolerance)})."
                )
    return worst


def _differentiable(names, args):
    """Positions of the float64 arrays among args; running statistics are not differentiated."""
    return [
        i
        for i, (name, a) in enumerate(zip(names, args, strict=False))
        if isinstance(a, np.ndarray) and a.dtype == np.float64 and not name.startswith("running_")
    ]


def _copies(args):
    return [a.copy() if isinstance(a, np.ndarray) else a for a in args]


def _moved(function, args, i, step):
    """The function's output with `step` added to argument i."""
    args = _copies(args)
    args[i] = args[i] + step
    return function(*args)[0]


def _central_difference(function, args, i, v):
    ahead, behind = (_moved(function, args, i, h * v) for h in (WIDE, -WIDE))
    return (ahead - behind) / (2 * WIDE)


def _complex_step(function, args, i, v):
    # Every array becomes complex: the norms take their dtype from x, whichever argument moves.
    args = [a.astype(complex) if isinstance(a, np.ndarray) else a for a in args]
    return _moved(function, args, i, 1j * STEP * v).imag / STEP
