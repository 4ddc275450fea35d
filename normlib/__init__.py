r"""normlib: the normalizations of GPT models, from scratch in NumPy, checked against PyTorch.

A tour, in the order in which you would meet things:

1. The norms are functions with the names, argument order and defaults of
   ``torch.nn.functional``, on NumPy arrays: `batch_norm`, `layer_norm`, `instance_norm`,
   `group_norm`, `rms_norm`. Under them lies one operator, `normalize`.
2. Each has a twin that also returns its derived gradient: ``y, vjp = layer_norm_vjp(…)``, then
   ``dx, dweight, dbias = vjp(dy)``. `check_vjp` compares any such pair with arithmetic.
3. With parameters and running statistics they are layers, which exchange their state with the
   ``torch.nn`` modules: `BatchNorm`, `LayerNorm`, `InstanceNorm`, `GroupNorm`, `RMSNorm`.
4. You wrote one yourself? ``agrees("layer_norm", mine)`` compares it with normlib and PyTorch;
   ``check(mine)`` does the same as an exercise and names the mistake.
5. It is somebody else's, and you do not know what it does? ``diagnose(layer, x)`` changes one
   thing at a time and says what moves; ``normlib.clinic`` has patients to try it on.
6. ``normlib.gpt`` holds small GPTs that differ in their norms, and trains them; `load_results`
   reads the runs that the book tells of. `readable` prints numbers as the book does.

``import normlib`` needs NumPy only. ``normlib.gpt`` needs torch, ``normlib.plots`` matplotlib.
"""

from normlib.agree import agrees
from normlib.checker import check
from normlib.clinic import diagnose
from normlib.digits import readable
from normlib.functional import (
    batch_norm,
    batch_norm_vjp,
    group_norm,
    group_norm_vjp,
    instance_norm,
    instance_norm_vjp,
    layer_norm,
    layer_norm_vjp,
    normalize,
    normalize_vjp,
    rms_norm,
    rms_norm_vjp,
)
from normlib.gradcheck import check_vjp
from normlib.layers import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from normlib.results import load_results

__all__ = [
    "BatchNorm",
    "GroupNorm",
    "InstanceNorm",
    "LayerNorm",
    "RMSNorm",
    "agrees",
    "batch_norm",
    "batch_norm_vjp",
    "check",
    "check_vjp",
    "diagnose",
    "group_norm",
    "group_norm_vjp",
    "instance_norm",
    "instance_norm_vjp",
    "layer_norm",
    "layer_norm_vjp",
    "load_results",
    "normalize",
    "normalize_vjp",
    "readable",
    "rms_norm",
    "rms_norm_vjp",
]

__version__ = "0.2.0"
