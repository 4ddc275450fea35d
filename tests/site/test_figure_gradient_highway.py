"""The gradient highway: what it shows, how it is used, and what it refuses."""

import json
import math

import pytest
import torch
import traitlets
from axe_playwright_python.sync_playwright import Axe

import _figure_data as figure_data
from highway import DATA, NAME, START, agree, factors, radio, times, wide
from normlib.gpt import GPT, GPTConfig, probes
from normlib.widgets import GradientHighway

MINE = {"residual_rms": [1, 2, 4], "stream_grad_norm": [8, 2, 1], "grad_norm": [3, 1]}


def test_the_data_are_those_of_the_results():
    try:
        made = figure_data.gradient_highway()
    except ValueError as another_corpus:
        pytest.skip(str(another_corpus))
    text = json.dumps(made, separators=(",", ":"), allow_nan=False) + "\n"
    assert text.encode() == (figure_data.DATA / "gradient_highway.json").read_bytes()


def test_the_default_makes_the_point(figure):
    fig = figure(NAME)
    told = fig.stats()
    agree(told, START["xavier"]["pre"]["16"])
    assert told["stream_factor"] > 2
    up, down = times(told["stream_factor"]), times(told["gradient_factor"])
    none = factors(START["xavier"]["none"]["16"])["gradient_factor"]
    assert fig.root.locator(".nl-says").inner_text() == (
        f"Up, the stream grows {up}; down, the gradient grows {down}. "
        f"Without any norm it explodes: ×{none / 1e6:.1f} million."
    )
    assert fig.root.locator(".factor").all_text_contents() == [up, down]
    fig.unfold()
    assert fig.root.locator("path.live").count() == 2
    assert fig.root.locator("path.ghost").count() == 10  # five placements, "none" among them
    assert fig.root.locator(".formula").inner_text() == "x ← x + F(N(x))"
    said = fig.said()
    assert said.startswith("Pre, 16 blocks. Up, the stream grows")
    assert "Nothing stands on the highway." in said


@pytest.mark.parametrize("placement", START["xavier"])
def test_a_river_is_as_wide_as_what_flows_is_large(figure, placement):
    fig = figure(NAME, traits={"placement": placement}, reduced_motion="reduce")
    one = START["xavier"][placement]["16"]
    source = {"stream": one["rms"][0], "gradient": one["gradient"][-1]}
    most = fig.root.locator(".rivers").bounding_box()["width"] / 4
    for river, sizes in (("stream", one["rms"]), ("gradient", one["gradient"])):
        widths = wide(fig, river)
        assert len(widths) == 17
        assert max(widths) < most
        for width, size in zip(widths, sizes, strict=True):
            decades = math.log10(size / source[river])
            right = 14 * (1 + 1.7 * decades if decades > 0 else 1 / (1 - 1.7 * decades))
            assert width == pytest.approx(right, abs=0.11) or (right > width > most - 25)


def test_what_flows_moves_only_in_sight_and_where_motion_is_welcome(figure):
    """Drops run along the wire and the rivers; they rest out of sight."""
    running = "(root) => root.getAnimations({ subtree: true }).map((one) => one.playState)"
    fig = figure(NAME)
    assert set(fig.root.evaluate(running)) == {"running"}
    fig.page.evaluate("document.body.style.paddingTop = '3000px'; scrollTo(0, 0)")
    fig.rest()
    assert set(fig.root.evaluate(running)) == {"paused"}
    fig.page.evaluate("document.body.style.paddingTop = ''")
    calm = figure(NAME, reduced_motion="reduce")
    assert calm.root.evaluate(running) == []


def test_a_change_is_one_short_transition_and_leaves_an_outline(figure):
    fig = figure(NAME)
    first = fig.root.locator("path.river.gradient").get_attribute("d")
    fig.set(placement="reordered")
    middle = wide(fig, "gradient")[0]
    assert fig.root.locator(".was").last.get_attribute("d") == first
    fig.rest(600)
    last = fig.root.locator("path.river.gradient").get_attribute("d")
    assert 31 < middle < wide(fig, "gradient")[0]
    fig.rest(3000)
    assert fig.root.locator("path.river.gradient").get_attribute("d") == last


