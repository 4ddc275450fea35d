"""The covariate shift: a recorded run in its true colors, new ones in the page, and the law."""

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
STEPS, EARLY = DATA["steps"], DATA["steps"].index(30)
NORMS = {
    "none": "No norm",
    "batch": "Batch norm",
    "noisy_batch": "Noisy batch norm",
    "layer": "LayerNorm",
}
OF = {"drift": "drift_mean", "gradient": "gradient_shift"}


def over(values, first, last):
    """The mean over moments, by the trapezoid rule: they lie denser at first."""
    steps = STEPS[first : last + 1]
    return np.trapezoid(values[first : last + 1], steps) / (steps[-1] - steps[0])


def early_and_late(norm, measure="drift", layer=0):
    if measure == "loss_range":
        values = np.array(DATA["norms"][norm]["curves"]["loss_range"])
    else:
        rows = np.array(DATA["norms"][norm]["layers"][OF[measure]])
        values = rows[:, layer - 1] if layer else rows.mean(1)
    return over(values, 0, EARLY), over(values, EARLY, len(STEPS) - 1)


def right(norm):
    return 100 * DATA["norms"][norm]["curves"]["test_accuracy"][-1]


def shown(number):
    """A measure as the figure writes it."""
    return f"{number:.1g}" if number < 0.095 else f"{number:.2f}"


@pytest.mark.parametrize(
    ("measure", "layer", "words"),
    [
        ("drift", 0, "the units’ drift is"),
        ("drift", 5, "the units’ drift in layer 5 is"),
        ("gradient", 8, "the change of the gradients in layer 8 is"),
        ("loss_range", 0, "the range of the loss is"),
    ],
)
def test_the_headline_follows_from_the_numbers_shown_beside_it(figure, measure, layer, words):
    one = figure(NAME, traits={"measure": measure, "layer": layer})
    said = one.root.locator(".nl-says").inner_text()
    found = {norm: early_and_late(norm, measure, layer) for norm in NORMS}
    early, late = np.divide(found["noisy_batch"], found["none"])
    assert words in said
    assert f"{early:.1f} times that without a norm to step 30, and {late:.1f} times after" in said
    heard = one.said()
    assert said.removesuffix(".").partition("after")[0] in heard
    assert f"{right('noisy_batch'):.1f}\u00a0% of the digits are right with the noise" in heard
    assert f"{right('none'):.1f}\u00a0% without a norm" in heard
    one.root.locator("summary").click()
    means = one.root.locator(".means").inner_text()
    panels = [" ".join(node.inner_text().split()) for node in one.root.locator(".panel").all()]
    for panel, (norm, (first, then)) in zip(panels, found.items(), strict=True):
        assert NORMS[norm] in panel
        assert f"{NORMS[norm]}: early {shown(first)}, late {shown(then)}" in means
        assert f"{right(norm):.1f} % right" in panel


def test_the_recorded_run_makes_the_point():
    """Noise drifts on where the network without a norm has come to rest, and reads as well."""
    early, late = np.divide(early_and_late("noisy_batch"), early_and_late("none"))
    assert early < 1 < late
    assert min(np.divide(early_and_late("none"), early_and_late("batch"))) > 50
    assert right("noisy_batch") > right("none") - 1


def test_the_numbers_are_those_of_the_published_run(figure):
    one = figure(NAME, traits={"step": 100, "layer": 3})
    stats = one.stats()
    assert stats["recorded"] is True
    runs = nl.load_results("covariate_shift").filter(lr=DATA["lr"], seed=0)
    for network in stats["networks"]:
        (run,) = runs.filter(norm=network["norm"])

        def at(name, run=run):
            curve = run.probes[name]
            return curve["values"][curve["steps"].index(100)]

        assert network["loss"] == pytest.approx(at("test_loss"), rel=5e-3)
        assert network["drift"] == pytest.approx(at("drift_mean")[2], rel=5e-3)
        assert network["gradient"] == pytest.approx(at("gradient_shift")[2], rel=5e-3)
        assert network["loss_range"] == pytest.approx(at("loss_range"), rel=5e-3)
        row = one.root.locator("tbody tr", has_text=NORMS[network["norm"]]).first
        assert f"{100 * network['accuracy']:.1f}\u00a0%" in row.text_content()
    assert one.root.locator("caption").text_content() == "Step 100, layer 3"


def test_both_strips_have_all_networks_and_follow_a_hand(figure):
    one = figure(NAME)
    for strip in one.root.locator("svg.strip").all():
        assert strip.locator("path.line").count() == 4
        box = strip.bounding_box()
        for share, low, high in ((0.9, 150, 295), (0.4, 5, 80)):
            one.page.mouse.move(box["x"] + share * box["width"], box["y"] + 50)
            one.page.mouse.down()
            one.page.mouse.up()
            one.settle()
            assert low < one.get("step") < high
    ends = (
        one.root.locator("svg.strip >> nth=1")
        .locator("path.line")
        .evaluate_all(
            "(all) => all.map((node) => +node.getAttribute('d').split('L').at(-1).split(' ')[1])"
        )
    )
    order = sorted(range(4), key=lambda i: ends[i])  # high is good
    assert order == sorted(range(4), key=lambda i: -right([*NORMS][i]))


