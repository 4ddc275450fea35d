"""Where notebooks run: Colab keeps what it has, conda gets pip's floors, old Pythons the pins."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from extensions import extension

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COLAB = ROOT / "tests" / "fixtures" / "colab_2026-08-19.txt"
linux = pytest.mark.skipif(sys.platform == "win32", reason="a script for bash, run on Linux only")
# conda's name for a package of PyPI
CONDA = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base", "brotli": "brotli-python"}


def floors(extra=None, project=PROJECT):
    """What `pip install normlib[extra]` asks for, with what its own extras ask for."""
    names = project["optional-dependencies"][extra] if extra else []
    asked = {}
    for requirement in map(Requirement, [*project["dependencies"], *names]):
        if requirement.name == "normlib":
            for inner in requirement.extras:
                asked |= floors(inner, project)
        else:
            asked[canonicalize_name(requirement.name)] = requirement
    return asked


def installed(frozen):
    """Versions of a `pip freeze`: pinned, or the name of a wheel that was taken from an address."""
    pinned = re.findall(r"(?m)^([\w.-]+)==(\S+)", frozen)
    wheels = re.findall(r"(?m)^([\w.-]+) @ .*/[\w.]+-([\d.]+)[^/]*\.whl", frozen)
    return {canonicalize_name(name): version for name, version in pinned + wheels}


def changes(asked, present):
    """What pip would have to install or to upgrade."""
    return [
        f"{requirement}, there is {present.get(name)}"
        for name, requirement in asked.items()
        if name not in present
        or not requirement.specifier.contains(present[name], prereleases=True)
    ]


def test_normlib_and_its_notebooks_change_nothing_on_colab():
    present = installed(COLAB.read_text(encoding="utf-8"))
    assert len(present) > 500
    asked = floors("chapters")
    assert {"numpy", "torch", "matplotlib", "scikit-learn", "anywidget", "ipywidgets"} <= set(asked)
    assert changes(asked, present) == []
    python = re.search(r"Python ([\d.]+)", COLAB.read_text(encoding="utf-8"))[1]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python)


@pytest.mark.parametrize(
    "raised", ["ipywidgets>=8", "matplotlib>=3.10.1", "torch>=2.12", "numpy<2", "nowhere>=1"]
)
def test_a_floor_that_colab_does_not_have_is_found(raised):
    requirement = Requirement(raised)
    present = installed(COLAB.read_text(encoding="utf-8"))
    assert len(changes({requirement.name: requirement}, present)) == 1


def test_no_dependency_of_the_library_has_a_cap():
    for requirement in floors("chapters").values():
        assert {part.operator for part in requirement.specifier} == {">="}


# Pins that nothing brings here, though elsewhere something does.
ELSEWHERE = {
    "overrides": "only below Python 3.12",
    "pexpect": "not on Windows",
    "ptyprocess": "not on Windows",
}


def too_new(asked, python):
    """The packages, given with the Pythons that they ask for, that this Python cannot take."""
    return [
        f"{name} needs Python {needed}"
        for name, needed in asked.items()
        if needed and not SpecifierSet(needed).contains(python)
    ]


def test_the_lowest_python_can_take_every_pin():
    """By what each package says of itself where it is installed; pip would stop at the first."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)$", text))
    assert len(pins) == len(text.splitlines()) > 100
    (promise,) = SpecifierSet(PROJECT["requires-python"])
    there = {n: d for n in pins if (d := next(iter(metadata.distributions(name=n)), None))}
    others = [n for n, one in there.items() if Version(one.version).public != pins[n]]
    if others:
        pytest.skip(f"installed without constraints.txt, so not to be judged: {others}")
    absent = pins.keys() - there.keys() - ELSEWHERE.keys()
    assert not absent, f"nothing brings {absent}: remove the pin, or say in ELSEWHERE what does"
    asked = {n: one.metadata.get("Requires-Python") for n, one in there.items()}
    assert too_new(asked, promise.version) == []


def test_a_pin_that_the_lowest_python_cannot_take_is_found():
    """soupsieve 4.1.2, when Debian 12 had Python 3.11.2."""
    asked = {"soupsieve": ">=3.11.5", "brotli": None, "numpy": ">=3.11"}
    assert too_new(asked, "3.11") == ["soupsieve needs Python >=3.11.5"]
    assert too_new(asked, "3.11.5") == []


@pytest.fixture(scope="module")
def conda():
    """The file for conda, and what it asks for: from conda and from pip."""
    file = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    plain = [line for line in file["dependencies"] if isinstance(line, str)]
    (by_pip,) = [part["pip"] for part in file["dependencies"] if not isinstance(part, str)]
    parts = (re.match(r"([\w.-]+)(.*)", line.replace(" ", "")) for line in plain + by_pip)
    return file, {
        name: SpecifierSet(rest.replace("=", "==") if rest[:1] == "=" else rest)
        for name, rest in (part.groups() for part in parts)
    }


def test_conda_has_the_floors_of_the_package_and_no_other(conda):
    _, asked = conda
    expected = {CONDA.get(n, n): r.specifier for n, r in floors("book").items()}
    assert {n: s for n, s in asked.items() if n not in {"python", "pip"}} == expected


def test_conda_pins_a_python_that_the_package_takes(conda):
    file, asked = conda
    (pin,) = asked["python"]  # repo2docker takes a Python of its own choice where none is named
    assert SpecifierSet(PROJECT["requires-python"]).contains(pin.version)
    assert file["channels"][0] == "conda-forge"


def test_conda_takes_nothing_from_the_repository_itself(conda):
    # A local path would make Binder solve the environment again for every commit.
    assert "-e ." not in (ROOT / "environment.yml").read_text(encoding="utf-8")


