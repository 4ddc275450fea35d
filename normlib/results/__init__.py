"""Runs, as training returns them and as the published files hold them. NumPy only."""

from normlib.results.runs import Run, Runs, Table, load_results

__all__ = ["Run", "Runs", "Table", "load_results"]
