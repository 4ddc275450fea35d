"""A figure in a running JupyterLab: page and Python share its state, its keys are its own."""

import contextlib
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from jupyter_client import BlockingKernelClient
from playwright.sync_api import expect

from normlib import widgets

pytestmark = pytest.mark.slow
START = 120  # seconds that a server or a kernel may take on a busy machine
expect.set_options(timeout=1000 * START)
NOTEBOOK = """
from normlib.widgets import LayerNormGeometry
geometry = LayerNormGeometry()
geometry
"""
RACE = """
from normlib.widgets import TrainingRace
race = TrainingRace(size="small", arms=[{"depth": 2, "lr": 0.008}, {"placement": "post"}])
race
"""


def eventually(get, wanted, seconds=START):
    """Ask again until the answer is right."""
    end = time.monotonic() + seconds
    while (got := get()) != wanted:
        assert time.monotonic() < end, f"{got!r} instead of {wanted!r}"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def lab(book, tmp_path_factory):
    """The address of a JupyterLab of its own, and the folder of its kernels' connection files."""
    folder = tmp_path_factory.mktemp("lab")
    cells = [nbformat.v4.new_code_cell(code.strip()) for code in (NOTEBOOK, RACE, "1 + 1")]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / "figure.ipynb")
    shutil.copy(book / "notebooks" / "figures.ipynb", folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("RUNTIME", "CONFIG")}
    places["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
    places["JUPYTERLAB_WORKSPACES_DIR"] = str(folder / "workspaces")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]
    command += ["--allow-root", "--LabApp.news_url=None", "--expose-app-in-browser"]
    command += [f"--notebook-dir={folder}"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | places, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"

    def answers():
        assert server.poll() is None, (folder / "log").read_text()[-2000:]
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/api/status") as reply:
            return reply.status

    eventually(answers, 200)
    yield address, folder / "runtime"
    server.terminate()
    server.wait(START)


def notebook_in(lab, browser, name):
    """A notebook on a page and in a workspace of its own, once its kernel has nothing to do."""
    page = browser.new_page(viewport={"width": 1280, "height": 1400}, color_scheme="light")
    page.set_default_timeout(1000 * START)
    page.goto(f"{lab[0]}/lab/workspaces/{name}/tree/{name}.ipynb?reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    expect(page.locator(".jp-Toolbar-kernelName")).to_have_text(re.compile("Python 3"))
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
    return page


@pytest.fixture(scope="module")
def page(lab, browser):
    """The notebook after its first cell has run, with its figure in sight."""
    page = notebook_in(lab, browser, "figure")
    page.locator(".jp-Cell").first.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.locator(".nl-geometry").wait_for()
    yield page
    page.close()


@pytest.fixture(scope="module")
def ask(lab, page):
    """ask("geometry.v") evaluates in the notebook's own kernel."""
    address, runtime = lab
    with urllib.request.urlopen(f"{address}/api/kernels") as reply:
        [kernel] = json.load(reply)
    client = BlockingKernelClient()
    client.load_connection_file(str(runtime / f"kernel-{kernel['id']}.json"))
    client.start_channels()
    client.wait_for_ready(timeout=START)

    def ask(expression):
        reply = client.execute("", user_expressions={"it": expression}, reply=True, timeout=START)
        told = reply["content"]["user_expressions"]["it"]
        assert told["status"] == "ok", told
        return json.loads(eval(told["data"]["text/plain"]))

    yield lambda expression: ask(f"__import__('json').dumps({expression})")
    client.stop_channels()


DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def unfold(figure):
    """Open what is folded, and wait until it is drawn."""
    for fold in figure.locator("details").all():
        fold.evaluate("(node) => (node.open = true)")
    figure.evaluate(DRAWN)


def test_what_the_reader_does_arrives_in_python(page, ask):
    assert ask("geometry.v") == [1.8, 1.2, 0]
    unfold(page.locator(".nl-geometry"))
    page.get_by_role("button", name="2 v", exact=True).click()
    eventually(lambda: ask("geometry.v"), [3.6, 2.4, 0])
    page.get_by_role("radio", name="RMSNorm").check(force=True)
    eventually(lambda: ask("geometry.which"), "rms")
    eventually(lambda: round(ask("geometry.stats")["length"], 9), round(math.hypot(3.6, 2.4), 9))


def test_what_python_sets_is_drawn(page, ask):
    ask("[setattr(geometry, 'which', 'both'), setattr(geometry, 'v', [5, 5, 5])]")
    expect(page.locator(".nl-says")).to_contain_text("LayerNorm gives 0")
    expect(page.locator(".end.layer")).to_be_visible()
    page.get_by_role("button", name="Reset").click()
    eventually(lambda: ask("geometry.v"), [1.8, 1.2, 0])


def test_keys_in_a_figure_do_not_reach_the_notebook(page, ask):
    notebook = page.locator(".jp-Notebook .jp-Cell")
    before = notebook.count()
    unfold(page.locator(".nl-geometry"))
    for control in (
        page.get_by_label("Tilt"),
        page.get_by_role("button", name="−v", exact=True),
        page.get_by_role("radio", name="both"),
    ):
        control.focus()
        for key in ("b", "a", "d", "d", "x", "m", "Shift+M", "z", "j", "0", "0"):
            page.keyboard.press(key)
    page.get_by_label("Tilt").press("Home")
    eventually(lambda: ask("geometry.view")[1], -90)
    assert notebook.count() == before
    assert page.locator(".jp-MarkdownCell").count() == 0
    assert page.get_by_role("dialog").count() == 0  # "0, 0" would ask whether to restart
    assert ask("'geometry' in globals()")
    # The same keys do reach it from elsewhere, so that this test would have seen it.
    page.locator(".jp-Cell").last.locator(".jp-InputPrompt").click()
    page.keyboard.press("b")
    expect(notebook).to_have_count(before + 1)


def test_python_gets_the_curves_of_a_race(page, ask):
    cell = page.locator(".jp-Cell").nth(1)
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    race = page.locator(".nl-race")
    race.wait_for()
    race.scroll_into_view_if_needed()
    race.get_by_role("button", name="Train", exact=True).click()
    expect(race.locator(".nl-says")).to_contain_text("After 300 steps")
    eventually(lambda: ask("[len(losses) for losses in race.losses]"), [300, 300])
    eventually(lambda: ask("race.stats['steps']"), [300, 300])
    first, last = ask("[race.losses[0][0], race.stats['val_loss'][0]]")
    assert last < first - 1
    assert ask("race.seed") == 0
    race.get_by_role("button", name="New weights").click()
    eventually(lambda: ask("race.seed"), 1)


def test_it_follows_the_theme_of_the_lab(page):
    figure = page.locator(".nl-geometry")
    expect(figure).to_have_attribute("data-theme", "light")
    change = "(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })"
    page.evaluate(change, "JupyterLab Dark")
    expect(figure).to_have_attribute("data-theme", "dark")


def test_every_figure_of_the_gallerys_notebook_is_live(lab, browser):
    page = notebook_in(lab, browser, "figures")
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    for name in widgets.__all__:
        cell = page.locator(".jp-CodeCell", has_text=f"import {name}")
        cell.scroll_into_view_if_needed()
        figure = cell.locator(".nl")
        figure.wait_for()
        unfold(figure)
        before = figure.text_content()
        ranges = figure.locator("input[type=range]")
        if ranges.count():
            at_its_end = name in ("CovariateShift", "LearningRateMap")
            ranges.first.press("Home" if at_its_end else "End")
        else:
            figure.get_by_role("button").first.press("Enter")
        expect(figure).not_to_have_text(before)
    page.close()
