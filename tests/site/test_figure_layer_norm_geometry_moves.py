"""The plane and the sphere: what falls, and what stays where it is while v is dragged."""

import itertools
import math
import re

import numpy as np
import pytest

import normlib as nl
from geometry_figure import (
    NAME,
    NORMS,
    START,
    agrees,
    choose,
    cloud,
    drag,
    drag_along,
    drawn,
    eye,
    middle,
    same_places,
    says,
    vectors,
    zoom,
)


@pytest.fixture
def geometry(figure):
    return figure(NAME)


def test_the_headline_counts_what_is_drawn(geometry):
    """On the circle, from the side, all points are on a line; on the sphere they are not."""
    ones = np.ones(3) / math.sqrt(3)
    for which in ("layer", "rms", "both"):
        geometry.set(which=which, view=[-45, 0])  # the plane is seen as a line
        geometry.rest(2000)
        numbers = [int(n) for n in re.findall(r"\b\d+\b", says(geometry))]
        across = eye([-45, 0])[0] @ ones
        for name in ("layer", "rms") if which == "both" else (which,):
            at = np.array(sorted(cloud(geometry, name))) / zoom(geometry)
            on_plane = int((np.abs(at @ across) < 0.01).sum())
            assert (on_plane == len(at)) == (name == "layer")
            assert np.linalg.norm(at, axis=1).max() < math.sqrt(3) + 0.01
        wanted = {"layer": [120], "rms": [120], "both": [120, 120, 0]}[which]
        assert numbers[: len(wanted)] == wanted


def test_the_points_fall_to_the_plane_then_slide_to_the_sphere(geometry):
    points = vectors()
    flat = points - points.mean(1, keepdims=True)
    stops = {"as they are": points, "centered": flat, "on the circle": nl.layer_norm(points, (3,))}
    for name, wanted in stops.items():
        choose(geometry, name)
        assert same_places(cloud(geometry, "layer"), drawn(geometry, wanted))
    assert geometry.get("stage") == "after"
    choose(geometry, "as they are")
    with geometry.held():
        geometry.set(stage="after")  # two steps of 550 ms, through the plane
        geometry.page.clock.run_for(100)
        under_way = cloud(geometry, "layer")
        assert not any(same_places(under_way, drawn(geometry, where)) for where in stops.values())
        assert geometry.root.locator(".rain").get_attribute("d")
        geometry.page.clock.run_for(1100)
    assert same_places(cloud(geometry, "layer"), drawn(geometry, stops["on the circle"]))
    assert not geometry.root.locator(".rain").get_attribute("d")


def test_rms_norm_goes_straight_to_the_sphere(geometry):
    choose(geometry, "RMSNorm")
    assert geometry.root.get_by_role("radio", name="centered").count() == 0
    assert geometry.root.locator(".plane").get_attribute("d") == ""
    assert says(geometry).startswith("All 120 points land on the sphere.")
    points = vectors()
    assert same_places(cloud(geometry, "rms"), drawn(geometry, nl.rms_norm(points, (3,))))
    choose(geometry, "as they are")
    assert same_places(cloud(geometry, "rms"), drawn(geometry, points))


def test_play_shows_the_way_and_ends_where_it_began(geometry):
    shapes = "(root) => [...root.querySelectorAll('path')].map((node) => node.getAttribute('d'))"
    before = geometry.root.evaluate(shapes), says(geometry)
    with geometry.held():
        geometry.root.get_by_role("button", name="Play").click()
        geometry.page.clock.run_for(200)
        assert geometry.root.locator(".rain").get_attribute("d")
    geometry.rest(2000)
    assert (geometry.root.evaluate(shapes), says(geometry)) == before


MOVES = [  # on which norm, along which line, how far, what is found
    ("layer", [1, 1, 1], 0.6, "LayerNorm forgets the mean."),
    ("layer", [1, 1, 1], -0.7, "LayerNorm forgets the mean."),
    ("layer", START, 0.5, "LayerNorm forgets the length."),
    ("rms", START, -0.4, "RMSNorm forgets the length, never the mean."),
    ("both", [1, 1, 1], 0.6, "LayerNorm forgets the mean, RMSNorm keeps it."),
]


