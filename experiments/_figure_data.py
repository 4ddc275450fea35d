"""The numbers behind the interactive figures, made from published results alone.

``python experiments/_figure_data.py`` writes them all; a function per figure, named as its file.
"""

import base64
import hashlib
import json
import math
from pathlib import Path

from _gpt_figures import gradient_highway, learning_rate_map
from normlib.results import Runs

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "normlib" / "results"
DATA = ROOT / "normlib" / "widgets" / "data"

SHIFT_CURVES = ("test_accuracy", "test_loss", "loss_range", "gradient_range")
SHIFT_LAYERS = ("drift_mean", "drift_log_sd", "drift_values", "gradient_shift", "gradient_cosine")


def covariate_shift(published=PUBLISHED):
    """Four networks learn digits: histograms of a unit per layer, curves and measures.

    Returns
    -------
    dict
        ``steps`` are the moments, the first axis of everything else. ``histograms`` holds per norm
        a base64 string of bytes, the counts of `images` images by (step, layer, bin), of the
        network of seed 0; bins lie between `edges`, and the outer two are open. ``curves`` are
        numbers, ``layers`` rows of one number per layer, both means over the seeds.
    """
    path = published / "covariate_shift.json"
    runs = Runs.load(path).filter(lr=0.1)
    shown = {run["norm"]: run.probes for run in runs if "histogram" in run.probes}
    first = next(iter(shown.values()))
    steps = first["histogram"]["steps"]

    def over_seeds(name, some):
        return _mean([_at(steps, run.probes[name]) for run in some])

    document = {
        "source": hashlib.sha256(path.read_bytes()).hexdigest(),
        "lr": 0.1,
        "seeds": len(runs.distinct("seed")),
        "images": runs[0]["n_probe"],
        "drift_steps": runs[0]["drift_steps"],
        "steps": steps,
        "edges": first["histogram_edges"]["values"][0],
        "norms": {},
    }
    for norm, probes in shown.items():
        some = runs.filter(norm=norm)
        losses = [_at(steps, {"steps": run.steps, "values": run.loss}) for run in some]
        counts = [n for step in probes["histogram"]["values"] for layer in step for n in layer]
        document["norms"][norm] = {
            "units": probes["histogram_units"]["values"][0],
            "histograms": base64.b64encode(bytes(counts)).decode(),
            "curves": {"loss": _mean(losses)}
            | {name: over_seeds(name, some) for name in SHIFT_CURVES},
            "layers": {name: over_seeds(name, some) for name in SHIFT_LAYERS},
        }
    return document


def _at(steps, curve):
    """The values that were logged at these steps; None after a divergence."""
    known = dict(zip(curve["steps"], curve["values"], strict=True))
    return [known.get(step) for step in steps]


def _mean(rows):
    """The mean over the first axis of nested lists, to three digits; None if one is None."""
    if any(row is None for row in rows):
        return None
    if isinstance(rows[0], list):
        return [_mean(column) for column in zip(*rows, strict=True)]
    return float(f"{math.fsum(rows) / len(rows):.3g}")  # fsum: the same bytes everywhere


def encoded(document):
    """The bytes of a file of figure data."""
    return (json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n").encode()


if __name__ == "__main__":
    DATA.mkdir(parents=True, exist_ok=True)
    for figure in (covariate_shift, gradient_highway, learning_rate_map):
        path = DATA / f"{figure.__name__}.json"
        size = path.write_bytes(encoded(figure()))
        print(f"{size:,} bytes: {path}")
