"""The gradient highway."""

import json
import math
from typing import TYPE_CHECKING, Any

import traitlets as t

from normlib.palette import LIGHT
from normlib.placements import MEASURED, PLACEMENTS
from normlib.widgets._base import Figure, floats
from normlib.widgets._modules import HERE

if TYPE_CHECKING:
    import torch

    from normlib.gpt import GPT

MOST_LEVELS = 300


class GradientHighway(Figure):
    """Drag the norm along the wire of a transformer block, and see what reaches the embeddings.

    Shows one sublayer with its norms, and what was measured in GPTs of `normlib.gpt` with all
    placements: the residual stream that goes up from the embeddings (0) to the loss (`depth`),
    and the gradient that comes down, each as wide as it is large. Under *More* stand the same
    numbers as curves, beside those of the other placements.

    Attributes
    ----------
    placement : str, default: "pre"
        Where the norms stand, one of the placements of `normlib.gpt.GPTConfig`.
    depth : int, default: 16
        Blocks. At the start 2, 4, 8, 16 or 32 were measured, after training 6, 12 and 24; the
        nearest is shown.
    init : {"xavier", "gpt2"}, default: "xavier"
        Initial weights of the models at the start. Those that were trained began with xavier.
    moment : {"start", "trained"}, default: "start"
        Before any training, or after it, beside the same models before.
    level : int, default: 8
        The level that is read, from 0 to `depth`.
    metric : {"stream", "weights"}, default: "stream"
        The gradient of the second chart under *More*: of the stream, or of the last weight of
        each block, which was measured at the start only.
    mine : dict, optional
        Your own model, drawn over the others in the charts, as `measure` makes it.
    stats : dict
        Written by the browser: ``gradient_factor``, gradient at the embeddings divided by that at
        the top; ``stream_factor``, RMS of the stream at the top divided by that at the
        embeddings; ``weight_factor``, gradient of the first block's last weight divided by that
        of the last block's; ``residual_rms``, ``stream_grad_norm`` and ``grad_norm`` at
        ``level``; ``depth`` and ``moment`` shown; and how many runs ``diverged``. None stands
        for what was not measured, or was too large for float32.

    Examples
    --------
    >>> import torch
    >>> from normlib.gpt import GPT, GPTConfig
    >>> from normlib.widgets import GradientHighway
    >>> model = GPT(GPTConfig(vocab_size=10, n_layer=4))
    >>> idx = torch.randint(10, (8, 32))
    >>> mine = GradientHighway.measure(model, idx, targets=idx, label="4 blocks of mine")
    >>> figure = GradientHighway(placement="pre", depth=4, mine=mine)
    >>> len(figure.mine["residual_rms"])
    5
    """

    _file = "gradient_highway"
    _alt = (
        "Where the norm stands decides whether the residual stream grows from block to block, and "
        "whether every block gets a gradient: without any norm it explodes, with post-norm it may "
        "vanish in training, and with norms on the branch it passes."
    )
    _room = (577, 745)

    placement = t.Enum(MEASURED, "pre").tag(sync=True)
    depth = t.Enum([2, 4, 6, 8, 12, 16, 24, 32], 16).tag(sync=True)
    init = t.Enum(["xavier", "gpt2"], "xavier").tag(sync=True)
    moment = t.Enum(["start", "trained"], "start").tag(sync=True)
    level = t.Int(8, min=0, max=32).tag(sync=True)
    metric = t.Enum(["stream", "weights"], "stream").tag(sync=True)
    mine = t.Dict(None, allow_none=True).tag(sync=True)
    stats = t.Dict().tag(sync=True)

    @t.validate("mine")
    def _check_mine(self, proposal):
        mine = proposal["value"]
        if mine is None:
            return None
        known = {"residual_rms", "stream_grad_norm", "grad_norm", "label"}
        if not {"residual_rms", "stream_grad_norm"} <= mine.keys() <= known:
            raise t.TraitError(
                f"mine must hold residual_rms and stream_grad_norm, and may hold grad_norm and "
                f"label, got {sorted(mine)}: GradientHighway.measure makes it."
            )
        series = {
            name: floats(f"{name} of mine", mine[name], "GradientHighway.measure makes them")
            for name in ("residual_rms", "stream_grad_norm", "grad_norm")
            if name != "grad_norm" or mine.get(name) is not None  # the only one that may be missing
        }
        levels = len(series["residual_rms"])
        if not 2 <= levels <= MOST_LEVELS:
            raise t.TraitError(f"mine must have 2 to {MOST_LEVELS} levels, got {levels}.")
        clean = {"label": str(mine.get("label", "Your model"))}
        for name, values in series.items():
            length = levels - 1 if name == "grad_norm" else levels
            if len(values) != length or not all(0 < x < 1e300 for x in values):
                raise t.TraitError(
                    f"{name} must be {length} positive finite numbers, got {len(values)} of which "
                    f"{sum(0 < x < 1e300 for x in values)} are."
                )
            clean[name] = values
        return clean

    @classmethod
    def measure(
        cls, model: "GPT", idx: "torch.Tensor", targets: "torch.Tensor", label: str = "Your model"
    ) -> dict[str, Any]:
        """Measure a model for `mine`.

        Parameters
        ----------
        model : normlib.gpt.GPT
            Or any model with such ``blocks`` and such a ``forward``.
        idx, targets : torch.Tensor
            A batch of tokens (B, T) and those that follow. The gradient of the stream is that of
            the mean loss, so it shrinks as √(B T) grows; the published lines have B T = 256.
        label : str, default: "Your model"
            What to call it.

        Returns
        -------
        dict
            ``residual_rms`` and ``stream_grad_norm`` for each level, ``grad_norm`` for each
            block, and ``label``.
        """
        from normlib.gpt import probes

        was_training = model.training
        model.eval()
        try:
            return {
                "residual_rms": probes.residual_rms(model, idx, targets),
                "stream_grad_norm": probes.stream_grad_norm(model, idx, targets),
                "grad_norm": probes.grad_norm(model, idx, targets),
                "label": label,
            }
        finally:
            model.train(was_training)

    def _still(self, plt):
        file = HERE / "data" / f"{self._file}.json"
        measured = json.loads(file.read_text(encoding="utf-8"))["start"]["measured"]["xavier"]
        drawing, axes = plt.subplots(1, 2, sharey=True, figsize=(6.8, 3.3))
        for placement, depths in measured.items():
            row = PLACEMENTS[placement]
            style = (0, [x / 2 for x in row.dash]) if row.dash else "-"  # in widths of two pixels
            color = LIGHT[row.color]
            for axis, name in zip(axes, ("rms", "gradient"), strict=True):
                values = [math.nan if x is None else x for x in depths["16"][name]]
                axis.plot(values, range(17), color=color, linestyle=style, label=placement)
        for axis, limits, title in zip(
            axes,
            ((0.8, 12), (8e-3, 3)),
            ("size of the stream (RMS)", "gradient of the stream"),
            strict=True,
        ):
            axis.set(xscale="log", xlim=limits, title=title)
        axes[0].set_ylabel("level: embeddings to loss")
        axes[1].legend(loc="upper right", fontsize=8)
        return drawing
