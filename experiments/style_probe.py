r"""Is style a matter of statistics? What a probe reads from two photos, before and after norms.

scikit-learn's two photos are cut into 60 tiles of 64 × 64 each, which do not overlap. Every tile
comes in the five styles of one of the sets in `STYLES`: per-channel affine maps, which
InstanceNorm forgets by its formula, or others. Each version is normalized by itself (`layer` over
channels and positions, `instance` over positions), by the training tiles in all styles (`batch`),
or not at all, and passes through 24 random filters of 5 × 5 and a ReLU. The probe is a logistic
regression on the mean and the sd of every response. A seed draws the upper edge of the tiles,
the filters and the split: 40 tiles of each photo are for training, 20 for testing, always with all
their versions. Shares of right answers on the test tiles:

style
    Which of five styles? Chance is 0.2. `val_loss` is this probe's cross-entropy in nats.
photo
    Which of two photos? All styles in training and in testing. Chance is 0.5.
photo_plain
    The same with the plain tiles only.
photo_new
    The same, tested in a style that was not in training; mean over the five styles.
photo_leak
    As `photo_new`, but the test tiles in the other four styles are in training as well: wrong on
    purpose, because the probe has seen the tiles that it is asked about.
"""

import hashlib
from functools import cache

import numpy as np
import sklearn
import torch
from sklearn.datasets import load_sample_images
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional as F

import normlib as nl
from _curves import Curves
from _study import interval, origin, publish, recorded

NAME = "style_probe"
NORMS = ("none", "batch", "layer", "instance")
SEEDS = range(20)
TILE, ROWS, COLUMNS, N_TEST, N_FILTER, FILTER = 64, 6, 10, 20, 24, 5
PER_PHOTO = ROWS * COLUMNS
PHOTO = np.repeat([0, 1], PER_PHOTO)
EPS = 1e-12  # with PyTorch's 1e-5 a flat tile keeps a trace of its contrast
MEASURES = ("style", "photo", "photo_plain", "photo_new", "photo_leak")


def rgb(*values):
    """One number for each channel."""
    return np.array(values)[:, None, None]


def blurred(x):
    """The mean of 5 × 5 pixels."""
    return F.avg_pool2d(F.pad(torch.from_numpy(x), [2] * 4, mode="reflect"), 5, 1).numpy()


def grainy(x):
    """With noise of sd 0.05, the same for all channels."""
    n, _, *size = x.shape
    return x + np.random.default_rng(0).normal(0, 0.05, (n, 1, *size))


STYLES = {
    "affine": {
        "plain": lambda x: x,
        "dark": lambda x: 0.5 * x,
        "low contrast": lambda x: 0.4 * x + 0.3,
        "warm": lambda x: x * rgb(1.15, 1, 0.7),
        "cool": lambda x: x * rgb(0.75, 1, 1.15),
    },
    "other": {
        "plain": lambda x: x,
        "squared": lambda x: x**2,
        "gray": lambda x: np.repeat(x.mean(1, keepdims=True), 3, axis=1),
        "blurred": blurred,
        "grainy": grainy,
    },
}


ARMS = [{"styles": styles, "norm": norm} for styles in STYLES for norm in NORMS]


@cache
def photos():
    """The two photos (2, 3, H, W) with values from 0 to 1, and their fingerprint."""
    images = np.stack(load_sample_images().images)
    return images.transpose(0, 3, 1, 2) / 255, hashlib.sha256(images.tobytes()).hexdigest()


def tiles(top):
    """The tiles (120, 3, 64, 64) of both photos from row `top` on."""
    x = photos()[0][:, :, top : top + ROWS * TILE]
    x = x.reshape(2, 3, ROWS, TILE, COLUMNS, TILE).transpose(0, 2, 4, 1, 3, 5)
    return x.reshape(-1, 3, TILE, TILE)


def normalized(x, norm, training):
    """Versions x (styles, tiles, 3, 64, 64) after the norm; `training` marks tiles."""
    if norm == "none":
        return x
    if norm == "batch":
        some = x[:, training]
        mean, sd = (f((0, 1, 3, 4), keepdims=True) for f in (some.mean, some.std))
        return (x - mean) / sd
    return nl.normalize(x, (2, 3, 4) if norm == "layer" else (3, 4), eps=EPS)


