"""The mistakes that readers make in the forward of a norm, the likely ones first.

What stands in braces is said in the words of each norm; see `wording`.
"""

from normlib.checker.model import Slip

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

RMS_DDOF = (Slip("You divided by C − 1. The mean square is the sum divided by C.", ddof=1),)

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

# Of the operator `normalize`, which is told whether to center.
CHOSEN_CENTERING = (
    Slip("You ignored center and always subtract the mean.", center_as="always"),
    Slip("You ignored center and never subtract the mean.", center_as="never"),
    Slip("You took center the wrong way round: True means to subtract.", center_as="inverted"),
    Slip(
        "With center=False your variance is still about the mean. Without centering, take the mean "
        "of x² instead.",
        about="own mean",
    ),
    Slip(
        "With center=True your variance is the mean of x². Measure its squares from the mean.",
        about="zero",
    ),
    Slip("You added the mean: subtract it.", shift=-1),
    Slip("The sign of the result is turned: it is x − μ, not μ − x.", sign=-1),
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

LAST_AXIS = (
    Slip(
        "Your weight and bias lie along the last axis of x. They belong to the channels, which are "
        "axis 1.",
        affine_axis="last",
    ),
)
