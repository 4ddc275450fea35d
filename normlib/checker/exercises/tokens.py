"""LayerNorm and RMSNorm: the norms of a token, over the last axis."""

from normlib.checker.exercises import backward, fits, forward
from normlib.checker.exercises.gradients import Layout, gradients
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


def wrong_axes(center):
    """Slips: statistics over other axes than the last."""
    each = "Each token has {own} of its own, over its C features"
    return (
        *forward.averages_over("over the batch", f"{each}.", 0, center),
        *forward.averages_over("over the positions of a sequence", f"{each}.", 1, center),
        *forward.averages_over(
            "over positions and features together", f"{each} only.", (-2, -1), center
        ),
        *forward.averages_over("over all tokens", f"{each}.", (0, 1), center, "{batch_norm}"),
    )


WRONG_MEANS = (
    ("over the whole array", "Each token has its own: is the axis missing?", None),
    ("over the batch", "They belong to a token, over its features, as in the forward.", 0),
    ("over the positions", "They belong to a token, over its features, as in the forward.", 1),
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
        dweight_of="g",
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
    return y, gradients(x, weight, y, eps, Layout(-1), **knobs)


def rms_norm_vjp(x, weight, eps, *, mean_g="none", **knobs):
    """RMSNorm and its gradients."""
    y = rms_norm(x, weight, eps)
    return y, gradients(x, weight, y, eps, RMS_LAYOUT, mean_g=mean_g, **knobs)


RMS_LAYOUT = Layout(-1, center=False)
_SUMS = "The sum over the tokens is missing, or leaves an axis: sum every axis but the last."

LAYER_NORM = forward.exercise(
    "layer_norm",
    ("x", "weight", "bias", "eps"),
    layer_norm,
    TOKENS,
    forward.WORDS,
    *forward.DDOF,
    *wrong_axes(center=True),
    *forward.COMMON,
    describe=fits.of_forward(forward.WORDS, -1),
)

LAYER_NORM_VJP = backward.exercise(
    LAYER_NORM,
    layer_norm_vjp,
    forward.WORDS,
    *backward.MEAN_OF_G,
    *backward.PROJECTION,
    *FROM_OUTPUT,
    *backward.CENTERED,
    *backward.means_over(*WRONG_MEANS),
    *backward.WEIGHT_PLACE,
    *backward.SCALE,
    *backward.DDOF,
    *backward.SUMS,
    *backward.WITH_BIAS,
    describe=fits.of_gradients(forward.WORDS, lambda given: Layout(-1)),
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
    *wrong_axes(center=False),
    forward.WHOLE[-1],
    *forward.POWERS,
    *forward.HALF,
    *forward.EPSILON,
    *forward.WEIGHT,
    describe=fits.of_forward(RMS_NORM_WORDS, -1, center=False, parameters=("weight",)),
)

RMS_NORM_VJP = backward.exercise(
    RMS_NORM,
    rms_norm_vjp,
    RMS_NORM_WORDS,
    *NO_MEAN_OF_G,
    *backward.PROJECTION,
    *FROM_OUTPUT,
    *backward.means_over(*WRONG_MEANS, which=backward.BOTH_MEANS[2:]),
    backward.WEIGHT_PLACE[0],
    backward.WEIGHT_PLACE[-1],
    *backward.SCALE,
    *backward.SUMS,
    *WEIGHT_ONLY,
    parameters=("weight",),
    describe=fits.of_gradients(RMS_NORM_WORDS, lambda given: RMS_LAYOUT),
    per_parameter=_SUMS,
)
