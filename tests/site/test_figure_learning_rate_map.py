"""The learning-rate map: what it shows, how it is used, and what it refuses."""

import base64
import json
import math
from pathlib import Path

import pytest
import traitlets

import _figure_data as figure_data
import normlib as nl
from normlib.results import Run
from normlib.widgets import LearningRateMap

NAME = "LearningRateMap"

ROOT = Path(__file__).parents[2]

DATA = json.loads((figure_data.DATA / "learning_rate_map.json").read_text(encoding="utf-8"))
RATES, ROWS = DATA["rates"], DATA["placements"]
CURVE = {"steps": [0, 100, 200], "loss": [5.0, 3.0, 2.4]}


def table(depth, warmup):
    """The same cells from the library: placement → rate → Cell, with the digits of the data."""
    runs = nl.load_results("placement_lr").filter(n_layer=depth, warmup=warmup)
    found = runs.table("placement", "lr")
    return {
        placement: dict(zip(found.columns, cells, strict=True))
        for placement, cells in zip(found.rows, found.cells, strict=True)
    }


def losses(depth, warmup, placement, rate):
    by_depth = DATA["loss"][DATA["depths"].index(depth)]
    return by_depth[DATA["warmups"].index(warmup)][ROWS.index(placement)][rate]


def best_of(depth):
    cells = [
        losses(depth, w, p, r) for w in DATA["warmups"] for p in ROWS for r in range(len(RATES))
    ]
    return min(sum(cell) / len(cell) for cell in cells if None not in cell)


def usable(depth, warmup, placement, tolerance):
    cells = [losses(depth, warmup, placement, i) for i in range(len(RATES))]
    limit = best_of(depth) + tolerance
    return [
        rate
        for rate, cell in zip(RATES, cells, strict=True)
        if None not in cell and max(cell) <= limit
    ]


def cell(fig, placement, rate, warmup=0):
    grid = fig.root.get_by_role("grid").nth(DATA["warmups"].index(warmup))
    return grid.locator(".row:not(.head)").nth(ROWS.index(placement)).locator(".cell").nth(rate)


def where(fig):
    return fig.get("placement"), fig.get("rate"), fig.get("warmup")


def test_the_data_are_those_of_the_results():
    try:
        made = figure_data.learning_rate_map()
    except ValueError as another_corpus:
        pytest.skip(str(another_corpus))
    text = json.dumps(made, separators=(",", ":"), allow_nan=False) + "\n"
    assert text.encode() == (figure_data.DATA / "learning_rate_map.json").read_bytes()


def test_the_default_makes_the_point(figure):
    fig = figure(NAME)
    told = fig.stats()["usable"]
    without, with_it = told["post"]
    assert len(without) < len(with_it) < len(told["pre"][0])  # narrow, and less so with warm-up
    text = fig.text()
    assert f"{len(without)} of 8 with no warm-up" in text
    assert f"{len(with_it)} of 8 with 100 steps of warm-up" in text
    assert fig.root.locator(".cell.usable:not(.swatch)").count() == sum(
        len(rates) for both in told.values() for rates in both
    )
    said = fig.said()
    assert said.startswith("Post, rate 0.002, no warm-up: the 3 seeds ended at")
    assert "Usable rates for Post, 6 blocks: 1 of 8" in said


@pytest.mark.parametrize("depth", [6, 12])
def test_the_cells_are_those_of_the_library(figure, depth):
    fig = figure(NAME, traits={"depth": depth})
    for warmup in DATA["warmups"]:
        found = table(depth, warmup)
        for placement in ROWS:
            for i, rate in enumerate(RATES):
                one, node = found[placement][rate], cell(fig, placement, i, warmup)
                label = node.get_attribute("aria-label")
                assert f"rate {rate:g}, " in label
                if one.diverged:
                    assert node.text_content() == f"✕{one.diverged}"
                    assert "diverged" in label
                    assert "repeating-linear" in node.evaluate(
                        "node => getComputedStyle(node).backgroundImage"
                    )
                else:
                    shown = float(node.text_content())
                    assert shown == pytest.approx(one.mean, abs=0.51 if one.mean >= 10 else 0.006)


