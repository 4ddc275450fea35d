"""Wrong layers, written by hand as readers write them: what every check here must reject.

Nothing is imported from normlib, so these functions cannot share a mistake with the checker that
they test. Each catalogue maps the mistake to (function, a word that its diagnosis must contain).
"""

import numpy as np


def unbiased_variance(x, weight, bias, eps):
    mean = np.mean(x, axis=-1, keepdims=True)
    var = np.var(x, axis=-1, keepdims=True, ddof=1)
    return (x - mean) / np.sqrt(var + eps) * weight + bias


def eps_outside_root(x, weight, bias, eps):
    mean = np.mean(x, axis=-1, keepdims=True)
    std = np.std(x, axis=-1, keepdims=True)
    return weight * (x - mean) / (std + eps) + bias


def eps_missing(x, weight, bias, eps):
    mean = np.mean(x, axis=-1, keepdims=True)
    return weight * (x - mean) / np.std(x, axis=-1, keepdims=True) + bias


def batch_axis(x, weight, bias, eps):
    x_hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
    return weight * x_hat + bias


def axes_positions_and_features(x, weight, bias, eps):
    axes = (-2, -1)
    mean = x.mean(axis=axes, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=axes, keepdims=True)
    return weight * (x - mean) / np.sqrt(var + eps) + bias


def no_centering(x, weight, bias, eps):
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    return x / rms * weight + bias


def divides_by_variance(x, weight, bias, eps):
    centered = x - x.mean(axis=-1, keepdims=True)
    var = (centered * centered).sum(axis=-1, keepdims=True) / x.shape[-1]
    return weight * (centered / (var + eps)) + bias


def weight_ignored(x, weight, bias, eps):
    centered = x - x.mean(axis=-1, keepdims=True)
    return centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + eps) + bias


def bias_ignored(x, weight, bias, eps):
    centered = x - x.mean(axis=-1, keepdims=True)
    return centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + eps) * weight


def weight_and_bias_swapped(x, bias, weight, eps):
    centered = x - x.mean(axis=-1, keepdims=True)
    return centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + eps) * weight + bias


def weight_as_one_scalar(x, weight, bias, eps):
    scale = float(np.mean(weight))
    centered = x - x.mean(axis=-1, keepdims=True)
    return scale * centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + eps) + bias


def one_pass_variance(x, weight, bias, eps):
    mean = x.mean(axis=-1, keepdims=True)
    var = (x * x).mean(axis=-1, keepdims=True) - mean * mean
    return weight * (x - mean) / np.sqrt(var + eps) + bias


def eps_ten_times_too_small(x, weight, bias, eps):
    mean = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    return weight * (x - mean) / np.sqrt(var + eps / 10) + bias


def eps_argument_ignored(x, weight, bias, eps):
    mean = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    return weight * (x - mean) / np.sqrt(var + 1e-5) + bias


def modifies_its_input(x, weight, bias, eps):
    x -= x.mean(axis=-1, keepdims=True)
    x /= np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps)
    return weight * x + bias


def half_precision_statistics(x, weight, bias, eps):
    half = x.astype(np.float16)
    mean = half.mean(axis=-1, keepdims=True).astype(x.dtype)
    var = half.var(axis=-1, keepdims=True).astype(x.dtype)
    return weight * (x - mean) / np.sqrt(var + eps) + bias


LAYER_NORMS = {
    "unbiased variance": (unbiased_variance, "C − 1"),
    "eps outside root": (eps_outside_root, "outside"),
    "eps missing": (eps_missing, "ε is missing"),
    "batch axis": (batch_axis, "over the batch"),
    "axes (T, C)": (axes_positions_and_features, "positions and features"),
    "no centering": (no_centering, "RMSNorm"),
    "divide by variance": (divides_by_variance, "divided by the variance"),
    "weight ignored": (weight_ignored, "weight is missing"),
    "bias ignored": (bias_ignored, "bias is missing"),
    "weight and bias swapped": (weight_and_bias_swapped, "swapped"),
    "weight as one scalar": (weight_as_one_scalar, "the same number"),
    "one-pass variance, float32": (one_pass_variance, "E[x²] − E[x]²"),
    "eps 10x too small": (eps_ten_times_too_small, "ten times too small"),
    "eps argument ignored": (eps_argument_ignored, "used 1e-5"),
    "modifies its input": (modifies_its_input, "changes x"),
    "float16 statistics": (half_precision_statistics, "half precision"),
}

CATALOGUES = {"layer_norm": LAYER_NORMS}  # by the exercise that each is an attempt at
