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

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "normlib").rglob("*.py"))
MODULES = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in FILES]


@pytest.mark.parametrize("name", [m.removesuffix(".__init__") for m in MODULES])
def test_the_examples_of_a_module_are_true(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


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
