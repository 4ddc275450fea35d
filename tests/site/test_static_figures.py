"""The drawings of the built book, as files: what lies on what, and no ground of their own."""

import re
from xml.etree import ElementTree

import pytest

from browsing import BUILD, pages

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def drawings(book):
    """Every drawing that a page shows, light and dark, by its name."""
    text = "".join(page.read_text(encoding="utf-8") for page in pages())
    shown = [BUILD / "_images" / name for name in set(re.findall(r"_images/(\w+[\w.]*svg)", text))]
    return {path.name: path.read_text(encoding="utf-8") for path in shown}


def under_the_grid(svg):
    """What is drawn before the grid lines of its axes, their ground excepted."""
    found = []
    for axes in ElementTree.fromstring(svg).iterfind(f".//{SVG}g[@id]"):
        if not re.fullmatch(r"axes_\d+", axes.get("id")):
            continue
        parts = list(axes)
        grids = [i for i, part in enumerate(parts) if has_grid(part)]
        found += [part.get("id", part.tag) for part in parts[: max(grids, default=0)]]
    return [name for name in found if not re.match(r"patch_|matplotlib\.axis", name)]


def has_grid(part):
    """Whether it is an axis with lines across: they alone are clipped to the axes."""
    clipped = part.iterfind(f".//{SVG}path[@clip-path]")
    return part.get("id", "").startswith("matplotlib.axis") and next(clipped, None) is not None


def test_the_grid_lies_under_the_marks(drawings):
    with_grid = [svg for svg in drawings.values() if "matplotlib.axis" in svg]
    assert len(with_grid) > 50
    assert {name: marks for name in drawings if (marks := under_the_grid(drawings[name]))} == {}


def test_a_drawing_has_no_ground_that_hides_where_it_goes_on(drawings):
    assert len(drawings) > 100
    for name, svg in drawings.items():
        grounds = re.findall(r'"patch_1">\s*<path [^>]*style="fill: ([^";]*)', svg)
        grounds += re.findall(
            r'"axes_\d+">\s*<g id="patch_\d+">\s*<path [^>]*style="fill: ([^";]*)', svg
        )
        assert set(grounds) == {"none"}, name
