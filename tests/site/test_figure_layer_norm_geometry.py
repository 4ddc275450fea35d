"""The plane and the sphere: the numbers of normlib, and every way to move the vector."""

import math
import re

import numpy as np
import pytest
import traitlets

import normlib as nl
from normlib.widgets import LayerNormGeometry
from normlib.widgets._random import mulberry32

NAME = "LayerNormGeometry"
START = [1.8, 1.2, 0]
NORMS = {"layer": "LayerNorm", "rms": "RMSNorm"}


@pytest.fixture
def geometry(figure):
    return figure(NAME)


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


def test_the_default_state_makes_the_point(geometry):
    assert says(geometry).startswith("All 120 points land on one circle.")
    assert "Drag v so that LayerNorm(v) stays." in says(geometry)
    told = agrees(geometry)
    assert abs(sum(told["layer"])) < 1e-12
    assert told["mean"] == 1
    ends = nl.layer_norm(vectors(), (3,))
    assert same_places(cloud(geometry, "layer"), drawn(geometry, ends))
    assert "(1.80, 1.20, 0.00)" in geometry.root.locator(".tip").text_content()
    assert "(1.07, 0.27, −1.34)" in geometry.root.locator(".name.layer").text_content()


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


def test_the_numbers_are_normlibs(geometry):
    rng = np.random.default_rng(0)
    for eps in (1e-12, 1e-5, 0.3):
        v, gamma = rng.uniform(-5, 5, 3).tolist(), rng.uniform(-2, 2, 3).tolist()
        agrees(geometry, v=v, gamma=gamma, eps=eps)
    agrees(geometry, v=[0.1, 0.1, 0.1], gamma=[1, 1, 1], eps=1e-5)
    agrees(geometry, v=[0, 0, 0], gamma=[0, -2, 1])


def test_the_picture_shows_the_numbers(geometry):
    v = [1, -0.4, 0.7]
    for view in ([0, 0], [90, 0], [0, 90], [33, -51]):
        geometry.set(view=view, v=v, which="both")
        flat, scale = eye(view)[0], zoom(geometry)
        for which, y in zip(("layer", "rms"), norms(v), strict=True):
            assert np.abs(middle(geometry, f".end.{which}") - scale * flat @ y).max() < 0.5


def test_all_features_equal(geometry):
    told = agrees(geometry, v=[5, 5, 5])
    np.testing.assert_allclose(told["layer"], 0, atol=1e-12)
    assert "LayerNorm gives 0: all features equal their mean 5.00" in says(geometry)
    assert "LayerNorm(v) = 0" in geometry.root.locator(".space").text_content()
    assert np.abs(middle(geometry, ".end.layer")).max() < 0.1
    geometry.set(v=[0, 0, 0], which="rms")
    assert "RMSNorm gives 0" in says(geometry)


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


@pytest.mark.parametrize(
    ("button", "result", "moving"),
    [
        ("v + (1, 1, 1)", [2.8, 2.2, 1], {"rms"}),
        ("v − (1, 1, 1)", [0.8, 0.2, -1], {"rms"}),
        ("2 v", [3.6, 2.4, 0], set()),
        ("½ v", [0.9, 0.6, 0], set()),
        ("−v", [-1.8, -1.2, 0], {"layer", "rms"}),
    ],
)
def test_which_change_moves_which_output(geometry, button, result, moving):
    geometry.set(which="both")
    before = geometry.stats()
    press(geometry, button)
    np.testing.assert_allclose(geometry.get("v"), result)
    told = agrees(geometry)
    for which, name in NORMS.items():
        moved = np.linalg.norm(np.subtract(told[which], before[which]))
        assert (moved > 0.1) == (which in moving)
        said = f"{name}(v) moved {moved:.2f}" if which in moving else f"{name}(v) stayed"
        assert said in says(geometry)


def test_a_change_that_leaves_the_range_is_refused(geometry):
    geometry.set(v=[3, 2, 1])
    press(geometry, "½ v")
    geometry.set(v=[3, 2, 1])
    double = geometry.root.get_by_role("button", name="2 v", exact=True)
    assert double.get_attribute("aria-disabled") == "true"
    assert "beyond ±5" in geometry.text()
    double.click(force=True)
    assert geometry.get("v") == [3, 2, 1]
    geometry.set(v=[1.5, 1, 0.5])
    assert double.get_attribute("aria-disabled") == "false"
    drag_along(geometry, [1, 1, 1], 4)  # a hand stops at the edge, on its line
    assert geometry.get("v") == [5, 4.5, 4]


