"""ε and precision: what it shows, and every way to work the figure."""

import itertools
import math
import re

import numpy as np
import pytest
import traitlets

from normlib.widgets import PrecisionLab
from normlib.widgets._precision import ROUND, numbers, relative_error, statistics

NAME = "PrecisionLab"


def choose(one, *labels):
    """Click radio buttons by their names: a format, an algorithm."""
    for label in labels:
        one.root.get_by_role("radio", name=re.compile(f"^{label}")).click()
        one.settle()


def click_button(one, name):
    one.root.get_by_role("button", name=name).click()
    one.settle()


def says(one):
    return one.root.locator(".nl-says").inner_text()


def about(one):
    """The sentences that are folded."""
    return one.root.locator(".nl-more .nl-answer p").text_content()


def error_of(one, label):
    """What stands at the end of an algorithm's row."""
    return one.root.locator("label.after", has_text=label).locator("output").inner_text()


def spots(one, selector):
    """The points of a path of dots."""
    drawn = one.root.locator(selector).first.get_attribute("d")
    return [tuple(map(float, point[:-2].split())) for point in drawn.split("M")[1:]]


def test_the_first_look_makes_the_point(figure):
    """64 numbers pile up on those that bfloat16 has, and no algorithm is right."""
    one = figure(NAME)
    stored = [ROUND["bfloat16"](v) for v in numbers(1, 200, 1)]
    kept = len(set(stored))
    assert kept == 5
    assert one.root.locator(".count").text_content() == f"64 → {kept}"
    piled = spots(one, ".dots.kept")
    assert len(piled) == 64
    assert len({x for x, _ in piled}) == kept
    counts = sorted(stored.count(v) for v in set(stored))
    assert sorted([x for x, _ in piled].count(at) for at in {x for x, _ in piled}) == counts
    assert len({x for x, _ in spots(one, ".dots.exact")}) > 50
    _, variance = statistics(stored, "one", ROUND["bfloat16"])
    truth = np.var(numbers(1, 200, 1))
    assert (
        says(one)
        == f"One pass gives σ² = {variance:.0f} instead of {truth:.3f}: no digit is right."
    )
    assert one.stats()["error"] == pytest.approx(variance / truth - 1, rel=1e-9)
    assert error_of(one, "one pass") == f"×{variance / truth - 1:.0f}"
    assert "no digit is right" in one.said()


def test_far_from_zero_in_float32_storing_is_innocent(figure):
    one = figure(NAME, traits={"dtype": "float32", "offset": 5000})
    assert "One pass gives σ² = 4 instead of 0.943: no digit is right." in says(one)
    assert "two numbers near 2.5·10⁷, where the numbers of float32 are 2 apart" in about(one)
    assert one.root.locator(".count").text_content() == "64 → 64"
    assert one.root.locator(".storage .band").count() == 1  # too many to be drawn one by one
    one.unfold()
    assert one.root.locator(".variance .ticks").count() == 1  # 0, 2, 4: one sees the grid


def test_an_error_is_the_whole_one(figure):
    """What storing has lost is part of it: a variance of lost numbers is never called right."""
    one = figure(NAME).unfold()
    for dtype, (offset, spread) in itertools.product(
        ROUND, ((0, 1), (200, 1), (5000, 1), (20, 30))
    ):
        one.set(dtype=dtype, offset=offset, spread=spread)
        x = numbers(1, offset, spread)
        stored = [ROUND[dtype](v) for v in x]
        for algorithm, label in (("two", "two passes"), ("welford", "Welford")):
            one.set(algorithm=algorithm)
            with np.errstate(over="ignore"):
                _, variance = statistics(stored, algorithm, ROUND[dtype])
            error, told = relative_error(variance, x), one.stats()["error"]
            assert told == (
                None if math.isnan(error) else pytest.approx(error, rel=1e-9, abs=1e-14)
            )
            shown = error_of(one, label)
            now = one.root.locator("td.now").inner_text()
            assert now == shown
            if variance >= 0 and np.var(stored) > 0 and math.isfinite(variance):
                assert shown != "none" or dtype == "float64"
                if 1e-3 <= error < 9:
                    assert float(shown.removesuffix(" %")) == pytest.approx(100 * error, abs=0.5)
    assert "exact" not in one.text()


