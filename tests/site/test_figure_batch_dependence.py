"""The batch is part of the function: the numbers of normlib, and what is said of them."""

import math
import re
from itertools import islice

import numpy as np
import pytest
import traitlets

import normlib as nl
from batch_figure import DATA, DEFAULT, NAME, SAMPLE, SIZES, agrees, headline, says, shape, trained
from normlib.widgets import BatchDependence
from normlib.widgets._random import mulberry32, normals


@pytest.fixture
def batch(figure):
    return figure(NAME)


def test_the_random_numbers_are_those_of_the_paper_and_normal():
    first = list(islice(mulberry32(1), 3))
    assert [round(x * 2**32) for x in first] == [2693262067, 11749833, 2265367787]
    draws = np.array(list(islice(normals(mulberry32(7)), 20_000)))
    assert abs(draws.mean()) < 0.02
    assert abs(draws.std() - 1) < 0.02


def test_the_default_state_makes_the_point(batch):
    told = agrees(batch)
    outputs = [trained(k, 8, False) for k in range(1, 201)]
    low, high = (f"{v:.2f}".replace("-", "−") for v in (min(outputs), max(outputs)))
    assert headline(batch).startswith(f"In training x = 2 becomes anything from {low} to {high}.")
    text = says(batch)
    assert f"In 200 batches of 8: from {low} to {high}" in text
    assert f"sd {told['sd']:.2f} measured, {told['theory']:.2f} in theory" in text
    layer = nl.layer_norm(SAMPLE, (6,))[0]
    group = nl.group_norm(SAMPLE[np.newaxis], 2)[0, 0]
    assert f"in every batch: {layer:.2f} and {group:.2f}" in text
    spreads = batch.root.locator("svg .width").all_text_contents()
    assert spreads == [f"spread {told['sd']:.2f}", "spread 0", "spread 0"]


@pytest.mark.parametrize("state", [
    {"m": 2, "seed": 17}, {"m": 4, "step": 0}, {"m": 256, "seed": 200, "shifted": False},
    {"m": 64, "step": 51, "momentum": 0.37}, {"m": 2, "mode": "eval", "step": 3},
    {"m": 32, "mode": "eval", "momentum": 1.0, "step": 100}, {"m": 1, "mode": "eval"},
    {"momentum": 0.0, "mode": "eval"},
])  # fmt: skip
def test_the_numbers_are_normlibs(batch, state):
    agrees(batch, **state)


@pytest.mark.parametrize("m", SIZES[1:])
def test_the_theory_holds_for_every_batch_size(batch, m):
    for shifted in (False, True):
        batch.set(m=m, shifted=shifted, step=60)
        told = batch.stats()
        rng, (mean, sd) = np.random.default_rng(m), DATA[shifted]
        x = np.concatenate([np.full((20_000, 1), 2.0), rng.normal(mean, sd, (20_000, m - 1))], 1)
        outputs = (2 - x.mean(1)) / np.sqrt(x.var(1) + 1e-5)
        assert told["theory"] == pytest.approx(outputs.std(), rel=0.025)
        assert told["sd"] == pytest.approx(told["theory"], rel=0.2)  # of 200 batches


def test_a_batch_of_one(batch):
    batch.set(m=1)
    assert "ValueError: Expected more than 1 value per channel when training" in says(batch)
    assert "no batch of 1 can update it, so it stays at 0.00" in says(batch)
    assert headline(batch).startswith("A batch of one has no variance")
    assert batch.root.locator("svg .width.train").text_content() == "error"
    assert shape(batch, "outs.train") == ""
    told = batch.stats()
    assert told["output"] is told["sd"] is told["theory"] is None
    assert (told["running_mean"], told["running_var"]) == (0, 1)
    batch.set(mode="eval")
    assert "turn x = 2 into 2.00" in says(batch)


