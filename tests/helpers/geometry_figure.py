"""Hands and eyes for the figure of the plane and the sphere."""

import math
import re

import numpy as np

import normlib as nl
from normlib.widgets._random import mulberry32

NAME = "LayerNormGeometry"
START = [1.8, 1.2, 0]
NORMS = {"layer": "LayerNorm", "rms": "RMSNorm"}


def norms(v, gamma=(1, 1, 1), eps=1e-5):
    v, gamma = np.array(v, float), np.array(gamma, float)
    return nl.layer_norm(v, (3,), gamma, eps=eps), nl.rms_norm(v, (3,), gamma, eps=eps)


def agrees(one, **traits):
    if traits:
        one.set(**traits)
    told = one.stats()
    v, gamma, eps = one.get("v") or START, one.get("gamma") or [1, 1, 1], one.get("eps") or 1e-5
    layer, rms = norms(v, gamma, eps)
    wanted = {"layer": layer, "rms": rms, "mean": np.mean(v), "length": np.linalg.norm(v)}
    for name, value in wanted.items():
        np.testing.assert_allclose(told[name], value, rtol=1e-9, atol=1e-9)
    return told


def says(one):
    return " ".join(one.root.locator(".nl-says").inner_text().split())


def middle(one, selector):
    """Where something is drawn, in pixels from the middle of the space."""
    box, space = (one.root.locator(s).bounding_box() for s in (selector, ".space"))
    return np.array([
        box["x"] + box["width"] / 2 - space["x"] - space["width"] / 2,
        box["y"] + box["height"] / 2 - space["y"] - space["height"] / 2,
    ])  # fmt: skip


def eye(view):
    """The directions right and down of the picture, and towards the reader."""
    yaw, pitch = np.radians(view)
    right = [-math.sin(yaw), math.cos(yaw), 0]
    up = [-math.sin(pitch) * math.cos(yaw), -math.sin(pitch) * math.sin(yaw), math.cos(pitch)]
    toward = [math.cos(pitch) * math.cos(yaw), math.cos(pitch) * math.sin(yaw), math.sin(pitch)]
    return np.array([right, np.negative(up)]), np.array(toward)


def zoom(one):
    """Pixels to the unit, from where v is drawn."""
    shadow = eye(one.get("view"))[0] @ one.get("v")
    return np.linalg.norm(middle(one, ".knob")) / np.linalg.norm(shadow)


def drag(one, selector, dx, dy):
    one.root.locator(".space").scroll_into_view_if_needed()
    box = one.root.locator(selector).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    if "ground" in selector:
        x, y = box["x"] + 12, box["y"] + 12
    one.page.mouse.move(x, y)
    one.page.mouse.down()
    for part in (0.25, 0.5, 0.75, 1):
        one.page.mouse.move(x + part * dx, y + part * dy)
    one.page.mouse.up()
    one.settle()


def drag_along(one, line, far):
    """Drag v so that it goes along a line in space, as it is seen."""
    dx, dy = far * zoom(one) * (eye(one.get("view"))[0] @ np.array(line, float))
    drag(one, ".hold", dx, dy)


def press(one, name):
    """Press a button, under "More" too."""
    one.root.locator("details").evaluate("(node) => (node.open = true)")
    one.root.get_by_role("button", name=name, exact=True).click()
    one.settle()


def choose(one, name):
    one.root.get_by_role("radio", name=name, exact=True).check(force=True)
    one.rest(2000)


def dots(one, selector):
    """The dots of the cloud, in pixels from the middle."""
    path = one.root.locator(selector).get_attribute("d")
    return {tuple(map(float, at.split())) for at in re.findall(r"M([-\d. ]+)h0", path)}


def cloud(one, which):
    return dots(one, f".{which}.near") | dots(one, f".{which}.far")


def drawn(one, points):
    """Where points of space are drawn, as `dots` has them; those within the picture."""
    box = one.root.locator(".space").bounding_box()
    at = zoom(one) * points @ eye(one.get("view"))[0].T
    return at[(np.abs(at) < np.array([box["width"], box["height"]]) / 2 - 0.1).all(1)]


def same_places(found, wanted):
    found, wanted = np.array(sorted(found)), np.array(wanted)
    gaps = np.linalg.norm(found[:, None] - wanted[None], axis=2)
    return len(found) >= 0.9 * len(wanted) and gaps.min(0).max() < 0.3 and gaps.min(1).max() < 0.3


def vectors():
    """The 120 vectors of the figure."""
    numbers = mulberry32(3)
    normal = np.array([
        math.sqrt(-2 * math.log(1 - next(numbers))) * math.cos(2 * math.pi * next(numbers))
        for _ in range(360)
    ])  # fmt: skip
    return normal.reshape(120, 3) + [0.7, 0.5, 0.2]
