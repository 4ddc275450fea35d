"""A sweep of four tiny GPTs in a second: for tests of what a sweep does with its runs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

from normlib.gpt import GPTConfig, Text, TrainConfig, grid, sweep

TEXT = Text("the cat sat on the mat. " * 40, name="cat")
MODEL = GPTConfig(vocab_size=11, n_layer=1, n_head=1, n_embd=8, block_size=4)
QUICK = TrainConfig(steps=3, batch_size=4, eval_windows=20)
PAIRS = grid(MODEL, placement=["post", "pre"]) * grid(QUICK, seed=range(2))
PROBES = ("residual_rms",)


def measured(runs):
    """All of the runs that may not depend on when, how fast and with how many threads they ran."""
    own = ("date", "threads")
    origins = [{k: v for k, v in run.provenance.items() if k not in own} for run in runs]
    pairs = zip(runs, origins, strict=True)
    return [asdict(replace(run, seconds=0.0, provenance=origin)) for run, origin in pairs]


def swept(folder, pairs=PAIRS, text=TEXT, **options):
    with ThreadPoolExecutor(1) as executor:
        return sweep("cats", pairs, text, PROBES, executor=executor, folder=folder, **options)


def keys(folder):
    return {path.stem for path in (folder / "cats").glob("*.json")}
