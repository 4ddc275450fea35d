"""What `diagnose` found, and the small table that shows it as text and as HTML."""

from dataclasses import dataclass
from html import escape

from normlib.digits import readable

ACCENT = "#6d28d9"  # beside it stand words that say the same


def in_short(value):
    """A finding without the size of an influence."""
    return "yes" if value.startswith("yes") else value


@dataclass(frozen=True, repr=False)
class Chart:
    """Findings in rows; with two columns, rows in which they differ are marked."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # of (finding, value of the first column, …)

    def marked(self, row: tuple[str, ...]) -> bool:
        """Whether the columns of a row differ; not where they say yes of different sizes."""
        return len({in_short(value) for value in row[1:]}) > 1

    def __repr__(self) -> str:
        rows = [("", *self.columns), *self.rows] if len(self.columns) > 1 else [*self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = []
        for row in rows:
            cells = "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
            mark = "▸" if row[0] and self.marked(row) else " "
            lines.append(f"{mark} {cells}")
        return "\n".join([self.title, *lines])

    def _repr_html_(self):
        # The background and the color of the text are those of the page, light or dark.
        cell = "text-align:left;padding:0.1em 1em 0.1em 0;vertical-align:top"
        head = ""
        if len(self.columns) > 1:
            names = "".join(
                f'<th scope="col" style="{cell}">{escape(c)}</th>' for c in self.columns
            )
            head = f'<thead><tr><td style="{cell}"></td>{names}</tr></thead>'
        body = "".join(self._html_row(row, cell) for row in self.rows)
        return (
            f'<div style="border-left:4px solid {ACCENT};padding:0.2em 0.8em;margin:0.4em 0;'
            f'overflow-x:auto" tabindex="0" role="region" aria-label="{escape(self.title)}">'
            f"<strong>{escape(self.title)}</strong>"
            f'<table style="border-collapse:collapse;margin:0.3em 0;font-size:0.9em">'
            f"{head}<tbody>{body}</tbody></table></div>"
        )

    def _html_row(self, row, cell):
        marked = self.marked(row)
        name = ("▸ " if marked else "") + escape(row[0])
        weight = "bold" if marked else "normal"
        values = "".join(f'<td style="{cell}">{escape(value)}</td>' for value in row[1:])
        return f'<tr><th scope="row" style="{cell};font-weight:{weight}">{name}</th>{values}</tr>'


@dataclass(frozen=True, repr=False)
class Diagnosis:
    r"""What `diagnose` found. None stands for what was not asked or cannot be told.

    Parameters
    ----------
    name : str
        Of the layer.
    other_samples, other_samples_eval : float
        How far the first sample's output moves when another sample of the batch is exchanged, in
        training and in evaluation, in standard deviations of the output. 0.0: not at all.
    future_leak, past : float
        How far the outputs of earlier positions move when the last one is exchanged, and those of
        later positions when the first one is.
    other_features : float
        How far the other features of a token move when one of them changes.
    axes, together : tuple of str, int
        Along which axes numbers influence each other, and how many move together.
    train_eval_gap : float
        The largest difference between the two modes.
    buffers, buffers_eval : tuple of str
        Which buffers a call moves, in training and in evaluation.
    buffer_share : float
        The weight of a new batch in running averages, torch's momentum.
    random : bool
        Whether chance takes part in training, as with dropout.
    forgets_shift, forgets_scale, forgets_sign : bool
        Whether ``x + c``, ``c * x`` with c > 0, and ``-x`` have the output of x.
    divides_by : str
        "n" or "n − 1", if the outputs have the size that one of them gives.
    eps, eps_place : float, str
        What is added to the variance ("inside") or to its root ("outside").
    zeros, large_mean, float16 : str
        "fine", "wrong", "nan" or "refused": on zeros, in float32 with a mean of 10⁴, and in float16
        with numbers of some hundreds. A layer that computes in half precision itself is not asked
        for the mean of 10⁴.
    not_finite : float
        Which share of the output on x is nan or infinite; then it is the first row, and what is
        forgotten and ε are not asked for.
    changes_input : bool
        Whether the array that it was given is another afterwards.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> found = nl.diagnose(nl.LayerNorm(6), np.random.default_rng(0).normal(size=(3, 4, 6)))
    >>> found.axes, found.future_leak, found.divides_by
    (('feature',), 0.0, 'n')
    """

    name: str
    other_samples: float
    other_samples_eval: float
    train_eval_gap: float
    buffers: tuple[str, ...]
    buffers_eval: tuple[str, ...]
    random: bool
    changes_input: bool
    not_finite: float = 0.0
    buffer_share: float | None = None
    future_leak: float | None = None
    past: float | None = None
    other_features: float | None = None
    axes: tuple[str, ...] | None = None
    together: int | None = None
    forgets_shift: bool | None = None
    forgets_scale: bool | None = None
    forgets_sign: bool | None = None
    divides_by: str | None = None
    eps: float | None = None
    eps_place: str | None = None
    zeros: str | None = None
    large_mean: str | None = None
    float16: str | None = None

    def rows(self) -> list[tuple[str, str]]:
        """Findings in words: (finding, value) pairs, without those that were not asked."""
        buffers = [*self.buffers, *(f"{b} (evaluation too)" for b in self.buffers_eval)]
        share = f"nan or infinite, {self.not_finite:.0%} of them"
        rows = [
            ("numbers of the output on your x", share if self.not_finite else None),
            ("another sample matters, training", _moves(self.other_samples)),
            ("another sample matters, evaluation", _moves(self.other_samples_eval)),
            ("a later position matters", _moves(self.future_leak)),
            ("an earlier position matters", _moves(self.past)),
            ("another feature matters", _moves(self.other_features)),
            ("numbers move together along", self._sharing()),
            ("training and evaluation differ", _moves(self.train_eval_gap)),
            ("buffers that move", ", ".join(buffers) or "none"),
            ("a new batch's share in them", self._share()),
            ("chance takes part", _yes(self.random)),
            ("forgets a shift", _yes(self.forgets_shift)),
            ("forgets a positive factor", _yes(self.forgets_scale)),
            ("forgets the sign", _yes(self.forgets_sign)),
            ("variance divided by", self._divisor()),
            ("ε", self._epsilon()),
            ("zeros", self.zeros),
            ("float32, mean 10⁴", self.large_mean),
            ("float16, numbers of some hundreds", self.float16),
            ("changes its input", _yes(self.changes_input)),
        ]
        return [row for row in rows if row[1] is not None]

    def _sharing(self):
        if self.axes is None:
            return None
        return f"{', '.join(self.axes)} ({self.together} numbers)" if self.axes else "none"

    def _share(self):
        return None if self.buffer_share is None else f"{self.buffer_share:.2g}"

    def _divisor(self):
        return None if self.forgets_scale is None else self.divides_by or "cannot be told"

    def _epsilon(self):
        if self.forgets_scale is None:
            return None
        if self.eps is None:
            return "cannot be told"
        if self.eps == 0:
            return "none"
        place = {"inside": "inside the root", "outside": "outside the root"}
        return f"{readable(self.eps, '.2g')}, {place.get(self.eps_place, 'place unclear')}"

    def _chart(self):
        return Chart(self.name, (self.name,), tuple(self.rows()))

    def __repr__(self) -> str:
        return repr(self._chart())

    def _repr_html_(self):
        return self._chart()._repr_html_()


def _moves(size):
    if size is None:
        return None
    return f"yes ({size:.2g})" if size else "no"


def _yes(fact):
    return None if fact is None else "yes" if fact else "no"
