"""The built book and a browser, once for all tests."""

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import sync_playwright

import any_machine  # noqa: F401
from browsing import BUILD, launch
from engines import open_lab
from figures import Stage

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def book(tmp_path_factory, worker_id):
    """The folder of the built pages; the build fails on any warning."""
    folder = tmp_path_factory.getbasetemp()
    if worker_id != "master":  # a folder for each process, and one above for all of this run
        folder = folder.parent
    said = folder / "built.txt"
    with FileLock(folder / "building"):
        if not said.exists():
            said.write_text(_build(), encoding="utf-8")
    assert said.read_text(encoding="utf-8") == "", said.read_text(encoding="utf-8")
    return BUILD


def _build():
    """Build the book; what it complains about, or nothing."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ROOT]
    result = subprocess.run(
        [*command, "-W", "--keep-going", "-n"], cwd=ROOT, capture_output=True, text=True
    )
    if result.returncode == 0:
        return ""
    return f"The book cannot be built.\n{result.stdout[-3000:]}{result.stderr[-3000:]}"


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def stage(browser, book, tmp_path_factory):
    return Stage(browser, book, tmp_path_factory.mktemp("figures"))


@pytest.fixture
def figure(stage):
    """figure("SharedStatistics", width=390, …) opens a figure; the next one takes its place."""

    def mount(name, width=1280, height=900, theme="light", **options):
        size = {"width": width, "height": height}
        return stage.open(name, viewport=size, color_scheme=theme, **options)

    return mount


@pytest.fixture(scope="session")
def lab(browser):
    """A page that has what the figures train with, as `lab`."""
    page = open_lab(browser)
    yield page
    page.close()
