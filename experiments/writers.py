"""What has a GPT learned after 250, 500, … 4,000 steps: its loss, and what it writes?

The weights of every run are kept beside it, in runs/writers; `python experiments/writers.py ship`
copies those that come with the library.
"""

import sys
from dataclasses import asdict, replace

from _study import RUNS, publish, recorded, text, text_origin
from normlib.gpt import GPTConfig, TrainConfig, Trainer, load_model, save_model
from normlib.gpt.checkpoints import HERE

NAME = "writers"
STEPS = 4000
MOMENTS = (250, 500, 1000, 2000)  # and the end: each twice the one before
SMALL, LARGE = {"n_layer": 6, "n_embd": 64}, {"n_layer": 4, "n_embd": 128}
RECIPES = (
    {"placement": "pre", "norm": "layernorm", "lr": 3e-3, "warmup": 100},
    {"placement": "pre", "norm": "rmsnorm", "lr": 3e-3, "warmup": 100},
    {"placement": "peri", "norm": "layernorm", "lr": 3e-3, "warmup": 100},
    {"placement": "post", "norm": "layernorm", "lr": 1e-3, "warmup": 400},
    {"placement": "post", "norm": "layernorm", "lr": 2e-3, "warmup": 400},
    {"placement": "post", "norm": "layernorm", "lr": 6e-3, "warmup": 0},
)
ARMS = [{**SMALL, **recipe} for recipe in RECIPES]
ARMS += [{**LARGE, **RECIPES[recipe]} for recipe in (0, 2, 4)]
SEEDS = range(2)
PROMPT, LENGTH = "The ", 300
SHIPPED = {  # name → the recipe; of the small size, seed 0
    **{"pre": 0, "pre_rmsnorm": 1, "peri": 2, "post": 4, "post_stuck": 5}
}


def record(arm, seed):
    """One model of about 0.8 or 0.3 million weights, with a context of 64 characters."""
    model, training = _configs(arm, seed)
    trainer = Trainer(model, training, text(), ("residual_rms", "stream_grad_norm"))
    samples = {"steps": [], "values": []}
    for step in trainer:
        if step.number in (*MOMENTS, STEPS - 1):  # one update after the loss was measured
            trainer.model.chars = text().chars
            samples["steps"].append(step.number + 1)
            samples["values"].append(trainer.model.write(PROMPT, LENGTH, seed=1))
    run = trainer.run()
    save_model(trainer.model, _weights(arm, seed), text(), _origin(arm, seed))
    return replace(run, probes={**run.probes, "sample": samples})


def _configs(arm, seed):
    size = {name: arm[name] for name in ("n_layer", "n_embd", "placement", "norm")}
    training = TrainConfig(
        **{"steps": STEPS, "decay": "cosine", "log_every": 125, "measure_at": MOMENTS},
        **{"lr": arm["lr"], "warmup": arm["warmup"], "seed": seed},
    )
    return GPTConfig(vocab_size=text().vocab_size, block_size=64, **size), training


def _origin(arm, seed):
    return {**text_origin(), "training": asdict(_configs(arm, seed)[1])}


def _weights(arm, seed):
    name = "-".join(str(value) for value in arm.values())
    return RUNS / NAME / f"{name}-{seed}.safetensors"


def ship():
    """Copy the models of the small size, in float16, into the library."""
    for name, recipe in SHIPPED.items():
        arm, path = {**SMALL, **RECIPES[recipe]}, HERE / f"{name}.safetensors"
        save_model(load_model(_weights(arm, 0)), path, text(), _origin(arm, 0), half=True)
        print(f"{path.stat().st_size:,} bytes: {path}")


def show(runs):
    """Print the losses at each doubling, and the last sample of each model."""
    for run in runs:
        arm = {name: run[name] for name in (*ARMS[0], "seed")}
        losses = " ".join(f"{loss:.3f}" for loss in run.probes["val_loss"]["values"])
        print(f"{arm}\n  {losses}\n  {run.probes['sample']['values'][-1]!r}")


if __name__ == "__main__":
    if sys.argv[1:] == ["ship"]:
        ship()
    else:
        show(publish(NAME, recorded(NAME, record, ARMS, SEEDS, text_origin)))
