"""Who shares statistics?"""

import json

import numpy as np
import traitlets as t

from normlib.palette import LIGHT
from normlib.widgets._base import Figure, Number
from normlib.widgets._modules import HERE

SHAPE = (4, 6, 4)
MOST = 4.0
DATA = json.loads((HERE / "data" / "shared_statistics.json").read_text(encoding="utf-8"))
NAMES = {
    "batch": "BatchNorm",
    "layer": "LayerNorm",
    "instance": "InstanceNorm",
    "group": "GroupNorm",
    "rms": "RMSNorm",
}
# The axes of [sample, channel, position] over which each norm shares its statistics.
SHARE = {
    "image": {"batch": "NS", "layer": "CS", "instance": "S", "group": "CS", "rms": "CS"},
    "text": {"batch": "NS", "layer": "C", "instance": "S", "group": "CS", "rms": "C"},
}


class Block(t.List):
    """96 numbers as a flat list; an array or nested list of shape (4, 6, 4) is flattened."""

    def validate(self, obj, value):
        """Refuse other shapes, and numbers that the figure cannot show, in a sentence."""
        try:
            numbers = np.asarray(value, dtype=float)
        except (TypeError, ValueError) as error:
            raise t.TraitError(f"{self.name} must be numbers of shape {SHAPE}: {error}.") from None
        if numbers.shape not in (SHAPE, (96,)):
            raise t.TraitError(f"{self.name} must have shape {SHAPE}, got {numbers.shape}.")
        if not (np.abs(numbers) <= MOST).all():  # nan neither
            raise t.TraitError(
                f"{self.name} must lie between {-MOST:g} and {MOST:g}; scale your numbers first."
            )
        return super().validate(obj, numbers.ravel().tolist())


class SharedStatistics(Figure):
    """Which numbers share a mean and a variance?

    96 numbers, 4 samples of 6 channels at 4 positions, as a block of cubes. A norm is a choice of
    axes: every number is normalized by the mean and the variance of its own set. The reader drags
    over the cubes that share with the marked one, or ticks the axes, and the norm's name follows;
    four norms are to be found in images, two in text. Every number can be changed, as sheets and
    on a line, under "More". The verdicts tell whether the set reaches across the batch and, in
    text, into the future.

    Parameters
    ----------
    kind : "image" or "text"
        What the axes are called: 4 images of 6 channels and 4 pixels, or 4 sequences of 6 features
        and 4 tokens. LayerNorm and RMSNorm have other axes in the one than in the other.
    norm : "batch", "layer", "instance", "group", "rms" or "custom"
        Which norm; it decides `share` and `center`. With "custom" the next three count.
    share : str
        For "custom": the axes that share statistics, some of the letters of "NCS" in this order
        (samples, channels, positions). The page writes it back whatever the norm.
    groups : 1, 2, 3 or 6
        For "group" (at least 2 there) and "custom": into how many groups the channels are split.
    center : bool
        For "custom": subtract the mean.
    eps : float, 0 to 10
        Added to the variance, in the squared unit of x.
    sel : list of three int
        The marked number: sample, channel, position, each from 0.
    x : array of shape (4, 6, 4) or flat list of 96 numbers between -4 and 4
        Your own numbers. A flat list is what comes back.
    show : "x" or "y"
        Whether the sheets show the numbers before or after.

    Attributes
    ----------
    stats : dict
        Written by the page about the marked set: its mean "mu", its variance "var" (the mean
        square without centering), the marked number's result "y" and the "count" of numbers in
        the set. None stands for a result that is not a number.

    Examples
    --------
    >>> from normlib.widgets import SharedStatistics
    >>> figure = SharedStatistics(norm="group", groups=3)
    >>> figure.norm, figure.groups, len(figure.x)
    ('group', 3, 96)
    """

    _file = "shared_statistics"
    _alt = (
        "Norms are one formula over different sets of numbers. BatchNorm shares its statistics "
        "across the batch, LayerNorm and RMSNorm in a GPT across the features of one token, so "
        "only these two never see another sequence or a later token. RMSNorm subtracts no mean."
    )
    _room = (560, 690)

    kind = t.Enum(["image", "text"], "image").tag(sync=True)
    norm = t.Enum([*NAMES, "custom"], "layer").tag(sync=True)
    share = t.Enum(["", "N", "C", "S", "NC", "NS", "CS", "NCS"], "CS").tag(sync=True)
    groups = t.Enum([1, 2, 3, 6], 1).tag(sync=True)
    center = t.Bool(True).tag(sync=True)
    eps = Number(1e-5, min=0, max=10).tag(sync=True)
    sel = t.List(t.Int(), [0, 0, 3], minlen=3, maxlen=3).tag(sync=True)
    x = Block(t.Float(), DATA["x"]).tag(sync=True)
    show = t.Enum(["x", "y"], "x").tag(sync=True)
    stats = t.Dict().tag(sync=True)

    @t.validate("sel")
    def _inside(self, proposal):
        if not all(0 <= i < n for i, n in zip(proposal["value"], SHAPE, strict=True)):
            raise t.TraitError(f"sel must be a place in {SHAPE}, got {proposal['value']}.")
        return proposal["value"]

    def _still(self, plt):
        """Draw the set of the marked number for all five norms, images left and text right."""
        drawing, panels = plt.subplots(5, 2, figsize=(7.2, 4.9))
        for kind, column in zip(SHARE, panels.T, strict=True):
            image = "4 images: channels down, pixels across"
            text = "4 sequences: features down, tokens across"
            column[0].set_title(image if kind == "image" else text, fontsize=9)
            for ax, (norm, share) in zip(column, SHARE[kind].items(), strict=True):
                groups = max(2, self.groups) if norm == "group" else 1
                _sheets(ax, _together(share, groups, self.sel), self.sel)
                ax.set_xlabel(_verdict(kind, share), fontsize=8.5, labelpad=2)
        for ax, name in zip(panels[:, 0], NAMES.values(), strict=True):
            ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
        return drawing


