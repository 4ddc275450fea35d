"""The notebooks that readers get: clean, complete, and running in an environment of their own."""

import os
import re
import shlex
import subprocess
import sys
import venv
from pathlib import Path

import nbformat
import pytest
from ipywidgets import Widget

from chapters import PAGES, cells
from extensions import extension
from normlib import widgets
from notebooks import leaks

installs_itself = extension("nbexport").installs_itself
ROOT = Path(__file__).parents[2]
COLAB = ROOT / "tests" / "fixtures" / "colab_2026-08-19.txt"
VIEW = "application/vnd.jupyter.widget-view+json"
STATE = VIEW.replace("view", "state")
EXECUTABLE = [path for path in PAGES if cells(path)]
notebooks = pytest.mark.parametrize("path", EXECUTABLE, ids=lambda p: p.stem)


@pytest.fixture
def notebook(book):
    """Read the exported notebook of a page."""
    return lambda path: nbformat.read(book / "notebooks" / f"{path.stem}.ipynb", as_version=4)


def test_every_executable_page_has_a_notebook_and_nothing_else_has(book):
    written = {path.stem for path in (book / "notebooks").glob("*.ipynb")}
    assert written == {path.stem for path in EXECUTABLE}


@notebooks
def test_a_notebook_has_no_trace_of_the_books_markup(notebook, path):
    assert leaks(notebook(path)) == []


@notebooks
def test_a_notebook_holds_every_cell_that_is_the_readers(notebook, path):
    code = [cell.source for cell in notebook(path).cells if cell.cell_type == "code"]
    not_live = {"book-only", "solution"}
    live = [cell.source for cell in cells(path) if not not_live & set(cell.tags)]
    wheel = re.search(r"normlib @ (\S+whl)", "".join(code[:1]))  # where the book has a site
    assert code == [installs_itself(source, wheel[1] if wheel else "") for source in live]
    text = "\n".join(c.source for c in notebook(path).cells if c.cell_type == "markdown")
    for cell in cells(path):
        assert (cell.source in text) == ("solution" in cell.tags)


def test_a_link_to_another_chapter_opens_its_notebook_where_the_book_has_no_site(notebook):
    place = extension("repository")
    linked = set()
    for path in EXECUTABLE:
        text = "\n".join(c.source for c in notebook(path).cells if c.cell_type == "markdown")
        linked |= set(re.findall(r"""(?:\]\(|href=")(\w+)\.ipynb[)"]""", text))
    if place.address(os.environ, place.origin()).site:
        assert linked == set()
    else:
        assert {path.stem for path in EXECUTABLE} >= linked >= {"01_what_goes_wrong", "conventions"}


@notebooks
def test_a_notebook_is_stored_without_outputs(notebook, path):
    for cell in notebook(path).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def run_and_saved(figures):
    """A notebook with these figures as outputs and their state, as JupyterLab saves it."""
    notebook = nbformat.v4.new_notebook()
    for figure in figures:
        data, metadata = figure._repr_mimebundle_()
        assert VIEW in data
        output = nbformat.v4.new_output("execute_result", data, metadata=metadata)
        notebook.cells.append(nbformat.v4.new_code_cell("figure", outputs=[output]))
    notebook.metadata["widgets"] = {STATE: Widget.get_manager_state()}
    return notebook


def test_the_html_that_the_readme_makes_of_a_notebook_is_not_blank_without_a_network(
    browser, tmp_path
):
    figures = [getattr(widgets, name)() for name in widgets.__all__]
    nbformat.write(run_and_saved(figures), tmp_path / "NOTEBOOK.ipynb")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    words = shlex.split(re.search(r"`jupyter (nbconvert .*?)`", readme)[1])
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto((tmp_path / "NOTEBOOK.html").as_uri())
    for figure in figures:
        output = page.locator(".jp-OutputArea-output", has_text=figure._alt)
        assert output.is_visible()
        assert output.locator("img").evaluate("(img) => img.decode().then(() => img.width)") > 300
    context.close()


def environment(folder, constraints, *packages):
    """The Python of a fresh environment: normlib, what the notebooks import, what runs them."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet", "-c", constraints]
    packages = [f"{ROOT}[chapters]", "ipykernel", "nbclient", *packages]
    subprocess.run([*install, *packages], check=True)
    return python


@pytest.fixture(scope="session")
def of_today(tmp_path_factory):
    """The versions that the book is built with."""
    return environment(tmp_path_factory.mktemp("reader"), ROOT / "constraints.txt")


@pytest.fixture(scope="session")
def of_colab(tmp_path_factory):
    """Colab's versions of everything but PyTorch, of which only ours is a wheel without CUDA."""
    recorded = COLAB.read_text(encoding="utf-8")
    newest = re.search(r"Python (\d+)\.(\d+)", recorded)
    if sys.version_info[:2] > tuple(map(int, newest.groups())):
        pytest.skip("this Python is newer than Colab's, whose packages have no wheels for it")
    ours = re.findall(r"(?m)^torch==.*$", (ROOT / "constraints.txt").read_text(encoding="utf-8"))
    theirs = re.findall(r"(?m)^(?!setuptools)[\w.-]+==.*$", recorded)  # our PyTorch's is newer
    folder = tmp_path_factory.mktemp("colab")
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(theirs + ours), encoding="utf-8")
    python = environment(folder / "env", constraints, "pytest", "hypothesis")
    freeze = subprocess.check_output([python, "-m", "pip", "freeze"], text=True).splitlines()
    for name in ("numpy", "matplotlib", "ipywidgets", "ipython", "ipykernel", "anywidget"):
        (version,) = [line for line in theirs if line.startswith(f"{name}==")]
        assert version in freeze
    return python


# Prints what the kernel took: its seconds at work, its megabytes at most; and what it showed live.
RUN = f"""
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
used = "import resource as r; u = r.getrusage(0); print(u.ru_utime, u.ru_maxrss // 1024)"
notebook.cells.append(nbformat.v4.new_code_cell(used))
nbclient.NotebookClient(notebook, timeout=600).execute()
outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
shown = [o for o in outputs if "{VIEW}" in o.get("data", ())]
print(outputs[-1].text.strip(), len(shown))
"""


def run(python, notebook, folder):
    """The megabytes that a notebook takes, and the figures and panels that it shows."""
    command = [python, "-c", RUN, notebook]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    seconds, megabytes, shown = done.stdout.split()
    print(f"\n{notebook.stem}: {float(seconds):.0f} s, {megabytes} MB")
    return int(megabytes), int(shown)


def live(path):
    """How many interactive figures and panels a page shows."""
    names = "|".join([*widgets.__all__, "playground"])
    return sum(bool(re.search(rf"(?m)^({names})\(", cell.source)) for cell in cells(path))


@pytest.mark.slow
@notebooks
@pytest.mark.parametrize("place", ["of_today", "of_colab"])
def test_a_notebook_runs_from_top_to_bottom_on_its_own(book, path, place, request, tmp_path):
    python = request.getfixturevalue(place)
    notebook = book / "notebooks" / f"{path.stem}.ipynb"
    megabytes, shown = run(python, notebook, tmp_path)
    assert megabytes <= 1000
    assert shown == live(path)


@pytest.mark.slow
def test_the_panel_works_on_colab(of_colab):
    command = [of_colab, "-m", "pytest", "-q", "tests/gpt/test_playground.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\d+ passed", done.stdout)
    assert "skipped" not in done.stdout
