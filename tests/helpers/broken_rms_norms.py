"""Wrong RMSNorms, their gradients, and wrong `normalize`, written by hand as readers write them.

Nothing is imported from normlib, so these functions cannot share a mistake with the checker that
they test. Each catalogue maps the mistake to (function, a word that its diagnosis must contain).
"""

import numpy as np


def mean_square(x):
    return (x**2).mean(axis=-1, keepdims=True)


def rms_is_layer_norm(x, weight, eps):
    centered = x - x.mean(axis=-1, keepdims=True)
    return weight * centered / np.sqrt(mean_square(centered) + eps)


def rms_with_std(x, weight, eps):
    return weight * x / np.sqrt(x.var(axis=-1, keepdims=True) + eps)


def rms_eps_outside(x, weight, eps):
    return weight * x / (np.sqrt(mean_square(x)) + eps)


def rms_eps_missing(x, weight, eps):
    return weight * x / np.sqrt(mean_square(x))


def rms_sum_for_mean(x, weight, eps):
    return weight * x / np.sqrt((x**2).sum(axis=-1, keepdims=True) + eps)


def rms_without_root(x, weight, eps):
    return weight * x / (mean_square(x) + eps)


def rms_one_plus_weight(x, weight, eps):
    return (1 + weight) * x / np.sqrt(mean_square(x) + eps)


def rms_weight_forgotten(x, weight, eps):
    return x / np.sqrt(mean_square(x) + eps)


def rms_whole_array(x, weight, eps):
    return weight * x / np.sqrt(np.mean(x**2) + eps)


def rms_over_the_batch(x, weight, eps):
    return weight * x / np.sqrt((x**2).mean(axis=0) + eps)


def rms_eps_of_torch(x, weight, eps):
    return weight * x / np.sqrt(mean_square(x) + 1e-6)


RMS_NORMS = {
    "LayerNorm": (rms_is_layer_norm, "this is LayerNorm"),
    "standard deviation": (rms_with_std, "divided by the standard deviation"),
    "eps outside root": (rms_eps_outside, "outside"),
    "eps missing": (rms_eps_missing, "ε is missing"),
    "sum for mean": (rms_sum_for_mean, "added up the squares"),
    "no root": (rms_without_root, "divided by the mean square"),
    "one plus weight": (rms_one_plus_weight, "1 + weight"),
    "weight forgotten": (rms_weight_forgotten, "weight is missing"),
    "whole array": (rms_whole_array, "one mean square for the whole array"),
    "over the batch": (rms_over_the_batch, "over the batch"),
    "eps argument ignored": (rms_eps_of_torch, "used 1e-6"),
}


def rms_backward(wrong):
    """A right vjp but for one mistake."""

    def attempt(x, weight, eps):
        rstd = 1 / np.sqrt(mean_square(x) + eps)
        x_hat = x * rstd
        count = x.shape[-1]

        def vjp(dy):
            g = dy if wrong == "no weight in dx" else dy * weight
            along = (g * x_hat).sum(axis=-1, keepdims=True)
            along = along if wrong == "sum" else along / count
            if wrong == "constant":
                along = 0
            dx = g - along * (x if wrong == "x for x_hat" else x_hat)
            if wrong == "mean of g":
                dx = dx - g.mean(axis=-1, keepdims=True)
            dx = dx if wrong == "no rstd" else dx * rstd
            outer = dy * (x if wrong == "dweight from x" else x_hat)
            if wrong == "weight in dweight":
                outer = outer * weight
            if wrong == "not summed":
                return dx, outer
            rows = outer.reshape(-1, count)
            dweight = rows.mean(axis=0) if wrong == "averaged" else rows.sum(axis=0)
            return (dweight, dx) if wrong == "swapped" else (dx, dweight)

        return weight * x_hat, vjp

    return attempt


RMS_NORM_VJPS = {
    wrong: (rms_backward(wrong), word)
    for wrong, word in {
        "mean of g": "You subtracted mean(g)",
        "constant": "the RMS depends on x too",
        "sum": "sum of g·x̂",
        "x for x_hat": "is multiplied by x:",
        "no weight in dx": "weight is missing from dx",
        "no rstd": "multiply by rstd",
        "dweight from x": "made from x.",
        "weight in dweight": "has weight as a factor",
        "not summed": "sum over the tokens is missing",
        "averaged": "averaged over the tokens",
        "swapped": "return dx, dweight",
    }.items()
}


def n_last_axis(x, axis, center, eps):
    mean = x.mean(axis=-1, keepdims=True) if center else 0
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)


def n_always_centered(x, axis, center, eps):
    centered = x - x.mean(axis=axis, keepdims=True)
    return centered / np.sqrt((centered**2).mean(axis=axis, keepdims=True) + eps)


def n_never_centered(x, axis, center, eps):
    return x / np.sqrt((x**2).mean(axis=axis, keepdims=True) + eps)


def n_always_variance(x, axis, center, eps):
    mean = x.mean(axis=axis, keepdims=True) if center else 0
    return (x - mean) / np.sqrt(x.var(axis=axis, keepdims=True) + eps)


def n_first_axis_only(x, axis, center, eps):
    axis = axis if isinstance(axis, int) else axis[0]
    mean = x.mean(axis=axis, keepdims=True) if center else 0
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=axis, keepdims=True) + eps)


def n_unbiased(x, axis, center, eps):
    mean = x.mean(axis=axis, keepdims=True) if center else 0
    squares = (x - mean) ** 2
    total = squares.sum(axis=axis, keepdims=True)
    count = x.size // total.size
    return (x - mean) / np.sqrt(total / (count - 1) + eps)


def n_eps_outside(x, axis, center, eps):
    mean = x.mean(axis=axis, keepdims=True) if center else 0
    return (x - mean) / (np.sqrt(((x - mean) ** 2).mean(axis=axis, keepdims=True)) + eps)


def n_no_tuples(x, axis, center, eps):
    first, last = axis
    return n_eps_outside(x, (first, last), center, eps)


NORMALIZES = {
    "last axis": (n_last_axis, "ignored axis"),
    "always centered": (n_always_centered, "always subtract"),
    "never centered": (n_never_centered, "never subtract"),
    "variance without centering": (n_always_variance, "still about the mean"),
    "first axis only": (n_first_axis_only, "first of the given axes"),
    "unbiased": (n_unbiased, "n − 1"),
    "eps outside root": (n_eps_outside, "outside"),
    "two axes only": (n_no_tuples, "a number or a tuple"),
}

# By the exercise that each is an attempt at.
CATALOGUES = {"rms_norm": RMS_NORMS, "rms_norm_vjp": RMS_NORM_VJPS, "normalize": NORMALIZES}
