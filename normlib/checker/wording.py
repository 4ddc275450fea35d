"""The words of each norm: what has a mean of its own, what has a weight of its own, what n is."""

LAYER_NORM = {
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

RMS_NORM = LAYER_NORM | {
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

# The variance is that of x with center=True, and its mean square without.
NORMALIZE = LAYER_NORM | {"norm": "normalize", "n": "n", "flat": "equal numbers"}

BATCH_NORM = LAYER_NORM | {
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

INSTANCE_NORM = BATCH_NORM | {
    "norm": "InstanceNorm",
    "flat": "equal numbers at all positions",
    "unit": "channel of every sample",
}

GROUP_NORM = BATCH_NORM | {
    "norm": "GroupNorm",
    "flat": "equal numbers in a group",
    "unit": "group of every sample",
}


def in_words(words, *slips):
    """The slips in the words of a norm."""
    return tuple(slip.worded(**words) for slip in slips)
