"""BatchNorm as a class that keeps running statistics: the right one with its knobs, and slips."""

from dataclasses import dataclass

import numpy as np

from normlib.checker.exercises.channels import REASONS
from normlib.checker.exercises.forward import along, axes, denominator
from normlib.checker.exercises.inputs import SERIES
from normlib.checker.exercises.stateful import PARTS, call_layer
from normlib.checker.model import Exercise, Slip


@dataclass(frozen=True)
class Knobs:
    """What a BatchNorm does; by default it is right."""

    axis: str = "NP"
    forward_ddof: int = 0
    buffer_ddof: int = 1
    buffer_count: str = "values"  # that are averaged; or samples
    train_by: str = "batch"  # or running, old running
    eval_mean_by: str = "running"  # or batch
    eval_var_by: str = "running"  # or batch
    blend: str = "blend"  # the new into the old; or inverted, replace, no decay
    fixed_momentum: float | None = None
    update: str = "in training"  # or never, always first, always last
    buffer: str = "variance"  # or root, root squared in eval
    mean_start: float = 0.0
    var_start: float = 1.0
    weight_start: float = 1.0
    bias_start: float = 0.0
    training_start: bool = True
    eval_method: bool = True  # does what it says
    train_method: bool = True
    affine_in: str = "both modes"  # or training
    weight_as: str = "itself"  # or one
    bias_as: str = "itself"  # or zero
    affine: str = "weight first"  # or swapped
    affine_axis: str = "own"  # or last
    shift: int = 1
    power: float = 0.5
    spread: str = "mean"  # of squares; or sum
    one_pass: bool = False
    eps_place: str = "inside"
    fixed_eps: float | None = None
    eval_eps_place: str | None = None
    eval_fixed_eps: float | None = None


