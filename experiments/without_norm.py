"""Can a GPT do without norms, if all that helps it is chosen for it?

The longest warm-up of `budget`, and clipped gradients, which `budget` does not have. So its
pre-norm arm is trained here once more, with clipping, at the rates that are best for it there.
"""

from _study import publish, swept
from normlib.gpt import GPTConfig, Grid, TrainConfig, grid

NAME = "without_norm"
MOMENTS = (100, 200, 500, 1000)  # and the end, 2000
RATES = {"none": [1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2], "pre": [4e-3, 8e-3]}


def pairs(vocab_size):
    """Two initializations, five rates without and two with norms, five seeds of each."""
    training = TrainConfig(
        steps=2000,
        batch_size=8,
        warmup=400,
        decay="cosine",
        clip=1.0,
        log_every=100,
        measure_at=MOMENTS,
    )
    every = Grid()
    for seed in range(5):  # the outermost: a study that is stopped has something to compare
        for placement, rates in RATES.items():
            model = GPTConfig(vocab_size=vocab_size, placement=placement)
            every += grid(model, init=["xavier", "gpt2"]) * grid(training, lr=rates, seed=[seed])
    return every


if __name__ == "__main__":
    runs = publish(NAME, swept(NAME, pairs))
    for placement in RATES:
        print(f"\n{placement}")
        print(runs.filter(placement=placement).table("init", "lr"))
