"""One table of the places where a norm can stand around a sublayer, and what is known of each.

GPTs, figures and studies read it; it needs no PyTorch. `normlib.gpt.Block.forward` is the code of
the formulas.
"""

from dataclasses import dataclass
from typing import Literal

Placement = Literal["post", "pre", "peri", "reordered", "deepnorm", "none"]


@dataclass(frozen=True, kw_only=True)
class Row:
    r"""A row of the table.

    Attributes
    ----------
    formula : str
        What a sublayer f (attention, then the MLP) makes of the stream x with norms N.
    norms : tuple of str
        Where they stand: ``in`` and ``out`` before and after f on the branch, ``sum`` after the
        sum, on the stream.
    alpha : bool
        Whether the stream is weighted by α before the sum.
    final_norm : bool
        Whether the model has a norm of its own before its head.
    label, where : str
        Its name in figures, and a sentence on where the norm stands and who has it so.
    color : str
        Of its line in static drawings, a name in `normlib.palette`.
    on_light, on_dark : str
        Its color in interactive figures: legible as text, and under text, on both pages.
    dash : tuple of int
        The dashes and gaps of its line; empty for a solid one.
    measured : bool
        Whether the published studies have it, and so the figures that show them.

    Examples
    --------
    >>> from normlib.placements import PLACEMENTS
    >>> PLACEMENTS["peri"].formula
    'x = x + N(f(N(x)))'
    """

    formula: str
    norms: tuple
    alpha: bool = False
    final_norm: bool
    label: str
    where: str
    color: str
    on_light: str
    on_dark: str
    dash: tuple
    measured: bool = False


PLACEMENTS = {
    "post": Row(
        formula="x = N(x + f(x))",
        norms=("sum",),
        final_norm=False,
        label="Post",
        where="The norm stands on the highway, after every sum, "
        "as in the 2017 Transformer and BERT.",
        color="neg",
        on_light="#0069ad",
        on_dark="#59b7f0",
        dash=(7, 3),
        measured=True,
    ),
    "pre": Row(
        formula="x = x + f(N(x))",
        norms=("in",),
        final_norm=True,
        label="Pre",
        where="The norm stands before every sublayer, as in GPT-2 and Llama. "
        "Nothing stands on the highway.",
        color="pos",
        on_light="#b04706",
        on_dark="#ff9350",
        dash=(),
        measured=True,
    ),
    "peri": Row(
        formula="x = x + N(f(N(x)))",
        norms=("in", "out"),
        final_norm=True,
        label="Peri",
        where="Norms stand before and after every sublayer, as in Gemma 2.",
        color="ok",
        on_light="#00805e",
        on_dark="#35cfa0",
        dash=(3, 3),
        measured=True,
    ),
    "reordered": Row(
        formula="x = x + N(f(x))",
        norms=("out",),
        final_norm=True,
        label="Reordered",
        where="The norm stands after every sublayer, on the branch, as in OLMo 2.",
        color="acc",
        on_light="#b0498a",
        on_dark="#ec9acb",
        dash=(9, 3, 2, 3),
        measured=True,
    ),
    "deepnorm": Row(
        formula="x = N(α x + f(x))",
        norms=("sum",),
        alpha=True,
        final_norm=False,
        label="DeepNorm",
        where="Post-norm, but α makes the stream count for more, and some weights start smaller.",
        color="mute",
        on_light="#786000",
        on_dark="#d8bd3f",
        dash=(11, 3, 2, 3, 2, 3),
        measured=True,
    ),
    "none": Row(
        formula="x = x + f(x)",
        norms=(),
        final_norm=False,
        label="None",
        where="There is no norm anywhere.",
        color="ink",
        on_light="#3d4656",
        on_dark="#cfd6e2",
        dash=(1, 3),
        measured=True,
    ),
}
MEASURED = [name for name, row in PLACEMENTS.items() if row.measured]
