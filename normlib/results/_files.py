"""Files of runs: JSON without NaN, written whole or not at all, read with a clear complaint."""

import contextlib
import json
import math
import os
import tempfile
from pathlib import Path

SCHEMA = 1
SHARED = ("model", "training", "provenance")  # what the runs of a file mostly have in common
DIGITS = 5  # of a measured number in a file: more than seeds agree on, and a quarter of the bytes


def pack(runs):
    """A document in which what all runs have in common stands once."""
    common = {}
    for part in SHARED:
        first = runs[0][part] if runs else {}
        common[part] = {
            key: value
            for key, value in first.items()
            if all(key in run[part] and run[part][key] == value for run in runs)
        }
    rest = []
    for run in runs:
        own = {p: {k: v for k, v in run[p].items() if k not in common[p]} for p in SHARED}
        measured = {name: _rounded(run[name]) for name in run.keys() - own.keys()}
        rest.append({**own, **{name: measured[name] for name in run if name in measured}})
    return {"schema": SCHEMA, "common": common, "runs": rest}


def unpack(document, names, path):
    """The runs of a document, as dictionaries."""
    complete = isinstance(document, dict) and {"schema", "common", "runs"} <= document.keys()
    if not complete or document["schema"] != SCHEMA:
        raise ValueError(f"{path} is not a file of runs of schema {SCHEMA}: was it saved by Runs?")
    common, runs = document["common"], document["runs"]
    shared = isinstance(common, dict) and all(isinstance(common.get(p), dict) for p in SHARED)
    if not shared or not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise ValueError(f"{path}: its runs are not as Runs saves them, it was edited. Restore it.")
    for run in runs:
        if run.keys() != names:
            odd = ", ".join(sorted(run.keys() ^ names))
            raise ValueError(f"{path}: a run lacks or has these fields in excess: {odd}.")
        _check(run, path)
        yield {**run, **{p: {**common[p], **run[p]} for p in SHARED}}


def _check(run, path):
    """Refuse values that no run has: JSON would take a word for a number."""
    length = len(run["steps"]) if isinstance(run["steps"], list) else 0
    right = {
        **{name: isinstance(run[name], dict) for name in SHARED},
        "steps": isinstance(run["steps"], list) and all(type(s) is int for s in run["steps"]),
        **{name: _numbers(run[name], length) for name in ("loss", "grad_norm")},
        "val_loss": run["val_loss"] is None or _is_number(run["val_loss"]),
        "diverged": isinstance(run["diverged"], bool),
        "probes": isinstance(run["probes"], dict) and all(map(_is_probe, run["probes"].values())),
        "seconds": _is_number(run["seconds"]),
    }
    for name, is_right in right.items():
        if not is_right:
            raise ValueError(
                f"{path}: a run has {name}={run[name]!r:.60}, which no run can have: the file was "
                "edited. Restore it, or delete it and run its experiment again."
            )


def _is_number(value):
    return type(value) in (int, float) and math.isfinite(value)


def _numbers(values, length):
    return isinstance(values, list) and len(values) == length and all(map(_is_number, values))


def _is_probe(probe):
    lists = isinstance(probe, dict) and [probe.get(name) for name in ("steps", "values")]
    return bool(lists) and all(isinstance(some, list) for some in lists)


def read(path):
    """The content of a JSON file, or a ValueError that says what is wrong with the file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is not complete JSON ({error}): it was cut off or edited. "
            "Restore it, or delete it and run its experiment again."
        ) from None


def write(path, document):
    """Write a document as JSON, whole or not at all."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    # One run to a line, so that a change shows as the lines that changed.
    text = text.replace('{"model":', '\n{"model":') + "\n"
    write_bytes(path, text.encode())


def write_bytes(path, data):
    """Write to a new file beside it and exchange the two, so that no reader sees half a file.

    A file that says the same already is left alone: it may stand where nothing can be written.
    """
    with contextlib.suppress(OSError):
        if path.read_bytes() == data:
            return
    handle, name = _beside(path)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def require_room(path):
    """Raise now, before hours of work, the OSError with which `write` would end them."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: no file can have its name.")
    try:
        handle, name = _beside(path)
    except OSError as error:
        words = f"{error.strerror}: no file can be written there"
        raise OSError(error.errno, words, str(path)) from None
    os.close(handle)
    Path(name).unlink()


def _beside(path):
    """A new empty file in the same folder, and its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")


def _rounded(value):
    """The same with floats cut to DIGITS significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    return value
