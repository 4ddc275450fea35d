"""Wrong BatchNorms that keep running statistics, written by hand as readers write them.

Nothing is imported from normlib, so these classes cannot share a mistake with the checker that
they test. The catalogue maps the mistake to (class, a word that its diagnosis must contain).
"""

import numpy as np


class Right:
    """Written so that each part can be got wrong by itself."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps = eps
        self.momentum = momentum
        self.weight = np.ones(num_features)
        self.bias = np.zeros(num_features)
        self.running_mean = np.zeros(num_features)
        self.running_var = np.ones(num_features)
        self.training = True

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def axes(self, x):
        return (0,) + tuple(range(2, x.ndim))

    def batch_var(self, x):
        return x.var(axis=self.axes(x), keepdims=True)

    def buffer_var(self, x):
        return x.var(axis=self.axes(x), keepdims=True, ddof=1)

    def lift(self, values, x):
        """From one number for each channel to a shape that fits x."""
        return values.reshape((1, -1) + (1,) * (x.ndim - 2)) if values.ndim == 1 else values

    def drop(self, values):
        return values.squeeze() if values.size == self.weight.size else values

    def update(self, x):
        mean = x.mean(axis=self.axes(x), keepdims=True)
        var = self.buffer_var(x)
        m = self.momentum
        self.running_mean = self.drop((1 - m) * self.lift(self.running_mean, x) + m * mean)
        self.running_var = self.drop((1 - m) * self.lift(self.running_var, x) + m * var)

    def statistics(self, x):
        if self.training:
            return x.mean(axis=self.axes(x), keepdims=True), self.batch_var(x)
        return self.lift(self.running_mean, x), self.lift(self.running_var, x)

    def normalized(self, x, mean, var):
        return (x - mean) / np.sqrt(var + self.eps)

    def affine(self, x_hat):
        return self.lift(self.weight, x_hat) * x_hat + self.lift(self.bias, x_hat)

    def __call__(self, x):
        if self.training:
            self.update(x)
        return self.affine(self.normalized(x, *self.statistics(x)))


class BiasedRunningVariance(Right):
    def buffer_var(self, x):
        return self.batch_var(x)


class UnbiasedForward(Right):
    def batch_var(self, x):
        return self.buffer_var(x)


class EvalWithBatchStatistics(Right):
    def statistics(self, x):
        return x.mean(axis=self.axes(x), keepdims=True), self.batch_var(x)


class TrainWithRunningStatistics(Right):
    def statistics(self, x):
        return self.lift(self.running_mean, x), self.lift(self.running_var, x)


class MomentumInverted(Right):
    def update(self, x):
        self.momentum = 1 - self.momentum
        super().update(x)
        self.momentum = 1 - self.momentum


class AxisZero(Right):
    def axes(self, x):
        return (0,)


class AxesZeroAndOne(Right):
    def axes(self, x):
        return (0, 1)


class AxesOfLayerNorm(Right):
    def axes(self, x):
        return tuple(range(1, x.ndim))


class EpsOutsideRoot(Right):
    def normalized(self, x, mean, var):
        return (x - mean) / (np.sqrt(var) + self.eps)


class EpsIgnored(Right):
    def normalized(self, x, mean, var):
        return (x - mean) / np.sqrt(var + 1e-5)


class AffineForgottenInEval(Right):
    def affine(self, x_hat):
        return super().affine(x_hat) if self.training else x_hat


class BuffersNotUpdated(Right):
    def update(self, x):
        pass


class BuffersUpdatedInEval(Right):
    def __call__(self, x):
        self.update(x)
        return self.affine(self.normalized(x, *self.statistics(x)))


class BuffersUpdatedInEvalAfterwards(Right):
    def __call__(self, x):
        y = self.affine(self.normalized(x, *self.statistics(x)))
        self.update(x)
        return y


class MomentumIgnored(Right):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps)


class MomentumOfKeras(Right):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, 0.01)


class VarianceStartsAtZero(Right):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        self.running_var = np.zeros(num_features)


class MeanStartsAtOne(Right):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        self.running_mean = np.ones(num_features)


class BuffersReplaced(Right):
    def update(self, x):
        self.running_mean = self.drop(x.mean(axis=self.axes(x), keepdims=True))
        self.running_var = self.drop(self.buffer_var(x))


class RunningStd(Right):
    def buffer_var(self, x):
        return x.std(axis=self.axes(x), keepdims=True, ddof=1)


class RunningStdUsedAsSuch(RunningStd):
    def normalized(self, x, mean, var):
        return super().normalized(x, mean, var if self.training else var**2)


class EvalSubtractsBatchMean(Right):
    def statistics(self, x):
        _, var = super().statistics(x)
        return x.mean(axis=self.axes(x), keepdims=True), var


class EvalDoesNothing(Right):
    def eval(self):
        return self


class TrainDoesNothing(Right):
    def train(self):
        return self


class StartsInEval(Right):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        self.training = False


class CorrectedBySamples(Right):
    def buffer_var(self, x):
        return self.batch_var(x) * len(x) / (len(x) - 1)


class DividesByVariance(Right):
    def normalized(self, x, mean, var):
        return (x - mean) / (var + self.eps)


class OnePass(Right):
    def batch_var(self, x):
        axes = self.axes(x)
        return (x * x).mean(axes, keepdims=True) - x.mean(axes, keepdims=True) ** 2

    def buffer_var(self, x):
        n = x.size / x.shape[1]
        return self.batch_var(x) * n / (n - 1)


class WeightForgotten(Right):
    def affine(self, x_hat):
        return x_hat + self.lift(self.bias, x_hat)


class BuffersWithAllAxes(Right):
    """The buffers of a well-known course: shape (1, C, 1, 1)."""

    def drop(self, values):
        return values


class ChangesItsInput(Right):
    def normalized(self, x, mean, var):
        x -= mean
        x /= np.sqrt(var + self.eps)
        return x


BATCH_NORMS = {
    "biased running variance": (BiasedRunningVariance, "running_var takes up the variance divided"),
    "unbiased forward variance": (UnbiasedForward, "In training you divided the variance by n − 1"),
    "eval with batch statistics": (EvalWithBatchStatistics, "In eval mode you normalize by the b"),
    "train with running statistics": (TrainWithRunningStatistics, "In training you normalize by"),
    "momentum inverted": (MomentumInverted, "wrong way round"),
    "axes (0,) on images": (AxisZero, "over the batch only"),
    "axes (0, 1)": (AxesZeroAndOne, "samples and channels together"),
    "axes of LayerNorm": (AxesOfLayerNorm, "one number for each channel"),
    "eps outside the root": (EpsOutsideRoot, "outside the square root"),
    "eps ignored": (EpsIgnored, "used 1e-5"),
    "affine forgotten in eval": (AffineForgottenInEval, "weight and bias are forgotten"),
    "buffers not updated": (BuffersNotUpdated, "never updated"),
    "buffers updated in eval": (BuffersUpdatedInEval, "before they are used"),
    "buffers updated in eval, after": (BuffersUpdatedInEvalAfterwards, "after they are used"),
    "momentum 0.1 fixed": (MomentumIgnored, "used 0.1"),
    "momentum 0.01 fixed": (MomentumOfKeras, "used 0.01"),
    "running_var starts at 0": (VarianceStartsAtZero, "running_var starts at 0"),
    "running_mean starts at 1": (MeanStartsAtOne, "running_mean starts at 1"),
    "buffers replaced": (BuffersReplaced, "Blend them"),
    "running std": (RunningStd, "root is taken once more"),
    "running std, used as such": (RunningStdUsedAsSuch, "The buffer holds the variance"),
    "eval subtracts the mean of the batch": (EvalSubtractsBatchMean, "not running_mean"),
    "eval() does nothing": (EvalDoesNothing, "eval() does not end"),
    "train() does nothing": (TrainDoesNothing, "train() does not go back"),
    "starts in eval": (StartsInEval, "starts in training"),
    "corrected by the samples": (CorrectedBySamples, "divided by N − 1"),
    "divides by the variance": (DividesByVariance, "divided by the variance"),
    "one pass": (OnePass, "E[x²] − E[x]²"),
    "weight forgotten": (WeightForgotten, "weight is missing"),
    "buffers with all axes": (BuffersWithAllAxes, "in an array with one axis"),
    "changes its input": (ChangesItsInput, "changes x:"),
}

CATALOGUES = {"BatchNorm": BATCH_NORMS}
