"""A GPT without norms had a warm-up and clipped gradients to help it. Which of the two did it need?

`without_norm` gave it both. Here each is taken away, and both: from two initializations, at rates
of which the best lies inside, three seeds of each.
"""

from _study import publish, swept
from normlib.gpt import GPTConfig, Grid, TrainConfig, grid

NAME = "without_help"
MOMENTS = (100, 200, 500, 1000)  # and the end, 2000
RATES = [2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2]


def pairs(vocab_size):
    """Two initializations, with and without each help, seven rates, three seeds of each."""
    model = GPTConfig(vocab_size=vocab_size, placement="none")
    training = TrainConfig(
        steps=2000, batch_size=8, decay="cosine", log_every=100, measure_at=MOMENTS
    )
    every = Grid()
    for seed in range(3):  # the outermost: a study that is stopped has something to compare
        for init in ("xavier", "gpt2"):
            helps = {"warmup": [400, 0], "clip": [1.0, None]}
            every += grid(model, init=[init]) * grid(training, lr=RATES, seed=[seed], **helps)
    return every


if __name__ == "__main__":
    runs = publish(NAME, swept(NAME, pairs))
    for init in ("xavier", "gpt2"):
        for warmup in (400, 0):
            for clip in (1.0, None):
                print(f"\n{init}, warm-up {warmup}, clip {clip}")
                print(runs.filter(init=init, warmup=warmup, clip=clip).table("init", "lr"))
