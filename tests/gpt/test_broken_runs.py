"""The study of broken runs: each arm has its fault and no other, and what was published of it."""

from itertools import islice

import pytest
import torch
from torch import nn

import broken_runs as study
import normlib as nl
from normlib.gpt import GPTConfig, TrainConfig, Trainer, diagnose_run, learning_rate, load_text

NAMES = {
    "right": [],
    "no warm-up": ["stuck at the letters"],
    "no norm": ["not finite"],
    "rising rate": ["diverges"],
    "damaged file": ["spike"],
    "short text": ["training and validation differ"],
    "no mask": ["too good to be true"],
}
RUNS = nl.load_results(study.NAME)
TEXT = load_text()
faults = pytest.mark.parametrize("fault", study.FAULTS)
other_text = RUNS[0].provenance["corpus"]["sha256"] != TEXT.sha256
same_text = pytest.mark.skipif(other_text, reason="this Python has another reference text")


def losses(trainer, count):
    """The first logged ones."""
    return [step.loss for step in islice(trainer, count)]


def test_the_right_arm_is_a_plain_training():
    run = study.record({"fault": "right"}, 1, steps=6)
    model = GPTConfig(vocab_size=TEXT.vocab_size, placement="pre")
    recipe = TrainConfig(
        steps=6, lr=4e-3, warmup=100, decay="cosine", batch_size=8, seed=1, log_every=2
    )
    plain = Trainer(model, recipe, TEXT).fit()
    assert (run.loss, run.grad_norm) == (plain.loss, plain.grad_norm)
    assert run.val_loss == plain.val_loss
    assert run.model == plain.model | {"fault": "right"}


@faults
def test_only_without_a_mask_does_a_model_see_what_comes_later(fault):
    model = study.trainer(fault, 0, steps=2).model.eval()
    idx = torch.randint(40, (2, 12), generator=torch.Generator().manual_seed(0))
    other = idx.clone()
    other[:, -1] = (other[:, -1] + 1) % 40
    with torch.no_grad():
        moved = (model(other)[0] - model(idx)[0])[:, :-1].abs().max()
    assert (moved > 1e-3) == (fault == "no mask")
    assert moved == 0 or fault == "no mask"


def batch(trainer, step, part="train"):
    trainer.step = step
    return trainer.batch(part, torch.Generator().manual_seed(step))


def are_text(idx, targets):
    return torch.equal(idx[:, 1:], targets[:, :-1])


def test_a_file_is_damaged_at_its_steps_and_at_no_others():
    right, arm = (study.trainer(fault, 0) for fault in ("right", "damaged file"))
    for step in (0, 499, 500, 507, 508, 999):
        idx, targets = batch(arm, step)
        if 500 <= step < 508:
            assert not are_text(idx, targets)
            assert idx.unique().numel() > 80  # of 94, none rarer than another
        else:
            assert are_text(idx, targets)
            assert torch.equal(idx, batch(right, step)[0])
    assert are_text(*batch(arm, 503, "val"))


def test_rates_models_and_texts_are_those_of_the_faults():
    made = {fault: study.trainer(fault, 0, steps=study.STEPS) for fault in study.FAULTS}
    rates = {
        fault: [learning_rate(made[fault].config, step) for step in (0, 99, 999)] for fault in made
    }
    assert rates["right"][0] < rates["right"][1] > rates["right"][2]
    assert rates["no warm-up"][0] == 4e-3
    assert 0 < 9 * rates["rising rate"][0] < 9 * rates["rising rate"][1] < rates["rising rate"][2]
    assert rates["rising rate"][2] == pytest.approx(1.6e-2)
    alike = ("damaged file", "short text", "no mask")
    assert all(rates[fault] == rates["right"] for fault in alike)
    placed = {fault: trainer.model_config.placement for fault, trainer in made.items()}
    assert {f for f in placed if placed[f] == "post"} == {"no warm-up", "rising rate"}
    norms = {f: sum(isinstance(m, nn.LayerNorm) for m in made[f].model.modules()) for f in made}
    assert [fault for fault in norms if not norms[fault]] == ["no norm"]
    lengths = {fault: len(trainer.text.content) for fault, trainer in made.items()}
    assert lengths.pop("short text") == study.SHORT
    assert set(lengths.values()) == {len(TEXT.content)}


@same_text
@faults
def test_a_run_begins_as_published(fault):
    published = RUNS.filter(fault=fault)[1]
    again = losses(study.trainer(fault, published["seed"]), 3)
    assert again == pytest.approx(published.loss[:3], rel=1e-3)


@faults
def test_every_seed_shows_its_fault_and_no_other(fault):
    if fault == "no warm-up" and other_text:
        pytest.skip("the level of the letters is that of another Python's text")
    said = [diagnose_run(run).names for run in RUNS.filter(fault=fault)]
    assert [names[:1] for names in said] == [NAMES[fault]] * 3
    others = {name for names in said for name in names[1:]}
    assert others <= {"spike"}  # one that is stuck leaps once, too


def test_until_its_damage_a_run_is_the_right_one():
    before = study.DAMAGED[0] // 2  # logged every other step
    for seed in study.SEEDS:
        one, other = (RUNS.filter(fault=f, seed=seed)[0] for f in ("right", "damaged file"))
        assert one.loss[:before] == other.loss[:before]
        assert min(other.loss[before : before + 4]) > 5 > max(one.loss[before : before + 4])
        assert abs(other.val_loss - one.val_loss) < 0.1  # and it is forgotten


def test_what_the_chapter_says_of_the_published_runs():
    def ends(fault):
        return RUNS.filter(fault=fault).values("val_loss")

    assert ends("no mask").max() < 0.1 < 1.7 < ends("right").min()
    assert ends("short text").min() > 3.5  # above where it began to learn by heart
    for run in RUNS.filter(fault="short text"):
        assert min(run.probes["val_loss"]["values"]) < run.val_loss - 1
        assert run.loss[-1] < 0.5
    for run in RUNS.filter(fault="rising rate"):
        assert min(run.probes["val_loss"]["values"]) < run.val_loss - 0.5
    stopped = [run.steps[-1] for run in RUNS.filter(fault="no norm")]
    assert all(300 < step < 500 for step in stopped)
