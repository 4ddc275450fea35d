r"""The network of Chapters 1 to 5: layers of ReLUs that learn handwritten digits, in NumPy.

A list of weights is the whole network: `initial` draws it, `mlp_vjp` runs it forward and backward,
`train` trains it and notes what happens in each layer. What kind of layer it has is a function,
``layer(h, w)``, which returns what the layer hands on and its vjp: one of `LAYERS`, or the
reader's own. Weights with a first axis are a stack of networks, which train side by side.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from normlib.functional import layer_norm_vjp, normalize_vjp


class Digits(NamedTuple):
    """scikit-learn's handwritten digits, standardized: images (N, 64) and labels (N,)."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


@dataclass(frozen=True)
class Trained:
    """A trained network, and what its layers did at each step.

    The arrays per layer are (steps, L), or (steps, L, S) for a stack of S networks: `signal`, the
    RMS of what a layer hands on; `gradient`, that of the gradient of it; `silent`, the share of
    units that are zero for every image of the batch; `update`, the RMS of the step that the
    weights took over the RMS of the weights. Layers are the hidden ones, from the input on.
    """

    weights: list[np.ndarray]
    loss: np.ndarray  # (steps,) or (steps, S), nats
    accuracy: np.ndarray  # of the test images, () or (S,)
    signal: np.ndarray
    gradient: np.ndarray
    silent: np.ndarray
    update: np.ndarray


def digit_images(n_train: int = 1200) -> Digits:
    """The images in a fixed random order, the first `n_train` of them to learn from."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = ((x - x.mean()) / x.std()).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:n_train], order[n_train:]
    return Digits(x[train], y[train], x[test], y[test])


def initial(gain: float = 2**0.5, seed: int = 0, depth: int = 20, width: int = 64) -> list:
    r"""Weights of `depth` hidden layers, with mean 0 and sd gain / √width, and of the output."""
    rng = np.random.default_rng(seed)
    sizes = [64, *[width] * depth]
    hidden = [rng.normal(0, gain / n**0.5, (n, m)) for n, m in zip(sizes, sizes[1:], strict=False)]
    return [w.astype(np.float32) for w in [*hidden, rng.normal(0, width**-0.5, (width, 10))]]


def calibrated(weights: list[np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """Scale the weights, layer by layer, so that every layer of ReLUs hands on size 1 for `x`."""
    scaled = []
    for w in weights[:-1]:
        scaled.append(w / rms(np.maximum(x @ w, 0))[..., None, None])
        x = np.maximum(x @ scaled[-1], 0)
    return [*scaled, weights[-1]]


def stack(networks: Iterable[list[np.ndarray]]) -> list[np.ndarray]:
    """Many networks as one: each weight gets a first axis."""
    return [np.stack(w) for w in zip(*networks, strict=True)]


def relu_layer_vjp(h: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, Callable]:
    """max(h W, 0) and its vjp, which returns the gradients of h and of W."""
    return _layer_vjp(h, w, lambda z: (z, lambda dz: dz))


def layer_norm_layer_vjp(h: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, Callable]:
    """The same with LayerNorm, without weight and bias, before the ReLU."""

    def norm(z):
        z_hat, vjp = layer_norm_vjp(z, z.shape[-1:])
        return z_hat, lambda dz: vjp(dz)[0]

    return _layer_vjp(h, w, norm)


def batch_norm_layer_vjp(h: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, Callable]:
    """The same with BatchNorm: each unit is normalized over the images that come together."""

    def norm(z):
        z_hat, vjp = normalize_vjp(z, -2)
        return z_hat, lambda dz: vjp(dz)[0]

    return _layer_vjp(h, w, norm)


LAYERS = {"none": relu_layer_vjp, "layer": layer_norm_layer_vjp, "batch": batch_norm_layer_vjp}


def mlp_vjp(
    x: np.ndarray, weights: list, layer: Callable = relu_layer_vjp
) -> tuple[list[np.ndarray], Callable]:
    """What every layer hands on, x first and the logits last, and the vjp of the logits.

    ``vjp(dy)`` returns for each weight the pair (dh, dw): the gradient of what its layer gets,
    and its own.
    """
    outputs, backs = [x], []
    for w in weights[:-1]:
        y, back = layer(outputs[-1], w)
        outputs.append(y)
        backs.append(back)
    top, last = outputs[-1], weights[-1]
    outputs.append(top @ last)

    def vjp(dy):
        grads = [(dy @ last.mT, top.mT @ dy)]
        for back in reversed(backs):
            grads.append(back(grads[-1][0]))
        return grads[::-1]

    return outputs, vjp


def cross_entropy_vjp(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean cross-entropy in nats, and its gradient: predicted probability minus right answer."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    right = np.eye(logits.shape[-1], dtype=logits.dtype)[labels]
    return -(log_p * right).sum(-1).mean(-1), (np.exp(log_p) - right) / len(labels)


def rms(a: np.ndarray) -> np.ndarray:
    """Root of the mean square over the last two axes, so one number for each network."""
    return np.sqrt((a**2).mean((-2, -1)))


@np.errstate(all="ignore")  # a network that overflows is a result
def train(
    weights: list,
    layer: Callable,
    lr: float | np.ndarray,
    steps: int,
    batch_size: int = 64,
    seed: int = 0,
) -> Trained:
    """Train by plain gradient descent; all networks of a stack see the same images.

    `lr` is a number, or for a stack of S networks one for each, of the shape (S, 1, 1).

    Raises
    ------
    ValueError
        If there is no step to take, or `lr` is no number.
    TypeError
        If `layer` is no function.
    """
    if not callable(layer):
        raise TypeError(f"layer must be a function, got {layer!r}: take one of mlp.LAYERS.")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}.")
    if lr is None:
        raise ValueError("lr must be a number, got None: 0.1 is a rate to begin with.")
    data, rng = digit_images(), np.random.default_rng(seed)
    lr, seen = np.asarray(lr, np.float32), []
    for _ in range(steps):
        some = rng.choice(len(data.train_y), batch_size)
        outputs, vjp = mlp_vjp(data.train_x[some], weights, layer)
        loss, dlogits = cross_entropy_vjp(outputs[-1], data.train_y[some])
        grads = vjp(dlogits)
        hidden = outputs[1:-1]
        seen.append(
            (
                loss,
                [rms(h) for h in hidden],
                [rms(dh) for dh, _ in grads[1:]],
                [(h <= 0).all(-2).mean(-1) for h in hidden],
                [rms(lr * dw) / rms(w) for w, (_, dw) in zip(weights[:-1], grads, strict=False)],
            )
        )
        weights = [w - lr * dw for w, (_, dw) in zip(weights, grads, strict=True)]
    guess = mlp_vjp(data.test_x, weights, layer)[0][-1].argmax(-1)
    loss, signal, gradient, silent, update = (np.array(a) for a in zip(*seen, strict=True))
    accuracy = (guess == data.test_y).mean(-1)
    return Trained(weights, loss, accuracy, signal, gradient, silent, update)


def _layer_vjp(h, w, norm):
    z, norm_vjp = norm(h @ w)

    def vjp(dy):
        dz = norm_vjp(dy * (z > 0))
        return dz @ w.mT, h.mT @ dz

    return np.maximum(z, 0), vjp
