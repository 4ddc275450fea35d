"""ε and precision: bit for bit the arithmetic of NumPy."""

import itertools
import math
from itertools import islice

import numpy as np
import pytest

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
        exact = numbers(1, offset, 1)
        whole = relative_error(variance, exact)
        assert got["error"] == pytest.approx(whole, rel=1e-9, abs=1e-14)
        if variance + eps > 0:
            rstd = r(1 / r(math.sqrt(r(variance + r(eps)))))
            y = [r(r(v - mean) * rstd) for v in x]
            assert got["rstd"] == rstd
            assert got["output"] == pytest.approx(np.std(y), rel=1e-9)
