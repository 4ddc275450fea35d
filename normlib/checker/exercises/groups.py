"""GroupNorm: the channels of a group share their statistics. x is (N, C, positions)."""

import numpy as np

from normlib.checker.exercises import backward, fits, forward
from normlib.checker.exercises.channels import (
    BATCH_NORM_WORDS,
    LAST_AXIS,
    LAST_AXIS_VJP,
    REASONS,
    SUMS,
)
from normlib.checker.exercises.gradients import Layout, gradients
from normlib.checker.exercises.inputs import GROUPS
from normlib.checker.model import Slip

WORDS = BATCH_NORM_WORDS | {
    "norm": "GroupNorm",
    "flat": "equal numbers in a group",
    "unit": "group of every sample",
}

WRONG_GROUPS = (
    Slip(
        "Your groups are interleaved: every num_groups-th channel. A group is made of channels "
        "that stand next to each other.",
        groups="interleaved",
    ),
    Slip(
        "Your groups are interleaved, and the channels stand in another order at the end. A group "
        "is made of channels that stand next to each other.",
        groups="interleaved for good",
    ),
    Slip(
        "You made groups of num_groups channels. num_groups is the number of groups.",
        groups="size",
    ),
    Slip(
        "Every channel has statistics of its own: that is InstanceNorm. Here the channels of a "
        "group share them.",
        groups="channel",
    ),
    Slip(
        "All channels of a sample share their statistics: that is LayerNorm. Here only the "
        "channels of a group do.",
        groups="one",
    ),
    *forward.averages_over(
        "over the batch too", "Each group of each sample has statistics of its own.", "NP"
    ),
    *forward.averages_over(
        "over the channels of a group, at each position by itself",
        "Statistics run over the positions too.",
        "S",
    ),
    *forward.averages_over(
        "over two axes of a group only",
        "An image has two axes of positions, besides that of the channels.",
        "T",
    ),
    *forward.averages_over(
        "over the last axis only",
        "Statistics run over all that belongs to a group: its channels and all positions.",
        "L",
    ),
    Slip(
        "The numbers are right, but still in groups: reshape the result to the shape of x.",
        shape="of groups",
    ),
    Slip(
        "Every group has one weight and one bias in your result. Each channel has its own.",
        parameters="by group",
    ),
    Slip(
        "You used the same weight and bias again in every group. Each channel has its own.",
        parameters="by place",
    ),
    Slip(
        "Your weight and bias come in another order than the channels: look at their reshape.",
        parameters="interleaved",
    ),
)

WRONG_GROUPS_VJP = (
    *backward.means_over(
        ("over the whole array", "Each group of each sample has its own.", None),
        ("over the batch too", "Each sample has its own.", "NP"),
        ("over all groups together", "Each group has its own, as in the forward.", "CP"),
        ("over the channels of a group only", "They run over the positions too.", "S"),
        ("over the last axis only", "Use the axes of the forward.", "L"),
    ),
    Slip(
        "The backward works on interleaved groups. It has the groups of the forward.",
        groups="interleaved",
    ),
    Slip(
        "The backward makes groups of num_groups channels. It has the groups of the forward.",
        groups="size",
    ),
    Slip(
        "In the backward every channel is a group by itself. It has the groups of the forward.",
        groups="channel",
    ),
    Slip("In the backward all channels are one group. It has those of the forward.", groups="one"),
    Slip(
        "dweight and dbias have one number for each group. Each channel has its own.",
        reduce="groups",
    ),
)


def group_norm(
    x,
    num_groups,
    weight,
    bias,
    eps,
    *,
    groups="contiguous",  # a key of `grouping`
    parameters="by channel",  # or by group, by place, interleaved
    shape="of x",  # or of groups
    mean_axis="P",  # in the array of groups, whose axis 2 counts the channels of a group
    var_axis="P",
    **knobs,
):
    """GroupNorm for x of shape (N, C, …)."""
    split, join = grouping(x.shape, num_groups, groups)
    index = _parameter_index(x.shape[1], num_groups, parameters)

    def statistics(x, *args, **statistics_knobs):
        return join(forward.standardize(split(x), *args, **statistics_knobs))

    weight, bias = weight[index], bias[index]
    knobs |= {"channel": True, "statistics": statistics}
    y = forward.norm(x, weight, bias, eps, mean_axis, var_axis, **knobs)
    return y.reshape(split(x).shape) if shape == "of groups" else y


def grouping(shape, num_groups, groups="contiguous"):
    """Two functions: from x to an array whose axis 1 counts the groups, and back."""
    samples, channels, *positions = shape
    count = {"channel": channels, "one": 1, "size": channels // num_groups}.get(groups, num_groups)
    size = channels // count
    if groups.startswith("interleaved"):
        return (
            lambda x: x.reshape(samples, size, count, *positions).swapaxes(1, 2),
            # A reader may forget that the channels stand in another order now.
            lambda x: (x if groups.endswith("for good") else x.swapaxes(1, 2)).reshape(shape),
        )
    return lambda x: x.reshape(samples, count, size, *positions), lambda x: x.reshape(shape)


def _parameter_index(channels, num_groups, parameters):
    """Which weight each channel is given."""
    index, size = np.arange(channels), channels // num_groups
    return {
        "by channel": index,
        "by group": index // size,
        "by place": index % size,
        "interleaved": index.reshape(size, num_groups).T.ravel(),
    }[parameters]


def group_norm_vjp(x, num_groups, weight, bias, eps, *, groups="contiguous", **knobs):
    """GroupNorm and its gradients; `groups` are those of the backward."""
    y = group_norm(x, num_groups, weight, bias, eps)
    layout = group_layout(x, num_groups, groups)
    return y, gradients(x, weight, y, eps, layout, **knobs)


def group_layout(x, num_groups, groups="contiguous"):
    """The statistics are those of an array with one more axis."""
    split, join = grouping(x.shape, num_groups, groups)
    return Layout("P", channel=True, split=split, join=join, num_groups=num_groups)


def _split(x, given):
    return grouping(x.shape, given["num_groups"])[0](x)


GROUP_NORM = forward.exercise(
    "group_norm",
    ("x", "num_groups", "weight", "bias", "eps"),
    group_norm,
    GROUPS,
    WORDS,
    *WRONG_GROUPS,
    *forward.DDOF,
    *forward.COMMON,
    *LAST_AXIS,
    describe=fits.of_forward(WORDS, "P", channel=True, split=_split),
    reasons=REASONS,
)

GROUP_NORM_VJP = backward.exercise(
    GROUP_NORM,
    group_norm_vjp,
    WORDS,
    *backward.MEAN_OF_G,
    *backward.PROJECTION,
    *backward.CENTERED,
    *WRONG_GROUPS_VJP,
    *backward.WEIGHT_PLACE,
    *backward.SCALE,
    *backward.DDOF,
    *backward.SUMS,
    *LAST_AXIS_VJP,
    *backward.WITH_BIAS,
    describe=fits.of_gradients(
        WORDS, lambda given: group_layout(given["x"], given["num_groups"]), channel=True
    ),
    per_parameter=SUMS,
)
