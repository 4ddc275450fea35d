"""Three studies of different kinds, made tiny; as a script, one that is stuck in the middle.

``python tiny_studies.py KIND FOLDER COUNT`` finishes COUNT units and never ends the next one.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import _study
import batch_size
import depth_gain
import logit_growth
from normlib.gpt import Grid, jobs


def grid(vocab_size):
    """Four runs of a sweep."""
    pairs = logit_growth.pairs(vocab_size)[::13]
    return Grid(
        (replace(model, n_layer=1, n_head=1, n_embd=8, block_size=8), replace(train, steps=3))
        for model, train in pairs
    )


def tiny_sweep():
    return _study.swept("logit_growth", grid, logit_growth.PROBES)


def tiny_loop():
    record = partial(batch_size.record, steps=3)
    arms = batch_size.ARMS[3:5]
    return _study.recorded("batch_size", record, arms, range(2), batch_size.source)


def tiny_stack():
    record = partial(depth_gain.record, rates=(0.01, 3.0), steps=3)
    arms = depth_gain.ARMS[::7]
    return _study.recorded("depth_gain", record, arms, [range(2)], depth_gain.source)


KINDS = {"sweep": tiny_sweep, "loop": tiny_loop, "stack": tiny_stack}


def study(kind, folder, watch=lambda unit: None):
    """Do one of KINDS in a folder, in this process; `watch` sees every unit that begins."""

    def watched(alone, work, *unit):
        watch(unit)
        return alone(work, *unit)

    with (
        patch.object(_study, "RUNS", folder / "runs"),
        patch.object(_study, "PUBLISHED", folder),
        patch.object(_study, "_changes", list),  # of the files that are being tested
        patch.object(jobs, "_processes", lambda most: ThreadPoolExecutor(1)),
        patch.object(jobs, "alone", partial(watched, jobs.alone)),
    ):
        return _study.publish(kind, KINDS[kind]())


def stuck(kind, folder, count):
    begun = []

    def watch(unit):
        begun.append(unit)
        if len(begun) > count:
            while len(list(folder.glob("runs/*/*.json"))) < count:
                time.sleep(0.01)  # until the unit before is written
            print("stuck", flush=True)
            time.sleep(3600)

    study(kind, folder, watch)


if __name__ == "__main__":
    stuck(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
