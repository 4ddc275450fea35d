"""The published results: whole, with their origin, and made by the scripts that claim to."""

import importlib
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import normlib as nl
from normlib.gpt import GPTConfig, TrainConfig, Trainer, load_text

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "normlib" / "results"
SCRIPTS = {path.stem for path in (ROOT / "experiments").glob("[!_]*.py")}
MODULES = {name: importlib.import_module(name) for name in sorted(SCRIPTS)}
SWEEPS = [name for name, module in MODULES.items() if hasattr(module, "pairs")]
LOOPS = [name for name, module in MODULES.items() if hasattr(module, "ARMS")]
STEPS = 16  # of a re-run
published = pytest.mark.parametrize("name", MODULES)
swept = pytest.mark.parametrize("name", SWEEPS)


def test_every_file_of_results_has_its_script_and_every_script_its_file():
    assert {path.stem for path in RESULTS.glob("*.json")} == SCRIPTS
    assert {name: module.NAME for name, module in MODULES.items()} == {n: n for n in SCRIPTS}


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
def test_make_results_trains_all_that_is_published():
    command = ["make", "--dry-run", "results"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    studies = re.search(r"for study in (.*?);", told)[1].split()
    assert sorted(studies) == sorted(f"experiments/{name}.py" for name in SCRIPTS)


@published
def test_a_file_of_results_is_whole_and_small(name):
    assert (RESULTS / f"{name}.json").stat().st_size <= 1_000_000
    for run in nl.load_results(name):
        assert len(run.steps) == len(run.loss) == len(run.grad_norm)
        assert np.isfinite([*run.loss, *run.grad_norm]).all()
        assert run.val_loss is not None or run.diverged


@swept
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


@swept
def test_the_runs_are_those_of_the_script_none_dropped(name):
    runs = nl.load_results(name)
    pairs = MODULES[name].pairs(runs[0]["vocab_size"])
    assert [(GPTConfig(**run.model), TrainConfig(**run.training)) for run in runs] == pairs


@pytest.mark.parametrize("name", LOOPS)
def test_the_runs_are_those_of_the_arms_and_seeds_none_dropped(name):
    arms, seeds = MODULES[name].ARMS, MODULES[name].SEEDS
    found = [(*(run[field] for field in arms[0]), run["seed"]) for run in nl.load_results(name)]
    assert [*dict.fromkeys(found)] == [(*arm.values(), seed) for arm in arms for seed in seeds]
    assert len(set(Counter(found).values())) == 1  # more than once each where a stack has rates


@swept
def test_a_short_run_gives_the_published_losses_again(name):
    runs = nl.load_results(name)
    text = getattr(MODULES[name], "corpus", load_text)()
    if text.sha256 != runs[0].provenance["corpus"]["sha256"]:
        pytest.skip("this Python has another reference text, so its losses are others")
    smallest = sorted(runs, key=lambda run: run["n_layer"] * run["n_embd"] ** 2)
    for run in (smallest[0], smallest[len(smallest) // 4]):
        model = GPTConfig(**run.model)
        training = TrainConfig(**run.training)
        early = tuple(moment for moment in training.measure_at if moment <= STEPS)
        own = replace(training, log_every=1, measure_at=early)  # which changes no step
        trainer = Trainer(model, own, text, tuple(run.probes.keys() - {"val_loss"}))
        losses = [step.loss for step in islice(trainer, STEPS)]
        for step, expected in zip(run.steps, run.loss, strict=True):
            if step < STEPS:
                np.testing.assert_allclose(losses[step], expected, rtol=2e-4)
        for probe, found in trainer.probes.items():
            values = run.probes[probe]["values"][: len(found["values"])]
            assert run.probes[probe]["steps"][: len(values)] == found["steps"]
            for now, then in zip(found["values"], values, strict=True):
                np.testing.assert_allclose(now, then, rtol=2e-4)
        if training.steps == 0:
            np.testing.assert_allclose(trainer.run().val_loss, run.val_loss, rtol=2e-4)
