"""The rungs of the checker: what it says of each kind of wrong answer."""

import functools
import inspect
import sys
from asyncio import AbstractEventLoop

import numpy as np
import pytest
import torch

import normlib as nl
from broken_layer_vjps import forward, mean_last, over_tokens
from normlib.checker.exercises import EXERCISES
from right_layers import by_the_library, with_np_var, with_the_library


def no_keepdims(x, weight, bias, eps):
    return weight * (x - x.mean(-1)) / np.sqrt(x.var(-1) + eps) + bias


def misspelt(x, weight, bias, eps):
    return weigth * x  # noqa: F821


def unpacks(x, weight, bias, eps):
    b, t, c = x.shape
    return with_np_var(x, weight, bias, eps)


def axis_two(x, weight, bias, eps):
    return weight * (x - x.mean(2, keepdims=True)) / x.std(2, keepdims=True) + bias


def recursive(x, weight, bias, eps):
    return recursive(x, weight, bias, eps)


def stub(x, weight, bias, eps):
    raise NotImplementedError


def helper(x):
    return x.mean(-1, keepdim=True)


def uses_helper(x, weight, bias, eps):
    return helper(x)


def views_into_x(x, weight, bias, eps):
    y = with_np_var(x, weight, bias, eps)
    x.T[0] = 0
    return y


def sorts_weight(x, weight, bias, eps):
    y = with_np_var(x, weight, bias, eps)
    weight.sort()
    bias += 1
    return y


def exits(x, weight, bias, eps):
    sys.exit(3)


def raises_unprintable(x, weight, bias, eps):
    class Unprintable(Exception):
        def __str__(self):
            raise RuntimeError

    raise Unprintable


def long_words(x, weight, bias, eps):
    raise ValueError("word " * 1000)


def right_only_above_one_axis(x, weight, bias, eps):
    if x.ndim == 1:
        return None
    return with_np_var(x, weight, bias, eps)


def yields(x, weight, bias, eps):
    yield x


async def waits(x, weight, bias, eps):
    return x


def shaped(change):
    """A right result, changed at the end."""
    return lambda x, weight, bias, eps: change(with_np_var(x, weight, bias, eps))


RUNGS = {
    # crashed
    "no keepdims": (no_keepdims, ["ValueError", "keepdims=True keeps it", "x.mean(-1)) / np."]),
    "name": (misspelt, ["NameError: name 'weigth'", "misspelt"]),
    "helper": (uses_helper, ["keepdim", "return x.mean(-1, keepdim=True)", "PyTorch's"]),
    "recursion": (recursive, ["RecursionError", "without end"]),
    "too few arguments": (lambda x: x, ["TypeError", "layer_norm(x, weight, bias, eps)"]),
    "too many": (lambda x, w, b, e, more: x, ["called as layer_norm(x, weight, bias, eps): with"]),
    "exit": (exits, ["SystemExit: 3", "ends the program"]),
    "unprintable": (raises_unprintable, ["stopped with Unprintable.", "raise Unprintable"]),
    "long": (long_words, ["word word", "…"]),
    "unpacks": (unpacks, ["runs for x of shape (3, 4, 6)", "b, t, c = x.shape", "Count"]),
    "third axis": (axis_two, ["0% of its numbers"]),
    "torch on arrays": (lambda x, w, b, e: torch.mean(x), ["must be Tensor", "NumPy arrays"]),
    "called": (lambda x, w, b, e: x.shape(), ["not callable", "x.shape is a tuple"]),
    "einsum": (lambda x, w, b, e: np.einsum("...c->c", x), ["letter of its own"]),
    "matmul": (lambda x, w, b, e: x @ x, ["equally long"]),
    "branch": (right_only_above_one_axis, ["but not for x with 1 axis", "returns None"]),
    # changed its input
    "view": (views_into_x, ["changes x:", "x −= …"]),
    "weight": (sorts_weight, ["changes weight and bias:"]),
    # wrong type
    "tuple": (shaped(lambda y: (y, 1)), ["tuple of 2", "leave out the cache"]),
    "comma": (shaped(lambda y: (y,)), ["tuple of 1", "comma"]),
    "string": (shaped(str), ["a str"]),
    "object array": (shaped(lambda y: y.astype(object)), ["array of object"]),
    "integers": (shaped(lambda y: y.astype(int)), ["int64", "decimals"]),
    "complex": (shaped(lambda y: y + 0j), ["complex numbers;"]),
    "masked": (shaped(lambda y: np.ma.masked_less(y, 0)), ["masked"]),
    "dict": (shaped(lambda y: {"y": y}), ["a dict"]),
    "ragged": (shaped(lambda y: [[1.0], [2.0, 3.0]]), ["differ in length"]),
    "generator": (yields, ["a generator"]),
    "coroutine": (waits, ["a coroutine"]),
    "class": (type("Norm", (), {"__init__": lambda self, *a: None}), ["a Norm"]),
    # wrong shape
    "number": (shaped(np.sum), ["shape ()", "should be (3, 4, 6)", "single number"]),
    "integer": (lambda *a: 0, ["shape ()"]),
    "statistic": (shaped(lambda y: y.mean(-1)), ["shape (3, 4);", "averaged away"]),
    "statistic kept": (shaped(lambda y: y[..., :1]), ["(3, 4, 1)", "averaged away"]),
    "extra axis": (shaped(lambda y: y[None]), ["(1, 3, 4, 6)", "axis too many"]),
    "transposed": (shaped(lambda y: y.T), ["(6, 4, 3)", "another order"]),
    "flat": (shaped(np.ravel), ["(72,)", "reshape"]),
    "an axis lost": (shaped(lambda y: y[0]), ["(4, 6)", "lost"]),
    "other": (shaped(lambda y: y[:, :2]), ["(3, 2, 6)", "line by line"]),
    "huge": (shaped(lambda y: np.broadcast_to(y.flat[0], (10**6, 10**6))), ["has shape (1000"]),
    # what no slip explains
    "factor": (shaped(lambda y: 3 * y), ["3 times"]),
    "factor near 1": (shaped(lambda y: 1.0003 * y), ["1.0003 times"]),
    "offset": (shaped(lambda y: y - 2), ["off by -2"]),
    "nan": (shaped(lambda y: np.where(y > 0, y, np.nan)), ["% of its numbers are nan"]),
    "entry": (shaped(lambda y: np.where(y > y.max() - 1e-9, 99, y)), ["99% of", "99, expected"]),
    "anything": (lambda x, w, b, e: np.tanh(x), ["0% of its numbers", "expected"]),
}


