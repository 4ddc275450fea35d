"""Run the notebooks once per content, as many at a time as there are cores.

Jupyter Cache knows a notebook by its code cells alone, so a change in normlib would leave old
outputs in the book. Here the cache lives in a folder named after the library's own content.

With BOOK_EXECUTE=off nothing is run, and computed numbers become "…": for notebooks in a hurry.
"""

import hashlib
import os
import re
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.executors import load_executor
from sphinx.util import logging

log = logging.getLogger(__name__)
ROOT = Path(__file__).parents[2]


def use_cache_of_this_code(app, config):
    if os.environ.get("BOOK_EXECUTE") == "off":
        config.nb_execution_mode = "off"
    code = hashlib.sha256((ROOT / "constraints.txt").read_bytes())
    for file in sorted((ROOT / "normlib").rglob("*")):
        if file.suffix in {".py", ".js", ".css", ".json", ".csv", ".html"}:
            code.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    config.nb_execution_cache_path = str(ROOT / "_build" / "executed" / code.hexdigest()[:12])


def leave_numbers_out(app, docname, source):
    if app.config.nb_execution_mode == "off":
        source[0] = re.sub(r"\{glue:\w*\}`[^`]*`", "…", source[0])


def run_notebooks(app, env, docnames):
    """Fill the cache in parallel; myst-nb then finds every notebook in it."""
    if app.config.nb_execution_mode != "cache":
        return
    cache = get_cache(app.config.nb_execution_cache_path)
    paths = [Path(env.doc2path(name)) for name in docnames]
    notebooks = [path for path in paths if "\nkernelspec:" in path.read_text(encoding="utf-8")]
    for path in notebooks:
        cache.add_nb_to_project(str(path), read_data={"name": "myst_nb_md", "type": "plugin"})
    if notebooks:
        log.info("running what is new of %d notebooks: a few minutes where all are", len(notebooks))
    executor = load_executor("local-parallel", cache)
    executor.run_and_cache(timeout=app.config.nb_execution_timeout)


def use_settings_of_its_own():
    """Keep a reader's own IPython settings out of the book; the kernels inherit the variable."""
    folder = ROOT / "_build" / "ipython"
    profile = folder / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    # Else every kernel warns that it talks to this machine's own processes without encryption.
    (profile / "ipython_kernel_config.py").write_text("c.IPKernelApp.log_level = 40\n")
    os.environ["IPYTHONDIR"] = str(folder)


def setup(app):
    os.environ["NORMLIB_QUIET"] = "1"  # the kernels inherit it: no lines of progress in the book
    use_settings_of_its_own()
    app.connect("config-inited", use_cache_of_this_code, priority=100)
    app.connect("source-read", leave_numbers_out)
    app.connect("env-before-read-docs", run_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
