"""Tables of runs, in text and in HTML, in which nothing that diverged is dropped."""

import html
import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Cell:
    """Mean and standard deviation of the runs that did not diverge, and both counts."""

    mean: float
    sd: float
    n: int
    diverged: int

    def __str__(self) -> str:
        if self.n == 0:
            return "–"
        if self.n == self.diverged:
            return f"diverged {self.diverged}/{self.n}"
        spread = "" if math.isnan(self.sd) else f" ± {self.sd:.3g}"
        lost = f", diverged {self.diverged}/{self.n}" if self.diverged else f" ({self.n})"
        return f"{self.mean:.4g}{spread}{lost}"


def cell(runs, value):
    """Summarize some runs; the sample standard deviation, so nan for fewer than two."""
    numbers = [run[value] for run in runs if not run.diverged]
    for number in numbers:
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
        over = f", over {', '.join(self.over)}" if self.over else ""
        return f"{self.value}, mean ± sd (n){over}"

    @property
    def means(self) -> np.ndarray:
        """The means as an array (rows, columns); nan where all runs diverged."""
        return np.array([[c.mean for c in row] for row in self.cells])

    def __repr__(self) -> str:
        head = [f"{self.row_name} \\ {self.column_name}", *map(str, self.columns)]
        lines = [head] + [
            [str(name), *map(str, row)] for name, row in zip(self.rows, self.cells, strict=True)
        ]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = ("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines)
        return "\n".join([self.title, *(line.rstrip() for line in text)])

    def _repr_html_(self):
        def th(text, scope):
            return f'<th scope="{scope}">{html.escape(str(text))}</th>'

        head = "".join(th(c, "col") for c in self.columns)
        corner = th(f"{self.row_name} \\ {self.column_name}", "col")
        body = "".join(
            f"<tr>{th(name, 'row')}" + "".join(f"<td>{c}</td>" for c in row) + "</tr>"
            for name, row in zip(self.rows, self.cells, strict=True)
        )
        caption = f"<caption>{html.escape(self.title)}</caption>"
        return (
            f"<table>{caption}<thead><tr>{corner}{head}</tr></thead><tbody>{body}</tbody></table>"
        )
