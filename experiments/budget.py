"""Who leads when: at 100 to 2,000 steps, at an equal rate and at each placement's own best?"""

from _study import publish, swept
from normlib.gpt import GPTConfig, Grid, TrainConfig, grid

NAME = "budget"
MOMENTS = (100, 200, 500, 1000)  # and the end, 2000
RATES = [5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2]
WARMUPS = [0, 100, 400]


def pairs(vocab_size):
    """Six rates, three warm-ups, three seeds; six placements with Xavier, four with GPT-2's init.

    Models come in groups, and in a group one seed after the other, so that a study that is stopped
    has something to compare.
    """
    base = GPTConfig(vocab_size=vocab_size)
    compared = ["post", "pre", "peri", "deepnorm"]
    groups = (
        grid(base, placement=compared),
        grid(base, init=["gpt2"], placement=compared),
        grid(base, placement=["reordered", "none"]),
    )
    training = TrainConfig(
        steps=2000, batch_size=8, decay="cosine", log_every=50, measure_at=MOMENTS
    )
    every = Grid()
    for models in groups:
        for seed in range(3):
            every += models * grid(training, warmup=WARMUPS, lr=RATES, seed=[seed])
    return every


if __name__ == "__main__":
    runs = publish(NAME, swept(NAME, pairs))
    for init in ("xavier", "gpt2"):
        for warmup in WARMUPS:
            print(f"\n{init}, warm-up {warmup}")
            print(runs.filter(init=init, warmup=warmup).table("placement", "lr"))
