"""The networks of the study of depth and gain, and its file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import _digits as digits
import depth_gain as study
import normlib as nl

ROOT = Path(__file__).parents[2]


def batch(seeds, n=16):
    """Some training images of every seed, and their labels."""
    return digits.Split.of(seeds).batch(digits.generators(digits.BATCHES, seeds), n)


@pytest.mark.parametrize("norm", study.NORMS)
def test_a_network_of_the_stack_is_the_network_of_torch(norm):
    weights, (x, _) = study.initial(1.3, [0, 7]), batch([0, 7])
    logits, hidden = study.forward(weights, x, norm)
    for s in range(2):
        h = x[s]
        for weight, mine in zip(weights[:-1], hidden, strict=True):
            linear = nn.Linear(digits.WIDTH, digits.WIDTH, bias=False)
            linear.weight.data = weight[s].T
            after = nn.LayerNorm(digits.WIDTH, elementwise_affine=False)
            z = linear(h)
            h = torch.relu(after(z) if norm == "layer" else z)
            torch.testing.assert_close(mine[s], h, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(logits[s], h @ weights[-1][s], rtol=1e-3, atol=1e-4)


def test_the_gain_is_a_factor_of_the_hidden_weights_only():
    one, two = study.initial(1.0, [3]), study.initial(2.0, [3])
    for w, w2 in zip(one[:-1], two[:-1], strict=True):
        torch.testing.assert_close(w2, 2 * w)
        assert w.std().item() == pytest.approx(1 / 8, rel=0.1)
    torch.testing.assert_close(one[-1], two[-1])


@pytest.mark.parametrize("norm", study.NORMS)
def test_a_stack_is_its_networks(norm):
    together = study.train(norm, 2**0.5, rates=(0.01, 0.1), seeds=[3, 1], steps=2)
    alone = study.train(norm, 2**0.5, rates=(0.1,), seeds=[1], steps=2)
    for name, curve in together.items():
        for step, value in curve.items():
            torch.testing.assert_close(value[3:], alone[name][step], rtol=1e-3, atol=1e-5)
    loss = together["loss"][1]
    assert len(set(loss.tolist())) == 4


@pytest.fixture(scope="module")
def runs():
    return nl.load_results(study.NAME)


def test_every_run_of_the_map_is_there_once(runs):
    found = [(r["norm"], r["gain"], r["lr"], r["seed"]) for r in runs]
    assert found == [
        (*arm.values(), lr, seed)
        for arm in study.ARMS
        for lr in study.RATES
        for seed in study.SEEDS
    ]


def test_a_run_is_diverged_or_logged_to_its_end(runs):
    for run in runs:
        assert run.diverged or run.steps == list(study.LOGGED)
        (accuracy,) = run.probes["test_accuracy"]["values"]
        assert (accuracy is None) == (run.val_loss is None)


@pytest.mark.parametrize("norm", study.NORMS)
def test_a_rerun_begins_as_the_published_runs(runs, norm):
    published = runs.filter(norm=norm, gain=2**0.5, lr=0.03)
    assert published[0].provenance["corpus"]["sha256"] == digits.digits()[2]
    again = study.train(norm, 2**0.5, rates=(0.03,), steps=4)
    for i, run in enumerate(published):
        loss = [again["loss"][t][i].item() for t in (0, 1, 3)]
        assert loss == pytest.approx(run.loss[:3], rel=2e-3)
        first = again["rms"][0][i].numpy()
        np.testing.assert_allclose(first, run.probes["rms"]["values"][0], rtol=1e-2)
