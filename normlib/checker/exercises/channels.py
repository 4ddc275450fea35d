"""BatchNorm and InstanceNorm: each channel is normalized by itself. x is (N, C, positions)."""

from normlib.checker.exercises import backward, fits, forward
from normlib.checker.exercises.gradients import Layout, gradients
from normlib.checker.exercises.inputs import BATCHES, IMAGES
from normlib.checker.model import Slip

BATCH_NORM_WORDS = forward.WORDS | {
    "norm": "BatchNorm",
    "n": "n",
    "flat": "equal numbers in a channel",
    "unit": "channel",
    "feature": "channel",
    "tokens": "samples and positions",
    "parameters": "the weight and the bias of a channel",
    "others": "every axis but that of the channels",
    "without_mean": "",
}

INSTANCE_NORM_WORDS = BATCH_NORM_WORDS | {
    "norm": "InstanceNorm",
    "flat": "equal numbers at all positions",
    "unit": "channel of every sample",
}

BATCH_NORM_AXES = (
    *forward.averages_over(
        "over the batch only",
        "Statistics run over the positions too, so that all positions share them.",
        "N",
    ),
    *forward.averages_over(
        "over samples and channels together",
        "Each channel has a mean and a variance of its own.",
        "NC",
    ),
    *forward.averages_over(
        "over the positions only",
        "Here all samples of the batch share one mean and one variance for each channel.",
        "P",
        like=": that is InstanceNorm",
    ),
    *forward.averages_over(
        "over the channels",
        "Each channel has a mean and a variance of its own, over all samples and positions.",
        "C",
    ),
    *forward.averages_over(
        "over channels and positions",
        "Here each channel has its own, over all samples and positions.",
        "CP",
        like=": that is LayerNorm",
    ),
    *forward.averages_over(
        "over all axes but the last",
        "The channels are axis 1, and what comes after it are positions.",
        "K",
    ),
    *forward.averages_over("over the last axis only", "Count which axis holds the channels.", "L"),
)

INSTANCE_NORM_AXES = (
    *forward.averages_over(
        "over the batch too",
        "Here each sample has statistics of its own.",
        "NP",
        like=": that is BatchNorm",
    ),
    *forward.averages_over(
        "over channels and positions",
        "Here each channel of each sample has statistics of its own.",
        "CP",
        like=": that is LayerNorm",
    ),
    *forward.averages_over(
        "over the channels",
        "Each channel of each sample has its own, over its positions.",
        "C",
    ),
    *forward.averages_over(
        "over the batch", "Each channel of each sample has its own, over its positions.", "N"
    ),
    *forward.averages_over(
        "over the last axis only",
        "An image has two axes of positions, and both are averaged.",
        "L",
    ),
    *forward.averages_over("over axis 2 only", "An image has two axes of positions.", "S"),
    *forward.averages_over(
        "over samples and channels", "Each channel of each sample has its own.", "NC"
    ),
)

LAST_AXIS = (
    Slip(
        "Your weight and bias lie along the last axis of x. They belong to the channels, which are "
        "axis 1.",
        affine_axis="last",
    ),
)

BATCH_NORM_MEANS = backward.means_over(
    ("over the whole array", "Each channel has its own.", None),
    ("over the batch only", "They run over the positions too.", "N"),
    ("over the positions only", "They run over samples and positions.", "P"),
    ("over the channels", "Each channel has its own, as in the forward.", "C"),
    ("over the last axis only", "Use the axes of the forward.", "L"),
)

INSTANCE_NORM_MEANS = backward.means_over(
    ("over the whole array", "Use the axes of the forward.", None),
    ("over the batch too", "Each sample has its own, as in the forward.", "NP"),
    ("over the channels too", "Each channel has its own.", "CP"),
    ("over the batch", "Use the axes of the forward.", "N"),
    ("over the last axis only", "Use the axes of the forward.", "L"),
)

LAST_AXIS_VJP = (
    Slip(
        "You summed over the positions only. All samples share weight and bias too.",
        reduce="positions",
    ),
    Slip(
        "Your weight lies along the last axis in dx. It belongs to the channels, which are axis 1.",
        weight_axis="last",
    ),
)

