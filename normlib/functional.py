r"""The norms as functions of NumPy arrays, with the names, order and defaults of PyTorch.

Every norm is `normalize` over some axes, followed by a weight and a bias. Each has a twin whose
name ends in ``_vjp``: it returns the output and a function that maps the gradient of a loss with
respect to the output, ``dy``, to the gradients with respect to the array arguments.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from normlib._channel_norms import (
    batch_norm,
    batch_norm_vjp,
    group_norm,
    group_norm_vjp,
    instance_norm,
    instance_norm_vjp,
)
from normlib._inputs import (
    require_array,
    require_eps,
    require_gradient,
    require_parameter,
    trailing_shape,
)
from normlib._kernels import apply, compute_dtype

__all__ = [
    "batch_norm",
    "batch_norm_vjp",
    "group_norm",
    "group_norm_vjp",
    "instance_norm",
    "instance_norm_vjp",
    "layer_norm",
    "layer_norm_vjp",
    "normalize",
    "normalize_vjp",
    "rms_norm",
    "rms_norm_vjp",
]

# dy → (dx, dweight, dbias); None for a parameter that is absent.
Vjp = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None, np.ndarray | None]]


def normalize(
    x: np.ndarray,
    axis: int | Sequence[int] | None = -1,
    center: bool = True,
    eps: float = 1e-5,
) -> np.ndarray:
    r"""Shift x to mean 0 and scale it to variance 1 over `axis`: the operator under every norm.

    .. math::

        \hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad
        \mu = \operatorname{mean}(x), \quad \sigma^2 = \operatorname{mean}((x - \mu)^2)

    Without centering, :math:`\mu = 0` and :math:`\sigma^2` is the mean square.

    Parameters
    ----------
    x : ndarray, any shape
        float16 is computed in float32. Complex input is accepted, for the complex step.
    axis : int, tuple of int, or None
        The axes that share one mean and one variance. None means all of them.
    center : bool
        Subtract the mean first.
    eps : float
        Added to the variance, in the squared unit of x.

    Returns
    -------
    ndarray
        Same shape and dtype as x. The input is not modified.

    Raises
    ------
    TypeError
        If x is not an array of floating-point numbers.
    ValueError
        If `eps` is negative or an axis does not exist.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.array([[1.0, 3.0], [10.0, 30.0]])
    >>> nl.normalize(x, axis=-1, eps=0.0)
    array([[-1.,  1.],
           [-1.,  1.]])

    Built step by step in chapter 02.
    """
    return _normalize(x, axis, center, eps)[0]


def normalize_vjp(
    x: np.ndarray,
    axis: int | Sequence[int] | None = -1,
    center: bool = True,
    eps: float = 1e-5,
) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[np.ndarray]]]:
    r"""Return ``normalize(x, axis, center, eps)`` and its vector–Jacobian product.

    .. math::

        dx = \frac{1}{\sqrt{\sigma^2 + \epsilon}}
             \bigl(dy - \operatorname{mean}(dy) - \hat x \operatorname{mean}(dy\, \hat x)\bigr)

    Without centering the first mean is dropped.

    Parameters
    ----------
    x, axis, center, eps
        As in `normalize`. The function returned keeps x and reads it again: do not change x
        between the two calls.

    Returns
    -------
    y : ndarray
        The normalized array.
    vjp : callable
        ``vjp(dy)`` returns the tuple ``(dx,)``; dy and dx have the shape of x. Errors are those of
        `normalize`.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> y, vjp = nl.normalize_vjp(np.array([1.0, 2.0, 4.0]))
    >>> (dx,) = vjp(np.array([1.0, 0.0, 0.0]))
    >>> bool(abs(dx.sum()) < 1e-12)  # the mean was projected out
    True

    Built step by step in chapter 03.
    """
    y, vjp = _normalize(x, axis, center, eps)

    def checked(dy):
        require_gradient(dy, x)
        return vjp(dy)[:1]

    return y, checked


def layer_norm(
    x: np.ndarray,
    normalized_shape: int | Sequence[int],
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    eps: float = 1e-5,
) -> np.ndarray:
    r"""Layer normalization: every token by the mean and variance of its own features.

    .. math::

        y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \odot \gamma + \beta

    The meaning is exactly that of ``torch.nn.functional.layer_norm``.

    Parameters
    ----------
    x : ndarray, shape (\*, \*normalized_shape)
        The last axes are normalized; all others are independent of each other.
    normalized_shape : tuple of int, or int
        The shape of the last axes, ``(C,)`` for tokens of C features.
    weight, bias : ndarray of shape normalized_shape, or None
        :math:`\gamma` and :math:`\beta`; either may be absent.
    eps : float
        Added to the variance under the root, in the squared unit of x.

    Returns
    -------
    ndarray
        Same shape and dtype as x. The input is not modified.

    Raises
    ------
    TypeError
        If x, weight or bias is not an array of floating-point numbers.
    ValueError
        If x does not end in `normalized_shape`, a parameter has another shape, or eps < 0.

    References
    ----------
    Ba, Kiros and Hinton, "Layer Normalization", 2016, arXiv:1607.06450.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.array([[1.0, 3.0], [10.0, 30.0]])
    >>> nl.layer_norm(x, (2,), weight=np.array([1.0, 2.0]), eps=0.0)
    array([[-1.,  2.],
           [-1.,  2.]])

    Built step by step in chapter 06.
    """
    return _trailing_norm(x, normalized_shape, weight, bias, eps, center=True)[0]


def layer_norm_vjp(
    x: np.ndarray,
    normalized_shape: int | Sequence[int],
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    eps: float = 1e-5,
) -> tuple[np.ndarray, Vjp]:
    r"""Return ``layer_norm(…)`` and its vector–Jacobian product.

    With :math:`g = dy \odot \gamma` and sums over the tokens,

    .. math::

        dx = \frac{g - \operatorname{mean}(g) - \hat x \operatorname{mean}(g\,\hat x)}
                  {\sqrt{\sigma^2 + \epsilon}}, \qquad
        d\gamma = \sum dy \odot \hat x, \qquad d\beta = \sum dy

    Parameters
    ----------
    x, normalized_shape, weight, bias, eps
        As in `layer_norm`. The function returned keeps x and weight and reads them again: do not
        change them between the two calls.

    Returns
    -------
    y : ndarray
        The output of `layer_norm`.
    vjp : callable
        ``vjp(dy)`` returns ``(dx, dweight, dbias)``; the gradient of an absent parameter is None.

    Raises
    ------
    TypeError, ValueError
        As `layer_norm`; ``vjp`` also if dy is not an array of the shape of y.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.array([[1.0, 2.0, 4.0]])
    >>> y, vjp = nl.layer_norm_vjp(x, (3,), np.ones(3))
    >>> dx, dweight, dbias = vjp(np.array([[1.0, 0.0, 0.0]]))
    >>> dx.shape, dweight.shape, dbias
    ((1, 3), (3,), None)

    Built step by step in chapter 06.
    """
    return _trailing_norm(x, normalized_shape, weight, bias, eps, center=True)


def rms_norm(
    x: np.ndarray,
    normalized_shape: int | Sequence[int],
    weight: np.ndarray | None = None,
    eps: float | None = None,
) -> np.ndarray:
    r"""RMS normalization: every token by the root mean square of its own features.

    .. math::

        y = \frac{x}{\sqrt{\operatorname{mean}(x^2) + \epsilon}} \odot \gamma

    The meaning is exactly that of ``torch.nn.functional.rms_norm``.

    Parameters
    ----------
    x : ndarray, shape (\*, \*normalized_shape)
        The last axes are normalized; all others are independent of each other.
    normalized_shape : tuple of int, or int
        The shape of the last axes, ``(C,)`` for tokens of C features.
    weight : ndarray of shape normalized_shape, or None
        :math:`\gamma`.
    eps : float or None
        Added to the mean square, in the squared unit of x. None means the machine epsilon of the
        dtype that the norm is computed in (float32 for half precision too), as in PyTorch.

    Returns
    -------
    ndarray
        Same shape and dtype as x. The input is not modified.

    Raises
    ------
    TypeError
        If x or weight is not an array of floating-point numbers.
    ValueError
        If x does not end in `normalized_shape`, weight has another shape, or eps < 0.

    References
    ----------
    Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019, arXiv:1910.07467.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> nl.rms_norm(np.array([[1.0, 7.0]]), (2,), eps=0.0)
    array([[0.2, 1.4]])

    Built step by step in chapter 09.
    """
    return _trailing_norm(x, normalized_shape, weight, None, eps, center=False)[0]


def rms_norm_vjp(
    x: np.ndarray,
    normalized_shape: int | Sequence[int],
    weight: np.ndarray | None = None,
    eps: float | None = None,
) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]]:
    r"""Return ``rms_norm(…)`` and its vector–Jacobian product.

    With :math:`g = dy \odot \gamma` and :math:`\hat x` the output before the weight,

    .. math::

        dx = \frac{g - \hat x \operatorname{mean}(g\,\hat x)}
                  {\sqrt{\operatorname{mean}(x^2) + \epsilon}}, \qquad
        d\gamma = \sum dy \odot \hat x

    Parameters
    ----------
    x, normalized_shape, weight, eps
        As in `rms_norm`. The function returned keeps x and weight and reads them again: do not
        change them between the two calls.

    Returns
    -------
    y : ndarray
        The output of `rms_norm`.
    vjp : callable
        ``vjp(dy)`` returns ``(dx, dweight)``; the gradient of an absent weight is None.

    Raises
    ------
    TypeError, ValueError
        As `rms_norm`; ``vjp`` also if dy is not an array of the shape of y.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.array([[3.0, 4.0]])
    >>> y, vjp = nl.rms_norm_vjp(x, (2,), eps=0.0)
    >>> dx, dweight = vjp(x)  # along x: its length does not matter
    >>> bool(abs(dx).max() < 1e-12), dweight
    (True, None)

    Built step by step in chapter 09.
    """
    y, vjp = _trailing_norm(x, normalized_shape, weight, None, eps, center=False)
    return y, lambda dy: vjp(dy)[:2]


def _normalize(x, axis, center, eps):
    require_array("x", x)
    require_eps(eps)
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    free = [a for a in range(x.ndim) if a not in axes]
    order = (*free, *sorted(axes))
    y, vjp, _ = apply(x, lambda a: a.transpose(order), len(free), None, None, eps, center)
    return y, vjp


def _trailing_norm(x, normalized_shape, weight, bias, eps, center):
    """Layer norm, or RMS norm without centering: statistics over the last axes of x."""
    require_array("x", x)
    shape = trailing_shape(x, normalized_shape)
    require_parameter("weight", weight, shape, x)
    require_parameter("bias", bias, shape, x)
    if eps is None and not center:
        eps = float(np.finfo(compute_dtype(x.dtype)).eps)
    require_eps(eps)
    size = math.prod(shape)
    rows = (x.size // size if size else 0, 1, size)
    column = (1, 1, size, 1)
    weight, bias = (None if p is None else p.reshape(column) for p in (weight, bias))
    y, vjp, _ = apply(x, lambda a: a.reshape(rows), 2, weight, bias, eps, center)

    def checked(dy):
        require_gradient(dy, x)
        dx, *gradients = vjp(dy)
        return dx, *(g if g is None else g.reshape(shape) for g in gradients)

    return y, checked
