"""BatchNorm as a class that keeps running statistics, with knobs for what can be wrong."""

from dataclasses import dataclass

import numpy as np

from normlib.checker.exercises.forward import along, axes, denominator


@dataclass(frozen=True)
class Knobs:
    """What a BatchNorm does; by default it is right."""

    axis: str = "NP"
    forward_ddof: int = 0
    buffer_ddof: int = 1
    buffer_count: str = "values"  # that are averaged; or samples
    train_by: str = "batch"  # or running, old running
    eval_mean_by: str = "running"  # or batch, last batch
    eval_var_by: str = "running"  # or batch, last batch
    blend: str = "blend"  # the new into the old; or inverted, replace, no decay, cumulative
    fixed_momentum: float | None = None
    update: str = "in training"  # or never, always first, always last
    buffer: str = "variance"  # or root, root squared in eval, plus eps, mean
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
        self.last, self.steps = (self.running_mean, self.running_var), 0

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
            self.last = mean, var
            mean, var = {"batch": (mean, var), "running": running, "old running": old}[k.train_by]
        else:
            mean = {"running": running, "batch": batch, "last batch": self.last}[k.eval_mean_by][0]
            var = {"running": running, "batch": batch, "last batch": self.last}[k.eval_var_by][1]
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
        kept = square * np.divide(n, n - k.buffer_ddof)
        if k.buffer.startswith("root"):
            kept = np.sqrt(kept)
        kept = {"plus eps": kept + self.eps, "mean": mean}.get(k.buffer, kept)
        return mean, square * np.divide(count, count - k.forward_ddof), kept

    def _update(self, mean, kept):
        old_mean, old_kept = self._running(mean.ndim)
        self.steps += 1
        self.running_mean = self._stored(self._blend(old_mean, mean))
        self.running_var = self._stored(self._blend(old_kept, kept))

    def _blend(self, old, new):
        m, blend = self.momentum, self.knobs.blend
        if blend == "inverted":
            return m * old + (1 - m) * new
        if blend == "replace":
            return new + 0 * old
        if blend == "cumulative":
            return (1 - 1 / self.steps) * old + new / self.steps
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
