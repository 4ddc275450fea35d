"""Wrong forwards as students hand them in, from courses and repositories; retold by hand.

The entries of `WRONG` are (exercise, function, words): one of the words is in the report. Nothing
is imported from normlib.
"""

import numpy as np
import torch

WRONG = []


def wrong(exercise, *words):
    """Enter a function as a wrong answer of this exercise."""

    def enter(function):
        WRONG.append((exercise, function, words))
        return function

    return enter


def column(values, x):
    return values.reshape((1, -1) + (1,) * (x.ndim - 2))


# --- LayerNorm ----------------------------------------------------------------------------------


@wrong("layer_norm", "C − 1")
def annotated_transformer(x, weight, bias, eps):
    x, a_2, b_2 = (torch.tensor(a, dtype=torch.float32) for a in (x, weight, bias))
    mean = x.mean(-1, keepdim=True)
    std = x.std(-1, keepdim=True)
    return a_2 * (x - mean) / (std + eps) + b_2


@wrong("layer_norm", "positions of a sequence")
def axis_one_everywhere(x, weight, bias, eps):
    mu = np.mean(x, axis=1, keepdims=True)
    var = np.var(x, axis=1, keepdims=True)
    return weight * (x - mu) / np.sqrt(var + eps) + bias


@wrong("layer_norm", "1 axis", "one axis")
def with_axis_one_for_tables(x, weight, bias, eps):
    if x.ndim == 2:
        mu, var = x.mean(1, keepdims=True), x.var(1, keepdims=True)
    else:
        mu, var = x.mean(2, keepdims=True), x.var(2, keepdims=True)
    return weight * (x - mu) / np.sqrt(var + eps) + bias


@wrong("layer_norm", "fixed", "0.01")
def epsilon_of_one_hundredth(x, weight, bias, eps):
    mu = x.mean(-1, keepdims=True)
    var = x.var(-1, keepdims=True)
    return weight * (x - mu) / np.sqrt(var + 0.01) + bias


@wrong("layer_norm", "twice")
def epsilon_twice_inside(x, weight, bias, eps):
    mu = x.mean(-1, keepdims=True)
    var = ((x - mu) ** 2).mean(-1, keepdims=True) + eps
    return weight * (x - mu) / np.sqrt(var + eps) + bias


@wrong("layer_norm", "square", "power")
def squared_denominator(x, weight, bias, eps):
    mu = x.mean(-1, keepdims=True)
    var = x.var(-1, keepdims=True)
    return weight * ((x - mu) / (var + eps) ** 2) + bias


@wrong("layer_norm", "root of the standard deviation", "√(σ + ε)", "twice")
def root_of_the_deviation(x, weight, bias, eps):
    mu = x.mean(-1, keepdims=True)
    std = x.std(-1, keepdims=True)
    return weight * ((x - mu) / np.sqrt(std + eps)) + bias


@wrong("layer_norm", "ε is divided by C", "ε/C", "ε by C")
def epsilon_averaged(x, weight, bias, eps):
    d = x.shape[-1]
    mu = x.sum(axis=-1, keepdims=True) / d
    xmu = x - mu
    var = (np.sum(xmu**2, axis=-1, keepdims=True) + eps) / d
    return weight * xmu / np.sqrt(var) + bias


@wrong("layer_norm", "where C belongs", "length of the first axis", "by N", "count")
def variance_by_batch_size(x, weight, bias, eps):
    n = x.shape[0]
    mu = x.mean(-1, keepdims=True)
    var = np.sum((x - mu) ** 2, -1, keepdims=True) / n
    return weight * (x - mu) / np.sqrt(var + eps) + bias


@wrong("layer_norm", "Your mean runs over the batch", "mean runs over the batch")
def mean_over_batch_only(x, weight, bias, eps):
    mu = x.mean(0, keepdims=True)
    var = x.var(-1, keepdims=True)
    return weight * (x - mu) / np.sqrt(var + eps) + bias


@wrong("layer_norm", "variance runs over the batch")
def variance_over_batch_only(x, weight, bias, eps):
    mu = x.mean(-1, keepdims=True)
    var = x.var(0, keepdims=True)
    return weight * (x - mu) / np.sqrt(var + eps) + bias


@wrong("layer_norm", "never below 1e-06")
def clamps_the_variance(x, weight, bias, eps):
    mu = x.mean(-1, keepdims=True)
    var = np.maximum(x.var(-1, keepdims=True), 1e-6)
    return weight * (x - mu) / np.sqrt(var + eps) + bias


@wrong("layer_norm", "second", "added", "1e-8", "1e-08")
def second_epsilon(x, weight, bias, eps):
    mu = x.mean(-1, keepdims=True)
    std = np.sqrt(x.var(-1, keepdims=True) + eps)
    return weight * (x - mu) / (std + 1e-8) + bias


@wrong("layer_norm", "added up the squares")
def by_the_length(x, weight, bias, eps):
    x = torch.from_numpy(x).float()
    z = x - x.mean(-1, keepdim=True)
    z = z / torch.sqrt(z.pow(2).sum(-1, keepdim=True) + eps)
    return z * torch.from_numpy(weight).float() + torch.from_numpy(bias).float()


@wrong("layer_norm", "bias is missing")
def three_at_once(x, weight, bias, eps):
    mu = x.mean(-1, keepdims=True)
    std = x.std(-1, ddof=1, keepdims=True)
    return weight * (x - mu) / (std + eps)


