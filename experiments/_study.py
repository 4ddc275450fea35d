"""What all studies share: run what is missing, publish the rest, show it."""

import sys
from pathlib import Path

import numpy as np
from scipy import stats

from normlib.gpt import load_text, sweep, sweep_line

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "runs"  # one file per run, not committed; a study goes on from there
PUBLISHED = ROOT / "normlib" / "results"
LARGEST = 1_000_000  # bytes of a published file


def interval(values):
    """Mean of one value per seed, and half the width of its 95 % confidence interval."""
    mean, error = np.mean(values), stats.sem(values)
    return mean, stats.t.ppf(0.975, len(values) - 1) * error


def save(name, runs):
    """Write normlib/results/name.json, say what it holds, and refuse a file that is too large."""
    path = PUBLISHED / f"{name}.json"
    runs.save(path)
    size = path.stat().st_size
    print(f"{runs!r}, {sum(run.seconds for run in runs):.0f} s in all, {size:,} bytes: {path}")
    if size > LARGEST:
        sys.exit(f"{path} is larger than {LARGEST:,} bytes: log less often.")


def publish(name, pairs, probes=()):
    """Run the pairs, write normlib/results/name.json and return the Runs."""
    text = load_text()
    runs = sweep(name, pairs(text.vocab_size), text, probes, folder=RUNS, progress=sweep_line())
    save(name, runs)
    return runs
