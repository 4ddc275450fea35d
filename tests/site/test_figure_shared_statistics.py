"""Who shares statistics? Every way to work the figure, and every way to break it."""

import re

import numpy as np
import pytest
import traitlets

from cubes_figure import (
    CORNER,
    NAME,
    X,
    built,
    cells,
    cubes,
    drag,
    facts,
    pick,
    press,
    targets,
    unfold,
)
from figures import mounted
from normlib.widgets import SharedStatistics


def test_the_first_look_makes_the_point(figure):
    one = figure(NAME)
    assert built(one).startswith("LayerNorm, one set per image")
    assert cells(one, "in") == cubes(one, "in") == 24
    assert cells(one, "sel") == cubes(one, "marked") == 1
    mean, var = X[0].mean(), X[0].var()
    assert f"24 numbers: mean {mean:.2f}, variance {var:.2f}" in one.text()
    assert f"1.1 → {(1.1 - mean) / np.sqrt(var + 1e-5):.2f}" in one.text()
    assert "✓ Works alone" in one.text()
    assert targets(one) == ["○ BatchNorm", "✓ LayerNorm", "○ InstanceNorm", "○ GroupNorm"]
    assert "24 numbers share statistics, one set per image." in one.said()
    equation = unfold(one).root.locator(".equation").inner_text()
    assert equation == "x̂ = (1.1 − 0.46) / √(1.14 + 10⁻⁵) = 0.60"


def test_ticking_axes_makes_the_name(figure):
    one = unfold(figure(NAME))
    slider = one.root.get_by_label("Channel groups")
    slider.focus()
    for name in ("GroupNorm, one set per image and group of channels", "GroupNorm", "InstanceNorm"):
        press(one, "ArrowRight")
        assert name in built(one)
    assert "GroupNorm with one channel per group" in built(one)
    pick(one, "channels")
    assert built(one) == "InstanceNorm, one set per image and channel"
    assert slider.is_disabled()
    pick(one, "images")
    assert built(one) == "BatchNorm, one set per channel"
    assert "running averages" in facts(one)
    pick(one, "images")
    pick(one, "pixels")
    assert "every number is its own set" in built(one)
    assert cells(one, "in") == 1
    pick(one, "channels")
    assert "LayerNorm at every pixel, as in ConvNeXt" in built(one)
    pick(one, "Text")  # the axes stay, and have another name
    assert "LayerNorm, one set per sequence and token. As in a GPT." in built(one)
    assert "Causal" in facts(one)
    pick(one, "Subtract the mean")
    assert "RMSNorm" in built(one)
    pick(one, "Batch")
    assert "Sees the future" in facts(one)
    assert one.get("share") == "NS"


def test_the_keyboard_alone(figure):
    one = figure(NAME, traits={"sel": [1, 2, 1]})
    one.root.get_by_label("pixels").press("Space")
    one.settle()
    assert built(one).startswith("no name, one set per image and pixel")
    one.root.get_by_label("pixels").press("Space")
    one.root.locator("summary").press("Enter")
    one.settle()
    one.root.locator('.cell[tabindex="0"]').focus()
    press(one, "ArrowRight", "ArrowDown", "PageDown")
    assert one.get("sel") == [2, 3, 2]
    focus = "() => document.activeElement.shadowRoot.activeElement.getAttribute('aria-label')"
    where = "image 3, channel 4, pixel lower left: "
    assert one.page.evaluate(focus) == where + "−0.8, same set"
    press(one, "+")
    assert one.get("x")[(2 * 6 + 3) * 4 + 2] == pytest.approx(-0.7)
    assert one.page.evaluate(focus) == where + "−0.7, same set, its result changed"
    assert cells(one, "hit") == 24  # a changed number changes every result of its set
    assert one.root.locator('.cell[tabindex="0"]').count() == 1
    assert "−0.7 becomes" in one.said()
    press(one, "-", "-")
    assert one.get("x")[62] == pytest.approx(-0.9)
    press(one, *["PageUp"] * 9, *["ArrowUp"] * 9, *["ArrowLeft"] * 9)
    assert one.get("sel") == [0, 0, 0]


def test_mouse_and_slider(figure):
    one = unfold(figure(NAME))
    one.root.locator(".cell").nth(95).click()
    one.settle()
    assert one.get("sel") == [3, 5, 3]
    grip = one.root.locator(".grip")
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    one.page.mouse.move(x, y)
    one.page.mouse.down()
    one.page.mouse.move(x + 150, y, steps=4)
    one.page.mouse.up()
    one.settle()
    assert 1 < one.get("x")[95] < 2
    one.page.mouse.move(x - 150, y)  # let go
    one.settle()
    assert one.get("x")[95] > 1
    one.move_slider("Change the marked value", -3.3)
    assert one.get("x")[95] == -3.3
    pick(one, "after")
    shown = one.root.locator(".cell").nth(95).inner_text()
    assert float(shown.replace("−", "-")) == pytest.approx(one.stats()["y"], abs=0.051)


