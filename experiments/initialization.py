"""How large are the residual stream and the gradients before any training? (Xiong et al., 2020)"""

import numpy as np

from _study import interval, publish, swept
from normlib.gpt import GPTConfig, TrainConfig, grid
from normlib.placements import MEASURED

NAME = "initialization"
PROBES = ("residual_rms", "grad_norm", "stream_grad_norm")


def pairs(vocab_size):
    """All placements, depths 2 to 32, two inits, two widths, eight seeds; nothing is trained."""
    models = grid(
        GPTConfig(vocab_size=vocab_size, activation="relu"),
        n_embd=[64, 256],
        init=["xavier", "gpt2"],
        placement=MEASURED,
        n_layer=[2, 4, 8, 16, 32],
    )
    return models * grid(TrainConfig(steps=0, batch_size=8, eval_windows=64), seed=range(8))


def last_gradient(run):
    """Norm of the gradient of the last layer's last weight."""
    return run.probes["grad_norm"]["values"][0][-1]


def slope(values, depths):
    """Exponent of a power law in the depth, by least squares on the logarithms."""
    return np.polyfit(np.log(depths), np.log(values), 1)[0]


def show(runs):
    """Exponents over depth with confidence intervals, and the ratio of post to pre."""
    depths, seeds = runs.distinct("n_layer"), runs.distinct("seed")
    gradients = {
        placement: np.array(
            [
                [last_gradient(run) for run in runs.filter(placement=placement, seed=seed)]
                for seed in seeds
            ]
        )  # (seeds, depths)
        for placement in runs.distinct("placement")
    }
    for placement, of_seeds in gradients.items():
        mean, half = interval([slope(row, depths) for row in of_seeds])
        line = " ".join(f"{v:.3g}" for v in of_seeds.mean(0))
        print(f"  {placement:9}  {line}   exponent {mean:+.2f} ± {half:.2f}")
    ratios = gradients["post"] / gradients["pre"]
    mean, half = interval([slope(row, depths) for row in ratios])
    line = " ".join(f"{v:.2f}" for v in ratios.mean(0))
    print(f"  post / pre {line}   exponent {mean:+.2f} ± {half:.2f} (√L is +0.50)")


if __name__ == "__main__":
    results = publish(NAME, swept(NAME, pairs, PROBES))
    for init in ("xavier", "gpt2"):
        for n_embd in (64, 256):
            print(
                f"{init}, width {n_embd}: last layer's gradient at depths 2 to 32, 95 % intervals"
            )
            show(results.filter(init=init, n_embd=n_embd))
