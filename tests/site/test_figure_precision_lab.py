"""ε and precision: bit for bit the arithmetic of NumPy, and every way to work the figure."""

import itertools
import math
import re
from itertools import islice

import numpy as np
import pytest
import traitlets

from normlib.widgets import PrecisionLab
from normlib.widgets._modules import _with_imports
from normlib.widgets._precision import ALGORITHMS, ROUND, numbers, relative_error, statistics
from normlib.widgets._random import mulberry32

NAME = "PrecisionLab"


def run_js(one, code, told=None):
    """Evaluate an expression in the scope of the figure's own module."""
    module = "\n".join(_with_imports("precision_lab")).replace("export default", "const figure =")
    return one.page.evaluate(
        "([code, told]) => new Function('told', code)(told)", [f"{module}; return {code};", told]
    )


def same(a, b):
    """Equal to the last bit; nan equals nan. A large float comes back from the page as an int."""
    a, b = [float(x) for x in a], [float(y) for y in b]
    return all(x == y or (math.isnan(x) and math.isnan(y)) for x, y in zip(a, b, strict=True))


def cell(one, label):
    return one.root.get_by_role("radio", name=label)


def click_button(one, name):
    one.root.get_by_role("button", name=name).click()
    one.settle()


def says(one):
    return one.root.locator(".nl-says").inner_text()


def test_the_first_look_makes_the_point(figure):
    one = figure(NAME)
    assert cell(one, "one pass, float32").is_checked()
    assert "One pass gives σ² = 4 instead of 0.943: no digit is right." in says(one)
    assert "two numbers near 2.5×10⁷, where the numbers of float32 are 2 apart" in says(one)
    assert "one pass, float32: 324 %" in one.root.locator("table").inner_html()
    assert "two passes, float32: 4.0×10⁻⁸" in one.root.locator("table").inner_html()
    assert one.root.locator(".variance .ticks").count() == 1  # 0, 2, 4: one sees the grid
    assert one.root.locator(".storage .band").count() == 1  # and here none
    assert "no digit is right" in one.said()


def test_the_same_random_numbers(figure):
    one = figure(NAME)
    for seed in (0, 1, 77, 999999):
        got = run_js(
            one,
            "(() => { const d = mulberry32(told); return Array.from({length: 200}, d); })()",
            seed,
        )
        assert got == list(islice(mulberry32(seed), 200))
        assert run_js(one, "numbers(told, 5000, 0.03)", seed) == numbers(seed, 5000, 0.03)


def test_rounding_is_numpys(figure):
    """Ties, subnormal numbers, the largest ones and what lies behind them."""
    rng = np.random.default_rng(0)
    hard = [0.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-11, 1 + 3 * 2**-11, 2049, 2051, 257, 259]
    hard += [65504, 65519.99, 65520, 65536, 3.38e38, 3.3961e38, 3.4e38, 1e39, 1e-40, 9.2e-41]
    hard += [2**-24, 2**-25, 3 * 2**-26, 6e-8, 5.9e-5, math.inf]
    hard += (rng.standard_normal(500) * 10.0 ** rng.integers(-42, 42, 500)).tolist()
    hard += [-v for v in hard]
    one = figure(NAME)
    with np.errstate(over="ignore"):
        for dtype, rounded in ROUND.items():
            assert same(run_js(one, f"told.map(ROUND.{dtype})", hard), [rounded(v) for v in hard])
            if dtype == "bfloat16":  # NumPy has no spacing for it
                continue
            kind = np.dtype(dtype).type
            held = [abs(v) for v in hard if kind(v) == v and abs(v) < 6e4]
            right = [float(np.spacing(kind(v))) for v in held]
            assert same(run_js(one, f"told.map((v) => spacing(v, '{dtype}'))", held), right)


def test_every_algorithm_in_every_format_is_the_same_to_the_last_bit(figure):
    one, cases, right = figure(NAME), [], []
    for seed, offset, spread in itertools.product(
        (1, 2, 9), (0, 10, 500, 5000, 1e5), (1e-3, 1, 100)
    ):
        for dtype, algorithm in itertools.product(ROUND, ALGORITHMS):
            with np.errstate(over="ignore"):
                x = [ROUND[dtype](v) for v in numbers(seed, offset, spread)]
                right += statistics(x, algorithm, ROUND[dtype])
            cases.append([seed, offset, spread, dtype, algorithm])
    got = run_js(
        one,
        """told.flatMap(([seed, offset, spread, dtype, algorithm]) => {
            const x = numbers(seed, offset, spread).map(ROUND[dtype]);
            const { mean, variance } = RUN[algorithm](x, ROUND[dtype]);
            return [mean, variance];
        })""",
        cases,
    )
    assert same(got, right)


def test_python_rounds_as_numpys_own_float32_does():
    """The reference itself, against scalars that NumPy keeps in float32, and against float64."""
    x = np.array(numbers(3, 5000, 1), dtype=np.float32)
    total = squares = np.float32(0)
    for value in x:
        total, squares = total + value, squares + value * value
    mean = total / np.float32(64)
    variance = squares / np.float32(64) - mean * mean
    assert statistics(x.tolist(), "one", ROUND["float32"]) == (float(mean), float(variance))
    for algorithm in ALGORITHMS:
        got = statistics(x.tolist(), algorithm, ROUND["float64"])
        assert np.allclose(got, (x.mean(dtype=float), x.var(dtype=float)), rtol=1e-6)


