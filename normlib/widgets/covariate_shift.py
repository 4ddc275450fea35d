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
    """Four networks while they learn digits: what every layer sees, their losses and the shift.

    Networks without a norm, with batch norm, with batch norm and noise behind it, and with
    LayerNorm. The figure opens on a run that ``experiments/covariate_shift.py`` recorded; pressed,
    it trains new ones in the browser, with the reader's rate, weights, noise and seed, and one can
    look back to every step. It never plays or trains by itself.

    Parameters
    ----------
    step : int, default: 295
        Step of training; the nearest measured one is shown.
    layer : int, default: 0
        Hidden layer, 1 to 8, that is shown large; 0 for all, and numbers that are means of them.
    measure : {"drift", "gradient", "loss_range"}, default: "drift"
        How far a unit's mean moves in five steps, in standard deviations; how far a layer's
        gradient changes when the layers below take their step, relative to it; the range of the
        loss along the gradient, in nats.
    compare : {"norms", "scales"}, default: "norms"
        What is trained: the four networks, or one of them twice, the second time with weights
        `scale` times as large and `scale`² times the rate for them.
    norm : {"none", "batch", "noisy_batch", "layer"}, default: "batch"
        The network of which two scales are compared.
    rate : {0.01, 0.03, 0.1, 0.3, 1.0}, default: 0.1
        Learning rate.
    scale : {0.25, 0.5, 1, 2, 4}, default: 1
        What the first weights of the hidden layers are multiplied by.
    noise : {0, 0.5, 1, 2}, default: 1
        Strength of the noise, in that of the recorded run.
    seed : int, default: 0
        Of the first weights, the split of the digits, the batches and the noise.

    Attributes
    ----------
    stats : dict
        Written by the browser: the shown ``step`` and ``layer``, whether the run was
        ``recorded``, its ``settings``, and for each of its ``networks`` all numbers.

    Examples
    --------
    >>> from normlib.widgets import CovariateShift
    >>> CovariateShift(measure="loss_range", layer=2).state()
    {'layer': 2, 'measure': 'loss_range'}
    """

    _file = "covariate_shift"
    _alt = (
        "With batch norm what the units see hardly drifts while the network learns. With noise "
        "behind the norm it drifts to the end, farther than without a norm by then, and yet the "
        "network reads digits as well: stable distributions are not what it takes."
    )
    _room = (557, 701)

    step = t.Int(295, min=0).tag(sync=True)
    layer = t.Int(0, min=0, max=8).tag(sync=True)
    measure = t.Enum(["drift", "gradient", "loss_range"], "drift").tag(sync=True)
    compare = t.Enum(["norms", "scales"], "norms").tag(sync=True)
    norm = t.Enum([*NAMES], "batch").tag(sync=True)
    rate = t.Enum([0.01, 0.03, 0.1, 0.3, 1.0], 0.1).tag(sync=True)
    scale = t.Enum([0.25, 0.5, 1, 2, 4], 1).tag(sync=True)
    noise = t.Enum([0, 0.5, 1, 2], 1).tag(sync=True)
    seed = t.Int(0, min=0, max=9999).tag(sync=True)
    stats = t.Dict().tag(sync=True)

    def _still(self, plt):
        data = json.loads((HERE / "data" / f"{self._file}.json").read_text(encoding="utf-8"))
        shape, layer = (len(data["steps"]), 8, len(data["edges"]) - 1), self.layer or 5
        drawing, axes = plt.subplots(1, 4, sharey=True, figsize=(7.2, 2.2))
        for ax, (norm, name) in zip(axes, NAMES.items(), strict=True):
            counts = base64.b64decode(data["norms"][norm]["histograms"])
            rows = _percentiles(counts, shape, data["edges"], layer - 1)
            low, middle, high = zip(*rows, strict=True)
            ax.fill_between(data["steps"], low, high, alpha=0.3)
            ax.plot(data["steps"], middle)
            accuracy = data["norms"][norm]["curves"]["test_accuracy"][-1]
            ax.set(title=f"{name}\n{100 * accuracy:.1f} % right", xlabel="step")
        axes[0].set_ylabel(f"what a unit of layer {layer} sees")
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
