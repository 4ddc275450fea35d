"""The plane and the sphere: the numbers of normlib, and every way to move the vector."""

import math

import numpy as np
import pytest
import traitlets

import normlib as nl
from normlib.widgets import LayerNormGeometry

NAME = "LayerNormGeometry"
START = [1.8, 1.2, 0]


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
    return one.root.locator(".nl-says").inner_text()


def circle(one, which, name):
    """Where a circle of a panel is drawn, in pixels from the middle."""
    node = one.root.locator(f".panel.{which} .{name}")
    return np.array([float(node.get_attribute(k)) for k in ("cx", "cy")])


def drag(one, selector, dx, dy):
    box = one.root.locator(selector).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    if "ground" in selector:
        x, y = box["x"] + 12, box["y"] + 12
    one.page.mouse.move(x, y)
    one.page.mouse.down()
    one.page.mouse.move(x + dx / 2, y + dy / 2)
    one.page.mouse.move(x + dx, y + dy)
    one.page.mouse.up()
    one.settle()


def test_the_default_state_makes_the_point(geometry):
    text = says(geometry)
    assert "LayerNorm: the plane, then the sphere." in text
    assert "RMSNorm: only the sphere." in text
    assert "All 120 gray points land on the circle" in text
    assert "All 120 gray points land on the sphere" in text
    assert geometry.root.locator(".panel:visible").count() == 2
    assert "length 1.73 = √3, sum 0.00" in geometry.root.locator(".panel.layer .steps").inner_text()
    assert "sum 2.40" in geometry.root.locator(".panel.rms .steps").inner_text()
    told = agrees(geometry)
    assert abs(sum(told["layer"])) < 1e-12
    assert told["mean"] == 1


def test_the_numbers_are_normlibs(geometry):
    rng = np.random.default_rng(0)
    for eps in (1e-12, 1e-5, 0.3):
        v, gamma = rng.uniform(-5, 5, 3).tolist(), rng.uniform(-2, 2, 3).tolist()
        agrees(geometry, v=v, gamma=gamma, eps=eps)
    agrees(geometry, v=[0.1, 0.1, 0.1], gamma=[1, 1, 1], eps=1e-5)
    agrees(geometry, v=[0, 0, 0], gamma=[0, -2, 1])


def test_the_picture_shows_the_numbers(geometry):
    for view in ([0, 0], [90, 0], [0, 90], [33, -51]):
        geometry.set(view=view, v=[1, -0.4, 0.7])
        yaw, pitch = np.radians(view)
        right = [-math.sin(yaw), math.cos(yaw), 0]
        up = [-math.sin(pitch) * math.cos(yaw), -math.sin(pitch) * math.sin(yaw), math.cos(pitch)]
        eye = np.array([right, np.negative(up)])
        tip = circle(geometry, "layer", "knob")
        scale = np.linalg.norm(tip) / np.linalg.norm(eye @ [1, -0.4, 0.7])
        for which, y in zip(("layer", "rms"), norms([1, -0.4, 0.7]), strict=True):
            assert np.abs(circle(geometry, which, "end") - scale * eye @ y).max() < 0.3


def test_all_features_equal(geometry):
    told = agrees(geometry, v=[5, 5, 5])
    np.testing.assert_allclose(told["layer"], 0, atol=1e-12)
    assert "LayerNorm gives 0." in says(geometry)
    assert "All features equal their mean 5.00" in says(geometry)
    assert "LayerNorm(v) = 0" in geometry.root.locator(".panel.layer svg").text_content()
    assert np.abs(circle(geometry, "layer", "end")).max() < 0.1
    assert "RMSNorm: only the sphere" in says(geometry)
    geometry.set(v=[0, 0, 0])
    assert "RMSNorm gives 0." in says(geometry)


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
    before = geometry.stats()
    geometry.root.get_by_role("button", name=button, exact=True).click()
    geometry.settle()
    np.testing.assert_allclose(geometry.get("v"), result)
    told = agrees(geometry)
    for which, name in (("layer", "LayerNorm"), ("rms", "RMSNorm")):
        moved = np.linalg.norm(np.subtract(told[which], before[which]))
        assert (moved > 0.1) == (which in moving)
        said = f"{name} moves (by {moved:.3f})" if which in moving else f"{name} stays (by 0.000)"
        assert said in says(geometry)
        ring = geometry.root.locator(f".panel.{which} .ghost")
        assert ring.is_visible() == (which in moving)


def test_a_change_that_leaves_the_range_is_refused(geometry):
    geometry.set(v=[3, 2, 1])
    double = geometry.root.get_by_role("button", name="2 v", exact=True)
    assert double.get_attribute("aria-disabled") == "true"
    assert "beyond ±5" in geometry.text()
    double.click(force=True)
    assert geometry.get("v") == [3, 2, 1]
    geometry.set(v=[1.5, 1, 0.5])
    assert double.get_attribute("aria-disabled") == "false"


def test_large_eps_is_not_talked_over(geometry):
    geometry.set(eps=1)
    assert "falls short" in says(geometry)
    assert "0 of 120 gray points land on the sphere" in says(geometry)
    assert "short of √3" in geometry.root.locator(".panel.layer .steps").inner_text()


@pytest.mark.parametrize("which", ["layer", "rms"])
def test_dragging_the_vector_moves_it_in_the_view_plane(geometry, which):
    tip = circle(geometry, which, "knob")
    drag(geometry, f".panel.{which} .hold", -40, 30)
    assert geometry.get("view") == [-28, 22]
    np.testing.assert_allclose(circle(geometry, which, "knob"), tip + [-40, 30], atol=1)
    yaw, pitch = np.radians([-28, 22])
    toward = [math.cos(pitch) * math.cos(yaw), math.cos(pitch) * math.sin(yaw), math.sin(pitch)]
    assert abs(np.dot(toward, np.subtract(geometry.get("v"), START))) < 0.02
    agrees(geometry)


