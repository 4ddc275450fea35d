r"""normlib: the normalizations of GPT models, from scratch in NumPy, checked against PyTorch.

A tour, in the order in which you would meet things:

1. The norms are functions with the names, argument order and defaults of
   ``torch.nn.functional``, on NumPy arrays: `layer_norm`, `rms_norm`. Under them lies one
   operator, `normalize`.
2. Each has a twin that also returns its derived gradient: ``y, vjp = layer_norm_vjp(…)``, then
   ``dx, dweight, dbias = vjp(dy)``. `check_vjp` compares any such pair with arithmetic.
3. You wrote one yourself? ``agrees("layer_norm", mine)`` compares it with normlib and PyTorch;
   ``check(mine)`` does the same as an exercise and names the mistake.

``import normlib`` needs NumPy only. Plots are in ``normlib.plots`` (matplotlib).
"""

from normlib.agree import agrees
from normlib.checker import check
from normlib.functional import (
    layer_norm,
    layer_norm_vjp,
    normalize,
    normalize_vjp,
    rms_norm,
    rms_norm_vjp,
)
from normlib.gradcheck import check_vjp

__all__ = [
    "agrees",
    "check",
    "check_vjp",
    "layer_norm",
    "layer_norm_vjp",
    "normalize",
    "normalize_vjp",
    "rms_norm",
    "rms_norm_vjp",
]

__version__ = "0.1.0"
