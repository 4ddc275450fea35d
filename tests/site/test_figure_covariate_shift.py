"""The covariate shift figure: drift vanishes, comes back worse, and the loss does not care."""

import json
import re

import numpy as np
import pytest
import traitlets

import normlib as nl
from normlib.widgets import CovariateShift
from normlib.widgets._modules import HERE

NAME = "CovariateShift"
DATA = json.loads((HERE / "data" / "covariate_shift.json").read_text(encoding="utf-8"))


def over_training(values):
    """The mean over the steps of training."""
    return np.trapezoid(values, DATA["steps"]) / DATA["steps"][-1]


def drift(norm, layer):
    return np.array(DATA["norms"][norm]["layers"]["drift_mean"])[:, layer - 1]


def test_the_default_state_makes_the_point(figure):
    said = figure(NAME).root.locator(".nl-says").inner_text()
    plain, batch, noisy = (over_training(drift(n, 5)) for n in ("none", "batch", "noisy_batch"))
    assert plain / batch > 50
    assert noisy > plain
    assert f"{plain / batch:.0f} times smaller with batch norm" in said
    assert f"{noisy / plain:.1f} times larger with noise" in said
    right = {n: 100 * DATA["norms"][n]["curves"]["test_accuracy"][-1] for n in DATA["norms"]}
    assert right["noisy_batch"] > right["none"] - 1  # and the accuracy does not care
    for norm in ("none", "batch", "noisy_batch"):
        assert f"{right[norm]:.1f}\u00a0%" in said


def test_the_numbers_are_those_of_the_published_runs(figure):
    one = figure(NAME, traits={"step": 100, "layer": 3})
    stats = one.stats()["networks"]
    runs = nl.load_results("covariate_shift").filter(lr=DATA["lr"])
    for norm in DATA["norms"]:
        probes = [run.probes for run in runs.filter(norm=norm)]
        at = [probe["drift_mean"]["steps"].index(100) for probe in probes]
        found = [p["drift_mean"]["values"][i][2] for p, i in zip(probes, at, strict=True)]
        assert stats[norm]["drift"] == pytest.approx(np.mean(found), rel=5e-3)
        row = one.root.locator(f"tr.{norm}").inner_text()
        assert f"{100 * stats[norm]['accuracy']:.1f}\u00a0%" in row


@pytest.mark.parametrize(
    ("choice", "where"), [("Gradient change", "in layer 5"), ("Loss range", "range of the loss")]
)
def test_each_measure_has_its_curve_and_its_sentence(figure, choice, where):
    one = figure(NAME)
    before = one.root.locator(".charts path.batch").nth(1).get_attribute("d")
    one.root.get_by_role("radio", name=choice).check()
    one.settle()
    assert where in one.root.locator(".nl-says").inner_text()
    assert one.root.locator(".charts path.batch").nth(1).get_attribute("d") != before
    assert one.root.locator("thead th.on").inner_text() == choice.lower()


def test_the_first_layer_has_none_below(figure):
    one = figure(NAME, traits={"layer": 1, "measure": "gradient"})
    assert "No layer lies below" in one.root.locator(".nl-says").inner_text()


def test_the_keyboard_moves_layer_and_step(figure):
    one = figure(NAME)
    line = one.root.locator(".panel.none path.line")
    before = line.get_attribute("d")
    one.root.get_by_role("slider", name="Layer").press("ArrowRight")
    one.settle()
    assert one.get("layer") == 6
    assert line.get_attribute("d") != before
    slider = one.root.get_by_role("slider", name="Step")
    slider.press("Home")
    one.settle()
    assert one.get("step") == 0
    slider.press("End")
    one.settle()
    assert one.get("step") == DATA["steps"][-1]
    assert "Step 295, layer 6" in one.root.locator("caption").inner_text()


def test_it_plays_pauses_and_stops_at_the_end(figure):
    one = figure(NAME, traits={"step": 0})
    button = one.root.get_by_role("button", name="Play")
    button.click()
    one.rest()
    one.root.get_by_role("button", name="Pause").click()
    paused = one.get("step")
    assert 3 < paused < DATA["steps"][-3]
    one.rest()
    assert one.get("step") == paused
    one.set(step=DATA["steps"][-3])
    button.click()
    one.rest()
    assert one.get("step") == DATA["steps"][-1]
    assert one.root.get_by_role("button", name="Play").is_visible()


def test_a_hand_on_the_slider_stops_it(figure):
    one = figure(NAME, traits={"step": 0})
    one.root.get_by_role("button", name="Play").click()
    one.root.get_by_role("slider", name="Step").press("End")
    assert one.root.get_by_role("button", name="Play").is_visible()
    one.rest()
    assert one.get("step") == DATA["steps"][-1]


def test_with_less_motion_it_plays_in_a_few_jumps(figure):
    one = figure(NAME, traits={"step": 0}, reduced_motion="reduce")
    one.root.get_by_role("button", name="Play").click()
    seen = {0}
    while one.root.get_by_role("button", name="Pause").is_visible():
        one.page.clock.run_for(50)
        seen.add(one.get("step"))
    assert sorted(seen) == sorted({*DATA["steps"][::4], DATA["steps"][-1]})


def test_touch_changes_the_measure_and_reset_returns_to_the_authors_state(figure):
    one = figure(NAME, traits={"layer": 7, "step": 50}, has_touch=True)
    one.tap(one.root.locator("label", has_text="Loss range"))
    one.root.get_by_role("slider", name="Layer").press("Home")
    one.settle()
    assert (one.get("measure"), one.get("layer")) == ("loss_range", 1)
    one.tap(one.root.get_by_role("button", name="Reset"))
    assert [one.get(t) for t in ("step", "layer", "measure")] == [50, 7, "drift"]


def test_guessing_says_what_was_right(figure):
    one = figure(NAME)
    one.root.get_by_role("button", name="Guess first").click()
    one.root.get_by_role("button", name="it falls to chance").click()
    assert "Not quite: it stays about the same." in one.text()
    one.root.get_by_role("button", name="Another question").click()
    one.root.get_by_role("button", name="the range of the loss along").click()
    assert "Right." in one.text()
    assert one.get("measure") == "loss_range"


def test_the_live_region_says_where_and_what(figure):
    one = figure(NAME)
    assert re.match(r"Step 30, layer 5\. The drift in layer 5 is \d+ times smaller", one.said())


@pytest.mark.parametrize(
    "broken",
    [{"step": None}, {"step": 1e300}, {"layer": "<b>9</b>"}, {"layer": -5}, {"measure": "x"}],
)
def test_broken_state_is_mended(figure, broken):
    one = figure(NAME, traits=broken)
    assert one.page.faults == []
    assert "times smaller" in one.root.locator(".nl-says").inner_text()
    assert one.root.locator("b b, .nl-says img").count() == 0


@pytest.mark.parametrize("bad", [{"layer": 9}, {"layer": 0}, {"step": -1}, {"measure": "loss"}])
def test_python_refuses_what_there_is_not(bad):
    with pytest.raises(traitlets.TraitError):
        CovariateShift(**bad)
