"""The learning-rate map: what it shows, how it is used, and what it refuses."""

import json
import math
from statistics import median

import pytest
import traitlets

import _figure_data as figure_data
import normlib as nl
from normlib.results import Run
from normlib.widgets import LearningRateMap
from rate_map import (
    DATA,
    MOMENTS,
    NAME,
    RATES,
    ROWS,
    WARMUPS,
    ahead,
    cell,
    losses,
    own_best,
    runs_of,
    usable,
    value,
    where,
)

CURVE = {"steps": [0, 100, 200], "loss": [5.0, 3.0, 2.4]}


def test_the_data_are_those_of_the_results():
    try:
        made = figure_data.learning_rate_map()
    except ValueError as another_corpus:
        pytest.skip(str(another_corpus))
    text = json.dumps(made, separators=(",", ":"), allow_nan=False) + "\n"
    assert text.encode() == (figure_data.DATA / "learning_rate_map.json").read_bytes()


def test_python_and_the_data_agree_on_what_can_be_chosen():
    traits = LearningRateMap.class_traits()
    assert [*traits["placement"].values] == ROWS
    assert [*traits["steps"].values] == MOMENTS
    assert (traits["warmup"].values, traits["init"].values) == (WARMUPS, DATA["inits"])
    assert traits["rate"].max == len(RATES) - 1


def test_the_default_shows_the_order_turn(figure):
    """What the alternative text says, from the data; and the figure says it, too."""
    turn, seeds = ahead("post", "pre", 1), len(runs_of("post", 1))
    assert turn[MOMENTS.index(200)] == 0
    assert turn[-1] == seeds
    post, pre, peri = (own_best(p) for p in ("post", "pre", "peri"))
    assert post[0] > max(pre[0], peri[0])
    assert min(pre[1], peri[1]) > post[1]
    assert own_best("post", init="gpt2") < min(own_best(p, init="gpt2") for p in ("pre", "peri"))
    fig = figure(NAME)
    told = fig.stats()
    assert (told["ahead"], told["pairs"]) == (turn, seeds)
    said = fig.said()
    assert said.startswith("Post, rate 0.001, 100 steps of warm-up: after 2,000 steps the")
    assert f"Lower than Pre in {turn[0]} of {seeds} seeds after 100 steps" in said
    assert f"{turn[-1]} after 2,000." in said
    for placement, (loss, rate, warmup) in zip(("post", "pre"), (post, pre), strict=True):
        words = f"{warmup} steps of warm-up" if warmup else "no warm-up"
        assert f"{placement.title()} {loss:.2f} (rate {rate:g}, {words})" in said
    for warmup in WARMUPS:
        found = len(usable("post", warmup))
        words = f"{warmup} steps of warm-up" if warmup else "no warm-up"
        assert f"{found} of 6 with {words}" in said
        fig.set(warmup=warmup)
        assert fig.root.locator(".cell.usable:not(.swatch)").count() == sum(
            len(usable(placement, warmup)) for placement in ROWS
        )


@pytest.mark.parametrize("steps", MOMENTS)
def test_the_headline_is_read_off_the_cells(figure, steps):
    """The best of each row has a ring and stands in the sentence, the lowest first."""
    fig = figure(NAME, traits={"steps": steps, "warmup": 400})
    medians = {p: [median(losses(p, r, 400, steps)) for r in range(len(RATES))] for p in ROWS}
    names = {"post": "Post", "pre": "Pre", "peri": "Peri", "deepnorm": "DeepNorm"}
    order = sorted(ROWS, key=lambda p: min(medians[p]))
    told = ", ".join(f"{names[p]} {min(medians[p]):.2f}" for p in order)
    said = fig.root.locator(".nl-says").inner_text().replace("\u00a0", " ")
    assert said == f"Best: {told}."
    for placement, row in medians.items():
        for rate, loss in enumerate(row):
            kinds = cell(fig, placement, rate).get_attribute("class").split()
            assert ("top" in kinds) == (loss == min(row))
            assert ("leads" in kinds) == (loss == min(medians[p][rate] for p in ROWS))
    ring = fig.root.locator(".cell.top .value").all_text_contents()
    assert all(shown in said for shown in ring)


