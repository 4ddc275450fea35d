"""The numbers behind the interactive figures, made from published results alone.

``python experiments/_figure_data.py`` writes them all; a function per figure, named as its file.
"""

import base64
import hashlib
import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from _gpt_figures import gradient_highway, learning_rate_map, training_race
from normlib.results import Runs

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "normlib" / "results"
DATA = ROOT / "normlib" / "widgets" / "data"

SHIFT_CURVES = ("test_accuracy", "test_loss", "loss_range")
SHIFT_LAYERS = ("drift_mean", "gradient_shift")


def covariate_shift(published=PUBLISHED):
    """Four networks that learned digits, seed 0, and the digits themselves.

    Returns
    -------
    dict
        ``steps`` are the moments, the first axis of everything else. ``histograms`` holds per norm
        a base64 string of bytes, the counts of `images` images by (step, layer, bin); bins lie
        between `edges`, and the outer two are open. ``curves`` are numbers, ``layers`` rows of one
        number per layer, all to three digits. ``pixels`` has a letter per pixel, from A for 0 to
        Q for 16, image by image, and ``labels`` a figure per image.
    """
    path = published / "covariate_shift.json"
    runs = Runs.load(path).filter(lr=0.1, seed=0)
    first = runs[0].probes["histogram"]
    steps = first["steps"]
    digits = load_digits()
    document = {
        "source": hashlib.sha256(path.read_bytes()).hexdigest(),
        "lr": 0.1,
        "images": runs[0]["n_probe"],
        "drift_steps": runs[0]["drift_steps"],
        "steps": steps,
        "edges": runs[0].probes["histogram_edges"]["values"][0],
        "norms": {},
    }
    for run in runs:
        probes = run.probes
        counts = [n for step in probes["histogram"]["values"] for layer in step for n in layer]
        document["norms"][run["norm"]] = {
            "histograms": base64.b64encode(bytes(counts)).decode(),
            "curves": {name: _at(steps, probes[name]) for name in SHIFT_CURVES},
            "layers": {name: _at(steps, probes[name]) for name in SHIFT_LAYERS},
        }
    pixels = digits.data.astype(np.uint8) + ord("A")
    return document | {
        "pixels": pixels.tobytes().decode(),
        "labels": "".join(map(str, digits.target)),
    }


def _at(steps, curve):
    """The values that were measured at these steps, rounded; None after a divergence."""
    known = dict(zip(curve["steps"], curve["values"], strict=True))
    return [_rounded(known.get(step)) for step in steps]


def _rounded(value):
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return None if value is None else float(f"{value:.3g}")


def encoded(document):
    """The bytes of a file of figure data."""
    return (json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n").encode()


if __name__ == "__main__":
    DATA.mkdir(parents=True, exist_ok=True)
    for figure in (covariate_shift, gradient_highway, learning_rate_map, training_race):
        path = DATA / f"{figure.__name__}.json"
        size = path.write_bytes(encoded(figure()))
        print(f"{size:,} bytes: {path}")
