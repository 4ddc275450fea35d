r"""Internal covariate shift on trial: does batch norm reduce it, and does the loss care?

Ioffe and Szegedy (2015) say that batch norm helps because it keeps the distribution of each
layer's inputs from shifting. Santurkar et al. (2018) add noise after the norm, which makes the
distributions shift again, and find that the network trains as well; they ask instead how far the
loss and its gradient change along a step. Here are four networks, none, batch, noisy batch and
layer norm, and three kinds of measure, on real digits. The measures of a moment t, per seed:

drift_mean, drift_log_sd, drift_percentiles, drift_values (per layer)
    How far the distribution of what a unit's ReLU sees moves in the next five steps, on the same
    250 training images: see `drift`.
gradient_shift, gradient_cosine (per layer)
    How far the gradient of a layer's weights turns because the layers before it take their step:
    see `gradient_shift`.
loss_range, gradient_range, smoothness
    How far the loss and its gradient change along the gradient: see `along_the_gradient`.
test_accuracy, test_loss
    Share of right answers, and nats per image.
"""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from _curves import Curves
from _digits import (
    BATCHES,
    CLASSES,
    MEAN,
    N_LAYER,
    N_TRAIN,
    NOISE,
    NORMS,
    PROBE_NOISE,
    SAMPLE,
    SCALE,
    WIDTH,
    Noise,
    Split,
    evaluate,
    forward,
    generators,
    gradients,
    initial,
    length,
    moved,
    source,
)
from _shift_measures import along_the_gradient, drift, gradient_shift
from _study import publish, recorded

NAME = "covariate_shift"
RATES, MEASURED = (0.01, 0.03, 0.1, 0.3, 1.0), (0.03, 0.1)
SEEDS, STEPS, BATCH = range(5), 300, 64
ARMS = [{"norm": norm, "lr": lr} for norm in NORMS for lr in RATES]
PROBE = 250  # images on which distributions are compared; a count of them fits into a byte
AHEAD = 5  # steps over which they drift
FIGURE_RATE, FIGURE_SEED = 0.1, 0  # of the runs whose histograms are kept
# Moments of the figure, denser at first, and the moments of all measures.
FRAMES = [*range(7), 8, 10, 12, 15, 18, 21, *range(25, 50, 5), *range(50, 100, 10)]
FRAMES += [100, 115, 130, 145, *range(175, 300, 30)]
MOMENTS = sorted({*FRAMES, *range(55, 100, 10), *range(160, 300, 30)})
EDGES = [-6 + 0.5 * k for k in range(25)]  # of the histograms; the outer bins are open


def train(norm, lr, seeds=SEEDS, steps=STEPS, measure=False):
    """Train a stack of networks, one per seed, and measure it before the steps in MOMENTS.

    Returns
    -------
    measured : Curves
        Tensors (S,) or (S, L).
    seen : dict
        Step → per layer what its ReLUs see for the PROBE images, (S, N, W). Empty if not `measure`.
    """
    split, layers = Split.of(seeds), initial(norm, seeds)
    batches, noises, probing = (generators(s, seeds) for s in (BATCHES, NOISE, PROBE_NOISE))
    compared = {t + k for t in MOMENTS for k in (0, AHEAD)} if measure else ()
    measured, seen = Curves(), {}
    for step in range(steps + 1):
        noise = probe_noise = None
        if norm == "noisy_batch":
            drawn = Noise(noises)
            noise = drawn.examples(BATCH, noises)
            probe_noise = drawn.examples(PROBE, probing) if step in compared else None
        if step in compared:
            seen[step] = forward(layers, split.train[0][:, :PROBE], norm, probe_noise)[1]
        if step == steps or (measure and step in MOMENTS):
            loss, accuracy = evaluate(layers, split, norm)
            measured.note(step, test_loss=loss, test_accuracy=accuracy)
        if step == steps:
            break
        gradient = partial(gradients, batch=split.batch(batches, BATCH), norm=norm, noise=noise)
        loss, grads = gradient(layers)
        if step in MOMENTS:
            measured.note(step, loss=loss, grad_norm=length(grads))
            if measure:
                measured.note(step, **gradient_shift(layers, grads, gradient, lr))
                measured.note(step, **along_the_gradient(layers, grads, gradient))
        layers = moved(layers, grads, lr)
    for step in MOMENTS:
        if step + AHEAD in seen:
            pairs = zip(seen[step], seen[step + AHEAD], strict=True)
            per_layer = [drift(*pair) for pair in pairs]
            for name in per_layer[0]:
                measured.note(step, **{name: torch.stack([d[name] for d in per_layer], 1)})
    return measured, seen