@pytest.mark.parametrize("dtype", ROUND)
def test_what_it_writes_back(figure, dtype):
    one, r = figure(NAME), ROUND[dtype]
    for algorithm, (offset, eps) in itertools.product(ALGORITHMS, ((10, 1e-5), (100, 0.1))):
        one.set(dtype=dtype, algorithm=algorithm, offset=offset, eps=eps)
        x = [r(v) for v in numbers(1, offset, 1)]
        with np.errstate(over="ignore"):
            mean, variance = statistics(x, algorithm, r)
        got = one.stats()
        if not math.isfinite(variance):
            assert got["var"] is None
            assert got["error"] is None
            continue
        assert (got["mean"], got["var"]) == (mean, variance)
        assert got["error"] == pytest.approx(relative_error(variance, x), abs=1e-14)
        if variance + eps > 0:
            rstd = r(1 / r(math.sqrt(r(variance + r(eps)))))
            y = [r(r(v - mean) * rstd) for v in x]
            assert got["rstd"] == rstd
            assert got["output"] == pytest.approx(np.std(y), rel=1e-9)


def test_a_negative_variance(figure):
    one = figure(NAME, traits={"seed": 2})
    assert "σ² = −2, less than 0, instead of" in says(one)
    assert "√ of a negative number: torch.rsqrt returns nan" in says(one)
    assert cell(one, "one pass, float32: negative").is_checked()
    assert one.stats()["rstd"] is None
    assert one.stats()["var"] == -2
    one.set(eps=1)  # still below 0
    assert "torch.rsqrt" in says(one)


def test_float16_overflows_and_bfloat16_snaps(figure):
    one = figure(NAME, traits={"dtype": "float16", "offset": 500})
    assert "larger than 65504" in says(one)
    assert cell(one, "one pass, float16: overflow").is_checked()
    one.set(offset=1e5)
    assert "64 of the 64 are stored as ∞" in says(one)
    assert "stored as ∞" in one.root.locator(".storage").text_content()
    one.set(offset=0, eps=1e-8, algorithm="two")
    assert "ε = 10⁻⁸ itself is stored as 0 in float16" in says(one)
    one.set(dtype="bfloat16", offset=200)
    kept = len({ROUND["bfloat16"](v) for v in numbers(1, 200, 1)})
    assert f"are 1 apart: {kept} different ones of 64 are left" in says(one)
    assert one.root.locator(".storage .ticks").count() == 1
    one.set(offset=5000)
    assert "all 64 become the same" in says(one)
    assert one.page.faults == []


def test_mouse_and_touch(figure):
    one = figure(NAME, width=390, has_touch=True, is_mobile=True)
    one.tap(cell(one, "two passes, float32"))
    assert (one.get("dtype"), one.get("algorithm")) == ("float32", "two")
    assert "7 digits are right" in says(one)
    one.move_slider("Offset", 8)
    one.move_slider("Spread", 8)
    one.move_slider("ε", 0)
    assert (one.get("offset"), one.get("spread"), one.get("eps")) == (200, 10, 0)
    one = figure(NAME)
    cell(one, "Welford, bfloat16").click()
    click_button(one, "Other numbers")
    assert (one.get("dtype"), one.get("algorithm"), one.get("seed")) == ("bfloat16", "welford", 2)


def test_the_keyboard_alone(figure):
    one = figure(NAME)
    cell(one, "one pass, float32").focus()
    one.page.keyboard.press("ArrowRight")
    one.settle()
    assert (one.get("dtype"), one.get("algorithm")) == ("bfloat16", "one")
    one.root.get_by_label("Offset").focus()
    one.page.keyboard.press("Home")
    one.settle()
    assert one.get("offset") == 0
    assert "Near 1 the numbers of bfloat16 are 0.008 apart" in says(one)
    assert "bfloat16, one pass" in one.said()


def test_reset_and_address(figure):
    one = figure(NAME, traits={"seed": 5}, address="#PrecisionLab?dtype=float16&offset=20")
    assert cell(one, "one pass, float16").is_checked()
    assert one.get("offset") == 20
    click_button(one, "Reset")
    assert (one.get("dtype"), one.get("offset"), one.get("seed")) == ("float32", 5000, 5)
    assert one.page.evaluate("() => location.hash") == ""


def test_guess_first(figure):
    one = figure(NAME, traits={"dtype": "float64", "offset": 0})
    rights = ("none", "1", "the squares overflow", "no, about 0.3")
    quiz = one.root.locator(".nl-quiz")
    for number, right in enumerate(rights):
        click_button(one, "Another question" if number else "Guess first")
        quiz.get_by_role("button", name=re.compile(f"^{right}$")).click()
        one.settle()
        assert quiz.inner_text().startswith("Right. ")
        shown = ("no digit is right", "all 64 become the same", "larger than 65504", "spread 0.294")
        assert shown[number] in says(one)  # the figure shows what the answer claims
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
    assert one.root.get_by_role("radio").and_(one.page.locator(":checked")).count() == 1
    assert "undefined" not in one.text()
    assert one.root.locator("img, b b").count() == 0
    assert one.page.faults == []


def test_python_refuses_nonsense():
    nonsense = [{"offset": 2e5}, {"offset": math.nan}, {"spread": 0}, {"dtype": "int8"}]
    for traits in [*nonsense, {"algorithm": "three"}, {"eps": -1}, {"seed": -1}, {"seed": 0.5}]:
        with pytest.raises(traitlets.TraitError):
            PrecisionLab(**traits)
    assert PrecisionLab(offset=4096).state() == {"offset": 4096.0}
