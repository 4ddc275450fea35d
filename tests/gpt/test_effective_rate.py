"""The study of rates at three scales: its measures forget the scale where a norm follows."""

from functools import partial

import numpy as np
import pytest
import torch

import _digits as digits
import _shift_measures as measures
import effective_rate as study
import normlib as nl

STEPS = 2


def test_a_parabola_after_steps_that_are_shares_of_its_weights():
    def parabola(layers):  # L = 2 θ² + 2 φ², so the gradients are 4 θ and 4 φ
        weights = [layer[0] for layer in layers]
        return sum(2 * w.square().sum((1, 2)) for w in weights), [[4 * w] for w in weights]

    def look(layers):  # units that see multiples of θ
        return [torch.arange(8.0).view(2, 4, 1) * layers[0][0]]

    layers = [[torch.tensor([[[2.0]], [[-0.5]]])] for _ in range(2)]
    grads = parabola(layers)[1]
    for upto, moved in ((None, [1.8, -0.45]), (1, [2.0, -0.5])):
        second = measures.moved_by_share(layers, grads, 0.1, upto)[1][0]
        assert second.flatten().tolist() == pytest.approx(moved)
    got = {
        k: v.flatten() for k, v in measures.at_equal_shares(layers, grads, parabola, look).items()
    }
    at = [2 * (1 - share) ** 2 for share in measures.SHARES]
    span = 2 * (max(at) - min(at))
    assert got["share_loss_range"].tolist() == pytest.approx([4 * span, span / 4], rel=1e-4)
    # In lengths of the weight the gradient is 4 θ², and so is its change per step.
    assert got["share_smoothness"].tolist() == pytest.approx([16, 1], rel=1e-3)
    sd = np.arange(4).std()
    assert got["share_drift"].tolist() == pytest.approx([0.015 / sd, 0.055 / sd], rel=1e-3)
    assert got["share_gradient_shift"].abs().max() < 1e-6  # θ does not move the gradient of φ


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_the_measures_do_not_feel_the_scale_of_weights_before_a_norm(norm):
    found = []
    for gain in (1.0, 3.16):
        layers, split = digits.initial(norm, [0, 1], gain), digits.Split.of([0, 1])
        batch = split.batch(digits.generators(digits.BATCHES, [0, 1]), 64)
        gradient = partial(digits.gradients, batch=batch, norm=norm)
        look = partial(study._seen, x=split.train[0][:, :250], norm=norm, noise=None)
        found.append(measures.at_equal_shares(layers, gradient(layers)[1], gradient, look))
    for name in ("share_loss_range", "share_smoothness", "share_gradient_shift"):
        close = torch.allclose(found[0][name], found[1][name], rtol=0.02, atol=1e-3)
        assert close == (norm != "none"), name
    drifts = [one["share_drift"] for one in found]
    assert torch.allclose(*drifts, rtol=0.02, atol=1e-5) or norm == "none"
    assert drifts[0].shape == (2, digits.N_LAYER)


def test_only_hidden_weights_have_another_scale():
    usual, larger = (digits.initial("layer", [0], gain) for gain in (1.0, 3.0))
    for i, (a, b) in enumerate(zip(usual, larger, strict=True)):
        torch.testing.assert_close(b[0], a[0] * (3.0 if i < digits.N_LAYER else 1.0))
        assert all(torch.equal(p, q) for p, q in zip(a[1:], b[1:], strict=True))


@pytest.mark.parametrize("norm", digits.NORMS)
def test_a_rerun_begins_as_the_published_runs(norm):
    gain = study.GAINS[0]
    runs = nl.load_results(study.NAME).filter(norm=norm, gain=gain, lr=0.003)
    found = study.train(norm, gain, 0.003, steps=STEPS)
    for i, run in enumerate(runs):
        assert found["loss"][0][i].item() == pytest.approx(run.loss[0], rel=2e-3)
        first = run.probes["test_accuracy"]["values"][0]
        assert found["test_accuracy"][0][i].item() == pytest.approx(first, abs=0.005)


def test_a_stack_is_its_networks_and_measures_where_it_should():
    together = study.train("noisy_batch", 1.0, 0.1, seeds=[3, 1], steps=STEPS, measure=True)
    alone = study.train("noisy_batch", 1.0, 0.1, seeds=[1], steps=STEPS, measure=True)
    for name, curve in together.items():
        for step, value in curve.items():
            torch.testing.assert_close(value[1:], alone[name][step], rtol=2e-3, atol=1e-4)
    runs = nl.load_results(study.NAME)
    measured = {(r["gain"], r["lr"]) for r in runs if "share_drift" in r.probes}
    assert measured == {(study.MEASURED["gain"], lr) for lr in study.MEASURED["lr"]}
    assert np.isfinite(runs[0].probes["test_accuracy"]["values"]).all()
