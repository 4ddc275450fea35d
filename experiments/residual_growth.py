"""How does the residual stream grow with depth: before training, after it, with larger weights?"""

from _study import publish, swept
from normlib.gpt import GPTConfig, TrainConfig, grid
from normlib.placements import MEASURED

NAME = "residual_growth"
PROBES = ("residual_rms", "residual_max", "residual_cosine", "stream_grad_norm")


def pairs(vocab_size):
    """Weights scaled at initialization; trained at three depths; trained at a high rate."""
    base = GPTConfig(vocab_size=vocab_size, n_embd=48)
    seeds = range(5)
    scaled = grid(base, n_layer=[12], residual_gain=[0.5, 1.0, 2.0, 4.0], placement=MEASURED)
    trained = grid(base, n_layer=[6, 12, 24], placement=MEASURED)
    fast = grid(base, n_layer=[6], placement=MEASURED)
    train = TrainConfig(steps=120, batch_size=8, log_every=5)
    return (
        scaled * grid(TrainConfig(steps=0, batch_size=8, eval_windows=64), seed=seeds)
        + trained * grid(train, lr=[2e-3], warmup=[50], seed=seeds)
        + fast * grid(train, lr=[1.6e-2], seed=seeds)
    )


if __name__ == "__main__":
    publish(NAME, swept(NAME, pairs, PROBES))
