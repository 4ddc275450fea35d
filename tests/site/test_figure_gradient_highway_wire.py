"""The gradient highway in the hand: norms on the wire, every control, and what a pointer reads."""

import math

import pytest

from highway import DATA, NAME, START, agree, radio


@pytest.mark.parametrize("way", ["mouse", "keyboard", "touch"])
def test_norms_are_put_on_the_wire(figure, way):
    fig = figure(NAME, has_touch=way == "touch", reduced_motion="reduce").unfold()

    def press(label):
        slot = fig.root.get_by_role("button", name=label)
        if way == "keyboard":
            slot.focus()
            fig.page.keyboard.press("Enter")
            fig.settle()
        elif way == "touch":
            fig.tap(slot)
        else:
            slot.click()
            fig.settle()
        return fig.get("placement"), fig.root.locator(".formula").inner_text()

    after, before, on = "after the sublayer", "before the sublayer", "on the highway, after"
    assert press(after) == ("peri", "x ← x + N(F(N(x)))")
    assert press(before) == ("reordered", "x ← x + N(F(x))")
    assert press(after) == ("none", "x ← x + F(x)")
    assert press(on) == ("post", "x ← N(x + F(x))")
    assert press("Weight α") == ("deepnorm", "x ← N(α x + F(x)), α = 2.38")
    assert math.isclose((2 * 16) ** 0.25, 2.38, abs_tol=0.005)
    assert fig.root.get_by_role("button", name=before).is_disabled()  # nobody measured that
    assert press("Weight α")[0] == "post"
    assert press(on)[0] == "none"
    assert press(before)[0] == "pre"


SLOTS = {"in": "before the sublayer", "out": "after the sublayer", "sum": "highway, after"}


def middle(node):
    box = node.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize("way", ["mouse", "touch"])
def test_norms_are_dragged_along_the_wire_and_off_it(figure, way):
    """Whatever nobody measured is passed by; the norm lies where it was let go, or was last."""
    fig = figure(NAME, has_touch=way == "touch", reduced_motion="reduce")
    wire = fig.page.context.new_cdp_session(fig.page)

    def touch(kind, *point):
        points = [{"x": point[0], "y": point[1]}] if point else []
        wire.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    def spot(name):
        node = fig.root.locator(".spare") if name == "off" else None
        return middle(node or fig.root.get_by_role("button", name=SLOTS[name]))

    def drag(start, end):
        """The placements that are passed on the way."""
        (x, y), (to_x, to_y), passed = spot(start), spot(end), []
        if end == "off":
            to_x += 120
        touch("Start", x, y) if way == "touch" else fig.page.mouse.move(x, y)
        way == "touch" or fig.page.mouse.down()
        for i in range(1, 21):
            at = x + (to_x - x) * i / 20, y + (to_y - y) * i / 20
            touch("Move", *at) if way == "touch" else fig.page.mouse.move(*at)
            fig.settle()
            if fig.get("placement") not in passed[-1:]:
                passed.append(fig.get("placement"))
        assert fig.root.locator(".held").is_visible()
        touch("End") if way == "touch" else fig.page.mouse.up()
        fig.settle()
        assert not fig.root.locator(".held").is_visible()
        assert fig.get("placement") == passed[-1]
        return passed

    assert drag("in", "out") == ["pre", "reordered"]
    assert drag("out", "sum")[-1] == "post"
    assert drag("sum", "in")[-1] == "pre"
    assert drag("off", "out")[-1] == "peri"
    assert drag("in", "off")[-1] == "reordered"
    assert drag("out", "off")[-1] == "none"
    assert drag("off", "sum")[-1] == "post"
    assert drag("off", "in") == ["post"]  # a second one beside it was never measured
    assert fig.root.get_by_role("button", name=SLOTS["sum"]).get_attribute("aria-pressed") == "true"
    wire.detach()


def test_a_swipe_over_the_rivers_scrolls_and_reads_nothing(figure):
    traits = {"level": 3}
    fig = figure(NAME, traits=traits, width=390, height=844, has_touch=True, is_mobile=True)
    fig.page.evaluate("document.body.style.paddingBottom = '2000px'")
    before = fig.page.evaluate("scrollY")
    fig.swipe(fig.root.locator(".rivers"), 0, -150)
    fig.rest()
    assert fig.page.evaluate("scrollY") > before
    assert fig.get("level") == 3


