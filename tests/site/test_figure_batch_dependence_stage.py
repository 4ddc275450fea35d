"""The batch is part of the function: every dot is a batch, and dots move."""

import math
import re

import numpy as np
import pytest

from batch_figure import NAME, dots, headline, means, scale_of, shape, trained


@pytest.fixture
def batch(figure):
    return figure(NAME)


@pytest.mark.parametrize(("m", "shifted"), [(2, False), (8, False), (8, True), (256, True)])
def test_every_dot_is_a_batch(batch, m, shifted):
    """The pile and the swarm are the means and outputs of 200 batches, to the width of a dot."""
    batch.set(m=m, shifted=shifted)
    batch.rest()
    pile, swarm = dots(batch, "pile"), dots(batch, "outs.train")
    assert len(pile) == len(swarm) == 200
    found = means(m, shifted)
    assert scale_of(batch, found, pile[:, 0])[1] < 3.5
    outputs = np.array([trained(k, m, shifted) for k in range(1, 201)])
    slope, off = scale_of(batch, outputs, swarm[:, 1])
    assert slope < 0
    assert off < 3.5
    assert len(np.unique(pile, axis=0)) == 200 or m == 256  # which stand too close for a tenth
    told = batch.root.locator("svg .spread").text_content()
    assert told == f"spread {found.std():.2f}"
    for column in ("eval", "layer"):
        assert len(np.unique(dots(batch, f"outs.{column}")[:, 1])) == 1


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("m", [2, 32, 256])
def test_the_bracket_is_dragged_and_the_headline_counts_what_it_did(batch, m, side):
    """An end goes where that of batches of m is, were their middles the same."""
    before = means(8, False).std()
    slope, _ = scale_of(batch, means(8, False), dots(batch, "pile")[:, 0])
    box = batch.root.locator(".grip").nth(side).bounding_box()
    assert min(box["width"], box["height"]) >= 24
    wider = slope * (math.sqrt(m - 1) / m - math.sqrt(7) / 8)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    batch.page.mouse.move(x, y)
    batch.page.mouse.down()
    batch.page.mouse.move(x + (wider if side else -wider), y, steps=3)
    batch.page.mouse.up()
    batch.rest()
    assert batch.get("m") == m
    after = means(m, False).std()
    big, small = max(m, 8), min(m, 8)
    low, high = min(before, after), max(before, after)
    expected = [math.sqrt(size - 1) / size for size in (small, big)]
    assert headline(batch) == (
        f"{big} in a batch instead of {small}: the means spread by {low:.2f} instead of "
        f"{high:.2f}, ÷ {high / low:.1f}. Expected is ÷ {expected[0] / expected[1]:.1f}; "
        f"if our sample were drawn too, 1/√m: ÷ {math.sqrt(big / small):.1f}."
    )


def test_the_dots_move_to_their_new_places_and_another_batch_falls(batch):
    batch.rest()
    before = dots(batch, "pile")
    with batch.held():
        batch.set(m=64)  # and 100 ms pass
        under_way, falling = dots(batch, "pile"), dots(batch, "mates")
        assert shape(batch, "fall") == ""
        batch.page.clock.run_for(600)
        after, fallen = dots(batch, "pile"), dots(batch, "mates")
    assert np.abs(under_way - before).max() > 1
    assert np.abs(under_way - after).max() > 1
    assert len(fallen) == 63
    assert (falling[:, 1] <= fallen[:, 1]).all()
    assert len(np.unique(fallen[:, 1])) == 1
    assert shape(batch, "fall") != ""


@pytest.mark.parametrize("m", [2, 8])
def test_the_bracket_is_as_wide_as_the_expected_spread(batch, m):
    batch.set(m=m)
    batch.rest()
    slope, start = np.polyfit(means(m, False), dots(batch, "pile")[:, 0], 1)
    middle, half = (2 + m - 1) / m, math.sqrt(m - 1) / m  # one of m never changes
    left, right = re.match(r"M([\d.]+).*H([\d.]+)m", shape(batch, "bracket")).groups()
    assert float(left) == pytest.approx(start + slope * (middle - half), abs=1.5)
    assert float(right) == pytest.approx(start + slope * (middle + half), abs=1.5)


def test_it_rains_batch_after_batch(batch):
    batch.rest()
    before = shape(batch, "pile"), shape(batch, "mates"), shape(batch, "now")
    with batch.held():
        batch.root.get_by_role("button", name="Let it rain").click()
        batch.page.clock.run_for(300)
        some = len(dots(batch, "pile"))
        assert shape(batch, "mates") != before[1]
        batch.page.clock.run_for(300)
        assert 0 < some < len(dots(batch, "pile")) < 200
        batch.page.clock.run_for(2400)
    assert (shape(batch, "pile"), shape(batch, "mates"), shape(batch, "now")) == before
