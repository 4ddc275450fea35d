"""Many runs: a grid of configurations, kept one by one, so that nothing is lost or run twice."""

import contextlib
import hashlib
import itertools
import json
import multiprocessing
import os
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, as_completed
from dataclasses import asdict, fields, replace
from pathlib import Path

import torch

from normlib.gpt.data import Text, load_text
from normlib.gpt.model import GPTConfig
from normlib.gpt.train_config import TrainConfig
from normlib.gpt.training import train
from normlib.results import Run, Runs


class Grid(list):
    """A list of configurations; ``models * trainings`` pairs each with each, ``+`` joins.

    `grid` makes it.
    """

    def __mul__(self, other: Iterable) -> "Grid":  # type: ignore[override]  # not by a number
        """Pair every configuration here with every one there."""
        return Grid(itertools.product(self, other))

    def __add__(self, other: Iterable) -> "Grid":
        """Put one grid behind the other."""
        return Grid([*self, *other])


def grid(config: GPTConfig | TrainConfig, **choices: Iterable) -> Grid:
    """Make every combination of the given values of some fields.

    Parameters
    ----------
    config : GPTConfig or TrainConfig
        Where all other fields come from.
    **choices : iterable
        Field name → values. The last one varies fastest.

    Returns
    -------
    Grid

    Raises
    ------
    ValueError
        For a name that is no field, or a value that the configuration refuses.
    TypeError
        If the values of a field are not a list.

    Examples
    --------
    >>> from normlib.gpt import GPTConfig, TrainConfig, grid
    >>> models = grid(GPTConfig(vocab_size=94), placement=["pre", "post"])
    >>> len(models * grid(TrainConfig(), lr=[1e-3, 3e-3], seed=range(5)))
    20
    """
    known = [f.name for f in fields(config)]
    for name, values in choices.items():
        if name not in known:
            raise ValueError(
                f"{type(config).__name__} has no field {name!r}: there are {', '.join(known)}."
            )
        if isinstance(values, str) or not hasattr(values, "__iter__"):
            raise TypeError(f"{name} must be a list of values, got {values!r}: try [{values!r}].")
    combinations = itertools.product(*choices.values())
    return Grid(replace(config, **dict(zip(choices, c, strict=True))) for c in combinations)


class SweepError(RuntimeError):
    """Some runs of a sweep raised an error; all others are saved."""


def sweep(
    name: str,
    pairs: Iterable[tuple[GPTConfig, TrainConfig]],
    text: Text | None = None,
    probes: Sequence[str] = (),
    executor: Executor | None = None,
    folder: str | Path = "runs",
    progress: Callable[[int, int, Run], object] | None = None,
) -> Runs:
    """Train every pair and return all runs; called again, only what is missing.

    Every finished run is a file ``folder/name/<hash>.json`` of its own, written whole or not at
    all; the hash is that of the two configurations, the text and the probes. At the end all are
    in ``folder/name.json``, in the order of the pairs.

    Parameters
    ----------
    name : str
        What to call the sweep.
    pairs : iterable of (GPTConfig, TrainConfig)
        As from ``grid(model, …) * grid(training, …)``.
    text, probes
        As in `train`.
    executor : concurrent.futures.Executor, optional
        Where to run: Dask's ``client.get_executor()`` for a cluster. None: one process per core
        of this machine, or a single one for a GPU. Each run has one thread. In a script this
        belongs under ``if __name__ == "__main__":``.
    folder : str or pathlib.Path, default: "runs"
        Where to keep the runs.
    progress : callable, optional
        Called as ``progress(done, total, run)`` after each run; see `sweep_line`.

    Returns
    -------
    Runs
        Diverged runs among them: divergence is a result.

    Raises
    ------
    SweepError
        If runs raised an error. Their tracebacks are beside the results.
    OSError
        If a result cannot be written, as on a full disk. Those before it are safe.
    ValueError
        If the file of a run is damaged; it is left as it is.

    Examples
    --------
    >>> import tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from normlib.gpt import GPTConfig, Text, TrainConfig, grid, sweep
    >>> tiny = GPTConfig(vocab_size=4, n_layer=1, n_head=1, n_embd=8, block_size=4)
    >>> pairs = grid(tiny, placement=["pre", "post"]) * grid(TrainConfig(steps=3), seed=range(2))
    >>> with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as executor:
    ...     sweep("tiny", pairs, Text("abcd" * 99), executor=executor, folder=folder)
    <4 runs, 0 diverged>
    """
    text = load_text() if text is None else text
    pairs = {_key(model, training, text, probes): (model, training) for model, training in pairs}
    if not pairs:
        raise ValueError("the sweep is empty: give at least one pair of configurations.")
    store = Path(folder) / name
    done = {key: Runs.load(path)[0] for key in pairs if (path := store / f"{key}.json").exists()}
    missing = {key: pair for key, pair in pairs.items() if key not in done}
    own = _processes(len(missing)) if executor is None and missing else None
    with own or contextlib.nullcontext(executor) as executor:
        futures = {
            executor.submit(_run, *pair, text, tuple(probes)): key for key, pair in missing.items()
        }
        failed, last = 0, None
        try:
            for future in as_completed(futures):
                key, error = futures[future], future.exception()
                if isinstance(error, BrokenExecutor):
                    raise SweepError(
                        f"a worker process died; {len(done)} of {len(pairs)} runs are saved. "
                        'Either memory ran out, or the script lacks `if __name__ == "__main__":` '
                        "above the sweep, which every worker needs to load it."
                    ) from error
                if error is not None:
                    failed, last = failed + 1, error
                    _write_error(store / f"{key}.error.txt", missing[key], error)
                    continue
                done[key] = future.result()
                _keep(store, key, done)
                if progress is not None:
                    progress(len(done), len(pairs), done[key])
        finally:
            for future in futures:
                future.cancel()
    if failed:
        raise SweepError(
            f"{failed} of {len(pairs)} runs raised an error; the tracebacks are in "
            f"{store}/*.error.txt, the last is {last!r}. "
            f"The other {len(done)} are saved: call again to repeat the rest."
        )
    runs = Runs(Runs.load(store / f"{key}.json")[0] for key in pairs)
    runs.save(Path(folder) / f"{name}.json")
    return runs


def _key(model, training, text, probes):
    parts = asdict(model), asdict(training), text.sha256, sorted(probes)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _run(model, training, text, probes):
    """One run with one thread, wherever it is executed: more threads add in another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return train(model, training, text, probes)
    finally:
        torch.set_num_threads(threads)


def _keep(store, key, done):
    try:
        Runs([done[key]]).save(store / f"{key}.json")
        (store / f"{key}.error.txt").unlink(missing_ok=True)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}: a result could not be written. The {len(done) - 1} before it are "
            "safe there; make room and call sweep again, it goes on with the rest",
            str(store),
        ) from error


def _write_error(path, pair, error):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [repr(config) for config in pair]
    path.write_text("\n".join([*lines, "", *traceback.format_exception(error)]), encoding="utf-8")


def _processes(most):
    """One process per core, each with a fresh Python: a forked torch can hang."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers = 1 if torch.cuda.is_available() else min(cores, most)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_parent)


def _follow_parent():
    """End this process when its parent is killed, which could not tell it to stop."""
    parent = multiprocessing.parent_process()

    def wait():
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
