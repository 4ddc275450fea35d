"""The chapters as text: their structure, their code, their claims, and no typed measurement."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import normlib as nl
from chapters import CHAPTERS, PAGES, cells, prose, strip_inline, text_of, typed_numbers
from contract import check_backward, check_forward
from normlib import plots

chapters = pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
pages = pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)

SECTIONS = [
    "A puzzle",
    "The idea",
    "From scratch",
    "In a GPT",
    "What this does not show",
    "Exercises",
    "Recap",
    "Sources",
]


@chapters
def test_a_chapter_has_the_sections_of_the_template_in_order(path):
    headings = re.findall(r"^## (.*)$", text_of(path), re.M)
    found = [next((i for i, h in enumerate(headings) if h.startswith(s)), -1) for s in SECTIONS]
    missing = [s for s, place in zip(SECTIONS, found, strict=True) if place == -1]
    assert not missing, f"no heading begins with {missing}"
    assert found == sorted(found), f"the sections stand in this order: {SECTIONS}"


@chapters
def test_the_first_cell_sets_up_and_is_not_on_the_page(path):
    assert cells(path)[0].tags == ("remove-cell",)
    assert "import normlib" in cells(path)[0].source


def scratch_functions(path):
    """Name and source of every function that the chapter builds."""
    for position, cell in enumerate(cells(path)):
        if "scratch" in cell.tags:
            (function,) = [n for n in ast.parse(cell.source).body if isinstance(n, ast.FunctionDef)]
            yield function.name, cell, cells(path)[position + 1]


@chapters
def test_a_scratch_function_is_short_and_checked_in_the_next_cell(path):
    """By `agrees` if the library has it, else by an assertion that calls it."""
    names = []
    for name, cell, following in scratch_functions(path):
        assert len(cell.lines) <= 12, f"{name} has more than 12 lines"
        if name in nl.__all__:
            wanted = f'nl.agrees("{name}", {name})'
            assert wanted in following.source, f"the cell after {name} calls {wanted}"
        else:
            asserts = re.search(r"^ *assert ", following.source, re.M)
            assert asserts, f"the cell after {name} asserts something"
            assert f"{name}(" in following.source, f"the cell after {name} calls it"
        names.append(name)
    assert names, "one cell at least is tagged scratch: a function that the chapter builds"
    assert len(set(names)) == len(names)


@chapters
def test_a_scratch_function_keeps_the_contract_of_the_library(path):
    scope = {"np": np}  # one for the chapter: its functions may stand on each other
    built = list(scratch_functions(path))
    for name, cell, _ in built if any(name in nl.__all__ for name, *_ in built) else []:
        exec(cell.source, scope)
        if name not in nl.__all__:
            continue
        contract = check_backward if name.endswith("_vjp") else check_forward
        contract(name.removesuffix("_vjp"), scope[name])


@chapters
def test_only_scratch_cells_define_what_the_library_offers(path):
    for cell in cells(path):
        if "scratch" not in cell.tags:
            source = re.sub(r"^%.*$", "", cell.source, flags=re.M)
            nodes = ast.walk(ast.parse(source))
            defined = {n.name for n in nodes if isinstance(n, ast.FunctionDef)}
            assert not defined & set(nl.__all__)


@chapters
def test_every_exercise_has_a_stub_and_a_solution_that_the_build_proves(path):
    text = text_of(path)
    labels = re.findall(r"\{exercise-start\}.*?\n:label: (\S+)", text)
    assert labels, "a chapter has an exercise"
    assert re.findall(r"\{solution-start\} (\S+)", text) == labels
    tags = [tag for cell in cells(path) for tag in cell.tags if tag in ("exercise", "solution")]
    assert tags == ["exercise", "solution"] * len(labels), "each has one cell of each tag"
    for cell in cells(path):
        if "solution" in cell.tags:
            proof = re.search(r"^assert ", cell.source, re.M)
            assert proof, f"a solution ends in an assertion:\n{cell.source}"


@chapters
def test_the_title_of_an_exercise_ends_in_its_difficulty(path):
    titles = re.findall(r"\{exercise-start\}(.*)", text_of(path))
    unmarked = [title for title in titles if not re.search(r"[^● ] ●{1,3}$", title)]
    assert not unmarked, "●, ●● or ●●● at the end: see book/teaching.md"


def claim_cells(path):
    return [cell for cell in cells(path) if "claims" in cell.tags]


@pages
def test_every_claim_in_the_text_is_asserted_by_the_build(path):
    said = re.findall(r"^% claim: (.*)$", text_of(path), re.M)
    said = {name for line in said for name in line.split()}
    asserted = set()
    for cell in claim_cells(path):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Assign) and node.targets[0].id == "claims":
                asserted |= {key.value for key in node.value.keys}
        assert "assert not failed, failed" in cell.source
        assert {"book-only", "remove-cell"} <= set(cell.tags)
    assert not said - asserted, "in the text, but not in the claims of the last cell"
    assert not asserted - said, "asserted, but no sentence has a line % claim: with the id"
    if path in CHAPTERS:
        assert said, "no sentence has a line % claim:"


@pages
def test_a_claim_that_compares_two_arms_fails_when_they_are_swapped(path):
    for cell in claim_cells(path):
        tree = ast.parse(cell.source)
        functions = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        refuted = {
            n.test.operand.func.id: [ast.unparse(a) for a in n.test.operand.args]
            for n in tree.body
            if isinstance(n, ast.Assert) and isinstance(n.test, ast.UnaryOp)
            if isinstance(n.test.operand, ast.Call)
        }
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
        for name in functions:
            upheld = [
                [ast.unparse(a) for a in call.args]
                for call in calls
                if getattr(call.func, "id", "") == name
            ]
            assert refuted[name][::-1] in upheld


@pages
def test_no_measurement_is_typed(path):
    typed = typed_numbers(prose(path))
    assert not typed, f"glue these numbers, or write code, maths or a citation: {typed}"


@pytest.mark.parametrize(
    "sentence",
    [
        "The error falls to 0.37 nats.",
        "BatchNorm is 12 % better.",
        "It is 3× faster.",
        "All of the five seeds diverged.",
        "Five of five runs fail.",
        "It is three times faster.",
        "It is twice as large.",
        "The model has 38400 parameters.",
        "The error fell by half.",
    ],
)
def test_the_test_of_typed_measurements_finds(sentence):
    assert typed_numbers(prose(sentence)) == [sentence]


@pytest.mark.parametrize(
    "sentence",
    [
        "The error falls to {glue:text}`error:.2f` nats.",
        "It improves by 10.6 % {cite:p}`wu2018group`.",
        "With $C = 768$ features GPT-2 is small.",
        "Pass `eps=1e-5` and read Chapter 10.",
        "Here are four tokens with two features each.",
    ],
)
def test_the_test_of_typed_measurements_accepts(sentence):
    assert typed_numbers(prose(sentence)) == []


@chapters
def test_a_line_of_text_is_one_sentence(path):
    paragraph = re.sub(r"^ *([-|*>]|\d\.|caption:|alt:).*$", "", text_of(path), flags=re.M)
    paragraph = strip_inline(re.sub(r"^```.*?^```$", "", paragraph, flags=re.M | re.S))
    crowded = [m for m in paragraph.splitlines() if re.search(r"[.!?]”?\)? [A-Z]", m)]
    crowded = [m for m in crowded if not m.startswith("**")]
    assert not crowded, f"one sentence per line: {crowded}"


@pages
def test_every_figure_has_a_caption_and_an_alt_text_that_says_something(path):
    for cell in cells(path):
        if "plt.show()" in cell.source:
            figure = cell.options["mystnb"]
            assert figure["figure"]["name"].startswith("fig-")
            assert figure["figure"]["caption"].endswith(".")
            assert len(figure["image"]["alt"].split()) >= 8


@pages
def test_no_latex_macro_is_defined(path):
    assert not re.search(r"\\(newcommand|def|DeclareMathOperator)\b", text_of(path))


def test_pages_and_drawings_share_one_palette():
    css = (Path(__file__).parents[2] / "book/_static/book.css").read_text(encoding="utf-8")
    for theme, palette in (("light", plots.LIGHT), ("dark", plots.DARK)):
        block = re.search(rf'html\[data-theme="{theme}"\] {{(.*?)}}', css, re.S)[1]
        assert palette.items() <= dict(re.findall(r"--([\w-]+): (#\w+);", block)).items()
