"""The runner of `tests/machines`: it must find what falls, and shift what a chapter draws alone."""

import pytest

from run_chapter import corpus_of, run


@pytest.fixture
def page(tmp_path):
    """page(source, …) writes a chapter of these cells."""

    def write(*sources):
        path = tmp_path / "99_made_up.md"
        path.write_text("\n".join(f"```{{code-cell}}\n{s}\n```\n" for s in sources), "utf-8")
        return path

    return write


CLAIMS = "failed = [name for name, holds in claims.items() if not holds]\nassert not failed, failed"


def test_it_names_the_claims_that_fall(page):
    outcome = run(page(f"claims = {{'right': True, 'wrong': 1 > 2}}\n{CLAIMS}"))
    assert (outcome.claims, outcome.fell, outcome.errors) == (["right", "wrong"], ["wrong"], [])


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("1 / 0", "cell 1: ZeroDivisionError: division by zero"),
        ("assert False, 'no'", "cell 1: AssertionError: no"),
        ("import sys\nprint('a warning', file=sys.stderr)", "cell 1: a warning"),
    ],
)
def test_it_reports_what_goes_wrong_elsewhere_and_goes_on(page, cell, said):
    outcome = run(page(cell, f"claims = {{'right': True}}\n{CLAIMS}"))
    assert said in outcome.errors[0]
    assert (len(outcome.errors), outcome.claims, outcome.fell) == (1, ["right"], [])


DRAWS = """
import numpy as np
import torch

import normlib as nl
from normlib import mlp
from normlib.gpt import GPT, GPTConfig

config = GPTConfig(vocab_size=3, n_layer=1, n_head=1, n_embd=4, block_size=2)
draws = {
    "numpy": np.random.default_rng(SEED).normal(),
    "torch": torch.rand(1, generator=torch.manual_seed(SEED)).item(),
    "generator": torch.rand(1, generator=torch.Generator().manual_seed(SEED)).item(),
    "weight": GPT(config, seed=SEED).wte.weight[0, 0].item(),
    "mlp": mlp.initial(seed=SEED)[0][0, 0].item(),
    "unseeded": torch.rand(1, generator=torch.Generator()).item(),
    "direction": nl.check_vjp(nl.layer_norm_vjp, np.arange(7.0) ** 2, (7,), seed=5),
}
"""


def test_other_seeds_are_those_a_thousand_further_and_only_the_chapter_s(page):
    here = {}
    exec(DRAWS.replace("SEED", "2007"), here)
    there = f"claims = {{name: draws[name] == was for name, was in {here['draws']}.items()}}"
    assert run(page(DRAWS.replace("SEED", "7"), there), seeds=2).fell == ["unseeded"]
    fell = run(page(DRAWS.replace("SEED", "7"), there)).fell
    assert fell == ["numpy", "torch", "generator", "weight", "mlp"]


def test_for_other_seeds_it_leaves_out_what_a_published_run_of_the_same_seed_says(page):
    cell = page(":tags: [published-seed]\nassert False")
    assert (len(run(cell).errors), run(cell, seeds=1).errors) == (1, [])


def test_it_takes_another_text(page, tmp_path):
    (tmp_path / "topics.py").write_text("topics = {'b': 'two', 'a': 'one'}\n", "utf-8")
    cell = (
        "from normlib.gpt import load_text\nclaims = {'read': load_text().content == 'one\\ntwo'}"
    )
    assert run(page(cell), text=tmp_path / "topics.py").fell == []
    assert run(page(cell)).fell == ["read"]


def test_a_python_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no Python 3.13 on this machine"):
        corpus_of("3.13")
