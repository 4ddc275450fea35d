"""The study of how much noise batch norm bears: what it draws, what it holds, what it publishes."""

import numpy as np
import pytest
import torch

import _digits as digits
import noise_strength as study
import normlib as nl

STEPS = 2


def noise_of(strength):
    return study.drawn(digits.generators(digits.NOISE, [0, 1]), strength)


def test_a_stronger_noise_is_the_same_noise_times_its_strength():
    shift, factor = noise_of(1)
    assert shift.shape == factor.shape == (2, digits.N_LAYER, 1, digits.WIDTH)
    assert 0.4 < shift.abs().max() <= digits.MEAN
    assert 0.2 < (factor - 1).abs().max() <= digits.SCALE
    stronger = noise_of(4)
    torch.testing.assert_close(stronger[0], 4 * shift)
    torch.testing.assert_close(stronger[1] - 1, 4 * (factor - 1))


@pytest.mark.parametrize("held", [True, False])
def test_noise_that_is_held_is_drawn_once(monkeypatch, held):
    draws, noise = [], noise_of(1)
    monkeypatch.setattr(study, "drawn", lambda *_: draws.append(0) or noise)
    study.train(held, 1, 0.1, STEPS, seeds=[0, 1])
    assert len(draws) == (1 if held else 1 + STEPS)


def test_a_network_is_tested_without_the_noise_and_with_it():
    layers, split = digits.initial("batch", [0, 1]), digits.Split.of([0, 1])
    quiet, noisy = (study.tested(layers, split, noise) for noise in (None, noise_of(8)))
    for a, b in zip(quiet, digits.evaluate(layers, split, "batch"), strict=True):
        torch.testing.assert_close(a, b)
    assert not torch.allclose(quiet[0], noisy[0], rtol=0.01)


def test_held_noise_shifts_nothing_and_noise_that_changes_does():
    runs = nl.load_results(study.NAME).filter(strength=4, lr=0.3, steps=500)
    first = {held: runs.filter(held=held)[0].probes["drift_mean"]["values"] for held in (0, 1)}
    assert np.max(first[1]) < 0.1 < 0.5 < np.min(first[0])


@pytest.mark.parametrize("held", [True, False])
def test_a_rerun_begins_as_the_published_runs(held):
    runs = nl.load_results(study.NAME).filter(held=held, strength=2, lr=0.1)
    found = study.train(held, 2, 0.1, STEPS)
    for i, run in enumerate(runs):
        assert found["loss"][0][i].item() == pytest.approx(run.loss[0], rel=2e-3)
        for name in ("accuracy", "accuracy_noisy"):
            first = run.probes[name]["values"][0]
            assert found[name][0][i].item() == pytest.approx(first, abs=0.005)
