"""Sweeps: nothing is run twice, nothing finished is lost, and where it ran makes no difference."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context

import psutil
import pytest
import torch

from cats import MODEL, PAIRS, PROBES, QUICK, TEXT, keys, measured, swept
from normlib.gpt import Grid, SweepError, grid, jobs, sweep, sweeps
from normlib.results import Runs


def test_a_grid_varies_the_last_field_fastest():
    models = grid(MODEL, placement=["post", "pre"], norm=("rmsnorm", "dyt"))
    assert [(m.placement, m.norm) for m in models] == [
        *(("post", "rmsnorm"), ("post", "dyt"), ("pre", "rmsnorm"), ("pre", "dyt"))
    ]
    assert {m.n_embd for m in models} == {8}
    assert grid(QUICK) == [QUICK]
    assert [c.seed for c in grid(QUICK, seed=range(3))] == [0, 1, 2]


def test_grids_are_paired_and_joined():
    a, b = grid(QUICK, seed=[1, 2]), grid(QUICK, lr=[0.5, 0.25])
    assert a * b == [(a[0], b[0]), (a[0], b[1]), (a[1], b[0]), (a[1], b[1])]
    assert a + b == [*a, *b]
    assert {type(g) for g in (a, a * b, a + b, (a + b) * a)} == {Grid}


def test_a_grid_refuses_what_it_cannot_vary_and_a_sweep_nothing_at_all(tmp_path):
    with pytest.raises(
        ValueError, match="GPTConfig has no field 'lr': there are vocab_size, .*norm"
    ):
        grid(MODEL, lr=[1])
    with pytest.raises(TypeError, match=r"placement must be a list .*'pre': try \['pre'\]"):
        grid(MODEL, placement="pre")
    with pytest.raises(TypeError, match="seed must be a list of values, got 3"):
        grid(QUICK, seed=3)
    with pytest.raises(ValueError, match="placement must be one of"):
        grid(MODEL, placement=["pre", "past"])
    with pytest.raises(ValueError, match="the sweep is empty"):
        swept(tmp_path, [])


def test_runs_come_in_the_order_of_the_pairs(tmp_path):
    pairs = [PAIRS[i] for i in (2, 0, 3, 1)]
    calls = []
    runs = swept(tmp_path, pairs, progress=lambda *args: calls.append(args))
    assert [(r["placement"], r["seed"]) for r in runs] == [(m.placement, t.seed) for m, t in pairs]
    assert measured(Runs.load(tmp_path / "cats.json")) == measured(runs)
    assert [(done, total) for done, total, _ in calls] == [(i, 4) for i in (1, 2, 3, 4)]
    assert {run["placement"] for _, _, run in calls} == {"post", "pre"}
    assert [run.probes["residual_rms"]["steps"] for run in runs] == [[0, 3]] * 4


def test_a_second_call_trains_only_what_is_missing(tmp_path, monkeypatch):
    part, trained, true = swept(tmp_path, PAIRS[1:3]), [], sweeps.Trainer

    def watched(model, training, *rest):
        trained.append((model, training))
        return true(model, training, *rest)

    monkeypatch.setattr(sweeps, "Trainer", watched)
    calls = []
    whole = swept(tmp_path, progress=lambda done, total, run: calls.append((done, total)))
    assert trained == [PAIRS[0], PAIRS[3]]
    assert calls == [(3, 4), (4, 4)]
    assert [*whole[1:3]] == [*part]
    again = sweep("cats", PAIRS, TEXT, PROBES, folder=tmp_path)  # without any process
    assert [*again] == [*whole]
    assert len(trained) == 2


def test_where_it_ran_makes_no_difference(tmp_path):
    threads = torch.get_num_threads()
    expected = measured(swept(tmp_path / "one"))
    with ThreadPoolExecutor(3) as executor:
        runs = sweep("cats", PAIRS, TEXT, PROBES, executor, tmp_path / "threads")
    assert measured(runs) == expected
    runs = sweep("cats", PAIRS, TEXT, PROBES, folder=tmp_path / "processes")
    assert measured(runs) == expected
    assert {run.provenance["threads"] for run in runs} == {1}
    assert torch.get_num_threads() == threads


def test_a_run_has_one_thread_and_gives_the_others_back():
    seen = []

    def work(*unit):
        seen.append((unit, torch.get_num_threads()))
        return 1 / 0

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError):
            jobs.alone(work, "a", "b")
        assert (seen, torch.get_num_threads()) == ([(("a", "b"), 1)], 2)
    finally:
        torch.set_num_threads(threads)


def test_threads_do_not_share_their_dropout(tmp_path):
    pairs = grid(replace(MODEL, dropout=0.3)) * grid(replace(QUICK, steps=40), seed=range(6))
    expected = measured(swept(tmp_path / "one", pairs))
    with ThreadPoolExecutor(6) as executor:
        runs = sweep("cats", pairs, TEXT, PROBES, executor, tmp_path / "threads")
    assert measured(runs) == expected


def test_a_run_that_raises_costs_only_itself(tmp_path, monkeypatch):
    true = sweeps.Trainer

    def failing(model, training, *rest):
        if training.seed == 1 and model.placement == "pre":
            raise ZeroDivisionError("on purpose")
        return true(model, training, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(sweeps, "Trainer", failing)
        with pytest.raises(
            SweepError,
            match=r"1 of 4 runs .*cats/\*\.error\.txt.*ZeroDivisionError.* other 3 are saved",
        ):
            swept(tmp_path)
    assert len(keys(tmp_path)) == 3
    assert not (tmp_path / "cats.json").exists()
    (error,) = (tmp_path / "cats").glob("*.error.txt")
    text = error.read_text()
    assert text.startswith(f"{PAIRS[3][0]!r}\n{PAIRS[3][1]!r}\n")
    for words in ("Traceback", "in failing", "ZeroDivisionError: on purpose"):
        assert words in text
    assert len(swept(tmp_path)) == 4
    assert not error.exists()


def test_a_name_may_have_a_folder(tmp_path):
    with ThreadPoolExecutor(1) as executor:
        sweep("pets/cats", PAIRS[:1], TEXT, executor=executor, folder=tmp_path)
    assert len(Runs.load(tmp_path / "pets" / "cats.json")) == 1


SCRIPT = """
import sys
from normlib.gpt import GPTConfig, Text, TrainConfig, grid, sweep
if __name__ == "__main__":
    model = GPTConfig(vocab_size=11, n_layer=1, n_head=1, n_embd=8, block_size=4)
    training = TrainConfig(steps=60, batch_size=4, eval_windows=20)
    pairs = grid(model, placement=["post", "pre"]) * grid(training, seed=range(6))
    text = Text("the cat sat on the mat. " * 40)
    progress = lambda done, total, run: print(done, flush=True)
    sweep("cats", pairs, text, folder=sys.argv[1], progress=progress)