@pytest.mark.parametrize("state", [{}, {"steps": 200, "init": "gpt2", "metric": "worst"}])
def test_the_cells_are_those_of_the_runs(figure, state):
    fig = figure(NAME, traits=state)
    of = max if state.get("metric") == "worst" else median
    chosen = {"steps": state.get("steps", 2000), "init": state.get("init", "xavier")}
    runs = nl.load_results("budget").filter(init=chosen["init"])
    for run in (runs[0], runs[-1]):  # the data of the figure are those of the study
        where = ROWS.index(run["placement"]), RATES.index(run["lr"])
        kept = runs_of(ROWS[where[0]], where[1], run["warmup"], chosen["init"])[run["seed"]]
        assert kept == pytest.approx(run.probes["val_loss"]["values"][1:], rel=1e-3)
    for warmup in WARMUPS:
        fig.set(warmup=warmup)
        for placement in ROWS:
            for i, rate in enumerate(RATES):
                found, node = losses(placement, i, warmup, **chosen), cell(fig, placement, i)
                label = node.get_attribute("aria-label")
                assert f"rate {rate:g}, " in label
                assert float(value(fig, placement, i)) == pytest.approx(of(found), abs=0.0051)
                assert ("seeds far apart" in label) == (max(found) - min(found) > 0.3)
                assert ("split" in node.get_attribute("class")) == ("far apart" in label)


@pytest.mark.parametrize(
    ("placement", "rate", "warmup", "steps", "init", "tolerance"),
    [
        ("post", 2, 0, 2000, "xavier", 0.2),
        ("peri", 5, 400, 500, "gpt2", 0.05),
        ("pre", 3, 100, 100, "xavier", 0.5),
    ],
)
def test_python_gets_every_number(figure, placement, rate, warmup, steps, init, tolerance):
    state = {"placement": placement, "rate": rate, "warmup": warmup, "steps": steps, "init": init}
    told = figure(NAME, traits={**state, "tolerance": tolerance}).stats()
    seeds = losses(**state)
    assert told["losses"] == seeds
    assert told["median"] == pytest.approx(median(seeds), rel=1e-9)
    assert told["worst"] == max(seeds)
    assert told["best"] == pytest.approx(min(own_best(p, steps, init)[0] for p in ROWS), rel=1e-9)
    rival = "post" if placement == "pre" else "pre"
    assert told["ahead"] == ahead(placement, rival, rate, warmup, init)
    for one in ROWS:
        best = told["own_best"][one]
        assert (best["median"], best["rate"], best["warmup"]) == pytest.approx(
            own_best(one, steps, init), rel=1e-9
        )
        for i, w in enumerate(WARMUPS):
            assert told["usable"][one][i] == usable(one, w, tolerance, steps, init)


def test_the_chart_has_every_seed_beside_the_other_placements(figure):
    fig = figure(NAME, traits={"placement": "deepnorm", "rate": 2, "opened": True})
    seeds = len(runs_of("deepnorm", 2))
    assert fig.root.locator(".curves path.live").count() == seeds
    assert fig.root.locator(".curves path.other").count() == 3 * seeds
    shown = sum(loss <= 3.6 for run in runs_of("deepnorm", 2) for loss in run)
    assert fig.root.locator(".curves circle.live").count() == shown
    ends = [float(d.split("L")[-1].split()[1]) for d in _paths(fig, "live")]
    assert sorted(range(seeds), key=lambda i: ends[i]) == sorted(
        range(seeds), key=lambda i: -losses("deepnorm", 2)[i]
    )  # down is less


