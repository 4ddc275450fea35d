r"""The norms as layers: parameters, running statistics, and the backward pass.

A layer is a thin shell around `normlib.functional`. It has the constructor arguments, defaults and
state of the ``torch.nn`` module of the same name, so the two exchange their state.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from normlib import functional
from normlib._inputs import as_shape, require_groups

if TYPE_CHECKING:
    import torch
    from numpy.typing import DTypeLike


class _Layer:
    """Forward, backward, modes and state; a subclass says what it computes."""

    buffers: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.training = True
        self.grad: dict[str, np.ndarray] = {}
        self._vjp: Callable | None = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the output, and keep what `backward` needs."""
        y, self._vjp = self._forward(x)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx for the last call, and leave the parameters' gradients in ``grad``.

        Raises
        ------
        RuntimeError
            If the layer was not called before.
        """
        if self._vjp is None:
            raise RuntimeError("backward needs a forward pass first: call the layer on x.")
        dx, *gradients = self._vjp(dy)
        self.grad = dict(zip(self._parameters(), gradients, strict=False))
        return dx

    def train(self, mode: bool = True) -> Self:
        """Use the statistics of the data, and update the running ones. Returns the layer."""
        self.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Use the running statistics where there are any. Returns the layer."""
        return self.train(False)

    def __repr__(self) -> str:
        shown = (f"{k}={v}" for k, v in vars(self).items() if isinstance(v, (int, float, tuple)))
        return f"{type(self).__name__}({', '.join(shown)})"

    def __getstate__(self) -> dict:
        return vars(self) | {"_vjp": None}  # a closure, which no pickle can hold

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers by name, as the torch module's state_dict."""
        return {name: np.array(getattr(self, name)) for name in self._state()}

    def load_state_dict(self, state: "Mapping[str, np.ndarray | torch.Tensor]") -> None:
        """Take over a state, of this layer or of the torch module of its name, in its own dtype.

        Raises
        ------
        ValueError
            If a name is missing or unknown or a shape differs. Nothing is changed then.
        """
        own = self._state()
        if set(state) != set(own):
            raise ValueError(
                f"a state for this {type(self).__name__} has the names {sorted(own)}, "
                f"got {sorted(state)}: was the other one made with the same options?"
            )
        arrays = {name: _as_array(value) for name, value in state.items()}
        for name, array in arrays.items():
            if array.shape != np.shape(getattr(self, name)):
                raise ValueError(
                    f"{name} must have shape {np.shape(getattr(self, name))}, got {array.shape}: "
                    "was the other layer made for as many features?"
                )
        arrays = {name: a.astype(getattr(self, name).dtype) for name, a in arrays.items()}
        for name, array in arrays.items():
            setattr(self, name, array)

    def _forward(self, x):
        """Return y and its vjp."""
        raise NotImplementedError

    def _parameters(self):
        return [name for name in ("weight", "bias") if getattr(self, name, None) is not None]

    def _state(self):
        return [*self._parameters(), *(b for b in self.buffers if getattr(self, b) is not None)]


class LayerNorm(_Layer):
    r"""Layer normalization with its parameters, as ``torch.nn.LayerNorm``.

    Formula, shapes and errors are those of `layer_norm`.

    Parameters
    ----------
    normalized_shape : tuple of int, or int
        The shape of the last axes, ``C`` or ``(C,)`` for tokens of C features.
    eps : float
        Added to the variance under the root.
    elementwise_affine : bool
        Whether there is a weight (and a bias).
    bias : bool
        Whether there is a bias beside the weight.
    dtype : dtype
        Of the parameters.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> norm = nl.LayerNorm(3)
    >>> y = norm(np.array([[1.0, 2.0, 3.0]]))
    >>> dx = norm.backward(np.ones((1, 3)))
    >>> bool(abs(dx).max() < 1e-12)  # a common shift is not felt
    True
    >>> sorted(norm.grad)
    ['bias', 'weight']

    Built step by step in chapter 06.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: "DTypeLike" = np.float64,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps = as_shape(normalized_shape), eps
        self.weight = np.ones(self.normalized_shape, dtype) if elementwise_affine else None
        self.bias = np.zeros(self.normalized_shape, dtype) if elementwise_affine and bias else None

    def _forward(self, x):
        return functional.layer_norm_vjp(x, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(_Layer):
    r"""RMS normalization with its weight, as ``torch.nn.RMSNorm``.

    Formula, shapes and errors are those of `rms_norm`.

    Parameters
    ----------
    normalized_shape : tuple of int, or int
        The shape of the last axes, ``C`` or ``(C,)`` for tokens of C features.
    eps : float or None
        Added to the mean square; None means the machine epsilon, as in PyTorch.
    elementwise_affine : bool
        Whether there is a weight.
    dtype : dtype
        Of the weight.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> nl.RMSNorm(2, eps=0.0)(np.array([[1.0, 7.0]]))
    array([[0.2, 1.4]])

    Built step by step in chapter 09.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        dtype: "DTypeLike" = np.float64,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps = as_shape(normalized_shape), eps
        self.weight = np.ones(self.normalized_shape, dtype) if elementwise_affine else None

    def _forward(self, x):
        return functional.rms_norm_vjp(x, self.normalized_shape, self.weight, self.eps)


