"""How far do runs spread that differ by a ten-millionth of their first weights?"""

from dataclasses import replace

import torch

from _study import publish, recorded, text, text_origin
from normlib.gpt import GPTConfig, TrainConfig, Trainer

NAME = "chaos"
SIZE = 1e-7  # of the change, relative to each weight: what rounding in float32 may do
ARMS = [
    {"placement": placement, "lr": lr, "warmup": warmup, "steps": 2000}
    for lr, warmup in ((1e-3, 100), (4e-3, 400), (4e-3, 0))
    for placement in ("post", "pre", "deepnorm")
]
ARMS += [{"placement": "post", "lr": 4e-3, "warmup": 100, "steps": 2000}]  # seeds differ there
ARMS += [  # Chapter 13's short runs
    {"placement": placement, "lr": 3e-3, "warmup": warmup, "steps": 200}
    for warmup in (0, 100)
    for placement in ("post", "pre")
]
SEEDS = range(8)  # of the change; 0 changes nothing


def record(arm, seed):
    """One training from the weights of seed 0, changed by a draw of `seed`."""
    model = GPTConfig(vocab_size=text().vocab_size, placement=arm["placement"])
    recipe = {"batch_size": 8, "log_every": 100}
    if arm["steps"] == 2000:
        recipe |= {"decay": "cosine", "measure_at": (100, 200, 500, 1000)}
    training = TrainConfig(lr=arm["lr"], warmup=arm["warmup"], steps=arm["steps"], **recipe)
    trainer = Trainer(model, training, text())
    if seed:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in trainer.model.parameters():
                weight *= 1 + SIZE * torch.randn(weight.shape, generator=generator)
    for _ in trainer:
        pass
    run = trainer.run()
    return replace(run, training={**run.training, "seed": seed, "change": SIZE if seed else 0.0})


def show(runs):
    """Print the losses of each arm in order, the unchanged run first."""
    for arm in ARMS:
        some = runs.filter(**arm)
        ends = [run.val_loss for run in some]
        print(arm, f"{ends[0]:.3f} |", *(f"{end:.3f}" for end in sorted(ends[1:])))


if __name__ == "__main__":
    show(publish(NAME, recorded(NAME, record, ARMS, SEEDS, text_origin)))
