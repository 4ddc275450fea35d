"""Run and Runs: what a training run measured, and many of them to filter and tabulate."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self, overload

import numpy as np

from normlib.results import _files
from normlib.results.tables import Table, cell

PUBLISHED = Path(__file__).parent


@dataclass(frozen=True)
class Run:
    r"""One training run: its configuration, its curves, and where it came from.

    Parameters
    ----------
    model, training : dict
        The fields of the two configurations, plain values. The seed is in `training`.
    steps : list of int
        The steps, counted from 0, at which the curves were logged.
    loss, grad_norm : list of float
        Loss of the batch before the step, in nats per token, and the norm of its gradient.
        Both end where a run diverged.
    val_loss : float or None
        Mean loss on the validation text after the last step; None if it is not finite.
    diverged : bool
        The loss or its gradient became infinite or not a number, or the run ended worse than it
        started and worse than guessing (ln of the vocabulary). It stays a result.
    probes : dict
        Name → ``{"steps": […], "values": […]}``, one row of `values` for each of the steps.
    provenance : dict
        Versions, corpus and its hash, device, threads, commit, date.
    seconds : float
        Time of the run on that device.
    """

    model: dict[str, Any]
    training: dict[str, Any]
    steps: list[int]
    loss: list[float]
    grad_norm: list[float]
    val_loss: float | None
    diverged: bool
    probes: dict[str, dict[str, list]] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def __getitem__(self, name: str) -> Any:
        """A field of the run or of its configurations: ``run["placement"]``."""
        for owner in (self.model, self.training, vars(self)):
            if name in owner:
                return owner[name]
        raise KeyError(f"no field {name!r}: try one of {', '.join(self.names())}.")

    def names(self) -> list[str]:
        """All names that ``run[name]`` knows."""
        return [*self.model, *self.training, *(f.name for f in fields(self))]

    # Without this, `in` and `list` would try run[0], run[1] and so on.
    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, as a dict does."""
        return iter(self.names())

    def keys(self) -> list[str]:
        """All names, so that ``dict(run)`` has every field."""
        return self.names()


def _listed(value):
    """A tuple, range, set or array as the list that a file has of it; all else as it is."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (tuple, list, range, set, frozenset)):
        return [_listed(v) for v in value]
    return value


class Runs(Sequence[Run]):
    """Runs to filter, tabulate and save; a sequence that does not change.

    Parameters
    ----------
    runs : iterable of Run
        In the order in which tables and filters shall keep them.

    Raises
    ------
    TypeError
        If it is a single run, or holds anything but runs.

    Examples
    --------
    >>> import normlib as nl
    >>> runs = nl.load_results("warmup")
    >>> post = runs.filter(placement="post", clip=None)
    >>> sorted({run["warmup"] for run in post})
    [0, 100]
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        if isinstance(runs, Run):
            raise TypeError("runs must be a list of Run, got a single Run: write Runs([run]).")
        if not isinstance(runs, Iterable):
            raise TypeError(f"runs must be a list of Run, got {runs!r:.60}: write Runs([run]).")
        self._runs = tuple(runs)
        for run in self._runs:
            if not isinstance(run, Run):
                raise TypeError(
                    f"runs must be a list of Run, got one that holds {run!r:.60}: train returns "
                    "a Run, sweep and load_results return Runs."
                )

    def __len__(self) -> int:
        return len(self._runs)

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> "Runs": ...
    def __getitem__(self, index: int | slice) -> "Run | Runs":
        """Return a run, or Runs for a slice."""
        return Runs(self._runs[index]) if isinstance(index, slice) else self._runs[index]

    def __repr__(self) -> str:
        diverged = sum(run.diverged for run in self)
        return f"<{len(self)} runs, {diverged} diverged>"

    def filter(self, **wanted: object) -> "Runs":
        """Keep the runs in which every named field has the given value, one for each field.

        Raises
        ------
        KeyError
            If there is no field of that name.
        ValueError
            If no run has that value; it says which values there are.
        """
        kept = self
        for name, value in wanted.items():
            seen = kept.distinct(name)
            one = _listed(value)
            if one not in map(_listed, seen):
                if isinstance(one, list) and any(v in seen for v in one):
                    raise ValueError(
                        f"filter takes one value for a field, got {name}={value!r}: filter for "
                        f"each, or write Runs(run for run in runs if run[{name!r}] in {one})."
                    )
                raise ValueError(f"no run has {name}={value!r}: there are {seen}.")
            kept = Runs(run for run in kept if _listed(run[name]) == one)
        return kept

    def distinct(self, name: str) -> list:
        """All values of a field, each once, sorted if they can be."""
        seen: list[Any] = []
        for run in self:
            if _listed(run[name]) not in map(_listed, seen):
                seen.append(run[name])
        return sorted(seen) if all(isinstance(v, (int, float)) for v in seen) else seen

    def values(self, name: str) -> np.ndarray:
        """A field of every run as an array; nan for None.

        Raises
        ------
        ValueError
            If it holds lists of different lengths, as the curves of runs that diverged.
        """
        values = [math.nan if run[name] is None else run[name] for run in self]
        try:
            return np.array(values)
        except ValueError:
            raise ValueError(
                f"values must be of one shape to be an array, {name!r} holds lists of different "
                f"lengths: take [run[{name!r}] for run in runs]."
            ) from None

    def table(self, rows: str, columns: str, value: str = "val_loss") -> Table:
        """Mean ± standard deviation of `value`, the number of runs, and how many diverged.

        Parameters
        ----------
        rows, columns : str
            The fields that vary down and across.
        value : str, default: "val_loss"
            A field that is a number.

        Returns
        -------
        Table
            Prints as text and shows as HTML; ``table.means`` is an array. The mean is over the
            runs that did not diverge, and the cell says how many did.
        """
        down, across = self.distinct(rows), self.distinct(columns)
        placed = [(run, _listed(run[rows]), _listed(run[columns])) for run in self]
        cells = [
            [
                cell([r for r, *place in placed if place == [a, b]], value)
                for b in map(_listed, across)
            ]
            for a in map(_listed, down)
        ]
        varying = [name for name in self._configured() if len(self.distinct(name)) > 1]
        over = [name for name in varying if name not in (rows, columns)]
        return Table(rows, columns, value, over, down, across, cells)

    def _configured(self):
        return [*self[0].model, *self[0].training] if self else []

    def save(self, path: str | Path) -> None:
        """Write all runs to one JSON file, whole or not at all."""
        _files.write(Path(path), _files.pack([asdict(run) for run in self]))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` has written.

        Raises
        ------
        ValueError
            If the file is not complete, or not a file of runs.
        """
        names = {f.name for f in fields(Run)}
        return cls(Run(**run) for run in _files.unpack(_files.read(Path(path)), names, path))


def load_results(name: str) -> Runs:
    """Load the published runs of an experiment, which ship with the library.

    Parameters
    ----------
    name : str
        Name of a file beside this module, without ``.json``.

    Returns
    -------
    Runs

    Raises
    ------
    ValueError
        If there is no such experiment; it says which there are.

    Examples
    --------
    >>> import normlib as nl
    >>> runs = nl.load_results("placement_lr")
    >>> runs.table(rows="placement", columns="lr").rows[0]
    'post'
    """
    path = PUBLISHED / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in PUBLISHED.glob("*.json")))
        raise ValueError(f"no published results {name!r}: there are {known or 'none'}.")
    return Runs.load(path)
