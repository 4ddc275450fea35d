"""Where a result comes from: versions, corpus, device, commit, date."""

import datetime
import functools
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch

import normlib
from normlib.gpt.data import Text


def provenance(text: Text, device: torch.device) -> dict[str, Any]:
    """All that another would need to make the same numbers again."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
            "normlib": normlib.__version__,
        },
        "corpus": {"name": text.name, "sha256": text.sha256, "vocab_size": text.vocab_size},
        "device": f"{device.type} ({name})",
        "threads": torch.get_num_threads(),
        "platform": platform.system(),
        **_commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


@functools.cache
def _commit():
    """Return the commit of the library and whether it was changed since; None if unknown."""
    folder = Path(normlib.__file__).parent
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        dirty = bool(changed_files(folder))
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": dirty}


def changed_files(folder):
    """Lines of ``git status`` for the Python files there: what decides a result, not results."""
    return _git(folder, "status", "--porcelain", "--", "*.py").splitlines()


def _git(folder, *args):
    command = ["git", "-C", str(folder), *args]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
