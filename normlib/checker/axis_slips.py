"""Statistics over the wrong axes: what is wrong for one norm is another norm.

The axes of x with channels are called by letters: N the samples, C the channels, P the positions,
L the last, K all but the last, S the channels of one group.
"""

from normlib.checker.model import Slip


def _both(message, axis):
    return Slip(message, mean_axis=axis, var_axis=axis)


LAYER_NORM = (
    _both(
        "Your averages run over the batch. Each token has {own} of its own, over its C features.",
        0,
    ),
    _both(
        "Your averages run over the positions of a sequence. Each token has {own} of its own, over "
        "its C features.",
        1,
    ),
    _both(
        "Your averages run over positions and features together. Each token has {own} of its own, "
        "over its C features only.",
        (-2, -1),
    ),
    _both(
        "Your averages run over all tokens, one for each feature{batch_norm}. Here each token has "
        "{own}, over its features.",
        (0, 1),
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
        "Your variance averages the squares over the whole array: is its axis missing?",
        var_axis=None,
        about="mean",
    ),
    _both(
        "You used {one} for the whole array. Every {unit} has its own: is the axis missing?",
        None,
    ),
)

NORMALIZE = (
    Slip("You ignored axis and always average over the last one.", axis_as="last"),
    Slip("You ignored axis and average over the whole array.", axis_as="all"),
    Slip(
        "You averaged over the first of the given axes only: axis can name several.",
        axis_as="first only",
    ),
    Slip(
        "You averaged over the last of the given axes only: axis can name several.",
        axis_as="last only",
    ),
    Slip(
        "You averaged over all axes but the given ones: axis names those that are averaged.",
        axis_as="others",
    ),
)

BATCH_NORM = (
    _both(
        "Your averages run over the batch only, so every position has statistics of its own. Here "
        "they run over the positions too.",
        "N",
    ),
    _both(
        "Your averages run over samples and channels together. Each channel has a mean and a "
        "variance of its own.",
        "NC",
    ),
    _both(
        "Your averages run over the positions only: that is InstanceNorm. Here all samples of the "
        "batch share one mean and one variance for each channel.",
        "P",
    ),
    _both(
        "Your averages run over the channels. Each channel has a mean and a variance of its own, "
        "over all samples and positions.",
        "C",
    ),
    _both(
        "Each sample has a mean and a variance of its own: that is LayerNorm. Here each channel "
        "has, over all samples and positions.",
        "CP",
    ),
    _both(
        "Your averages run over all axes but the last. The channels are axis 1, and what comes "
        "after it are positions.",
        "K",
    ),
    _both("Your averages run over the last axis only. Count which axis holds the channels.", "L"),
)

INSTANCE_NORM = (
    _both(
        "Your averages run over the batch too: that is BatchNorm. Here each sample has statistics "
        "of its own.",
        "NP",
    ),
    _both(
        "Your averages run over channels and positions: that is LayerNorm. Here each channel of "
        "each sample has statistics of its own.",
        "CP",
    ),
    _both(
        "Your averages run over the channels. Each channel of each sample has its own, over its "
        "positions.",
        "C",
    ),
    _both(
        "Your averages run over the batch. Each channel of each sample has its own, over its "
        "positions.",
        "N",
    ),
    _both(
        "Your averages run over the last axis only. An image has two axes of positions, and both "
        "are averaged.",
        "L",
    ),
    _both("Your averages run over axis 2 only. An image has two axes of positions.", "S"),
    _both("Your averages run over samples and channels. Keep both apart.", "NC"),
)

GROUP_NORM = (
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
    _both(
        "Your averages run over the batch too. Each group of each sample has statistics of its "
        "own.",
        "NP",
    ),
    _both(
        "Your averages run over the channels of a group, at each position by itself. They run over "
        "the positions too.",
        "S",
    ),
    _both(
        "Your averages run over the last axis only. They run over all that belongs to a group: its "
        "channels and all positions.",
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


def backward_means(*wrong):
    """Means in the backward over wrong axes: pairs of a message and the axes."""
    return tuple(Slip(message, means_axis=axes) for message, axes in wrong)


LAYER_NORM_VJP = backward_means(
    (
        "The means in dx run over the whole array. Each token has its own: is the axis missing?",
        None,
    ),
    ("The means in dx run over the batch. They run over the features, as in the forward.", 0),
)
BATCH_NORM_VJP = backward_means(
    ("The means in dx run over the whole array. Each channel has its own.", None),
    ("The means in dx run over the batch only. They run over the positions too.", "N"),
    ("The means in dx leave out the batch. They run over samples and positions.", "P"),
    ("The means in dx run over the channels. Each channel has its own, as in the forward.", "C"),
    ("The means in dx run over the last axis only. Use the axes of the forward.", "L"),
)
INSTANCE_NORM_VJP = backward_means(
    ("The means in dx run over the whole array. Use the axes of the forward.", None),
    ("The means in dx run over the batch too. Each sample has its own, as in the forward.", "NP"),
    ("The means in dx run over the channels too. Each channel has its own.", "CP"),
    ("The means in dx run over the batch. Use the axes of the forward.", "N"),
    ("The means in dx run over the last axis only. Use the axes of the forward.", "L"),
)
GROUP_NORM_VJP = (
    *backward_means(
        ("The means in dx run over the whole array. Each group of each sample has its own.", None),
        ("The means in dx run over the batch too. Each sample has its own.", "NP"),
        ("The means in dx run over the channels of a group only, not the positions.", "S"),
        ("The means in dx run over the last axis only. Use the axes of the forward.", "L"),
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

CHANNEL_VJP = (
    Slip(
        "You summed over the positions only. All samples share weight and bias too.",
        reduce="positions",
    ),
    Slip(
        "Your weight lies along the last axis in dx. It belongs to the channels, which are axis 1.",
        weight_axis="last",
    ),
)
