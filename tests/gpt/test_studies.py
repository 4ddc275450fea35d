"""The published results: whole, with their origin, and made by the scripts that claim to."""

import importlib
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import normlib as nl
from normlib.gpt import GPTConfig, TrainConfig, load_text, train

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "normlib" / "results"
PUBLISHED = sorted(path.stem for path in RESULTS.glob("*.json"))
# No sweeps of normlib.gpt.
OTHERS = [
    "batch_size",
    "coin_flips",
    "covariate_shift",
    "depth_gain",
    "generalization",
    "samples_per_statistic",
    "silent_bugs",
    "style_probe",
]
STUDIES = [name for name in PUBLISHED if name not in OTHERS]
STEPS = 4  # of a re-run
every = pytest.mark.parametrize("name", STUDIES)
published = pytest.mark.parametrize("name", PUBLISHED)


def test_every_file_of_results_has_its_script():
    scripts = {path.stem for path in (ROOT / "experiments").glob("*.py")}
    assert {*OTHERS} <= {*PUBLISHED} <= scripts


def test_make_results_trains_all_that_is_published():
    makefile = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    names = re.search(r"^STUDIES := (.*)$", makefile, re.M)[1].split()
    assert sorted(names) == PUBLISHED, "STUDIES in the Makefile names every file of results"


@published
def test_a_file_of_results_is_whole_and_small(name):
    assert (RESULTS / f"{name}.json").stat().st_size <= 1_000_000
    for run in nl.load_results(name):
        assert len(run.steps) == len(run.loss) == len(run.grad_norm)
        assert np.isfinite([*run.loss, *run.grad_norm]).all()
        assert run.val_loss is not None or run.diverged


@every
def test_only_a_diverged_run_ends_before_its_last_step(name):
    for run in nl.load_results(name):
        steps = range(run.training["steps"])
        logged = sorted({*steps[:: run["log_every"]], *steps[-1:]})
        assert run.steps == (logged[: len(run.steps)] if run.diverged else logged)


@published
def test_the_origin_of_every_run_is_known(name):
    for run in nl.load_results(name):
        origin = run.provenance
        assert re.fullmatch(r"[0-9a-f]{40}", origin["commit"])
        assert origin["dirty"] is False, "trained on code that was not committed: commit, run again"
        assert {"python", "numpy", "torch", "normlib"} <= origin["versions"].keys()
        assert re.fullmatch(r"[0-9a-f]{64}", origin["corpus"]["sha256"])
        assert origin["device"]
        assert origin["threads"] == 1
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+\+00:00", origin["date"])
        assert run.seconds > 0


@every
def test_the_runs_are_those_of_the_script_none_dropped(name):
    runs = nl.load_results(name)
    pairs = importlib.import_module(name).pairs(runs[0]["vocab_size"])
    assert [(run.model, run.training) for run in runs] == [
        (asdict(model), asdict(training) | {"betas": list(training.betas)})
        for model, training in pairs
    ]


@every
def test_a_short_run_gives_the_published_losses_again(name):
    runs = nl.load_results(name)
    text = load_text()
    if text.sha256 != runs[0].provenance["corpus"]["sha256"]:
        pytest.skip("this Python has another reference text, so its losses are others")
    smallest = sorted(runs, key=lambda run: run["n_layer"] * run["n_embd"] ** 2)
    for run in (smallest[0], smallest[len(smallest) // 4]):
        model = GPTConfig(**run.model)
        training = TrainConfig(**{**run.training, "betas": tuple(run.training["betas"])})
        short = replace(training, steps=min(STEPS * training.log_every, training.steps))
        again = train(model, short, text, tuple(run.probes))
        count = min(STEPS, len(run.loss))
        np.testing.assert_allclose(again.loss[:count], run.loss[:count], rtol=2e-4)
        for probe, found in again.probes.items():
            expected = run.probes[probe]["values"][0]
            np.testing.assert_allclose(found["values"][0], expected, rtol=2e-4)
        if training.steps == 0:
            np.testing.assert_allclose(again.val_loss, run.val_loss, rtol=2e-4)
