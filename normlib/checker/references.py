"""The right answers, with a knob for every way to get them wrong.

A function here called without its knobs is right. A slip is the same call with a knob turned.
The functions compute in the dtype of x, so a slip can also be played as a reader's attempt.
"""

import numpy as np


def layer_norm(x, weight, bias, eps, *, mean_axis=-1, var_axis=-1, **knobs):
    """LayerNorm over the last axis."""
    return _affine(standardize, x, weight, bias, eps, mean_axis, var_axis, **knobs)


def rms_norm(x, weight, eps, *, mean_axis=-1, var_axis=-1, shift=0, about="zero", **knobs):
    """RMSNorm over the last axis: LayerNorm without the mean and without a bias."""
    knobs |= {"shift": shift, "about": about}
    return _affine(standardize, x, weight, 0 * weight, eps, mean_axis, var_axis, **knobs)


def normalize(
    x,
    axis,
    center,
    eps,
    *,
    axis_as="itself",  # or last, all, first only, last only, others
    center_as="itself",  # or always, never, inverted
    about="as center says",  # or own mean, zero
    shift=1,
    **knobs,
):
    """The operator under every norm; without centering, squares are measured from zero."""
    axis = _chosen_axes(axis, x.ndim, axis_as)
    center = {"itself": center, "always": True, "never": False, "inverted": not center}[center_as]
    if about == "as center says":
        about = "own mean" if center else "zero"
    return standardize(x, eps, axis, axis, shift=shift * center, about=about, **knobs)


def batch_norm(x, weight, bias, eps, *, mean_axis="NP", var_axis="NP", **knobs):
    """BatchNorm in training, for x of shape (N, C, …)."""
    return _affine(standardize, x, weight, bias, eps, mean_axis, var_axis, channel=True, **knobs)


def instance_norm(x, weight, bias, eps, *, mean_axis="P", var_axis="P", **knobs):
    """InstanceNorm for x of shape (N, C, …)."""
    return _affine(standardize, x, weight, bias, eps, mean_axis, var_axis, channel=True, **knobs)


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
        return join(standardize(split(x), *args, **statistics_knobs))

    weight, bias = weight[index], bias[index]
    y = _affine(statistics, x, weight, bias, eps, mean_axis, var_axis, channel=True, **knobs)
    return y.reshape(split(x).shape) if shape == "of groups" else y


def standardize(
    x,
    eps,
    mean_axis,
    var_axis,
    *,
    shift=1,  # how many means are subtracted
    sign=1,
    about="own mean",  # squares are measured from np.var's mean, the one subtracted, or zero
    ddof=0,
    spread="variance",  # or sum of squares, mean absolute
    power=0.5,  # of the variance in the denominator
    eps_place="inside",  # the root; or outside, both, squared, floor
    eps_factor=1.0,
    fixed_eps=None,
    one_pass=False,
    half=False,  # statistics in half precision
    place="own",  # or last: statistics without keepdims, laid along the last axis
):
    """Take the mean off x and divide by the root of the variance."""
    mean_axis, var_axis = axes(mean_axis, x.ndim), axes(var_axis, x.ndim)
    source = x.astype(np.float16) if half else x
    mean = source.mean(mean_axis, keepdims=True)
    centers = {
        "own mean": source.mean(var_axis, keepdims=True),
        "mean": mean,
        "zero": source.dtype.type(0),
    }
    variance = _variance(source, centers[about], var_axis, ddof, spread, one_pass)
    if place == "last":
        mean, variance = mean.squeeze(mean_axis), variance.squeeze(var_axis)
    eps = eps_factor * (eps if fixed_eps is None else fixed_eps)
    return sign * (x - shift * mean) / denominator(variance, eps, eps_place, power)


def axes(name, ndim):
    """The axes that letters stand for in x of shape (N, C, positions); see `axis_slips`."""
    if not isinstance(name, str):
        return name
    letters = {"N": (0,), "C": (1,), "P": tuple(range(2, ndim)), "S": (2,), "L": (ndim - 1,)}
    letters["K"] = tuple(range(ndim - 1))
    return tuple(axis for letter in name for axis in letters[letter])


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
    if eps_place == "squared":
        return (variance + eps**2) ** power
    if eps_place == "floor":
        return np.maximum(variance, eps) ** power
    return (variance + eps) ** power


def _affine(
    statistics,
    x,
    weight,
    bias,
    eps,
    mean_axis,
    var_axis,
    *,
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


def _parameter_index(channels, num_groups, parameters):
    """Which weight each channel is given."""
    index, size = np.arange(channels), channels // num_groups
    return {
        "by channel": index,
        "by group": index // size,
        "by place": index % size,
        "interleaved": index.reshape(size, num_groups).T.ravel(),
    }[parameters]


def _chosen_axes(axis, ndim, axis_as):
    chosen = (axis,) if isinstance(axis, int) else axis
    own = {a % ndim for a in chosen}
    return {
        "itself": tuple(own),
        "last": -1,
        "all": None,
        "first only": chosen[0],
        "last only": chosen[-1],
        "others": tuple(set(range(ndim)) - own),
    }[axis_as]


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
