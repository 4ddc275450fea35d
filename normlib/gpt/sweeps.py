"""Many runs: a grid of configurations, kept one by one, so that nothing is lost or run twice."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path

from normlib.gpt.data import Text, load_text
from normlib.gpt.jobs import finish, hashed
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
        If the file of a run is damaged, or holds another run; it is left as it is.

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
    units = {_key(model, training, text, probes): (model, training) for model, training in pairs}
    if not units:
        raise ValueError("the sweep is empty: give at least one pair of configurations.")
    work = partial(_run, text=text, probes=tuple(probes))
    told = None if progress is None else lambda done, total, some: progress(done, total, some[0])
    kept = finish(Path(folder) / name, units, work, _fits, executor, told)
    runs = Runs(run for some in kept.values() for run in some)
    runs.save(Path(folder) / f"{name}.json")
    return runs


def _key(model, training, text, probes):
    return hashed(asdict(model), asdict(training), text.sha256, sorted(set(probes)))


def _fits(key, runs):
    (run,) = runs
    sha256 = run.provenance["corpus"]["sha256"]
    probes = sorted(run.probes.keys() - {"val_loss"})  # which measure_at brings
    return key == hashed(run.model, run.training, sha256, probes)


def _run(model, training, text, probes):
    return Runs([train(model, training, text, probes)])
