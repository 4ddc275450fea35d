"""The notebooks that readers get: clean, complete, and running in an environment of their own."""

import subprocess
import sys
import time
import venv
from pathlib import Path

import nbformat
import pytest
from chapters import PAGES, cells
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from notebooks import leaks

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
    assert code == [cell.source for cell in cells(path) if not not_live & set(cell.tags)]
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
    """The Python of a fresh environment with normlib and what the notebooks import."""
    folder = tmp_path_factory.mktemp("reader")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt"]
    subprocess.run([*install, f"{ROOT}[torch,plots]", "ipykernel"], check=True)
    return python


@pytest.mark.slow
@notebooks
def test_a_notebook_runs_from_top_to_bottom_on_its_own(notebook, path, python, tmp_path):
    kernel = KernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    kernel._kernel_spec = kernel.kernel_spec_manager.kernel_spec_class(
        argv=[str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    )
    run = notebook(path)
    # The last line of the run says how much memory the kernel took at most, where that is known.
    peak = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    run.cells.append(nbformat.v4.new_code_cell(peak))
    started = time.perf_counter()
    client = NotebookClient(run, timeout=90, km=kernel, resources={"metadata": {"path": tmp_path}})
    client.execute()
    seconds, megabytes = time.perf_counter() - started, int(run.cells[-1].outputs[0].text)
    print(f"\n{path.stem}: {seconds:.0f} s, {megabytes} MB")
    assert seconds <= 90
    assert megabytes <= 1000
