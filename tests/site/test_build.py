"""`make` on any machine: a failure stays one, a reader's settings stay out, nothing runs on."""

import json
import os
import re
import signal
import sys
import time
from contextlib import suppress

import psutil
import pytest

from small_book import make, notebook, page, start, write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no make")

FIGURES = notebook(
    "import matplotlib.pyplot as plt\n"
    "from normlib import plots\n"
    "plots.use_style()\n"
    "plt.plot([1, -2])\n"
    "plt.title('A title')\n"
    "plt.show()",
    "from normlib.widgets import PrecisionLab\nPrecisionLab()",
    "print(__debug__)",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A book that was built without a complaint."""
    book = write(tmp_path_factory.mktemp("built"), figures=FIGURES)
    passed, said = make(book)
    assert passed, said
    return book


# Ids that are drawn by lot, and a checksum that a page has only from its second build on.
CHANGES = re.compile(
    r'(?s)<script type="application/vnd.jupyter.widget-state\+json">.*?</script>|\?v=\w+'
)


def pages_of(book):
    """The pages and pictures that readers get."""
    html = book / "_build" / "html"
    files = [*html.rglob("*.html"), *html.glob("_images/*")]
    return {p.relative_to(html): CHANGES.sub("", p.read_text(encoding="utf-8")) for p in files}


@pytest.mark.slow
def test_what_failed_fails_again_until_it_is_mended(tmp_path):
    book = write(tmp_path, cell=notebook("print(1 / 0)"), link="# Links\n\nSee [](#nowhere).\n")
    for _ in range(2):
        passed, said = make(book)
        assert not passed
        assert "Executing notebook failed" in said
        assert "cross-reference target not found: 'nowhere'" in said
        assert "The book is ready" not in said
    page(book, "cell").write_text(notebook("print(6 * 7)"), encoding="utf-8")
    page(book, "link").write_text("# Links\n", encoding="utf-8")
    passed, said = make(book)
    assert passed, said
    assert "The book is ready" in said
    assert "42" in (book / "_build" / "html" / "book" / "cell.html").read_text(encoding="utf-8")


def test_a_book_that_is_ready_is_not_read_again(built):
    passed, said = make(built)
    assert passed
    assert "0 added, 0 changed, 0 removed" in said
    assert "no targets are out of date" in said


@pytest.mark.slow
def test_what_a_full_disk_left_in_the_cache_is_run_again(built):
    (stored,) = built.glob("_build/executed/*/executed/*/base.ipynb")
    whole = stored.read_text(encoding="utf-8")
    stored.write_text(whole[:100], encoding="utf-8")
    page(built, "figures").touch()
    passed, said = make(built)
    assert passed, said
    assert len(stored.read_text(encoding="utf-8")) == len(whole)


def settings_of_a_reader(home):
    """Files and variables that would break the small book or change a page of it."""
    kernel = {"argv": ["false"], "display_name": "Mine", "language": "python"}
    files = {
        "matplotlib/matplotlibrc": "no.such.key: 1\naxes.facecolor: red\n",
        "matplotlib/stylelib/mine.mplstyle": "no.such.key: 1\n",
        "matplotlibrc": "no.such.key: 1\ntext.usetex: True\nfont.family: Nowhere\n",
        "jupyter/kernels/python3/kernel.json": json.dumps(kernel),
        "startup.py": "print('hello')\n",
        "path/normlib/__init__.py": "raise RuntimeError('a normlib of the reader')\n",
        "path/execution.py": "raise RuntimeError('a module of the reader')\n",
        ".ipython/profile_default/startup/hello.py": "print('hello')\n",
        ".docutils": "[general]\nid_prefix: mine-\n",
    }
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    return {
        "HOME": str(home),
        "JUPYTER_PATH": str(home / "jupyter"),
        "LC_ALL": "C",
        "MATPLOTLIBRC": str(home / "matplotlibrc"),
        "MPLBACKEND": "module://nowhere",
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "PYTHONOPTIMIZE": "1",
        "PYTHONPATH": str(home / "path"),
        "PYTHONSTARTUP": str(home / "startup.py"),
        "PYTHONWARNINGS": "error",
        "VIRTUAL_ENV": str(home),
    }


def test_neither_settings_of_a_reader_nor_the_name_of_the_folder_change_a_page(built, tmp_path):
    book = write(tmp_path / "Buch für alle", figures=FIGURES)
    font = "font.family: Nowhere\ntext.usetex: True\n"  # Matplotlib looks beside the page first
    (book / "book" / "matplotlibrc").write_text(font, encoding="utf-8")
    passed, said = make(book, **settings_of_a_reader(tmp_path / "home"))
    assert passed, said
    assert pages_of(book) == pages_of(built)


def test_make_starts_its_tools_without_the_python_settings_of_a_reader(tmp_path):
    book = write(tmp_path)
    tool = book / ".venv" / "bin" / "jupyter-book"
    tool.unlink()
    tool.write_text("#!/bin/sh\nenv\n", encoding="utf-8")
    tool.chmod(0o755)
    _, said = make(book, **settings_of_a_reader(tmp_path / "home"))
    assert f"HOME={tmp_path / 'home'}" in said
    assert not re.findall("(?m)^(?:PYTHON|MPLBACKEND|VIRTUAL_ENV).*", said)


WAITS = """
import os, time
from pathlib import Path
Path("kernel").write_text(str(os.getpid()))
while not Path("go").exists():
    time.sleep(0.1)
"""


def kernel_of(making, book):
    """The process that runs the page, as soon as it does."""
    note = book / "book" / "kernel"
    while not note.exists() or not note.read_text():
        assert making.poll() is None, making.communicate()
        time.sleep(0.1)
    return psutil.Process(int(note.read_text()))


@pytest.fixture
def started():
    """For the processes of a build: those that a failed test would leave end with it."""
    processes = []
    yield processes
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            one.kill()


def left_of(processes):
    """Those that are still there after a while, long enough to see that a parent is gone."""
    _, alive = psutil.wait_procs(processes, timeout=20)
    return [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def terminate_make(making):
    making.terminate()


def press_ctrl_c(making):
    os.killpg(making.pid, signal.SIGINT)  # a terminal sends it to all that it started


@pytest.mark.parametrize(
    "end", [press_ctrl_c, pytest.param(terminate_make, marks=pytest.mark.slow)]
)
def test_after_the_end_of_make_nothing_runs_on(end, tmp_path, started):
    book = write(tmp_path, waits=notebook(WAITS))
    making = start(book)
    kernel = kernel_of(making, book)
    started += psutil.Process(making.pid).children(recursive=True)
    assert kernel in started
    end(making)
    said, _ = making.communicate(timeout=20)  # when all that could print has gone
    assert making.returncode != 0
    assert "The book is ready" not in said
    assert left_of(started) == []


@pytest.mark.slow
def test_after_a_build_that_was_killed_all_pages_are_read_again(tmp_path, started):
    book = write(tmp_path, waits="# Later\n")
    passed, said = make(book)
    assert passed, said
    page(book, "waits").write_text(notebook(WAITS), encoding="utf-8")
    making = start(book)
    started.append(kernel_of(making, book))
    started[0].parent().kill()
    making.communicate(timeout=20)
    assert left_of(started) == []
    page(book, "waits").write_text("# Later\n", encoding="utf-8")
    passed, said = make(book)
    assert passed, said
    assert "2 added" in said