def _paths(fig, kind):
    return [node.get_attribute("d") for node in fig.root.locator(f".curves path.{kind}").all()]


def test_guessing_hides_the_answer_and_is_no_gate(figure):
    turn, seeds = ahead("post", "pre", 1), len(runs_of("post", 1))
    assert (turn[MOMENTS.index(200)], turn[-1]) == (0, seeds)  # "ahead"
    assert own_best("pre")[0] < own_best("post")[0] - 0.05  # "Pre"
    assert min(losses("post", 4, 0)) > (DATA["letters"] + DATA["pairs"]) / 2  # "in none"
    fig = figure(NAME)
    quiz, see = fig.root.locator(".nl-quiz"), fig.root.locator(".nl-says")
    fig.root.get_by_role("button", name="Guess first").click()
    assert not see.is_visible()
    assert [node.is_visible() for node in fig.root.locator(".value").all()] == [False] * 24
    assert fig.root.locator(".grid").evaluate("(grid) => grid.inert")  # nor is it read out
    assert fig.said() == quiz.locator("p").inner_text()
    fig.root.get_by_role("button", name="Stop guessing").click()
    assert see.is_visible()
    for right, given in [("Pre", "nobody"), ("in none", "in none"), ("ahead", "ahead")]:
        fig.root.get_by_role("button", name="Guess first").or_(
            fig.root.get_by_role("button", name="Another question")
        ).click()
        assert not see.is_visible()
        quiz.get_by_role("button", name=given, exact=True).click()
        fig.settle()
        verdict = "Right." if given == right else f"Not quite: {right}."
        assert verdict in quiz.inner_text()
        assert see.is_visible()
    assert where(fig) == ("post", 1, 100)


def test_curves_of_the_reader_are_drawn(figure):
    own = [{**CURVE, "label": "<b>me</b>"}, {**CURVE, "diverged": True, "steps": [0, 50, 4000]}]
    fig = figure(NAME, traits={"mine": own, "opened": True})
    assert fig.root.locator(".curves path.mine").count() == 2
    assert fig.root.locator(".curves text.cross.mine").count() == 1
    assert "<b>me</b>: ended at a loss of 2.40, step 200." in fig.text()
    assert "Yours: diverged, step 4000." in fig.text()
    assert "<b>me</b>" in fig.said()
    assert fig.root.locator(".mine-says b").count() == 0
    assert fig.root.locator(".curves text", has_text="4000").count() == 1


BROKEN = [
    {"placement": "<img src=x onerror=alert(1)>", "rate": None, "warmup": "100"},
    {"placement": "none", "rate": 1e300, "steps": 1e300, "metric": ["median"]},
    {"rate": -1e300, "tolerance": 1e300},
    {"rate": "fast", "tolerance": None, "steps": 7, "warmup": 50, "init": 3},
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
    best = min(own_best(placement)[0] for placement in ROWS)
    assert fig.stats()["best"] == pytest.approx(best, rel=1e-9)


def test_python_refuses_what_is_no_curve():
    for wrong in (
        {"placement": "none"},
        {"rate": 6},
        {"warmup": 50},
        {"steps": 300},
        {"init": "small"},
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


def test_a_run_that_was_measured_on_its_way_shows_what_the_map_shows():
    run = nl.load_results("budget")[0]
    mine = LearningRateMap(mine=run).mine[0]
    assert mine["steps"] == [0, *MOMENTS]
    assert mine["loss"] == run.probes["val_loss"]["values"]


def test_a_link_opens_a_cell(figure):
    fig = figure(NAME, address=f"#{NAME}?placement=pre&rate=3&warmup=400&steps=500&init=gpt2")
    chosen = fig.root.locator(".cell.selected")
    assert chosen.get_attribute("aria-label").startswith("Pre, rate 0.004, 400 steps of warm-up")
    assert (fig.get("steps"), fig.get("init")) == (500, "gpt2")
