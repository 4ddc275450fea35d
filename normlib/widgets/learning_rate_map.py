"""The learning-rate map."""

import json
import math
from statistics import median

import traitlets as t

from normlib.palette import LIGHT
from normlib.results import Run, Runs
from normlib.widgets._base import Figure, Number, floats
from normlib.widgets._modules import HERE

MOST_CURVES, MOST_POINTS = 12, 500
PLACED = ("post", "pre", "peri", "deepnorm")
MOMENTS = (100, 200, 500, 1000, 2000)


class LearningRateMap(Figure):
    """Which learning rates train which placement, and who leads after how many steps?

    Shows the validation loss of GPTs of `normlib.gpt` for four placements and six rates, as a map
    in whose cells stand their runs. A click on a cell opens it: its runs on their way, one line
    for each seed, beside those of the other placements; and from there the race, `TrainingRace`,
    trains such a model in the page. Every sentence is computed.

    Attributes
    ----------
    placement : {"post", "pre", "peri", "deepnorm"}, default: "post"
        Row of the cell that is looked at.
    rate : int, default: 1
        Column of that cell, from 0 to 5: 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016.
    warmup : {0, 100, 400}, default: 100
        The map: steps in which the rate rises to its value.
    steps : {100, 200, 500, 1000, 2000}, default: 2000
        The budget: after how many steps the losses are read, in runs of 2000.
    opened : bool, default: False
        Whether the cell is open.
    init : {"xavier", "gpt2"}, default: "xavier"
        Initialization of the models.
    metric : {"median", "worst"}, default: "median"
        What the cells show: the median of the seeds' losses, or the largest, in nats.
    tolerance : float, default: 0.2
        A rate is usable if every seed's loss is at most so many nats above the lowest median of
        all cells of this budget. From 0.05 to 0.5, in steps of 0.05.
    mine : normlib.results.Run, Runs, or a list of curves, optional
        Your own loss curves, drawn over the others in an open cell: at most 12, each a Run or a
        dictionary of ``steps`` and ``loss``, and, if you like, ``label`` and ``diverged``. Kept as
        a list of such dictionaries. A Run gives its validation losses on the way if it has more
        than two of them (see `TrainConfig.measure_at`), and those of its batches otherwise.
    stats : dict
        Written by the browser. Of the cell: ``losses`` of its seeds, their ``median``, the
        ``worst``; ``ahead``, in how many of the ``pairs`` of seeds it is below pre-norm (pre-norm
        below post-norm) at each moment. Of the budget: ``best``, the lowest median; ``own_best``,
        for each placement its lowest median and where that is; and ``usable``, for each placement
        the rates with each warm-up.

    Examples
    --------
    >>> from normlib.widgets import LearningRateMap
    >>> figure = LearningRateMap(placement="post", rate=3, mine=[{"steps": [0, 9], "loss": [5, 3]}])
    >>> figure.mine[0]["label"]
    'Yours'
    """

    _file = "learning_rate_map"
    _alt = (
        "At a small rate that all placements share, post-norm is behind pre-norm after 200 steps "
        "and ahead after 2000. Each at its own best rate, pre-norm and peri-norm end ahead of "
        "post-norm from Xavier's weights, because they bear a larger rate, and behind it from "
        "GPT-2's."
    )
    _room = (545, 625)

    placement = t.Enum(PLACED, "post").tag(sync=True)
    rate = t.Int(1, min=0, max=5).tag(sync=True)
    warmup = t.Enum([0, 100, 400], 100).tag(sync=True)
    steps = t.Enum(MOMENTS, MOMENTS[-1]).tag(sync=True)
    opened = t.Bool(False).tag(sync=True)
    init = t.Enum(["xavier", "gpt2"], "xavier").tag(sync=True)
    metric = t.Enum(["median", "worst"], "median").tag(sync=True)
    tolerance = Number(0.2, min=0.05, max=0.5).tag(sync=True)
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
        """The map with a warm-up of 100 steps, early and at the end."""
        file = HERE / "data" / f"{self._file}.json"
        found = json.loads(file.read_text(encoding="utf-8"))
        cells = found["loss"][0][found["warmups"].index(100)]  # Xavier's
        drawing, axes = plt.subplots(1, 2, sharey=True, figsize=(7.2, 2.4))
        for axis, steps in zip(axes, (200, 2000), strict=True):
            moment = found["moments"].index(steps)
            medians = [[median(run[moment] for run in runs) for runs in row] for row in cells]
            best = min(map(min, medians))
            for row, values in enumerate(medians):
                for column, value in enumerate(values):
                    color = LIGHT["acc-soft"] if value < best + 0.3 else LIGHT["card"]
                    box = {"facecolor": color, "edgecolor": LIGHT["line"]}
                    axis.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, **box))
                    text = f"{value:.2f}"
                    axis.text(column, row, text, ha="center", va="center", fontsize=8)
            labels = [f"{rate:g}"[1:] for rate in found["rates"]]
            rows = found["placements"]
            axis.set(xlim=(-0.5, 5.5), xticks=range(6), xticklabels=labels)
            axis.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)), yticklabels=rows)
            axis.set(xlabel="learning rate", title=f"after {steps} steps")
            axis.tick_params(length=0, labelsize=8)
            axis.grid(False)
        return drawing


def _curve(one):
    """A Run or a dictionary as plain lists, cut where the loss stops being a number."""
    if isinstance(one, Run):
        label = f"{one['placement']}, rate {one['lr']:g}, warm-up {one['warmup']}"
        steps, loss = one.steps, one.loss
        measured = one.probes.get("val_loss", {"steps": [], "values": []})
        if len(measured["steps"]) > 2:  # on the way as well, not only before and after
            steps = measured["steps"]
            loss = [math.nan if x is None else x for x in measured["values"]]
        one = {"steps": steps, "loss": loss, "label": label, "diverged": one.diverged}
    if not isinstance(one, dict) or not {"steps", "loss"} <= one.keys():
        raise t.TraitError(f"a curve of mine must be a Run, or have steps and loss, got {one!r}.")
    steps = floats("steps of a curve of mine", one["steps"], "count them from 0")
    loss = floats("loss of a curve of mine", one["loss"], "math.nan stands for one that diverged")
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
