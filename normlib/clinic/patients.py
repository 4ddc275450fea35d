"""Right and broken layers of (B, T, C). Each bug was reported somewhere; `quiz` says where.

The functions of ``(x, weight, bias)`` work on NumPy arrays and on torch tensors alike.
"""

import numpy as np

EPS = 1e-5
SHAPE = (4, 8, 16)  # of the example batch
WARM_UP = 100  # batches that a BatchNorm has seen before it comes to the ward


def _standard(x, axis, ddof=0):
    """Deviations from the mean along axes, and their variance."""
    centered = x - x.mean(axis=axis, keepdims=True)
    square = (centered * centered).mean(axis=axis, keepdims=True)
    if ddof:
        square = square * (x.shape[-1] / (x.shape[-1] - ddof))
    return centered, square


def layer_norm(x, weight, bias):
    """Healthy."""
    centered, var = _standard(x, -1)
    return centered / (var + EPS) ** 0.5 * weight + bias


def unbiased(x, weight, bias):
    """Divide by C − 1."""
    centered, var = _standard(x, -1, ddof=1)
    return centered / (var + EPS) ** 0.5 * weight + bias


def eps_outside(x, weight, bias):
    """Add eps to the standard deviation."""
    centered, var = _standard(x, -1)
    return centered / (var**0.5 + EPS) * weight + bias


def eps_missing(x, weight, bias):
    """Forget eps."""
    centered, var = _standard(x, -1)
    return centered / var**0.5 * weight + bias


def square_for_root(x, weight, bias):
    """Take the square where the root belongs."""
    centered, var = _standard(x, -1)
    return centered / (var + EPS) ** 2 * weight + bias


def one_pass(x, weight, bias):
    """Take the difference of two large numbers for the variance."""
    mean = x.mean(axis=-1, keepdims=True)
    var = (x * x).mean(axis=-1, keepdims=True) - mean * mean
    return (x - mean) / (var + EPS) ** 0.5 * weight + bias


def over_sequence(x, weight, bias):
    """Share statistics among all features of a sequence."""
    centered, var = _standard(x, (1, 2))
    return centered / (var + EPS) ** 0.5 * weight + bias


def over_positions(x, weight, bias):
    """Share statistics along the wrong axis."""
    centered, var = _standard(x, 1)
    return centered / (var + EPS) ** 0.5 * weight + bias


def over_batch(x, weight, bias):
    """Share statistics with the batch, as batch norm does."""
    centered, var = _standard(x, (0, 1))
    return centered / (var + EPS) ** 0.5 * weight + bias


def rms_norm(x, weight, bias):
    """Healthy as an RMSNorm; as a LayerNorm it forgets the mean."""
    return x / ((x * x).mean(axis=-1, keepdims=True) + EPS) ** 0.5 * weight + bias


def affine_ignored(x, weight, bias):
    """Forget weight and bias."""
    return layer_norm(x, 1.0, 0.0) + 0.0 * (weight + bias)


class Norm:
    """A function of (x, weight, bias) as a layer, which computes in float32 at least."""

    def __init__(self, function, narrow=False):
        self.function, self.narrow = function, narrow
        self.weight, self.bias = np.ones(SHAPE[-1]), np.zeros(SHAPE[-1])

    def __call__(self, x):
        """Normalize x; in float16 only if `narrow`."""
        wide = x if self.narrow else x.astype(np.promote_types(x.dtype, np.float32))
        weight, bias = (a.astype(wide.dtype) for a in (self.weight, self.bias))
        return self.function(wide, weight, bias).astype(x.dtype)


class TokenBatchNorm:
    """Batch norm over all tokens, with buffers that have seen some batches."""

    def __init__(self, momentum=0.1, of_batch_always=False):
        self.training, self.momentum, self.of_batch_always = True, momentum, of_batch_always
        self.running_mean, self.running_var = np.zeros(SHAPE[-1]), np.ones(SHAPE[-1])
        rng = np.random.default_rng(0)
        for _ in range(WARM_UP):
            self(example(rng))

    def train(self):
        """Use the statistics of the batch."""
        self.training = True

    def eval(self):
        """Use the running ones."""
        self.training = False

    def __call__(self, x):
        """Normalize the tokens of x."""
        wide = x.astype(np.promote_types(x.dtype, np.float32))
        mean, var = wide.mean((0, 1)), wide.var((0, 1))
        if self.training:
            share, n = self.momentum, x.shape[0] * x.shape[1]
            self.running_mean = share * mean + (1 - share) * self.running_mean
            self.running_var = share * var * n / (n - 1) + (1 - share) * self.running_var
        elif not self.of_batch_always:
            mean, var = self.running_mean, self.running_var
        return ((wide - mean) / np.sqrt(var + EPS)).astype(x.dtype)


class Block:
    """x + f(norm(x)) with a small f for each token; `from_norm`: the residual begins too late."""

    def __init__(self, from_norm=False):
        self.from_norm, self.norm = from_norm, Norm(layer_norm)
        self.inner = np.random.default_rng(3).normal(0, 0.25, (SHAPE[-1], SHAPE[-1]))

    def __call__(self, x):
        """Map the stream to the stream."""
        normed = self.norm(x)
        new = np.tanh(normed @ self.inner.astype(np.promote_types(x.dtype, np.float32)))
        return (normed if self.from_norm else x) + new.astype(x.dtype)


def example(rng):
    """A batch of tokens with a mean and a spread of their own."""
    return rng.normal(1.0, 2.0, SHAPE)