def test_training_closes_the_highway_of_post_norm(figure):
    fig = figure(NAME, traits={"placement": "post", "depth": 24, "moment": "trained", "level": 0})
    one = DATA["trained"]["measured"]["post"]["24"]
    told = fig.stats()
    agree(told, one["after"])
    assert told["gradient_factor"] < 1e-2 < factors(one["before"])["gradient_factor"]
    assert "the gradient vanishes: ÷" in fig.text()
    assert one["loss"] > DATA["trained"]["unigram"] - 0.05
    assert "no better than letter frequencies" in fig.text()
    assert min(wide(fig, "gradient")) < 2
    fig.unfold()
    assert fig.root.locator("path.before").count() == 2


def test_diverged_runs_are_counted_and_said(figure):
    measured = DATA["trained"]["measured"]["none"]
    seeds = DATA["trained"]["seeds"]
    fig = figure(NAME, traits={"placement": "none", "depth": 24, "moment": "trained"})
    assert measured["24"]["diverged"] == seeds
    assert f"✕ All {seeds} runs diverged" in fig.text()
    fig.unfold()
    assert fig.root.locator("text.lost").all_text_contents() == ["✕ all runs diverged"] * 2
    assert fig.stats()["gradient_factor"] is None
    fig.set(depth=12)
    assert 0 < measured["12"]["diverged"] < seeds
    assert f"✕ {measured['12']['diverged']} of {seeds} runs diverged" in fig.text()
    assert fig.stats()["diverged"] == measured["12"]["diverged"]


def test_every_measured_state_is_drawn_and_told(figure):
    fig = figure(NAME, reduced_motion="reduce").unfold()
    for init, placements in START.items():
        for placement, depths in placements.items():
            for depth, one in depths.items():
                fig.set(moment="start", init=init, placement=placement, depth=int(depth), level=1)
                text = fig.root.locator(".reading").inner_text()
                assert "NaN" not in fig.text()
                assert "undefined" not in fig.text()
                if one["gradient"][1] is None:
                    assert "too large for float32" in text
    assert fig.page.faults == []
    agree(fig.stats(), START["gpt2"]["none"]["32"])


def test_a_model_of_the_reader_is_drawn(figure):
    fig = figure(NAME, traits={"mine": {**MINE, "label": "<b>mine</b>"}})
    assert fig.root.locator("path.mine").count() == 2
    assert "<b>mine</b>" in fig.text()
    assert "2 blocks, the gradient grows ×8.0, the stream grows ×4.0" in fig.text()
    assert "<b>mine</b>" in fig.said()
    assert fig.root.locator(".mine-says b").count() == 0
    fig.set(metric="weights", mine={**MINE, "grad_norm": None})
    assert fig.root.locator("path.mine").count() == 1  # no weights were given


BROKEN = [
    {"placement": "<img src=x onerror=alert(1)>", "depth": None, "level": None},
    {"placement": 7, "depth": "deep", "init": ["gpt2"], "moment": {}, "metric": 0},
    {"depth": 1e300, "level": -1e300},
    {"depth": -5, "level": 1e300, "moment": "trained"},
    {"mine": "<b>no</b>"},
    {"mine": {**MINE, "residual_rms": [1, 2]}},
    {"mine": {**MINE, "stream_grad_norm": [1, None, 2]}},
    {"mine": {**MINE, "stream_grad_norm": [1, -1, 2]}},
    {"mine": {**MINE, "grad_norm": [1, 2, 3]}},
    {"mine": [1, 2]},
]


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_broken_state_is_replaced(figure, broken):
    fig = figure(NAME, traits=broken, reduced_motion="reduce")
    fig.set(**broken)
    assert fig.page.faults == []
    assert fig.root.locator("img, path.mine").count() == 0
    assert "NaN" not in fig.text()
    told = fig.stats()
    assert 0 <= told["level"] <= told["depth"]
    assert told["residual_rms"] > 0


