"""The table of placements, the code of a block, the docstring and the figures: one and the same."""

import ast
import importlib
import inspect
import json
import re
import textwrap
from typing import get_args

import pytest
from torch import nn

import normlib as nl
from normlib.gpt import GPT, Block, GPTConfig
from normlib.palette import LIGHT
from normlib.placements import MEASURED, PLACEMENTS, Placement
from normlib.widgets import _modules
from tiny_gpt import NORMS, close, normal, scrambled, tiny

every = pytest.mark.parametrize("placement", PLACEMENTS)


def made_by(formula, x, f, norms, alpha):
    """What a formula makes of x; its N's are the norms in the order in which they act."""
    norms = iter(norms)
    names = {"x": x, "f": f, "N": lambda z: next(norms)(z), "α": alpha}
    return eval(formula.removeprefix("x = ").replace("α x", "α * x"), names)


@pytest.mark.parametrize("norm", NORMS)
@every
def test_a_block_is_its_formula(placement, norm):
    block = scrambled(Block(tiny(placement=placement, norm=norm, n_layer=5)))
    row, x = PLACEMENTS[placement], 2 * normal(3, 6, 8)
    y = x
    for i, f in (1, block.attn), (2, block.mlp):
        norms = [getattr(block, f"norm_{i}{which}", None) for which in ("", "_out")]
        y = made_by(row.formula, y, f, norms, alpha=10**0.25)
    close(block(x), y, atol=1e-12)


@every
def test_the_places_of_a_row_are_those_of_its_formula(placement):
    row = PLACEMENTS[placement]
    marks = {"in": "f(N(x))", "out": "N(f(", "sum": "= N("}
    assert {place for place, mark in marks.items() if mark in row.formula} == {*row.norms}
    assert len(row.norms) == row.formula.count("N(") <= 2
    assert row.alpha == ("α x" in row.formula)
    final = GPT(tiny(placement=placement)).final_norm
    assert isinstance(final, nn.Identity) != row.final_norm


def cases_of_the_match():
    tree = ast.parse(textwrap.dedent(inspect.getsource(Block.forward)))
    return [node.pattern.value.value for node in ast.walk(tree) if isinstance(node, ast.match_case)]


def test_the_code_the_docstring_and_the_type_have_the_placements_of_the_table():
    assert [*get_args(Placement)] == [*PLACEMENTS]
    assert sorted(cases_of_the_match()) == sorted(PLACEMENTS)
    rows = re.findall(r"``(\w+)``\s+``(x = .*?)``\s+(yes|no)$", inspect.getdoc(GPTConfig), re.M)
    words = {True: "yes", False: "no"}
    assert rows == [(name, row.formula, words[row.final_norm]) for name, row in PLACEMENTS.items()]


def test_each_can_be_told_from_the_others_by_color_and_by_dashes():
    assert {row.color for row in PLACEMENTS.values()} <= LIGHT.keys()
    for field in ("label", "color", "on_light", "on_dark", "dash"):
        shown = [getattr(PLACEMENTS[name], field) for name in MEASURED]
        assert len({*shown}) == len(shown), field


@pytest.mark.parametrize("study", ["initialization", "placement_lr", "residual_growth"])
def test_the_studies_of_all_placements_have_those_that_the_table_calls_measured(study):
    published = nl.load_results(study)
    asked = importlib.import_module(study).pairs(published[0]["vocab_size"])
    assert {model.placement for model, _ in asked} == {*MEASURED}
    assert {run["placement"] for run in published} == {*MEASURED}


def test_the_figures_have_the_measured_placements_in_the_order_of_the_table():
    def data(file):
        return json.loads((_modules.HERE / "data" / f"{file}.json").read_text(encoding="utf-8"))

    trained = importlib.import_module("budget").PLACEMENTS
    assert data("learning_rate_map")["placements"] == [n for n in MEASURED if n in trained]
    highway = data("gradient_highway")
    for measured in (*highway["start"]["measured"].values(), highway["trained"]["measured"]):
        assert [*measured] == MEASURED
    for file in ("learning_rate_map", "gradient_highway"):
        text = _modules.module(file)
        told = json.loads(re.search(r"^const PLACEMENTS = (.*);$", text, re.M)[1])
        assert [*told] == MEASURED
        assert [told[name]["label"] for name in told] == [PLACEMENTS[n].label for n in MEASURED]
        for name in MEASURED:
            assert f"--{name}: {PLACEMENTS[name].on_light};" in text
            assert f"--{name}: {PLACEMENTS[name].on_dark};" in text
