"""What the forwards of all norms share: the right formula with its knobs, and the usual slips.

A function here called without its knobs is right. A slip is the same call with a knob turned.
The functions compute in the dtype of x, so a slip can also be played as a reader's attempt.
What stands in braces in a message is said in the words of each norm, see `WORDS`.
"""

import numpy as np

from normlib.checker.model import Exercise, Slip


def standardize(
    x,
    eps,
    mean_axis,
    var_axis,
    *,
    shift=1,  # how many means are subtracted
    sign=1,
    about="own mean",  # squares are measured from np.var's mean, the one subtracted, zero, …
    ddof=0,
    spread="variance",  # or sum of squares, mean absolute
    power=0.5,  # of the variance in the denominator
    eps_place="inside",  # the root; or outside, both, squared, floor, two roots
    eps_factor=1.0,
    fixed_eps=None,
    one_pass=False,
    half=False,  # statistics in half precision
):
    """Take the mean off x and divide by the root of the variance."""
    mean_axis, var_axis = axes(mean_axis, x.ndim), axes(var_axis, x.ndim)
    source = x.astype(np.float16) if half else x
    mean = source.mean(mean_axis, keepdims=True)
    centers = {
        "own mean": source.mean(var_axis, keepdims=True),
        "mean": mean,
        "zero": source.dtype.type(0),
        "grand mean": source.mean(),
    }
    variance = _variance(source, centers[about], var_axis, ddof, spread, one_pass)
    eps = eps_factor * (eps if fixed_eps is None else fixed_eps)
    return sign * (x - shift * mean) / denominator(variance, eps, eps_place, power)


def norm(
    x,
    weight,
    bias,
    eps,
    mean_axis,
    var_axis,
    *,
    statistics=standardize,
    channel=False,  # weight and bias lie along axis 1, not along the last
    weight_as="itself",  # or one, first, mean, inverse, one plus, on x
    bias_as="itself",  # or zero, first, mean, negative
    affine="weight first",  # or bias first, swapped
    affine_axis="own",  # or last
    **knobs,
):
    """Normalize, multiply by weight, add bias."""
    weights = {"one": 1, "first": weight[0], "mean": weight.mean(), "inverse": 1 / weight}
    weights |= {"one plus": 1 + weight}
    biases = {"zero": 0, "first": bias[0], "mean": bias.mean(), "negative": -bias}
    weight = along(weights.get(weight_as, weight), x.ndim, channel, affine_axis)
    bias = along(biases.get(bias_as, bias), x.ndim, channel, affine_axis)
    if weight_as == "on x":
        return statistics(x * weight, eps, mean_axis, var_axis, **knobs) + bias
    x_hat = statistics(x, eps, mean_axis, var_axis, **knobs)
    if affine == "bias first":
        return weight * (x_hat + bias)
    if affine == "swapped":
        weight, bias = bias, weight
    return weight * x_hat + bias


def axes(name, ndim):
    """The axes that the letters of a name stand for in x of shape (N, C, positions).

    N the samples, C the channels, P all positions, L the last axis, K all axes but the last, S axis
    2: the first of the positions, or the channels of a group in an array of groups, T axes 2 and 3.
    A name that is no text is a number or a tuple of axes itself.
    """
    if not isinstance(name, str):
        return name
    letters = {
        "N": (0,),
        "C": (1,),
        "P": tuple(range(2, ndim)),
        "S": (2,),
        "T": (2, 3),
        "L": (ndim - 1,),
    }
    letters["K"] = tuple(range(ndim - 1))
    return tuple(axis for letter in name for axis in letters[letter])


def along(values, ndim, channel, affine_axis="own"):
    """Parameters in a shape that fits x; single numbers fit already."""
    if channel and affine_axis == "own" and np.ndim(values):
        return values.reshape(-1, *[1] * (ndim - 2))
    return values


