"""How large are the residual stream and the gradients before any training? (Xiong et al., 2020)"""

from study import publish

from normlib.gpt import GPTConfig, TrainConfig, grid

NAME = "initialization"
PROBES = ("residual_rms", "grad_norm", "stream_grad_norm")


def pairs(vocab_size):
    """Six placements, depths 2 to 32, two inits, two widths, eight seeds; nothing is trained."""
    models = grid(
        GPTConfig(vocab_size=vocab_size, activation="relu"),
        n_embd=[64, 256],
        init=["xavier", "gpt2"],
        placement=["post", "pre", "peri", "reordered", "deepnorm", "none"],
        n_layer=[2, 4, 8, 16, 32],
    )
    return models * grid(TrainConfig(steps=0, batch_size=8, eval_windows=64), seed=range(8))


def last_gradient(run):
    """Norm of the gradient of the last layer's last weight."""
    return run.probes["grad_norm"]["values"][0][-1]


if __name__ == "__main__":
    publish(NAME, pairs, PROBES)
