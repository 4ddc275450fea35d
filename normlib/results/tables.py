"""Tables of runs, in text and in HTML, in which nothing that diverged is dropped."""

import html
import math
from dataclasses import dataclass

import numpy as np

from normlib.digits import digits_behind, mean_sd, readable

NO_BREAK = "\N{NO-BREAK SPACE}"
# What a field and what stands in one are called in a table; the others by their own names.
WORDS = {
    "clip": "gradient clipping",
    "dyt": "DyT",
    "init": "initialization",
    "layernorm": "LayerNorm",
    "lr": "learning rate",
    "n_embd": "width",
    "n_layer": "layers",
    "qk_norm": "QK-norm",
    "rmsnorm": "RMSNorm",
    "val_loss": "validation loss",
    "warmup": "warm-up",
    "xavier": "Xavier",
    "gpt2": "GPT-2",
    "True": "yes",
    "False": "no",
    "None": "none",
}


def in_words(name: object) -> str:
    """Return the word for a field of a run, or for what stands in one, for tables and figures.

    Parameters
    ----------
    name : object
        Such as ``"lr"``, ``"rmsnorm"`` or True.

    Returns
    -------
    str

    Examples
    --------
    >>> from normlib.results import in_words
    >>> in_words("lr"), in_words("rmsnorm"), in_words("grad_norm")
    ('learning rate', 'RMSNorm', 'grad norm')
    """
    text = str(name)
    return WORDS.get(text, readable(text.replace("_", " ")))


@dataclass(frozen=True)
class Cell:
    """Mean and standard deviation of the runs that did not diverge, and both counts."""

    mean: float
    sd: float
    n: int
    diverged: int

    def __str__(self) -> str:
        return self.text()

    def text(self, places: int | None = None) -> str:
        """Return ``mean ± sd (n)``, with that many digits behind the point."""
        if self.n == 0:
            return "–"
        if self.n == self.diverged:
            return f"diverged {self.diverged}/{self.n}"
        lost = f", diverged {self.diverged}/{self.n}" if self.diverged else f" ({self.n})"
        return mean_sd(self.mean, self.sd, places) + lost


def cell(runs, value):
    """Summarize some runs; the sample standard deviation, so nan for fewer than two."""
    numbers = [run[value] for run in runs if not run.diverged]
    for number in numbers:
        if number is None:
            raise TypeError(
                f"value must be a number in every run that did not diverge, {value!r} holds None: "
                "leave those runs out, or take another field."
            )
        if not isinstance(number, (int, float)):
            raise TypeError(
                f"value must be a field that is a number, {value!r} holds {number!r:.40}: "
                "try 'val_loss'."
            )
    mean = float(np.mean(numbers)) if numbers else math.nan
    sd = float(np.std(numbers, ddof=1)) if len(numbers) > 1 else math.nan
    return Cell(mean, sd, len(runs), sum(run.diverged for run in runs))


@dataclass(frozen=True)
class Table:
    """A table of cells: ``mean ± sd (n)``, and the diverged counted.

    `over` names what else varies within a cell: the standard deviation is over all of it.
    """

    row_name: str
    column_name: str
    value: str
    over: list[str]
    rows: list
    columns: list
    cells: list[list[Cell]]

    @property
    def title(self) -> str:
        """What the cells hold."""
        over = f", over {', '.join(map(in_words, self.over))}" if self.over else ""
        return f"{in_words(self.value)}, mean ± sd (n){over}"

    @property
    def means(self) -> np.ndarray:
        """The means as an array (rows, columns); nan where all runs diverged."""
        return np.array([[c.mean for c in row] for row in self.cells])

    def _texts(self):
        """The cells with equally many digits, where one number of digits can serve them all."""
        worth = [digits_behind(c.sd) for row in self.cells for c in row if c.sd > 0]
        places = max(worth) if worth and max(worth) - min(worth) <= 2 else None
        return [[c.text(places) for c in row] for row in self.cells]

    def __repr__(self) -> str:
        corner = f"{in_words(self.row_name)} \\ {in_words(self.column_name)}"
        lines = [[corner, *map(in_words, self.columns)]] + [
            [in_words(name), *row] for name, row in zip(self.rows, self._texts(), strict=True)
        ]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = ("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines)
        return "\n".join([self.title, *(line.rstrip() for line in text)])

    def _repr_html_(self):
        across = (
            f'<th scope="colgroup" colspan="{len(self.columns)}">{_html(self.column_name)}</th>'
        )
        head = "".join(f'<th scope="col">{_html(name)}</th>' for name in self.columns)
        body = "".join(
            f'<tr><th scope="row">{_html(name)}</th>{"".join(map(_td, row))}</tr>'
            for name, row in zip(self.rows, self._texts(), strict=True)
        )
        return (
            f"<table><caption>{html.escape(self.title)}</caption><thead><tr><td></td>{across}</tr>"
            f'<tr><th scope="col">{_html(self.row_name)}</th>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table>"
        )


def _html(name):
    return html.escape(in_words(name))


def _td(text):
    """A cell that breaks before the diverged runs and nowhere else."""
    return f"<td>{text.replace(' ', NO_BREAK).replace(',' + NO_BREAK, ', ')}</td>"