@pytest.mark.parametrize("way", ["mouse", "touch"])
def test_every_control_by_hand(figure, way):
    fig = figure(NAME, has_touch=way == "touch", reduced_motion="reduce").unfold()

    def press(label):
        target = radio(fig, label)
        fig.tap(target) if way == "touch" else target.click()
        fig.settle()

    for label, state in [
        ("DeepNorm", ("placement", "deepnorm")),
        ("GPT-2", ("init", "gpt2")),
        ("weights", ("metric", "weights")),
        ("after training", ("moment", "trained")),
    ]:
        press(label)
        assert fig.get(state[0]) == state[1]
        assert radio(fig, label).is_checked() or radio(fig, label).is_disabled()
    assert fig.get("depth") in DATA["trained"]["depths"]
    assert radio(fig, "GPT-2").is_disabled()  # not trained from there
    fig.move_slider("Blocks", 2)
    assert (fig.get("depth"), fig.get("level")) == (24, 12)  # still half-way up
    fig.move_slider("Level", 24)
    assert "24 of 24" in fig.text()
    box = fig.root.locator(".rivers").bounding_box()
    at = (box["x"] + box["width"] / 2, box["y"] + 296)
    fig.page.touchscreen.tap(*at) if way == "touch" else fig.page.mouse.click(*at)
    fig.settle()
    assert fig.get("level") == 0
    press("at the start")
    agree(fig.stats(), START["gpt2"]["deepnorm"][str(fig.get("depth"))])
    fig.root.get_by_role("button", name="Reset").click()
    fig.settle()
    names = ("placement", "depth", "init", "moment", "metric", "level")
    assert [fig.get(name) for name in names] == ["pre", 16, "xavier", "start", "stream", 8]


def test_every_control_by_keyboard(figure):
    fig = figure(NAME, reduced_motion="reduce").unfold()
    for label, key, trait, value in [
        ("Pre", "ArrowRight", "placement", "peri"),
        ("Xavier", "ArrowRight", "init", "gpt2"),
        ("stream", "ArrowRight", "metric", "weights"),
        ("at the start", "ArrowRight", "moment", "trained"),
    ]:
        radio(fig, label).focus()
        fig.page.keyboard.press(key)
        fig.settle()
        assert fig.get(trait) == value
    for label, key, trait, value in [("Blocks", "Home", "depth", 6), ("Level", "End", "level", 6)]:
        fig.root.get_by_label(label).first.focus()
        fig.page.keyboard.press(key)
        fig.settle()
        assert fig.get(trait) == value


def test_dragging_reads_level_after_level(figure):
    fig = figure(NAME)
    box = fig.root.locator(".rivers").bounding_box()
    x = box["x"] + 300
    fig.page.mouse.move(x, box["y"] + 296)
    fig.page.mouse.down()
    fig.settle()
    assert fig.get("level") == 0
    fig.page.mouse.move(x, box["y"] + 34)
    fig.settle()
    assert fig.get("level") == 16
    fig.page.mouse.up()
    fig.settle()
    fig.page.mouse.move(x, box["y"] + 200)  # what a mouse passes is shown, and not kept
    fig.settle()
    assert fig.get("level") == 16
    passed = START["xavier"]["pre"]["16"]["rms"][round(16 * (296 - 200) / (296 - 34))]
    assert fig.root.locator(".rivers .tag").first.text_content() == f"{passed:.2f}"
    fig.page.mouse.move(1, 1)
    fig.settle()
    told = fig.stats()
    tags = fig.root.locator(".rivers .tag").all_text_contents()
    assert float(tags[0]) == pytest.approx(told["residual_rms"], rel=1e-2)
    assert float(tags[1]) == pytest.approx(told["stream_grad_norm"], rel=3e-2)
    assert told["residual_rms"] == START["xavier"]["pre"]["16"]["rms"][16]
    assert told["grad_norm"] == START["xavier"]["pre"]["16"]["weight"][15]
