"""Which norm real language models use, and where: a table of plain values."""

import csv
import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
HEADERS = {
    "model": "model",
    "year": "year",
    "norm": "norm",
    "placement": "placement",
    "qk_norm": "QK-norm",
    "scale": "scale, bias",
    "eps": "eps",
}


class RealModel(NamedTuple):
    """A language model and its norms.

    Parameters
    ----------
    model : str
        Its name; one row for each design of its block.
    year : int
        Of its release.
    norm : {"LayerNorm", "RMSNorm"}
        Of the residual stream.
    placement : {"post", "pre", "parallel", "peri", "reordered"}
        As in `GPTConfig`, DeepNorm counted as ``post``; ``parallel`` is
        ``x = x + f(N(x)) + g(N(x))``.
    qk_norm : {"no", "optional", "per head", "all heads", "latent"}
        Whether queries and keys are normalized.
    scale : {"γ, β", "γ", "1 + γ", "1 + γ, β", "none"}
        What the normalized token is multiplied by, and whether there is a bias.
    eps : float or None
        Default of its configuration; a checkpoint may set another. None where it is not known.
    remark : str
        What else is special.
    source : str
        Folder ``models/…`` of Hugging Face's transformers, or empty if it has no class there.
    """

    model: str
    year: int
    norm: str
    placement: str
    qk_norm: str
    scale: str
    eps: float | None
    remark: str
    source: str


def load_real_models() -> list[RealModel]:
    """Read the table that ships with the library.

    Returns
    -------
    list of RealModel
        By year.

    Examples
    --------
    >>> from normlib.gpt.real_models import load_real_models
    >>> models = {row.model: row for row in load_real_models()}
    >>> models["GPT-2"].placement, models["Gemma 2"].placement
    ('pre', 'peri')
    """
    with open(FOLDER / "real_models.csv", encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    for row in rows:
        row["year"] = int(row["year"])
        row["eps"] = float(row["eps"]) if row["eps"] else None
    return [RealModel(**row) for row in rows]


class ModelTable:
    """Show rows as a table that can be sorted and searched, in a notebook and in the book.

    Parameters
    ----------
    rows : list of RealModel
        What to show.
    """

    def __init__(self, rows: Iterable[RealModel]) -> None:
        self.rows = list(rows)

    def __repr__(self) -> str:
        return "\n".join("  ".join(str(value) for value in row[:7]) for row in self.rows)

    def _repr_html_(self):
        head = "".join(f'<th scope="col">{text}</th>' for text in HEADERS.values())
        body = "\n".join(f"<tr>{''.join(_cells(row))}</tr>" for row in self.rows)
        page = (FOLDER / "real_models.html").read_text(encoding="utf-8")
        return page.replace("<!-- head -->", head).replace("<!-- body -->", body)


def _cells(row):
    notes = [f"<code>{row.source}</code>"] if row.source else []
    notes += [html.escape(row.remark)] if row.remark else []
    yield f'<th scope="row">{html.escape(row.model)}<small>{" · ".join(notes)}</small></th>'
    for name in list(HEADERS)[1:]:
        value = getattr(row, name)
        text = f"<code>{_eps(value)}</code>" if name == "eps" else html.escape(str(value))
        number = f' data-value="{value or 0}"' if name in ("year", "eps") else ""
        yield f"<td{number}>{text}</td>"


def _eps(value):
    return "unknown" if value is None else f"{value:g}".replace("e-0", "e-")
