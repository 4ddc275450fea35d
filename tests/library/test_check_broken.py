"""Wrong answers as readers write them, collected by hand: each is rejected, and named."""

import ast
from pathlib import Path

import pytest

import broken_batch_norm
import broken_channel_norms
import broken_layer_vjps
import broken_layers
import broken_rms_norms
import normlib as nl
from normlib.checker.exercises import EXERCISES

MODULES = [
    broken_batch_norm,
    broken_channel_norms,
    broken_layer_vjps,
    broken_layers,
    broken_rms_norms,
]
CATALOGUES = {name: found for module in MODULES for name, found in module.CATALOGUES.items()}
LEAST = {"layer_norm": 16, "BatchNorm": 11}

CASES = [
    pytest.param(exercise, attempt, word, id=f"{exercise}: {mistake}")
    for exercise, catalogue in CATALOGUES.items()
    for mistake, (attempt, word) in catalogue.items()
]


def test_every_exercise_has_its_catalogue():
    missing = EXERCISES.keys() - CATALOGUES.keys()
    assert not missing, f"write wrong answers for {missing} into CATALOGUES of a helper broken_*.py"
    assert CATALOGUES.keys() <= EXERCISES.keys()


@pytest.mark.parametrize(("exercise", "attempt", "word"), CASES)
def test_a_broken_norm_is_rejected_and_named(exercise, attempt, word):
    report = nl.check(attempt, exercise)
    assert not report
    assert word in repr(report)


def test_the_mutation_score_is_full():
    for name, catalogue in CATALOGUES.items():
        caught = [mistake for mistake, (f, _) in catalogue.items() if not nl.check(f, name)]
        print(f"mutation score, {name}: {len(caught)} of {len(catalogue)}")
        assert len(caught) == len(catalogue) >= LEAST.get(name, 6)


@pytest.mark.parametrize("module", MODULES)
def test_a_catalogue_imports_nothing_from_normlib(module):
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(n) for n in imports] == ["import numpy as np"]
