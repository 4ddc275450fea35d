"""The clinic: probes that tell what a layer of unknown kind does, and patients to try them on."""

from normlib.clinic.examination import diagnose
from normlib.clinic.report import Diagnosis
from normlib.clinic.ward import BUGS, KINDS, examine, name, source

__all__ = ["BUGS", "KINDS", "Diagnosis", "diagnose", "examine", "name", "source"]