def test_the_numbers_fall_in_one_short_transition(figure):
    one = figure(NAME, traits={"offset": 50})
    first = spots(one, ".dots.kept")
    one.set(offset=200)
    middle = spots(one, ".dots.kept")
    one.rest(600)
    last = spots(one, ".dots.kept")
    assert first != middle != last
    assert len({x for x, _ in middle}) > len({x for x, _ in last})  # on their way
    one.rest(3000)
    assert spots(one, ".dots.kept") == last


@pytest.mark.parametrize("way", ["mouse", "touch"])
def test_the_numbers_are_pushed_in_the_picture(figure, way):
    """Also with a finger, whose swipe up or down scrolls and pushes nothing."""
    if way == "mouse":
        one = figure(NAME)
        box = one.root.locator(".storage").bounding_box()
        at = box["x"] + 300, box["y"] + 80
        one.page.mouse.move(*at)
        one.page.mouse.down()
        one.page.mouse.move(at[0] + 56, at[1])
        one.settle()
        assert one.get("offset") == 1000  # two steps
        one.page.mouse.move(at[0] - 30, at[1])
        one.settle()
        one.page.mouse.up()
        one.page.mouse.move(at[0] + 90, at[1])
        one.settle()
        assert one.get("offset") == 100
        return
    one = figure(NAME, width=390, height=844, has_touch=True, is_mobile=True)
    one.page.evaluate("document.body.style.paddingBottom = '2000px'")
    one.swipe(one.root.locator(".storage"), 80)
    assert one.get("offset") > 200
    one.set(offset=200)
    before = one.page.evaluate("scrollY")
    one.swipe(one.root.locator(".storage"), 0, -150)
    one.rest()
    assert one.page.evaluate("scrollY") > before
    assert one.get("offset") == 200


def test_what_the_norm_makes_of_them_stands_beside_the_right_results(figure):
    one = figure(NAME, traits={"dtype": "float32", "offset": 5000})
    x = np.array(numbers(1, 5000, 1))
    right = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
    drawn = one.root.locator(".after path.right").first.get_attribute("d")
    strokes = [float(stroke.split()[0]) for stroke in drawn.split("M")[1:]]
    scale, start = np.polyfit(right, strokes, 1)
    assert np.allclose(strokes, start + scale * right, atol=0.1)
    for i, algorithm in enumerate(("one", "two")):
        stored = [ROUND["float32"](v) for v in x]
        mean, variance = statistics(stored, algorithm, ROUND["float32"])
        y = (np.array(stored) - mean) / np.sqrt(variance + 1e-5)
        drawn = one.root.locator(".after path.dots").nth(i).get_attribute("d")
        at = [float(point.split()[0]) for point in drawn.split("M")[1:]]
        assert np.allclose(at, start + scale * y, atol=0.1)


def test_a_negative_variance(figure):
    one = figure(NAME, traits={"seed": 2, "dtype": "float32", "offset": 5000})
    assert "σ² = −2, less than 0, instead of" in says(one)
    assert "√ of a negative number: torch.rsqrt returns nan" in about(one)
    assert error_of(one, "one pass") == "negative"
    assert one.root.locator(".after text.bad").first.text_content() == "not a number"
    assert one.stats()["rstd"] is None
    assert one.stats()["var"] == -2
    one.set(eps=1)  # still below 0
    assert "torch.rsqrt" in about(one)


def test_float16_overflows_and_bfloat16_snaps(figure):
    one = figure(NAME, traits={"dtype": "float16", "offset": 500})
    assert "larger than 65504" in says(one)
    assert error_of(one, "one pass") == "overflow"
    one.set(offset=1e5)
    assert "64 of 64 are stored as ∞" in says(one)
    assert "64 stored as ∞" in one.root.locator(".storage").text_content()
    one.set(offset=0, eps=1e-8, algorithm="two")
    assert "ε = 10⁻⁸ itself is stored as 0 in float16" in about(one)
    one.set(dtype="bfloat16", offset=200)
    kept = len({ROUND["bfloat16"](v) for v in numbers(1, 200, 1)})
    assert f"{kept} different numbers of 64 are left. Near 200" in about(one)
    assert "are 1 apart" in about(one)
    assert one.root.locator(".storage .ticks").count() == 1
    one.set(offset=5000)
    assert "All 64 numbers have become one." in about(one)
    assert one.page.faults == []