@pytest.mark.parametrize(
    ("depth", "warmup", "placement", "rate", "tolerance"),
    [(6, 0, "post", 2, 0.3), (12, 100, "peri", 7, 0.1), (6, 0, "none", 3, 0.9)],
)
def test_python_gets_every_number(figure, depth, warmup, placement, rate, tolerance):
    state = {"depth": depth, "warmup": warmup, "placement": placement, "rate": rate}
    fig = figure(NAME, traits={**state, "tolerance": tolerance})
    told, seeds = fig.stats(), losses(depth, warmup, placement, rate)
    left = [x for x in seeds if x is not None]
    assert told["losses"] == seeds
    assert told["diverged"] == seeds.count(None)
    assert told["mean"] == pytest.approx(sum(left) / len(left), rel=1e-9)
    assert told["worst"] == (None if None in seeds else max(seeds))
    assert told["best"] == pytest.approx(best_of(depth), rel=1e-9)
    for one in ROWS:
        for i, w in enumerate(DATA["warmups"]):
            assert told["usable"][one][i] == usable(depth, w, one, tolerance)


def test_the_curves_are_those_of_the_runs(figure):
    """The bytes of the data, read back, are the losses to 0.4 %; the chart ends where a run did."""
    codes = base64.b64decode(DATA["curves"])
    low, high = DATA["curve_range"]
    points, seeds = len(DATA["curve_steps"]), DATA["seeds"]
    at = (ROWS.index("deepnorm") * len(RATES) + 4) * seeds * points
    runs = nl.load_results("placement_lr").filter(
        n_layer=6, warmup=0, placement="deepnorm", lr=RATES[4]
    )
    for i, run in enumerate(runs):
        known = dict(zip(run.steps, run.loss, strict=True))
        row = codes[at + i * points : at + (i + 1) * points]
        for step, code in zip(DATA["curve_steps"], row, strict=True):
            assert low * (high / low) ** (code / 253) == pytest.approx(known[step], rel=4e-3)
    fig = figure(NAME, traits={"placement": "deepnorm", "rate": 4})
    assert fig.root.locator(".curves path.live").count() == seeds
    assert fig.root.locator(".curves path.lower").count() == seeds
    assert fig.root.locator(".curves path.higher").count() == seeds
    assert fig.root.locator(".curves path.live").first.get_attribute("d").count("L") == points - 1
    fig.set(placement="none", rate=7, depth=12)
    assert fig.root.locator(".curves text.cross.live").count() == seeds
    assert "off the chart" in fig.root.locator(".curves").text_content()
    assert fig.root.locator(".curves path.higher").count() == 0  # no rate beyond


