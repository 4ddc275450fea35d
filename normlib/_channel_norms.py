"""Batch, instance and group normalization of arrays (N, C, …), in the layouts of PyTorch."""

from collections.abc import Callable

import numpy as np

from normlib import _channels

# dy → (dx, dweight, dbias); None for a parameter that is absent.
Vjp = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None, np.ndarray | None]]


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
    return _channels.batch_norm(
        x, running_mean, running_var, weight, bias, training, momentum, eps
    )[0]


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

    Built step by step in chapter 04.
    """
    return _channels.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)


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
    return _channels.instance_norm(*args)[0]


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
    return _channels.instance_norm(
        x, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


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
    return _channels.group_norm(x, num_groups, weight, bias, eps)[0]


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
    return _channels.group_norm(x, num_groups, weight, bias, eps)
