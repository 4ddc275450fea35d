"""On what a benchmark ran."""

import platform
import re
from pathlib import Path


def processor():
    """The processor's name, as far as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    cpu = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return cpu[1] if cpu else platform.processor()