class GroupNorm(_Layer):
    r"""Group normalization with its parameters, as ``torch.nn.GroupNorm``.

    Formula, shapes and errors are those of `group_norm`.

    Parameters
    ----------
    num_groups, num_channels : int
        The channels are cut into this many groups of neighbors; the number must divide them.
    eps : float
        Added to the variance under the root.
    affine : bool
        Whether there are a weight and a bias, one number each for every channel.
    dtype : dtype
        Of the parameters.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.random.default_rng(0).normal(size=(2, 6, 5))
    >>> y = nl.GroupNorm(3, 6)(x)
    >>> first_group = y[:, :2]
    >>> bool(abs(first_group.mean(axis=(1, 2))).max() < 1e-12)
    True

    Built step by step in chapter 08.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: "DTypeLike" = np.float64,
    ) -> None:
        super().__init__()
        require_groups(num_groups, num_channels)
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = np.ones(num_channels, dtype) if affine else None
        self.bias = np.zeros(num_channels, dtype) if affine else None

    def _forward(self, x):
        return functional.group_norm_vjp(x, self.num_groups, self.weight, self.bias, self.eps)


class _RunningNorm(_Layer):
    """A norm that can keep running statistics of each channel."""

    buffers = ("running_mean", "running_var", "num_batches_tracked")

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        dtype: "DTypeLike",
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = np.ones(num_features, dtype) if affine else None
        self.bias = np.zeros(num_features, dtype) if affine else None
        self.running_mean = np.zeros(num_features, dtype) if track_running_stats else None
        self.running_var = np.ones(num_features, dtype) if track_running_stats else None
        self.num_batches_tracked = np.array(0) if track_running_stats else None

    def _forward(self, x):
        return self._function(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            self._new_share(),
            self.eps,
        )

    def _new_share(self):
        """The weight of this batch in the running statistics."""
        return self.momentum or 0.0


class BatchNorm(_RunningNorm):
    r"""Batch normalization with parameters and running statistics, as ``torch.nn.BatchNorm1d``.

    One class serves (N, C), (N, C, L), (N, C, H, W) and (N, C, D, H, W). Formula and errors are
    those of `batch_norm`.

    Parameters
    ----------
    num_features : int
        C, the number of channels.
    eps : float
        Added to the variance under the root.
    momentum : float or None
        The weight of the new statistics in the running ones. None means the average of all
        batches so far.
    affine : bool
        Whether there are a weight and a bias.
    track_running_stats : bool
        Without running statistics the layer uses those of the batch in both modes.
    dtype : dtype
        Of the parameters and buffers.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> norm = nl.BatchNorm(1)
    >>> norm(np.array([[1.0], [3.0]])).round(3).ravel()
    array([-1.,  1.])
    >>> norm.running_mean, norm.running_var  # new · 0.1 + old · 0.9
    (array([0.2]), array([1.1]))

    Built step by step in chapter 04.
    """

    _function = staticmethod(functional.batch_norm_vjp)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        dtype: "DTypeLike" = np.float64,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def _forward(self, x):
        result = super()._forward(x)
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
        return result

    def _new_share(self):
        if self.momentum is not None or self.num_batches_tracked is None:
            return super()._new_share()
        return 1 / (int(self.num_batches_tracked) + 1)


class InstanceNorm(_RunningNorm):
    r"""Instance normalization, as ``torch.nn.InstanceNorm1d``: no parameters by default.

    One class serves (N, C, L), (N, C, H, W) and (N, C, D, H, W). Formula and errors are those of
    `instance_norm`.

    Parameters
    ----------
    num_features : int
        C, the number of channels.
    eps : float
        Added to the variance under the root.
    momentum : float or None
        The weight of the new statistics in the running ones, if those are kept. As in PyTorch,
        None leaves them as they are, and ``num_batches_tracked`` stays 0.
    affine : bool
        Whether there are a weight and a bias.
    track_running_stats : bool
        Whether to keep running statistics, and use them in evaluation.
    dtype : dtype
        Of the parameters and buffers.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.array([[[1.0, 3.0]], [[10.0, 30.0]]])
    >>> nl.InstanceNorm(1)(x).round(3).tolist()
    [[[-1.0, 1.0]], [[-1.0, 1.0]]]

    Built step by step in chapter 07.
    """

    _function = staticmethod(functional.instance_norm_vjp)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        dtype: "DTypeLike" = np.float64,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)


def _as_array(value):
    """An array, also from a torch tensor, of bfloat16 too."""
    return np.asarray(value.detach().cpu().double().numpy() if hasattr(value, "detach") else value)
