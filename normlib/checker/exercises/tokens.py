"""LayerNorm and RMSNorm: the norms of a token, over the last axis."""

from normlib.checker.exercises import backward, forward
from normlib.checker.exercises.inputs import TOKENS
from normlib.checker.model import Slip

RMS_NORM_WORDS = forward.WORDS | {
    "norm": "RMSNorm",
    "square": "mean square",
    "s2": "mean(x²)",
    "root": "RMS",
    "absolute": "mean of |x|",
    "flat": "a token of zeros",
    "own": "a mean square",
    "one": "one mean square",
    "batch_norm": "",
    "parameters": "one weight",
    "then_bias": "",
}

WRONG_AXES = (
    forward.averages_over(
        "Your averages run over the batch. Each token has {own} of its own, over its C features.",
        0,
    ),
    forward.averages_over(
        "Your averages run over the positions of a sequence. Each token has {own} of its own, over "
        "its C features.",
        1,
    ),
    forward.averages_over(
        "Your averages run over positions and features together. Each token has {own} of its own, "
        "over its C features only.",
        (-2, -1),
    ),
    forward.averages_over(
        "Your averages run over all tokens, one for each feature{batch_norm}. Here each token has "
        "{own}, over its features.",
        (0, 1),
    ),
)

WRONG_MEANS = backward.means_over(
    (
        "The means in dx run over the whole array. Each token has its own: is the axis missing?",
        None,
    ),
    ("The means in dx run over the batch. They run over the features, as in the forward.", 0),
)

# Here x̂ can be had from y; who writes that backward may forget to.
FROM_OUTPUT = (
    Slip(
        "Your backward uses y where x̂ belongs. They are equal only as long as weight is 1 and "
        "there is no bias.",
        direction=("y", "y"),
        dweight_from="y",
    ),
    Slip(
        "In the second term of dx you used y where x̂ belongs. They are equal only as long as "
        "weight is 1 and there is no bias.",
        direction=("y", "y"),
    ),
)

# RMSNorm is wrong where the others are right.
NO_CENTERING = (
    Slip(
        "You subtracted the mean, in the mean square too: this is LayerNorm. RMSNorm leaves the "
        "mean in x.",
        shift=1,
        about="own mean",
    ),
    Slip("You subtracted the mean from x: RMSNorm leaves it in.", shift=1),
    Slip(
        "You divided by the standard deviation. RMSNorm divides by the root of the mean of x², and "
        "no mean is subtracted.",
        about="own mean",
    ),
    Slip("The sign of the result is turned.", sign=-1),
)

RMS_DDOF = (Slip("You divided by C − 1. The mean square is the sum divided by C.", ddof=1),)

# RMSNorm subtracts no mean, and neither does its gradient.
NO_MEAN_OF_G = (
    Slip(
        "You subtracted mean(g) in dx, as in LayerNorm. RMSNorm subtracts no mean, so its gradient "
        "has no such term.",
        mean_g="mean",
    ),
)

WEIGHT_ONLY = (
    Slip(
        "dweight is the sum of dy: that would be the gradient of a bias. What multiplies weight?",
        dweight_from="ones",
    ),
    Slip(
        "dweight has weight as a factor: is it made from y, or from dy times weight? It takes dy "
        "itself, and x̂.",
        sums_of="g",
    ),
    Slip("You swapped the gradients: return dx, dweight.", order=(1, 0)),
)


def layer_norm(x, weight, bias, eps, *, mean_axis=-1, var_axis=-1, **knobs):
    """LayerNorm over the last axis."""
    return forward.norm(x, weight, bias, eps, mean_axis, var_axis, **knobs)


def rms_norm(x, weight, eps, *, mean_axis=-1, var_axis=-1, shift=0, about="zero", **knobs):
    """RMSNorm over the last axis: LayerNorm without the mean and without a bias."""
    knobs |= {"shift": shift, "about": about}
    return forward.norm(x, weight, 0 * weight, eps, mean_axis, var_axis, **knobs)


def layer_norm_vjp(x, weight, bias, eps, **knobs):
    """LayerNorm and its gradients; y is always right here."""
    y = layer_norm(x, weight, bias, eps)
    return y, backward.gradients(x, weight, y, eps, backward.Layout(-1), **knobs)


def rms_norm_vjp(x, weight, eps, *, mean_g="none", **knobs):
    """RMSNorm and its gradients."""
    y = rms_norm(x, weight, eps)
    layout = backward.Layout(-1, center=False)
    return y, backward.gradients(x, weight, y, eps, layout, mean_g=mean_g, **knobs)


_SUMS = "The sum over the tokens is missing, or leaves an axis: sum every axis but the last."

LAYER_NORM = forward.exercise(
    "layer_norm",
    ("x", "weight", "bias", "eps"),
    layer_norm,
    TOKENS,
    forward.WORDS,
    *forward.DDOF,
    *WRONG_AXES,
    *forward.COMMON,
)

LAYER_NORM_VJP = backward.exercise(
    LAYER_NORM,
    layer_norm_vjp,
    forward.WORDS,
    *backward.MEAN_OF_G,
    *backward.PROJECTION,
    *FROM_OUTPUT,
    *backward.CENTERED,
    *WRONG_MEANS,
    *backward.WEIGHT_PLACE,
    *backward.SCALE,
    *backward.DDOF,
    *backward.SUMS,
    *backward.WITH_BIAS,
    per_parameter=_SUMS,
)

RMS_NORM = forward.exercise(
    "rms_norm",
    ("x", "weight", "eps"),
    rms_norm,
    TOKENS,
    RMS_NORM_WORDS,
    *NO_CENTERING,
    *RMS_DDOF,
    *WRONG_AXES,
    forward.WHOLE[-1],
    *forward.POWERS,
    *forward.HALF,
    *forward.EPSILON,
    *forward.WEIGHT,
)

RMS_NORM_VJP = backward.exercise(
    RMS_NORM,
    rms_norm_vjp,
    RMS_NORM_WORDS,
    *NO_MEAN_OF_G,
    *backward.PROJECTION,
    *FROM_OUTPUT,
    *WRONG_MEANS,
    *backward.WEIGHT_PLACE,
    *backward.SCALE,
    *backward.SUMS,
    *WEIGHT_ONLY,
    parameters=("weight",),
    per_parameter=_SUMS,
)
