r"""What does it cost batch norm to be shaken, and is it the change that costs, or the size?

In `covariate_shift` noise behind each batch norm costs no accuracy. Here it is made up to eight
times as strong, and where 500 steps are too few for it, 3000. The control is the same noise, drawn
once and held: it bends and hides what a unit says as much as noise that is drawn anew at every
step, but nothing shifts. The noise is that of the units alone; images are not shaken by themselves.

accuracy, accuracy_noisy
    Share of right answers on the test images, without the noise, and with that of the moment.
test_loss
    In nats per image, without the noise.
drift_mean
    Per layer, as in `covariate_shift`: how far the means move in the next five steps.
"""

import numpy as np
import torch

from _curves import Curves
from _digits import (
    BATCHES,
    CLASSES,
    N_LAYER,
    NOISE,
    WIDTH,
    Noise,
    Split,
    forward,
    generators,
    gradients,
    initial,
    length,
    losses,
    moved,
    runs_of,
    source,
)
from _shift_measures import drift
from _study import publish, recorded

NAME = "noise_strength"
SEEDS, BATCH, PROBE, AHEAD = range(5), 64, 250, 5
ARMS = [  # the long ones first, so that no process is left alone with them
    {"held": held, "strength": strength, "lr": lr, "steps": steps}
    for held, strengths, rates, steps in (
        (False, (8, 4), (0.1, 0.3), 3000),
        (False, (1, 2, 4, 8), (0.1, 0.3, 1.0), 500),
        (True, (1, 2, 4, 8), (0.1, 0.3, 1.0), 500),
    )
    for strength in strengths
    for lr in rates
]
MOMENTS = (0, 25, 50, 75, 100, 150, 200, 300, 400, 490, 700, 1000, 1500, 2000, 2500)


def drawn(generators, strength):
    """Shift and factor (S, L, 1, W) of every unit, `strength` times those of `Noise`."""
    noise = Noise(generators)
    return strength * noise.shift, 1 + strength * (noise.factor - 1)


@torch.no_grad()
def tested(layers, split, noise):
    """Loss and share of right answers (S,) under this noise, by all training images."""
    statistics = forward(layers, split.train[0], "batch", noise)[2]
    loss, accuracy = losses(layers, split.test, "batch", noise, statistics)
    return loss, torch.where(loss.isfinite(), accuracy, torch.nan)


def train(held, strength, lr, steps, seeds=SEEDS):
    """Train a stack of networks, one per seed; test and look at them in MOMENTS and at the end."""
    split, layers, measured = Split.of(seeds), initial("batch", seeds), Curves()
    batches, noises = (generators(stream, seeds) for stream in (BATCHES, NOISE))
    noise, seen = drawn(noises, strength), {}
    for step in range(steps + 1):
        if step > 0 and not held:
            noise = drawn(noises, strength)
        if step in MOMENTS or step == steps:
            loss, accuracy = tested(layers, split, None)
            measured.note(step, test_loss=loss, accuracy=accuracy)
            measured.note(step, accuracy_noisy=tested(layers, split, noise)[1])
        if step in MOMENTS or step - AHEAD in MOMENTS:
            seen[step] = forward(layers, split.train[0][:, :PROBE], "batch", noise)[1]
        if step == steps:
            break
        loss, grads = gradients(layers, split.batch(batches, BATCH), "batch", noise)
        if step in MOMENTS:
            measured.note(step, loss=loss, grad_norm=length(grads))
        layers = moved(layers, grads, lr)
    for step in MOMENTS:
        if step + AHEAD in seen:
            pairs = zip(seen[step], seen[step + AHEAD], strict=True)
            measured.note(step, drift_mean=torch.stack([drift(*p)["drift_mean"] for p in pairs], 1))
    return measured


def record(arm, seeds):
    """Train one stack and make a Run of each of its networks."""
    measured, steps = train(**arm, seeds=seeds), arm["steps"]
    model = {"norm": "noisy_batch", "n_layer": N_LAYER, "width": WIDTH, "activation": "relu"}
    model |= {"held": arm["held"], "strength": arm["strength"]}
    training = {"lr": arm["lr"], "steps": steps, "batch_size": BATCH, "optimizer": "sgd"}
    yield from runs_of(measured, seeds, model, training)


def show(runs):
    """Accuracy in percent of each arm, worst to best seed: without the noise, and with it."""
    print(f"Guessing: {100 / CLASSES:.0f} %")
    for arm in ARMS:
        some = runs.filter(**arm)
        for name in ("accuracy", "accuracy_noisy"):
            ends = np.sort([r.probes[name]["values"][-1] or 0 for r in some])
            print(arm, name, *(f"{100 * a:.1f}" for a in ends))


if __name__ == "__main__":
    show(publish(NAME, recorded(NAME, record, ARMS, [SEEDS], source)))