def test_guess_first(figure):
    one = unfold(figure(NAME))
    one.root.get_by_role("button", name="Guess first").click()
    one.settle()
    assert (one.get("norm"), one.get("kind")) == ("layer", "text")
    assert facts(one) == ""
    assert built(one) == "?, "
    assert [one.root.locator(part).inner_text() for part in (".values", ".heads")] == ["", ""]
    assert cells(one, "in") == 0
    assert (cubes(one, "in"), cubes(one, "odd")) == (1, 0)  # no set is told apart from the others
    assert one.root.locator(".stage input:checked").count() == 0
    assert one.said().startswith("LayerNorm, text: with what does the dark number share")
    one.move_slider("Change the marked value", 0)
    assert cells(one, "hit") == 6  # the hint: those that share
    drag(one, CORNER, (0, 4, 3))
    assert cubes(one, "in") == 6
    assert one.get("share") == "C"  # a guess changes nothing
    one.root.get_by_role("button", name="Check").click()
    one.settle()
    assert "Right. LayerNorm shares its statistics across features." in one.said()
    one.root.get_by_role("button", name="Another question").click()
    one.settle()
    drag(one, CORNER, (0, 4, 3))
    assert one.get("share") == "NS"
    one.root.get_by_role("button", name="Check").click()
    one.settle()
    quiz = one.root.locator(".nl-quiz")
    assert (
        "Not quite. BatchNorm shares its statistics across images and pixels." in quiz.inner_text()
    )
    assert "Needs the batch" in facts(one)
    pick(one, "Layer")
    assert not quiz.is_visible()
    one.root.get_by_role("button", name="Guess first").click()
    one.settle()
    one.set(norm="group")  # Python goes on without waiting for the answer
    assert not quiz.is_visible()
    assert "GroupNorm" in built(one)


def test_an_address_opens_a_state_and_reset_leaves_it(figure):
    one = figure(NAME, address="#SharedStatistics?norm=group&groups=3", twice=True)
    assert "GroupNorm" in built(one)
    assert cells(one, "in") == 8
    other = one.host.nth(1)
    mounted(one.page, NAME, nth=1)
    assert "LayerNorm" in other.locator(".name").inner_text()
    for fold in one.host.locator("details").all():
        fold.evaluate("(node) => (node.open = true)")
    hash_of = "() => location.hash"
    pick(one, "Batch")
    assert "norm=batch" in one.page.evaluate(hash_of)
    one.root.get_by_role("button", name="Reset").click()
    one.settle()
    assert "LayerNorm" in built(one)
    assert one.page.evaluate(hash_of) == ""
    other.locator("label").filter(has_text=re.compile("^Instance$")).locator("input").click()
    one.settle()
    assert "InstanceNorm" in other.locator(".name").inner_text()
    assert one.page.evaluate(hash_of) == ""  # only the first one owns the address


BAD = {
    "kind": "<img src=x onerror=alert(1)>",
    "norm": 7,
    "share": "CN<b>",
    "groups": 1e300,
    "center": "yes",
    "eps": None,
    "sel": [1e300, "a", -5],
    "x": [None, "<b>", 1e300, *[0] * 93],
    "show": {},
}


def test_broken_states_and_addresses_are_harmless(figure):
    for traits in (
        BAD,
        {**BAD, "norm": "custom"},
        {"x": [1, 2], "sel": [1], "eps": -1},
        {"x": "1", "sel": {"length": 3}},
    ):
        one = unfold(figure(NAME, traits=traits))
        assert one.root.locator(".equation").inner_text().startswith("x̂ = ")
        assert cells(one, "in") == 24  # what is broken is as the class has it
        assert one.root.locator("img, b b").count() == 0
        assert one.page.faults == []
    address = "#SharedStatistics?kind=<img src=x>&norm=constructor&share=__proto__&groups=99&x=[]"
    one = figure(NAME, address=address)
    assert "LayerNorm, one set per image." in built(one)
    pick(unfold(one), "Group")
    assert one.root.locator("img").count() == 0
    assert one.page.faults == []


def test_reset_returns_to_the_authors_state(figure):
    author = {"kind": "text", "norm": "group", "groups": 3, "sel": [0, 0, 0]}
    one = unfold(figure(NAME, traits=author))
    one.settle()
    before = one.root.locator(".nl-box").inner_html()
    for text in ("Image", "Batch", "after"):
        pick(one, text)
    one.root.locator(".cell").nth(40).click()
    one.move_slider("Change the marked value", 2)
    one.root.get_by_role("button", name="Reset").click()
    one.rest()  # the numbers have moved back
    assert one.root.locator(".nl-box").inner_html() == before


def test_python_takes_arrays_and_refuses_nonsense():
    assert SharedStatistics(x=X).x == X.ravel().tolist()
    assert SharedStatistics(norm="group", groups=3).state() == {"norm": "group", "groups": 3}
    nonsense = [
        {"norm": "weight"}, {"groups": 4}, {"share": "SC"}, {"eps": float("nan")}, {"eps": -1},
        {"x": X[:3]}, {"x": 5 * X}, {"x": np.full(96, np.nan)}, {"x": "abc"}, {"x": None},
        {"sel": [4, 0, 0]}, {"sel": [0, 0]}, {"kind": "audio"}, {"show": "z"},
    ]  # fmt: skip
    for traits in nonsense:
        with pytest.raises(traitlets.TraitError):
            SharedStatistics(**traits)
