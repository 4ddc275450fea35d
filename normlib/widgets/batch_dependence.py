"""The batch is part of the function."""

import numpy as np
import traitlets as t

from normlib.palette import LIGHT
from normlib.widgets._base import Figure, Number


class BatchDependence(Figure):
    """In BatchNorm the output of one sample depends on the others in its batch.

    A batch rains from its population, and the means of 200 batches pile up: the larger the batch,
    the narrower the pile. Beside it is what becomes of one sample that is in all of them: a smear
    in training, a line in evaluation and under LayerNorm. How the noise falls with the size of the
    batch, and how the running averages that replace the batch in evaluation follow the data, is
    under "More".

    The data of the first feature are normal with mean 1 and standard deviation 1; once shifted,
    from step 51 on, with mean 4 and standard deviation 2. The sample has the value 2.

    Attributes
    ----------
    m : {1, 2, 4, 8, 16, 32, 64, 128, 256}
        Samples in a batch.
    mode : {"train", "eval"}
        Whether the norm uses the batch or the running averages.
    momentum : float, 0 to 1
        The weight of a new batch in the running averages.
    seed : int, 1 to 200
        Which of the 200 batches the sample is in.
    step : int, 0 to 100
        Updates of the running averages so far, each by another batch of m samples.
    shifted : bool
        Whether the data shift after step 50.
    stats : dict
        Written by the browser: ``output`` of the sample (None where BatchNorm raises an error),
        its standard deviation over the 200 batches as measured, ``sd``, and as expected,
        ``theory``; ``running_mean`` and ``running_var``.

    Examples
    --------
    >>> from normlib.widgets import BatchDependence
    >>> figure = BatchDependence(m=4, shifted=False)
    >>> figure.mode
    'train'
    """

    _file = "batch_dependence"
    _alt = (
        "The same sample in 200 batches: BatchNorm gives it 200 different outputs while training, "
        "the more different the smaller the batch; LayerNorm and GroupNorm always give the same."
    )
    _room = (570, 740)

    m = t.Enum([2**k for k in range(9)], 8).tag(sync=True)
    mode = t.Enum(["train", "eval"], "train").tag(sync=True)
    momentum = Number(0.1, min=0, max=1).tag(sync=True)
    seed = t.Int(1, min=1, max=200).tag(sync=True)
    step = t.Int(100, min=0, max=100).tag(sync=True)
    shifted = t.Bool(False).tag(sync=True)
    stats = t.Dict().tag(sync=True)

    def _still(self, plt):
        rng = np.random.default_rng(1)
        drawing, axes = plt.subplots(1, 3, figsize=(7.2, 2.5), sharex=True, sharey=True)
        for ax, m in zip(axes, (4, 16, 64), strict=True):
            batches = np.concatenate([np.full((200, 1), 2.0), rng.normal(1, 1, (200, m - 1))], 1)
            outputs = (2 - batches.mean(1)) / np.sqrt(batches.var(1) + 1e-5)
            ax.hist(outputs, bins=np.linspace(-1.5, 2.5, 41), color=LIGHT["acc"])
            ax.set(title=f"batches of {m}: sd {outputs.std():.2f}", xlabel="output of x = 2")
        axes[0].set_ylabel("of 200 batches")
        return drawing
