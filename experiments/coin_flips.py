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
import time
from dataclasses import asdict
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F

from _study import save
from normlib.gpt import GPT, GPTConfig
from normlib.gpt.provenance import provenance
from normlib.results import Run, Runs

NAME = "coin_flips"
CONFIG = GPTConfig(vocab_size=2, n_layer=2, n_head=2, n_embd=32, block_size=4)
SIZES, SEEDS = (1, 2, 4, 16), range(5)
ARMS = [("layernorm", 1), *(("batchnorm", size) for size in SIZES)]
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


def run(norm, batch_size, seed, steps=STEPS):
    """Train one GPT on fresh flips and measure it."""
    begin, rng = time.perf_counter(), torch.Generator().manual_seed(seed)
    model = gpt(norm, seed)
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    logged, losses, sizes, modes = [], [], [], {}
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
            logged.append(step)
            losses.append(loss.item())
            sizes.append(torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item())
        optimizer.step()
    probes = {}
    for i, mode in enumerate(("train", "eval")):
        means = [both[i].mean().item() for both in modes.values()]
        final = modes[max(modes)][i].tolist()
        probes[f"{mode}_loss"] = {"steps": [*modes], "values": means}
        probes[f"{mode}_positions"] = {"steps": [max(modes)], "values": [final]}
    trained, evaluated = (probes[f"{mode}_loss"]["values"][-1] for mode in ("train", "eval"))
    return Run(
        model=asdict(CONFIG) | {"norm": norm},
        training={"steps": steps, "batch_size": batch_size, "lr": RATE, "seed": seed},
        steps=logged,
        loss=losses,
        grad_norm=sizes,
        val_loss=evaluated if math.isfinite(evaluated) else None,
        diverged=not math.isfinite(trained + evaluated),
        probes=probes,
        provenance=source(),
        seconds=time.perf_counter() - begin,
    )


def source():
    """Where these results come from; the data are the 32 sequences."""
    sha256 = hashlib.sha256(FLIPS.numpy().astype("u1").tobytes()).hexdigest()
    data = SimpleNamespace(name="coin flips", sha256=sha256, vocab_size=2)
    return provenance(data, torch.device("cpu"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    runs = Runs(run(*arm, seed) for arm in ARMS for seed in SEEDS)
    save(NAME, runs)
    for mode in ("train", "eval"):
        print(mode)
        for norm, batch_size in ARMS:
            some = runs.filter(norm=norm, batch_size=batch_size)
            last = torch.tensor([r.probes[f"{mode}_loss"]["values"][-1] for r in some])
            print(f"{norm:10} {batch_size:3}  {last.mean():.3f} ± {last.std():.3f}", last)