@pytest.mark.parametrize(("attempt", "words"), RUNGS.values(), ids=RUNGS)
def test_rungs(attempt, words):
    report = nl.check(attempt, name="layer_norm")
    assert not report
    assert report.attempted
    for word in words:
        assert word in repr(report)
    assert len(report.lines) <= 4
    assert all(len(line) < 260 for line in report.lines)


def with_gradients(change):
    """A right vjp, its three gradients changed at the end."""

    def layer_norm_vjp(x, weight, bias, eps):
        y, vjp = by_the_library(x, weight, bias, eps)
        return y, lambda dy: change(*vjp(dy))

    return layer_norm_vjp


VJP_RUNGS = {
    "signature": (lambda *a: (with_the_library(*a), lambda: 0), ["It is called as vjp(dy):"]),
    "array": (with_the_library, ["an array of float64", "pair y, vjp"]),
    "called": (lambda *a: (with_the_library(*a), 3.0), ["a float", "without parentheses"]),
    "two gradients": (with_gradients(lambda x, w, b: (x, w)), ["a tuple of 2", "dx, dweight, db"]),
    "one gradient": (with_gradients(lambda x, w, b: x), ["an array of float64"]),
    "none": (with_gradients(lambda x, w, b: (x, None, b)), ["dweight is None"]),
    "no forward": (lambda *a: (None, with_the_library), ["y is None"]),
    "dbias shape": (
        with_gradients(lambda x, w, b: (x, w, b[:-1])),
        ["dbias has shape (5,); it should be (6,)"],
    ),
    "dweight tokens": (
        with_gradients(lambda x, w, b: (x, w, 3 * x)),
        ["dbias has shape (3, 4, 6)", "sum every axis but the last"],
    ),
    "factor": (with_gradients(lambda x, w, b: (2 * x, w, b)), ["All of dx has the factor 2"]),
    "crash": (with_gradients(lambda x, w, b: (x, w, b / "2")), ["TypeError", 'b / "2"']),
    "float32 only": (
        lambda x, w, b, e: (
            by_the_library(x.astype(np.float16).astype(float), w, b, e)
            if x.dtype == np.float32
            else by_the_library(x, w, b, e)
        ),
        ["y", "digits"],
    ),
}


@pytest.mark.parametrize(("attempt", "words"), VJP_RUNGS.values(), ids=VJP_RUNGS)
def test_rungs_of_a_vjp(attempt, words):
    report = nl.check(attempt, name="layer_norm_vjp")
    assert not report
    assert report.attempted
    for word in words:
        assert word in repr(report)


