"""Three kinds of internal covariate shift, measured on stacks of networks.

S is the number of networks in the stack, N of images, W of units, L of hidden layers. Parameters
and gradients are lists of lists of tensors (S, …), one list per layer, its weight first. `gradient`
is a function of parameters that returns losses (S,) and gradients, on a batch it keeps to.
"""

import torch

from _digits import length, moved

PERCENTILES = (0.15, 0.5, 0.85)  # those of Ioffe and Szegedy's Fig. 1
STRIDES = [0.005 * 80 ** (k / 5) for k in range(6)]  # 0.005 to 0.4, for every network and rate
SHARES = [0.003 * 33 ** (k / 5) for k in range(6)]  # 0.003 to 0.1 of the length of each weight
SHARE = 0.01  # of a weight's length, for the drift and for the change of gradients


def drift(before, after):
    r"""How far the distribution of each unit moves between two moments, per network: four (S,).

    Parameters
    ----------
    before, after : tensor (S, N, W)
        What the ReLUs of a layer see for the same N images.

    Returns
    -------
    dict
        ``drift_mean``: :math:`\sum_u |\mu'_u - \mu_u| / \sum_u \sigma_u`, over the units u of the
        layer, so in standard deviations. ``drift_log_sd``: the mean over the units of
        :math:`|\ln\sigma'_u - \ln\sigma_u|`, in nats; 0.1 is a tenth wider or narrower.
        ``drift_percentiles``: as drift_mean, of the 15th, 50th and 85th percentile.
        ``drift_values``: as drift_mean, of each single value: how far the representation of an
        image moves, whether or not the distribution does.
    """
    sd, after_sd = (z.std(1, correction=0) for z in (before, after))

    def in_sd(difference):
        return difference.abs().flatten(1).mean(1) / sd.mean(1)

    low, high = (
        torch.quantile(z, z.new_tensor(PERCENTILES), dim=1).transpose(0, 1) for z in (before, after)
    )
    # A unit that is constant before and after has not moved: 1e-6 stands in for its sd.
    ratio = ((after_sd + 1e-6) / (sd + 1e-6)).log()
    return {
        "drift_mean": in_sd(after.mean(1) - before.mean(1)),
        "drift_log_sd": ratio.abs().mean(1),
        "drift_percentiles": in_sd(high - low),
        "drift_values": in_sd(after - before),
    }


def gradient_shift(layers, grads, gradient, lr):
    r"""Internal covariate shift as in Santurkar et al.'s Definition 2.1, relative to the gradient.

    For each hidden layer i: G is the gradient of the batch's loss in the weights of layer i, G′
    the same after the layers before i alone took their step of rate lr, on the same batch with
    the same noise. 0 and cosine 1 if the step of the layers below means nothing to layer i, as
    for the first layer.

    Returns
    -------
    dict
        ``gradient_shift``: ‖G − G′‖ / ‖G‖, without unit, and ``gradient_cosine``: the cosine of
        the angle between G and G′; both (S, L).
    """
    shift, cosine = _turned(grads, gradient, lambda i: moved(layers, grads, lr, upto=i))
    return {"gradient_shift": shift, "gradient_cosine": cosine}


def _turned(grads, gradient, below):
    """Relative change and cosine of each hidden layer's gradient where `below(i)` has led."""
    shifts, cosines = [], []
    for i in range(len(grads) - 1):
        there = gradient(below(i))[1] if i else grads
        g, g2 = (full[i][0].flatten(1) for full in (grads, there))
        shifts.append((g - g2).norm(dim=1) / g.norm(dim=1))
        cosines.append(torch.cosine_similarity(g, g2, eps=0.0))
    return torch.stack(shifts, 1), torch.stack(cosines, 1)


def along_the_gradient(layers, grads, gradient):
    r"""How the landscape looks along the gradient g (Santurkar et al., Fig. 4), per network: (S,).

    The network stands at θ and looks at θ − ηg for six η from 0.005 to 0.4, the same for all
    networks and learning rates, on the same batch with the same noise.

    Returns
    -------
    dict
        ``loss_range``: largest minus smallest loss there, in nats.
        ``gradient_range``: the largest ‖∇L(θ − ηg) − g‖, in nats per unit of the parameters;
        the paper's gradient predictiveness, small where g says what comes.
        ``smoothness``: the largest ‖∇L(θ − ηg) − g‖ / ‖ηg‖, in nats per unit squared, the
        effective β; small is smooth.
    """
    loss, change = [], []
    for stride in STRIDES:
        loss_there, there = gradient(moved(layers, grads, stride))
        loss.append(loss_there)
        change.append(length(moved(there, grads, 1)))  # their difference
    loss, change = torch.stack(loss), torch.stack(change)
    distance = torch.tensor(STRIDES)[:, None] * length(grads)
    return {
        "loss_range": loss.amax(0) - loss.amin(0),
        "gradient_range": change.amax(0),
        "smoothness": (change / distance).amax(0),
    }


def moved_by_share(layers, grads, share, upto=None):
    """Every weight after a step against its gradient that is `share` of its own length.

    What follows a norm does not feel how long a weight is, only how far it turns: such a step is
    the same whatever the scale of the weights. Shifts and scales, which start at 0 and 1, stay.
    """
    new = []
    for layer, own in zip(layers[:upto], grads[:upto], strict=True):
        stride = share * _lengths(layer[0]) / _lengths(own[0])
        new.append([layer[0] - stride * own[0], *layer[1:]])
    return new + layers[len(new) :]


def at_equal_shares(layers, grads, gradient, look):
    r"""The three measures after steps that are the same shares of the weights in every network.

    `look` is a function of parameters that returns per layer what its ReLUs see, (S, N, W).

    Returns
    -------
    dict
        ``share_drift`` and ``share_gradient_shift``: as drift_mean and gradient_shift, after a
        step of SHARE, (S, L). ``share_loss_range``: as loss_range, over SHARES, in nats (S,).
        ``share_smoothness``: the largest ‖h′ − h‖ / ‖Δw‖ over SHARES, where each gradient in h
        and each step in Δw are counted in lengths of their weight; in nats, (S,).
    """
    there = look(moved_by_share(layers, grads, SHARE))
    drifts = [drift(*pair)["drift_mean"] for pair in zip(look(layers), there, strict=True)]
    shift, _ = _turned(grads, gradient, lambda i: moved_by_share(layers, grads, SHARE, upto=i))
    loss, change = [], []
    for share in SHARES:
        loss_there, then = gradient(moved_by_share(layers, grads, share))
        loss.append(loss_there)
        turned = (
            _lengths(layer[0]) * _lengths(a[0] - b[0])
            for layer, a, b in zip(layers, then, grads, strict=True)
        )
        squares = sum(one.flatten().square() for one in turned)
        change.append(squares.sqrt() / (share * len(layers) ** 0.5))
    loss = torch.stack(loss)
    return {
        "share_drift": torch.stack(drifts, 1),
        "share_gradient_shift": shift,
        "share_loss_range": loss.amax(0) - loss.amin(0),
        "share_smoothness": torch.stack(change).amax(0),
    }


def _lengths(tensors):
    """The length of each network's tensor, (S, 1, 1)."""
    return tensors.flatten(1).norm(dim=1)[:, None, None]
