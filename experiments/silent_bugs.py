r"""Which broken norms does training not reveal? Thirteen small GPTs that differ by one bug.

A pre-norm GPT of four layers learns characters. Each arm has one bug in its norms, or in where they
stand; "right" has none. An arm and "right" of the same seed have the same first weights and see the
same batches, so their losses can be subtracted. The measures after the last step, in nats per
character, on the same validation windows for every run:

val_loss
    Whole windows in batches of 16, as training sees them: a norm that mixes characters or windows
    sees later ones, and other ones.
alone, whole
    On 32 of the windows. Alone: one window at a time, and each character predicted from a text
    that ends before it, as in generation. Whole: as val_loss. What they differ by, a norm has read
    in later characters or other windows.
"""

import math
from dataclasses import asdict, replace

import torch
from torch import nn
from torch.nn import functional as F

from _curves import Curves, gradient_norm
from _study import publish, recorded, text, text_origin
from normlib.clinic import patients
from normlib.gpt import GPT, GPTConfig, draw_batch

NAME = "silent_bugs"
CONFIG = GPTConfig(vocab_size=1, n_layer=4, n_head=4, n_embd=48, block_size=32)
STEPS, RATE, BATCH, SEEDS = 200, 3e-3, 16, range(6)
EVERY, WINDOWS, ALONE = 20, 512, 32  # logged steps; windows of val_loss, of alone
DATA = 5000  # seeds of the batches, apart from those of the weights


def large_eps(x, weight, bias):
    """An eps ten thousand times too large."""
    centered = x - x.mean(axis=-1, keepdims=True)
    var = (centered * centered).mean(axis=-1, keepdims=True)
    return centered / (var + 0.1) ** 0.5 * weight + bias


NORMS = {
    "right": patients.layer_norm,
    "divides by n − 1": patients.unbiased,
    "ε outside the root": patients.eps_outside,
    "no ε": patients.eps_missing,
    "ε = 0.1": large_eps,
    "weight and bias forgotten": patients.affine_ignored,
    "mean not subtracted": patients.rms_norm,
    "square instead of root": patients.square_for_root,
    "one-pass variance": patients.one_pass,
    "over the sequence": patients.over_sequence,
    "over the batch": patients.over_batch,
}
PLACES = ("residual after the norm", "no final norm")
ARMS = [{"arm": name} for name in (*NORMS, *PLACES)]


class Broken(nn.Module):
    """A function of (x, weight, bias) in place of a LayerNorm."""

    def __init__(self, function, dim):
        super().__init__()
        self.function = function
        self.weight, self.bias = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.zeros(dim))

    def forward(self, x):
        """Normalize (B, T, C)."""
        return self.function(x, self.weight, self.bias)


def late_residual(block, x):
    """Pre-norm as PyTorch first had it: the residual begins after the norm."""
    x = block.norm_1(x)
    x = x + block.attn(x)
    x = block.norm_2(x)
    return x + block.mlp(x)


def gpt(arm, vocab_size, seed):
    """A GPT with one bug; its weights are those of the right one."""
    model = GPT(replace(CONFIG, vocab_size=vocab_size), seed)
    if arm in NORMS:
        for parent in [*model.modules()]:
            for name, child in [*parent.named_children()]:
                if isinstance(child, nn.LayerNorm):
                    setattr(parent, name, Broken(NORMS[arm], CONFIG.n_embd))
    elif arm == "no final norm":
        model.final_norm = nn.Identity()
    else:
        for block in model.blocks:
            block.forward = late_residual.__get__(block)
    return model


@torch.no_grad()
def in_windows(model, windows):
    """Mean loss over whole windows (N, T + 1), in batches as in training."""
    losses = [model(w[:, :-1], w[:, 1:])[1].item() * len(w) for w in windows.split(BATCH)]
    return sum(losses) / len(windows)


@torch.no_grad()
def alone(model, windows):
    """The same with every window by itself, and every text ending before what is predicted."""
    total = 0.0
    for length in range(1, windows.shape[1]):
        for window in windows:
            logits = model(window[None, :length])[0][:, -1]
            total += F.cross_entropy(logits, window[None, length]).item()
    return total / windows[:, 1:].numel()


def record(arm, seed, steps=STEPS):
    """Train one GPT and measure it."""
    train, val = (text().split(part, CONFIG.block_size) for part in ("train", "val"))
    rng = torch.Generator().manual_seed(DATA + seed)
    model, curves = gpt(arm["arm"], text().vocab_size, seed), Curves()
    optimizer = torch.optim.Adam(model.parameters(), RATE, betas=(0.9, 0.95))
    for step in range(steps):
        idx, targets = draw_batch(train, BATCH, CONFIG.block_size, rng)
        _, loss = model(idx, targets)
        optimizer.zero_grad()
        loss.backward()
        size = gradient_norm(model)
        finite = math.isfinite(loss.item() + size.item())
        if step % EVERY == 0 or step == steps - 1 or not finite:
            curves.note(step, loss=loss, grad_norm=size)
        if not finite:
            break
        optimizer.step()
    windows = val.unfold(0, CONFIG.block_size + 1, 1)
    chosen = windows[torch.linspace(0, len(windows) - 1, WINDOWS).long()]
    few = chosen[:: WINDOWS // ALONE]
    model.eval()
    val_loss = in_windows(model, chosen)
    curves.note(steps, alone=alone(model, few), whole=in_windows(model, few))
    return curves.run(
        asdict(replace(CONFIG, vocab_size=text().vocab_size)) | arm,
        {"steps": steps, "lr": RATE, "batch_size": BATCH, "seed": seed},
        val_loss,
        diverged=not val_loss <= math.log(text().vocab_size),
    )


def show(runs):
    """Losses of every run, in whole windows and alone."""
    for arm in ARMS:
        some = runs.filter(**arm)
        singles = [r.probes["alone"]["values"][0] for r in some]
        print(f"{arm['arm']:26}", [f"{v:.3f}" for v in some.values("val_loss")], singles)


if __name__ == "__main__":
    show(publish(NAME, recorded(NAME, record, ARMS, SEEDS, text_origin)))
