"""Right stateful BatchNorms, written in many ways."""

import numpy as np
import torch

BUFFERS = ("weight", "bias", "running_mean", "running_var")


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.training = True

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def __call__(self, x):
        shape = (1, -1) + (1,) * (x.ndim - 2)
        if self.training:
            axes = (0, *range(2, x.ndim))
            mean, var = x.mean(axes), x.var(axes)
            n = x.size // x.shape[1]
            keep = 1 - self.momentum
            self.running_mean = keep * self.running_mean + self.momentum * mean
            self.running_var = keep * self.running_var + self.momentum * var * n / (n - 1)
        else:
            mean, var = self.running_mean, self.running_var
        x_hat = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + self.eps)
        return self.weight.reshape(shape) * x_hat + self.bias.reshape(shape)


class InPlace(BatchNorm):
    """Blends its buffers in place, as PyTorch does, from lists of whole numbers at first."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        self.running_mean, self.running_var = [0] * num_features, [1] * num_features

    def __call__(self, x):
        rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
        self.running_mean = np.asarray(self.running_mean, float)
        self.running_var = np.asarray(self.running_var, float)
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = rows.mean(0), ((rows - rows.mean(0)) ** 2).mean(0)
            self.running_mean += self.momentum * (mean - self.running_mean)
            self.running_var += self.momentum * (rows.var(0, ddof=1) - self.running_var)
        y = (rows - mean) * (var + self.eps) ** -0.5 * self.weight + self.bias
        return np.moveaxis(y.reshape(*x.shape[:1], *x.shape[2:], -1), -1, 1)


class ByChannel(BatchNorm):
    """A loop over the channels; the result is a list."""

    def __call__(self, x):
        y = np.empty_like(x)
        for c in range(x.shape[1]):
            values = x[:, c]
            mean, var = self.running_mean[c], self.running_var[c]
            if self.training:
                mean, var, m = values.mean(), values.var(), self.momentum
                self.running_mean[c] += m * (mean - self.running_mean[c])
                self.running_var[c] += m * (values.var(ddof=1) - self.running_var[c])
            y[:, c] = self.weight[c] * (values - mean) / np.sqrt(var + self.eps) + self.bias[c]
        return y.tolist()


class ByEinsum(BatchNorm):
    """With a flag of its own behind the property `training`."""

    mode = "train"

    @property
    def training(self):
        return self.mode == "train"

    @training.setter
    def training(self, value):
        self.mode = "train" if value else "eval"

    def __call__(self, x):
        values = x.reshape(*x.shape[:2], -1)
        n = values.shape[0] * values.shape[2]
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean = np.einsum("ncp->c", values) / n
            z = values - mean[None, :, None]
            total = np.einsum("ncp,ncp->c", z, z)
            var = total / n
            self.running_mean = np.average(
                [self.running_mean, mean], axis=0, weights=[1 - self.momentum, self.momentum]
            )
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * total / (
                n - 1
            )
        scale = self.weight / np.sqrt(var + self.eps)
        shift = self.bias - mean * scale
        if x.dtype == np.float32:  # scale and shift would lose digits
            z = (values - mean[None, :, None]) * scale[None, :, None] + self.bias[None, :, None]
            return z.reshape(x.shape)
        return np.einsum("ncp,c->ncp", values, scale).reshape(x.shape) + shift.reshape(
            -1, *[1] * (x.ndim - 2)
        )


class Torch(torch.nn.modules.batchnorm._BatchNorm):
    """PyTorch's own, on tensors of double precision."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum, dtype=torch.float64)

    def _check_input_dim(self, x):
        pass

    def forward(self, x):
        return super().forward(torch.from_numpy(x).double())


class Functional(BatchNorm):
    """Buffers are arrays; PyTorch computes."""

    def __call__(self, x):
        tensors = (self.running_mean, self.running_var, self.weight, self.bias)
        return torch.nn.functional.batch_norm(
            torch.from_numpy(x).double(),
            *(torch.from_numpy(a).double() for a in tensors),
            self.training,
            self.momentum,
            self.eps,
        )


class InFloat32:
    """A layer whose inputs, parameters and buffers are rounded to single precision."""

    def __init__(self, layer):
        self.__dict__["layer"] = layer

    def __getattr__(self, name):
        value = getattr(self.layer, name)
        return value.astype(np.float32) if name in BUFFERS else value

    def __setattr__(self, name, value):
        setattr(self.layer, name, value.astype(np.float32))

    def __call__(self, x):
        return self.layer(x.astype(np.float32)).astype(np.float32)


def layer_in_float32(make):
    return lambda *arguments: InFloat32(make(*arguments))


RIGHT = [BatchNorm, InPlace, ByChannel, ByEinsum, Torch, Functional, layer_in_float32(BatchNorm)]
