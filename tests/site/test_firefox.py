"""Another browser: every figure comes and answers, formulas have a shape, the search finds."""

import pytest

from firefox import FIREFOX, Firefox
from normlib import widgets

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(FIREFOX is None, reason="there is no Firefox here"),
]
FIGURE = """
const host = document.querySelector(`.normlib-figure[data-figure=${arguments[0]}]`);
const find = (node) => node.matches(".nl") ? node
    : [...(node.shadowRoot?.children ?? []), ...node.children].map(find).find(Boolean);
const root = find(host);
"""
MEASURE = """
const parts = [...root.querySelectorAll("svg, canvas, [role=grid]")];
const drawn = parts.map((node) => node.getBoundingClientRect());
const box = host.getBoundingClientRect();
return [box.width, box.height, Math.max(...drawn.map((part) => part.width))];
"""
# Everything that one can press or move, once; what resets comes last, and by itself.
TRY_ALL = """
const all = [...root.querySelectorAll("button, input")];
const controls = all.filter((node) => node.checkVisibility() && node.textContent !== "Reset");
for (const node of controls) {
    if (node.type === "range") {
        node.value = node.max;
        node.dispatchEvent(new Event("input", { bubbles: true }));
    } else node.click();
}
return controls.length;
"""


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    one = Firefox(tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def gallery(firefox, book):
    firefox.open((book / "book" / "figures.html").as_uri())
    return firefox


@pytest.mark.parametrize("name", widgets.__all__)
def test_every_figure_comes_and_answers(gallery, name):
    gallery.run("document.querySelector(`[data-figure=${arguments[0]}]`).scrollIntoView()", name)
    gallery.until(f"{FIGURE} return host.dataset.mounted !== undefined && Boolean(root)", name)
    width, height, widest = gallery.run(FIGURE + MEASURE, name)
    assert 500 < width < 900
    assert 300 < height < 1000
    assert widest > 200
    before = gallery.run(f"{FIGURE} return root.innerText", name)
    assert gallery.run(FIGURE + TRY_ALL, name) >= 3
    gallery.until(f"{FIGURE} return root.innerText !== arguments[1]", name, before)
    gallery.run(
        f"{FIGURE} [...root.querySelectorAll('button')]"
        ".find((node) => node.textContent.trim() === 'Reset').click()",
        name,
    )
    assert gallery.errors() == []


def test_formulas_terms_and_the_search(firefox, book):
    firefox.open((book / "book" / "06_layer_norm.html").as_uri())
    height = "return document.querySelector('article math[display=block]').getBoundingClientRect()"
    assert firefox.until(f"{height}.height") > 15
    link = "document.querySelector('article a.term')"
    firefox.run(f"{link}.dispatchEvent(new PointerEvent('pointerover', {{ bubbles: true }}))")
    firefox.until("return document.querySelector('.preview').checkVisibility()")
    firefox.open((book / "search.html").as_uri() + "?q=prenorm")
    item = """[...document.querySelectorAll('#search-results li')]
        .find((li) => li.innerText.includes('GPT: pre against post'))"""
    found = firefox.until(f"return {item}?.querySelector('p.context')?.innerText")
    assert "pre-norm" in found.lower()
    href = firefox.run(f"return {item}.querySelector('a').href")
    firefox.open(href)
    firefox.until("""
        const marks = [...document.querySelectorAll("article .highlighted")];
        const tops = marks.map((mark) => mark.getBoundingClientRect().top);
        return tops.some((top) => top > 0 && top < innerHeight);
    """)
    assert firefox.errors() == []