def test_mouse_and_touch(figure):
    one = figure(NAME, width=390, has_touch=True, is_mobile=True).unfold()
    for label in ("float32", "two passes"):
        one.tap(one.root.get_by_role("radio", name=re.compile(f"^{label}")))
    assert (one.get("dtype"), one.get("algorithm")) == ("float32", "two")
    one.move_slider("Offset", 13)
    x = numbers(1, 10000, 1)
    stored = [ROUND["float32"](v) for v in x]
    error = relative_error(statistics(stored, "two", ROUND["float32"])[1], x)
    assert f"about {math.floor(-math.log10(error))} digits are right" in says(one)
    one.move_slider("Offset", 8)
    one.move_slider("Spread", 8)
    one.move_slider("ε", 0)
    assert (one.get("offset"), one.get("spread"), one.get("eps")) == (200, 10, 0)
    one = figure(NAME).unfold()
    choose(one, "float16", "Welford")
    click_button(one, "Other numbers")
    assert (one.get("dtype"), one.get("algorithm"), one.get("seed")) == ("float16", "welford", 2)


def test_the_keyboard_alone(figure):
    one = figure(NAME)
    one.root.get_by_role("radio", name="bfloat16").focus()
    one.page.keyboard.press("ArrowRight")
    one.settle()
    assert one.get("dtype") == "float16"
    one.root.get_by_role("radio", name=re.compile("^one pass")).focus()
    one.page.keyboard.press("ArrowDown")
    one.settle()
    assert one.get("algorithm") == "two"
    one.root.get_by_label("Offset").focus()
    one.page.keyboard.press("Home")
    one.settle()
    assert one.get("offset") == 0
    assert "Near 1 the numbers of float16 are 9.8·10⁻⁴ apart" in about(one)
    assert "float16, two passes" in one.said()


def test_reset_and_address(figure):
    one = figure(NAME, traits={"seed": 5}, address="#PrecisionLab?dtype=float16&offset=20")
    assert one.root.get_by_role("radio", name="float16", exact=True).nth(0).is_checked()
    assert one.get("offset") == 20
    click_button(one, "Reset")
    assert (one.get("dtype"), one.get("offset"), one.get("seed")) == ("bfloat16", 200, 5)
    assert one.page.evaluate("() => location.hash") == ""


def test_guess_first(figure):
    one = figure(NAME, traits={"dtype": "float64", "offset": 0})
    rights = ("none", "1", "the squares overflow", "no, about 0.3")
    quiz = one.root.locator(".nl-quiz")
    for number, right in enumerate(rights):
        click_button(one, "Another question" if number else "Guess first")
        for hidden in (".nl-says", ".dots.kept", ".count", ".after .dots", ".after output"):
            assert not one.root.locator(hidden).first.is_visible()
        assert one.said() == quiz.locator("p").inner_text()
        quiz.get_by_role("button", name=re.compile(f"^{right}$")).click()
        one.settle()
        assert quiz.inner_text().startswith("Right. ")
        shown = ("no digit is right", "have become one", "larger than 65504", "spread 0.294")
        assert shown[number] in says(one) + about(one)  # the figure shows what the answer claims
        assert one.root.locator(".count").is_visible()
        assert shown[number] in one.said()
    click_button(one, "Another question")
    quiz.get_by_role("button", name="all seven").click()
    assert "Not quite: none." in quiz.inner_text()


BROKEN = [
    {
        "offset": None,
        "spread": "<b>",
        "dtype": "<img src=x>",
        "algorithm": "constructor",
        "eps": [],
    },
    {"offset": 1e300, "spread": -1, "eps": 1e300, "seed": 1e300},
    {"offset": -5, "spread": 0, "eps": -1, "seed": "x", "dtype": 32, "algorithm": None},
]


@pytest.mark.parametrize("traits", BROKEN)
def test_broken_states_are_harmless(figure, traits):
    one = figure(NAME, traits=traits)
    assert one.root.get_by_role("radio").and_(one.page.locator(":checked")).count() == 2
    assert "undefined" not in one.text()
    assert one.root.locator("img, b b").count() == 0
    assert one.page.faults == []


def test_python_refuses_nonsense():
    nonsense = [{"offset": 2e5}, {"offset": math.nan}, {"spread": 0}, {"dtype": "int8"}]
    for traits in [*nonsense, {"algorithm": "three"}, {"eps": -1}, {"seed": -1}, {"seed": 0.5}]:
        with pytest.raises(traitlets.TraitError):
            PrecisionLab(**traits)
    assert PrecisionLab(offset=4096).state() == {"offset": 4096.0}