def test_another_batch_moves_training_and_nothing_else(batch):
    before, pile, mates = batch.stats(), shape(batch, "pile"), shape(batch, "mates")
    batch.root.get_by_role("button", name="Draw another batch").click()
    batch.rest()
    assert batch.get("seed") == 2
    assert shape(batch, "mates") != mates
    assert abs(agrees(batch, seed=2)["output"] - before["output"]) > 0.01
    assert shape(batch, "pile") == pile  # of the 200 batches
    batch.set(mode="eval")
    still = agrees(batch, seed=200, mode="eval")
    batch.root.get_by_role("button", name="Draw another batch").click()
    batch.settle()
    assert batch.get("seed") == 1
    assert batch.stats() == still
    assert "All 200 batches give the same" in says(batch)
    assert headline(batch).startswith(f"Evaluation turns x = 2 into {still['output']:.2f}")


def test_the_running_mean_lags_behind_a_shift(figure):
    one = figure(NAME, traits={"shifted": False, "step": 20})
    one.root.locator("summary").click()
    one.settle()
    truth = shape(one, "truth")
    one.root.get_by_label("Shift the data").check(force=True)
    one.settle()
    assert shape(one, "truth") != truth
    assert one.get("step") == 60  # so that the shift is seen
    far = abs(agrees(one, step=60, shifted=True)["running_mean"] - 4)
    assert f"{far:.2f} apart 10 updates after the shift" in says(one)
    near = abs(agrees(one, step=90, shifted=True)["running_mean"] - 4)
    assert far > 1 > 5 * near
    quick = agrees(one, momentum=0.5, step=60, shifted=True)["running_mean"]
    assert abs(quick - 4) < far / 2
    one.root.get_by_role("button", name="Next update").click()
    one.settle()
    assert one.get("step") == 61
    one.set(step=100)
    assert (
        one.root.get_by_role("button", name="Next update").get_attribute("aria-disabled") == "true"
    )


def test_the_keyboard_reaches_everything(batch):
    batch.root.locator("summary").press("Enter")
    batch.set(step=60, shifted=True)
    for label, key, trait, wanted in [
        ("Batch size m", "ArrowRight", "m", 16),
        ("Update", "ArrowLeft", "step", 59),
        ("Momentum", "ArrowRight", "momentum", 0.11),
        ("training", "ArrowRight", "mode", "eval"),
        ("Shift the data", "Space", "shifted", False),
    ]:
        batch.root.get_by_label(label).press(key)
        batch.settle()
        assert batch.get(trait) == wanted
    batch.root.get_by_role("button", name="Draw another batch").press("Enter")
    batch.settle()
    assert batch.get("seed") == 2
    agrees(batch, m=16, step=59, momentum=0.11, mode="eval", shifted=False, seed=2)


def test_fingers_and_the_mouse_reach_everything(figure):
    one = figure(NAME, width=390, has_touch=True, traits={"step": 60})
    one.swipe(one.root.locator(".grip").nth(0), 20)
    assert one.get("m") > 8
    says(one)  # which opens the rest
    one.tap(one.root.locator("label", has_text="evaluation"))
    one.tap(one.root.get_by_role("button", name="Draw another batch"))
    one.tap(one.root.get_by_role("button", name="Next update"))
    slider = one.root.get_by_label("Batch size m")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    one.page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    one.settle()
    state = {"mode": "eval", "seed": 2, "step": 61, "m": 256}
    assert {name: one.get(name) for name in state} == state
    agrees(one, **state)


def test_reset_returns_to_the_authors_state(figure):
    author = {"m": 32, "mode": "eval", "momentum": 0.3, "seed": 9, "step": 7, "shifted": False}
    one = figure(NAME, traits=author)
    one.set(**DEFAULT)
    one.root.get_by_role("button", name="Reset").click()
    one.settle()
    assert {name: one.get(name) for name in author} == author


