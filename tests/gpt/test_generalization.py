"""The study of generalization: its reading, its arms, and its file."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import _digits as digits
import generalization as study
import normlib as nl
from normlib.gpt import load_text

ROOT = Path(__file__).parents[2]


def test_the_reading_is_linear_between_two_moments():
    train, val = [4.0, 2.0, 1.0, 3.0, 0.0], [5.0, 3.0, 4.0, 9.0, 9.0]
    assert study.at_level(train, val, 3.0) == pytest.approx(4.0)
    assert study.at_level(train, val, 1.5) == pytest.approx(3.5)
    assert study.at_level(train, val, 1.0) == pytest.approx(4.0)  # the first time, not the second
    assert study.at_level(train, val, 0.5) == pytest.approx(9.0)


@pytest.mark.parametrize(
    ("train", "level"),
    [([4.0, 2.0], 1.0), ([4.0, 2.0], 5.0), ([4.0, None, 1.0], 2.0), ([4.0, 4.0], 4.0)],
)
def test_a_level_that_is_not_crossed_has_no_reading(train, level):
    assert math.isnan(study.at_level(train, [1.0] * len(train), level))


def test_two_arms_on_one_curve_have_no_difference_however_fast_they_are():
    slow, fast = np.linspace(0, 3, 31), np.linspace(0, 3, 11) ** 1.5
    gap = [[2.5 - 0.5 * t, 2.0 - 0.2 * t] for t in (slow, fast)]
    first, second = (study.at_level(*(c.tolist() for c in pair), 1.3) for pair in gap)
    assert first == pytest.approx(second)


def test_windows_are_evenly_spaced_and_followed_by_their_next_character():
    ids = torch.arange(1000)
    x, y = study.windows(ids, 32)
    assert x.shape == y.shape == (study.WINDOWS, 32)
    assert (y == x + 1).all()
    assert (x[0, 0], y[-1, -1]) == (0, 999)


def test_the_pieces_of_the_seeds_do_not_overlap():
    text = load_text()
    assert study.APART >= study.PIECE
    assert study.APART * max(study.SEEDS) + study.PIECE <= len(text.split("train", 32))


def test_a_split_with_few_images_tests_on_the_same_images_as_ever():
    split, whole = study.few([0, 3]), digits.Split.of([0, 3])
    assert split.train[0].shape == (2, study.IMAGES, 64)
    torch.testing.assert_close(split.test, whole.test)


def batches(size, groups):
    """The batches of a first step, and the images they may hold."""
    split, rng = study.few([1, 2]), digits.generators(digits.BATCHES, [1, 2])
    return study.groups_of(split, rng, size, groups), split


def test_groups_hold_every_image_once():
    groups, split = batches(study.IMAGES, 10)
    assert [x.shape for x, _ in groups] == [(2, 25, 64)] * 10
    both = torch.cat([x for x, _ in groups], 1)
    for mine, all_images in zip(both, split.train[0], strict=True):
        assert sorted(map(tuple, mine.tolist())) == sorted(map(tuple, all_images.tolist()))


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_groups_matter_to_the_gradient_under_batch_norm_alone(norm):
    layers = digits.initial(norm, [1, 2])
    whole, grouped = (
        study.mean_gradients(layers, batches(study.IMAGES, groups)[0], norm)[1]
        for groups in (1, 10)
    )
    distance = (whole[3][0] - grouped[3][0]).norm() / whole[3][0].norm()
    assert (distance > 0.1) if norm == "batch" else (distance < 1e-4)


@pytest.fixture(scope="module")
def runs():
    return nl.load_results(study.NAME)


def test_every_run_of_the_study_is_there_once(runs):
    few, texts = runs.filter(task="digits"), runs.filter(task="text")
    assert len(few) + len(texts) == len(runs)
    for some, arms in ((few, study.DIGITS_ARMS), (texts, study.TEXT_ARMS)):
        assert [{name: r[name] for name in (*arms[0], "seed")} for r in some] == [
            arm | {"seed": seed} for arm in arms for seed in study.SEEDS
        ]


def named(arm):
    return "-".join(map(str, arm.values()))


@pytest.mark.parametrize("arm", [arm for arm in study.DIGITS_ARMS if arm["lr"] == 0.1], ids=named)
def test_digits_run_again_begin_as_published(runs, arm):
    published = runs.filter(task="digits", **arm)
    again = study.digits_train(**arm, steps=study.EVERY)
    for name in ("train_loss", "val_loss"):
        start, later = np.transpose([run.probes[name]["values"][:2] for run in published])
        found = [curve.numpy() for curve in again[name].values()]
        np.testing.assert_allclose(found[0], start, rtol=1e-3)
        # A ReLU whose input is 0 but for the last digit may send one network another way.
        assert np.median(np.abs(found[1] / later - 1)) < 5e-3


@pytest.mark.parametrize("arm", study.TEXT_ARMS, ids=named)
def test_text_run_again_begins_as_published(runs, arm):
    text = load_text()
    published = runs.filter(task="text", **arm)[1]
    if text.sha256 != published.provenance["corpus"]["sha256"]:
        pytest.skip("this Python has another reference text, so its losses are others")
    again = study.text_record(arm, 1, steps=study.TEXT_EVERY)
    for name in ("train_loss", "val_loss"):
        assert again.probes[name]["values"] == pytest.approx(
            published.probes[name]["values"][:2], rel=2e-3
        )
