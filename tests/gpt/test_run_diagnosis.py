"""diagnose_run: each finding on a curve that has it, none on runs that went well."""

import math
import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

import normlib as nl
from normlib.gpt import Text, diagnose_run, load_text
from normlib.gpt.data import letter_level, pair_level
from normlib.results import Run

STEPS = 400
GAUSS = np.random.default_rng(5).normal(size=STEPS)


def run(loss, val_loss=None, diverged=False, probes=None):
    """A run of 400 steps with this loss at each, and the noise of batches."""
    noise = np.random.default_rng(0).normal(0, 0.05, len(loss))
    return Run(
        model={"vocab_size": 94},
        training={"steps": STEPS, "log_every": 1},
        steps=[*range(len(loss))],
        loss=[*map(float, loss + noise)],
        grad_norm=[1.0] * len(loss),
        val_loss=float(np.mean(loss[-10:])) if val_loss is None else val_loss,
        diverged=diverged,
        probes=probes or {},
    )


def falling(to=1.7):
    return to + (4.5 - to) * np.exp(-np.arange(STEPS) / 60)


def with_spike():
    loss = falling()
    loss[200:206] += np.array([2.5, 2.0, 1.5, 1.0, 0.6, 0.3])
    return loss


def rising(by=1.0):
    loss = falling(2.2)
    loss[250:] += np.linspace(0, by, 150)
    return loss


