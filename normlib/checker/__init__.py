"""Exercises that name the reader's mistake: `check` and what it is made of."""

from normlib.checker.checking import check
from normlib.checker.model import Exercise, Probe, Slip
from normlib.checker.report import Report

__all__ = ["Exercise", "Probe", "Report", "Slip", "check"]