@wrong("layer_norm", "is (x − a)/b in your result")
def between_zero_and_one(x, weight, bias, eps):
    low, high = x.min(-1, keepdims=True), x.max(-1, keepdims=True)
    return weight * (x - low) / (high - low + eps) + bias


@wrong("layer_norm", "ε is missing")
def zero_deviation_is_one(x, weight, bias, eps):
    std = x.std(-1, keepdims=True)
    std[std == 0] = 1
    return weight * (x - x.mean(-1, keepdims=True)) / std + bias


@wrong("layer_norm", "where C belongs", "length of the first axis", "by N", "count")
def mean_by_the_wrong_count(x, weight, bias, eps):
    mu = x.sum(-1, keepdims=True) / x.shape[0]
    var = x.var(-1, keepdims=True)
    return weight * (x - mu) / np.sqrt(var + eps) + bias


@wrong("layer_norm", "cache")
def with_a_cache(x, weight, bias, eps):
    mu, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    x_norm = (x - mu) / np.sqrt(var + eps)
    out = weight * x_norm + bias
    cache = (x, x_norm, weight, mu, var, eps)
    return out, cache


@wrong("layer_norm", "bias is missing")
def with_a_cache_and_a_slip(x, gamma, beta, eps):
    mu, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    x_norm = (x - mu) / np.sqrt(var + eps)
    return gamma * x_norm, (x_norm, gamma)


@wrong("layer_norm", "eps is a number", "ε is a number")
def layernorm_forward(x, gamma, beta, ln_param):
    eps = ln_param.get("eps", 1e-5)
    x = x.T
    mu = np.mean(x, axis=0)
    var = np.var(x, axis=0)
    return (gamma * ((x - mu) / np.sqrt(var + eps)).T + beta), (x, mu)


@wrong("layer_norm", "C − 1")
def torch_var_is_unbiased(x, weight, bias, eps):
    x = torch.as_tensor(x, dtype=torch.float32)
    var, mean = torch.var_mean(x, dim=-1, keepdim=True)
    y = (x - mean) / torch.sqrt(var + eps)
    return (y * torch.as_tensor(weight) + torch.as_tensor(bias)).numpy()


@wrong("layer_norm", "torch.from_numpy")
def torch_on_arrays(x, weight, bias, eps):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, eps)


@wrong("layer_norm", "measured from the mean of the whole array")
def variance_about_the_grand_mean(x, weight, bias, eps):
    mu = x.mean(-1, keepdims=True)
    var = np.mean((x - x.mean()) ** 2, axis=-1, keepdims=True)
    return weight * (x - mu) / np.sqrt(var + eps) + bias


@wrong("layer_norm", "over the batch")
def copied_from_batch_norm(x, weight, bias, eps):
    sample_mean = np.mean(x, axis=0)
    sample_var = np.var(x, axis=0)
    x_hat = (x - sample_mean) / np.sqrt(sample_var + eps)
    return weight * x_hat + bias


@wrong("layer_norm", "float32", "half precision")
def half_on_single(x, weight, bias, eps):
    h = torch.from_numpy(x).half()
    y = torch.nn.functional.layer_norm(h.float(), h.shape[-1:], eps=eps)
    return y.numpy() * weight + bias


# --- RMSNorm ------------------------------------------------------------------------------------


@wrong("rms_norm", "keepdim")
def without_keepdim(x, weight, eps):
    x = torch.tensor(x)
    variance = x.pow(2).mean(-1)
    return x * torch.rsqrt(variance + eps) * torch.tensor(weight)


@wrong("rms_norm", "used 1e-6")
def llama_with_its_own_epsilon(x, weight, eps):
    x = torch.from_numpy(x).to(torch.float32)
    variance = x.pow(2).mean(-1, keepdim=True)
    x = x * torch.rsqrt(variance + 1e-6)
    return torch.from_numpy(weight).float() * x


@wrong("rms_norm", "1 + weight")
def gemma(x, weight, eps):
    x = torch.from_numpy(x).float()
    y = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)
    return y * (1.0 + torch.from_numpy(weight).float())


@wrong("rms_norm", "positions and features", "whole sequence")
def of_the_whole_sequence(x, weight, eps):
    axes = (-2, -1) if x.ndim > 1 else -1
    rms = np.sqrt(np.mean(x**2, axis=axes, keepdims=True) + eps)
    return x / rms * weight


@wrong("rms_norm", "√C", "C²", "by C", "C times")
def norm_over_dimension(x, weight, eps):
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    return weight * x / np.sqrt((norm / x.shape[-1]) ** 2 + eps)


@wrong("rms_norm", "outside")
def divides_by_root_plus_epsilon(x, weight, eps):
    rms = torch.sqrt(torch.mean(torch.tensor(x).float() ** 2, dim=-1, keepdim=True))
    return torch.tensor(x).float() / (rms + eps) * torch.tensor(weight).float()


@wrong("rms_norm", "this is LayerNorm", "subtracted the mean")
def centered_by_habit(x, weight, eps):
    x = x - x.mean(axis=-1, keepdims=True)
    ms = np.mean(np.square(x), axis=-1, keepdims=True)
    return weight * x * (1.0 / np.sqrt(ms + eps))


@wrong("rms_norm", "twice")
def epsilon_in_two_places(x, weight, eps):
    ms = np.mean(x * x, axis=-1, keepdims=True)
    return weight * x / (np.sqrt(ms + eps) + eps)