def test_dragging_the_ground_turns_both_and_leaves_the_vector(geometry):
    drag(geometry, ".panel.rms .ground", 40, 20)
    assert geometry.get("view") == [-48, 32]
    assert geometry.get("v") == [1.8, 1.2, 0]
    assert np.array_equal(*(circle(geometry, which, "knob") for which in ("layer", "rms")))
    geometry.set(view=[175, 85])
    drag(geometry, ".panel.layer .ground", -40, 60)
    assert geometry.get("view") == [-165, 90]  # around and around, but not over the top


def test_a_finger_moves_the_vector(figure):
    one = figure(NAME, width=390, has_touch=True)
    box = one.root.locator(".panel.layer .hold").bounding_box()
    assert min(box["width"], box["height"]) >= 40
    one.swipe(one.root.locator(".panel.layer .hold"), -40)
    assert one.get("v") != START
    assert one.get("view") == [-28, 22]
    agrees(one)
    one.tap(one.root.get_by_role("button", name="−v", exact=True))
    assert "LayerNorm moves" in says(one)


def test_the_keyboard_reaches_everything(geometry):
    page = geometry.page
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
    geometry.root.get_by_label("both").press("ArrowRight")
    geometry.settle()
    assert geometry.root.locator(".panel.rms").is_hidden()
    geometry.root.get_by_role("button", name="½ v").press("Enter")
    geometry.settle()
    np.testing.assert_allclose(geometry.get("v"), [0.9, 0.6, -0.05])
    agrees(geometry)


def test_the_weight_stretches_the_circle(geometry):
    told = agrees(geometry, gamma=[2, 1, 0.5])
    assert "circle and sphere become ellipse and ellipsoid" in says(geometry)
    assert f"length {np.linalg.norm(told['layer']):.2f}" in geometry.text()
    assert geometry.root.get_by_label("γ₁").input_value() == "2"
    geometry.root.get_by_label("Weight γ").uncheck(force=True)
    geometry.settle()
    assert geometry.get("gamma") == [1, 1, 1]
    assert geometry.root.get_by_label("γ₁").is_hidden()


def test_reset_returns_to_the_authors_state(figure):
    author = {"v": [1, 2, -1], "gamma": [1, 2, 1], "which": "rms", "view": [10, 20]}
    one = figure(NAME, traits=author)
    one.set(v=[0, 0, 1], gamma=[1, 1, 1], which="both", view=[0, 0], eps=0.5)
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
}


@pytest.mark.parametrize("trait", BROKEN)
def test_broken_state_is_mended(figure, trait):
    for value in BROKEN[trait]:
        one = figure(NAME, traits={trait: value})
        assert one.page.faults == []
        assert one.root.locator("img, svg b").count() == 0
        assert not {"NaN", "undefined", "not a number"} & set(one.text().split())
        assert np.isfinite([*one.stats()["layer"], *one.stats()["rms"]]).all()
        one.root.get_by_role("button", name="½ v").click()
        one.settle()
        assert "NaN" not in one.root.inner_html()


def test_python_refuses_bad_values():
    bad = {
        "v": ([1, 2], [1, 2, 6], [1, 2, math.nan], "123"),
        "gamma": ([1, 1, 3], [1, None, 1]),
        "eps": (0, math.inf),
        "view": ([0, 91], [0]),
        "which": ("batch", ["rms"]),
    }
    for trait, values in bad.items():
        for value in values:
            with pytest.raises(traitlets.TraitError):
                LayerNormGeometry(**{trait: value})
    one = LayerNormGeometry(v=[5, 5, 5], which="layer")
    assert one.state() == {"v": [5, 5, 5], "which": "layer"}


def test_a_screen_reader_hears_the_numbers(geometry):
    geometry.set(v=[2, 0.5, -1])
    said = geometry.said()
    assert said.startswith("v = (2.00, 0.50, −1.00). LayerNorm gives (1.22, 0.00, −1.22).")
    assert "The mean 0.50 goes" in said
    assert geometry.root.locator("svg:not([aria-hidden=true])").count() == 0


@pytest.mark.parametrize("right", [True, False])
def test_guess_first(geometry, right):
    geometry.root.get_by_role("button", name="Guess first").click()
    answer = "to 0" if right else "to (1, 1, 1)"
    geometry.root.get_by_role("button", name=answer, exact=True).click()
    geometry.settle()
    quiz = geometry.root.locator(".nl-quiz").inner_text()
    assert quiz.startswith("Right." if right else "Not quite: to 0.")
    assert geometry.get("v") == [5, 5, 5]
    moving = [("RMSNorm's", "LayerNorm stays"), ("neither", "RMSNorm stays"), ("both", "moves")]
    for answer, proof in moving:  # what each answer claims is then to be seen
        geometry.root.get_by_role("button", name="Another question").click()
        geometry.root.get_by_role("button", name=answer, exact=True).click()
        geometry.settle()
        assert geometry.root.locator(".nl-quiz").inner_text().startswith("Right.")
        assert proof in says(geometry)


def test_the_address_carries_the_state(figure):
    one = figure(NAME, address=f"#{NAME}?v=[1,2,2.5]&which=rms")
    assert one.get("v") == [1, 2, 2.5]
    assert one.root.locator(".panel.layer").is_hidden()
