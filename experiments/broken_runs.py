"""Six trainings that go wrong, one fault each, and a right one: what do their curves show?

A pre-norm GPT of the usual small size learns the book's text. The faults are ones of a working
day: a warm-up that was forgotten, a norm that was, a rate that never stops rising, a damaged file,
a text that is too short, a mask that is not there.
"""

from dataclasses import replace

import torch
from torch.nn import functional as F

from _study import publish, recorded, text, text_origin
from normlib.gpt import GPTConfig, Text, TrainConfig, Trainer

NAME = "broken_runs"
FAULTS = (
    "right",
    "no warm-up",
    "no norm",
    "rising rate",
    "damaged file",
    "short text",
    "no mask",
)
ARMS = [{"fault": fault} for fault in FAULTS]
SEEDS, STEPS = range(3), 1000
DAMAGED = range(500, 508)  # steps
SHORT = 4000  # characters
PROBES = (
    "residual_rms",
    "stream_grad_norm",
    "token_cosine",
    "attention_logit_max",
)


class Damaged(Trainer):
    """Reads characters at random for some steps, as from a file that is no text."""

    def batch(self, part, generator):
        """As ever, but for those steps."""
        idx, targets = super().batch(part, generator)
        if part == "train" and self.step in DAMAGED:
            shape, size = idx.shape, self.text.vocab_size
            idx, targets = (torch.randint(size, shape, generator=generator) for _ in range(2))
        return idx, targets


def trainer(fault, seed, steps=STEPS):
    """A Trainer that has the fault."""
    content, kind = text(), Trainer
    model = GPTConfig(vocab_size=content.vocab_size)
    recipe = TrainConfig(
        steps=steps,
        lr=4e-3,
        warmup=100,
        decay="cosine",
        batch_size=8,
        seed=seed,
        log_every=2,
        measure_at=tuple(range(100, steps, 100)),
    )
    if fault == "no warm-up":
        model, recipe = replace(model, placement="post"), replace(recipe, warmup=0)
    elif fault == "no norm":
        model = replace(model, placement="none", init="gpt2")
        recipe = replace(recipe, lr=1e-2, decay="none")
    elif fault == "rising rate":
        model = replace(model, placement="post")
        recipe = replace(recipe, lr=1.6e-2, warmup=steps, decay="none")
    elif fault == "damaged file":
        kind = Damaged
    elif fault == "short text":
        content = Text(content.content[:SHORT], "the first pages")
        model = replace(model, vocab_size=content.vocab_size)
    made = kind(model, recipe, content, PROBES)
    if fault == "no mask":
        for block in made.model.blocks:
            block.attn.mix = F.scaled_dot_product_attention  # which has none of its own
    return made


def record(arm, seed, steps=STEPS):
    """One training with a fault."""
    run = trainer(arm["fault"], seed, steps).fit()
    return replace(run, model=run.model | arm)


def show(runs):
    """Print where each run ends, and what is said of it."""
    from normlib.gpt import diagnose_run

    for fault in FAULTS:
        for run in runs.filter(fault=fault):
            print(fault, run.steps[-1], run.val_loss, diagnose_run(run).names)


if __name__ == "__main__":
    show(publish(NAME, recorded(NAME, record, ARMS, SEEDS, text_origin)))
