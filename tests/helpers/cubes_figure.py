"""Hands and eyes for the figure of the block of cubes."""

import re

import numpy as np

from normlib.widgets import SharedStatistics
from normlib.widgets.shared_statistics import SHAPE

NAME = "SharedStatistics"
X = np.reshape(SharedStatistics().x, SHAPE)


def built(one):
    """The name and the set."""
    return ", ".join(one.root.locator(part).inner_text() for part in (".name", ".built"))


def unfold(one):
    """Open "More"."""
    one.root.locator("details").evaluate("(node) => (node.open = true)")
    one.settle()
    return one


def cubes(one, which):
    """How many cubes of the block are drawn in a color."""
    fronts = one.root.locator(f".block path.{which}:not(.behind)").all()
    return sum((node.get_attribute("d") or "").count("M") for node in fronts)


def middle(one, cube):
    """Where a cube is on the page; of those that stand behind a slice, what looks out of it."""
    (n, c, s), box = cube, one.root.locator("svg.block").bounding_box()
    wide = (box["width"] - 2) / (4 + 3 * 1.5 + 0.32)
    row = c + (0.5 if n == 0 or s == 3 else 0.2)
    return box["x"] + 1 + (s + 0.5 + 1.5 * n) * wide, box["y"] + 1 + (row + 2.41 - 0.75 * n) * wide


def drag(one, start, end):
    one.root.locator("svg.block").scroll_into_view_if_needed()
    one.page.mouse.move(*middle(one, start))
    one.page.mouse.down()
    one.page.mouse.move(*middle(one, end), steps=5)
    one.page.mouse.up()
    one.settle()


def targets(one):
    return one.root.locator(".targets li").all_inner_texts()


def pick(one, text):
    label = one.root.locator("label").filter(has_text=re.compile(f"^{text}$")).first
    label.locator("input").click()
    one.settle()


def press(one, *keys):
    for key in keys:
        one.page.keyboard.press(key)
    one.settle()


def cells(one, which):
    unfold(one)
    return one.root.locator(f".cell.{which}").count()


def facts(one):
    return one.root.locator(".facts").inner_text()


CORNER = (0, 0, 3)  # the marked cube at the start, of which three faces are seen
