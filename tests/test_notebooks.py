"""The notebooks that readers get: clean, complete, and running in an environment of their own."""

import re
import subprocess
import sys
import time
import venv
from pathlib import Path

import nbformat
import pytest
from chapters import PAGES, cells
from extensions import extension
from notebooks import leaks

installs_itself = extension("nbexport").installs_itself
ROOT = Path(__file__).parents[1]
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


@notebooks
def test_a_notebook_is_stored_without_outputs(notebook, path):
    for cell in notebook(path).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """The Python of a fresh environment: normlib, what it imports, and what runs a notebook."""
    folder = tmp_path_factory.mktemp("reader")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt"]
    packages = [f"{ROOT}[chapters]", "ipykernel", "nbclient"]
    subprocess.run([*install, *packages], check=True)
    return python


# Prints how many megabytes the kernel took at most.
RUN = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
peak = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
notebook.cells.append(nbformat.v4.new_code_cell(peak))
nbclient.NotebookClient(notebook, timeout=90).execute()
print(notebook.cells[-1].outputs[0].text)
"""


@pytest.mark.slow
@notebooks
def test_a_notebook_runs_from_top_to_bottom_on_its_own(book, path, python, tmp_path):
    started = time.perf_counter()
    command = [python, "-c", RUN, book / "notebooks" / f"{path.stem}.ipynb"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    assert run.returncode == 0, run.stderr[-3000:]
    megabytes = int(run.stdout)
    print(f"\n{path.stem}: {seconds:.0f} s, {megabytes} MB")
    assert seconds <= 90
    assert megabytes <= 1000
