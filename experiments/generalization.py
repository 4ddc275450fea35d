r"""Does a norm improve generalization? Validation loss at equal training loss, none against norms.

A norm that only trains faster is further along at the same step, and so is its gap. Here two
tasks with too few data are learned until they are overfitted, and validation losses are compared
where the *training* losses are equal. A seed sets the first weights, the order of the data and the
piece of data to learn from, and it is shared by all arms, so differences are paired.

text
    GPTs, 4 layers of width 64, learn 16,000 characters of the book's text almost by heart. The
    validation text is that of all other studies. TEXT_ARMS: no norm under GPT-2's init, which
    trains, pre-norm under the same, and pre-norm with LayerNorm and RMSNorm and post-norm with a
    warm-up under Xavier's.
digits
    The networks of `_digits.py`, 8 hidden layers, 250 images. DIGITS_ARMS: a step sees 25 images
    drawn at random, or all 250; or all 250 in ten random groups of 25, with statistics of each
    group for itself. The last two differ, under batch norm, in the noise of the statistics alone.

The measures, in nats, every TEXT_EVERY or EVERY steps and after the last:

train_loss, val_loss
    Text: over 192 windows of each text, evenly spaced. Digits: all images of either part, batch
    norm with the statistics of all training images.
val_accuracy
    Digits: share of right answers on the test images.
"""

import math
from dataclasses import asdict

import numpy as np
import torch

from _curves import Curves, gradient_norm
from _digits import (
    BATCHES,
    N_LAYER,
    WIDTH,
    Split,
    evaluate,
    generators,
    gradients,
    initial,
    length,
    moved,
    source,
    stacked,
)
from _study import interval, publish, recorded, text, text_origin
from normlib.gpt import GPT, GPTConfig, TrainConfig, draw_batch, learning_rate
from normlib.results import Runs

NAME = "generalization"
SEEDS = range(6)

MODEL = ("placement", "norm", "init")
TEXT_ARMS = [
    dict(zip((*MODEL, "warmup", "lr"), values, strict=True))
    for values in [
        ("none", "layernorm", "gpt2", 0, 2e-3),
        ("none", "layernorm", "gpt2", 0, 6e-3),
        ("pre", "layernorm", "gpt2", 0, 2e-3),
        ("pre", "layernorm", "gpt2", 0, 6e-3),
        ("pre", "layernorm", "xavier", 0, 3e-3),
        ("pre", "rmsnorm", "xavier", 0, 3e-3),
        ("post", "layernorm", "xavier", 100, 3e-3),
    ]
]
TEXT_STEPS, TEXT_EVERY = 600, 40
PIECE, APART, WINDOWS, BATCH = 16_000, 60_000, 192, 16

IMAGES = 250
RATES, STEPS, EVERY = (0.1, 0.3), 400, 10
DIGITS_ARMS = [
    {"norm": norm, "batch_size": size, "groups": groups, "lr": lr}
    for norm, size, groups in [
        ("none", 25, 1),
        ("none", IMAGES, 1),
        ("batch", 25, 1),
        ("batch", IMAGES, 1),
        ("batch", IMAGES, 10),
        ("layer", 25, 1),
        ("layer", IMAGES, 1),
    ]
    for lr in RATES
]
TEXT_LEVELS, LEVELS = (2.4, 2.2, 2.0, 1.8), (1.0, 0.5, 0.2, 0.1, 0.05)  # printed


def at_level(train, val, level):
    """Validation loss where the training loss first reaches a level, between two moments linearly.

    Returns
    -------
    float
        nan if the training loss never reaches the level, or begins below it.
    """
    for before, after, left, right in zip(train, train[1:], val, val[1:], strict=False):
        if None in (before, after, left, right):
            return math.nan
        if before > level >= after:
            share = (before - level) / (before - after)
            return left + share * (right - left)
    return math.nan


def windows(ids, size):
    """Windows of a text, evenly spaced, as inputs and targets."""
    every = ids.unfold(0, size + 1, 1)
    some = every[torch.linspace(0, len(every) - 1, WINDOWS).long()]
    return some[:, :-1], some[:, 1:]


@torch.no_grad()
def text_loss(model, batch):
    """Loss in nats; the model has no dropout, so it needs no second mode."""
    return model(*batch)[1].item()


def text_record(arm, seed, steps=TEXT_STEPS):
    """Train one GPT on its piece of the text and measure it on the way."""
    lr, warmup, chosen = arm["lr"], arm["warmup"], {name: arm[name] for name in MODEL}
    config = GPTConfig(vocab_size=text().vocab_size, n_layer=4, **chosen)
    training = TrainConfig(steps=steps, lr=lr, warmup=warmup, batch_size=BATCH, seed=seed)
    size = config.block_size
    train, val = (text().split(part, size) for part in ("train", "val"))
    piece = train[APART * seed :][:PIECE]
    parts, curves = {"train_loss": windows(piece, size), "val_loss": windows(val, size)}, Curves()
    model, rng = GPT(config, seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr, training.betas, fused=True)
    for step in range(steps + 1):
        if step % TEXT_EVERY == 0 or step == steps:
            curves.note(step, **{name: text_loss(model, batch) for name, batch in parts.items()})
        if step == steps:
            break
        optimizer.param_groups[0]["lr"] = learning_rate(training, step)
        _, loss = model(*draw_batch(piece, BATCH, size, rng))
        optimizer.zero_grad()
        loss.backward()
        if step % TEXT_EVERY == 0:
            curves.note(step, loss=loss, grad_norm=gradient_norm(model))
        optimizer.step()
    trained = {"steps": steps, "lr": lr, "warmup": warmup, "batch_size": BATCH, "optimizer": "adam"}
    trained |= {"task": "text", "piece": PIECE, "seed": seed}
    return finished(curves, asdict(config), trained)


