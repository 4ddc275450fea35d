"""A figure beside ipywidgets 7.7, the version that Google Colab has, and the oldest anywidget.

A kernel with both runs here, and this test plays the page: it reads the messages that
open a figure, sends what a reader's hand would send, and hears what Python sets. It does not show
that Colab draws the figure. Colab's own page is not to be had; it must load anywidget's front end
(`enable_custom_widget_manager`) and shows each output in a frame of its own. What is in that frame
is the same module that is tested on the page of the book and in JupyterLab.
"""

import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path

import pytest
from filelock import FileLock
from jupyter_client import KernelManager

from normlib import widgets

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
WAIT = 120  # seconds, for a busy machine
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A Python with both; what ipywidgets itself asks for would bring the classic notebook."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (floor,) = (x for x in extras["optional-dependencies"]["chapters"] if "anywidget" in x)
    folder = tmp_path_factory.mktemp("colab")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    needed = ["ipykernel<7", "ipython-genutils", "numpy", "psygnal", "typing-extensions"]
    subprocess.run([*install, *needed], check=True)
    figures = ["--no-deps", "ipywidgets==7.7.1", floor.replace(">=", "=="), ROOT]
    with FileLock(tmp_path_factory.getbasetemp().parent / "wheel"):  # one folder builds them all
        subprocess.run([*install, *figures], check=True)
    return python


class Page:
    """What stands in for the page: it runs cells and talks to a figure over its comm."""

    def __init__(self, client):
        self.client, self.heard = client, []

    def run(self, code):
        """Run a cell and return its outputs."""
        done = self.client.execute_interactive(
            code, timeout=WAIT, output_hook=self.heard.append, allow_stdin=False
        )
        assert done["content"]["status"] == "ok", "\n".join(done["content"]["traceback"])
        asked = done["parent_header"]["msg_id"]
        return [m for m in self.heard if m["parent_header"].get("msg_id") == asked]

    def value(self, expression):
        """What an expression is in the kernel, as Python prints it."""
        [out] = [m for m in self.run(f"print(({expression}))") if m["msg_type"] == "stream"]
        return out["content"]["text"].strip()

    def send(self, comm, state):
        """Send a change of state, as a page does."""
        content = {"comm_id": comm, "data": {"method": "update", "state": state}}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))


@pytest.fixture(scope="module")
def page(python):
    manager = KernelManager(kernel_name="python3")
    manager.kernel_spec.argv[0] = str(python)
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=WAIT)
    yield Page(client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def opened(messages, module):
    """The comm that belongs to a widget of this module, and the state that it opens with."""
    for message in messages:
        if message["msg_type"] == "comm_open":
            state = message["content"]["data"]["state"]
            if state.get("_model_module") == module:
                return message["content"]["comm_id"], state
    raise AssertionError("no figure was opened")


def test_it_is_ipywidgets_7_7(page):
    page.run("import ipywidgets")
    assert page.value("ipywidgets.__version__") == "7.7.1"


@pytest.mark.parametrize("name", widgets.__all__)
def test_a_cell_gives_a_view_and_html(page, name):
    messages = page.run(f"from normlib.widgets import {name}\none = {name}()\none")
    comm, state = opened(messages, "anywidget")
    assert "export default" in state["_esm"]
    [shown] = [m for m in messages if m["msg_type"] in ("execute_result", "display_data")]
    result = shown["content"]["data"]
    assert result[VIEW]["model_id"] == comm
    assert f'data-figure="{name}"' in result["text/html"]


def test_state_goes_both_ways(page):
    messages = page.run("from normlib.widgets import LayerNormGeometry\none = LayerNormGeometry()")
    comm, state = opened(messages, "anywidget")
    assert (state["v"], state["which"]) == ([1.8, 1.2, 0.0], "layer")
    page.send(comm, {"v": [5, 5, 5], "which": "rms", "stats": {"mean": 5}})
    end = time.monotonic() + WAIT
    while (told := page.value("one.v, one.which, one.stats")) == "([1.8, 1.2, 0.0], 'layer', {})":
        assert time.monotonic() < end
    assert told == "([5.0, 5.0, 5.0], 'rms', {'mean': 5})"
    messages = page.run("one.gamma = [1, 2, 1]")
    sent = [m["content"] for m in messages if m["msg_type"] == "comm_msg"]
    assert {"method": "update", "state": {"gamma": [1, 2, 1]}, "buffer_paths": []} in [
        m["data"] for m in sent if m["comm_id"] == comm
    ]


def test_a_value_that_is_refused_leaves_the_state(page):
    messages = page.run("from normlib.widgets import SharedStatistics\none = SharedStatistics()")
    comm, _ = opened(messages, "anywidget")
    page.send(comm, {"groups": 99})
    page.send(comm, {"norm": "group"})
    end = time.monotonic() + WAIT
    while (told := page.value("one.norm, one.groups")) == "('layer', 1)":
        assert time.monotonic() < end
    assert told == "('group', 1)"
