"""Deep networks for scikit-learn's digits: one per seed, stacked along the first axis.

Five small networks cost hardly more than one if they share every matrix product. Each has its own
generators for its first weights, its data and its noise, so that a stack computes what its
networks would compute alone.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import sklearn
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from _study import origin

NORMS = ("none", "batch", "noisy_batch", "layer")
N_LAYER, WIDTH, CLASSES, EPS = 8, 64, 10, 1e-5
N_TRAIN = 1200  # of 1797; the rest is the test set
MEAN, SCALE, SAMPLE = 0.5, 0.25, 0.25  # of the noise, see Noise
# Streams of a seed; they stay apart for all seeds below 10000.
WEIGHTS, SPLIT, BATCHES, NOISE, PROBE_NOISE = range(0, 50_000, 10_000)


def generators(stream, seeds):
    """One generator per seed, from a stream that is used for nothing else."""
    return [torch.Generator().manual_seed(stream + seed) for seed in seeds]


def stacked(draw, generators):
    """Draw once from each generator and stack the results."""
    return torch.stack([draw(g) for g in generators])


@cache
def digits():
    """All images (1797, 64), as one array of mean 0 and sd 1, their labels, and a fingerprint."""
    data = load_digits()
    sha256 = hashlib.sha256()
    for array, kind in ((data.data, "<f8"), (data.target, "<i8")):
        sha256.update(np.ascontiguousarray(array, dtype=kind).tobytes())
    x = torch.tensor(data.data, dtype=torch.float32)
    return (x - x.mean()) / x.std(), torch.tensor(data.target), sha256.hexdigest()


@dataclass
class Split:
    """Training and test images of each seed, (S, N, 64), with labels (S, N)."""

    train: tuple
    test: tuple

    @classmethod
    def of(cls, seeds):
        """Split the digits, for every seed in its own way."""
        x, y, _ = digits()
        order = stacked(lambda g: torch.randperm(len(y), generator=g), generators(SPLIT, seeds))
        train, test = order[:, :N_TRAIN], order[:, N_TRAIN:]
        return cls((x[train], y[train]), (x[test], y[test]))

    def batch(self, generators, size):
        """A batch of training images per seed, drawn with replacement."""
        x, y = self.train
        rows = stacked(lambda g: torch.randint(N_TRAIN, (size,), generator=g), generators)
        seed = torch.arange(len(rows))[:, None]
        return x[seed, rows], y[seed, rows]


def initial(norm, seeds, gain=1.0):
    """He's weights, (S, in, out), with shift 0 and, if there is a norm, scale 1, per layer.

    The weights of a seed are the same for all norms. Where a norm follows, its shift is the bias.
    Those of the hidden layers are multiplied by `gain`.
    """
    rng, layers = generators(WEIGHTS, seeds), []
    sizes = [64, *[WIDTH] * N_LAYER, CLASSES]
    for i, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
        shape = (fan_in, fan_out)
        weight = stacked(lambda g, shape=shape: torch.randn(shape, generator=g), rng)
        factor = (2 / fan_in) ** 0.5 * (gain if i < N_LAYER else 1.0)
        layer = [weight * factor, torch.zeros(len(seeds), 1, fan_out)]
        if norm != "none" and i < N_LAYER:
            layer.append(torch.ones(len(seeds), 1, fan_out))
        layers.append(layer)
    return layers


class Noise:
    """The noise of one step after each of the norms (Santurkar et al., 2018, section 2.1).

    Every unit draws a shift from ±0.5 and a factor from 1 ± 0.25, anew at every step: they make
    its distribution's mean differ from 0 and its variance from 1, and both change with time.
    Every example then draws its own shift and factor around them, with a standard deviation
    of 0.25. The sizes are ours.
    """

    def __init__(self, generators):
        def uniform(g):
            return 2 * torch.rand(2, N_LAYER, 1, WIDTH, generator=g) - 1

        u = stacked(uniform, generators)
        self.shift, self.factor = MEAN * u[:, 0], 1 + SCALE * u[:, 1]  # (S, L, 1, W)

    def examples(self, n, generators):
        """Shifts and factors (S, L, n, W) of n examples."""

        def normal(g):
            return torch.randn(2, N_LAYER, n, WIDTH, generator=g)

        z = SAMPLE * stacked(normal, generators)
        return self.shift + z[:, 0], self.factor + z[:, 1]


def standardize(z, axis, statistics=None):
    """Z with mean 0 and variance 1 along an axis, or by the given mean and variance; and these."""
    if statistics is None:
        statistics = z.mean(axis, keepdim=True), z.var(axis, correction=0, keepdim=True)
    mean, variance = statistics
    return (z - mean) * torch.rsqrt(variance + EPS), statistics


def forward(layers, x, norm, noise=None, statistics=None):
    """Logits (S, N, 10), what each ReLU sees (S, N, W), and the statistics used, per layer.

    Parameters
    ----------
    layers : list of list of tensor
        As `initial` returns them.
    x : tensor (S, N, 64)
        A batch per network.
    norm : str
        One of NORMS: "batch" is over the N examples, "layer" over the W units of a layer.
    noise : tuple of two tensors (S, L, N, W), optional
        Shift and factor after the norm of each layer.
    statistics : list, optional
        Means and variances for the batch norms in place of those of the batch.
    """
    seen, used = [], []
    for i, (weight, shift, *scale) in enumerate(layers[:-1]):
        z = x @ weight
        if norm != "none":
            given = statistics[i] if statistics else None
            z, own = standardize(z, 2 if norm == "layer" else 1, given)
            used.append(own)
            z = z * scale[0]
        z = z + shift
        if noise is not None:
            z = z * noise[1][:, i] + noise[0][:, i]
        seen.append(z)
        x = torch.relu(z)
    weight, shift = layers[-1]
    return x @ weight + shift, seen, used


def losses(layers, batch, norm, noise=None, statistics=None):
    """Mean cross-entropy in nats and share of right answers, each (S,)."""
    x, y = batch
    logits = forward(layers, x, norm, noise, statistics)[0]
    loss = F.cross_entropy(logits.transpose(1, 2), y, reduction="none").mean(1)
    return loss, (logits.argmax(2) == y).float().mean(1)


def gradients(layers, batch, norm, noise=None):
    """Losses (S,) and the gradients of every parameter, shaped as `layers`.

    The networks share no parameter, so the gradient of the sum of their losses is each one's own.
    """
    leaves = [[p.detach().requires_grad_() for p in layer] for layer in layers]
    loss = losses(leaves, batch, norm, noise)[0]
    flat = iter(torch.autograd.grad(loss.sum(), [p for layer in leaves for p in layer]))
    return loss.detach(), [[next(flat) for _ in layer] for layer in leaves]


def moved(layers, grads, stride, upto=None):
    """The parameters after a step against the gradient; only the first `upto` layers take it."""
    new = [
        [p - stride * g for p, g in zip(layer, own, strict=True)]
        for layer, own in zip(layers[:upto], grads[:upto], strict=True)
    ]
    return new + layers[len(new) :]


def length(grads):
    """Euclidean norm of all parameters of each network together, (S,)."""
    squares = [g.square().flatten(1).sum(1) for layer in grads for g in layer]
    return torch.stack(squares).sum(0).sqrt()


@torch.no_grad()
def evaluate(layers, split, norm):
    """Loss and accuracy on the test images, each (S,), without noise; nan for a broken network.

    Batch norms take the mean and variance of all training images, as Ioffe and Szegedy's
    Algorithm 2 does at inference: a test image never sees another one.
    """
    batch = norm.endswith("batch")
    statistics = forward(layers, split.train[0], norm)[2] if batch else None
    loss, accuracy = losses(layers, split.test, norm, statistics=statistics)
    return loss, torch.where(loss.isfinite(), accuracy, torch.nan)


def source():
    """Where these results come from."""
    _, labels, sha256 = digits()
    where = origin("load_digits", sha256, CLASSES)
    where["versions"]["scikit-learn"] = sklearn.__version__
    corpus = {"name": "load_digits", "sha256": sha256, "images": len(labels), "classes": CLASSES}
    return where | {"corpus": corpus}


def runs_of(measured, seeds, model, training):
    """Make a Run of each network of a stack; one that ends worse than it began has diverged."""
    for i, seed in enumerate(seeds):
        curves = measured.of(i)
        final = curves["test_loss"][training["steps"]]
        worst = max(curves["loss"][0].item(), math.log(CLASSES))
        own = training | {"n_train": N_TRAIN, "seed": seed}
        yield curves.run(model, own, final, not final <= worst, digits=3)
