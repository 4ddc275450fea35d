"""Do the decisive results hold on another text, with seeds that nobody has seen?"""

import ast
import sysconfig
from functools import cache
from pathlib import Path

from _study import publish, swept
from normlib.gpt import GPTConfig, Text, TrainConfig, grid

NAME = "other_text"
CHARACTERS = 600_000
SEEDS = range(100, 105)


@cache
def corpus():
    """The docstrings of the standard library: another text that every Python brings."""
    library = Path(sysconfig.get_paths()["stdlib"])
    skipped = {"site-packages", "dist-packages", "test", "tests", "idlelib", "pydoc_data"}
    found, size = [], 0
    for path in sorted(library.rglob("*.py"), key=lambda p: p.relative_to(library).as_posix()):
        if skipped & {*path.relative_to(library).parts} or size >= CHARACTERS:
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                said = (ast.get_docstring(node) or "").encode("ascii", "ignore").decode()
                found.append(said + "\n" if said else "")
                size += len(found[-1])
    return Text("".join(found)[:CHARACTERS], name="docstrings of the standard library")


def pairs(vocab_size):
    """Three placements: at a small rate, at pre-norm's best, and at one that post cannot bear."""
    models = grid(GPTConfig(vocab_size=vocab_size), placement=["post", "pre", "peri"])
    training = TrainConfig(
        **{"steps": 2000, "batch_size": 8, "decay": "cosine", "log_every": 100},
        measure_at=(100, 200, 500, 1000),
    )
    return models * (
        grid(training, lr=[1e-3, 4e-3], warmup=[400], seed=SEEDS)
        + grid(training, lr=[8e-3], warmup=[0], seed=SEEDS)
    )


if __name__ == "__main__":
    runs = publish(NAME, swept(NAME, pairs, text=corpus))
    print(runs.table("placement", "lr"))
