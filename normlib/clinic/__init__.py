"""The clinic: probes that tell what a layer of unknown kind does, and patients to try them on."""

from normlib.clinic.diagnosis import Chart, Diagnosis
from normlib.clinic.examination import diagnose
from normlib.clinic.quiz import BUGS, KINDS, examine, identify, source

__all__ = ["BUGS", "KINDS", "Chart", "Diagnosis", "diagnose", "examine", "identify", "source"]
