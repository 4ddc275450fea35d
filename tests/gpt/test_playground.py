"""The playground without a browser: its buttons are clicked, and its thread is waited for."""

import re
import threading
import time

import pytest

from normlib.gpt import Text
from normlib.gpt.playground import CURVES, playground
from normlib.palette import LIGHT

pytest.importorskip("ipywidgets")

TEXT = Text("to be, or not to be: that is the question. " * 60, name="hamlet")


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "playground"]


def wait():
    for thread in threads():
        thread.join(300)  # as long as a busy machine may take
    assert not threads()


def eventually(true):
    """Wait for what a thread does, however busy the machine is."""
    end = time.monotonic() + 300
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def everything(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


class Panel:
    """What a reader sees of a playground."""

    def __init__(self, **chosen):
        self.box = playground(TEXT)
        self.named = {w.description: w for w in everything(self.box) if w is not self.box
                      if getattr(w, "description", "")}  # fmt: skip
        self.choose(**{"layers": 1, "steps": 20} | chosen)

    def choose(self, **chosen):
        for name, value in chosen.items():
            self.named[name.replace("_", "-")].value = value

    def click(self, name):
        self.named[name].click()

    def train(self, **chosen):
        self.choose(**chosen)
        self.click("Train")
        wait()
        return self.said

    @property
    def said(self):
        return self.box.children[2].value

    @property
    def picture(self):
        return self.box.children[3].value

    @property
    def may(self):
        """Whether Train and Stop can be pressed."""
        return [not self.named[name].disabled for name in ("Train", "Stop")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    wait()


def test_it_trains_and_shows_curves_and_a_sample():
    panel = Panel()
    assert panel.may == [True, False]
    assert panel.train().startswith("Finished after 20 steps: validation loss ")
    assert panel.may == [True, False]
    assert panel.picture.count("<svg role") == 2
    sample = panel.picture.partition("<pre>")[2].partition("</pre>")[0]
    assert len(sample) >= 100
    assert "post, layernorm, rate 0.003, warm-up 0, 1 layers, seed 0: " in panel.picture


def test_a_longer_training_has_a_lower_loss():
    panel = Panel()
    few, many = (float(panel.train(steps=steps).split()[-2]) for steps in (1, 60))
    assert many < few - 0.5


def test_it_stops_when_told_and_says_where():
    panel = Panel(steps=5000)
    panel.click("Train")
    eventually(lambda: panel.said.startswith("Step "))
    assert panel.may == [False, True]
    assert "<pre>" in panel.picture
    panel.click("Stop")
    assert panel.said == "Stopping …" or panel.said.startswith("Stopped")
    wait()
    assert panel.said.startswith("Stopped after ")
    assert int(panel.said.split()[2]) < 5000
    assert panel.may == [True, False]


def test_two_runs_never_overlap():
    panel = Panel(steps=5000)
    panel.click("Train")
    panel.click("Train")
    assert len(threads()) == 1
    assert "is training" in panel.said
    panel.click("Stop")
    wait()
    assert panel.train(steps=2).startswith("Finished")


def test_a_new_panel_ends_the_training_of_the_one_before():
    old = Panel(steps=5000)
    old.click("Train")
    new = Panel()
    wait()
    assert old.said.startswith("Stopped")
    assert new.train().startswith("Finished")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", -1.0),
        ("rate", 0.0),
        ("rate", float("nan")),
        ("layers", 0),
        ("layers", 10_000),
        ("steps", 0),
        ("warm_up", -5),
        ("seed", -1),
    ],
)
def test_nonsense_is_refused_in_a_sentence_and_can_be_corrected(name, value):
    panel = Panel()
    before = panel.named[name.replace("_", "-")].value
    said = panel.train(**{name: value})
    assert said.startswith("Not started: ")
    assert said.endswith(".")
    assert panel.may == [True, False]
    assert panel.train(**{name: before}).startswith("Finished")


def test_the_earlier_curves_stay_with_their_settings():
    panel = Panel(steps=3)
    for number in range(CURVES + 1):
        panel.train(warm_up=number)
    kept = [f"warm-up {number}," in panel.picture for number in range(CURVES + 1)]
    assert kept == [False] + CURVES * [True]
    assert panel.picture.count("<polyline") == 2 * CURVES + 3  # two pairs of axes and a level


def test_its_colors_are_those_of_all_drawings_and_differ():
    panel = Panel(steps=2)
    for _ in range(CURVES):
        panel.train()
    used = re.findall(r"#[0-9a-f]{3,8}\b", panel.picture)
    assert set(used) <= set(LIGHT.values())
    assert LIGHT["card"] in used  # the ground that they were chosen for
    line = r'<polyline[^>]*stroke="(#\w+)"[^>]*stroke-dasharray="([^"]*)"'
    looks = re.findall(line, panel.picture)
    assert len({color for color, _ in looks}) == len({dash for _, dash in looks}) == CURVES


def test_a_run_that_diverges_is_counted_and_shown():
    panel = Panel()
    said = panel.train(placement="none", rate=1e3, layers=4)
    assert "diverged" in said
    assert "diverged after" in panel.picture
    top = [float(number) for number in re.findall(r'y="32"[^>]*>([^<]*)<', panel.picture)]
    assert top[0] < 100  # the loss that exploded is cut off
    assert panel.may == [True, False]


def test_an_error_in_the_thread_is_shown_and_frees_the_panel(monkeypatch):
    panel = Panel()

    def fail(*_):
        raise RuntimeError("no memory left")

    monkeypatch.setattr("normlib.gpt.playground.Trainer", fail)
    assert panel.train() == "The training failed: no memory left"
    monkeypatch.undo()
    assert panel.train().startswith("Finished")


def test_a_sample_is_text_and_never_markup():
    text = Text("<b>&" * 900, name="markup")
    box = playground(text)
    train = next(w for w in everything(box) if getattr(w, "description", "") == "Train")
    next(w for w in everything(box) if getattr(w, "description", "") == "steps").value = 2
    train.click()
    wait()
    sample = box.children[3].value.partition("<pre>")[2].partition("</pre>")[0]
    assert "&lt;" in sample
    assert not set("<>") & set(sample)
