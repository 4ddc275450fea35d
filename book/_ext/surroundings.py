"""Keep a reader's own settings out of the book: the same source gives the same pages anywhere.

The kernels inherit the environment that is set here. It comes before the other extensions, since
Matplotlib and docutils look at theirs once, when they are first used.
"""

import json
import os
import sys
from pathlib import Path

from ipykernel.kernelspec import KERNEL_NAME, get_kernel_dict

ROOT = Path(__file__).parents[2]
# Where Python finds packages is no matter of taste; PYTHONOPTIMIZE, which strips assertions, is.
FIND_PACKAGES = {"PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONPATH", "PYTHONUSERBASE"}


def of_a_reader(name):
    """Whether a variable changes how Python or Matplotlib behave, as warnings and backends do."""
    python = name.startswith("PYTHON") and name not in FIND_PACKAGES
    return python or name in {"MATPLOTLIBRC", "MPLBACKEND"}


def use_settings_of_its_own(folder):
    """Put settings into a folder of the build, and point the environment to them."""
    for name in filter(of_a_reader, list(os.environ)):
        del os.environ[name]
    # The library beside this book, not one that was installed or lies on a reader's path.
    sys.path.insert(0, str(ROOT))
    path = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ |= {
        "DOCUTILSCONFIG": "",  # no ~/.docutils
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PATH": str(folder / "jupyter"),
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "PYTHONUTF8": "1",
    }
    profile = folder / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    # Else every kernel warns that it talks to this machine's own processes without encryption.
    (profile / "ipython_kernel_config.py").write_text("c.IPKernelApp.log_level = 40\n")
    # A reader's kernel of the same name may be another Python.
    kernel = folder / "jupyter" / "kernels" / KERNEL_NAME
    kernel.mkdir(parents=True, exist_ok=True)
    (kernel / "kernel.json").write_text(json.dumps(get_kernel_dict()))
    # Lists this machine's fonts if there is no list yet; a kernel that had to would print so.
    import matplotlib.font_manager  # noqa: F401


def setup(app):
    use_settings_of_its_own(Path(app.outdir).parent / "settings")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
