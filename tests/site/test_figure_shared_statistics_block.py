"""Who shares statistics? The block of cubes, over which one drags."""

import numpy as np
import pytest

from cubes_figure import CORNER, NAME, X, built, cubes, drag, middle, pick, targets, unfold

BOXES = [  # the cube where a drag ends, what it builds, how many numbers share, in how many groups
    ((0, 0, 0), "InstanceNorm", 4, 1),
    ((0, 2, 1), "GroupNorm", 12, 2),
    ((0, 1, 0), "GroupNorm", 8, 3),
    ((0, 3, 2), "LayerNorm", 24, 1),
    ((3, 0, 0), "BatchNorm", 16, 1),
    ((2, 0, 3), "no name", 4, 1),
]


@pytest.mark.parametrize(("end", "name", "count", "groups"), BOXES)
def test_a_drag_over_the_cubes_builds_a_norm(figure, end, name, count, groups):
    one = figure(NAME, traits={"norm": "custom", "share": ""})
    assert targets(one)[1] == "○ LayerNorm"
    drag(one, CORNER, end)
    assert one.root.locator(".name").inner_text() == name
    assert (one.stats()["count"], one.get("groups"), one.get("sel")) == (count, groups, [0, 0, 3])
    assert cubes(one, "in") == count
    assert [f"✓ {name}"] * (name != "no name") == [t for t in targets(one) if "✓" in t]


def test_four_norms_are_found_by_hand_and_names_do_not_count(figure):
    one = figure(NAME)
    drag(one, CORNER, (0, 0, 0))
    drag(one, (0, 5, 0), (0, 3, 3))  # the other half of the channels is a group, too
    assert (one.get("groups"), one.get("sel")) == (2, [0, 5, 0])
    pick(unfold(one), "Batch")
    assert targets(one)[0] == "○ BatchNorm"
    assert "Find four norms" in one.root.locator(".nl-says").inner_text()
    drag(one, CORNER, (0, 0, 1))
    drag(one, CORNER, (3, 0, 1))
    assert all(text.startswith("✓") for text in targets(one))
    assert one.root.locator(".nl-says").inner_text().startswith("All four: one formula")
    one.root.get_by_role("button", name="Reset").click()
    one.settle()
    assert [text[0] for text in targets(one)] == ["○", "✓", "○", "○"]


def test_the_norms_of_a_token_are_others_than_those_of_an_image(figure):
    one = figure(NAME)
    pick(one, "Text")  # the cubes stay, and are no LayerNorm any more
    assert built(one) == "no name, one set per sequence. LayerNorm over a whole sequence."
    assert "✕ Sees the future" in one.text()
    assert targets(one) == ["○ LayerNorm", "○ RMSNorm"]
    drag(one, CORNER, (0, 5, 3))
    assert built(one).startswith("LayerNorm, one set per sequence and token")
    assert "✓ Causal" in one.text()
    pick(one, "Subtract the mean")
    assert built(one).startswith("RMSNorm, one set per sequence and token")
    assert "6 numbers: mean square" in one.text()
    assert one.root.locator(".nl-says").inner_text().startswith("Both: the features of one token")


def test_a_click_marks_a_cube_and_the_set_goes_with_it(figure):
    one = figure(NAME, traits={"norm": "instance"})
    one.page.mouse.click(*middle(one, (1, 4, 3)))
    one.settle()
    assert one.get("sel") == [1, 4, 3]
    assert built(one).startswith("InstanceNorm")
    assert cubes(one, "in") == 4
    assert f"{X[1, 4, 3]:.1f} →".replace("-", "−") in one.text()


def test_what_joins_a_set_comes_in_sight_and_what_leaves_it_goes(figure):
    one = figure(NAME)
    fresh = "(node) => +node.style.getPropertyValue('--fresh')"
    block = one.root.locator("svg.block")
    with one.held():
        one.set(norm="batch")
        one.page.clock.run_for(100)
        assert 0 < block.evaluate(fresh) < 1
        assert (cubes(one, "old"), cubes(one, "in")) == (24, 16)
        one.page.clock.run_for(500)
        assert block.evaluate(fresh) == 1


def test_the_picture_has_the_numbers_of_the_cubes_in_sight(figure):
    one = figure(NAME)
    for show, wanted in (("x", X), ("y", np.array(X - X.mean((1, 2), keepdims=True)))):
        one.set(show=show)
        shown = [
            float(t.replace("−", "-")) for t in one.root.locator(".block text").all_text_contents()
        ]
        assert len(shown) == 24 + 3 * 6
        if show == "y":
            wanted = wanted / np.sqrt(X.var((1, 2), keepdims=True) + 1e-5)
        seen = [*wanted[3, :, 3], *wanted[2, :, 3], *wanted[1, :, 3], *wanted[0].ravel()]
        np.testing.assert_allclose(shown, seen, atol=0.051)


def test_a_finger_drags_from_the_dark_cube_and_scrolls_elsewhere(figure):
    one = figure(NAME, width=390, has_touch=True, is_mobile=True)
    hold = one.root.locator(".hold")
    assert min(hold.bounding_box()["width"], hold.bounding_box()["height"]) >= 24
    one.swipe(hold, -100)
    assert one.get("share") == "S"
    action = "(node) => getComputedStyle(node).touchAction"
    assert hold.evaluate(action) == "none"
    assert one.root.locator("svg.block").evaluate(action) == "pan-y"
    one.swipe(one.root.locator("svg.block"), -80, 8)
    assert (one.get("share"), one.get("sel")) == ("S", [0, 0, 3])
    one.tap(one.root.locator(".axis-C"))
    assert one.get("share") == "CS"
    one.tap(unfold(one).root.locator(".cell").nth(50))
    assert one.get("sel") == [2, 0, 2]
    before = one.get("x")[50]
    one.swipe(one.root.locator(".grip"), 50)
    assert one.get("x")[50] > before + 0.5
