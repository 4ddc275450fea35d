"""The mistakes that readers make in the forward of a norm, the likely ones first."""

from normlib.checker.model import Slip

STATISTICS = (
    Slip(
        "You divided by C − 1. The variance here is that of the population: divide by C.",
        ddof=1,
    ),
    Slip(
        "Your averages run over the batch. Each token has a mean and a variance of its own, over "
        "its C features.",
        mean_axis=0,
        var_axis=0,
    ),
    Slip(
        "Your averages run over the positions of a sequence. Each token has a mean and a variance "
        "of its own, over its C features.",
        mean_axis=1,
        var_axis=1,
    ),
    Slip(
        "Your averages run over positions and features together. Each token has a mean and a "
        "variance of its own, over its C features only.",
        mean_axis=(-2, -1),
        var_axis=(-2, -1),
    ),
    Slip(
        "Your averages run over all tokens, one for each feature: that is BatchNorm. Here each "
        "token has one mean and one variance, over its features.",
        mean_axis=(0, 1),
        var_axis=(0, 1),
    ),
    Slip("Your mean is that of the whole array: is its axis missing?", mean_axis=None),
    Slip(
        "Your mean, in the variance too, is that of the whole array: is its axis missing?",
        mean_axis=None,
        about="mean",
    ),
    Slip("Your variance is that of the whole array: is its axis missing?", var_axis=None),
    Slip(
        "Your variance averages the squares over the whole array: is its axis missing?",
        var_axis=None,
        about="mean",
    ),
    Slip(
        "You used one mean and one variance for the whole array. Every token has its own: is the "
        "axis missing?",
        mean_axis=None,
        var_axis=None,
    ),
    Slip(
        "You divided by the variance. Divide by its square root, the standard deviation.", power=1
    ),
    Slip(
        "You multiplied by the standard deviation. Divide by it, or multiply by its inverse.",
        power=-0.5,
    ),
    Slip("You did not divide by the standard deviation.", power=0),
    Slip(
        "You added up the squares. The variance is their mean: divide the sum by C.",
        spread="sum of squares",
    ),
    Slip(
        "You divided by the mean absolute deviation. The standard deviation is the root of the "
        "mean square.",
        spread="mean absolute",
    ),
    Slip(
        "The formula is right but loses its digits when the mean is large: E[x²] − E[x]² takes "
        "the difference of two huge numbers. Subtract the mean first, then square.",
        rough=1e-5,
        one_pass=True,
    ),
    Slip(
        "Your numbers are right to two or three digits only: something is computed in half "
        "precision (float16). Compute the statistics in float32 at least.",
        rough=5e-3,
        half=True,
    ),
)

EPSILON = (
    Slip("ε is outside the square root: it is √(σ² + ε), not √σ² + ε.", eps_place="outside"),
    Slip("ε is missing under the root: with equal features you divide by zero.", fixed_eps=0.0),
    *(
        Slip(
            f"You ignored the argument eps and used {text}. Use the eps that you are given.",
            fixed_eps=float(text),
        )
        for text in ("1e-5", "1e-6", "1e-8", "1e-12", "1e-3")
    ),
    Slip("Your ε is ten times too small: use eps as it is given.", eps_factor=0.1),
    Slip("You squared ε: it is √(σ² + ε), not √(σ² + ε²).", eps_place="squared"),
    Slip("You added ε twice, inside the root and outside. It belongs inside.", eps_place="both"),
    Slip(
        "You used ε as a lower limit of the variance. It is added to the variance.",
        eps_place="floor",
    ),
)

CENTERING = (
    Slip(
        "You did not subtract the mean: this is RMSNorm. LayerNorm takes the mean off x, in the "
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

AFFINE = (
    Slip(
        "weight is missing: the last step multiplies x̂ by weight, then adds bias.", weight_as="one"
    ),
    Slip("bias is missing: the last step adds it.", bias_as="zero"),
    Slip("You swapped weight and bias: multiply by weight, add bias.", affine="swapped"),
    Slip("You added bias before multiplying by weight: multiply first.", affine="bias first"),
    Slip("You subtracted bias: add it.", bias_as="negative"),
    Slip(
        "You multiplied every feature by the same number, weight[0]. Each feature has its own "
        "weight.",
        weight_as="first",
    ),
    Slip(
        "You multiplied every feature by the same number, the mean of weight. Each feature has its "
        "own weight.",
        weight_as="mean",
    ),
    Slip(
        "You added the same number, bias[0], to every feature. Each feature has its own bias.",
        bias_as="first",
    ),
    Slip(
        "You added the same number, the mean of bias, to every feature. Each feature has its own "
        "bias.",
        bias_as="mean",
    ),
    Slip("You divided by weight: multiply by it.", weight_as="inverse"),
    Slip(
        "You multiplied by 1 + weight. Some models store the weight less 1; here weight is the "
        "factor itself.",
        weight_as="one plus",
    ),
    Slip("You multiplied x by weight before normalizing: normalize first.", weight_as="on x"),
)
