"""Wrong forwards of norms of channels, and of `normalize`, as students hand them in."""

import numpy as np
import torch

from students_forward import column, wrong

# --- BatchNorm, the function --------------------------------------------------------------------


@wrong("batch_norm", "over the batch only")
def for_tables(x, weight, bias, eps):
    mu, var = x.mean(axis=0), x.var(axis=0)
    return weight * (x - mu) / np.sqrt(var + eps) + bias


@wrong("batch_norm", "eps is a number", "ε is a number")
def batchnorm_forward(x, gamma, beta, bn_param):
    eps = bn_param["eps"]
    mu, var = x.mean(axis=0), x.var(axis=0)
    out = gamma * (x - mu) / np.sqrt(var + eps) + beta
    return out, (x, mu, var, gamma, eps)


@wrong("batch_norm", "eps is a number", "ε is a number")
def batchnorm_forward_with_mode(x, gamma, beta, bn_param):
    mode = bn_param["mode"]
    eps = bn_param.get("eps", 1e-5)
    if mode == "train":
        return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta
    raise ValueError(mode)


@wrong("batch_norm", "axes")
def for_images_only(x, weight, bias, eps):
    mu = x.mean(axis=(0, 2, 3), keepdims=True)
    var = x.var(axis=(0, 2, 3), keepdims=True)
    return column(weight, x) * (x - mu) / np.sqrt(var + eps) + column(bias, x)


@wrong("batch_norm", "another order", "order", "is not right")
def reshaped_without_turning_back(x, weight, bias, eps):
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    y = weight * (rows - rows.mean(0)) / np.sqrt(rows.var(0) + eps) + bias
    return y.reshape(x.shape)


@wrong("batch_norm", "by N", "where n")
def variance_by_samples(x, weight, bias, eps):
    axes = (0, *range(2, x.ndim))
    mu = x.mean(axes, keepdims=True)
    var = ((x - mu) ** 2).sum(axes, keepdims=True) / x.shape[0]
    return column(weight, x) * (x - mu) / np.sqrt(var + eps) + column(bias, x)


@wrong("batch_norm", "mean runs over the batch only", "mean")
def mean_over_samples_only(x, weight, bias, eps):
    axes = (0, *range(2, x.ndim))
    x_hat = (x - x.mean(0)) / np.sqrt(x.var(axes, keepdims=True) + eps)
    return column(weight, x) * x_hat + column(bias, x)


@wrong("batch_norm", "n − 1")
def torch_images(x, weight, bias, eps):
    x = torch.from_numpy(x).float()
    axes = [a for a in range(x.dim()) if a != 1]
    mean = x.mean(axes, keepdim=True)
    var = x.var(axes, keepdim=True)
    shape = [1, -1] + [1] * (x.dim() - 2)
    weight, bias = (torch.from_numpy(a).float().view(shape) for a in (weight, bias))
    return weight * (x - mean) / (var + eps).sqrt() + bias


@wrong("batch_norm", "that is InstanceNorm")
def forgot_the_samples(x, weight, bias, eps):
    if x.ndim == 2:
        mu, var = x.mean(0), x.var(0)
    else:
        axes = tuple(range(2, x.ndim))
        mu, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return column(weight, x) * (x - mu) / np.sqrt(var + eps) + column(bias, x)


@wrong("batch_norm", "used 1e-5")
def default_epsilon_of_torch(x, weight, bias, eps):
    x, weight, bias = (torch.from_numpy(a).float() for a in (x, weight, bias))
    return torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True)


@wrong("batch_norm", "fixed", "0.001", "1e-3")
def keras_epsilon(x, weight, bias, eps=1e-3):
    axes = tuple(a for a in range(x.ndim) if a != 1)
    m = x.mean(axes, keepdims=True)
    v = ((x - m) ** 2).mean(axes, keepdims=True)
    return column(weight, x) * (x - m) / np.sqrt(v + 1e-3) + column(bias, x)


# --- InstanceNorm and GroupNorm -----------------------------------------------------------------


@wrong("instance_norm", "axes")
def pictures_only(x, weight, bias, eps):
    mean = np.mean(x, axis=(2, 3), keepdims=True)
    var = np.var(x, axis=(2, 3), keepdims=True)
    return weight[:, None, None] * (x - mean) / np.sqrt(var + eps) + bias[:, None, None]