def test_large_eps_is_not_talked_over(geometry):
    geometry.set(eps=1)
    assert says(geometry).startswith("0 of 120 points land on one circle. ε is not small here")
    geometry.root.locator("summary").click()
    assert "short of √3" in geometry.text()


@pytest.mark.parametrize("view", [[-28, 22], [0, 0], [60, 35], [150, -40], [45, 35]])
def test_no_name_is_hidden_by_a_line(geometry, view):
    """Names come last, with a rim, and apart from the dots and from one another."""
    for v in (START, [1.2, 0.3, -0.9], [2.5, 0, 0], [0, -2, 1]):
        geometry.set(view=view, v=v)
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
                apart = left >= c - 1 or right <= a + 1 or top >= d - 5 or bottom <= b + 5
                assert apart or i >= 6, (view, v, i)


def test_dragging_the_ground_turns_the_space_and_leaves_the_vector(geometry):
    drag(geometry, ".ground", 40, 20)
    assert geometry.get("view") == [-48, 32]
    assert geometry.get("v") == START
    geometry.set(view=[175, 85])
    drag(geometry, ".ground", -40, 60)
    assert geometry.get("view") == [-165, 90]  # around and around, but not over the top


def test_a_finger_moves_the_vector_turns_the_space_or_scrolls(figure):
    one = figure(NAME, width=390, has_touch=True)
    hold = one.root.locator(".hold")
    box = hold.bounding_box()
    assert min(box["width"], box["height"]) >= 40
    one.swipe(hold, -40)
    assert one.get("v") != START
    assert one.get("view") == [-28, 22]
    agrees(one)
    one.set(v=[0, 0, 2])  # above the middle, which is the ground now
    one.swipe(one.root.locator(".ground"), 60)
    assert one.get("view") == [-58, 22]
    one.swipe(one.root.locator(".ground"), 6, -150)
    assert abs(one.get("view")[0] + 58) < 5
    assert one.get("view")[1] == 22  # up and down belongs to the page
    assert one.root.locator(".space").evaluate("(n) => getComputedStyle(n).touchAction") == "pan-y"
    assert hold.evaluate("(node) => getComputedStyle(node).touchAction") == "none"


def test_the_keyboard_reaches_everything(geometry):
    page = geometry.page
    geometry.root.locator("summary").press("Enter")
    geometry.settle()
    for label, key, trait, wanted in [
        ("v₃", "ArrowLeft", "v", [1.8, 1.2, -0.1]),
        ("Turn", "ArrowRight", "view", [-27, 22]),
        ("Tilt", "ArrowLeft", "view", [-27, 21]),
        ("Weight γ", "Space", "gamma", [1.6, 1, 0.4]),
        ("γ₂", "ArrowRight", "gamma", [1.6, 1.1, 0.4]),
    ]:
        geometry.root.get_by_label(label).focus()
        page.keyboard.press(key)
        geometry.settle()
        np.testing.assert_allclose(geometry.get(trait), wanted)
    geometry.root.get_by_label("LayerNorm", exact=True).press("ArrowRight")
    geometry.settle()
    assert geometry.get("which") == "rms"
    geometry.root.get_by_label("on the sphere").press("ArrowLeft")
    geometry.settle()
    assert geometry.get("stage") == "before"
    geometry.root.get_by_role("button", name="½ v").press("Enter")
    geometry.settle()
    np.testing.assert_allclose(geometry.get("v"), [0.9, 0.6, -0.05])
    agrees(geometry)


def test_the_weight_stretches_the_circle(geometry):
    round_ = geometry.root.locator(".front").get_attribute("d")
    told = agrees(geometry, gamma=[2, 1, 0.5])
    assert geometry.root.locator(".front").get_attribute("d") != round_
    assert "γ then scales each axis." in says(geometry)
    geometry.root.locator("summary").click()
    assert f"length {np.linalg.norm(told['layer']):.2f}" in geometry.text()
    assert geometry.root.get_by_label("γ₁").input_value() == "2"
    geometry.root.get_by_label("Weight γ").uncheck(force=True)
    geometry.settle()
    assert geometry.get("gamma") == [1, 1, 1]
    assert geometry.root.get_by_label("γ₁").is_hidden()


def test_reset_returns_to_the_authors_state(figure):
    author = {
        "v": [1, 2, -1], "gamma": [1, 2, 1], "which": "rms", "view": [10, 20], "stage": "before"
    }  # fmt: skip
    one = figure(NAME, traits=author)
    one.set(v=[0, 0, 1], gamma=[1, 1, 1], which="both", view=[0, 0], eps=0.5, stage="after")
    one.root.get_by_role("button", name="Reset").click()
    one.settle()
    assert {name: one.get(name) for name in author} == author
    assert one.get("eps") == 1e-5


