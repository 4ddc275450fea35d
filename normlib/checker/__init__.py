"""Exercises that name the reader's mistake: `check` and what it is made of."""

from normlib.checker.ladder import check
from normlib.checker.model import Exercise, Slip
from normlib.checker.report import Report

__all__ = ["Exercise", "Report", "Slip", "check"]
