"""agrees() passes right functions and raises, with its table, on wrong ones."""

import sys
from html import unescape

import numpy as np
import pytest
import torch

import normlib as nl
from contract import in_chapter_form
from normlib.agree import CHECKED, Disagreement


@pytest.mark.parametrize("name", CHECKED)
def test_the_library_agrees_with_torch(name):
    result = nl.agrees(name, in_chapter_form(name))
    assert result.ok
    assert repr(result).startswith(f"✓ {name} agrees with normlib and PyTorch")
    assert len(result.table.splitlines()) == 1 + len(result.rows)
    assert result.table in unescape(result._repr_html_())


def wrong_layer_norms():
    right = in_chapter_form("layer_norm")
    return {
        "ddof": lambda x, w, b, eps: (
            w * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True, ddof=1) + eps)
            + b
        ),
        "eps outside": lambda x, w, b, eps: (
            w * (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + eps) + b
        ),
        "eps ignored": lambda x, w, b, eps: right(x, w, b, 1e-5),
        "weight forgotten": lambda x, w, b, eps: right(x, np.ones_like(w), b, eps),
        "bias forgotten": lambda x, w, b, eps: right(x, w, np.zeros_like(b), eps),
        "one pass": lambda x, w, b, eps: (
            w
            * (x - x.mean(-1, keepdims=True))
            / np.sqrt(abs((x**2).mean(-1, keepdims=True) - x.mean(-1, keepdims=True) ** 2) + eps)
            + b
        ),
        "shape": lambda x, w, b, eps: right(x, w, b, eps).ravel(),
        "nan": lambda x, w, b, eps: right(x, w, b, eps) * np.nan,
    }


@pytest.mark.parametrize("slip", wrong_layer_norms())
def test_a_wrong_function_is_refused_with_the_table(slip):
    with pytest.raises(Disagreement, match="✗"):
        nl.agrees("layer_norm", wrong_layer_norms()[slip])


def test_a_wrong_shape_is_said_before_the_table():
    right = in_chapter_form("layer_norm")
    with pytest.raises(
        Disagreement, match=r"has shape \(2, 3, 4, 6\) and should have \(3, 4, 6\)\."
    ):
        nl.agrees("layer_norm", lambda *args: (right(*args), args[0]))

    def swapped(*args):
        y, vjp = in_chapter_form("layer_norm_vjp")(*args)
        return y, lambda dy: vjp(dy)[::-1]

    with pytest.raises(
        Disagreement, match=r"gradient 1 has shape \(6,\) and should have \(3, 4, 6\)"
    ):
        nl.agrees("layer_norm_vjp", swapped)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, axis, center, eps: nl.normalize(x, -1, center, eps),
        lambda x, axis, center, eps: nl.normalize(x, axis, True, eps),
        lambda x, axis, center, eps: nl.normalize(x, axis, center, 1e-5),
    ],
    ids=["axis ignored", "center ignored", "eps ignored"],
)
def test_a_wrong_operator_is_refused(wrong):
    with pytest.raises(Disagreement, match="✗"):
        nl.agrees("normalize", wrong)


def test_a_changed_input_is_noticed():
    def careless(x, weight, bias, eps):
        y = in_chapter_form("layer_norm")(x, weight, bias, eps)
        x -= x.mean(-1, keepdims=True)
        return y

    with pytest.raises(Disagreement, match="changes its input"):
        nl.agrees("layer_norm", careless)


def test_a_vjp_that_overwrites_dy_is_judged_by_its_results():
    def overwriting(x, weight, bias, eps):
        y, vjp = in_chapter_form("layer_norm_vjp")(x, weight, bias, eps)

        def spoil(dy):
            gradients = vjp(dy)
            dy *= 0
            return gradients

        return [y, spoil]

    assert nl.agrees("layer_norm_vjp", overwriting).ok


def test_lists_are_arrays_and_a_vjp_is_a_pair():
    right = in_chapter_form("layer_norm")
    assert nl.agrees("layer_norm", lambda *args: right(*args).tolist()).ok
    with pytest.raises(Disagreement, match=r"must return the pair \(y, vjp\), got ndarray"):
        nl.agrees("layer_norm_vjp", right)


def test_it_works_without_torch(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "torch", None)
    result = nl.agrees("rms_norm", in_chapter_form("rms_norm"))
    assert result.ok
    assert all(row[2] is None for row in result.rows)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="layer_norm, layer_norm_vjp, rms_norm"):
        nl.agrees("layernorm", in_chapter_form("layer_norm"))


def test_a_function_that_is_none_and_exchanged_arguments_are_said():
    right = in_chapter_form("layer_norm")
    with pytest.raises(TypeError, match=r"^the name comes first: nl.agrees\('layer_norm', f\)\.$"):
        nl.agrees(right, "layer_norm")
    for wrong, kind in (None, "None"), (np.ones(3), "a value of type ndarray"):
        with pytest.raises(TypeError, match=f"mine must be a function, got {kind}: .*parentheses"):
            nl.agrees("layer_norm", wrong)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda y: None, "the result of layer_norm must be .* got None: is return missing"),
        (
            lambda y: (y, None),
            "must be an array of numbers, got a value of type tuple of 2: return",
        ),
        (lambda y: torch.tensor(y).bfloat16(), r"torch.bfloat16, which has no NumPy .*\.float\(\)"),
    ],
)
def test_what_is_no_array_is_said(change, words):
    right = in_chapter_form("layer_norm")
    with pytest.raises(Disagreement, match=words):
        nl.agrees("layer_norm", lambda *args: change(right(*args)))


def test_a_tensor_with_a_gradient_is_an_array():
    right = in_chapter_form("layer_norm")
    assert nl.agrees("layer_norm", lambda *a: torch.tensor(right(*a), requires_grad=True)).ok


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g: None, "vjp of layer_norm_vjp must return .* a tuple, got None: is return miss"),
        (lambda g: g[0], r"as a tuple, got a value of type ndarray: write \(dx,\)"),
        (lambda g: g[:2], "must return a tuple of 3, .*, got a tuple of 2"),
        (lambda g: (None, *g[1:]), "gradient 1 of layer_norm_vjp must be .* got None"),
    ],
)
def test_gradients_that_are_none_or_too_few_are_said(change, words):
    def wrong(*args):
        y, vjp = in_chapter_form("layer_norm_vjp")(*args)
        return y, lambda dy: change(vjp(dy))

    with pytest.raises(Disagreement, match=words):
        nl.agrees("layer_norm_vjp", wrong)