def denominator(variance, eps, eps_place="inside", power=0.5):
    """What x − μ is divided by."""
    if power == 0:
        return 1
    if eps_place == "outside":
        return variance**power + eps
    if eps_place == "both":
        return (variance + eps) ** power + eps
    if eps_place == "two roots":
        return (variance**0.5 + eps) ** power
    if eps_place == "squared":
        return (variance + eps**2) ** power
    if eps_place == "floor":
        return np.maximum(variance, eps) ** power
    return (variance + eps) ** power


def _variance(x, center, axis, ddof, spread, one_pass):
    squares = (x - center) ** 2
    variance = squares.mean(axis, keepdims=True)
    count = squares.size // variance.size
    if spread == "sum of squares":
        return count * variance
    if spread == "mean absolute":
        return np.abs(x - center).mean(axis, keepdims=True) ** 2
    if one_pass:
        variance = (x**2).mean(axis, keepdims=True) - center**2
    return variance if ddof == 0 else variance * np.divide(count, count - ddof)


# What stands in braces, for a LayerNorm. Another norm says some of it in other words.
WORDS = {
    "norm": "LayerNorm",
    "n": "C",
    "square": "variance",
    "s2": "σ²",
    "root": "standard deviation",
    "absolute": "mean absolute deviation",
    "flat": "equal features",
    "unit": "token",
    "own": "a mean and a variance",
    "one": "one mean and one variance",
    "batch_norm": ": that is BatchNorm",
    "feature": "feature",
    "tokens": "tokens",
    "parameters": "one weight and one bias",
    "others": "every axis but the last",
    "without_mean": ": this is RMSNorm",
    "then_bias": ", then adds bias",
}


def averages_over(where, rule, axis, center=True, like=""):
    """Slips: averages taken over these axes, of both statistics and of each."""
    both = Slip(f"Your averages run {where}{like}. {rule}", mean_axis=axis, var_axis=axis)
    if not center:
        return (both,)
    mean, variance = f"Your mean runs {where}", f"Your variance runs {where}"
    squares = f"Your variance averages its squares {where}"
    return (
        both,
        Slip(f"{mean}, but not your variance. {rule}", mean_axis=axis),
        Slip(
            f"{mean}, and your variance is measured from it. {rule}", mean_axis=axis, about="mean"
        ),
        Slip(f"{variance}, but not your mean. {rule}", var_axis=axis),
        Slip(f"{squares}. {rule}", var_axis=axis, about="mean"),
    )


POWERS = (
    Slip(
        "You divided by the {square}. Divide by its square root, the {root}.",
        power=1,
    ),
    Slip(
        "You multiplied by the {root}. Divide by it, or multiply by its inverse.",
        power=-0.5,
    ),
    Slip("You did not divide by the {root}.", power=0),
    Slip("You divided by the square of {s2} + ε. Divide by its root.", power=2),
    Slip(
        "You added up the squares. The {square} is their mean: divide the sum by {n}.",
        spread="sum of squares",
    ),
    Slip(
        "You divided by the {absolute}. The {root} is the root of the mean square.",
        spread="mean absolute",
    ),
)

DDOF = (
    Slip(
        "You divided by {n} − 1. The variance here is that of the population: divide by {n}.",
        ddof=1,
    ),
)

ONE_PASS = (
    Slip(
        "The formula is right but loses its digits when the mean is large: E[x²] − E[x]² takes "
        "the difference of two huge numbers. Subtract the mean first, then square.",
        rough=1e-5,
        one_pass=True,
    ),
)

HALF = (
    Slip(
        "Your numbers are right to two or three digits only: something is computed in half "
        "precision (float16). Compute the statistics in float32 at least.",
        rough=5e-3,
        half=True,
    ),
)

