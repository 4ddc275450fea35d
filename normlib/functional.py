r"""The norms as functions of NumPy arrays, with the names, order and defaults of PyTorch.

Every norm is `normalize` over some axes, followed by a weight and a bias. Each has a twin whose
name ends in ``_vjp``: it returns the output and a function that maps the gradient of a loss with
respect to the output, ``dy``, to the gradients with respect to the array arguments.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from normlib._inputs import (
    require_array,
    require_buffers,
    require_channels,
    require_eps,
    require_gradient,
    require_groups,
    require_momentum,
    require_parameter,
    require_several,
    trailing_shape,
)
from normlib._kernels import BLOCK_BYTES, Statistics, apply, compute_dtype, measure_samples

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
    return normalize_vjp(x, axis, center, eps)[0]


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
    require_array("x", x)
    require_eps(eps)
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    free = [a for a in range(x.ndim) if a not in axes]
    first = min(free, default=0)
    behind = [a for a in range(first, x.ndim) if a in axes]
    # The free axes side by side, as the channels are in (N, C, *).
    order = (*range(first), *free, *behind)
    n, c, s = (math.prod(x.shape[a] for a in some) for some in (range(first), free, behind))
    y, vjp, _ = apply(x.transpose(order), _swapped(n, c, s), None, None, eps, center)
    back = np.argsort(order)

    def checked(dy):
        require_gradient(dy, x)
        dx = vjp(dy.transpose(order))[0]
        return (np.asarray(dx.transpose(back), order="C"),)

    return np.asarray(y.transpose(back), order="C"), checked


def batch_norm(
    x: np.ndarray,
    running_mean: np.ndarray | None,
    running_var: np.ndarray | None,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> np.ndarray:
    r"""Batch normalization: every channel by its mean and variance over the batch.

    .. math::

        y = \frac{x - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}}\, \gamma_c + \beta_c

    The meaning is exactly that of ``torch.nn.functional.batch_norm``. In training, :math:`\mu_c`
    and :math:`\sigma_c^2` are those of channel c over the batch and all positions, n values, and
    the buffers are updated in place:

    .. math::

        \text{running} \leftarrow (1 - m)\, \text{running} + m\, \text{observed}, \qquad
        \text{observed} = \mu_c \ \text{and}\ \tfrac{n}{n-1} \sigma_c^2

    Otherwise the buffers take the place of :math:`\mu_c` and :math:`\sigma_c^2`.

    Parameters
    ----------
    x : ndarray, shape (N, C, \*)
        N samples of C channels, each with any number of positions.
    running_mean, running_var : ndarray of shape (C,), or None
        The buffers, in the unit of x and its square. In training None means that none are kept,
        and an empty batch leaves them as they are.
    weight, bias : ndarray of shape (C,), or None
        :math:`\gamma` and :math:`\beta`; either may be absent.
    training : bool
        Use the statistics of the batch, and update the buffers.
    momentum : float
        m, the weight of the new batch, from 0 to 1.
    eps : float
        Added to the variance under the root, in the squared unit of x.

    Returns
    -------
    ndarray
        Same shape and dtype as x. The input is not modified.

    Raises
    ------
    TypeError
        If an array is not one of floating-point numbers.
    ValueError
        If x has one value for each channel in training, the buffers are missing, read-only or
        shared, a parameter has another shape than (C,), eps < 0, or m is not from 0 to 1.
        Nothing has been changed then.

    References
    ----------
    Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
    Internal Covariate Shift", 2015, arXiv:1502.03167.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.array([[1.0, 10.0], [3.0, 30.0]])
    >>> mean, var = np.zeros(2), np.ones(2)
    >>> nl.batch_norm(x, mean, var, training=True, eps=0.0)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> mean, var
    (array([0.2, 2. ]), array([ 1.1, 20.9]))

    Built step by step in chapter 04.
    """
    args = x, running_mean, running_var, weight, bias, training, momentum, eps
    return batch_norm_vjp(*args)[0]


def batch_norm_vjp(
    x: np.ndarray,
    running_mean: np.ndarray | None,
    running_var: np.ndarray | None,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[np.ndarray, Vjp]:
    r"""Return ``batch_norm(…)`` and its vector–Jacobian product.

    In training, with :math:`g = dy\, \gamma_c` and means over the batch and all positions,

    .. math::

        dx = \frac{g - \operatorname{mean}(g) - \hat x \operatorname{mean}(g\,\hat x)}
                  {\sqrt{\sigma_c^2 + \epsilon}}, \qquad
        d\gamma_c = \sum dy\, \hat x, \qquad d\beta_c = \sum dy

    Otherwise the statistics are constants, and both means are dropped.

    Parameters
    ----------
    x, running_mean, running_var, weight, bias, training, momentum, eps
        As in `batch_norm`; the buffers are updated once, here. The function returned keeps x and
        weight and reads them again: do not change them between the two calls.

    Returns
    -------
    y : ndarray
        The output of `batch_norm`.
    vjp : callable
        ``vjp(dy)`` returns ``(dx, dweight, dbias)``; the gradient of an absent parameter is None.

    Raises
    ------
    TypeError, ValueError
        As `batch_norm`; ``vjp`` also if dy is not an array of the shape of y.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    >>> weight = np.ones(2)
    >>> y, vjp = nl.batch_norm_vjp(x, None, None, weight, training=True)
    >>> dx, dweight, dbias = vjp(x)
    >>> bool(abs(dx.sum(0)).max() < 1e-12), dweight.shape, dbias
    (True, (2,), None)

    Built step by step in chapter 03.
    """
    require_channels(x, 2)
    _require_affine(x, x.shape[1:2], weight, bias, eps)
    require_buffers(running_mean, running_var, x, training, (x, weight, bias))
    require_momentum(momentum)
    if not training:
        return _with_buffers(x, running_mean, running_var, weight, bias, eps)
    n, c, positions = _sizes(x)
    require_several(n * positions, "value per channel", x)
    layout, known = _swapped(n, c, positions), None
    # Single numbers and channels larger than a block are not gathered but left where they are.
    if x.size and (positions == 1 or (c < n and x.nbytes // c > BLOCK_BYTES)):
        layout = _reshaped(n, 1, c, positions)
        known = measure_samples(layout(x))
    y, vjp, observed = _norm(x, layout, weight, bias, eps, known=known)
    _update(running_mean, running_var, observed, n * positions, momentum)
    return y, vjp


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
    return layer_norm_vjp(x, normalized_shape, weight, bias, eps)[0]


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


def instance_norm(
    x: np.ndarray,
    running_mean: np.ndarray | None = None,
    running_var: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> np.ndarray:
    r"""Instance normalization: every channel of every sample by its own mean and variance.

    .. math::

        y = \frac{x - \mu_{nc}}{\sqrt{\sigma_{nc}^2 + \epsilon}}\, \gamma_c + \beta_c

    The meaning is exactly that of ``torch.nn.functional.instance_norm``. The buffers, if given,
    are updated in place as in `batch_norm`; what is observed is the mean over the samples of
    :math:`\mu_{nc}` and of :math:`\tfrac{s}{s-1} \sigma_{nc}^2`, with s positions.

    Parameters
    ----------
    x : ndarray, shape (N, C, L, \*)
        N samples of C channels, with at least one axis of positions.
    running_mean, running_var : ndarray of shape (C,), or None
        The buffers, in the unit of x and its square. An empty batch leaves them as they are.
    weight, bias : ndarray of shape (C,), or None
        :math:`\gamma` and :math:`\beta`; either may be absent.
    use_input_stats : bool
        False puts the buffers in the place of :math:`\mu_{nc}` and :math:`\sigma_{nc}^2`.
    momentum : float
        The weight of the new batch in the buffers, from 0 to 1.
    eps : float
        Added to the variance under the root, in the squared unit of x.

    Returns
    -------
    ndarray
        Same shape and dtype as x. The input is not modified.

    Raises
    ------
    TypeError
        If an array is not one of floating-point numbers.
    ValueError
        If x has no axis of positions or a single position to measure, or as in `batch_norm`.
        Nothing has been changed then.

    References
    ----------
    Ulyanov, Vedaldi and Lempitsky, "Instance Normalization: The Missing Ingredient for Fast
    Stylization", 2016, arXiv:1607.08022.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.array([[[1.0, 3.0], [10.0, 30.0]]])
    >>> nl.instance_norm(x, eps=0.0)
    array([[[-1.,  1.],
            [-1.,  1.]]])

    Built step by step in chapter 07.
    """
    args = x, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    return instance_norm_vjp(*args)[0]


def instance_norm_vjp(
    x: np.ndarray,
    running_mean: np.ndarray | None = None,
    running_var: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[np.ndarray, Vjp]:
    r"""Return ``instance_norm(…)`` and its vector–Jacobian product.

    The formulas are those of `batch_norm_vjp`; the means run over the positions of one channel
    of one sample, the sums of :math:`d\gamma_c` and :math:`d\beta_c` over all samples too.

    Parameters
    ----------
    x, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
        As in `instance_norm`; the buffers are updated once, here. The function returned keeps x
        and weight and reads them again: do not change them between the two calls.

    Returns
    -------
    y : ndarray
        The output of `instance_norm`.
    vjp : callable
        ``vjp(dy)`` returns ``(dx, dweight, dbias)``; the gradient of an absent parameter is None.

    Raises
    ------
    TypeError, ValueError
        As `instance_norm`; ``vjp`` also if dy is not an array of the shape of y.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.array([[[1.0, 2.0, 4.0]]])
    >>> y, vjp = nl.instance_norm_vjp(x, bias=np.zeros(1))
    >>> dx, dweight, dbias = vjp(np.ones((1, 1, 3)))
    >>> bool(abs(dx).max() < 1e-12), dweight, dbias
    (True, None, array([3.]))

    Built step by step in chapter 07.
    """
    require_channels(x, 3)
    _require_affine(x, x.shape[1:2], weight, bias, eps)
    require_buffers(running_mean, running_var, x, use_input_stats, (x, weight, bias))
    require_momentum(momentum)
    if not use_input_stats:
        return _with_buffers(x, running_mean, running_var, weight, bias, eps)
    n, c, positions = _sizes(x)
    require_several(positions, "spatial element", x)
    y, vjp, observed = _norm(x, _reshaped(n, c, 1, positions), weight, bias, eps)
    _update(running_mean, running_var, observed, positions, momentum)
    return y, vjp


def group_norm(
    x: np.ndarray,
    num_groups: int,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    eps: float = 1e-5,
) -> np.ndarray:
    r"""Group normalization: the channels of a sample in groups, each by its mean and variance.

    .. math::

        y = \frac{x - \mu_{ng}}{\sqrt{\sigma_{ng}^2 + \epsilon}}\, \gamma_c + \beta_c

    The meaning is exactly that of ``torch.nn.functional.group_norm``. One group is layer norm
    over (C, \*); as many groups as channels are instance norm.

    Parameters
    ----------
    x : ndarray, shape (N, C, \*)
        N samples of C channels, each with any number of positions.
    num_groups : int
        The number of groups of C / num_groups neighboring channels.
    weight, bias : ndarray of shape (C,), or None
        :math:`\gamma` and :math:`\beta`, one for each channel; either may be absent.
    eps : float
        Added to the variance under the root, in the squared unit of x.

    Returns
    -------
    ndarray
        Same shape and dtype as x. The input is not modified.

    Raises
    ------
    TypeError
        If an array is not one of floating-point numbers or `num_groups` is not an integer.
    ValueError
        If `num_groups` does not divide C, the one sample has one value for each group, a
        parameter has another shape than (C,), or eps < 0.

    References
    ----------
    Wu and He, "Group Normalization", 2018, arXiv:1803.08494.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.array([[1.0, 3.0, 10.0, 30.0]])
    >>> nl.group_norm(x, num_groups=2, eps=0.0)
    array([[-1.,  1., -1.,  1.]])

    Built step by step in chapter 08.
    """
    return group_norm_vjp(x, num_groups, weight, bias, eps)[0]


def group_norm_vjp(
    x: np.ndarray,
    num_groups: int,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    eps: float = 1e-5,
) -> tuple[np.ndarray, Vjp]:
    r"""Return ``group_norm(…)`` and its vector–Jacobian product.

    The formulas are those of `batch_norm_vjp`, with :math:`g = dy\,\gamma_c`; the means run over
    one group of one sample, the sums of :math:`d\gamma_c` and :math:`d\beta_c` over all samples
    and positions of a channel.

    Parameters
    ----------
    x, num_groups, weight, bias, eps
        As in `group_norm`. The function returned keeps x and weight and reads them again: do not
        change them between the two calls.

    Returns
    -------
    y : ndarray
        The output of `group_norm`.
    vjp : callable
        ``vjp(dy)`` returns ``(dx, dweight, dbias)``; the gradient of an absent parameter is None.

    Raises
    ------
    TypeError, ValueError
        As `group_norm`; ``vjp`` also if dy is not an array of the shape of y.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.array([[1.0, 2.0, 4.0, 8.0]])
    >>> y, vjp = nl.group_norm_vjp(x, 2, np.ones(4))
    >>> [g if g is None else g.shape for g in vjp(np.ones((1, 4)))]
    [(1, 4), (4,), None]

    Built step by step in chapter 08.
    """
    require_channels(x, 2)
    require_groups(num_groups, x.shape[1])
    _require_affine(x, x.shape[1:2], weight, bias, eps)
    n, c, positions = _sizes(x)
    # As in PyTorch, which asks for two values in the whole array and not in each group.
    require_several(n * (c // num_groups) * positions, "value per channel", x)
    layout = _reshaped(n, num_groups, c // num_groups, positions)
    return _norm(x, layout, weight, bias, eps)[:2]


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
    return rms_norm_vjp(x, normalized_shape, weight, eps)[0]


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


def _trailing_norm(x, normalized_shape, weight, bias, eps, center):
    """Layer norm, or RMS norm without centering: statistics over the last axes of x."""
    require_array("x", x)
    shape = trailing_shape(x, normalized_shape)
    if eps is None and not center:
        eps = float(np.finfo(compute_dtype(x.dtype)).eps)
    _require_affine(x, shape, weight, bias, eps)
    size = math.prod(shape)
    layout = _reshaped(x.size // size if size else 0, 1, size, 1)
    return _norm(x, layout, weight, bias, eps, center)[:2]


def _with_buffers(x, running_mean, running_var, weight, bias, eps):
    """Batch and instance norm with the statistics of data seen before."""
    n, c, positions = _sizes(x)
    shape = (n, 1, c, 1) if positions == 1 else (n, c, 1, positions)
    dtype = compute_dtype(x.dtype)
    mean, var = (b.astype(dtype).reshape(1, *shape[1:3], 1) for b in (running_mean, running_var))
    known = Statistics(mean, None, var, "past")
    return _norm(x, _reshaped(*shape), weight, bias, eps, known=known)[:2]


def _norm(x, layout, weight, bias, eps, center=True, known=None):
    """`apply`, with a check of dy."""
    y, vjp, statistics = apply(x, layout, weight, bias, eps, center, known)

    def checked(dy):
        require_gradient(dy, x)
        return vjp(dy)

    return y, checked, statistics


def _sizes(x):
    """N, C and the number of positions of an array (N, C, *)."""
    return *x.shape[:2], math.prod(x.shape[2:])


def _reshaped(*shape):
    """A layout whose rows lie side by side in memory."""
    return lambda a: a.reshape(shape)


def _swapped(n, c, positions):
    """The layout of batch norm, a row for each channel: (1, C, N, positions)."""
    return lambda a: a.reshape(n, c, positions).swapaxes(0, 1)[np.newaxis]


def _require_affine(x, shape, weight, bias, eps):
    require_parameter("weight", weight, shape, x)
    require_parameter("bias", bias, shape, x)
    require_eps(eps)


@np.errstate(all="ignore")  # as in PyTorch, a buffer may overflow in silence
def _update(running_mean, running_var, observed, count, momentum):
    """Move the buffers toward the mean over the samples of what was observed in `count` values."""
    if running_mean is None or observed.var.size == 0 or count == 0:
        return
    # The buffers keep a variance for data to come, so theirs is the unbiased one.
    total = np.promote_types(observed.var.dtype, np.float64)
    rest = 0 if observed.rest is None else observed.rest
    mean = (observed.mean.astype(total) + rest).mean(0).reshape(-1)
    var = observed.var.astype(total).mean(0).reshape(-1) * (count / (count - 1))
    for running, new in ((running_mean, mean), (running_var, var)):
        running[...] = (1 - momentum) * running.astype(total) + momentum * new