def test_binder_finds_no_folder_that_hides_these_files():
    assert not [name for name in ("binder", ".binder") if (ROOT / name).exists()]
    assert os.access(ROOT / "postBuild", os.X_OK)


@pytest.mark.slow
@linux
def test_binder_solves_the_environment_once_for_many_commits(tmp_path):
    """What repo2docker would do, in its own words; the building itself needs Docker."""
    venv.create(tmp_path, with_pip=True)
    tools = tmp_path / "bin"
    install = [tools / "python", "-m", "pip", "install", "--quiet", "jupyter-repo2docker"]
    subprocess.run(install, check=True)
    command = [tools / "jupyter-repo2docker", "--no-build", "--debug", ROOT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = done.stdout + done.stderr
    assert "Building conda environment for python=3.12\n" in said
    # The repository comes after the solving, so that a commit of text does not repeat it.
    steps = [" src/environment.yml ", '--file "environment.yml"', " src/ ", "RUN ./postBuild"]
    places = [said.index(step) for step in steps]
    assert places == sorted(places)


@pytest.fixture
def binder(tmp_path):
    """A clone as Binder makes it, with stand-ins for pip and jupyter-book that note their calls."""

    def start(published):
        upstream, clone, tools = (tmp_path / name for name in ("upstream", "clone", "tools"))
        tools.mkdir()
        for name in ("pip", "jupyter-book"):
            tool = tools / name
            tool.write_text(
                f'#!/bin/bash\necho "{name} $* $BOOK_EXECUTE" >> "{tmp_path}/calls"\n'
                "mkdir -p _build/html/notebooks && touch _build/html/notebooks/01_made.ipynb\n"
            )
            tool.chmod(0o755)
        (upstream / "notebooks").mkdir(parents=True)
        git = ["git", "-C", upstream, "-c", "user.name=a", "-c", "user.email=a@example.org"]
        shutil.copy(ROOT / "postBuild", upstream)
        steps = ["init -q -b main", "add postBuild", "commit -qm main"]
        if published:
            (upstream / "notebooks" / "01_published.ipynb").touch()
            steps += ["checkout -q -b gh-pages", "add notebooks", "commit -qm site"]
            steps += ["checkout -q main"]
        for step in steps:
            subprocess.run([*git, *step.split()], check=True)
        subprocess.run(["git", "clone", "-q", "--no-local", upstream, clone], check=True)
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        subprocess.run([clone / "postBuild"], check=True, env=os.environ | {"PATH": path})
        notebooks = [path.name for path in (clone / "my-notebooks").iterdir()]
        return notebooks, (tmp_path / "calls").read_text().splitlines()

    return start


@linux
def test_binder_opens_the_published_notebooks(binder):
    notebooks, calls = binder(published=True)
    assert notebooks == ["01_published.ipynb"]
    assert [call.strip() for call in calls] == ["pip install --quiet --no-deps --editable ."]


@linux
def test_binder_makes_notebooks_without_running_the_book_where_none_are_published(binder):
    notebooks, calls = binder(published=False)
    assert notebooks == ["01_made.ipynb"]
    assert calls[1] == "jupyter-book build . off"


def test_without_running_the_book_a_computed_number_is_left_out():
    execution = extension("execution")
    source = ["It is {glue:text}`a:.2f` or {glue:}`b`, not {eq}`c`."]
    app = SimpleNamespace(config=SimpleNamespace(nb_execution_mode="cache"))
    execution.leave_numbers_out(app, "book/page", source)
    assert "glue" in source[0]
    app.config.nb_execution_mode = "off"
    execution.leave_numbers_out(app, "book/page", source)
    assert source == ["It is … or …, not {eq}`c`."]


def test_the_environment_can_turn_execution_off(monkeypatch):
    config = SimpleNamespace(nb_execution_mode="cache")
    monkeypatch.setenv("BOOK_EXECUTE", "off")
    app = SimpleNamespace(outdir="_build/html")
    extension("execution").use_cache_of_this_code(app, config)
    assert config.nb_execution_mode == "off"


@pytest.mark.parametrize(
    ("file", "again"), [("norms.py", True), ("data/a.json", True), ("js/a.js", False)]
)
def test_notebooks_run_again_when_what_they_show_may_have_changed(
    monkeypatch, tmp_path, file, again
):
    execution = extension("execution")
    monkeypatch.setattr(execution, "ROOT", tmp_path)
    (tmp_path / "constraints.txt").touch()
    path = tmp_path / "normlib" / file
    path.parent.mkdir(parents=True)

    def cache(text):
        path.write_text(text)
        config = SimpleNamespace(nb_execution_mode="cache")
        execution.use_cache_of_this_code(SimpleNamespace(outdir="_build/html"), config)
        return config.nb_execution_cache_path

    assert (cache("a") != cache("b")) == again


def test_the_kernels_inherit_no_settings_of_a_reader(monkeypatch, tmp_path):
    surroundings = extension("surroundings")
    readers = {
        "MATPLOTLIBRC": "a",
        "MPLBACKEND": "agg",
        "PYTHONOPTIMIZE": "1",
        "PYTHONWARNINGS": "",
    }
    monkeypatch.setattr(os, "environ", readers | {"PYTHONHOME": "home", "PYTHONPATH": "mine"})
    monkeypatch.setattr(sys, "path", ["mine", *sys.path])
    surroundings.use_settings_of_its_own(tmp_path)
    assert not readers.keys() & os.environ.keys()
    # Packages may have to be found there, but for the library, which lies beside the book.
    assert os.environ["PYTHONHOME"] == "home"
    assert os.environ["PYTHONPATH"] == os.pathsep.join([str(ROOT), "mine"])
    assert sys.path[:2] == [str(ROOT), "mine"]