@pytest.mark.parametrize(("which", "line", "far", "found"), MOVES)
def test_a_drag_along_what_a_norm_forgets_leaves_its_output(geometry, which, line, far, found):
    geometry.set(which=which, v=START)
    before = geometry.stats()
    drag_along(geometry, line, far)
    told, v = agrees(geometry), geometry.get("v")
    step = np.subtract(v, START)
    np.testing.assert_allclose(np.cross(step, line), 0, atol=1e-5)  # in space, not only as seen
    moved = {name: np.linalg.norm(np.subtract(told[name], before[name])) for name in NORMS}
    name = "rms" if which == "rms" else "layer"
    assert moved[name] < 1e-4
    assert f"v moved {np.linalg.norm(step):.2f}, {NORMS[name]}(v) stayed" in says(geometry)
    if which == "both":
        assert f"RMSNorm(v) moved {moved['rms']:.2f}." in says(geometry)
    assert found in says(geometry)


def test_both_ways_found_are_a_half_plane(geometry):
    drag_along(geometry, [1, 1, 1], 0.6)
    assert "Find the other way." in says(geometry)
    assert geometry.root.locator(".fiber").get_attribute("d").count("L") == 1  # a line
    drag_along(geometry, geometry.get("v"), -0.3)
    assert "the whole half-plane lands on one point" in says(geometry)
    assert geometry.root.locator(".fiber.wide").get_attribute("d").count("L") == 4
    drag_along(geometry, [1, 1, 1], 0.6)
    choose(geometry, "RMSNorm")  # what was found of one norm is not said of the other
    assert "RMSNorm(v) moved" in says(geometry)
    assert "forgets" not in says(geometry)
    assert geometry.root.locator(".fiber").get_attribute("d") == ""


def test_any_other_drag_moves_the_output_along_an_arc(geometry):
    before = geometry.stats()["layer"]
    tip = middle(geometry, ".knob")
    drag(geometry, ".hold", 20, -110)
    assert geometry.get("view") == [-28, 22]
    np.testing.assert_allclose(middle(geometry, ".knob"), tip + [20, -110], atol=1)
    assert abs(np.dot(eye([-28, 22])[1], np.subtract(geometry.get("v"), START))) < 0.02
    moved = np.linalg.norm(np.subtract(agrees(geometry)["layer"], before))
    assert f"LayerNorm(v) moved {moved:.2f}" in says(geometry)
    assert "forgets" not in says(geometry)
    assert geometry.root.locator(".arc.layer").bounding_box()["height"] > 5
    for _ in range(2):  # three in vain, and there is a hint
        drag(geometry, ".hold", 0, 70)
        drag(geometry, ".hold", 0, -70)
    assert "Try along x₁ = x₂ = x₃." in says(geometry)


def test_a_change_by_somebody_else_is_no_move_of_the_reader(geometry):
    drag_along(geometry, [1, 1, 1], 0.6)
    geometry.set(v=[1, 2, -1])
    assert says(geometry).startswith("All 120 points land on one circle.")
    assert geometry.root.locator(".arc.layer").get_attribute("d") == ""


@pytest.mark.parametrize("view", [[-28, 22], [0, 0], [60, 35], [150, -40], [45, 35]])
def test_no_name_is_hidden_by_a_line(geometry, view):
    """Names come last, with a rim, and apart from the dots and from one another."""
    places = (START, [1.2, 0.3, -0.9], [2.5, 0, 0], [0, -2, 1])
    for which, v in itertools.product(("layer", "both"), places):
        geometry.set(view=view, v=v, which=which)
        boxes, last = geometry.root.evaluate("""(root) => {
            const all = [...root.querySelectorAll(".space > *")];
            const texts = root.querySelectorAll(".space text");
            const boxes = [...texts, ...root.querySelectorAll(".knob, .end.layer")].map((node) => {
                const { left, right, top, bottom } = node.getBoundingClientRect();
                return [left, top, right, bottom];
            });
            const lines = all.filter((node) => node.matches("path, rect, circle:not(.hold)"));
            const ends = lines.map((node) => all.indexOf(node));
            return [boxes, Math.min(...[...texts].map((t) => all.indexOf(t))) - Math.max(...ends)];
        }""")
        assert last > 0
        for i, (left, top, right, bottom) in enumerate(boxes):
            for a, b, c, d in boxes[:i]:
                apart = left >= c - 1 or right <= a + 1 or top >= d - 2 or bottom <= b + 2
                assert apart or i >= 7, (view, which, v, i)