def test_three_mistakes_in_three_gradients_are_named_part_by_part():
    def layer_norm_vjp(x, weight, bias, eps):
        y, x_hat, rstd = forward(x, weight, bias, eps)

        def vjp(dy):
            g = dy * weight
            return rstd * (g - mean_last(g)), over_tokens(dy * x), dy

        return y, vjp

    text = repr(nl.check(layer_norm_vjp))
    for word in ("x̂·mean(g·x̂) is missing", "dweight is made from x.", "dbias: The sum over"):
        assert word in text


def test_a_changed_input_and_a_slip_are_both_said():
    def layer_norm(x, weight, bias, eps):
        x -= x.mean(-1, keepdims=True)
        return weight * x / np.sqrt(x.var(-1, ddof=1, keepdims=True) + eps) + bias

    report = nl.check(layer_norm)
    assert "changes x" in report.lines[0]
    assert "C − 1" in report.lines[1]


def test_two_slips_at_once():
    def layer_norm(x, weight, bias, eps):
        """The LayerNorm of a well-known tutorial."""
        std = x.std(-1, ddof=1, keepdims=True)
        return weight * (x - x.mean(-1, keepdims=True)) / (std + eps) + bias

    report = nl.check(layer_norm)
    assert len(report.lines) == 2
    assert "C − 1" in report.lines[0]
    assert "outside" in report.lines[1]


def test_a_crash_shows_the_readers_own_line():
    first = inspect.getsourcelines(no_keepdims)[1]
    report = nl.check(no_keepdims, "layer_norm")
    source = "return weight * (x - x.mean(-1)) / np.sqrt(x.var(-1) + eps) + bias"
    assert report.lines[1] == f"Your line {first + 1}: {source}"


def test_a_crash_without_source_still_has_a_line_number():
    namespace = {}
    exec("def layer_norm(x, weight, bias, eps):\n    return x / nothing", namespace)
    assert "It is your line 2." in nl.check(namespace["layer_norm"]).lines


def unwritten(*args):
    raise NotImplementedError


STUBS = {
    "raises": unwritten,
    "ellipsis": lambda *args: ...,
    "none": lambda *args: None,
    "no body": lambda *args: NotImplemented,
}


@pytest.mark.parametrize("attempt", STUBS.values(), ids=STUBS)
@pytest.mark.parametrize("name", EXERCISES)
def test_a_stub_is_neither_right_nor_wrong(attempt, name):
    report = nl.check(attempt, name)
    assert not report
    assert not report.attempted
    kind = "class" if name == "BatchNorm" else "function"
    assert repr(report).startswith(f"○ {name}: not attempted yet\n  The {kind}")


@pytest.mark.parametrize("vjp", [None, stub, lambda dy: None, lambda dy: stub(0, 0, 0, 0)])
def test_a_forward_with_a_stub_of_a_vjp_is_not_a_failure(vjp):
    if vjp is stub:
        vjp = functools.partial(stub, weight=0, bias=0, eps=0)
    report = nl.check(lambda *args: (with_the_library(*args), vjp), "layer_norm_vjp")
    assert not report.attempted
    assert "vjp" in report.lines[0]


class Stop(BaseException):
    """Not an Exception, as little as SystemExit."""


@pytest.mark.parametrize("error", [Stop, GeneratorExit, SystemExit])
def test_whatever_is_raised_is_reported(error):
    def layer_norm(x, weight, bias, eps):
        raise error

    assert f"It stopped with {error.__name__}." in nl.check(layer_norm).lines


def test_an_interrupt_goes_through():
    def layer_norm(x, weight, bias, eps):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nl.check(layer_norm)


def test_what_a_library_does_not_implement_is_a_crash():
    report = nl.check(lambda x, w, b, e: AbstractEventLoop().close(), "layer_norm")
    assert report.attempted
    assert "NotImplementedError" in repr(report)


def test_answers_that_differ_between_calls_are_named_as_that():
    rng = np.random.default_rng(0)

    def with_dropout(x, weight, bias, eps):
        return forward(x, weight, bias, eps)[0] * (rng.random(x.shape) > 0.5)

    def always_nan(x, weight, bias, eps):
        return x * np.nan

    assert "Two calls with the same inputs" in str(nl.check(with_dropout, "layer_norm"))
    assert "Two calls" not in str(nl.check(always_nan, "layer_norm"))
