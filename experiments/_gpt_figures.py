"""The numbers behind the two figures of GPTs, made of published results; nothing is trained here.

Each function is pure: the same results give the same dictionary, and so the same bytes.
"""

import hashlib
import math
from pathlib import Path

import numpy as np

from normlib.gpt import Text, load_text
from normlib.gpt.data import TRAINING_SHARE, letter_level, pair_level
from normlib.placements import MEASURED
from normlib.results import Runs

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "normlib" / "results"
STREAM = {"rms": "residual_rms", "gradient": "stream_grad_norm"}  # name in the data → probe
BLOCKS = {**STREAM, "weight": "grad_norm"}


def sources(*names, folder=RESULTS):
    """The fingerprints of the files that a figure's data were made of."""
    files = [folder / f"{name}.json" for name in names]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def text_of(runs):
    """The text that runs were trained on.

    Raises
    ------
    ValueError
        If this Python's corpus is another one.
    """
    text = load_text()
    if {run.provenance["corpus"]["sha256"] for run in runs} != {text.sha256}:
        raise ValueError("the runs were trained on the text of another version of Python.")
    return text


def rounded(x, digits=4):
    """A number cut to some significant digits; None for one that is not finite."""
    return float(f"{x:.{digits}g}") if x is not None and math.isfinite(x) else None


def profile(runs, probes, moment):
    """Geometric means over the runs, level by level; None where float32 overflowed in some run.

    `spread` is the largest ratio of two seeds anywhere.
    """
    result, spread = {}, 1.0
    for name, probe in probes.items():
        rows = [run.probes[probe]["values"][moment] for run in runs]
        values = np.array(rows, dtype=float)  # (runs, levels), nan for None
        values[values <= 0] = np.nan
        result[name] = [rounded(x) for x in np.exp(np.log(values).mean(axis=0))]
        ratios = values.max(axis=0) / values.min(axis=0)
        spread = max([spread, *ratios[np.isfinite(ratios)]])
    return {**result, "spread": rounded(spread, 3)}


def gradient_highway(folder=RESULTS):
    """Size of the stream and of the gradients, level by level, before and after training."""
    start = Runs.load(folder / "initialization.json").filter(n_embd=256)
    growth = Runs.load(folder / "residual_growth.json")
    trained = Runs(run for run in growth if run.training["steps"] > 0).filter(lr=2e-3)
    depths = start.distinct("n_layer")
    measured = {
        init: {
            placement: {
                str(depth): profile(
                    start.filter(init=init, placement=placement, n_layer=depth), BLOCKS, 0
                )
                for depth in depths
            }
            for placement in MEASURED
        }
        for init in ("xavier", "gpt2")
    }
    first = trained[0]
    return {
        "source": sources("initialization", "residual_growth", folder=folder),
        "start": {
            "width": 256,
            "activation": start[0]["activation"],
            "seeds": len(start.distinct("seed")),
            "depths": depths,
            "measured": measured,
        },
        "trained": {
            "width": first["n_embd"],
            "activation": first["activation"],
            "seeds": len(trained.distinct("seed")),
            "steps": first.training["steps"],
            "lr": first["lr"],
            "warmup": first["warmup"],
            "unigram": rounded(letter_level(text_of(trained))),
            "depths": trained.distinct("n_layer"),
            "measured": {
                placement: {
                    str(depth): before_and_after(trained.filter(placement=placement, n_layer=depth))
                    for depth in trained.distinct("n_layer")
                }
                for placement in MEASURED
            },
        },
    }


def before_and_after(runs):
    """The same models at step 0 and at the end; at the end those that did not diverge."""
    left = [run for run in runs if not run.diverged]
    return {
        "diverged": len(runs) - len(left),
        "loss": rounded(np.mean([run.val_loss for run in left])) if left else None,
        "before": profile(runs, STREAM, 0),
        "after": profile(left, STREAM, -1) if left else None,
    }


def learning_rate_map(folder=RESULTS):
    """Validation losses of every run of the study `budget`, at each moment of its training.

    Raises
    ------
    ValueError
        If a run diverged: the map has no sign for it.
    """
    runs = Runs.load(folder / "budget.json")
    if runs.values("diverged").any():
        raise ValueError("a run of `budget` diverged, and the map could not show it.")
    axes = {name: runs.distinct(name) for name in ("init", "warmup", "placement", "lr")}

    def losses(chosen, names):
        """Lists of lists in the order of `axes`; innermost for each seed a loss per moment."""
        if names:
            name, *rest = names
            return [losses(chosen.filter(**{name: value}), rest) for value in axes[name]]
        return [[rounded(x) for x in run.probes["val_loss"]["values"][1:]] for run in chosen]

    first = runs[0]
    return {
        "source": sources("budget", folder=folder),
        "n_layer": first["n_layer"],
        "width": first["n_embd"],
        "inits": axes["init"],
        "warmups": axes["warmup"],
        "placements": axes["placement"],
        "rates": axes["lr"],
        "moments": first.probes["val_loss"]["steps"][1:],
        "letters": rounded(letter_level(text_of(runs))),
        "pairs": rounded(pair_level(text_of(runs))),
        "loss": losses(runs, [*axes]),
    }


RACE_TEXT = 240_000  # characters; more would take longer to load than they teach


def training_race(folder=RESULTS):
    """The end of the book's text, its characters, and what letters and pairs of them tell.

    Raises
    ------
    ValueError
        If this Python's corpus is not the one that the study `budget` was trained on.
    """
    content = text_of(Runs.load(folder / "budget.json")).content
    part = Text(content[content.index("\n", len(content) - RACE_TEXT) + 1 :], "race")
    return {
        "source": hashlib.sha256(content.encode()).hexdigest(),
        "prompt": "The ",
        "share": TRAINING_SHARE,
        "letters": rounded(letter_level(part)),
        "pairs": rounded(pair_level(part)),
        "chars": part.chars,
        "text": part.content,
    }
