"""Does it matter which norm stands there: LayerNorm, RMSNorm, dynamic tanh, or none at all?"""

from _study import publish, swept
from normlib.gpt import GPTConfig, Grid, TrainConfig, grid

NAME = "norm_type"


def pairs(vocab_size):
    """Three norms under pre-norm, and none under two inits; five rates, five paired seeds."""
    base = GPTConfig(vocab_size=vocab_size, n_embd=48)
    norms = grid(base, norm=["layernorm", "rmsnorm", "dyt"])
    none = grid(base, placement=["none"], init=["xavier", "gpt2"])
    trainings = grid(
        TrainConfig(steps=200, log_every=5), lr=[1e-3, 3e-3, 8e-3, 1.6e-2, 3.2e-2], seed=range(5)
    )
    return Grid(norms + none) * trainings


if __name__ == "__main__":
    runs = publish(NAME, swept(NAME, pairs))
    print(runs.filter(placement="pre").table("norm", "lr"))
    print(runs.filter(placement="none").table("init", "lr"))
