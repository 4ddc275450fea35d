"""What all studies share: a study that is killed goes on, and no result is taken for another."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

import _study
import batch_size
import tiny_studies
from _curves import Curves, plain
from normlib.gpt import jobs, provenance
from normlib.results import Run, Runs
from tiny_studies import KINDS, study

ROOT = Path(__file__).parents[2]
FINISHED = 2  # of the four units of a tiny study, when it is killed
kinds = pytest.mark.parametrize("kind", KINDS)


def files(folder):
    """The files of finished runs, with their content."""
    return {path: path.read_bytes() for path in folder.glob("runs/*/*.json")}


def but_for_times(path):
    return [
        asdict(run) | {"seconds": 0, "provenance": run.provenance | {"date": ""}}
        for run in Runs.load(path)
    ]


# --- killed, and going on -----------------------------------------------------------------------


def kill(kind, folder):
    """Begin a study in a process, and kill it in the middle of its third unit."""
    paths = [ROOT, ROOT / "experiments", ROOT / "tests" / "helpers"]
    search = os.pathsep.join(map(str, paths))
    with subprocess.Popen(
        [sys.executable, tiny_studies.__file__, kind, folder, str(FINISHED)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": search, "NORMLIB_QUIET": "1"},
    ) as process:
        said = process.stdout.readline()
        process.kill()
    assert (said, process.returncode) == ("stuck\n", -signal.SIGKILL)


@kinds
def test_a_killed_study_goes_on_where_it_was(kind, tmp_path):
    killed, whole, begun = tmp_path / "killed", tmp_path / "whole", []
    kill(kind, killed)
    before = files(killed)
    assert len(before) == FINISHED
    study(kind, killed, begun.append)
    assert len(begun) == 4 - FINISHED
    after = files(killed)
    assert {path: after[path] for path in before} == before
    assert len(study(kind, whole)) == (4 * 2 * 2 if kind == "stack" else 4)
    assert but_for_times(killed / f"{kind}.json") == but_for_times(whole / f"{kind}.json")
    study(kind, killed, begun.append)
    assert len(begun) == 4 - FINISHED  # nothing is left to do


@kinds
def test_a_study_that_is_stopped_says_that_it_goes_on(kind, tmp_path, capsys):
    def stop(unit):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        study(kind, tmp_path, stop)
    assert caught.value.code == 130
    assert "the same command goes on" in capsys.readouterr().out
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.slow
def test_a_study_is_the_same_in_processes_of_its_own(tmp_path, monkeypatch):
    study("stack", tmp_path)
    expected = but_for_times(tmp_path / "stack.json")
    monkeypatch.setattr(_study, "RUNS", tmp_path / "in processes")
    monkeypatch.setattr(_study, "_changes", list)
    KINDS["stack"]().save(tmp_path / "again.json")
    assert but_for_times(tmp_path / "again.json") == expected


# --- what a result is of ------------------------------------------------------------------------


def record(arm, seed):
    """A run without any work."""
    curves = Curves()
    curves.note(0, loss=1.0, grad_norm=2.0, error=0.5)
    return curves.run({"norm": arm["norm"]}, {"seed": seed, "lr": 0.1}, val_loss=1.5)


def recorded(record=record, arms=({"norm": "layer"}, {"norm": "batch"}), seeds=(0, 1)):
    return _study.recorded("batch_size", record, [*arms], seeds, batch_size.source)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Runs are kept in a folder of the test, and made in this process."""
    monkeypatch.setattr(_study, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(_study, "PUBLISHED", tmp_path)
    monkeypatch.setattr(_study, "_changes", list)
    monkeypatch.setattr(jobs, "_processes", lambda most: ThreadPoolExecutor(1))
    return tmp_path


def test_runs_come_by_arm_and_seed_with_origin_and_time(here):
    runs = recorded()
    assert [(run["norm"], run["seed"]) for run in runs] == [
        *(("layer", 0), ("layer", 1), ("batch", 0), ("batch", 1))
    ]
    for run in runs:
        assert run.probes == {"error": {"steps": [0], "values": [0.5]}}
        assert run.provenance["threads"] == 1
        assert {"versions", "corpus", "commit", "dirty", "date"} <= run.provenance.keys()
        assert run.seconds > 0


@pytest.mark.parametrize(
    "other",
    [
        lambda arm, seed: record({"norm": "none"}, seed),
        lambda arm, seed: record(arm, seed + 1),
        lambda arm, seed: [record(arm, seed), record(arm, seed + 1)],
        lambda arm, seed: [record(arm, seed), record({"norm": "none"}, seed)],
    ],
)
def test_a_run_that_does_not_say_its_arm_and_seed_is_refused(other, here):
    with pytest.raises(SystemExit, match=r"error: 1 of 1 .*record returned runs that do not say"):
        recorded(other, arms=[{"norm": "layer"}], seeds=[0])
    assert not files(here)


def test_a_run_copied_over_another_is_no_result(here):
    recorded()
    one, other, *_ = files(here)
    one.write_bytes(other.read_bytes())
    with pytest.raises(ValueError, match=rf"{one.name} does not hold the run"):
        recorded()


STUDY = '''"""Question."""
from _helper import half

STEPS = 100


def record(arm, seed):
    """Docstring."""
    return half(STEPS)


def show(runs):
    print(runs)


if __name__ == "__main__":
    show(publish())
'''
HELPER = "def half(x):\n    return x / 2\n"
SAME = [
    ('"""Question."""', '"""Another question."""'),
    ('"""Docstring."""', '"""Another."""  # and a comment'),
    ("print(runs)", "print(runs.table('lr', 'norm'))"),
    ("show(publish())", "show(publish(NAME))"),
]
OTHER = [("STEPS = 100", "STEPS = 200"), ("half(STEPS)", "half(STEPS) + 1"), ("x / 2", "x // 2")]


@pytest.mark.parametrize(("old", "new"), SAME + OTHER)
def test_runs_are_of_the_code_that_decides_them_and_not_of_its_tables(
    old, new, tmp_path, monkeypatch
):
    monkeypatch.setattr(_study, "HERE", tmp_path)
    codes = []
    for change in (False, True):
        for name, text in (("mine", STUDY), ("_helper", HELPER)):
            changed = text.replace(old, new) if change else text
            (tmp_path / f"{name}.py").write_text(changed, encoding="utf-8")
        codes.append(_study._code("mine"))
    assert (codes[0] == codes[1]) == ((old, new) in SAME)


# --- what is published --------------------------------------------------------------------------


def test_results_of_changed_files_are_refused_before_any_work(here, monkeypatch):
    monkeypatch.setattr(_study, "_changes", lambda: [" M experiments/mine.py"])
    with pytest.raises(SystemExit, match=r"(?s)names the commit .*experiments/mine\.py.*Commit"):
        recorded(lambda *unit: 1 / 0)
    with pytest.raises(SystemExit, match="names the commit"):
        _study.swept("logit_growth", tiny_studies.grid)
    assert not list(here.rglob("*"))


def test_changed_files_are_those_that_git_names(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("x = 1\n")
    (tmp_path / "notes.md").write_text("notes\n")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    assert provenance.changed_files(tmp_path) == ["?? mine.py"]
    monkeypatch.setattr(_study, "HERE", tmp_path)
    assert "?? mine.py" in _study._changes()


def test_where_there_is_no_git_nothing_is_known_to_be_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(_study, "HERE", tmp_path)
    monkeypatch.setattr(_study.normlib, "__file__", str(tmp_path / "normlib" / "__init__.py"))
    assert _study._changes() == []


def test_a_file_that_is_too_large_is_refused(here, monkeypatch):
    monkeypatch.setattr(_study, "LARGEST", 100)
    with pytest.raises(SystemExit, match="larger than 100 bytes: log less often"):
        _study.publish("mine", recorded())


# --- curves -------------------------------------------------------------------------------------


def test_curves_make_a_run_without_what_is_not_finite():
    curves = Curves()
    for step, loss in enumerate([3.0, 2.0, float("nan")]):
        curves.note(step, loss=torch.tensor(loss, requires_grad=True), grad_norm=1.0)
    curves.note(3, error=torch.tensor([0.123456, float("inf")]), losses=[1.0, 2.0])
    run = curves.run({"norm": "layer"}, {"seed": 3}, val_loss=float("nan"), digits=3)
    assert run == Run(
        *({"norm": "layer"}, {"seed": 3}, [0, 1], [3.0, 2.0], [1.0, 1.0], None, True),
        probes={
            "error": {"steps": [3], "values": [[0.123, None]]},
            "losses": {"steps": [3], "values": [[1.0, 2.0]]},
        },
    )


def test_the_curves_of_a_stack_are_those_of_its_networks():
    curves = Curves()
    curves.note(5, loss=torch.tensor([1.0, 2.0]), rms=torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert plain(curves.of(1)["loss"][5]) == 2.0
    assert plain(curves.of(1)["rms"][5]) == [3.0, 4.0]
