"""The probe of style and its file: fair splits, styles that a norm can and cannot forget."""

from pathlib import Path

import numpy as np
import pytest

import normlib as nl
import style_probe as study

ROOT = Path(__file__).parents[2]

every_set = pytest.mark.parametrize("styles", study.STYLES)


def versions(styles, top=7):
    """The tiles of both photos in every style of a set."""
    return np.stack([style(study.tiles(top)) for style in study.STYLES[styles].values()])


def test_tiles_are_cut_from_the_photos_without_overlap():
    x, tiles = study.photos()[0], study.tiles(7)
    assert tiles.shape == (120, 3, 64, 64)
    np.testing.assert_array_equal(tiles[0], x[0, :, 7:71, :64])
    np.testing.assert_array_equal(tiles[60 + 13], x[1, :, 71:135, 192:256])
    assert tiles.size == x[:, :, : 6 * 64].size


def test_a_split_tests_twenty_tiles_of_each_photo():
    tops, masks = [], []
    for seed in study.SEEDS:
        top, filters, test = study.draw(seed)
        assert test.reshape(2, 60).sum(1).tolist() == [20, 20]
        flat = filters.flatten(1)
        np.testing.assert_allclose(flat @ flat.T, np.eye(24), atol=1e-5)
        tops.append(top)
        masks.append(tuple(test))
    assert 0 <= min(tops) < max(tops) <= 427 - 384
    assert len(set(masks)) == len(study.SEEDS)


def test_instance_norm_makes_all_affine_styles_equal_and_layer_norm_only_three():
    x, training = versions("affine"), np.ones(120, bool)
    for norm, equal in (("none", 1), ("batch", 1), ("layer", 3), ("instance", 5)):
        y = study.normalized(x, norm, training)
        assert sum(np.allclose(style, y[0], atol=1e-5) for style in y) == equal


def test_no_norm_forgets_the_other_styles():
    x, training = versions("other"), np.ones(120, bool)
    for norm in study.NORMS:
        y = study.normalized(x, norm, training)
        assert sum(np.allclose(style, y[0], atol=1e-3) for style in y) == 1


def test_batch_statistics_come_from_the_training_tiles():
    x, training = versions("affine"), np.arange(120) % 3 > 0
    y = study.normalized(x, "batch", training)
    np.testing.assert_allclose(y[:, training].mean((0, 1, 3, 4)), 0, atol=1e-10)
    np.testing.assert_allclose(y[:, training].std((0, 1, 3, 4)), 1, atol=1e-10)
    assert np.abs(y[:, ~training].mean((0, 1, 3, 4))).max() > 1e-3


def test_the_probe_never_sees_a_test_tile_unless_it_leaks_on_purpose():
    """Features that name the tile and nothing else tell nothing about other tiles."""
    test = study.draw(0)[2]
    named = np.repeat(np.eye(120)[None], 5, axis=0)
    found, _ = study.measure(named, test)
    assert found["style"] == pytest.approx(0.2)
    for name in ("photo", "photo_plain", "photo_new"):
        assert found[name] == pytest.approx(0.5)
    assert found["photo_leak"] == 1


def test_the_probe_reads_what_is_there():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, (5, 120, 6))
    noise[..., 0] += study.PHOTO
    noise[..., 1:] += np.eye(5)[:, None]
    found, loss = study.measure(noise, study.draw(1)[2])
    assert min(found[name] for name in ("style", "photo", "photo_plain")) > 0.99
    assert loss < 0.1


@pytest.fixture(scope="module")
def runs():
    return nl.load_results(study.NAME)


@every_set
def test_a_rerun_gives_the_published_shares(runs, styles):
    some = runs.filter(styles=styles, norm="instance", seed=3)
    if some[0].provenance["corpus"]["sha256"] != study.photos()[1]:
        pytest.skip("this decoder of JPEG gives other pixels")
    again = study.record({"styles": styles, "norm": "instance"}, 3)
    for name in study.MEASURES:
        np.testing.assert_allclose(
            again.probes[name]["values"], some[0].probes[name]["values"], atol=0.026
        )
    assert again.val_loss == pytest.approx(some[0].val_loss, rel=0.05)


def test_after_instance_norm_the_affine_styles_are_at_chance(runs):
    some = runs.filter(styles="affine", norm="instance")
    np.testing.assert_allclose(study.values(some, "style"), 0.2, atol=0.006)