BROKEN = {
    "m": [None, 3, -1, 1e300, "8", [8]],
    "mode": ["<img src=x onerror=alert(1)>", None, 5],
    "momentum": [None, -1, 1e300, "0.5"],
    "seed": [0, 1e300, -5, 1.5, "<b>1</b>"],
    "step": [-1, 1e300, None, "60", 33.4],
    "shifted": ["yes", None, 1],
}


@pytest.mark.parametrize("trait", BROKEN)
def test_broken_state_is_mended(figure, trait):
    for value in BROKEN[trait]:
        one = figure(NAME, traits={trait: value})
        told = one.stats()
        assert one.page.faults == []
        assert one.root.locator("img, svg b").count() == 0
        assert np.isfinite([x for x in told.values() if x is not None]).all()
        one.root.get_by_role("button", name="Draw another batch").click()
        one.settle()
        html = one.root.inner_html()
        assert not [word for word in ("NaN", "undefined", "not a number") if word in html]


def test_python_refuses_bad_values():
    bad = {
        "m": (3, 0, "8"), "mode": ("test", None), "momentum": (-0.1, 1.1, math.nan),
        "seed": (0, 201, 1.5), "step": (-1, 101), "shifted": ("yes",),
    }  # fmt: skip
    for trait, values in bad.items():
        for value in values:
            with pytest.raises(traitlets.TraitError):
                BatchDependence(**{trait: value})
    assert BatchDependence(m=4).state() == {"m": 4}


def test_a_screen_reader_hears_the_point(batch):
    batch.set(m=4)
    told = batch.stats()
    said = batch.said()
    assert said.startswith(f"Batch size 4. {headline(batch)} Training: the mean")
    assert f"sd {told['sd']:.2f} measured, {told['theory']:.2f} in theory" in said
    assert batch.root.locator("svg:not([aria-hidden=true])").count() == 0


def test_a_guess_hides_the_answer(batch):
    says(batch)
    batch.root.get_by_role("button", name="Guess first").click()
    batch.rest()
    assert batch.said().startswith("From batch size 4 to 16: by how much")
    for part in ("pile", "outs.train", "outs.eval", "bracket", "spread", "width", "noise", "lag"):
        assert batch.root.locator(f"svg.{part}, svg .{part}").first.is_hidden()
    assert batch.root.locator(".nl-says").is_hidden()
    assert batch.root.locator(".numbers").is_hidden()
    batch.root.get_by_role("button", name="Stop guessing").click()
    batch.rest()
    assert batch.root.locator("svg .spread").is_visible()
    assert batch.root.locator(".numbers").is_visible()


@pytest.mark.parametrize("right", [True, False])
def test_guess_first(batch, right):
    answers = {"about ÷ 2": "÷ 4", "stays the same": "changes a little", "about 7": "1"}
    answers["0, or an error"] = "±1"
    proof = ["In 200 batches of 16", "give the same", "7 updates after", "ValueError"]
    for k, (good, wrong) in enumerate(answers.items()):
        batch.root.get_by_role("button", name=re.compile("Guess first|Another question")).click()
        batch.root.get_by_role("button", name=good if right else wrong, exact=True).click()
        batch.settle()
        quiz = batch.root.locator(".nl-quiz").inner_text()
        assert quiz.startswith("Right." if right else f"Not quite: {good}.")
        assert proof[k] in says(batch)
        if k == 0:  # the numbers in the answer are the figure's own
            assert (
                f"to {batch.stats()['theory']:.2f}, ÷ 1.6; from 64 to 256 it falls by ÷ 2.0" in quiz
            )
        if k == 2:
            assert abs(batch.stats()["running_mean"] - 2.5) < 0.15


def test_the_address_carries_the_state(figure):
    one = figure(NAME, address=f"#{NAME}?m=64&mode=eval&shifted=true&step=60")
    assert (one.get("m"), one.get("mode"), one.get("shifted")) == (64, "eval", True)