def histograms(seen, seed=0):
    """Histograms of one typical unit per layer over FRAMES, as two probes of a run.

    Typical is the unit whose mean moves by the median amount among the units of its layer: pooled
    over the units, shifts in both directions would hide each other.
    """
    units, counts = [], []
    inner = torch.tensor(EDGES[1:-1])
    for layer in range(N_LAYER):
        z = torch.stack([seen[step][layer][seed] for step in FRAMES])  # (T, N, W)
        units.append(int(z.mean(1).std(0).argsort()[WIDTH // 2]))
        bins = torch.bucketize(z[:, :, units[-1]].contiguous(), inner)
        counts.append([torch.bincount(b, minlength=len(EDGES) - 1).tolist() for b in bins])
    return {
        "histogram": {"steps": FRAMES, "values": [list(row) for row in zip(*counts, strict=True)]},
        "histogram_units": {"steps": [0], "values": [units]},
        "histogram_edges": {"steps": [0], "values": [EDGES]},
    }


def record(arm, seeds, steps=STEPS):
    """Train one stack and make a Run of each of its networks."""
    norm, lr = arm["norm"], arm["lr"]
    measured, seen = train(norm, lr, seeds, steps, measure=lr in MEASURED)
    # Only noisy_batch has noise; the fields stand in all runs, so that seeds are all that varies.
    noise = {"noise_mean": MEAN, "noise_scale": SCALE, "noise_sample": SAMPLE}
    model = {"norm": norm, "n_layer": N_LAYER, "width": WIDTH, "activation": "relu", **noise}
    training = {"lr": lr, "steps": steps, "batch_size": BATCH, "optimizer": "sgd", "seed": None}
    training |= {"n_train": N_TRAIN, "n_probe": PROBE, "drift_steps": AHEAD}
    for i, seed in enumerate(seeds):
        curves = measured.of(i)
        final, worst = curves["test_loss"][steps], max(curves["loss"][0].item(), math.log(CLASSES))
        run = curves.run(model, training | {"seed": seed}, final, not final <= worst, digits=3)
        if seed == FIGURE_SEED and lr == FIGURE_RATE:
            run = replace(run, probes=run.probes | histograms(seen, i))
        yield run


def summary(runs, lr):
    """For every measure and norm the median over the moments, mean and sd over the seeds."""
    for name in runs.filter(lr=lr)[0].probes:
        if name.startswith("histogram"):
            continue
        cells = []
        for norm in NORMS:
            some = runs.filter(lr=lr, norm=norm)
            values = [np.array(run.probes[name]["values"], dtype=float) for run in some]
            if name.startswith("test"):
                medians = [v[-1] for v in values]
            elif values[0].ndim == 2:
                medians = [np.nanmedian(v[:, N_LAYER // 2]) for v in values]
            else:
                medians = [np.nanmedian(v) for v in values]
            cells.append(f"{np.mean(medians):8.4f} ± {np.std(medians, ddof=1):.4f}")
        print(f"{name:18}", *cells)


def show(runs):
    """Test losses of all arms, and the measures at two rates."""
    print(runs.table("norm", "lr"))
    for lr in MEASURED:
        print(f"\nlr {lr}, layer {N_LAYER // 2 + 1} where it is per layer:", *NORMS)
        summary(runs, lr)


if __name__ == "__main__":
    show(publish(NAME, recorded(NAME, record, ARMS, [SEEDS], source)))
