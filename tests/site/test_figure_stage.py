"""Each figure is a stage: few words, one picture that fits a screen, the rest folded."""

import re

import pytest

STAGES = [
    "BatchDependence",
    "CovariateShift",
    "GradientHighway",
    "LayerNormGeometry",
    "LearningRateMap",
    "PrecisionLab",
    "SharedStatistics",
    "TrainingRace",
]
stages = pytest.mark.parametrize("name", STAGES)
# The others have the same in their own tests, with hands of their own.
with_hold = pytest.mark.parametrize(
    "name", ["BatchDependence", "LayerNormGeometry", "SharedStatistics"]
)
SCREENS = {  # a page's width, its height, and the most that a figure may need of it
    "wide": ({"width": 1280, "height": 900}, 620),
    "laptop": ({"width": 1366, "height": 657}, 620),
    "phone": ({"width": 390, "height": 844, "has_touch": True, "is_mobile": True}, 760),
}


@stages
@pytest.mark.parametrize("screen", SCREENS)
def test_it_fits_a_screen(figure, name, screen):
    options, most = SCREENS[screen]
    one = figure(name, **options)
    one.rest()
    assert 300 < one.root.bounding_box()["height"] <= most


@pytest.mark.parametrize("name", ["GradientHighway", "LayerNormGeometry", "PrecisionLab"])
@pytest.mark.parametrize("screen", SCREENS)
def test_it_fits_with_all_its_numbers_and_a_question(figure, name, screen):
    """Numbers counted as words, too; and no taller while a question is open."""
    options, most = SCREENS[screen]
    one = figure(name, **options)
    assert len(one.words()) <= 60
    one.root.get_by_role("button", name="Guess first").click()
    one.settle()
    assert one.root.bounding_box()["height"] <= most


@stages
def test_it_says_little_before_one_asks(figure, name):
    one = figure(name)
    heard = "(root) => root.querySelectorAll('.nl-sr').forEach((node) => node.remove())"
    one.root.evaluate(heard)  # what only a screen reader says
    words = [word for word in one.text().split() if re.search(r"[^\W\d]", word)]
    assert 10 < len(words) <= 60


@stages
def test_the_picture_is_most_of_it(figure, name):
    one = figure(name)
    # Panels side by side that show the same of each network are one picture.
    parts = one.root.locator("svg, [role=grid], .panels").filter(visible=True)
    parts = [part.bounding_box() for part in parts.all()]
    picture = max(parts, key=lambda box: box["width"] * box["height"])
    whole = one.root.bounding_box()
    assert picture["width"] * picture["height"] > 0.3 * whole["width"] * whole["height"]


@stages
@pytest.mark.parametrize("width", [320, 1280])
def test_what_is_folded_opens_and_fits(figure, name, width):
    one = figure(name, width=width)
    fold = one.root.locator("details")
    assert fold.count() == 1
    assert fold.locator("input, button, [role=gridcell]").first.is_hidden()
    one.root.locator("summary").press("Enter")
    one.rest()
    assert fold.locator("input, button, [role=gridcell]").first.is_visible()
    right = one.root.evaluate("(root) => root.getBoundingClientRect().right + 1")
    edges = fold.evaluate(
        """(node) => [...node.querySelectorAll("*:not(svg *)")]
            .map((n) => n.getBoundingClientRect().right)"""
    )
    assert max(edges) <= right


@with_hold
def test_a_swipe_up_or_down_is_left_to_the_page(figure, name):
    """Only what is taken hold of keeps a finger; the picture around it scrolls."""
    one = figure(name, width=390, has_touch=True, is_mobile=True)
    touch = "(node) => getComputedStyle(node).touchAction"
    held = one.root.locator("svg .hold, svg .grip")
    assert held.first.evaluate(touch) == "none"
    picture = one.root.locator("svg").first
    assert picture.evaluate(touch) == "pan-y"
    share = """(node) => {
        const { width, height } = node.getBoundingClientRect();
        return width * height;
    }"""
    taken = sum(node.evaluate(share) for node in held.all())
    assert taken < 0.1 * picture.evaluate(share)


@with_hold
def test_a_transition_is_short_and_none_where_less_motion_is_asked_for(figure, name):
    """After 600 ms a step is over, and under reduced motion at once."""
    change = {"LayerNormGeometry": {"stage": "centered"}, "BatchDependence": {"m": 64}}
    change = change.get(name, {"norm": "batch"})
    looks = "(root) => [...root.querySelectorAll('svg')].map((node) => node.outerHTML)"
    calm = figure(name, reduced_motion="reduce")
    with calm.held():
        calm.set(**change)
        at_once = calm.root.evaluate(looks)
        calm.page.clock.run_for(3000)
        assert calm.root.evaluate(looks) == at_once
    one = figure(name)
    with one.held():
        one.set(**change)  # and 100 ms pass
        under_way = one.root.evaluate(looks)
        one.page.clock.run_for(500)
        there = one.root.evaluate(looks)
        one.page.clock.run_for(3000)
        assert one.root.evaluate(looks) == there
    assert under_way != there
