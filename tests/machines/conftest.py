"""What holds here must hold elsewhere: with other kernels, for other seeds, on other texts.

Each case is a process of its own, with its settings in the environment.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def python():
    """python("-c", "…", VARIABLE="value") runs this Python in the project's folder."""

    def run(*arguments, **variables):
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        env = os.environ | {"PYTHONPATH": str(ROOT)} | one_thread | variables
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)

    return run
