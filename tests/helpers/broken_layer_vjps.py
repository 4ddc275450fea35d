"""Wrong gradients of LayerNorm, written by hand as readers write them; see broken_layers."""

import numpy as np


def forward(x, weight, bias, eps):
    """The right forward, on which the wrong gradients below are built."""
    centered = x - x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + eps)
    x_hat = centered * rstd
    return weight * x_hat + bias, x_hat, rstd


def mean_last(values):
    return values.mean(axis=-1, keepdims=True)


def over_tokens(values):
    return values.reshape(-1, values.shape[-1]).sum(axis=0)


def no_mean_of_g(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        g = dy * weight
        dx = rstd * (g - x_hat * mean_last(g * x_hat))
        return dx, over_tokens(dy * x_hat), over_tokens(dy)

    return y, vjp


def no_projection(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        g = dy * weight
        return rstd * (g - mean_last(g)), over_tokens(dy * x_hat), over_tokens(dy)

    return y, vjp


def statistics_as_constants(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)
    return y, lambda dy: (dy * weight * rstd, over_tokens(dy * x_hat), over_tokens(dy))


def weight_forgotten(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        dx = rstd * (dy - mean_last(dy) - x_hat * mean_last(dy * x_hat))
        return dx, over_tokens(dy * x_hat), over_tokens(dy)

    return y, vjp


def weight_last(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        dx = weight * rstd * (dy - mean_last(dy) - x_hat * mean_last(dy * x_hat))
        return dx, over_tokens(dy * x_hat), over_tokens(dy)

    return y, vjp


def rstd_forgotten(x, weight, bias, eps):
    y, x_hat, _ = forward(x, weight, bias, eps)

    def vjp(dy):
        g = dy * weight
        dx = g - mean_last(g) - x_hat * mean_last(g * x_hat)
        return dx, over_tokens(dy * x_hat), over_tokens(dy)

    return y, vjp


def right_dx(dy, weight, x_hat, rstd):
    g = dy * weight
    return rstd * (g - mean_last(g) - x_hat * mean_last(g * x_hat))


def dbias_returned_twice(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        return right_dx(dy, weight, x_hat, rstd), over_tokens(dy), over_tokens(dy)

    return y, vjp


def dweight_from_x(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        return right_dx(dy, weight, x_hat, rstd), over_tokens(dy * x), over_tokens(dy)

    return y, vjp


def y_in_place_of_x_hat(x, weight, bias, eps):
    y, _, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        return right_dx(dy, weight, y, rstd), over_tokens(dy * y), over_tokens(dy)

    return y, vjp


def not_summed(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)
    return y, lambda dy: (right_dx(dy, weight, x_hat, rstd), dy * x_hat, dy)


def only_dweight_not_summed(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)
    return y, lambda dy: (right_dx(dy, weight, x_hat, rstd), dy * x_hat, over_tokens(dy))


def summed_over_first_axis(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        return right_dx(dy, weight, x_hat, rstd), (dy * x_hat).sum(axis=0), dy.sum(axis=0)

    return y, vjp


def averaged_over_tokens(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)
    count = x.size // x.shape[-1]

    def vjp(dy):
        dx = right_dx(dy, weight, x_hat, rstd)
        return dx, over_tokens(dy * x_hat) / count, over_tokens(dy) / count

    return y, vjp


def dweight_and_dbias_swapped(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        return right_dx(dy, weight, x_hat, rstd), over_tokens(dy), over_tokens(dy * x_hat)

    return y, vjp


def dx_returned_last(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        return over_tokens(dy * x_hat), over_tokens(dy), right_dx(dy, weight, x_hat, rstd)

    return y, vjp


def sums_for_means(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        g = dy * weight
        total = g.sum(axis=-1, keepdims=True)
        along = (g * x_hat).sum(axis=-1, keepdims=True)
        return rstd * (g - total - x_hat * along), over_tokens(dy * x_hat), over_tokens(dy)

    return y, vjp


def unbiased_in_the_backward(x, weight, bias, eps):
    y, _, _ = forward(x, weight, bias, eps)
    rstd = 1 / np.sqrt(x.var(axis=-1, ddof=1, keepdims=True) + eps)
    x_hat = (x - mean_last(x)) * rstd

    def vjp(dy):
        return right_dx(dy, weight, x_hat, rstd), over_tokens(dy * x_hat), over_tokens(dy)

    return y, vjp


def eps_missing_in_rstd(x, weight, bias, eps):
    y, x_hat, _ = forward(x, weight, bias, eps)

    def vjp(dy):
        dx = right_dx(dy, weight, x_hat, 1 / x.std(axis=-1, keepdims=True))
        return dx, over_tokens(dy * x_hat), over_tokens(dy)

    return y, vjp


def wrong_forward(x, weight, bias, eps):
    _, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        return right_dx(dy, weight, x_hat, rstd), over_tokens(dy * x_hat), over_tokens(dy)

    return weight * x_hat, vjp


def overwrites_dy(x, weight, bias, eps):
    y, x_hat, rstd = forward(x, weight, bias, eps)

    def vjp(dy):
        dweight, dbias = over_tokens(dy * x_hat), over_tokens(dy)
        dy *= weight
        dy -= mean_last(dy) + x_hat * mean_last(dy * x_hat)
        dy *= rstd
        return dy, dweight, dbias

    return y, vjp


LAYER_NORM_VJPS = {
    "no mean(g)": (no_mean_of_g, "mean(g) is missing"),
    "no projection": (no_projection, "x̂·mean(g·x̂) is missing"),
    "statistics as constants": (statistics_as_constants, "constants"),
    "weight forgotten": (weight_forgotten, "weight is missing"),
    "weight last": (weight_last, "weight last"),
    "rstd forgotten": (rstd_forgotten, "rstd"),
    "dbias returned twice": (dbias_returned_twice, "same as dbias"),
    "dweight from x": (dweight_from_x, "made from x."),
    "y in place of x̂": (y_in_place_of_x_hat, "uses y where x̂ belongs"),
    "not summed": (not_summed, "sum over the tokens is missing"),
    "only dweight not summed": (only_dweight_not_summed, "dweight: The sum over the tokens"),
    "summed over the first axis": (summed_over_first_axis, "first axis only"),
    "averaged over the tokens": (averaged_over_tokens, "averaged"),
    "dweight and dbias swapped": (dweight_and_dbias_swapped, "swapped"),
    "dx returned last": (dx_returned_last, "another order"),
    "sums for means": (sums_for_means, "took sums in dx"),
    "ddof=1 in the backward": (unbiased_in_the_backward, "C − 1"),
    "eps missing in rstd": (eps_missing_in_rstd, "rstd in dx leaves out ε"),
    "wrong forward": (wrong_forward, "bias is missing"),
    "overwrites dy": (overwrites_dy, "changes dy"),
}

CATALOGUES = {"layer_norm_vjp": LAYER_NORM_VJPS}
