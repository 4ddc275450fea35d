"""Does post-norm's lead under GPT-2's init at small width come back with other seeds?"""

from _study import publish, swept
from normlib.gpt import GPTConfig, TrainConfig, grid

NAME = "init_again"


def pairs(vocab_size):
    """The cells of `init_width` in which post-norm was ahead, with ten seeds of their own."""
    start = GPTConfig(vocab_size=vocab_size, n_embd=48, init="gpt2", tie_head=False)
    training = TrainConfig(steps=120, batch_size=8, log_every=20)
    models = grid(start, placement=["post", "pre"])
    return models * grid(training, lr=[2e-3, 4e-3], seed=range(1000, 1010))


if __name__ == "__main__":
    runs = publish(NAME, swept(NAME, pairs))
    for run in runs:
        print(run["placement"], run["lr"], run["seed"], f"{run.val_loss:.3f}")
