"""Many runs: a grid of configurations, kept one by one, so that nothing is lost or run twice."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path, PureWindowsPath

from normlib.gpt._fields import require_kind, require_safetensors, shown
from normlib.gpt.checkpoints import SUFFIX, packed
from normlib.gpt.data import Text, load_text
from normlib.gpt.jobs import finish, hashed
from normlib.gpt.model import GPTConfig
from normlib.gpt.train_config import TrainConfig
from normlib.gpt.training import Trainer, require_fit
from normlib.results import Run, Runs, _files

PAIRING = "make them with grid(model, …) * grid(training, …)"


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
        If the values of a field are not a list, or the configuration is none.

    Examples
    --------
    >>> from normlib.gpt import GPTConfig, TrainConfig, grid
    >>> models = grid(GPTConfig(vocab_size=94), placement=["pre", "post"])
    >>> len(models * grid(TrainConfig(), lr=[1e-3, 3e-3], seed=range(5)))
    20
    """
    require_kind("config", config, (GPTConfig, TrainConfig), "give one, and the values to vary")
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
    weights: bool = False,
) -> Runs:
    """Train every pair and return all runs; called again, only what is missing.

    Every finished run is a file ``folder/name/<hash>.json`` of its own, written whole or not at
    all; the hash is that of the two configurations, the text and the probes. At the end all are
    in ``folder/name.json``, in the order of the pairs.

    Parameters
    ----------
    name : str
        What to call the sweep; ``"pets/cats"`` is in a folder of its own.
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
    weights : bool, default: False
        Keep the trained model of each run, a diverged one's too, beside its file as
        ``<hash>.safetensors``, for `load_model`. A run that lacks them is trained again.

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
        Before any training: for a name that leaves the folder, and for what `train` refuses; if
        the file of a run is damaged, or holds another run, which is left as it is.
    TypeError
        If the pairs are none, or a configuration, the text or the probes are of another kind.

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
    require_name(name)
    if weights:
        require_safetensors()
    text = load_text() if text is None else text
    units = {
        _key(model, training, text, probes): (model, training)
        for model, training in _fitting(pairs, text, probes)
    }
    if not units:
        raise ValueError("the sweep is empty: give at least one pair of configurations.")
    whole = Path(folder) / f"{name}.json"
    if not whole.is_file():
        _files.require_room(whole)
    work = partial(_run, text=text, probes=tuple(probes), weights=weights)
    told = None if progress is None else lambda done, total, some: progress(done, total, some[0])
    beside = SUFFIX if weights else None
    kept = finish(Path(folder) / name, units, work, _fits, executor, told, beside)
    runs = Runs(run for some in kept.values() for run in some)
    runs.save(whole)
    return runs


def require_name(name):
    """Refuse a name that would be no file in the folder; backslashes are folders on Windows."""
    require_kind("name", name, str, "call the sweep in a word")
    odd = {"", ".", ".."} & {*name.split("/")} or "\\" in name or not name.isprintable()
    if odd or PureWindowsPath(name).anchor:
        raise ValueError(
            f"name must stay in the folder of the sweeps, got {name!r}: take a word, or words "
            "with / between them."
        )


def _fitting(pairs, text, probes):
    """Each pair, if it can be trained: before any is, and not once per process."""
    if not isinstance(pairs, Iterable):
        raise TypeError(f"pairs must be a list of pairs, got {shown(pairs)}: {PAIRING}.")
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"pairs must be of two configurations, got {shown(pair)}: {PAIRING}.")
        require_fit(*pair, text, probes)
        yield pair


def _key(model, training, text, probes):
    return hashed(asdict(model), asdict(training), text.sha256, sorted(set(probes)))


def _fits(key, runs):
    (run,) = runs
    sha256 = run.provenance["corpus"]["sha256"]
    probes = sorted(run.probes.keys() - {"val_loss"})  # which measure_at brings
    return key == hashed(run.model, run.training, sha256, probes)


def _run(model, training, text, probes, weights):
    trainer = Trainer(model, training, text, probes)
    run = trainer.fit()
    if not weights:
        return Runs([run])
    return Runs([run]), packed(trainer.model, text, {**run.provenance, "training": run.training})
