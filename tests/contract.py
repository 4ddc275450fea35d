"""What a layer norm and its gradient must do, whoever wrote them.

The library's functions and the functions of the chapters go through the same contract. Each takes
`(x, weight, bias, eps)` and normalizes the last axis.
"""

import numpy as np
import torch

from normlib._probes import token_probes, tolerance

ALLOWED = tolerance(np.float64)


def close(found, expected, allowed=ALLOWED):
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=allowed * scale)


def torch_layer_norm(x, weight, bias, eps):
    """PyTorch's output and, by autograd, a function from dy to the three gradients."""
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, weight, bias)]
    y = torch.nn.functional.layer_norm(tensors[0], x.shape[-1:], *tensors[1:], eps=eps)

    def vjp(dy):
        gradients = torch.autograd.grad(y, tensors, torch.tensor(dy))
        return tuple(g.numpy() for g in gradients)

    return y.detach().numpy(), vjp


def check_forward(layer_norm):
    """Values against PyTorch, shapes, invariances, and an input that stays as it was."""
    for _, x, weight, bias, eps, allowed in token_probes():
        given = [a.copy() for a in (x, weight, bias)]
        y = layer_norm(*given, eps)
        assert y.shape == x.shape
        close(y, torch_layer_norm(x, weight, bias, eps)[0], allowed)
        for before, after in zip((x, weight, bias), given, strict=True):
            np.testing.assert_array_equal(after, before)

    rng = np.random.default_rng(6)
    x, ones, zeros = rng.normal(2, 3, (3, 4, 6)), np.ones(6), np.zeros(6)
    plain = layer_norm(x, ones, zeros, 1e-12)
    close(plain.mean(-1), np.zeros((3, 4)))
    close(plain.var(-1), np.ones((3, 4)))
    close(layer_norm(x + 5, ones, zeros, 1e-12), plain)
    close(layer_norm(7 * x, ones, zeros, 1e-12), plain)
    close(layer_norm(-x, ones, zeros, 1e-12), -plain)
    close(layer_norm(x[::-1], ones, zeros, 1e-12), plain[::-1])  # tokens do not mix


def check_backward(layer_norm_vjp):
    """Gradients against autograd and central differences, and the identities that they obey."""
    rng = np.random.default_rng(7)
    for label, x, weight, bias, eps, allowed in token_probes():
        y, vjp = layer_norm_vjp(x, weight, bias, eps)
        expected_y, expected_vjp = torch_layer_norm(x, weight, bias, eps)
        close(y, expected_y, allowed)
        dy = rng.normal(size=x.shape).astype(x.dtype)
        for found, expected in zip(vjp(dy.copy()), expected_vjp(dy), strict=True):
            assert found.shape == expected.shape
            close(found, expected, allowed)
        if x.dtype == np.float64 and label.startswith("eps"):
            _check_differences(layer_norm_vjp, (x, weight, bias), eps, dy)

    x, ones, zeros = rng.normal(2, 3, (3, 4, 6)), np.ones(6), np.zeros(6)
    x_hat, vjp = layer_norm_vjp(x, ones, zeros, 1e-12)
    dx, *_ = vjp(rng.normal(size=x.shape))
    close(dx.sum(-1), np.zeros((3, 4)))  # a common shift is not felt,
    close((dx * x_hat).sum(-1), np.zeros((3, 4)))  # nor is a stretch


def _check_differences(layer_norm_vjp, arguments, eps, dy):
    _, vjp = layer_norm_vjp(*arguments, eps)
    rng = np.random.default_rng(8)
    for i, gradient in enumerate(vjp(dy)):
        step = 1e-5 * rng.normal(size=arguments[i].shape)
        ends = []
        for sign in (1, -1):
            moved = list(arguments)
            moved[i] = arguments[i] + sign * step
            ends.append((layer_norm_vjp(*moved, eps)[0] * dy).sum())
        np.testing.assert_allclose((gradient * step).sum(), (ends[0] - ends[1]) / 2, rtol=1e-5)
