"""The plane and the sphere: the numbers of normlib, and every way to move the vector."""

import math

import numpy as np
import pytest
import traitlets

import normlib as nl
from geometry_figure import (
    NAME,
    NORMS,
    START,
    agrees,
    cloud,
    drag,
    drag_along,
    drawn,
    eye,
    middle,
    norms,
    press,
    same_places,
    says,
    vectors,
    zoom,
)
from normlib.widgets import LayerNormGeometry


@pytest.fixture
def geometry(figure):
    return figure(NAME)


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
    one.swipe(one.root.locator(".ground"), 60, 14)
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
