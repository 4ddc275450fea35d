"""The built book and a browser, once for all tests."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from browsing import BUILD, launch
from figures import Stage
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
torch.set_num_threads(1)  # on small arrays two threads mostly wait for each other


@pytest.fixture(scope="session")
def book():
    """The folder of the built pages; the build fails on any warning."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ROOT]
    result = subprocess.run(
        [*command, "-W", "--keep-going", "-n"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return BUILD


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
