"""The learning-rate map in the hand: cells open, lead to the race, and are reached by keys."""

import pytest

from figures import mounted
from normlib.widgets.training_race import CHOICES as RACE_CHOICES
from rate_map import DATA, NAME, RATES, ROWS, WARMUPS, cell, losses, runs_of, usable, value, where


@pytest.mark.parametrize("size", [(1280, 900), (1366, 657), (390, 844)], ids=str)
@pytest.mark.parametrize("opened", [False, True])
def test_it_is_a_stage(figure, size, opened):
    """Wholly in view, with few words: the picture says the rest."""
    traits = {"opened": opened}
    touch = size[0] == 390  # controls are larger there
    size = {"width": size[0], "height": size[1]}
    fig = figure(NAME, traits=traits, **size, has_touch=touch, reduced_motion="reduce")
    most = 760 if touch else 620
    assert fig.root.bounding_box()["height"] <= most
    assert len(fig.words()) <= (80 if opened else 60)
    fig.root.get_by_role("button", name="Guess first").click()
    fig.settle()
    assert fig.root.bounding_box()["height"] <= most


def test_a_cell_opens_into_its_curves_and_closes(figure):
    """What is small in the cell becomes the chart, within 600 ms, and the focus goes along."""
    fig = figure(NAME)
    node = cell(fig, "peri", 2)
    small = node.locator(".spark path").get_attribute("d")
    assert small.count("M") == len(runs_of("peri", 2))
    grow = fig.root.locator(".grow")
    with fig.held():
        node.click()
        fig.settle()
        first = grow.bounding_box()
        assert grow.locator("path").get_attribute("d") == small
        fig.page.clock.run_for(150)
        assert grow.bounding_box()["width"] > first["width"] > node.bounding_box()["width"]
        fig.page.clock.run_for(350)
        assert not grow.is_visible()
    fig.rest()
    assert fig.get("opened") is True
    assert where(fig) == ("peri", 2, 100)
    assert fig.root.locator(".open b").first.inner_text() == "Peri, rate 0.002"
    assert not node.is_visible()
    back = fig.root.get_by_role("button", name="Back")
    back.focus()
    fig.page.keyboard.press("Escape")
    fig.rest()
    assert fig.get("opened") is False
    assert node.is_visible()
    assert (
        fig.root.locator(".cell:focus").get_attribute("aria-label").startswith("Peri, rate 0.002")
    )
    fig.page.keyboard.press("Enter")
    fig.rest()
    assert fig.get("opened") is True
    assert fig.root.locator("button:focus").inner_text() == "Back"


def test_a_cell_that_is_open_from_the_start_does_not_move(figure):
    fig = figure(NAME, traits={"opened": True})
    assert not fig.root.locator(".grow").is_visible()
    assert fig.root.locator(".curves").is_visible()
    assert not cell(fig, "post", 1).is_visible()


def test_a_cell_trains_in_the_race(stage):
    """The same settings, and its rival beside it; the race is on the same page here."""
    page = stage.gallery(
        viewport={"width": 1280, "height": 900},
        address=f"#{NAME}?placement=peri&rate=4&opened=true",
    )
    fig = mounted(page, NAME)
    fig.rest()
    fig.root.get_by_role("link", name="Train this").click()
    race = mounted(page, "TrainingRace")
    assert race.get("arms") == [
        {"placement": p, "lr": RATES[4], "warmup": 100, "init": "xavier"} for p in ("peri", "pre")
    ]
    assert race.get("size") == "chapter"
    assert race.root.locator(".nl-refused").count() == 0
    for name, values in RACE_CHOICES.items():  # every cell can be raced
        ours = {"placement": ROWS, "lr": RATES, "warmup": WARMUPS, "init": DATA["inits"]}
        assert set(ours.get(name, [])) <= set(values)


def test_the_race_is_elsewhere_on_other_pages(figure):
    fig = figure(NAME, traits={"opened": True})
    link = fig.root.get_by_role("link", name="Train this").get_attribute("href")
    assert link.startswith("figures.html#TrainingRace?arms=")


def test_arrows_move_in_the_map_with_one_tab_stop(figure):
    fig = figure(NAME)
    assert fig.root.locator(".cell[tabindex='0']").count() == 1
    cell(fig, "post", 1).focus()
    for key, state in [
        ("ArrowLeft", ("post", 0, 100)),
        ("ArrowDown", ("pre", 0, 100)),
        ("PageDown", ("pre", 0, 400)),
        ("PageDown", ("pre", 0, 400)),
        ("End", ("pre", 5, 400)),
        ("ArrowRight", ("pre", 5, 400)),
        ("ArrowUp", ("post", 5, 400)),
        ("PageUp", ("post", 5, 100)),
        ("Home", ("post", 0, 100)),
    ]:
        fig.page.keyboard.press(key)
        fig.settle()
        assert where(fig) == state, key
        now = fig.root.locator(".cell:focus")
        assert now.get_attribute("aria-selected") == "true"
        assert now.get_attribute("tabindex") == "0"
    assert fig.root.locator(".cell[tabindex='0']").count() == 1


@pytest.mark.parametrize("way", ["mouse", "touch"])
def test_every_control_by_hand(figure, way):
    fig = figure(NAME, width=390 if way == "touch" else 1280, has_touch=way == "touch")
    fig.unfold()

    def press(node):
        fig.tap(node) if way == "touch" else node.click()
        fig.settle()

    press(fig.root.get_by_role("radio", name="400", exact=True))
    press(cell(fig, "deepnorm", 5))
    assert where(fig) == ("deepnorm", 5, 400)
    fig.rest()
    press(fig.root.get_by_role("button", name="Back"))
    fig.move_slider("Steps", 1)
    press(fig.root.get_by_role("radio", name="GPT-2"))
    assert (fig.get("steps"), fig.get("init")) == (200, "gpt2")
    press(fig.root.get_by_role("radio", name="worst seed"))
    assert value(fig, "pre", 1) == f"{max(losses('pre', 1, 400, 200, 'gpt2')):.2f}"
    fig.move_slider("Usable", 0.5)
    assert fig.stats()["usable"]["pre"][2] == usable("pre", 400, 0.5, 200, "gpt2")
    press(fig.root.get_by_role("button", name="Reset"))
    assert where(fig) == ("post", 1, 100)
    names = ("steps", "init", "metric", "tolerance")
    assert [fig.get(name) for name in names] == [2000, "xavier", "median", 0.2]


def test_every_control_by_keyboard(figure):
    fig = figure(NAME).unfold()
    for key, name, trait, wanted in [
        ("ArrowRight", "100", "warmup", 400),
        ("ArrowRight", "Xavier", "init", "gpt2"),
        ("ArrowRight", "median", "metric", "worst"),
    ]:
        fig.root.get_by_role("radio", name=name, exact=True).focus()
        fig.page.keyboard.press(key)
        fig.settle()
        assert fig.get(trait) == wanted
    for label, key, trait, wanted in [
        ("Usable", "ArrowRight", "tolerance", pytest.approx(0.25)),
        ("Steps", "ArrowLeft", "steps", 1000),
    ]:
        fig.root.get_by_label(label).and_(fig.page.locator("[type=range]")).focus()
        fig.page.keyboard.press(key)
        fig.settle()
        assert fig.get(trait) == wanted