def statistics(x, filters):
    """Mean and sd of every response, (styles, tiles, 48)."""
    found = []
    for version in x:
        response = F.relu(F.conv2d(torch.from_numpy(version).float(), filters))
        found.append(torch.cat([response.mean((2, 3)), response.std((2, 3))], 1))
    return torch.stack(found).double().numpy()


def draw(seed):
    """Upper edge of the tiles, filters, and a mask of the test tiles."""
    rng = np.random.default_rng(seed)
    top = int(rng.integers(photos()[0].shape[2] - ROWS * TILE + 1))
    basis, _ = np.linalg.qr(rng.normal(size=(3 * FILTER**2,) * 2))
    filters = torch.from_numpy(basis[:N_FILTER].reshape(N_FILTER, 3, FILTER, FILTER)).float()
    test = np.zeros(2 * PER_PHOTO, bool)
    for photo in (0, 1):
        test[photo * PER_PHOTO + rng.permutation(PER_PHOTO)[:N_TEST]] = True
    return top, filters, test


def probe(seen, answers, asked, truth):
    """Fit to the statistics seen; share of right answers and loss for those asked."""
    seen, asked = (part.reshape(-1, part.shape[-1]) for part in (seen, asked))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    model.fit(seen, answers.ravel())
    return model.score(asked, truth.ravel()), log_loss(truth.ravel(), model.predict_proba(asked))


def measure(features, test):
    """Every measure from the statistics (styles, tiles, 48), and the loss of the style probe."""
    styles = len(features)
    style = np.repeat(np.arange(styles)[:, None], len(test), axis=1)
    photo = np.repeat(PHOTO[None], styles, axis=0)
    train, found = ~test, {}

    def ask(answers, rows, seen, asked_rows):
        return probe(
            features[rows][:, seen],
            answers[rows][:, seen],
            features[asked_rows][:, test],
            answers[asked_rows][:, test],
        )

    every = np.arange(styles)
    found["style"], loss = ask(style, every, train, every)
    found["photo"], _ = ask(photo, every, train, every)
    found["photo_plain"], _ = ask(photo, every[:1], train, every[:1])
    for name, seen in (("photo_new", train), ("photo_leak", train | test)):
        each = [ask(photo, every[every != k], seen, every[k : k + 1])[0] for k in every]
        found[name] = np.mean(each)
    return found, loss


def record(arm, seed):
    """One drawing of tiles, filters and split, under one norm."""
    norm, (top, filters, test), measured = arm["norm"], draw(seed), Curves()
    versions = np.stack([style(tiles(top)) for style in STYLES[arm["styles"]].values()])
    features = statistics(normalized(versions, norm, ~test), filters)
    found, loss = measure(features, test)
    measured.note(0, **{name: float(found[name]) for name in MEASURES})
    model = {"norm": norm, "filters": N_FILTER, "kernel_size": FILTER, "eps": EPS}
    training = {"styles": arm["styles"], "tiles": 2 * PER_PHOTO, "tested": 2 * N_TEST}
    return measured.run(model, training | {"seed": seed}, float(loss))


def source():
    """Where these results come from."""
    where = origin("load_sample_images", photos()[1], vocab_size=2)
    where["versions"]["scikit-learn"] = sklearn.__version__
    return where


def values(runs, name):
    """A measure of every run."""
    return np.array([run.probes[name]["values"][0] for run in runs])


def show(runs):
    """Every measure of every arm, with 95 % intervals."""
    for arm in ARMS:
        cells = [interval(values(runs.filter(**arm), name)) for name in MEASURES]
        shown = (f"{m} {a:.3f} ± {b:.3f}" for m, (a, b) in zip(MEASURES, cells, strict=True))
        print(f"{arm['styles']:7} {arm['norm']:9}", "  ".join(shown))


if __name__ == "__main__":
    show(publish(NAME, recorded(NAME, record, ARMS, SEEDS, source)))
