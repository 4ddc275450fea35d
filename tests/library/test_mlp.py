"""The network of Chapters 1 to 5: PyTorch's gradients, stacks, and what is noted on the way."""

import numpy as np
import pytest

from normlib import mlp


def torch_gradients(x, labels, weights, name):
    import torch
    from torch.nn import functional as F

    leaves = [torch.tensor(w, requires_grad=True) for w in weights]
    h = torch.tensor(x)
    for leaf in leaves[:-1]:
        z = h @ leaf
        if name == "layer":
            z = F.layer_norm(z, z.shape[-1:])
        if name == "batch":
            z = F.batch_norm(z, None, None, training=True)
        h = z.relu()
    loss = F.cross_entropy(h @ leaves[-1], torch.tensor(labels))
    loss.backward()
    return loss.item(), [leaf.grad.numpy() for leaf in leaves]


@pytest.mark.parametrize("name", mlp.LAYERS)
def test_loss_and_gradients_are_those_of_torch(name):
    data, weights = mlp.digit_images(), mlp.initial(depth=4, seed=3)
    weights = [w.astype(np.float64) for w in weights]
    x, labels = data.train_x[:64].astype(np.float64), data.train_y[:64]
    outputs, vjp = mlp.mlp_vjp(x, weights, mlp.LAYERS[name])
    loss, dlogits = mlp.cross_entropy_vjp(outputs[-1], labels)
    expected_loss, expected = torch_gradients(x, labels, weights, name)
    assert np.isclose(loss, expected_loss, rtol=1e-12)
    for (_, dw), other in zip(vjp(dlogits), expected, strict=True):
        assert np.allclose(dw, other, atol=1e-10 * np.abs(other).max())


@pytest.mark.parametrize("name", mlp.LAYERS)
def test_a_stack_trains_as_its_networks_do(name):
    networks = [mlp.initial(depth=3, seed=seed) for seed in range(2)]
    rates = np.array([0.01, 0.1])[:, None, None]
    both = mlp.train(mlp.stack(networks), mlp.LAYERS[name], rates, steps=3)
    for i, network in enumerate(networks):
        alone = mlp.train(network, mlp.LAYERS[name], rates[i], steps=3)
        for part in ("loss", "signal", "gradient", "silent", "update"):
            found = getattr(both, part)[..., i]
            assert np.allclose(found, getattr(alone, part).reshape(found.shape), rtol=1e-4), part


def test_what_is_noted_is_what_happened():
    weights = mlp.initial(depth=2, seed=1)
    weights[0][:, :16] = 0  # units that say nothing
    before = [w.copy() for w in weights]
    trained = mlp.train(weights, mlp.relu_layer_vjp, lr=0.1, steps=1, batch_size=32, seed=4)
    assert all(np.array_equal(a, b) for a, b in zip(weights, before, strict=True))
    data = mlp.digit_images()
    some = np.random.default_rng(4).choice(1200, 32)
    outputs, _ = mlp.mlp_vjp(data.train_x[some], weights)
    assert np.allclose(trained.signal[0], [mlp.rms(h) for h in outputs[1:-1]])
    assert trained.silent[0, 0] >= 16 / 64
    moved = [mlp.rms(a - b) / mlp.rms(b) for a, b in zip(trained.weights, weights, strict=True)]
    assert np.allclose(trained.update[0], moved[:-1], rtol=1e-3)
    guess = mlp.mlp_vjp(data.test_x, trained.weights)[0][-1].argmax(-1)
    assert trained.accuracy == (guess == data.test_y).mean()


def test_weights_have_the_size_that_they_are_asked_for():
    weights = mlp.initial(gain=2.0, seed=0, depth=3, width=256)
    assert [w.shape for w in weights] == [(64, 256), (256, 256), (256, 256), (256, 10)]
    sizes = [w.std() * np.sqrt(len(w)) for w in weights]
    assert np.allclose(sizes, [2, 2, 2, 1], rtol=0.05)


def test_calibrated_networks_hand_on_size_one_in_every_layer():
    networks = [mlp.initial(gain, seed=seed, depth=6) for seed, gain in enumerate((0.5, 2.0))]
    weights, x = mlp.stack(networks), mlp.digit_images().train_x[:100]
    before = [w.copy() for w in weights]
    scaled = mlp.calibrated(weights, x)
    assert all(np.array_equal(a, b) for a, b in zip(weights, before, strict=True))
    assert np.array_equal(scaled[-1], weights[-1])
    hidden = mlp.mlp_vjp(x, scaled)[0][1:-1]
    assert np.allclose([mlp.rms(h) for h in hidden], 1, rtol=1e-4)


@pytest.mark.parametrize(
    ("layer", "lr", "steps", "error", "message"),
    [
        ("batch", 0.1, 2, TypeError, "layer must be a function, got 'batch': take one of"),
        (mlp.relu_layer_vjp, None, 2, ValueError, "lr must be a number, got None"),
        (mlp.relu_layer_vjp, 0.1, 0, ValueError, "steps must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_trained_is_refused(layer, lr, steps, error, message):
    with pytest.raises(error, match=message):
        mlp.train(mlp.initial(depth=2), layer, lr, steps)
