"""The networks, the noise and the measures of the study of covariate shift, and its files."""

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import _digits as digits
import _figure_data as figure_data
import _shift_measures as measures
import covariate_shift as study
import normlib as nl

ROOT = Path(__file__).parents[2]
# The steps that are the same on every machine. From the next on, a ReLU whose input is 0 but for
# its last digit may send a network without a norm another way.
STEPS = 2


def stack(norm, seeds=(0, 1), n=32):
    """A stack with scales and shifts off 1 and 0, and a batch for it."""
    layers = digits.initial(norm, seeds)
    for i, layer in enumerate(layers):
        for p in layer[1:]:
            p += 0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(i))
    return layers, digits.Split.of(seeds).batch(digits.generators(digits.BATCHES, seeds), n)


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_a_network_of_the_stack_is_the_network_of_torch(norm):
    layers, (x, _) = stack(norm)
    logits, seen, _ = digits.forward(layers, x, norm)
    for s in range(2):
        h = x[s]
        for i, (weight, shift, *scale) in enumerate(layers[:-1]):
            h = h @ weight[s]
            if norm == "none":
                z = h + shift[s]
            else:
                module = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}[norm](digits.WIDTH)
                module.weight.data, module.bias.data = scale[0][s, 0], shift[s, 0]
                z = module(h)
                same = {"batch": nl.batch_norm, "layer": nl.layer_norm}[norm]
                args = (None, None) if norm == "batch" else (digits.WIDTH,)
                options = {"training": True} if norm == "batch" else {}
                affine = scale[0][s, 0].numpy(), shift[s, 0].numpy()
                own = same(h.detach().numpy(), *args, *affine, **options)
                np.testing.assert_allclose(seen[i][s], own, atol=2e-4)
            torch.testing.assert_close(seen[i][s], z, rtol=0, atol=2e-4)
            h = torch.relu(seen[i][s])
        torch.testing.assert_close(logits[s], h @ layers[-1][0][s] + layers[-1][1][s])


@pytest.mark.parametrize("norm", digits.NORMS)
def test_a_stack_is_its_networks(norm):
    together, _ = study.train(norm, 0.1, seeds=[3, 1], steps=STEPS)
    alone, _ = study.train(norm, 0.1, seeds=[1], steps=STEPS)
    for name, curve in together.items():
        for step, value in curve.items():
            torch.testing.assert_close(value[1:], alone[name][step], rtol=1e-3, atol=1e-4)
    last = together["loss"][STEPS - 1]
    assert not torch.allclose(last[0], last[1])


def test_the_noise_shifts_and_scales_and_changes_every_step():
    rng = digits.generators(digits.NOISE, [0])
    z = torch.randn(1, 1, 4000, 64, generator=torch.Generator().manual_seed(0))
    means, variances = [], []
    for _ in range(2):
        shift, factor = digits.Noise(rng).examples(4000, rng)
        noisy = z * factor + shift
        means.append(noisy.mean(2))
        variances.append(noisy.var(2))
    assert (means[0].abs() > 0.1).float().mean() > 0.7  # |U(±0.5)| > 0.1 in 0.8
    assert ((variances[0] - 1).abs() > 0.1).float().mean() > 0.7
    assert (means[0] - means[1]).abs().mean() == pytest.approx(1 / 3, abs=0.05)  # of two U(±0.5)
    assert (variances[0] - variances[1]).abs().mean() > 0.2


def test_drift_by_hand():
    before = torch.tensor([[[-1.0], [1.0]]])  # mean 0, sd 1
    after = torch.tensor([[[1.0], [5.0]]])  # mean 3, sd 2
    moved = {name: value.item() for name, value in measures.drift(before, after).items()}
    expected = {"drift_mean": 3, "drift_log_sd": math.log(2), "drift_percentiles": 3}
    assert moved == pytest.approx(expected | {"drift_values": 3}, rel=1e-4)
    swapped = {k: v.item() for k, v in measures.drift(before, before.flip(1)).items()}
    # The images changed places, the distribution did not.
    assert swapped == pytest.approx(dict.fromkeys(expected, 0) | {"drift_values": 2}, abs=1e-6)
    wider = measures.drift(before, 2 * before)["drift_percentiles"].item()
    assert wider == pytest.approx((0.7 + 0 + 0.7) / 3, rel=1e-4)  # from −0.7, 0, 0.7 to its double
    assert measures.drift(2 * before, 2 * after)["drift_mean"].item() == pytest.approx(3)


def test_gradient_shift_by_hand():
    a = torch.tensor([[2.0, 1.0]])

    def product(layers):  # L = w₁ · ⟨w₂, (2, 1)⟩ · w₃, a linear network
        (w1,), (w2,), (w3,) = layers
        inner = (w2 * a).sum(1, keepdim=True)
        return (w1 * inner * w3)[:, 0], [[inner * w3], [w1 * w3 * a], [w1 * inner]]

    layers = [[torch.tensor([[1.0]])], [torch.tensor([[1.0, 1.0]])], [torch.tensor([[1.0]])]]
    grads = product(layers)[1]  # 3, (2, 1), 3
    for lr, shift, cosine in ((0.1, 0.3, 1), (0.5, 1.5, -1)):  # w₁ becomes 1 − 3 lr
        got = measures.gradient_shift(layers, grads, product, lr)
        assert got["gradient_shift"][0].tolist() == pytest.approx([0, shift])
        assert got["gradient_cosine"][0].tolist() == pytest.approx([1, cosine])


def test_frozen_layers_shift_no_gradient():
    layers, batch = stack("layer")
    gradient = partial(digits.gradients, batch=batch, norm="layer")
    grads = gradient(layers)[1]
    frozen = [[torch.zeros_like(g) for g in layer] for layer in grads[:4]] + grads[4:]
    got = measures.gradient_shift(layers, frozen, gradient, 0.1)["gradient_shift"]
    assert (got[:, 4] == 0).all()
    assert (got[:, 5] > 0.01).all()  # layer 4 below it has taken its step


def test_the_landscape_of_a_parabola():
    def parabola(layers):  # L = 2 θ², so g = 4 θ and β = 4
        (theta,) = layers[0]
        return 2 * theta.square().sum(1), [[4 * theta]]

    layers = [[torch.tensor([[2.0], [0.5]])]]
    got = measures.along_the_gradient(layers, parabola(layers)[1], parabola)
    at = [2 * (1 - 4 * eta) ** 2 for eta in measures.STRIDES]
    span = max(at) - min(at)
    assert got["loss_range"].tolist() == pytest.approx([4 * span, span / 4], rel=1e-4)
    assert got["gradient_range"].tolist() == pytest.approx([4 * 0.4 * 8, 4 * 0.4 * 2], rel=1e-4)
    assert got["smoothness"].tolist() == pytest.approx([4, 4], rel=1e-4)


@pytest.mark.parametrize("norm", digits.NORMS)
def test_a_rerun_begins_as_the_published_runs(norm):
    runs = nl.load_results(study.NAME).filter(norm=norm, lr=0.1)
    assert runs[0].provenance["corpus"]["sha256"] == digits.digits()[2]
    loss = study.train(norm, 0.1, steps=STEPS)[0]["loss"]
    for i, run in enumerate(runs):
        assert [loss[t][i].item() for t in loss] == pytest.approx(run.loss[: len(loss)], rel=2e-3)


def test_the_figure_is_made_of_the_published_runs():
    path = figure_data.DATA / "covariate_shift.json"
    assert path.read_bytes() == figure_data.encoded(figure_data.covariate_shift())
