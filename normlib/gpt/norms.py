"""The norms that a GPT can be built with: PyTorch's own where they exist."""

from typing import Literal, get_args

import torch
from torch import nn

from normlib.gpt._fields import no_choice

Norm = Literal["layernorm", "rmsnorm", "dyt"]


class DynamicTanh(nn.Module):
    r"""Dynamic tanh, a norm without statistics: ``weight * tanh(alpha * x) + bias``.

    Parameters
    ----------
    dim : int
        Features of a token.
    bias : bool, default: True
        Whether there is a ``bias``.
    alpha : float, default: 0.5
        Where the learned number ``alpha``, one for all features, starts.

    Shapes: x (…, dim) → y (…, dim).

    References
    ----------
    Zhu et al. (2025), Transformers without Normalization, arXiv:2503.10622.

    Examples
    --------
    >>> import torch
    >>> from normlib.gpt.norms import DynamicTanh
    >>> y = DynamicTanh(3)(torch.tensor([[-20.0, 0.0, 20.0]]))
    >>> y.tolist()
    [[-1.0, 0.0, 1.0]]
    """

    def __init__(self, dim: int, bias: bool = True, alpha: float = 0.5) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(alpha))
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Squash every number by itself; no token and no feature sees another."""
        y = self.weight * torch.tanh(self.alpha * x)
        return y if self.bias is None else y + self.bias


def make_norm(name: Norm, dim: int, eps: float = 1e-5, bias: bool = True) -> nn.Module:
    """One norm of `dim` features.

    Parameters
    ----------
    name : {"layernorm", "rmsnorm", "dyt"}
        ``torch.nn.LayerNorm``, ``torch.nn.RMSNorm`` or `DynamicTanh`.
    dim : int
        Features of a token, the last axis of the input.
    eps : float, default: 1e-5
        Added to the variance or mean square. DyT has none.
    bias : bool, default: True
        Whether the norm has a bias. RMSNorm never has.

    Returns
    -------
    torch.nn.Module
        It maps (…, dim) to the same shape.

    Raises
    ------
    ValueError
        For another name.

    Examples
    --------
    >>> from normlib.gpt.norms import make_norm
    >>> make_norm("rmsnorm", 8)
    RMSNorm((8,), eps=1e-05, elementwise_affine=True)
    """
    match name:
        case "layernorm":
            return nn.LayerNorm(dim, eps=eps, bias=bias)
        case "rmsnorm":
            return nn.RMSNorm(dim, eps=eps)
        case "dyt":
            return DynamicTanh(dim, bias=bias)
    raise no_choice("norm", name, get_args(Norm))
