"""What all studies share: runs that are kept one by one, their origin, and the file at the end.

A study says its question, its arms, its seeds, and how one run of them is made. All of it is a
docstring and ``pairs(vocab_size)``, a grid of GPTs for `swept`; or a docstring, ``ARMS``, ``SEEDS``
and ``record(arm, seed)``, for `recorded`. Helpers begin with ``_``; every other file is a study.
"""

import ast
import contextlib
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from scipy import stats

import normlib
from normlib.gpt import SweepError, load_text, sweep, sweep_line
from normlib.gpt.jobs import finish, hashed
from normlib.gpt.progress import unit_line
from normlib.gpt.provenance import changed_files, provenance
from normlib.results import Run, Runs

HERE = Path(__file__).parent
RUNS = HERE.parent / "runs"  # one file per run, not committed; a study goes on from there
PUBLISHED = HERE.parent / "normlib" / "results"
LARGEST = 1_000_000  # bytes of a published file
text = cache(load_text)


def swept(name, pairs, probes=(), text=text):
    """Runs of a grid of GPTs, ``pairs(vocab_size)``, on a text: the missing ones are trained."""
    grid = pairs(text().vocab_size)
    with _going_on():
        return sweep(name, grid, text(), probes, folder=RUNS, progress=sweep_line())


def recorded(name, record, arms, seeds, source):
    """Runs of a loop of one's own, every arm with every seed: the missing ones are recorded.

    Parameters
    ----------
    name : str
        Of the study and its file.
    record : callable
        Called as ``record(arm, seed)``; returns a Run in which the fields of the arm and the seed
        are among those of the configurations. Origin and time are added here. It is called in
        other processes, so it must be a function of a module.
    arms : list of dict
        What is compared; the names are those of the Run's fields.
    seeds : iterable
        A seed each. For a stack, which learns with many seeds at once, ``[SEEDS]``: `record` then
        takes them all and returns a list of Runs.
    source : callable
        Returns the provenance: versions, data and their hash, commit.

    Returns
    -------
    Runs
        In the order of the arms.
    """
    code, seeds = _code(name), [*seeds]
    units = {hashed(code, arm, _list(seed)): (arm, seed) for arm in arms for seed in seeds}
    what = "runs" if all(isinstance(seed, int) for seed in seeds) else "stacks"
    with _going_on():
        kept = finish(
            RUNS / name,
            units,
            partial(_record, record=record, source=source),
            lambda key, runs: _are_of(*units[key], runs),
            progress=unit_line(what),
        )
    return Runs(run for runs in kept.values() for run in runs)


def publish(name, runs):
    """Write normlib/results/name.json, refuse a file that is too large, and return the runs."""
    path = PUBLISHED / f"{name}.json"
    runs.save(path)
    size = path.stat().st_size
    print(f"{runs!r}, {sum(run.seconds for run in runs):.0f} s in all, {size:,} bytes: {path}")
    if size > LARGEST:
        sys.exit(f"{path} is larger than {LARGEST:,} bytes: log less often.")
    return runs


def origin(name, sha256, vocab_size):
    """The provenance of a run on the CPU, on data with this name and fingerprint."""
    data = SimpleNamespace(name=name, sha256=sha256, vocab_size=vocab_size)
    return provenance(data, torch.device("cpu"))


def text_origin():
    """The provenance of a run on the book's text."""
    return provenance(text(), torch.device("cpu"))


def interval(values):
    """Mean of one value per seed, and half the width of its 95 % confidence interval."""
    mean, error = np.mean(values), stats.sem(values)
    return mean, stats.t.ppf(0.975, len(values) - 1) * error


def _record(arm, seed, record, source):
    """Record one unit, in whatever process, and say where it comes from and how long it took."""
    begin = time.perf_counter()
    made = record(arm, seed)
    runs = Runs([made] if isinstance(made, Run) else made)
    seconds = (time.perf_counter() - begin) / len(runs)
    if not _are_of(arm, seed, runs):
        raise ValueError(
            f"asked for {arm} with seed {seed}, record returned runs that do not say so: the "
            "fields of the arm and the seed belong into their `model` or `training`."
        )
    origin = source()
    return Runs(replace(run, provenance=origin, seconds=seconds) for run in runs)


def _are_of(arm, seed, runs):
    """Whether runs say that they are of this arm and of these seeds."""
    same = all(run[name] == value for run in runs for name, value in arm.items())
    return same and [*dict.fromkeys(run["seed"] for run in runs)] == _list(seed)


def _list(seed):
    return [seed] if isinstance(seed, int) else [*seed]


def _code(name):
    """What decides a run beside its arm and its seed: the study's code, and that of its helpers.

    Comments, docstrings, `show` and the last lines do not: who mends a table records nothing anew.
    """
    files, code = [f"{name}.py"], []
    for file in files:  # which grows
        tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
        tree.body = [node for node in tree.body if not _shows(node)]
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value = ast.Constant(None)  # a docstring
            if isinstance(node, ast.ImportFrom) and (HERE / f"{node.module}.py").exists():
                files += {f"{node.module}.py"} - {*files, Path(__file__).name}
        code.append(ast.dump(tree))
    return hashed(*code)


def _shows(node):
    """Whether a statement only shows results."""
    last = isinstance(node, ast.If) and ast.unparse(node.test).startswith("__name__")
    return last or getattr(node, "name", None) == "show"


@contextlib.contextmanager
def _going_on():
    """Refuse changed files before they cost hours; say of what is stopped that it goes on."""
    if changed := _changes():
        sys.exit(
            "A result names the commit that made it, but these files are changed:\n"
            + "\n".join(changed)
            + "\nCommit them first."
        )
    try:
        yield
    except KeyboardInterrupt:
        print("\nstopped; what is finished is saved, the same command goes on from there")
        sys.exit(130)
    except SweepError as error:
        sys.exit(f"error: {error}")


def _changes():
    """The changed files of the library and of this folder; none where there is no git."""
    changed = []
    for folder in (Path(normlib.__file__).parent, HERE):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            changed += changed_files(folder)
    return changed