STRONG = Text("ab" * 30 + "c" * 40 + "abc" * 100)
CASES = {
    "not finite": run(falling()[:150], diverged=True),
    "diverges": run(rising()),
    "spike": run(with_spike()),
    "training and validation differ": run(falling(0.6), val_loss=2.4),
    "too good to be true": run(falling(0.02) - 0.02 + 0.2),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_named_alone(name):
    report = diagnose_run(CASES[name])
    assert report.names == [name]
    assert all(advice in repr(report) for advice in report.findings[0].try_first)
    assert report.findings[0].evidence in unescape(report._repr_html_())


def test_one_who_knows_the_letters_alone_is_stuck():
    level = letter_level(STRONG)
    stuck = diagnose_run(run(falling(level)), STRONG)
    assert stuck.names == ["stuck at the letters"]
    assert f"{level:.2f}" in stuck.findings[0].evidence
    assert diagnose_run(run(falling(level - 0.5)), STRONG).names == []
    assert diagnose_run(run(falling(level))).names == []  # whose text is not known


def test_a_loss_above_guessing_diverges_even_if_it_falls():
    assert diagnose_run(run(40 - np.arange(STEPS) / 100)).names == ["diverges"]


def test_a_run_that_was_good_and_lost_it_diverges_though_its_batches_waver():
    wavering = replace(run(rising(0.7)), loss=[*(rising(0.7) + 0.2 * GAUSS)])
    report = diagnose_run(wavering, Text("ab" * 30 + "c" * 40 + "abc" * 100))
    assert report.names == ["diverges"]
    best = int(re.search(r"near step (\d+)", report.findings[0].evidence)[1])
    assert 150 < best < 320
    steady = replace(wavering, loss=[*(falling(2.2) + 0.2 * GAUSS)])
    assert diagnose_run(steady).names == []


def test_a_spike_is_dated_by_its_first_high_loss():
    report = diagnose_run(CASES["spike"])
    assert "At step 200 the loss leaps" in report.findings[0].evidence


def test_a_leap_that_stays_is_no_spike():
    loss = falling()
    loss[300:] += 2
    assert diagnose_run(run(loss)).names == ["diverges"]


def test_a_run_that_overfits_says_when_it_was_best():
    probes = {"val_loss": {"steps": [0, 100, 400], "values": [4.5, 2.1, 2.6]}}
    report = diagnose_run(run(falling(0.6), val_loss=2.6, probes=probes))
    assert "after 2.10 at step 100" in report.findings[0].evidence


def test_what_the_probes_show_stands_beside_the_findings():
    probes = {
        "token_cosine": [[0.3, 0.4], [0.9, 0.99], [None, None]],
        "attention_logit_max": [[4.0, 3.0], [90.0, 20.0]],
        "residual_rms": [[1.0, 2.0], [3.0, 300.0]],
        "stream_grad_norm": [[1.0, 1.0], [1e-6, 0.5]],
    }
    seen = {name: {"steps": [0, 1, 2], "values": rows} for name, rows in probes.items()}
    said = diagnose_run(run(falling(), probes=seen)).probes
    assert len(said) == 4
    for words in ("cosine is 0.99", "from 4 to 90", "from 2 to 300", "2·10⁻⁶"):
        assert any(words in sentence for sentence in said), words
    early = {name: {"steps": [0], "values": rows[:1]} for name, rows in probes.items()}
    assert diagnose_run(run(falling(), probes=early)).probes == ()


@pytest.mark.parametrize("name", ["budget", "inside", "placement_lr", "norm_type", "warmup"])
def test_published_runs_that_went_well_raise_no_alarm(name):
    runs = nl.load_results(name)
    good = [r for r in runs if not r.diverged and r.val_loss is not None and r.val_loss < 2.35]
    assert len(good) > 20
    assert [r.training for r in good if diagnose_run(r).names] == []


@pytest.mark.parametrize("name", ["budget", "inside"])
def test_published_runs_that_stayed_at_the_letters_are_all_named(name):
    stuck = [r for r in nl.load_results(name) if not r.diverged and r.val_loss > 3.0]
    assert len(stuck) > 10
    if load_text().sha256 != stuck[0].provenance["corpus"]["sha256"]:
        pytest.skip("the level of the letters is that of another Python's text")
    named = [bool({*diagnose_run(r).names} & {"stuck at the letters", "diverges"}) for r in stuck]
    assert all(named)


def test_a_run_that_never_had_a_loss_or_is_no_run():
    empty = Run({}, {"steps": 10}, [], [], [], None, True)
    assert diagnose_run(empty).names == ["not finite"]
    with pytest.raises(TypeError, match=r"run must be a Run.*take what train"):
        diagnose_run({"loss": [1.0]})


def test_a_run_that_is_counted_as_diverged_is_never_called_sound():
    late = replace(run(falling()), val_loss=None, diverged=True)  # lost after the last logged step
    assert diagnose_run(late).names == ["not finite"]
    for steps in (0, 3):
        short = run(falling()[:steps], val_loss=465.0, diverged=True)
        report = diagnose_run(replace(short, training={"steps": steps}))
        assert report.names == ["diverges"]
        assert "465.00" in report.findings[0].evidence
    runs = [r for name in ("depth_gain", "norm_type") for r in nl.load_results(name) if r.diverged]
    assert len(runs) > 40
    assert all(diagnose_run(r).names for r in runs)


def test_a_loss_that_is_no_number_in_the_middle_is_not_finite():
    loss = falling()
    loss[200:] = np.nan
    report = diagnose_run(replace(run(loss), val_loss=None, diverged=True))
    assert report.names == ["not finite"]
    assert "the last finite loss is that of step 199" in report.findings[0].evidence


def test_a_run_that_has_just_begun_does_not_diverge_yet():
    begun = replace(run(np.linspace(4.9, 4.6, 12)), training={"steps": 12})
    assert diagnose_run(begun).names == []


def test_who_has_left_the_letters_behind_is_not_stuck_there_though_few_losses_say_so():
    level = letter_level(STRONG)
    few = replace(run(np.array([4.9, level + 0.1, level])), steps=[0, 100, 199])
    few = replace(few, training={"steps": 200, "log_every": 100})
    assert diagnose_run(replace(few, val_loss=level), STRONG).names == ["stuck at the letters"]
    assert diagnose_run(replace(few, val_loss=level - 0.5), STRONG).names == []


def test_a_path_is_no_text():
    with pytest.raises(TypeError, match=r"text must be a Text, got 'my\.txt': make one with"):
        diagnose_run(run(falling()), "my.txt")


def test_pairs_know_more_than_letters():
    text = Text("abc" * 200)
    assert math.isclose(letter_level(text), math.log(3), rel_tol=0.01)
    assert pair_level(text) < 0.01
