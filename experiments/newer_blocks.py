"""Do the designs since 2023 pay for a small GPT, each at its own best rate?

Two questions with a control each. How to hand the stream on, in twelve blocks: pre-norm and
post-norm beside LayerNorm Scaling, Mix-LN and ResiDual. What to do about the logits, in six
pre-norm blocks: nothing, a gate on attention's output, QK-norm, QK-clip, or a penalty on log Z.
"""

import math
from dataclasses import replace

import torch
from torch import nn

from _study import publish, recorded, text, text_origin
from normlib.gpt import GPT, GPTConfig, TrainConfig, Trainer
from normlib.gpt.model import Attention

NAME = "newer_blocks"
STREAM = ("pre", "post", "layernorm scaling", "mix-ln", "residual")
LOGITS = ("nothing", "gate", "qk-norm", "qk-clip", "z-loss")
RATES = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)
HIGH_RATES = (2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2)
ARMS = [{"design": d, "n_layer": 12, "lr": lr} for d in STREAM for lr in RATES]
ARMS += [{"design": d, "n_layer": 6, "lr": lr} for d in LOGITS for lr in HIGH_RATES]
SEEDS, STEPS = range(2), 2000
FEATURES = 64
POST_SHARE = 4  # Mix-LN: one block in so many is post-norm, the first ones
LARGEST_LOGIT = 100.0  # of QK-clip, as in Kimi K2
PENALTY = 1e-4  # of log² Z, as in PaLM


def scaled(block, x):
    """LayerNorm Scaling: block l weighs the output of its norms by 1/√l."""
    x = x + block.attn(block.norm_1(x) * block.share)
    return x + block.mlp(block.norm_2(x) * block.share)


def dual(block, streams):
    """ResiDual: one stream is normalized after each sum, the other collects the outputs."""
    x, total = streams if isinstance(streams, tuple) else (streams, streams)
    for f, norm in ((block.attn, block.norm_1), (block.mlp, block.norm_2)):
        y = f(x)
        x, total = norm(x + y), total + y
    return x, total


class Joined(nn.Module):
    """The end of ResiDual: the normalized stream and, normalized here, the other one."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(FEATURES)

    def forward(self, streams):
        """One stream (B, T, C) of two."""
        x, total = streams
        return x + self.norm(total)


class Gated(Attention):
    """A gate from the sublayer's input on each feature of the averaged values."""

    def __init__(self, config):
        super().__init__(config)
        self.gate = nn.Linear(config.n_embd, config.n_embd)
        nn.init.xavier_normal_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def forward(self, x):
        """As attention, with the gates of these tokens."""
        B, T, C = x.shape
        gates = torch.sigmoid(self.gate(x)).view(B, T, self.n_head, C // self.n_head)
        self.gates = gates.transpose(1, 2)
        return super().forward(x)

    def mix(self, q, k, v):
        """Gated averages."""
        return self.gates * super().mix(q, k, v)


class Clipped(Attention):
    """After a step in which a logit was too large, its head's queries and keys are scaled down."""

    largest = None  # of each head, in the last step of training

    def forward(self, x):
        """Clip what the last step has left, then attend."""
        if self.training and self.largest is not None:
            self.clip()
        return super().forward(x)

    def mix(self, q, k, v):
        """Averages; in training the largest logits are noted."""
        if self.training:
            logits = (q @ k.mT).detach() / q.shape[-1] ** 0.5
            later = torch.ones_like(logits, dtype=torch.bool).triu(1)
            self.largest = logits.masked_fill(later, -math.inf).amax((0, 2, 3))
        return super().mix(q, k, v)

    @torch.no_grad()
    def clip(self):
        """Multiply the queries and the keys of each head so that its largest logit is allowed."""
        share = (LARGEST_LOGIT / self.largest).sqrt().where(self.largest > LARGEST_LOGIT, 1.0)
        factor = share.repeat_interleave(FEATURES // self.n_head)
        for rows in (slice(0, FEATURES), slice(FEATURES, 2 * FEATURES)):
            self.qkv.weight[rows] *= factor[:, None]
            self.qkv.bias[rows] *= factor


class Penalized(GPT):
    """While it is trained, log² Z of the softmax over characters is added to the loss."""

    def forward(self, idx, targets=None):
        """Logits and loss."""
        logits, loss = super().forward(idx, targets)
        if self.training:
            loss = loss + PENALTY * logits.logsumexp(-1).square().mean()
        return logits, loss


class Newer(Trainer):
    """Trains a GPT of this design; its other weights start as those of its control."""

    def __init__(self, design, *args):
        self.design = design
        super().__init__(*args)

    def build(self):
        """Change the usual GPT."""
        kind = Penalized if self.design == "z-loss" else GPT
        model, seed = kind(self.model_config, self.config.seed), self.config.seed
        torch.manual_seed(seed)  # of what is new
        for number, block in enumerate(model.blocks):
            block.share = (number + 1) ** -0.5
            if self.design == "layernorm scaling":
                block.forward = scaled.__get__(block)
            elif self.design == "mix-ln" and number < len(model.blocks) // POST_SHARE:
                block.placement = "post"
            elif self.design == "residual":
                block.forward = dual.__get__(block)
            elif self.design in ("gate", "qk-clip"):
                new = (Gated if self.design == "gate" else Clipped)(self.model_config)
                new.load_state_dict(block.attn.state_dict(), strict=False)
                block.attn = new
        if self.design == "residual":
            model.final_norm = Joined()
        return model


def trainer(design, n_layer, lr, seed, steps=STEPS):
    """A Trainer of this design."""
    config = GPTConfig(
        vocab_size=text().vocab_size,
        n_layer=n_layer,
        n_embd=FEATURES,
        placement="post" if design in ("post", "residual") else "pre",
        qk_norm=design == "qk-norm",
    )
    recipe = TrainConfig(
        steps=steps,
        lr=lr,
        batch_size=8,
        warmup=steps // 5,
        decay="cosine",
        log_every=100,
        measure_at=(steps // 10, steps // 4, steps // 2),
        seed=seed,
    )
    probes = () if design == "residual" else ("residual_rms",)
    probes += ("attention_logit_max", "attention_entropy") if design in LOGITS else ()
    return Newer(design, config, recipe, text(), probes)


def record(arm, seed, steps=STEPS):
    """Train one GPT."""
    run = trainer(**arm, seed=seed, steps=steps).fit()
    return replace(run, model=run.model | {"design": arm["design"]})


def show(runs):
    """Losses of the designs, at each rate."""
    for n_layer in (12, 6):
        print(runs.filter(n_layer=n_layer).table("design", "lr"))


if __name__ == "__main__":
    show(publish(NAME, recorded(NAME, record, ARMS, SEEDS, text_origin)))
