"""Every example in a docstring and in the README runs and prints what it says."""

import contextlib
import doctest
import importlib.util
import inspect
import io
import json
import re
from pathlib import Path

import pytest

import normlib as nl
import normlib.gpt
import normlib.results
from chapters import BOOK, cells, text_of

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "normlib").rglob("*.py"))
MODULES = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in FILES]


@pytest.mark.parametrize("name", [m.removesuffix(".__init__") for m in MODULES])
def test_the_examples_of_a_module_are_true(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


def in_snake_case(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=RMS)", "_", name).lower().strip("_")


@pytest.mark.parametrize("name", nl.__all__)
def test_the_chapter_that_a_docstring_names_builds_it(name):
    """A function by its name, a class by the function that it wraps."""
    chapter = re.search(
        r"^Built step by step in chapter (\d\d)\.$", inspect.getdoc(getattr(nl, name)), re.M
    )
    if name.lower().removesuffix("_vjp").endswith("norm") or name.startswith("normalize"):
        assert chapter
    pages = BOOK.glob(f"{chapter[1]}_*.md") if chapter else []
    for page in pages:
        scratch = [cell.source for cell in cells(page) if "scratch" in cell.tags]
        assert any(f"def {in_snake_case(name)}(" in source for source in scratch)


@pytest.mark.parametrize("page", ["README.md", "book/gpt.md"])
def test_the_example_of_a_sweep_is_true(page, monkeypatch):
    """All of it but the training, for which published runs stand in."""
    text = (ROOT / page).read_text(encoding="utf-8")
    (code,) = [c for c in re.findall(r"```python\n(.*?)```", text, re.S) if "sweep(" in c]
    asked = []

    def sweep(name, pairs, text):
        asked.extend([name, *pairs])
        return nl.load_results(name).filter(placement="pre")

    monkeypatch.setattr(normlib.gpt, "sweep", sweep)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert len(asked) == 1 + 2 * 2 * 5
    assert "placement" in printed.getvalue()


PUBLIC = [(owner, name) for owner in (nl, nl.gpt, nl.results) for name in owner.__all__]
PLAIN = ("Grid", "Step", "SweepError", "Run", "Table")  # returned or raised; nobody makes one


@pytest.mark.parametrize(("owner", "name"), PUBLIC, ids=lambda v: getattr(v, "__name__", v))
def test_a_public_docstring_says_all_that_a_user_needs(owner, name):
    member = getattr(owner, name)
    text = inspect.getdoc(member)
    if name in PLAIN:
        assert len(text) > 40
        return
    assert ">>>" in text
    for parameter in inspect.signature(member).parameters:
        assert re.search(rf"^\**[\w, *]*\b{parameter}\b[\w, *]*( : |$)", text, re.M), parameter


@pytest.mark.parametrize("name", ["norms", "gpt"])
def test_the_table_of_speeds_is_the_one_that_was_measured(name, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    path = ROOT / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmark_of_{name}", path)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    table = benchmark.table(json.loads(benchmark.RESULTS.read_text(encoding="utf-8")))
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_of_the_readme_runs_and_names_the_mistake():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code, *said = re.search(r"```python\n(.*?)```", readme, re.S)[1].split("\n# ")
    scope = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code.replace("nl.check(layer_norm)", "report = nl.check(layer_norm)"), scope)
    expected = "\n".join(line.rstrip() for line in said)
    assert repr(scope["report"]).split() == expected.replace("#", "").split()


def test_the_exercise_in_contributing_names_each_of_its_mistakes():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    printed, scope = io.StringIO(), {}
    with contextlib.redirect_stdout(printed):
        exec(code, scope)
    lines = [line.strip() for line in printed.getvalue().splitlines()]
    assert lines[0] == "✓ l2_norm: correct"
    assert lines[3::2] == [slip.message for slip in scope["l2_norm"].slips]


def test_the_glossary_is_in_order_and_says_where_each_word_is_at_home():
    body = re.search(r"```\{glossary\}\n(.*?)```", text_of(BOOK / "glossary.md"), re.S)[1]
    entries = [entry.splitlines() for entry in body.strip().split("\n\n")]
    terms = [lines[0].strip("`") for lines in entries]
    assert terms == sorted(terms, key=str.lower)
    for term, *sentences in entries:
        assert re.search(r"\{(doc|ref)\}", " ".join(sentences)), term