def test_python_refuses_what_is_no_measurement():
    for wrong in (
        {"placement": "sandwich"},
        {"depth": 3},
        {"level": 33},
        {"init": "he"},
        {"metric": "loss"},
        {"moment": "now"},
        *({"mine": one["mine"]} for one in BROKEN[4:]),
        {"mine": {**MINE, "residual_rms": [1, 2, math.nan]}},
        {"mine": {**MINE, "seeds": 3}},
    ):
        with pytest.raises((traitlets.TraitError, TypeError)):
            GradientHighway(**wrong)


def test_measure_takes_the_probes_and_leaves_the_model_as_it_was():
    model = GPT(GPTConfig(vocab_size=10, n_layer=3, n_embd=16, n_head=2, dropout=0.5)).train()
    idx = torch.arange(64).reshape(2, 32) % 10
    mine = GradientHighway.measure(model, idx, idx, label="three")
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    model.eval()
    for name in ("residual_rms", "stream_grad_norm", "grad_norm"):
        assert mine[name] == pytest.approx(probes.PROBES[name](model, idx, idx), rel=1e-9)
    assert GradientHighway(mine=mine).mine == mine


def test_questions_have_the_answers_of_the_data(figure):
    pre = START["xavier"]["pre"]["32"]["weight"]
    peri = START["xavier"]["peri"]["32"]["rms"]
    none = START["xavier"]["none"]["16"]
    assert none["gradient"][0] / none["gradient"][-1] > 1e6
    assert 7 < peri[-1] < 9
    assert max(pre) == max(pre[:8]) > 1.5 * max(pre[-8:])
    fig = figure(NAME, reduced_motion="reduce")
    fig.unfold()
    hidden = ".nl-says, .ends text, path.river, .rain, .views, .reading"
    rights = ["over a million times", "about 8", "one of the first blocks", "almost nothing"]
    shown = ["none", "peri", "pre", "post"]
    for i, (right, placement) in enumerate(zip(rights, shown, strict=True)):
        name = "Guess first" if i == 0 else "Another question"
        fig.root.get_by_role("button", name=name).click()
        quiz = fig.root.locator(".nl-quiz")
        seen = fig.root.locator(hidden)
        assert [node.is_visible() for node in seen.all()] == [False] * seen.count()
        assert fig.said() == quiz.locator("p").inner_text()
        answers = quiz.get_by_role("button")
        if i == 1:  # a wrong one
            answers.last.click()
            assert f"Not quite: {right}." in quiz.inner_text()
        else:
            quiz.get_by_role("button", name=right).click()
            assert "Right." in quiz.inner_text()
        fig.settle()
        assert fig.get("placement") == placement
        assert fig.root.locator(".nl-says").is_visible()
        assert fig.said().startswith(radio_label(placement))
    fig.root.get_by_role("button", name="Reset").click()
    assert quiz.is_hidden()


def radio_label(placement):
    return f"{placement.title()}, "


def test_a_link_opens_a_state(figure):
    fig = figure(NAME, address=f"#{NAME}?placement=post&moment=trained&depth=12")
    assert radio(fig, "Post").is_checked()
    assert fig.stats()["depth"] == 12


def test_no_violation_after_training_and_with_own_model(figure):
    state = {"placement": "deepnorm", "moment": "trained", "depth": 12, "mine": MINE}
    for theme in ("light", "dark"):
        fig = figure(NAME, theme=theme, traits=state)  # unfolded: it has a model of the reader
        found = Axe().run(fig.page, context=f'.normlib-figure[data-figure="{NAME}"]')
        assert [v["id"] for v in found.response["violations"]] == []
