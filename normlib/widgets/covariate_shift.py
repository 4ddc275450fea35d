"""Internal covariate shift on trial."""

import base64
import json

import traitlets as t

from normlib.widgets._base import Figure
from normlib.widgets._modules import HERE

NAMES = {
    "none": "No norm",
    "batch": "Batch norm",
    "noisy_batch": "Noisy batch norm",
    "layer": "LayerNorm",
}


class CovariateShift(Figure):
    """Four networks while they learn digits: distributions, loss, and three measures of shift.

    Networks without a norm, with batch norm, with batch norm and noise behind it, and with
    LayerNorm were trained by ``experiments/covariate_shift.py``; the figure plays, and lets you
    scrub, over their training. It never plays by itself.

    Parameters
    ----------
    step : int, default: 30
        Step of training; the nearest measured one is shown.
    layer : int, default: 5
        Hidden layer, 1 to 8, of the distributions and of the first two measures.
    measure : {"drift", "gradient", "loss_range"}, default: "drift"
        How far a unit's mean moves in five steps, in standard deviations; how far a layer's
        gradient changes when the layers below take their step, relative to it; the range of the
        loss along the gradient, in nats.

    Attributes
    ----------
    stats : dict
        Written by the browser: all numbers of the shown moment.

    Examples
    --------
    >>> from normlib.widgets import CovariateShift
    >>> CovariateShift(measure="loss_range", layer=2).state()
    {'layer': 2, 'measure': 'loss_range'}
    """

    _file = "covariate_shift"
    _alt = (
        "With batch norm the distributions inside a network hardly drift while it learns. With "
        "noise behind the norm they drift more than without any norm, and yet the network is as "
        "good at the end: stable distributions are not what it takes to learn."
    )
    _room = (850, 1400)

    step = t.Int(30, min=0).tag(sync=True)
    layer = t.Int(5, min=1, max=8).tag(sync=True)
    measure = t.Enum(["drift", "gradient", "loss_range"], "drift").tag(sync=True)
    stats = t.Dict().tag(sync=True)

    def _still(self, plt):
        data = json.loads((HERE / "data" / f"{self._file}.json").read_text(encoding="utf-8"))
        shape = len(data["steps"]), 8, len(data["edges"]) - 1
        drawing, axes = plt.subplots(1, 4, sharey=True, figsize=(7.2, 2.2))
        for ax, (norm, name) in zip(axes, NAMES.items(), strict=True):
            counts = base64.b64decode(data["norms"][norm]["histograms"])
            rows = _percentiles(counts, shape, data["edges"], self.layer - 1)
            low, middle, high = zip(*rows, strict=True)
            ax.fill_between(data["steps"], low, high, alpha=0.3)
            ax.plot(data["steps"], middle)
            accuracy = data["norms"][norm]["curves"]["test_accuracy"][-1]
            ax.set(title=f"{name}\n{100 * accuracy:.1f} % right", xlabel="step")
        axes[0].set_ylabel(f"what a unit of layer {self.layer} sees")
        return drawing


def _percentiles(counts, shape, edges, layer):
    """The 15th, 50th and 85th percentile of a unit at each moment, even within a bin."""
    moments, layers, bins = shape
    for moment in range(moments):
        start = (moment * layers + layer) * bins
        row, found = counts[start : start + bins], []
        for share in (0.15, 0.5, 0.85):
            below = share * sum(row)
            for i, count in enumerate(row):
                if count and below <= count:
                    found.append(edges[i] + below / count * (edges[i + 1] - edges[i]))
                    break
                below -= count
        yield found
