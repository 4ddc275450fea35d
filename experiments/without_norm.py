"""Can a GPT do without norms, if all that helps it is chosen for it?

Built and trained as the GPTs of `budget`, whose pre-norm arm is the one to compare with; besides,
they have the longest warm-up and their gradients are clipped, which `budget` does not grant.
"""

from _study import publish, swept
from normlib.gpt import GPTConfig, Grid, TrainConfig, grid

NAME = "without_norm"
MOMENTS = (100, 200, 500, 1000)  # and the end, 2000
RATES = [5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2]


def pairs(vocab_size):
    """Two initializations, six rates, three seeds of each."""
    training = TrainConfig(
        steps=2000,
        batch_size=8,
        warmup=400,
        decay="cosine",
        clip=1.0,
        log_every=100,
        measure_at=MOMENTS,
    )
    models = grid(GPTConfig(vocab_size=vocab_size, placement="none"), init=["xavier", "gpt2"])
    every = Grid()
    for seed in range(3):  # the outermost: a study that is stopped has something to compare
        every += models * grid(training, lr=RATES, seed=[seed])
    return every


if __name__ == "__main__":
    runs = publish(NAME, swept(NAME, pairs))
    print(runs.table("init", "lr"))
