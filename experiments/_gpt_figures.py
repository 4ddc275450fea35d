"""The numbers behind the two figures of GPTs, made of published results; nothing is trained here.

Each function is pure: the same results give the same dictionary, and so the same bytes.
"""

import base64
import hashlib
import math
from pathlib import Path

import numpy as np

from normlib.gpt import load_text
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


def unigram_level(runs):
    """Validation loss of the letter frequencies of the training text: what no context knows.

    Raises
    ------
    ValueError
        If this Python's corpus is not the one that the runs were trained on.
    """
    text = load_text()
    if {run.provenance["corpus"]["sha256"] for run in runs} != {text.sha256}:
        raise ValueError("the runs were trained on the text of another version of Python.")
    train, val = (text.split(part, block_size=1).numpy() for part in ("train", "val"))
    counts = np.bincount(train, minlength=text.vocab_size) + 1  # no character is impossible
    return rounded(-np.log(counts / counts.sum())[val].mean())


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
            "unigram": unigram_level(trained),
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
    """Final validation losses of every run of placement_lr, and its curve in one byte per point."""
    runs = Runs.load(folder / "placement_lr.json")
    axes = {name: runs.distinct(name) for name in ("n_layer", "warmup", "placement", "lr")}
    axes["placement"] = MEASURED
    whole = max((run.steps for run in runs), key=len)
    steps = sorted({*whole[::2], whole[-1]})
    curves = bytearray()

    def losses(chosen, names):
        """Lists of lists in the order of `axes`; innermost one loss per seed, None if diverged."""
        if names:
            name, *rest = names
            return [losses(chosen.filter(**{name: value}), rest) for value in axes[name]]
        for run in chosen:
            curves.extend(curve_bytes(run, steps))
        return [None if run.diverged else rounded(run.val_loss) for run in chosen]

    found = losses(runs, [*axes])
    return {
        "source": sources("placement_lr", folder=folder),
        "width": runs[0]["n_embd"],
        "steps": runs[0].training["steps"],
        "seeds": len(runs.distinct("seed")),
        "depths": axes["n_layer"],
        "warmups": axes["warmup"],
        "placements": axes["placement"],
        "rates": axes["lr"],
        "unigram": unigram_level(runs),
        "loss": found,
        "curve_steps": steps,
        "curve_range": CURVE_RANGE,
        "curves": base64.b64encode(bytes(curves)).decode("ascii"),
    }


CURVE_RANGE = [1.8, 12.0]  # nats; logarithmic, 0.7 % from one byte to the next


def curve_bytes(run, steps):
    """The loss at some steps as bytes: 0 to 253 in CURVE_RANGE, 254 above it, 255 not there."""
    at = dict(zip(run.steps, run.loss, strict=True))
    low, high = CURVE_RANGE
    for step in steps:
        if step not in at:
            yield 255
        elif at[step] > high:
            yield 254
        else:
            yield round(253 * max(0.0, math.log(at[step] / low)) / math.log(high / low))