def test_a_ridge_opens_a_layer_and_closes_it(figure):
    one = figure(NAME)
    one.root.locator(".panel.batch .ridge").nth(7 - 2).dispatch_event("click")
    one.settle()
    assert one.get("layer") == 3
    assert one.root.locator(".ridge").count() == 4
    one.root.locator(".ridge").first.dispatch_event("click")
    one.settle()
    assert one.get("layer") == 0


def test_every_setting_by_hand(figure):
    one = figure(NAME)
    one.root.get_by_text("Change the training").click()
    for label, value, trait, expected in [
        ("learning rate", "0.3", "rate", 0.3),
        ("scale of the weights", "× 0.5", "scale", 0.5),
        ("noise", "× 2", "noise", 2),
        ("layer", "4", "layer", 4),
    ]:
        one.root.get_by_label(label, exact=True).select_option(value)
        one.settle()
        assert one.get(trait) == expected
    assert not one.root.get_by_label("norm", exact=True).is_visible()
    one.root.get_by_role("radio", name="one network, two scales").check()
    one.root.get_by_label("norm", exact=True).select_option("LayerNorm")
    one.root.get_by_role("radio", name="loss range").check()
    one.settle()
    assert [one.get(t) for t in ("compare", "norm", "measure")] == ["scales", "layer", "loss_range"]
    one.rest()
    link = one.page.evaluate("location.hash")
    other = figure(NAME, address=link)
    assert [other.get(t) for t in ("norm", "rate", "scale")] == ["layer", 0.3, 0.5]
    assert other.root.locator(".nl-refused").count() == 0
    other.root.get_by_role("button", name="Reset").click()
    other.settle()
    assert other.get("rate") == 0.1


def test_the_first_layer_has_none_below(figure):
    one = figure(NAME, traits={"layer": 1, "measure": "gradient"})
    assert "No layer lies below" in one.root.locator(".nl-says").inner_text()


def test_it_plays_pauses_and_stops_at_the_end(figure):
    one = figure(NAME, traits={"step": 0})
    button = one.root.get_by_role("button", name="Play")
    with one.held():
        button.click()
        one.rest()
        one.root.get_by_role("button", name="Pause").click()
        paused = one.get("step")
        assert 3 < paused < STEPS[-3]
        one.rest()
        assert one.get("step") == paused
        one.set(step=STEPS[-3])
        button.click()
        one.rest()
        assert one.get("step") == STEPS[-1]
        assert one.root.get_by_role("button", name="Play").is_visible()
        button.click()  # from the start again
        one.settle()
        assert one.get("step") < 5


def test_with_less_motion_it_plays_in_a_few_jumps(figure):
    one = figure(NAME, traits={"step": 0}, reduced_motion="reduce")
    seen = {0}
    with one.held():
        one.root.get_by_role("button", name="Play").click()
        one.settle()
        while one.root.get_by_role("button", name="Pause").is_visible():
            one.page.clock.run_for(50)
            seen.add(one.get("step"))
    assert sorted(seen) == sorted({*STEPS[::4], STEPS[-1]})


def test_a_link_opens_a_state(figure):
    one = figure(NAME, address=f"#{NAME}?compare=scales&norm=layer&scale=4&step=100&seed=2")
    assert [one.get(t) for t in ("compare", "norm", "scale", "step", "seed")] == [
        "scales", "layer", 4, 100, 2,
    ]  # fmt: skip


def test_the_live_region_says_where_and_what(figure):
    assert re.match(r"Step 295\. With noise the units’", figure(NAME).said())


@pytest.mark.parametrize(
    "broken",
    [
        {"step": None},
        {"step": 1e300},
        {"layer": "<b>9</b>"},
        {"layer": -5},
        {"measure": "x"},
        {"rate": 7, "scale": -1, "noise": "loud", "seed": 1e300},
        {"compare": ["norms"], "norm": "<img src=x>"},
    ],
)
def test_broken_state_is_mended(figure, broken):
    one = figure(NAME, traits=broken)
    assert one.page.faults == []
    assert "times that without a norm" in one.root.locator(".nl-says").inner_text()
    assert one.root.locator("b b, img").count() == 0


@pytest.mark.parametrize(
    "bad",
    [{"layer": 9}, {"step": -1}, {"measure": "loss"}, {"rate": 0.2}, {"scale": 3}, {"noise": 9},
     {"compare": "both"}, {"norm": "rms"}, {"seed": -1}],
)  # fmt: skip
def test_python_refuses_what_there_is_not(bad):
    with pytest.raises(traitlets.TraitError):
        CovariateShift(**bad)
