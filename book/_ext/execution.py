"""Run the notebooks once per content, as many at a time as there are cores.

Jupyter Cache knows a notebook by its code cells alone, so a change in normlib would leave old
outputs in the book. Here the cache lives in a folder named after the library's own content.

With BOOK_EXECUTE=off nothing is run, and computed numbers become "…": for notebooks in a hurry.
"""

import hashlib
import logging
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.executors.basic import ExecutionWorkerLocalSerial, ProcessData
from sphinx.util.logging import getLogger

log = getLogger(__name__)
ROOT = Path(__file__).parents[2]
# What fails is run once more by myst-nb, which says where and why.
silent = logging.Logger("notebooks", level=logging.CRITICAL)


def use_cache_of_this_code(app, config):
    if os.environ.get("BOOK_EXECUTE") == "off":
        config.nb_execution_mode = "off"
    code = hashlib.sha256((ROOT / "constraints.txt").read_bytes())
    for file in sorted((ROOT / "normlib").rglob("*")):
        # Scripts and styles of the figures are no part of what a cell shows, see figures.py.
        if file.suffix in {".py", ".json", ".csv", ".html"}:
            code.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    folder = Path(app.outdir).parent / "executed" / code.hexdigest()[:12]
    config.nb_execution_cache_path = str(folder)


def leave_numbers_out(app, docname, source):
    if app.config.nb_execution_mode == "off":
        source[0] = re.sub(r"\{glue:\w*\}`[^`]*`", "…", source[0])


def whole(cache):
    """Whether all in the cache can be read; a full disk or a power cut may have torn a file."""
    try:
        for record in cache.list_cache_records():
            cache.get_cache_bundle(record.pk)
    except Exception:
        return False
    return True


@contextmanager
def interrupted_at_once():
    """Let Ctrl-C end this process as SIGTERM does, without waiting for the notebooks.

    The kernels are this process's own children: each looks for its parent once a second, and goes.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def run_notebooks(app, env, docnames):
    """Fill the cache in parallel; myst-nb then finds every notebook in it."""
    if app.config.nb_execution_mode != "cache":
        return
    paths = [Path(env.doc2path(name)) for name in docnames]
    notebooks = [path for path in paths if "\nkernelspec:" in path.read_text(encoding="utf-8")]
    if not notebooks:
        return
    cache = get_cache(app.config.nb_execution_cache_path)
    if not whole(cache):
        cache.clear_cache()
    read = {"name": "myst_nb_md", "type": "plugin"}
    records = [cache.add_nb_to_project(str(path), read_data=read) for path in notebooks]
    # Only these: the cache remembers pages that are gone, or were built in another folder.
    new = cache.list_unexecuted(filter_pks=[record.pk for record in records])
    if new:
        log.info("notebooks to run: %d; a few minutes where all are new", len(new))
    timeout = app.config.nb_execution_timeout
    jobs = [ProcessData(record.pk, record.uri, cache, timeout, False) for record in new]
    # Threads, because they end with this process; worker processes would run on without it.
    with interrupted_at_once(), ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(ExecutionWorkerLocalSerial(silent), jobs))


def setup(app):
    os.environ["NORMLIB_QUIET"] = "1"  # the kernels inherit it: no lines of progress in the book
    app.connect("config-inited", use_cache_of_this_code, priority=100)
    app.connect("source-read", leave_numbers_out)
    app.connect("env-before-read-docs", run_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