def _verdict(kind, share):
    if kind == "text" and "S" in share:
        return "✕ sees the future" + (" and needs the batch" if "N" in share else "")
    return "✕ needs the batch" if "N" in share else "✓ works alone"


def _together(share, groups, sel):
    """Which numbers are in the set of the marked one: a mask of the block's shape."""
    n, c, s = np.indices(SHAPE)
    size = SHAPE[1] // groups
    channel = c // size == sel[1] // size if "C" in share else c == sel[1]
    return ("N" in share or n == sel[0]) & channel & ("S" in share or s == sel[2])


def _sheets(ax, mask, sel):
    """Draw the block as four sheets side by side, the numbers of the mask filled."""
    from matplotlib.patches import Rectangle

    samples, channels, positions = SHAPE
    for n in range(samples):
        left = n * (positions + 1)
        inside = np.argwhere(mask[n])  # a rectangle in every sheet
        if len(inside):
            (top, start), (bottom, end) = inside[0], inside[-1] + 1
            size = (end - start, bottom - top)
            ax.add_patch(Rectangle((left + start, top), *size, color=LIGHT["acc"]))
        if n == sel[0]:
            ax.add_patch(Rectangle((left + sel[2], sel[1]), 1, 1, color=LIGHT["ink"]))
        line = {"color": LIGHT["mute"], "linewidth": 0.5, "linestyle": "-"}
        rows = [(left, c, left + positions, c) for c in range(channels + 1)]
        columns = [(left + s, 0, left + s, channels) for s in range(positions + 1)]
        xs = [x for x0, _, x1, _ in rows + columns for x in (x0, x1, np.nan)]
        ys = [y for _, y0, _, y1 in rows + columns for y in (y0, y1, np.nan)]
        ax.plot(xs, ys, **line)
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.invert_yaxis()
    ax.spines[:].set_visible(False)
