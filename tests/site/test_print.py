"""A chapter on paper: light, whole, without buttons."""

import re

import pytest

CHAPTER = "06_layer_norm"


@pytest.fixture
def paper(browser, book):
    """A chapter that was dark on the screen, as it is when the printer asks for it."""
    page = browser.new_page(viewport={"width": 794, "height": 1100}, color_scheme="dark")
    page.goto((book / "book" / f"{CHAPTER}.html").as_uri())
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    yield page
    page.close()


def brightness(color):
    return sum(map(int, re.findall(r"\d+", color)[:3])) / 3


def test_a_dark_page_is_printed_dark_on_white(paper):
    color = paper.locator("section section > p").first.evaluate("e => getComputedStyle(e).color")
    assert brightness(color) < 80
    assert paper.locator("img.on-light").first.is_visible()
    assert not paper.locator("img.on-dark").first.is_visible()
    paper.evaluate("dispatchEvent(new Event('afterprint'))")
    assert paper.evaluate("document.documentElement.dataset.theme") == "dark"


def test_nothing_on_paper_wants_a_click(paper):
    assert paper.locator(".headerlink, .copybtn, .prev-next-footer, .bd-header-article").count() > 0
    for wanted in (
        ".headerlink",
        ".copybtn",
        ".prev-next-footer",
        ".bd-header-article button",
        "summary",
    ):
        assert not [each for each in paper.locator(wanted).all() if each.is_visible()]
    assert not paper.locator(".bd-sidebar-primary").is_visible()


def test_solutions_and_figures_are_on_paper(paper):
    assert paper.locator("div.solution p").nth(1).is_visible()
    assert paper.locator(".normlib-still img").first.is_visible()
    assert not paper.locator(".normlib-figure .nl-btn:visible").count()
    still, figure = (
        paper.locator(name).first.bounding_box() for name in (".normlib-still", ".normlib-figure")
    )
    assert figure["height"] == pytest.approx(still["height"], abs=1)


def test_no_line_of_code_is_cut_off(paper):
    wide = "es => es.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText)"
    assert paper.locator("pre:visible").evaluate_all(wide) == []


def test_a_chapter_becomes_a_document(browser, book):
    page = browser.new_page(color_scheme="dark")
    page.goto((book / "book" / f"{CHAPTER}.html").as_uri())
    theme = "document.documentElement.dataset.theme"
    page.evaluate(f"addEventListener('beforeprint', () => {{ self.was = {theme}; }})")
    pdf = page.pdf(format="A4")
    assert page.evaluate("self.was") == "light"
    assert page.evaluate(theme) == "dark"
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 1  # more than a screen
    page.close()
