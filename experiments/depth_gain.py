r"""Which deep networks train? Gain of the weights × learning rate, without and with LayerNorm.

Twenty layers of 64 ReLU for scikit-learn's digits, no residual connection, no bias. The weights
of a layer have mean 0 and standard deviation gain / √64; those of the output have 1 / √64, for
every gain. LayerNorm stands before each ReLU and has no parameters, so both arms have the same
weights, begin with the same values, and see the same batches. The measures of a moment, per run:

rms, stream_grad (layers in LAYERS)
    Root mean square of what the layer hands on, over the batch and the units, and of the gradient
    of the batch's mean loss with respect to it.
update (layers in LAYERS)
    ‖learning rate · gradient‖ / ‖weights‖ of the layer's weights.
test_accuracy
    Share of right answers after the last step; None where the loss is not finite.
"""

import itertools
import math

import torch
from torch.nn import functional as F

from _curves import Curves
from _digits import (
    BATCHES,
    CLASSES,
    N_TRAIN,
    WEIGHTS,
    WIDTH,
    Split,
    generators,
    length,
    source,
    stacked,
)
from _study import publish, recorded

NAME = "depth_gain"
N_LAYER, STEPS, BATCH, SEEDS = 20, 300, 64, range(5)
NORMS = ("none", "layer")
GAINS = (0.5, 0.7, 1.0, 1.1, 1.2, 1.3, 2**0.5, 1.5, 1.6, 1.7, 2.0, 2.8, 4.0)
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
ARMS = [{"norm": norm, "gain": gain} for norm in NORMS for gain in GAINS]
LOGGED = (0, 1, 3, 10, 30, 100, 200, STEPS - 1)
MOMENTS = (0, 10, 100)  # of the measures per layer
LAYERS = (1, 10, 20)
STOOD_STILL = 0.01  # nats by which a network that learned nothing may end above where it began


def initial(gain, seeds):
    """Weights (S, in, out) of every layer; equal for all gains but for the factor."""
    rng, sizes = generators(WEIGHTS, seeds), [WIDTH] * (N_LAYER + 1) + [CLASSES]
    drawn = [
        stacked(lambda g, shape=shape: torch.randn(shape, generator=g), rng) / WIDTH**0.5
        for shape in zip(sizes, sizes[1:], strict=False)
    ]
    return [gain * weight for weight in drawn[:-1]] + drawn[-1:]


def forward(weights, x, norm):
    """Logits (S, N, 10) of the images x (S, N, 64), and what each layer hands on (S, N, W)."""
    hidden = []
    for weight in weights[:-1]:
        z = x @ weight
        x = torch.relu(F.layer_norm(z, (WIDTH,)) if norm == "layer" else z)
        hidden.append(x)
    return x @ weights[-1], hidden


def losses(logits, labels):
    """Mean cross-entropy in nats of every network, (S,)."""
    return F.cross_entropy(logits.transpose(1, 2), labels, reduction="none").mean(1)


def rms(tensors):
    """Root mean square of each network at LAYERS, (S, len(LAYERS))."""
    return torch.stack([tensors[i - 1].square().mean((1, 2)).sqrt() for i in LAYERS], 1)


def train(norm, gain, rates=RATES, seeds=SEEDS, steps=STEPS):
    """Train a stack of networks, every rate with every seed, and measure it on the way.

    Returns
    -------
    Curves
        Tensors (R · S, …), rate by rate.
    """
    split, batches = Split.of(seeds), generators(BATCHES, seeds)
    copies = (len(rates), 1, 1)
    lr = torch.tensor(rates).repeat_interleave(len(seeds))[:, None, None]
    weights = [w.repeat(copies) for w in initial(gain, seeds)]
    measured = Curves()
    for step in range(steps):
        x, labels = split.batch(batches, BATCH)
        leaves = [w.detach().requires_grad_() for w in weights]
        logits, hidden = forward(leaves, x.repeat(copies), norm)
        loss = losses(logits, labels.repeat(copies[:2]))
        grads = torch.autograd.grad(loss.sum(), [*leaves, *(hidden if step in MOMENTS else ())])
        own = grads[: len(leaves)]
        if step in LOGGED:
            measured.note(step, loss=loss, grad_norm=length([own]))
        if step in MOMENTS:
            sizes = [
                (lr * g).norm(dim=(1, 2)) / w.norm(dim=(1, 2))
                for g, w in zip(own, weights, strict=True)
            ]
            update = torch.stack([sizes[i - 1] for i in LAYERS], 1)
            below = rms(grads[len(leaves) :])
            measured.note(step, rms=rms(hidden), stream_grad=below, update=update)
        weights = [(w - lr * g).detach() for w, g in zip(weights, own, strict=True)]
    x, labels = (part.repeat(len(rates), *[1] * (part.ndim - 1)) for part in split.test)
    logits, _ = forward(weights, x, norm)
    loss = losses(logits, labels)
    right = (logits.argmax(2) == labels).float().mean(1)
    measured.note(
        steps, test_loss=loss, test_accuracy=torch.where(loss.isfinite(), right, torch.nan)
    )
    return measured


def record(arm, seeds, rates=RATES, steps=STEPS):
    """Train one stack, every rate with every seed, and make a Run of each of its networks."""
    measured = train(**arm, rates=rates, seeds=seeds, steps=steps)
    model = {**arm, "n_layer": N_LAYER, "width": WIDTH, "activation": "relu"}
    training = {"steps": steps, "batch_size": BATCH, "optimizer": "sgd", "n_train": N_TRAIN}
    training["layers"] = list(LAYERS)
    for i, (lr, seed) in enumerate(itertools.product(rates, seeds)):
        curves = measured.of(i)
        final = curves.pop("test_loss")[steps]
        worst = max(curves["loss"][0].item(), math.log(CLASSES)) + STOOD_STILL
        chosen = training | {"lr": lr, "seed": seed}
        yield curves.run(model, chosen, final, diverged=not final <= worst, digits=3)


def show(runs):
    """Print the map of each arm: mean test accuracy in %, and how many of the seeds diverged."""
    for norm in NORMS:
        print(f"\n{norm}: test accuracy in %, diverged; rates {RATES}")
        for gain in GAINS:
            cells = []
            for lr in RATES:
                some = runs.filter(norm=norm, gain=gain, lr=lr)
                right = [run.probes["test_accuracy"]["values"][0] for run in some]
                finite = [100 * r for r in right if r is not None]
                mean = f"{sum(finite) / len(finite):.0f}" if finite else "–"
                lost = sum(run.diverged for run in some)
                cells.append(f"{mean}{f' ({lost})' if lost else ''}".rjust(8))
            print(f"{gain:5.2f}", *cells)


if __name__ == "__main__":
    show(publish(NAME, recorded(NAME, record, ARMS, [SEEDS], source)))
