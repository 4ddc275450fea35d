"""The learning-rate map."""

import json
import math

import traitlets as t

from normlib.palette import LIGHT
from normlib.placements import MEASURED
from normlib.results import Run, Runs
from normlib.widgets._base import Figure, Number
from normlib.widgets._modules import HERE

MOST_CURVES, MOST_POINTS = 12, 500


class LearningRateMap(Figure):
    """Which learning rates train which placement, without and with warm-up?

    Shows the final validation loss of GPTs of `normlib.gpt` for all placements and eight rates, as
    two maps, one without warm-up and one with; a click on a cell shows the loss curves of its
    seeds and of both neighboring rates. Runs that diverged are counted in their cell.

    Attributes
    ----------
    placement : str, default: "post"
        Row of the cell that is looked at, one of the placements of `normlib.gpt.GPTConfig`.
    rate : int, default: 2
        Column of that cell, from 0 to 7: 0.0003, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064.
    warmup : {0, 100}, default: 0
        Map of that cell: steps in which the rate rises to its value, of 200 in all.
    depth : {6, 12}, default: 6
        Blocks of the models in both maps.
    metric : {"mean", "worst"}, default: "mean"
        What the cells show: the mean of the three seeds' losses, or the largest, in nats.
    tolerance : float, default: 0.3
        A rate is usable if no seed diverged and every seed's loss is at most so many nats above
        the lowest mean of all cells of this depth. From 0.1 to 0.9, in steps of 0.05.
    mine : normlib.results.Run, Runs, or a list of curves, optional
        Your own loss curves, drawn over the others: at most 12, each a Run or a dictionary of
        ``steps`` and ``loss``, and, if you like, ``label`` and ``diverged``. Kept as a list of
        such dictionaries.
    stats : dict
        Written by the browser. Of the cell: ``losses`` of its seeds, None for one that diverged,
        their ``mean``, the ``worst``, and how many ``diverged``. Of the depth: ``best``, the
        lowest mean; and ``usable``, for each placement the rates without and with warm-up.

    Examples
    --------
    >>> from normlib.widgets import LearningRateMap
    >>> figure = LearningRateMap(placement="post", rate=3, mine=[{"steps": [0, 9], "loss": [5, 3]}])
    >>> figure.mine[0]["label"]
    'Yours'
    """

    _file = "learning_rate_map"
    _alt = (
        "Post-norm without warm-up trains at few learning rates, warm-up helps it a little, and "
        "placements with a norm on the branch train over a wide range of rates with and without it."
    )
    _room = (905, 1300)

    placement = t.Enum(MEASURED, "post").tag(sync=True)
    rate = t.Int(2, min=0, max=7).tag(sync=True)
    warmup = t.Enum([0, 100], 0).tag(sync=True)
    depth = t.Enum([6, 12], 6).tag(sync=True)
    metric = t.Enum(["mean", "worst"], "mean").tag(sync=True)
    tolerance = Number(0.3, min=0.1, max=0.9).tag(sync=True)
    mine = t.Any(None, allow_none=True).tag(sync=True)
    stats = t.Dict().tag(sync=True)

    @t.validate("mine")
    def _check_mine(self, proposal):
        mine = proposal["value"]
        if mine is None:
            return None
        mine = [mine] if isinstance(mine, (Run, dict)) else mine
        if not isinstance(mine, (Runs, list, tuple)) or not 1 <= len(mine) <= MOST_CURVES:
            raise t.TraitError(f"mine must be a Run, Runs, or a list of 1 to {MOST_CURVES} curves.")
        return [_curve(one) for one in mine]

    def _still(self, plt):
        file = HERE / "data" / f"{self._file}.json"
        found = json.loads(file.read_text(encoding="utf-8"))
        drawing, axes = plt.subplots(1, 2, sharey=True, figsize=(7.2, 2.9))
        for axis, warmup, losses in zip(axes, found["warmups"], found["loss"][0], strict=True):
            for row, cells in enumerate(losses):
                for column, seeds in enumerate(cells):
                    lost = seeds.count(None)
                    mean = None if lost else sum(seeds) / len(seeds)
                    good = mean is not None and mean < 2.7
                    color = LIGHT["acc-soft"] if good else LIGHT["card"]
                    box = {"facecolor": color, "edgecolor": LIGHT["line"]}
                    box["hatch"] = "///" if lost else ""
                    axis.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, **box))
                    text = f"✕{lost}" if lost else f"{mean:.2f}"
                    axis.text(column, row, text, ha="center", va="center", fontsize=8)
            labels = [f"{rate:g}"[1:] for rate in found["rates"]]
            rows = found["placements"]
            axis.set(xlim=(-0.5, 7.5), xticks=range(8), xticklabels=labels)
            axis.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)), yticklabels=rows)
            axis.set(xlabel="learning rate")
            axis.set_title(f"{warmup} steps of warm-up" if warmup else "without warm-up")
            axis.tick_params(length=0, labelsize=8)
            axis.grid(False)
        return drawing


def _curve(one):
    """A Run or a dictionary as plain lists, cut where the loss stops being a number."""
    if isinstance(one, Run):
        label = f"{one['placement']}, rate {one['lr']:g}, warm-up {one['warmup']}"
        one = {"steps": one.steps, "loss": one.loss, "label": label, "diverged": one.diverged}
    if not isinstance(one, dict) or not {"steps", "loss"} <= one.keys():
        raise t.TraitError(f"a curve of mine must be a Run, or have steps and loss, got {one!r}.")
    steps, loss = [float(x) for x in one["steps"]], [float(x) for x in one["loss"]]
    if len(steps) != len(loss) or sorted(steps) != steps or not all(0 <= x < 1e9 for x in steps):
        raise t.TraitError("a curve of mine must have as many steps, in order, as losses.")
    known = next((i for i, x in enumerate(loss) if not abs(x) < 1e300), len(loss))
    if not known:
        raise t.TraitError("a curve of mine must begin with a finite loss.")
    every = math.ceil(known / (MOST_POINTS - 1))
    kept = [*range(0, known - 1, every), known - 1]
    return {
        "label": str(one.get("label", "Yours")),
        "steps": [steps[i] for i in kept],
        "loss": [loss[i] for i in kept],
        "diverged": bool(one.get("diverged", False)) or known < len(loss),
    }