EPSILON = (
    Slip("ε is outside the square root: it is √({s2} + ε), not √{s2} + ε.", eps_place="outside"),
    Slip("ε is missing under the root: with {flat} you divide by zero.", fixed_eps=0.0),
    Slip(
        "ε is missing under the root. A guard against zero is not enough: it changes small numbers "
        "too.",
        fixed_eps=1e-30,
    ),
    *(
        Slip(
            f"You ignored the argument eps and used {text}. Use the eps that you are given.",
            fixed_eps=float(text),
        )
        for text in ("1e-5", "1e-6", "1e-8", "1e-12", "1e-3")
    ),
    Slip("Your ε is ten times too small: use eps as it is given.", eps_factor=0.1),
    Slip("You squared ε: it is √({s2} + ε), not √({s2} + ε²).", eps_place="squared"),
    Slip("You added ε twice, inside the root and outside. It belongs inside.", eps_place="both"),
    Slip("You added ε twice under the root: once is enough.", eps_factor=2.0),
    Slip(
        "You took a root twice: it is √({s2} + ε), not √(√{s2} + ε).",
        eps_place="two roots",
    ),
    Slip(
        "You used ε as a lower limit of the {square}. It is added to the {square}.",
        eps_place="floor",
    ),
)

CENTERING = (
    Slip(
        "You did not subtract the mean{without_mean}. {norm} takes the mean off x, in the "
        "variance too.",
        shift=0,
        about="zero",
    ),
    Slip("You did not subtract the mean from x: only your variance is about the mean.", shift=0),
    Slip(
        "You subtracted the mean from x, but your variance is the mean of x². Measure its squares "
        "from the mean.",
        about="zero",
    ),
    Slip("You added the mean: subtract it.", shift=-1),
    Slip("The sign of x̂ is turned: it is x − μ, not μ − x.", sign=-1),
)

WEIGHT = (
    Slip("weight is missing: the last step multiplies x̂ by weight{then_bias}.", weight_as="one"),
    Slip(
        "You multiplied every {feature} by the same number, weight[0]. Each {feature} has its own "
        "weight.",
        weight_as="first",
    ),
    Slip(
        "You multiplied every {feature} by the same number, the mean of weight. Each {feature} has "
        "its own weight.",
        weight_as="mean",
    ),
    Slip("You divided by weight: multiply by it.", weight_as="inverse"),
    Slip(
        "You multiplied by 1 + weight. Some models store the weight less 1; here weight is the "
        "factor itself.",
        weight_as="one plus",
    ),
    Slip("You multiplied x by weight before normalizing: normalize first.", weight_as="on x"),
)

BIAS = (
    Slip("bias is missing: the last step adds it.", bias_as="zero"),
    Slip("You swapped weight and bias: multiply by weight, add bias.", affine="swapped"),
    Slip("You added bias before multiplying by weight: multiply first.", affine="bias first"),
    Slip("You subtracted bias: add it.", bias_as="negative"),
    Slip(
        "You added the same number, bias[0], to every {feature}. Each {feature} has its own bias.",
        bias_as="first",
    ),
    Slip(
        "You added the same number, the mean of bias, to every {feature}. Each {feature} has its "
        "own bias.",
        bias_as="mean",
    ),
)

WHOLE = (
    Slip("Your mean is that of the whole array: is its axis missing?", mean_axis=None),
    Slip(
        "Your mean, in the variance too, is that of the whole array: is its axis missing?",
        mean_axis=None,
        about="mean",
    ),
    Slip("Your variance is that of the whole array: is its axis missing?", var_axis=None),
    Slip(
        "Your variance is measured from the mean of the whole array: is an axis missing?",
        about="grand mean",
    ),
    Slip(
        "Your variance averages the squares over the whole array: is its axis missing?",
        var_axis=None,
        about="mean",
    ),
    Slip(
        "You used {one} for the whole array. Every {unit} has its own: is the axis missing?",
        mean_axis=None,
        var_axis=None,
    ),
)

# What a norm with a mean and a bias can do wrong, whatever its axes are.
COMMON = (*WHOLE, *POWERS, *ONE_PASS, *HALF, *EPSILON, *CENTERING, *WEIGHT, *BIAS)


def exercise(name, arguments, reference, probes, words, *slips, describe, reasons=()):
    """An exercise that asks for the output, its slips in the words of the norm."""
    return Exercise(
        name=name,
        arguments=arguments,
        reference=reference,
        probes=probes,
        slips=tuple(slip.worded(**words) for slip in slips),
        checked="values and shapes, ε under the root, digits kept at a large mean, "
        "inputs unchanged",
        describe=describe,
        reasons=reasons,
    )
