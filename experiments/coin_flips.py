r"""Batch norm lets a GPT cheat: does it predict coin flips, which nobody can?

A sequence is five flips of a fair coin, so no prediction from earlier flips has a loss below
ln 2 = 0.693 nats. Under `batchnorm` every LayerNorm of a small GPT is a BatchNorm over all tokens
of the batch, and its statistics know the later flips. Measured before the steps in `MOMENTS` and
after the last, in nats per flip:

train_loss, eval_loss
    With the statistics of the batch, as in training, and with the running averages. Where a batch
    is one sequence, and always in evaluation, it is exact: the mean over all 32 sequences.
train_positions, eval_positions
    The same after training for each of the four positions. The last flip is never an input.
"""

import copy
import hashlib
import itertools
import math
from dataclasses import asdict

import torch
from torch import nn
from torch.nn import functional as F

from _curves import Curves, gradient_norm
from _study import origin, publish, recorded
from normlib.gpt import GPT, GPTConfig

NAME = "coin_flips"
CONFIG = GPTConfig(vocab_size=2, n_layer=2, n_head=2, n_embd=32, block_size=4)
SIZES, SEEDS = (1, 2, 4, 16), range(5)
ARMS = [{"norm": "layernorm", "batch_size": 1}]
ARMS += [{"norm": "batchnorm", "batch_size": size} for size in SIZES]
STEPS, RATE, EVERY = 1200, 3e-3, 300
MOMENTS = range(0, STEPS + 1, EVERY)
FLIPS = torch.tensor([*itertools.product([0, 1], repeat=CONFIG.block_size + 1)])  # all (32, 5)
SAMPLE = 1024  # sequences in random batches, where a batch is more than one


class TokenBatchNorm(nn.BatchNorm1d):
    """Batch norm of (B, T, C): one mean and variance per feature, over all tokens."""

    def forward(self, x):
        """Take the tokens of all sequences as one batch."""
        return super().forward(x.flatten(0, 1)).view_as(x)


def gpt(norm, seed):
    """A GPT of CONFIG; under batchnorm with a TokenBatchNorm in place of every LayerNorm."""
    model = GPT(CONFIG, seed)
    if norm == "batchnorm":
        for parent in [*model.modules()]:
            for name, child in [*parent.named_children()]:
                if isinstance(child, nn.LayerNorm):
                    setattr(parent, name, TokenBatchNorm(CONFIG.n_embd))
    return model


@torch.no_grad()
def position_losses(model, batches):
    """Mean loss of every position, (T,), over batches (B, T + 1); the model stays as it is."""
    model, losses = copy.deepcopy(model), []  # batch norm in training changes its buffers
    for flips in batches:
        logits = model(flips[:, :-1])[0].transpose(1, 2)
        losses.append(F.cross_entropy(logits, flips[:, 1:], reduction="none").mean(0))
    return torch.stack(losses).mean(0)


def both_modes(model, batch_size, seed):
    """Losses of every position in training mode and in evaluation; the model stays in training."""
    if batch_size == 1:
        batches = FLIPS[:, None]
    else:
        rng = torch.Generator().manual_seed(10_000 + seed)
        batches = torch.randint(2, (SAMPLE, FLIPS.shape[1]), generator=rng).split(batch_size)
    in_training = position_losses(model.train(), batches)
    in_evaluation = position_losses(model.eval(), [FLIPS])
    model.train()
    return in_training, in_evaluation


def record(arm, seed, steps=STEPS):
    """Train one GPT on fresh flips and measure it."""
    batch_size, rng = arm["batch_size"], torch.Generator().manual_seed(seed)
    model, curves, modes = gpt(arm["norm"], seed), Curves(), {}
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    for step in range(steps + 1):
        if step in MOMENTS or step == steps:
            modes[step] = both_modes(model, batch_size, seed)
        if step == steps:
            break
        flips = torch.randint(2, (batch_size, FLIPS.shape[1]), generator=rng)
        _, loss = model(flips[:, :-1], flips[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        if step in MOMENTS:
            curves.note(step, loss=loss, grad_norm=gradient_norm(model))
        optimizer.step()
    for i, mode in enumerate(("train", "eval")):
        for step, both in modes.items():
            curves.note(step, **{f"{mode}_loss": both[i].mean()})
        curves.note(steps, **{f"{mode}_positions": modes[steps][i]})
    trained, evaluated = (curves[f"{mode}_loss"][steps] for mode in ("train", "eval"))
    return curves.run(
        asdict(CONFIG) | {"norm": arm["norm"]},
        {"steps": steps, "batch_size": batch_size, "lr": RATE, "seed": seed},
        val_loss=evaluated,
        diverged=not math.isfinite(trained + evaluated),
    )


def source():
    """Where these results come from; the data are the 32 sequences."""
    sha256 = hashlib.sha256(FLIPS.numpy().astype("u1").tobytes()).hexdigest()
    return origin("coin flips", sha256, vocab_size=2)


def show(runs):
    """Last losses in both modes."""
    for mode in ("train", "eval"):
        print(mode)
        for arm in ARMS:
            last = [run.probes[f"{mode}_loss"]["values"][-1] for run in runs.filter(**arm)]
            last = torch.tensor(last)
            print(*(str(v).ljust(10) for v in arm.values()), end=" ")
            print(f"{last.mean():.3f} ± {last.std():.3f}", last)


if __name__ == "__main__":
    show(publish(NAME, recorded(NAME, record, ARMS, SEEDS, source)))