def test_arrows_move_in_the_map_with_one_tab_stop(figure):
    fig = figure(NAME)
    assert fig.root.locator(".cell[tabindex='0']").count() == 1
    cell(fig, "post", 2).focus()
    for key, state in [
        ("ArrowLeft", ("post", 1, 0)),
        ("ArrowDown", ("pre", 1, 0)),
        ("PageDown", ("pre", 1, 100)),
        ("PageDown", ("pre", 1, 100)),
        ("End", ("pre", 7, 100)),
        ("ArrowRight", ("pre", 7, 100)),
        ("ArrowUp", ("post", 7, 100)),
        ("PageUp", ("post", 7, 0)),
        ("Home", ("post", 0, 0)),
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

    def press(node):
        fig.tap(node) if way == "touch" else node.click()
        fig.settle()

    press(cell(fig, "deepnorm", 5, 100))
    assert where(fig) == ("deepnorm", 5, 100)
    press(fig.root.get_by_role("radio", name="12"))
    assert fig.get("depth") == 12
    press(fig.root.get_by_role("radio", name="worst seed"))
    assert cell(fig, "pre", 0).text_content() == f"{max(losses(12, 0, 'pre', 0)):.2f}"
    fig.move_slider("Usable", 0.5)
    assert fig.stats()["usable"]["deepnorm"][1] == usable(12, 100, "deepnorm", 0.5)
    press(fig.root.get_by_role("button", name="Reset"))
    assert where(fig) == ("post", 2, 0)
    names = ("depth", "metric", "tolerance")
    assert [fig.get(name) for name in names] == [6, "mean", 0.3]


def test_every_control_by_keyboard(figure):
    fig = figure(NAME)
    for name, trait, value in [("6", "depth", 12), ("mean", "metric", "worst")]:
        fig.root.get_by_role("radio", name=name, exact=True).focus()
        fig.page.keyboard.press("ArrowRight")
        fig.settle()
        assert fig.get(trait) == value
    fig.root.get_by_role("slider").focus()
    fig.page.keyboard.press("ArrowRight")
    fig.settle()
    assert fig.get("tolerance") == pytest.approx(0.35)


def test_guessing_hides_the_answer_and_is_no_gate(figure):
    assert usable(6, 0, "post", 0.3) == [0.001]
    assert usable(12, 100, "post", 0.3) == []
    wide = {p: len(usable(6, 0, p, 0.3)) for p in ("pre", "peri", "deepnorm")}
    assert wide["peri"] > max(wide["pre"], wide["deepnorm"])
    fig = figure(NAME)
    quiz, see = fig.root.locator(".nl-quiz"), fig.root.locator(".nl-says")
    fig.root.get_by_role("button", name="Guess first").click()
    assert not see.is_visible()
    fig.root.get_by_role("button", name="Stop guessing").click()
    assert see.is_visible()
    for right, wrong in [("none of the eight", False), ("Peri", True), ("0.001", False)]:
        fig.root.get_by_role("button", name="Guess first").or_(
            fig.root.get_by_role("button", name="Another question")
        ).click()
        assert not see.is_visible()
        answer = quiz.get_by_role("button", name="DeepNorm" if wrong else right, exact=True)
        answer.click()
        fig.settle()
        assert (f"Not quite: {right}." if wrong else "Right.") in quiz.inner_text()
        assert see.is_visible()
    assert where(fig) == ("post", 1, 0)


def test_curves_of_the_reader_are_drawn(figure):
    own = [{**CURVE, "label": "<b>me</b>"}, {**CURVE, "diverged": True, "steps": [0, 50, 400]}]
    fig = figure(NAME, traits={"mine": own})
    assert fig.root.locator(".curves path.mine").count() == 2
    assert fig.root.locator(".curves text.cross.mine").count() == 1
    assert "<b>me</b>: ended at a loss of 2.40, step 200." in fig.text()
    assert "Yours: diverged, step 400." in fig.text()
    assert "<b>me</b>" in fig.said()
    assert fig.root.locator(".mine-says b").count() == 0
    assert fig.root.locator(".curves text", has_text="400").count() == 1


BROKEN = [
    {"placement": "<img src=x onerror=alert(1)>", "rate": None, "warmup": "100"},
    {"placement": 3, "rate": 1e300, "depth": 1e300, "metric": ["mean"]},
    {"rate": -1e300, "tolerance": 1e300},
    {"rate": "fast", "tolerance": None, "depth": 7, "warmup": 50},
    {"mine": "<b>no</b>"},
    {"mine": []},
    {"mine": [{**CURVE, "loss": [1, 2]}]},
    {"mine": [{**CURVE, "loss": [None, 2, 3]}]},
    {"mine": [{**CURVE, "steps": [0, 2, 1]}]},
    {"mine": [CURVE] * 13},
]


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_broken_state_is_replaced(figure, broken):
    fig = figure(NAME, traits=broken)
    fig.set(**broken)
    assert fig.page.faults == []
    assert fig.root.locator("img, .curves path.mine").count() == 0
    assert "NaN" not in fig.text()
    assert "undefined" not in fig.text()
    assert fig.root.locator(".cell.selected").count() == 1
    assert fig.stats()["best"] == pytest.approx(best_of(6), rel=1e-9)


def test_python_refuses_what_is_no_curve():
    for wrong in (
        {"placement": "sandwich"},
        {"rate": 8},
        {"warmup": 50},
        {"depth": 24},
        {"tolerance": 0},
        {"tolerance": math.nan},
        *({"mine": one["mine"]} for one in BROKEN[4:7]),
        {"mine": [{**CURVE, "loss": [math.nan, 2, 3]}]},
        *({"mine": one["mine"]} for one in BROKEN[8:]),
        {"mine": [{"loss": [1, 2]}]},
    ):
        with pytest.raises((traitlets.TraitError, TypeError)):
            LearningRateMap(**wrong)


def test_runs_become_plain_curves():
    runs = nl.load_results("placement_lr").filter(placement="none", n_layer=12, lr=6.4e-2)
    one = LearningRateMap(mine=runs)
    assert one.mine[0]["label"] == "none, rate 0.064, warm-up 0"
    assert one.mine[0]["loss"] == list(runs[0].loss)
    assert one.mine[0]["diverged"] is True
    assert json.loads(json.dumps(one.state(), allow_nan=False)) == one.state()
    long = Run(
        {"placement": "pre"}, {"lr": 1e-3, "warmup": 5}, [*range(3000)], [3.0] * 3000, [], 3, False
    )
    thin = LearningRateMap(mine=long).mine[0]
    assert len(thin["steps"]) <= 500
    assert (thin["steps"][0], thin["steps"][-1]) == (0, 2999)
    cut = LearningRateMap(mine={"steps": [0, 1, 2], "loss": [3, math.inf, 3]}).mine[0]
    assert (cut["loss"], cut["diverged"]) == ([3.0], True)


def test_a_link_opens_a_cell(figure):
    fig = figure(NAME, address=f"#{NAME}?placement=pre&rate=5&warmup=100&depth=12")
    chosen = fig.root.locator(".cell.selected")
    assert chosen.get_attribute("aria-label").startswith("Pre, rate 0.016, 100 steps of warm-up")