# For x of shape (N, C, …), where the channels are axis 1.
REASONS = (
    (
        "broadcast",
        "Shapes are matched from the last axis on. What has one number for each channel needs an "
        "axis of length 1 for every position: keepdims=True for averages, reshape for weight and "
        "bias.",
    ),
    (
        "AxisError|axis .*out of bounds|IndexError|values to unpack",
        "N and C are the first two axes of x. How many axes of positions come after them differs "
        "from input to input.",
    ),
)


def batch_norm(x, weight, bias, eps, *, mean_axis="NP", var_axis="NP", **knobs):
    """BatchNorm in training, for x of shape (N, C, …)."""
    return forward.norm(x, weight, bias, eps, mean_axis, var_axis, channel=True, **knobs)


def instance_norm(x, weight, bias, eps, *, mean_axis="P", var_axis="P", **knobs):
    """InstanceNorm for x of shape (N, C, …)."""
    return forward.norm(x, weight, bias, eps, mean_axis, var_axis, channel=True, **knobs)


def batch_norm_vjp(x, weight, bias, eps, **knobs):
    """BatchNorm in training and its gradients."""
    y = batch_norm(x, weight, bias, eps)
    return y, gradients(x, weight, y, eps, BATCH_LAYOUT, **knobs)


def instance_norm_vjp(x, weight, bias, eps, **knobs):
    """InstanceNorm and its gradients."""
    y = instance_norm(x, weight, bias, eps)
    return y, gradients(x, weight, y, eps, INSTANCE_LAYOUT, **knobs)


BATCH_LAYOUT = Layout("NP", channel=True)
INSTANCE_LAYOUT = Layout("P", channel=True)
SUMS = (
    "The sum over samples and positions is missing, or leaves an axis: sum every axis but that of "
    "the channels."
)

BATCH_NORM = forward.exercise(
    "batch_norm",
    ("x", "weight", "bias", "eps"),
    batch_norm,
    BATCHES,
    BATCH_NORM_WORDS,
    *forward.DDOF,
    *BATCH_NORM_AXES,
    *forward.COMMON,
    *LAST_AXIS,
    describe=fits.of_forward(BATCH_NORM_WORDS, "NP", channel=True),
    reasons=REASONS,
)

BATCH_NORM_VJP = backward.exercise(
    BATCH_NORM,
    batch_norm_vjp,
    BATCH_NORM_WORDS,
    *backward.MEAN_OF_G,
    *backward.PROJECTION,
    *backward.CENTERED,
    *BATCH_NORM_MEANS,
    *backward.WEIGHT_IN_THE_MEANS,
    *backward.SCALE,
    *backward.DDOF,
    *backward.SUMS,
    *LAST_AXIS_VJP,
    *backward.WITH_BIAS,
    describe=fits.of_gradients(BATCH_NORM_WORDS, lambda given: BATCH_LAYOUT, channel=True),
    per_parameter=SUMS,
)

INSTANCE_NORM = forward.exercise(
    "instance_norm",
    ("x", "weight", "bias", "eps"),
    instance_norm,
    IMAGES,
    INSTANCE_NORM_WORDS,
    *INSTANCE_NORM_AXES,
    *forward.DDOF,
    *forward.COMMON,
    *LAST_AXIS,
    describe=fits.of_forward(INSTANCE_NORM_WORDS, "P", channel=True),
    reasons=REASONS,
)

INSTANCE_NORM_VJP = backward.exercise(
    INSTANCE_NORM,
    instance_norm_vjp,
    INSTANCE_NORM_WORDS,
    *backward.MEAN_OF_G,
    *backward.PROJECTION,
    *backward.CENTERED,
    *INSTANCE_NORM_MEANS,
    *backward.WEIGHT_IN_THE_MEANS,
    *backward.SCALE,
    *backward.DDOF,
    *backward.SUMS,
    *LAST_AXIS_VJP,
    *backward.WITH_BIAS,
    describe=fits.of_gradients(INSTANCE_NORM_WORDS, lambda given: INSTANCE_LAYOUT, channel=True),
    per_parameter=SUMS,
)
