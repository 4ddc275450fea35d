"""The package as others get it: version, licence, and a wheel that stands on NumPy alone."""

import functools
import http.server
import importlib.util
import re
import subprocess
import sys
import threading
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

import normlib
from chapters import cells
from extensions import extension

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "normlib"


def test_the_version_stands_in_one_place_and_all_others_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"] == {"version": {"attr": "normlib.__version__"}}
    assert re.fullmatch(r"\d+\.\d+\.\d+", normlib.__version__)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert citation["version"] == normlib.__version__
    assert re.search(r"(?m)^## (\S+)", changes)[1] == normlib.__version__


def test_the_citation_names_the_book_and_the_authors_of_the_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    book = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    (author,) = citation["authors"]
    assert citation["title"] == book["title"]
    assert author["name"] == book["author"] == re.search(r"Copyright \(c\) \d+ (.*)", licence)[1]
    assert "url" not in citation  # the address of a copy is its own


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, as tools/site.py builds it for the site."""
    spec = importlib.util.spec_from_file_location("site_tool", ROOT / "tools" / "site.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    with FileLock(tmp_path_factory.getbasetemp().parent / "wheel"):  # one folder builds them all
        return tool.add_wheel(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def lonely(wheel, tmp_path_factory):
    """Run code in a fresh environment that has the wheel and what pip brings with it."""
    folder = tmp_path_factory.mktemp("lonely")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    subprocess.run([python, "-I", "-m", "pip", "install", "--quiet", wheel], check=True)

    def run(code):
        done = subprocess.run(
            [python, "-I", "-c", code], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_the_wheel_brings_numpy_and_nothing_else(lonely):
    code = "from importlib.metadata import distributions as d; print(*(each.name for each in d()))"
    assert set(lonely(code).split()) - {"pip", "setuptools"} == {"normlib", "numpy"}


@pytest.mark.slow
def test_the_library_works_with_numpy_alone(lonely):
    said = lonely("""if True:
        import sys, numpy as np, normlib as nl
        y = nl.layer_norm(np.array([[1.0, 3.0]]), (2,), eps=0.0)
        def layer_norm(x, weight, bias, eps):
            centered = x - x.mean(-1, keepdims=True)
            return weight * centered / (x.std(-1, keepdims=True) + eps) + bias
        report = nl.check(layer_norm)
        runs = nl.load_results("warmup")
        heavy = {"torch", "matplotlib", "anywidget", "sklearn"} & set(sys.modules)
        print(nl.__version__, y.tolist(), bool(report), "outside" in str(report))
        print(len(runs) > 0, heavy)
    """)
    assert said.strip() == f"{normlib.__version__} [[-1.0, 1.0]] False True\nTrue set()"


@pytest.mark.slow
def test_the_wheel_carries_figures_results_and_the_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        (record,) = [name for name in inside if name.endswith(".dist-info/METADATA")]
        metadata = archive.read(record).decode()
    ours = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*") if path.is_file()}
    ours = {name for name in ours if "__pycache__" not in name}
    kinds = {Path(name).suffix for name in ours}
    assert {".py", ".js", ".css", ".json"} <= kinds
    assert ours <= inside
    assert "normlib/py.typed" in inside  # or nobody's type checker reads our types
    assert {name for name in inside if ".dist-info/" not in name} == ours
    assert [name for name in inside if name.endswith("licenses/LICENSE")]
    assert f"\nVersion: {normlib.__version__}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert wheel.name == f"normlib-{normlib.__version__}-py3-none-any.whl"


@pytest.mark.slow
def test_the_set_up_cell_adds_normlib_and_nothing_else(wheel, tmp_path_factory, monkeypatch):
    """On a machine like Colab's, where all but normlib is there; the wheel comes from a server."""
    monkeypatch.delenv("PYTHONPATH", raising=False)  # it may lead to this folder
    folder = tmp_path_factory.mktemp("colab")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    pip = [python, "-m", "pip", "--quiet"]
    # An older NumPy than the newest: it must stay.
    subprocess.run([*pip, "install", "numpy<2.4", "ipython"], check=True)
    before = subprocess.check_output([*pip, "freeze"], text=True).splitlines()

    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=wheel.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/{wheel.name}"
        (cell, *_) = cells(ROOT / "book" / "06_layer_norm.md")
        source = extension("nbexport").installs_itself(cell.source, address).partition("\n\n")[0]
        script = folder / "cell.ipy"
        script.write_text(f"{source}\nprint(nl.__version__)\n", encoding="utf-8")
        for _ in range(2):  # the second time nothing is asked of the server
            done = subprocess.run(
                [python, "-m", "IPython", script], cwd=folder, capture_output=True, text=True
            )
            assert done.stdout.strip().endswith(normlib.__version__), done.stdout + done.stderr
            server.shutdown()

    after = subprocess.check_output([*pip, "freeze"], text=True).splitlines()
    assert set(before) < set(after)
    (new,) = set(after) - set(before)
    assert new.startswith("normlib @ ")
