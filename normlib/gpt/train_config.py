"""How a model is trained: the configuration, and the learning rate that follows from it."""

import math
from dataclasses import dataclass
from typing import Literal

from normlib.gpt._fields import make_plain, require_choice, require_numbers

MOST_SEEDS = 2**32  # torch's generators take 64 bits, and those of dropout are multiples


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    r"""How a model is trained.

    Parameters
    ----------
    steps : int, default: 200
        Updates of the weights. With 0 the model is only probed and evaluated.
    lr : float, default: 3e-3
        Learning rate after the warm-up.
    warmup : int, default: 0
        Steps in which the rate rises linearly to `lr`.
    decay : {"none", "cosine"}, default: "none"
        After the warm-up: stay, or fall along a cosine to a tenth of `lr` at the last step.
    clip : float, optional
        Largest norm of the gradient of all weights together; a larger one is scaled down.
    optimizer : {"adam", "adamw"}, default: "adam"
        With adamw, `weight_decay` acts on the matrices and embeddings, not on biases and norms.
    betas, weight_decay : (float, float), float, default: (0.9, 0.95), 0.0
        Of the optimizer.
    batch_size : int, default: 16
        Windows of text in a step.
    seed : int, default: 0
        Decides the initial weights and the order of the data.
    log_every : int, default: 1
        The curves have every so many-th step.
    eval_windows : int, default: 512
        Windows of the validation text for `val_loss`, evenly spaced, the same for every run.
    measure_at : tuple of int, default: ()
        After so many steps the probes are measured, too, and the validation loss with them, as
        ``run.probes["val_loss"]``. It changes nothing in the training.
    dtype : {"float32", "bfloat16"}, default: "float32"
        Of the matrix products, by ``torch.autocast``; weights stay in float32.

    Raises
    ------
    ValueError
        For a value out of range, or a `weight_decay` that the optimizer does not have.

    Examples
    --------
    >>> from normlib.gpt import TrainConfig
    >>> TrainConfig(lr=1e-3, warmup=100).seed
    0
    """

    steps: int = 200
    lr: float = 3e-3
    warmup: int = 0
    decay: Literal["none", "cosine"] = "none"
    clip: float | None = None
    optimizer: Literal["adam", "adamw"] = "adam"
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.0
    batch_size: int = 16
    seed: int = 0
    log_every: int = 1
    eval_windows: int = 512
    measure_at: tuple[int, ...] = ()
    dtype: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        make_plain(self, tuples=("betas", "measure_at"))
        require_numbers(self, "steps warmup seed", at_least=0, whole=True)
        require_numbers(self, "batch_size log_every eval_windows", at_least=1, whole=True)
        require_numbers(self, "lr weight_decay", at_least=0)
        for name in ("decay", "optimizer", "dtype"):
            require_choice(self, name, self.__annotations__[name])
        if self.seed >= MOST_SEEDS:
            raise ValueError(f"seed must be below {MOST_SEEDS}, got {self.seed}: take a small one.")
        number = isinstance(self.clip, (int, float)) and not isinstance(self.clip, bool)
        if self.clip is not None and not (number and 0 < self.clip < math.inf):
            raise ValueError(f"clip must be positive, got {self.clip!r}: use None for no clipping.")
        pair = isinstance(self.betas, tuple) and len(self.betas) == 2
        if not pair or not all(isinstance(b, (int, float)) and 0 <= b < 1 for b in self.betas):
            raise ValueError(f"betas must be two numbers from 0 to below 1, got {self.betas}.")
        moments = self.measure_at
        whole = isinstance(moments, tuple) and all(type(moment) is int for moment in moments)
        if not whole or not all(0 <= moment <= self.steps for moment in moments):
            raise ValueError(
                f"measure_at must be whole numbers of steps from 0 to {self.steps}, got "
                f"{moments!r}: leave it out, or take more steps."
            )
        if self.weight_decay and self.optimizer == "adam":
            raise ValueError(
                'weight_decay needs optimizer="adamw": adam would mix it into the step.'
            )


def learning_rate(config: TrainConfig, step: int) -> float:
    r"""Learning rate of a step.

    .. math::

        \eta_t = \begin{cases}
        \eta\, (t + 1) / w & t < w \\
        \eta\, \bigl(0.1 + 0.9 \cdot \tfrac12 (1 + \cos \pi u)\bigr) & \text{cosine} \\
        \eta & \text{none}
        \end{cases}
        \qquad u = \frac{t - w}{\max(1, T - w)}

    with the rate :math:`\eta`, w steps of warm-up and T steps in all.

    Parameters
    ----------
    config : TrainConfig
        Its `lr`, `warmup`, `decay` and `steps`.
    step : int
        t, counted from 0.

    Returns
    -------
    float

    Examples
    --------
    >>> from normlib.gpt import TrainConfig, learning_rate
    >>> [learning_rate(TrainConfig(lr=1.0, warmup=4), step) for step in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    if config.decay == "none":
        return config.lr
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.lr * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))