BROKEN = {
    "v": [None, "x", [1, 2], [1, 2, 3, 4], [None, 1e300, "<img src=x>"], {}, "<b>v</b>"],
    "gamma": [None, [1, None, -1e300], "γ", 7],
    "eps": [None, -1, 0, 1e300, "1"],
    "view": [None, [1e300, -1e300], [None, 3], [1], "up"],
    "which": [None, "<img src=x onerror=alert(1)>", 3, "both "],
    "stage": [None, "<img src=x onerror=alert(1)>", 1, ["after"]],
}


@pytest.mark.parametrize("trait", BROKEN)
def test_broken_state_is_mended(figure, trait):
    for value in BROKEN[trait]:
        one = figure(NAME, traits={trait: value})
        assert one.page.faults == []
        assert one.root.locator("img, svg b").count() == 0
        assert not {"NaN", "undefined", "not a number"} & set(one.text().split())
        assert np.isfinite([*one.stats()["layer"], *one.stats()["rms"]]).all()
        press(one, "½ v")
        assert "NaN" not in one.root.inner_html()


def test_python_refuses_bad_values():
    bad = {
        "v": ([1, 2], [1, 2, 6], [1, 2, math.nan], "123"),
        "gamma": ([1, 1, 3], [1, None, 1]),
        "eps": (0, math.inf),
        "view": ([0, 91], [0]),
        "which": ("batch", ["rms"]),
        "stage": ("later", 2),
    }
    for trait, values in bad.items():
        for value in values:
            with pytest.raises(traitlets.TraitError):
                LayerNormGeometry(**{trait: value})
    one = LayerNormGeometry(v=[5, 5, 5], which="rms")
    assert one.state() == {"v": [5, 5, 5], "which": "rms"}


def test_a_screen_reader_hears_the_numbers(geometry):
    geometry.set(v=[2, 0.5, -1])
    said = geometry.said()
    assert said.startswith("v = (2.00, 0.50, −1.00). LayerNorm gives (1.22, 0.00, −1.22).")
    assert "All 120 points land on one circle." in said
    assert geometry.root.locator("svg:not([aria-hidden=true])").count() == 0


def test_a_guess_hides_the_answer(geometry):
    geometry.root.locator("details").evaluate("(node) => (node.open = true)")
    geometry.root.get_by_role("button", name="Guess first").click()
    geometry.rest(3000)
    assert geometry.said() == "v = (5, 5, 5). Where does LayerNorm send it?"
    assert geometry.root.locator(".nl-says").is_hidden()
    for answer in (".numbers", ".end.layer", ".end.rms", ".name.layer", ".name.rms", ".drop.layer"):
        assert geometry.root.locator(answer).first.is_hidden()
    assert same_places(cloud(geometry, "layer"), drawn(geometry, vectors()))  # as they are
    geometry.root.get_by_role("button", name="Stop guessing").click()
    geometry.rest(3000)
    assert says(geometry).startswith("All 120 points land on one circle.")


@pytest.mark.parametrize("right", [True, False])
def test_guess_first(geometry, right):
    geometry.root.get_by_role("button", name="Guess first").click()
    answer = "to 0" if right else "to (1, 1, 1)"
    geometry.root.get_by_role("button", name=answer, exact=True).click()
    geometry.settle()
    quiz = geometry.root.locator(".nl-quiz").inner_text()
    assert quiz.startswith("Right." if right else "Not quite: to 0.")
    assert geometry.get("v") == [5, 5, 5]
    moving = [
        ("RMSNorm's", "LayerNorm(v) stayed, RMSNorm(v) moved"),
        ("neither", "LayerNorm(v) stayed, RMSNorm(v) stayed"),
        ("both", "LayerNorm(v) moved 3.46, RMSNorm(v) moved 3.46"),
    ]
    for answer, proof in moving:  # what each answer claims is then to be seen
        geometry.root.get_by_role("button", name="Another question").click()
        geometry.root.get_by_role("button", name=answer, exact=True).click()
        geometry.settle()
        assert geometry.root.locator(".nl-quiz").inner_text().startswith("Right.")
        assert proof in says(geometry)


def test_the_address_carries_the_state(figure):
    one = figure(NAME, address=f"#{NAME}?v=[1,2,2.5]&which=rms&stage=before")
    assert one.get("v") == [1, 2, 2.5]
    assert one.root.get_by_role("radio", name="as they are").is_checked()
    assert says(one).startswith("120 vectors of three features")
