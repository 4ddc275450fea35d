"""The covariate shift trains in the page: what it asks first, counts, and leaves behind."""

import json

import pytest

from live_pages import WORKERS, open_live
from normlib.widgets._modules import HERE

NAME = "CovariateShift"
STEPS = json.loads((HERE / "data" / "covariate_shift.json").read_text(encoding="utf-8"))["steps"]
NORMS = ["none", "batch", "noisy_batch", "layer"]


@pytest.fixture
def live(browser, tmp_path):
    """live(traits) opens the figure on a page of its own, in real time."""
    contexts = []

    def mount(traits=None, sources=None, **options):
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}, **options))
        return open_live(contexts[-1], tmp_path, NAME, traits, sources)

    yield mount
    for context in contexts:
        context.close()


def test_it_opens_without_training_and_asks(live):
    one = live()
    one.page.wait_for_timeout(300)
    assert one.page.workers == []
    assert "Which will be worst?" in one.said()
    assert one.root.locator(".what").inner_text() == "Recorded"
    assert one.root.locator(".ridge").count() == 4 * 8
    assert one.faults == []


def trained(one, seconds=60):
    """Let a training come to its end, and look at the end of it; what Python hears."""
    one.until(lambda: one.page.workers == [] and "step 0" not in one.said(), seconds)
    slider = one.root.get_by_role("slider", name="Step")

    def at_the_end():
        slider.press("End")
        return "Training now" not in one.said() and one.get("step") == STEPS[-1]

    one.until(at_the_end, seconds)
    one.until(lambda: one.get("stats")["recorded"] is False)
    one.until(lambda: one.get("stats")["step"] == STEPS[-1])
    return one.get("stats")


def test_a_guess_trains_four_networks_and_is_judged(live):
    one = live()
    one.button("LayerNorm will be worst").click()
    one.ever("Your guess: LayerNorm. Training now: step")
    one.until(lambda: len(one.workers) == 4)
    one.until(lambda: "to step 30, and" in one.said())  # it plays to the end by itself
    stats = trained(one)
    assert [network["norm"] for network in stats["networks"]] == NORMS
    scores = {network["norm"]: network["accuracy"] for network in stats["networks"]}
    worst = {norm for norm in scores if scores[norm] < min(scores.values()) + 0.005}
    assert ("guess was right" in one.said()) == (worst == {"layer"})
    for norm in NORMS:
        right = one.root.locator(f".panel.{norm} .right").inner_text()
        assert right == f"{100 * scores[norm]:.1f}\u00a0% right"
    assert scores["batch"] > 0.9
    assert all(network["drift"] > 0 for network in stats["networks"])
    drift = {network["norm"]: network["drift"] for network in stats["networks"]}
    assert drift["noisy_batch"] > 10 * drift["batch"]
    assert "Trained here: rate 0.1" in one.root.inner_text()
    assert one.faults == []
    one.button("Reset").click()
    one.until(lambda: "Which will be worst?" in one.said())


def test_one_can_look_back_while_it_trains_and_afterwards(live):
    one = live({"seed": 3})
    one.button("Train now").click()
    one.until(lambda: one.get("step") > 10)
    slider = one.root.get_by_role("slider", name="Step")
    slider.press("Home")
    one.until(lambda: one.get("step") == 0 and one.button("Play").count() == 1)
    first = one.root.locator(".panel.none path.now").first.get_attribute("d")
    one.until(lambda: one.page.workers == [])
    slider.press("End")
    one.until(lambda: one.get("step") == STEPS[-1])
    assert one.root.locator(".panel.none path.now").first.get_attribute("d") != first
    box = one.root.locator("svg.strip").first.bounding_box()
    one.page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 40)
    one.page.mouse.down()
    one.page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 40)
    one.until(lambda: 5 < one.get("step") < 60)
    one.page.mouse.up()
    held = one.get("step")
    one.page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 40)
    one.page.wait_for_timeout(100)
    assert one.get("step") == held
    assert one.faults == []


@pytest.mark.parametrize("norm", ["noisy_batch", "layer"])
def test_rescaled_weights_move_alike_to_the_digit(live, norm):
    one = live({"compare": "scales", "norm": norm, "scale": 4, "step": 0})
    one.button("Train now").click()
    stats = trained(one)
    first, second = stats["networks"]
    assert (first.pop("scale"), second.pop("scale")) == (1, 4)
    assert first == second
    assert "Weights 4 times as large, and for them 16 times the rate" in one.said()
    assert "the same to the last digit" in one.said()
    ridges = [
        [node.get_attribute("d") for node in panel.locator("path.now").all()]
        for panel in one.root.locator(".panel").all()
    ]
    assert ridges[0] == ridges[1]


def test_without_a_norm_the_scales_part(live):
    one = live({"compare": "scales", "norm": "none", "scale": 2})
    one.button("Train now").click()
    trained(one)
    assert "Weights 2 times as large" in one.said()
    assert "diverged at step" in one.said() or "the two part" in one.said()


def test_a_divergence_is_a_result(live):
    one = live({"rate": 1.0, "scale": 4})
    one.button("No norm will be worst").click()
    trained(one)
    assert "No norm diverged at step" in one.said()
    one.until(lambda: one.get("stats")["networks"][0]["diverged"])
    assert one.root.locator(".panel.none .gone").text_content() == "diverged"
    assert "NaN" not in one.root.inner_text()
    assert one.faults == []


@pytest.mark.parametrize("sources", ["", pytest.param(WORKERS, marks=pytest.mark.slow)])
def test_where_a_page_forbids_it_trains_all_the_same(live, sources):
    traits = {"compare": "scales", "norm": "layer", "scale": 2}
    one = live(traits, sources=sources)
    one.button("Train now").click()
    if sources != WORKERS:
        one.ever("so it trains here, more slowly")
    stats = trained(one, seconds=120)
    assert stats["networks"][0]["accuracy"] > 0.9
    assert "the same to the last digit" in one.said()
    assert one.faults == []


def test_out_of_sight_it_stops_and_leaves_nothing_behind(live):
    one = live()
    one.button("Train now").click()
    one.until(lambda: one.get("step") > 2)
    one.page.evaluate("scrollTo(0, 2500)")
    assert one.still(lambda: one.get("step")) < STEPS[-1]
    one.page.evaluate("scrollTo(0, 0)")
    one.button("Train now").click()
    one.host.evaluate("(el) => el.remove()")
    one.until(lambda: one.page.workers == [])


@pytest.mark.slow
def test_ten_trainings_leave_nothing_behind(live):
    one = live({"compare": "scales", "norm": "none"})
    wire = one.page.context.new_cdp_session(one.page)
    sizes = []
    for _ in range(10):
        one.forget()
        one.root.locator(".go").click()
        one.ever("Training now")
        one.button("Reset").click()
        one.until(lambda: one.page.workers == [])
        wire.send("HeapProfiler.collectGarbage")
        sizes.append(one.page.evaluate("performance.memory.usedJSHeapSize"))
    assert sizes[-1] < sizes[2] + 2e6