class BatchNorm:
    """BatchNorm for x of shape (N, C, …)."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1, **knobs):
        self.knobs = k = Knobs(**knobs)
        self.eps = eps
        self.momentum = momentum if k.fixed_momentum is None else k.fixed_momentum
        self.weight = np.full(num_features, k.weight_start)
        self.bias = np.full(num_features, k.bias_start)
        self.running_mean = np.full(num_features, k.mean_start)
        self.running_var = np.full(num_features, k.var_start)
        self.training = k.training_start

    def train(self):
        """Normalize by the batch from now on."""
        self.training = self.training or self.knobs.train_method

    def eval(self):
        """Normalize by the running statistics from now on."""
        self.training = self.training and not self.knobs.eval_method

    def __call__(self, x):
        """Normalize a batch."""
        k = self.knobs
        mean, var, kept = batch = self._statistics(x)
        old = self._running(x.ndim)
        if k.update == "always first" or (k.update != "never" and self.training):
            self._update(mean, kept)
        running = self._running(x.ndim)
        if self.training:
            mean, var = {"batch": (mean, var), "running": running, "old running": old}[k.train_by]
        else:
            mean = running[0] if k.eval_mean_by == "running" else mean
            var = running[1] if k.eval_var_by == "running" else var
            var = var**2 if k.buffer == "root squared in eval" else var
        y = self._output(x, mean, var)
        if k.update == "always last" and not self.training:
            self._update(batch[0], batch[2])
        return y

    def _statistics(self, x):
        """The mean and the variance of the batch, and its variance for the buffer."""
        k = self.knobs
        axis = axes(k.axis, x.ndim)
        mean = x.mean(axis, keepdims=True)
        if k.one_pass:
            square = (x**2).mean(axis, keepdims=True) - mean**2
        else:
            square = ((x - mean) ** 2).mean(axis, keepdims=True)
        count = x.size // mean.size
        square = square * count if k.spread == "sum" else square
        n = len(x) if k.buffer_count == "samples" else count
        kept = square * (n / (n - k.buffer_ddof))
        kept = kept if k.buffer == "variance" else np.sqrt(kept)
        return mean, square * (count / (count - k.forward_ddof)), kept

    def _update(self, mean, kept):
        old_mean, old_kept = self._running(mean.ndim)
        self.running_mean = self._stored(self._blend(old_mean, mean))
        self.running_var = self._stored(self._blend(old_kept, kept))

    def _blend(self, old, new):
        m, blend = self.momentum, self.knobs.blend
        if blend == "inverted":
            return m * old + (1 - m) * new
        if blend == "replace":
            return new + 0 * old
        if blend == "no decay":
            return old + m * new
        return (1 - m) * old + m * new

    def _running(self, ndim):
        """The buffers in a shape that fits x."""
        buffers = (self.running_mean, self.running_var)
        return tuple(along(values, ndim, values.ndim == 1) for values in buffers)

    def _stored(self, values):
        """Without the axes of length 1, unless wrong axes have left something in them."""
        channels = len(self.weight)
        return values.reshape(channels) if values.size == channels else values

    def _output(self, x, mean, var):
        k = self.knobs
        place, eps = k.eps_place, k.fixed_eps
        if not self.training:
            place = k.eval_eps_place or place
            eps = k.eval_fixed_eps if k.eval_fixed_eps is not None else eps
        eps = self.eps if eps is None else eps
        x_hat = (x - k.shift * mean) / denominator(var, eps, place, k.power)
        if k.affine_in == "training" and not self.training:
            return x_hat
        weight = self.weight if k.weight_as == "itself" else np.ones_like(self.weight)
        bias = self.bias if k.bias_as == "itself" else np.zeros_like(self.bias)
        if k.affine == "swapped":
            weight, bias = bias, weight
        weight, bias = (along(values, x.ndim, True, k.affine_axis) for values in (weight, bias))
        return weight * x_hat + bias


BUFFERS = (
    Slip(
        "running_var takes up the variance divided by n. The buffer estimates that of the "
        "population, so here divide by n − 1.",
        buffer_ddof=0,
    ),
    Slip(
        "For running_var you divided by N − 1, N the number of samples. A channel of a batch has "
        "n = samples × positions numbers: divide by n − 1.",
        buffer_count="samples",
    ),
    Slip(
        "momentum is the wrong way round: it is the share of the new statistic, and 1 − momentum "
        "that of the old.",
        blend="inverted",
    ),
    Slip(
        "The buffers are replaced by those of the batch. Blend them: keep a share 1 − momentum of "
        "the old.",
        blend="replace",
    ),
    Slip(
        "The buffers keep all of the old. Take off as much as you add: a share 1 − momentum of it "
        "stays.",
        blend="no decay",
    ),
    *(
        Slip(
            f"You ignored the argument momentum and used {m}. Use the one that you are given.",
            fixed_momentum=m,
        )
        for m in (0.1, 0.9, 0.01, 0.99)
    ),
    Slip("The buffers are never updated: every step in training should do it.", update="never"),
    Slip(
        "The buffers are updated in eval mode too, before they are used. Only training updates "
        "them.",
        update="always first",
    ),
    Slip(
        "The buffers are updated in eval mode too, after they are used. Only training updates "
        "them.",
        update="always last",
    ),
    Slip("running_var starts at 0. It starts at 1.", var_start=0.0),
    Slip("running_mean starts at 1. It starts at 0.", mean_start=1.0),
    Slip(
        "running_var takes up the standard deviation, and in eval mode its root is taken once "
        "more. The buffer holds the variance.",
        buffer="root",
    ),
    Slip(
        "running_var takes up the standard deviation. The buffer holds the variance.",
        buffer="root squared in eval",
    ),
)

MODES = (
    Slip(
        "In eval mode you normalize by the batch. There the running statistics take its place.",
        eval_mean_by="batch",
        eval_var_by="batch",
    ),
    Slip(
        "In eval mode you subtract the mean of the batch, not running_mean.", eval_mean_by="batch"
    ),
    Slip("In eval mode you use the variance of the batch, not running_var.", eval_var_by="batch"),
    Slip(
        "In training you normalize by the running statistics, just updated. Use those of the "
        "batch.",
        train_by="running",
    ),
    Slip(
        "In training you normalize by the running statistics, not yet updated. Use those of the "
        "batch.",
        train_by="old running",
    ),
    Slip("eval() does not end the training: set training to False there.", eval_method=False),
    Slip("train() does not go back to training: set training to True there.", train_method=False),
    Slip("A new object is in eval mode. It starts in training.", training_start=False),
)

STATISTICS = (
    Slip(
        "In training you divided the variance by n − 1. The batch is normalized by its own "
        "variance: divide by n. Only the buffer takes n − 1.",
        forward_ddof=1,
    ),
    Slip(
        "Your averages run over the batch only, so every position has statistics of its own. They "
        "run over the positions too.",
        axis="N",
    ),
    Slip(
        "Your averages run over samples and channels together. Each channel has a mean and a "
        "variance of its own.",
        axis="NC",
    ),
    Slip(
        "Your averages run over all axes but the last. The channels are axis 1, and what comes "
        "after it are positions.",
        axis="K",
    ),
    Slip("Your averages run over the whole array. Each channel has its own.", axis="NCP"),
    Slip("You did not subtract the mean from x.", shift=0),
    Slip(
        "You divided by the variance. Divide by its square root, the standard deviation.", power=1
    ),
    Slip("You did not divide by the standard deviation.", power=0),
    Slip(
        "You added up the squares. The variance is their mean: divide the sum by n.", spread="sum"
    ),
    Slip(
        "The formula is right but loses its digits when the mean is large: E[x²] − E[x]² takes "
        "the difference of two huge numbers. Subtract the mean first, then square.",
        rough=1e-5,
        one_pass=True,
    ),
)

EPSILON = (
    Slip("ε is outside the square root: it is √(σ² + ε), not √σ² + ε.", eps_place="outside"),
    Slip("ε is missing under the root.", fixed_eps=0.0),
    Slip(
        "You ignored the argument eps and used 1e-5. Use the eps that you are given.",
        fixed_eps=1e-5,
    ),
    Slip("You squared ε: it is √(σ² + ε), not √(σ² + ε²).", eps_place="squared"),
    Slip(
        "In eval mode ε is outside the square root: it stays √(σ² + ε).", eval_eps_place="outside"
    ),
    Slip("In eval mode ε is missing: it stays √(σ² + ε).", eval_fixed_eps=0.0),
)

PARAMETERS = (
    Slip(
        "In eval mode weight and bias are forgotten. They are part of both modes.",
        affine_in="training",
    ),
    Slip(
        "weight is missing: the last step multiplies x̂ by weight, then adds bias.", weight_as="one"
    ),
    Slip("bias is missing: the last step adds it.", bias_as="zero"),
    Slip("You swapped weight and bias: multiply by weight, add bias.", affine="swapped"),
    Slip(
        "Your weight and bias lie along the last axis of x. They belong to the channels, which are "
        "axis 1.",
        affine_axis="last",
    ),
    Slip("weight starts at 0. It starts at 1.", weight_start=0.0),
    Slip("bias starts at 1. It starts at 0.", bias_start=1.0),
)

BATCH_NORM_CLASS = Exercise(
    name="BatchNorm",
    arguments=("num_features", "eps", "momentum"),
    call=call_layer,
    parts=PARTS,
    reference=BatchNorm,
    probes=SERIES,
    slips=(*BUFFERS, *MODES, *STATISTICS, *EPSILON, *PARAMETERS),
    checked="outputs and buffers after every step of training, eval and training again",
    per_parameter=(
        "Each channel has one number there, in an array with one axis: average over samples and "
        "positions."
    ),
    reasons=REASONS,
)
