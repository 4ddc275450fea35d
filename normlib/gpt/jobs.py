"""Work in units: the runs of each are a file once it is done, so nothing is lost or done twice."""

import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import threading
import traceback
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed

import torch

from normlib.results import Runs, _files

STOPPED = threading.Event()  # in a worker: Ctrl-C was heard, what is in its queue waits in vain


class SweepError(RuntimeError):
    """Some runs of a sweep raised an error; all others are saved."""


def finish(store, units, work, fits, executor=None, progress=None, beside=None):
    """Do the units that have no file yet, and return the runs of all.

    Parameters
    ----------
    store : pathlib.Path
        Where to keep them: ``store/<key>.json``, written whole or not at all.
    units : dict
        Key → the arguments of `work`. A key stands for all that decides the result.
    work : callable
        Returns the Runs of a unit. Other processes must be able to load it.
    fits : callable
        ``fits(key, runs)`` tells whether a file holds the runs of its key: what was copied or
        edited must not pass for a result.
    executor : concurrent.futures.Executor, optional
        Where to work; None: one process per core, or a single one for a GPU.
    progress : callable, optional
        Called as ``progress(done, total, runs)`` after each unit.
    beside : str, optional
        The ending of a second file of each unit, ``store/<key><beside>``. `work` then returns its
        bytes after the Runs, and a unit that lacks it is done again.

    Returns
    -------
    dict
        Key → Runs, in the order of `units`, with the digits that their files have.

    Raises
    ------
    SweepError
        If units raised an error, or a process died; the others are saved.
    OSError
        If a file cannot be written; those before it are safe.
    ValueError
        If a file is damaged or holds other runs; it is left as it is.
    """
    paths = {key: store / f"{key}.json" for key in units}
    done = {key: _load(path, fits) for key, path in paths.items() if path.exists()}
    if beside is not None:
        done = {key: runs for key, runs in done.items() if (store / f"{key}{beside}").exists()}
    missing = {key: unit for key, unit in units.items() if key not in done}
    if missing:
        _files.require_room(paths[min(missing)])
    own = _processes(len(missing)) if executor is None and missing else None
    with own or contextlib.nullcontext(executor) as executor:
        futures, failed = {}, []
        try:
            with _ctrl_c(waits=True):  # and in the processes that start here, until they work
                for key, unit in missing.items():
                    futures[executor.submit(alone, work, *unit)] = key
            for future in as_completed(futures):
                key, error = futures[future], _error(future, len(done), len(units))
                if error is not None:
                    failed.append(error)
                    _write_error(store / f"{key}.error.txt", missing[key], error)
                    continue
                _keep(store / key, future.result(), beside, len(done))
                done[key] = _load(paths[key], fits)
                if progress is not None:
                    progress(len(done), len(units), done[key])
        finally:
            for future in futures:
                future.cancel()
    if failed:
        raise SweepError(
            f"{len(failed)} of {len(units)} runs raised an error; the tracebacks are in "
            f"{store}/*.error.txt, the last is {failed[-1]!r}. "
            f"The other {len(done)} are saved: call again to repeat the rest."
        )
    return {key: done[key] for key in units}


def hashed(*parts):
    """A key from all that decides a result: whatever JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def alone(work, *unit):
    """Work with one thread, wherever it is: more threads add in another order."""
    if STOPPED.is_set():
        raise KeyboardInterrupt
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _ctrl_c(waits=False):
            return work(*unit)
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def _ctrl_c(waits):
    """Let Ctrl-C wait, or let it through; afterwards as before.

    A worker that hears of it while it loads or between two units would show a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        how = signal.SIG_BLOCK if waits else signal.SIG_UNBLOCK
        signal.pthread_sigmask(how, {signal.SIGINT})
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _error(future, done, total):
    """What a unit raised, or None; what concerns all units is raised."""
    error = future.exception()
    if isinstance(error, BrokenExecutor):
        raise SweepError(
            f"a worker process died; {done} of {total} runs are saved. "
            'Either memory ran out, or the script lacks `if __name__ == "__main__":` '
            "above the sweep, which every worker needs to load it."
        ) from error
    if isinstance(error, KeyboardInterrupt):
        raise error  # Ctrl-C is for all processes; a worker's may be here first
    return error


def _load(path, fits):
    """The runs of a file, if they are those that its name stands for."""
    runs = Runs.load(path)
    try:
        right = fits(path.stem, runs)
    except (KeyError, TypeError, ValueError):  # they lack what they should say
        right = False
    if not right:
        raise ValueError(
            f"{path} does not hold the run that its name stands for: it was copied or edited. "
            "Delete it, and that run is repeated."
        )
    return runs


def _keep(stem, made, beside, before):
    try:
        if beside is not None:  # first, so that runs that are there have it beside them
            made, data = made
            _files.write_bytes(stem.with_name(f"{stem.name}{beside}"), data)
        made.save(stem.with_name(f"{stem.name}.json"))
        stem.with_name(f"{stem.name}.error.txt").unlink(missing_ok=True)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}: a result could not be written. The {before} before it are "
            "safe there; make room and call again, it goes on with the rest",
            str(stem.parent),
        ) from error


def _write_error(path, unit, error):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [repr(part) for part in unit]
    path.write_text("\n".join([*lines, "", *traceback.format_exception(error)]), encoding="utf-8")


def _processes(most):
    """One process per core, each with a fresh Python: a forked torch can hang."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers = 1 if torch.cuda.is_available() else min(cores, most)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_parent)


def _follow_parent():
    """Stop with Ctrl-C; end when the parent is killed, which could not tell us to stop."""
    signal.signal(signal.SIGINT, _stop)
    parent = multiprocessing.parent_process()

    def wait():
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _stop(number, frame):
    STOPPED.set()
    raise KeyboardInterrupt
