"""The study of silent bugs: arms that differ by one bug, honest evaluation, and a second run."""

from pathlib import Path

import pytest
import torch
from torch import nn

import normlib as nl
import silent_bugs as study
from normlib.clinic import patients
from normlib.gpt import load_text

ROOT = Path(__file__).parents[2]

ARMS = [arm["arm"] for arm in study.ARMS]
X = torch.randn(3, 5, 48, generator=torch.Generator().manual_seed(0))
IDX = torch.randint(90, (4, 32), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_begins_with_the_weights_of_the_right_one(arm):
    right = dict(study.gpt("right", 90, seed=3).named_parameters())
    for name, weight in study.gpt(arm, 90, seed=3).named_parameters():
        assert torch.equal(weight, right[name])


@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_has_its_bug_and_only_the_right_one_has_none(arm):
    with torch.no_grad():
        expected = study.GPT(study.replace(study.CONFIG, vocab_size=90), 3)(IDX)[0]
        found = study.gpt(arm, 90, seed=3)(IDX)[0]
    error = (found - expected).abs().max() / expected.std()
    silent = arm in ("no ε", "ε outside the root", "one-pass variance", "weight and bias forgotten")
    if arm == "right" or silent:  # at the start, with inputs of normal size
        assert error < 1e-3
    else:
        assert error > 1e-3


def test_every_norm_of_a_model_is_exchanged():
    model = study.gpt("over the batch", 90, seed=0)
    assert sum(isinstance(m, study.Broken) for m in model.modules()) == 9
    assert not any(isinstance(m, nn.LayerNorm) for m in model.modules())


@pytest.mark.parametrize("name", ["layer_norm", "unbiased", "over_sequence", "rms_norm"])
def test_a_patient_is_the_same_function_of_arrays_and_of_tensors(name):
    function, ones, zeros = getattr(patients, name), torch.ones(48), torch.zeros(48)
    found = function(X, ones, zeros)
    expected = function(X.numpy(), ones.numpy(), zeros.numpy())
    torch.testing.assert_close(found, torch.from_numpy(expected), atol=1e-5, rtol=0)


def test_the_two_evaluations_agree_for_a_model_that_sees_its_past_alone():
    windows = torch.randint(90, (4, 33), generator=torch.Generator().manual_seed(2))
    for arm, agree in (("right", True), ("over the sequence", False), ("over the batch", False)):
        model = study.gpt(arm, 90, seed=0).eval()
        gap = abs(study.alone(model, windows) - study.in_windows(model, windows))
        assert (gap < 1e-5) == agree


@pytest.mark.parametrize("arm", ["right", "over the sequence", "residual after the norm"])
def test_a_run_begins_as_published(arm):
    published = nl.load_results(study.NAME).filter(arm=arm)[1]
    text = load_text()
    if text.sha256 != published.provenance["corpus"]["sha256"]:
        pytest.skip("this Python has another reference text, so its losses are others")
    again = study.record({"arm": arm}, published["seed"], steps=21)
    assert again.loss[:2] == pytest.approx(published.loss[:2], rel=1e-3)
    assert again.grad_norm[:2] == pytest.approx(published.grad_norm[:2], rel=1e-2)