"""


def plain(path):
    """The runs of a file as they stand there, without what the clock says."""
    return [
        asdict(run) | {"seconds": 0, "provenance": run.provenance | {"date": None}}
        for run in Runs.load(path)
    ]


@pytest.mark.slow
def test_a_killed_sweep_goes_on_as_if_nothing_had_been(tmp_path):
    script = tmp_path / "cats.py"
    script.write_text(SCRIPT)
    rng, finished = random.Random(0), set()
    for after in sorted(rng.sample(range(1, 9), 3)):  # runs that are done when it is killed
        command = [sys.executable, script, tmp_path / "killed"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            while int(process.stdout.readline()) < after:
                pass
            time.sleep(rng.uniform(0, 0.1))  # anywhere between two runs
            family = psutil.Process(process.pid).children(recursive=True)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        alive = psutil.wait_procs(family, timeout=120)[1]
        for child in alive:
            child.kill()
        assert family
        assert not alive
        assert keys(tmp_path / "killed") >= finished
        finished = keys(tmp_path / "killed")
        assert len(finished) >= after
        assert all(len(Runs.load(p)) == 1 for p in (tmp_path / "killed" / "cats").glob("*.json"))
    for folder in ("killed", "whole"):
        subprocess.run([sys.executable, script, tmp_path / folder], check=True)
    assert plain(tmp_path / "killed" / "cats.json") == plain(tmp_path / "whole" / "cats.json")
    assert keys(tmp_path / "killed") == keys(tmp_path / "whole")


def test_ctrl_c_in_a_worker_is_no_run_that_failed(tmp_path, monkeypatch):
    def stopped(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeps, "Trainer", stopped)
    with pytest.raises(KeyboardInterrupt):
        swept(tmp_path)
    assert [*tmp_path.rglob("*.*")] == []


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["its workers load", "they work"])
def test_ctrl_c_stops_a_sweep_and_its_workers_without_a_traceback(moment, tmp_path):
    small = ["--n-layer=1", "--n-head=1", "--n-embd=8", "--batch-size=4"]
    command = [sys.executable, "-m", "normlib.gpt", "sweep", "cats", "--folder", str(tmp_path)]
    process = subprocess.Popen(
        [*command, *small, "--seed", *map(str, range(50))],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True},
        start_new_session=True,  # a terminal sends Ctrl-C to all processes of a session
    )
    try:
        assert "50 runs" in process.stdout.readline()
        while len(psutil.Process(process.pid).children(recursive=True)) < 2:  # one is no worker
            time.sleep(0.01)
        time.sleep(0.5)  # loading PyTorch takes longer
        while moment == "they work" and not keys(tmp_path):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert (process.returncode, err) == (130, "")
    assert out.endswith("the same command goes on from there\n")
    assert len(keys(tmp_path)) < 50


@pytest.mark.slow
def test_processes_of_ones_own_make_no_difference(tmp_path):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        runs = sweep("cats", PAIRS, TEXT, PROBES, executor, tmp_path / "process")
    assert measured(runs) == measured(swept(tmp_path))
    assert {run.provenance["threads"] for run in runs} == {1}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Dask's own making
def test_a_cluster_makes_no_difference(tmp_path):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options, local_directory=str(tmp_path)) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor() as executor,
    ):
        runs = sweep("cats", PAIRS, TEXT, PROBES, executor, tmp_path / "dask")
    assert measured(runs) == measured(swept(tmp_path))
    assert {run.provenance["threads"] for run in runs} == {1}
