"""Does the gradient of post-norm vanish where it trains? Stream and gradients on the way."""

from _study import publish, swept
from normlib.gpt import GPTConfig, TrainConfig, grid

NAME = "inside"
PROBES = ("residual_rms", "stream_grad_norm", "grad_norm", "token_cosine")
MOMENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # and the start, and the end


def pairs(vocab_size):
    """Post and pre, at a rate that both bear and at one that post does not, at two depths."""
    models = grid(GPTConfig(vocab_size=vocab_size), n_layer=[6, 12], placement=["post", "pre"])
    training = TrainConfig(
        steps=2000, batch_size=8, decay="cosine", log_every=50, measure_at=MOMENTS
    )
    seeds = range(3)
    return models * (
        grid(training, lr=[1e-3], warmup=[100], seed=seeds)
        + grid(training, lr=[4e-3, 8e-3], warmup=[0], seed=seeds)
    )


if __name__ == "__main__":
    runs = publish(NAME, swept(NAME, pairs, PROBES))
    for n_layer in (6, 12):
        print(
            f"\n{n_layer} layers", runs.filter(n_layer=n_layer).table("placement", "lr"), sep="\n"
        )
