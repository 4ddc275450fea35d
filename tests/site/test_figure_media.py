"""Figures in forced colors, in print, and for eyes that tell fewer colors apart."""

import io
import re

import matplotlib.colors
import numpy as np
import pytest
from PIL import Image

from normlib import plots, widgets

every = pytest.mark.parametrize("name", widgets.__all__)
CONTROLS = "button, .nl-seg label, .nl-slider, [role=gridcell], table label"
# The value that the browser uses for a system color.
USED = """(root, [color, property]) => {
    const probe = root.appendChild(document.createElement("i"));
    probe.style[property] = color;
    const found = getComputedStyle(probe)[property];
    probe.remove();
    return found;
}"""
# Machado, Oliveira and Fernandes (2009): a deuteranope's view of linear RGB.
DEUTERANOPIA = np.array([
    [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]
])  # fmt: skip


def linear(color):
    """Red, green and blue as amounts of light."""
    value = np.asarray(color, float)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def luminance(color):
    return linear(color) @ [0.2126, 0.7152, 0.0722]


def rgb(color):
    """A color as the browser writes it, from 0 to 1."""
    return np.array([float(part) for part in re.findall(r"[\d.]+", color)[:3]]) / 255


def contrast(a, b):
    low, high = np.sort([a, b])
    return (high + 0.05) / (low + 0.05)


def seen(one, selector):
    """The parts that a selector finds, each with its name and its box, and the figure's pixels."""
    image = Image.open(io.BytesIO(one.root.screenshot())).convert("RGB")
    pixels = np.asarray(image) / 255
    return one.root.evaluate(
        """(root, selector) => {
            const { left, top } = root.getBoundingClientRect();
            return [...root.querySelectorAll(selector)].filter((n) => n.checkVisibility())
                .map((node) => {
                    const box = node.getBoundingClientRect();
                    return [node.textContent || node.ariaLabel,
                        box.left - left, box.top - top, box.right - left, box.bottom - top];
                });
        }""",
        selector,
    ), pixels


def extremes(pixels, box):
    """The darkest and the brightest light within a box."""
    left, top, right, bottom = (max(0, round(edge)) for edge in box)
    light = luminance(pixels[top:bottom, left:right])
    return light.min(), light.max()


@every
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_forced_colors_leave_every_control_visible_and_operable(figure, name, theme):
    one = figure(name, height=1500, theme=theme, forced_colors="active")
    assert one.page.evaluate("matchMedia('(forced-colors: active)').matches")
    found, pixels = seen(one, CONTROLS)
    assert len(found) >= 4
    faint = [name for name, *box in found if contrast(*extremes(pixels, box)) < 4.5]
    assert faint == []
    canvas = luminance(rgb(one.root.evaluate(USED, ["Canvas", "backgroundColor"])))
    strokes = one.root.evaluate(
        """(root) => [...new Set([...root.querySelectorAll("svg path, svg line, svg circle")]
            .map((node) => getComputedStyle(node).stroke).filter((stroke) => stroke !== "none"))]"""
    )
    ratios = {stroke: contrast(luminance(rgb(stroke)), canvas) for stroke in strokes}
    assert {s for s, ratio in ratios.items() if 1.01 < ratio < 3} == set()  # 1: a halo
    # A choice looks chosen, and changes with the keyboard.
    chosen = one.root.locator("input[type=radio]:checked").and_(one.page.locator(":visible")).first
    label = one.root.locator("label:has(input[type=radio]:checked) span").first
    looks = "(node) => getComputedStyle(node).backgroundColor"
    other = one.root.locator("label:has(input[type=radio]:not(:checked)) span").first
    if label.count():
        assert label.evaluate(looks) != other.evaluate(looks)
    before = one.root.inner_html()
    if chosen.count():
        chosen.press("ArrowRight")
    else:
        slider = one.root.get_by_role("slider").and_(one.page.locator(":visible"))
        for key in ("ArrowRight", "ArrowLeft") if slider.count() else ():
            slider.first.press(key)  # one that stands at its end goes back
        if not slider.count():
            one.root.get_by_role("button").first.press("Enter")
    one.rest()
    assert one.root.inner_html() != before


@every
def test_print_gives_the_picture_instead_of_the_controls(figure, name):
    one = figure(name, theme="dark")
    one.page.emulate_media(media="print")
    try:
        assert one.root.is_hidden()
        picture = one.host.first.locator(".normlib-still img")
        assert picture.is_visible()
        assert picture.bounding_box()["height"] > 100
        assert len(one.host.first.locator(".normlib-still p").inner_text().split()) >= 10
    finally:
        one.page.emulate_media(media="screen")
    assert one.root.is_visible()


@pytest.mark.parametrize("palette", [plots.LIGHT, plots.DARK], ids=["light", "dark"])
def test_the_two_signs_differ_for_a_deuteranope(palette):
    def perceived(name):
        return np.clip(DEUTERANOPIA @ linear(matplotlib.colors.to_rgb(palette[name])), 0, 1)

    for other in ("neg", "acc"):
        assert np.linalg.norm(perceived(other) - perceived("pos")) > 0.3
    # Green and red do not: they never stand without a word, ✕ or a hatching.
    assert np.linalg.norm(perceived("ok") - perceived("no")) < 0.3


# The lines that share a chart; each must be told apart from the others without its color.
SERIES = {
    "CovariateShift": (".strip path.{}", ["none", "batch", "noisy_batch", "layer"]),
    "LearningRateMap": (".curves path.{}", ["live", "other"]),
    "GradientHighway": (".views path.{}", ["live", "ghost"]),
    "BatchDependence": ("svg .{}", ["truth", "past", "future"]),
    "LayerNormGeometry": ("path.{}", ["arrow", "drop", "reach"]),
}


OPENED = {"LearningRateMap": {"opened": True}}  # whose lines stand in a cell


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_series_differ_by_more_than_color(figure, name, theme):
    one = figure(name, theme=theme, traits=OPENED.get(name))
    one.root.evaluate("(root) => root.querySelectorAll('details').forEach((d) => (d.open = true))")
    one.settle()  # some charts stand under "More"
    pattern, classes = SERIES[name]
    looks = {}
    for series in classes:
        line = one.root.locator(pattern.format(series)).first
        looks[series] = line.evaluate(
            """(node) => {
                const style = getComputedStyle(node);
                return [style.strokeDasharray, style.strokeWidth, style.stroke];
            }"""
        )
    lines = list(looks.values())
    for i, (dashes, width, color) in enumerate(lines):
        for other_dashes, other_width, other_color in lines[:i]:
            shades = [luminance(rgb(c)) for c in (color, other_color)]
            assert (dashes, width) != (other_dashes, other_width) or contrast(*shades) > 1.5, looks


def test_a_dark_stylesheet_that_comes_late_makes_the_figure_dark(figure):
    one = figure("LayerNormGeometry", theme="light")
    assert one.root.get_attribute("data-theme") == "light"
    one.page.evaluate("""async () => {
        const sheet = document.createElement("link");
        Object.assign(sheet, { rel: "stylesheet", href: "data:text/css,* { color: white }" });
        const there = new Promise((done) => (sheet.onload = done));
        document.head.append(sheet);
        await there;
    }""")
    one.rest()
    assert one.root.get_attribute("data-theme") == "dark"
    one.page.evaluate("document.head.lastElementChild.remove()")
