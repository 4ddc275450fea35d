"""Who leads when: at 100 to 2,000 steps, at an equal rate and at each placement's own best?"""

from _study import publish, swept
from normlib.gpt import GPTConfig, Grid, TrainConfig, grid

NAME = "budget"
MOMENTS = (100, 200, 500, 1000)  # and the end, 2000
RATES = [5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2]
WARMUPS = [0, 100, 400]
# The equal rate, and all that are a placement's best from one of the initializations
DECISIVE = ((1e-3, 100), (4e-3, 100), (2e-3, 400), (4e-3, 400), (8e-3, 400))
PLACEMENTS = ["post", "pre", "peri", "deepnorm"]


def pairs(vocab_size):
    """Four placements, two initializations, six rates, three warm-ups, three seeds of each.

    The decisive cells have two seeds more.
    """
    training = TrainConfig(
        steps=2000, batch_size=8, decay="cosine", log_every=100, measure_at=MOMENTS
    )
    every = Grid()
    for init in ("xavier", "gpt2"):
        models = grid(GPTConfig(vocab_size=vocab_size, init=init), placement=PLACEMENTS)
        for seed in range(3):  # the outermost: a study that is stopped has something to compare
            every += models * grid(training, warmup=WARMUPS, lr=RATES, seed=[seed])
        for lr, warmup in DECISIVE:
            every += models * grid(training, warmup=[warmup], lr=[lr], seed=[3, 4])
    return every


if __name__ == "__main__":
    runs = publish(NAME, swept(NAME, pairs))
    for init in ("xavier", "gpt2"):
        for warmup in WARMUPS:
            print(f"\n{init}, warm-up {warmup}")
            print(runs.filter(init=init, warmup=warmup).table("placement", "lr"))
