"""Runs, as training returns them and as the published files hold them. NumPy only."""

from normlib.results.runs import Run, Runs, Table, load_results
from normlib.results.tables import in_words

__all__ = ["Run", "Runs", "Table", "in_words", "load_results"]
