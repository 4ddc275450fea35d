"""Which learning rates train which placement, with and without warm-up, at two depths?"""

from _study import publish, swept
from normlib.gpt import GPTConfig, TrainConfig, grid
from normlib.placements import MEASURED

NAME = "placement_lr"
RATES = [3e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2, 6.4e-2]


def pairs(vocab_size):
    """All placements, eight rates, two warm-ups, two depths, three seeds."""
    models = grid(
        GPTConfig(vocab_size=vocab_size, n_embd=48),
        n_layer=[6, 12],
        placement=MEASURED,
    )
    trainings = grid(
        TrainConfig(steps=200, batch_size=8, log_every=5),
        warmup=[0, 100],
        lr=RATES,
        seed=range(3),
    )
    return models * trainings


if __name__ == "__main__":
    runs = publish(NAME, swept(NAME, pairs))
    for n_layer in (6, 12):
        for warmup in (0, 100):
            print(f"\n{n_layer} layers, warm-up {warmup}")
            print(runs.filter(n_layer=n_layer, warmup=warmup).table("placement", "lr"))