@wrong("instance_norm", "n − 1")
def calc_mean_std(x, weight, bias, eps):
    feat = torch.from_numpy(x).float()
    n, c = feat.shape[:2]
    var = feat.view(n, c, -1).var(dim=2) + eps
    std = var.sqrt().view(n, c, *[1] * (feat.dim() - 2))
    mean = feat.view(n, c, -1).mean(dim=2).view_as(std)
    w, b = (torch.from_numpy(a).float().view(1, c, *[1] * (feat.dim() - 2)) for a in (weight, bias))
    return (feat - mean) / std * w + b


@wrong("instance_norm", "variance runs over the batch too", "variance")
def variance_of_all_samples(x, weight, bias, eps):
    inner = tuple(range(2, x.ndim))
    mean = x.mean(inner, keepdims=True)
    var = x.var((0, *inner), keepdims=True)
    return column(weight, x) * (x - mean) / np.sqrt(var + eps) + column(bias, x)


@wrong("instance_norm", "same number")
def one_weight_for_all(x, weight, bias, eps):
    inner = tuple(range(2, x.ndim))
    x_hat = (x - x.mean(inner, keepdims=True)) / np.sqrt(x.var(inner, keepdims=True) + eps)
    return weight[0] * x_hat + bias[0]


@wrong("group_norm", "is the number of groups")
def channels_per_group(x, num_groups, weight, bias, eps):
    n, c = x.shape[:2]
    g = x.reshape(n, c // num_groups, num_groups, -1)
    mean, var = g.mean((2, 3), keepdims=True), g.var((2, 3), keepdims=True)
    y = ((g - mean) / np.sqrt(var + eps)).reshape(x.shape)
    return y * column(weight, x) + column(bias, x)


@wrong("group_norm", "last axis", "leave out", "axes", "positions")
def forgets_the_width(x, num_groups, weight, bias, eps):
    n, c = x.shape[:2]
    g = x.reshape(n, num_groups, c // num_groups, *x.shape[2:])
    mean, var = g.mean((2, 3), keepdims=True), g.var((2, 3), keepdims=True)
    y = ((g - mean) / np.sqrt(var + eps)).reshape(x.shape)
    return y * column(weight, x) + column(bias, x)


@wrong("group_norm", "by N", "where n", "count")
def group_variance_by_positions(x, num_groups, weight, bias, eps):
    g = x.reshape(x.shape[0], num_groups, -1)
    mean = g.mean(-1, keepdims=True)
    positions = int(np.prod(x.shape[2:]))
    var = ((g - mean) ** 2).sum(-1, keepdims=True) / positions
    y = ((g - mean) / np.sqrt(var + eps)).reshape(x.shape)
    return y * column(weight, x) + column(bias, x)


@wrong("group_norm", "num_groups", "order")
def spatial_groupnorm_forward(x, gamma, beta, G, gn_param):
    n, c, h, w = x.shape
    x = x.reshape(n, G, c // G, h, w)
    mu, var = x.mean((2, 3, 4), keepdims=True), x.var((2, 3, 4), keepdims=True)
    return gamma * ((x - mu) / np.sqrt(var + 1e-5)).reshape(n, c, h, w) + beta, None


@wrong("group_norm", "n − 1")
def keras_contrib(x, num_groups, weight, bias, eps):
    x = torch.from_numpy(x).float()
    g = x.view(x.shape[0], num_groups, -1)
    g = (g - g.mean(-1, keepdim=True)) / (g.std(-1, keepdim=True) + eps)
    shape = (1, -1, *[1] * (x.dim() - 2))
    return g.view(x.shape) * torch.tensor(weight).view(shape) + torch.tensor(bias).view(shape)


# --- normalize ----------------------------------------------------------------------------------


@wrong("normalize", "count", "last axis", "where n belongs")
def divides_by_the_last_length(x, axis, center, eps):
    n = x.shape[-1]
    mean = x.sum(axis, keepdims=True) / n if center else 0
    var = ((x - mean) ** 2).sum(axis, keepdims=True) / n
    return (x - mean) / np.sqrt(var + eps)


@wrong("normalize", "n − 1")
def with_torch_std(x, axis, center, eps):
    x = torch.from_numpy(x).float()
    if center:
        x = x - x.mean(axis, keepdim=True)
        return x / torch.sqrt(x.var(axis, keepdim=True) + eps)
    return x / torch.sqrt((x**2).mean(axis, keepdim=True) + eps)


@wrong("normalize", "never subtract", "ignored center")
def is_rms_norm(x, axis, center, eps):
    return x / np.sqrt(np.mean(x**2, axis, keepdims=True) + eps)
