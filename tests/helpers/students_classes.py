"""Wrong BatchNorms that keep running statistics, as students hand them in; see students_forward."""

import numpy as np
import torch

from students_channel_backward import of_channels
from students_forward import wrong

# --- BatchNorm, the class -----------------------------------------------------------------------


class Layer:
    """A right one, written plainly; those below get one thing wrong, or several."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.weight, self.bias = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.eps, self.momentum, self.training = eps, momentum, True

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def batch(self, x):
        axes, _ = of_channels(x)
        return x.mean(axes), x.var(axes)

    def keep(self, mean, var, x):
        n, m = x.size // x.shape[1], self.momentum
        self.running_mean = (1 - m) * self.running_mean + m * mean
        self.running_var = (1 - m) * self.running_var + m * var * n / (n - 1)

    def use(self, x):
        if not self.training:
            return self.running_mean, self.running_var
        mean, var = self.batch(x)
        self.keep(mean, var, x)
        return mean, var

    def __call__(self, x):
        _, shape = of_channels(x)
        mean, var = (a.reshape(shape) for a in self.use(x))
        xhat = (x - mean) / np.sqrt(var + self.eps)
        return self.weight.reshape(shape) * xhat + self.bias.reshape(shape)


@wrong("BatchNorm", "CS231n")
class OfCS231n(Layer):
    def __init__(self, num_features, eps=1e-5, momentum=0.9):
        super().__init__(num_features, eps, momentum)
        self.running_var = np.zeros(num_features)

    def keep(self, mean, var, x):
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var


@wrong("BatchNorm", "wrong way round")
class OfD2L(Layer):
    def keep(self, mean, var, x):
        self.running_mean = self.momentum * self.running_mean + (1.0 - self.momentum) * mean
        self.running_var = self.momentum * self.running_var + (1.0 - self.momentum) * var


@wrong("BatchNorm", "rename", "gamma")
class WithGreekNames(Layer):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        self.gamma, self.beta = self.__dict__.pop("weight"), self.__dict__.pop("bias")

    def __call__(self, x):
        _, shape = of_channels(x)
        mean, var = (a.reshape(shape) for a in self.use(x))
        xhat = (x - mean) / np.sqrt(var + self.eps)
        return self.gamma.reshape(shape) * xhat + self.beta.reshape(shape)


@wrong("BatchNorm", "last training batch", "last batch")
class EvaluatesWithTheLastVariance(Layer):
    def use(self, x):
        if self.training:
            self.mean, self.var = self.batch(x)
            self.keep(self.mean, self.var, x)
            return self.mean, self.var
        return self.running_mean, self.var


@wrong("BatchNorm", "ε inside running_var", "ε is part of running_var", "takes up ε", "added ε")
class EpsilonInTheBuffer(Layer):
    def use(self, x):
        if not self.training:
            return self.running_mean, self.running_var - self.eps
        mean, var = self.batch(x)
        n, m = x.size // x.shape[1], self.momentum
        self.running_mean = (1 - m) * self.running_mean + m * mean
        self.running_var = (1 - m) * self.running_var + m * (var * n / (n - 1) + self.eps)
        return mean, var


@wrong("BatchNorm", "In training you divided the variance by n − 1")
class OfMakemore(Layer):
    def __init__(self, dim, eps=1e-5, momentum=0.1):
        super().__init__(dim, eps, momentum)

    def use(self, x):
        axes, _ = of_channels(x)
        if not self.training:
            return self.running_mean, self.running_var
        mean, var = x.mean(axes), x.var(axes, ddof=1)
        self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
        self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var
        return mean, var


class Shared:
    running_mean = running_var = None


@wrong("BatchNorm", "share", "two objects", "Two objects")
class BuffersOfTheClass(Layer):
    def keep(self, mean, var, x):
        if getattr(self, "fresh", True):
            Shared.running_mean, Shared.running_var = self.running_mean, self.running_var
            self.fresh = False
        self.running_mean, self.running_var = Shared.running_mean, Shared.running_var
        super().keep(mean, var, x)
        Shared.running_mean, Shared.running_var = self.running_mean, self.running_var


@wrong("BatchNorm", "cumulative", "every batch the same weight", "ignored", "momentum")
class CumulativeAverage(Layer):
    steps = 0

    def keep(self, mean, var, x):
        self.steps += 1
        self.momentum = 1 / self.steps
        super().keep(mean, var, x)


@wrong("BatchNorm", "running_var takes up the mean", "running_var")
class VarianceTakesUpTheMean(Layer):
    def keep(self, mean, var, x):
        super().keep(mean, mean, x)


@wrong("BatchNorm", "one sample", "1 sample", "(1,")
class SqueezesTheBatch(Layer):
    def __call__(self, x):
        return (
            super().__call__(x).squeeze()
            if self.training
            else super().__call__(x).squeeze(0)
            if len(x) == 1
            else super().__call__(x)
        )


@wrong("BatchNorm", "n − 1", "divided by n")
class TorchModule(torch.nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = torch.nn.Parameter(torch.ones(num_features))
        self.bias = torch.nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x):
        x = torch.as_tensor(x, dtype=torch.float32)
        axes = [a for a in range(x.dim()) if a != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean(axes), x.var(axes, unbiased=False)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var, self.momentum)
        x = (x - mean.view(shape)) / torch.sqrt(var.view(shape) + self.eps)
        return x * self.weight.view(shape) + self.bias.view(shape)


@wrong("BatchNorm", "normalize by the batch")
class NeverEvaluates(Layer):
    def use(self, x):
        mean, var = self.batch(x)
        if self.training:
            self.keep(mean, var, x)
        return mean, var


@wrong("BatchNorm", "running_mean", "keeps", "momentum")
class HalfOfTheMomentum(Layer):
    def keep(self, mean, var, x):
        n, m = x.size // x.shape[1], self.momentum
        self.running_mean = (1 - m) * self.running_mean + 0.5 * m * mean
        self.running_var = (1 - m) * self.running_var + m * var * n / (n - 1)


@wrong("BatchNorm", "eval", "training")
class ModeHasAnotherName(Layer):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        del self.training
        self.is_training = True

    def train(self):
        self.is_training = True

    def eval(self):
        self.is_training = False

    def use(self, x):
        mean, var = self.batch(x)
        return (mean, var) if self.is_training else (self.running_mean, self.running_var)
