"""Run a chapter in this process and say which of its claims fall: on other seeds, on another text.

python tests/helpers/run_chapter.py book/13_gpt_pre_post.md --seeds 3 --text 3.13

All code cells run in order, as in the build: in the folder of the book, without lines of progress,
and what a cell writes to stderr is an error. A cell that fails is reported, and the next one runs.

``--seeds N`` gives the Nth other set of seeds: a seed s becomes s + 1000 N wherever the chapter's
own cells, normlib.gpt or normlib.mlp seed a generator of NumPy or PyTorch. So data, weights and
batches are others. What is no draw of the chapter stays: runs that a study published, the probes on
which `agrees` and `check` compare functions, the direction in `check_vjp`, the patients of the
clinic. A cell tagged ``published-seed`` compares with a published run of the same seed: it is left
out.

``--text`` takes the corpus, ``pydoc_data.topics``, from another Python: its version, if that Python
is found on this machine, or the file.
"""

import argparse
import contextlib
import importlib.util
import io
import linecache
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import torch

from chapters import BOOK, cells

CORPUS = "pydoc_data.topics"


@dataclass
class Outcome:
    """Which claims the chapter asserts, which of them fell, and what went wrong elsewhere."""

    claims: list
    fell: list
    errors: list

    def __str__(self):
        lines = [f"{len(self.claims)} claims, {len(self.fell) or 'none'} fell"]
        lines += [f"fell: {name}" for name in self.fell]
        return "\n".join(lines + [f"error in {error}" for error in self.errors])


def run(path, seeds=0, text=None):
    """Execute the page; `seeds` and `text` as on the command line."""
    scope, errors, page = {"__name__": "__main__"}, [], cells(path)
    with contextlib.ExitStack() as stack:
        for change in (_as_in_the_build(), _other_seeds(1000 * seeds), _other_text(text)):
            stack.enter_context(change)
        for number, cell in enumerate(page, 1):
            if seeds and "published-seed" in cell.tags:
                continue
            error = _execute(cell, f"{path.stem}, cell {number}", scope)
            if error and not (scope.get("failed") and error.startswith("AssertionError")):
                errors.append(f"cell {number}: {error}")
    claims = scope.get("claims", {})
    return Outcome(list(claims), [name for name, holds in claims.items() if not holds], errors)


def _execute(cell, name, scope):
    """Run one cell; what went wrong, or nothing."""
    lines = cell.source.splitlines(keepends=True)
    linecache.cache[name] = (
        len(cell.source),
        None,
        lines,
        name,
    )  # the checker quotes a reader's line
    stderr = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(stderr):
        try:
            exec(compile(cell.source, name, "exec"), scope)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return stderr.getvalue().strip()


@contextlib.contextmanager
def _as_in_the_build():
    plt.switch_backend("agg")
    with (
        contextlib.chdir(BOOK),
        patch.dict(os.environ, NORMLIB_QUIET="1"),
        _module("myst_nb", SimpleNamespace(glue=lambda *_, **__: None)),
        patch.object(plt, "show", _draw),
    ):
        yield


def _draw():
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()
    plt.close("all")


@contextlib.contextmanager
def _other_seeds(shift):
    if not shift:
        yield
        return

    def shifted(seed):
        asks = sys._getframe(2).f_globals["__name__"]
        own = asks == "__main__" or asks.startswith(("normlib.gpt", "normlib.mlp"))
        return seed + shift if own else seed

    class Generator(torch.Generator):
        def __init__(self, device="cpu"):
            super().manual_seed(shifted(self.initial_seed()))

        def manual_seed(self, seed):
            return super().manual_seed(shifted(seed))

    by_numpy, by_torch = np.random.default_rng, torch.manual_seed
    with (
        patch.object(np.random, "default_rng", lambda seed: by_numpy(shifted(seed))),
        patch.object(torch, "manual_seed", lambda seed: by_torch(shifted(seed))),
        patch.object(torch, "Generator", Generator),
    ):
        yield


@contextlib.contextmanager
def _other_text(text):
    if text is None:
        yield
        return
    spec = importlib.util.spec_from_file_location(CORPUS, corpus_of(text))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with _module(CORPUS, module):
        yield


@contextlib.contextmanager
def _module(name, module):
    """Let `name` be that module for a while; what is imported meanwhile stays imported."""
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        yield
    finally:
        sys.modules.pop(name)
        if before is not None:
            sys.modules[name] = before


def corpus_of(text):
    """The file of a Python's corpus; `text` is that file or the version, as "3.13".

    Raises
    ------
    FileNotFoundError
        If no such Python is on this machine.
    """
    if Path(text).is_file():
        return Path(text)
    ask = f"import {CORPUS} as corpus; print(corpus.__file__)"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for python in [shutil.which(f"python{text}"), *sorted(pyenv.glob(f"{text}.*/bin/python"))]:
        if python:
            answer = subprocess.run([python, "-c", ask], capture_output=True, text=True)
            if answer.returncode == 0:
                return Path(answer.stdout.strip())
    raise FileNotFoundError(f"no Python {text} on this machine: install it, or name its topics.py")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path)
    parser.add_argument("--seeds", type=int, default=0, metavar="N")
    parser.add_argument("--text", metavar="VERSION_OR_FILE")
    outcome = run(**vars(parser.parse_args()))
    print(outcome)
    sys.exit(bool(outcome.fell or outcome.errors))


if __name__ == "__main__":
    main()