def finished(curves, model, training):
    """A Run, diverged if its last training loss is no number or above that of its start."""
    train, last = curves["train_loss"], training["steps"]
    return curves.run(model, training, curves["val_loss"][last], not train[last] <= train[0])


def few(seeds):
    """Each seed's split with IMAGES training images."""
    split = Split.of(seeds)
    return Split(tuple(part[:, :IMAGES] for part in split.train), split.test)


def groups_of(split, rng, size, groups):
    """The images of a step, as a list of batches."""
    x, y = split.train
    if size < IMAGES:
        rows = stacked(lambda g: torch.randint(IMAGES, (size,), generator=g), rng)
    elif groups > 1:
        rows = stacked(lambda g: torch.randperm(IMAGES, generator=g), rng)
    else:
        return [(x, y)]
    seed = torch.arange(len(rows))[:, None]
    parts = [part[seed, rows].chunk(groups, 1) for part in (x, y)]
    return [*zip(*parts, strict=True)]


def mean_gradients(layers, batches, norm):
    """Loss and gradients, averaged over batches of equal size."""
    losses, grads = zip(*(gradients(layers, batch, norm) for batch in batches), strict=True)
    mean = [
        [sum(ps) / len(ps) for ps in zip(*same, strict=True)] for same in zip(*grads, strict=True)
    ]
    return sum(losses) / len(losses), mean


def digits_train(norm, batch_size, groups, lr, seeds=SEEDS, steps=STEPS):
    """Train a stack of networks; Curves of tensors (S,)."""
    split, layers, rng = few(seeds), initial(norm, seeds), generators(BATCHES, seeds)
    learned, measured = Split(split.train, split.train), Curves()
    for step in range(steps + 1):
        if step % EVERY == 0 or step == steps:
            val, accuracy = evaluate(layers, split, norm)
            train = evaluate(layers, learned, norm)[0]
            measured.note(step, train_loss=train, val_loss=val, val_accuracy=accuracy)
        if step == steps:
            break
        loss, grads = mean_gradients(layers, groups_of(split, rng, batch_size, groups), norm)
        if step % EVERY == 0:
            measured.note(step, loss=loss, grad_norm=length(grads))
        layers = moved(layers, grads, lr)
    return measured


def digits_record(arm, seeds, steps=STEPS):
    """Train one stack and make a Run of each of its networks."""
    measured = digits_train(**arm, seeds=seeds, steps=steps)
    model = {"norm": arm["norm"], "n_layer": N_LAYER, "width": WIDTH, "activation": "relu"}
    training = {"steps": steps, **{name: arm[name] for name in ("batch_size", "groups", "lr")}}
    training |= {"optimizer": "sgd", "task": "digits", "n_train": IMAGES}
    for i, seed in enumerate(seeds):
        yield finished(measured.of(i), model, training | {"seed": seed})


def read(runs, level):
    """Validation loss of every run at a level of its training loss."""
    curves = [[run.probes[k]["values"] for k in ("train_loss", "val_loss")] for run in runs]
    return np.array([at_level(*pair, level) for pair in curves])


def line(runs, levels):
    """Last training and best validation loss; at each level the loss, and how many reach it."""
    final = [run.probes["train_loss"]["values"][-1] or math.nan for run in runs]
    best = [min(v for v in run.probes["val_loss"]["values"] if v is not None) for run in runs]
    cells = [
        f"train {np.mean(final):.3f}, best val {np.mean(best):.3f} ± {np.std(best, ddof=1):.3f}"
    ]
    for level in levels:
        found = read(runs, level)
        found = found[np.isfinite(found)]
        mean = "{:.3f} ± {:.3f}".format(*interval(found)) if len(found) > 1 else "–"
        cells.append(f"{level}: {mean} ({len(found)})")
    return "  |  ".join(cells)


def show(runs):
    """A line for every arm."""
    for task, arms, levels in (("text", TEXT_ARMS, TEXT_LEVELS), ("digits", DIGITS_ARMS, LEVELS)):
        for arm in arms:
            some = runs.filter(task=task, **arm)
            print(*(str(value).ljust(9) for value in arm.values()), line(some, levels))


if __name__ == "__main__":
    few_images = recorded(NAME, digits_record, DIGITS_ARMS, [SEEDS], source)
    few_letters = recorded(NAME, text_record, TEXT_ARMS, SEEDS, text_origin)
    show(publish(NAME, Runs([*few_images, *few_letters])))
