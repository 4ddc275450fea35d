"""Do the logits of attention grow during training, and does QK-norm stop them?"""

from _study import publish, swept
from normlib.gpt import GPTConfig, TrainConfig, grid

NAME = "logit_growth"
PROBES = ("attention_logit_max", "attention_entropy")


def pairs(vocab_size):
    """Pre-norm with and without QK-norm; five rates, five paired seeds."""
    base = GPTConfig(vocab_size=vocab_size, n_embd=48)
    train = TrainConfig(steps=200, batch_size=8, log_every=5)
    rates = [1e-3, 4e-3, 1.6e-2, 3.2e-2, 6.4e-2]
    return grid(base, qk_norm=[False, True]) * grid(train, lr=rates, seed=range(5))


if __name__ == "__main__":
    print(publish(NAME, swept(NAME, pairs, PROBES)).table("qk_norm", "lr"))
