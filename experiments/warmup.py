"""Does post-norm need a warm-up, does pre-norm, and can clipping replace it?"""

from _study import publish, swept
from normlib.gpt import GPTConfig, TrainConfig, grid

NAME = "warmup"
PROBES = ("grad_norm",)


def pairs(vocab_size):
    """Two placements, warm-up or none, clipping or none, eight seeds."""
    models = grid(GPTConfig(vocab_size=vocab_size), placement=["post", "pre"])
    trainings = grid(
        TrainConfig(steps=200, lr=3e-3, log_every=2),
        warmup=[0, 100],
        clip=[None, 1.0],
        seed=range(8),
    )
    return models * trainings


if __name__ == "__main__":
    runs = publish(NAME, swept(NAME, pairs, PROBES))
    for placement in ("post", "pre"):
        print(placement, runs.filter(placement=placement).table("warmup", "clip"), sep="\n")
