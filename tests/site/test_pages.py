"""The built pages in a real browser: from the disk, in both themes, on a desk and on a phone."""

import functools
import gzip
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import maths_font
import pytest
from axe_playwright_python.sync_playwright import Axe
from fontTools.ttLib import TTFont
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from browsing import BUILD, hear_faults, pages
from chapters import CHAPTERS, PAGES
from figures import DRAWN
from narrow import cut_without_a_cue, labels_too_small, numbers_of_a_program
from visits import VISITS, every_visit

NAMES = [f"book/{path.stem}" for path in PAGES] + ["search", "genindex"]
OUTSIDE_OF_CODE, CODE = {"exclude": ["pre"]}, {"include": ["pre"]}
HEAVIEST = 450  # KB of a chapter beside its images, as a web server sends it: text compressed
FITS = "document.documentElement.scrollWidth <= window.innerWidth"
# A picture waits until it comes near; what is its width then?
SHOWN_WRONGLY = """async () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const seen = (node) => node?.checkVisibility();
    const width = (img) => {
        img.loading = "eager";
        return img.decode().then(() => img.naturalWidth, () => 0);
    };
    const wrong = [];
    for (const figure of document.querySelectorAll("article figure")) {
        const shown = [...figure.querySelectorAll("img")].filter(seen), [img] = shown;
        const right = shown.length === 1 && img.src.endsWith(".dark.svg") === dark
            && await width(img) && seen(figure.querySelector("figcaption"));
        if (!right) wrong.push(figure.id);
    }
    return wrong;
}"""


@pytest.fixture
def visit(browser, book):
    """visit(name, width, theme) opens a page from the disk and records what goes wrong there."""
    contexts = []

    def open_page(name, width=1280, theme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        contexts.append(context)
        page = context.new_page()
        page.requests = []
        hear_faults(page)
        page.on("request", lambda r: page.requests.append(r.url))
        page.on("requestfailed", lambda r: page.faults.append(f"failed: {r.url}"))
        page.goto((book / f"{name}.html").as_uri(), wait_until="load")
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_the_list_of_pages_is_complete(book):
    built = {path.relative_to(BUILD).with_suffix("").as_posix() for path in pages()}
    assert built - {"404", "index", "py-modindex"} == set(NAMES)


def test_the_address_of_the_site_leads_to_the_front_page(browser, book):
    page = browser.new_page()
    page.goto((book / "index.html").as_uri())
    page.wait_for_url("**/book/index.html")
    page.close()


def outside(page):
    """Requests to another host, errors of scripts, what MathML calls an error."""
    strange = [u for u in page.requests if not u.startswith(("file:", "data:", "blob:"))]
    return strange + page.faults + page.locator("merror").all_inner_texts()


def untyped_maths(page):
    """Formulas that are left as source, and those that the font has no characters for."""
    formulas, typeset = page.locator(".math").count(), page.locator(".math math").count()
    plain = [] if formulas == typeset else [(formulas, typeset)]
    drawn = set("".join(page.locator("math").all_text_contents()))
    return plain + sorted(drawn - letters_of_formulas())


def missing_icons(page):
    """Icons that are in none of the fonts that we ship."""
    shown = page.evaluate(
        """() => [...document.querySelectorAll("[class*=fa-]")]
            .map((node) => getComputedStyle(node, "::before").content.codePointAt(1))
            .filter((code) => code >= 0xe000)"""
    )
    assert 0xF002 in shown  # the magnifying glass
    return [hex(code) for code in set(shown) - shipped_glyphs()]


def violations(page, context=OUTSIDE_OF_CODE):
    """What axe objects to; it judges no color above the shadows at the edges of what scrolls."""
    flat = page.add_style_tag(content="article * { background-image: none !important }")
    results = Axe().run(page, context, options={"resultTypes": ["violations"]})
    flat.evaluate("(style) => style.remove()")
    return [
        (v["id"], [n["target"] for n in v["nodes"]][:3]) for v in results.response["violations"]
    ]


def widths_that_scroll_sideways(page):
    """The width as it is and the next smaller one at which the page must still fit."""
    width, height = page.viewport_size.values()
    found = []
    for narrow in {1280: (1280, 768), 390: (390, 320)}[width]:
        page.set_viewport_size({"width": narrow, "height": height})
        try:  # a figure needs a moment to follow
            page.wait_for_function(FITS, timeout=5000)
        except PlaywrightTimeout:
            found.append(narrow)
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(DRAWN)
    return found


def figures_not_shown_once(page):
    """Figures whose picture of this theme is not the only one to be seen."""
    return page.evaluate(SHOWN_WRONGLY)


def outputs_on_another_ground(page):
    """Outputs that do not stand on the page itself: the theme puts a light box into the dark."""
    return page.evaluate(
        """() => [...document.querySelectorAll("article .cell_output .text_html")]
          .filter((e) => getComputedStyle(e).backgroundColor !== "rgba(0, 0, 0, 0)")
          .map((e) => e.innerText.slice(0, 60))"""
    )


def formulas_partly_out_of_sight(page):
    """In chapters; a docstring's formula may go on beyond a phone's edge."""
    return page.evaluate(
        """() => /\\/\\d\\d_\\w+\\.html/.test(location.pathname)
          ? [...document.querySelectorAll("article div.math > .formula")]
              .filter((e) => e.offsetParent && e.scrollWidth > e.clientWidth + 1)
              .map((e) => e.textContent)
          : []"""
    )


def too_much_to_load(page):
    """The weight of a chapter in KB, if it is more than HEAVIEST."""
    files = {unquote(urlsplit(url).path) for url in page.requests if url.startswith("file:")}
    weight = sum(compressed(name) for name in files if "_images" not in name) / 1000
    print(f"{weight:.0f} KB in {len(files)} files")
    return [weight] if weight > HEAVIEST and re.search(r"/\d\d_\w+\.html", page.url) else []


def code_wider_than_its_column(page):
    """Code that must be scrolled on a desk; solutions are opened for it."""
    if page.viewport_size["width"] < 1280:
        return []
    return page.evaluate(
        """() => {
            document.querySelectorAll("details").forEach((d) => (d.open = true));
            return [...document.querySelectorAll("article div.highlight pre")]
              .filter((pre) => pre.offsetParent && pre.scrollWidth > pre.clientWidth)
              .map((pre) => pre.textContent);
        }"""
    )


CHECKS = (
    outside,
    untyped_maths,
    missing_icons,
    violations,
    widths_that_scroll_sideways,
    figures_not_shown_once,
    outputs_on_another_ground,
    formulas_partly_out_of_sight,
    too_much_to_load,
    numbers_of_a_program,
    labels_too_small,
    code_wider_than_its_column,  # the last two, since they open what is folded
    cut_without_a_cue,
)


def unreadable_code(page):
    """What axe objects to in code, solutions opened: mostly contrast."""
    page.evaluate("""() => {
        document.querySelectorAll("details").forEach((d) => (d.open = true));
        document.getAnimations().forEach((fade) => fade.cancel());
    }""")
    return violations(page, CODE) if page.locator("pre").count() else []


@functools.cache
def shipped_glyphs():
    return {code for font in BUILD.rglob("fa-*.woff2") for code in TTFont(font).getBestCmap() or ()}


@functools.cache
def letters_of_formulas():
    """What the font of the formulas has: as it stands, or as the italic that a letter becomes."""
    had = TTFont(BUILD / "_static" / "fonts" / "normlib-math.woff2").getBestCmap()
    drawn = {chr(code) for code in had if ord(maths_font.italic(chr(code))) in had}
    return drawn | set(" \n\ufe00")  # the last one chooses a form of the letter before it


@functools.cache
def compressed(name):
    return len(gzip.compress(Path(name).read_bytes()))


# The contrast of thousands of colored words takes as long as all else: it waits for the later
# visits. What axe finds depends on the theme more than on the width: of the first two, the dark
# one asks it.
@every_visit
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_sound(visit, name, width, theme):
    """One visit for all checks: to open a page and to look at all of it is what takes the time."""
    page = visit(name, width, theme)
    checks = [check for check in CHECKS if check is not violations or (width, theme) != VISITS[0]]
    checks += [] if (width, theme) in VISITS else [unreadable_code]
    found = {check.__name__: check(page) for check in checks}
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_has_formulas_and_figures(book, path):
    html = (book / "book" / f"{path.stem}.html").read_text(encoding="utf-8")
    assert 'class="math ' in html, "a chapter has a formula"
    assert "<figure" in html, "a chapter has a static figure, with a caption"


BREAKS = {
    outside: """(article) => article.insertAdjacentHTML("beforeend",
        "<math><merror>?</merror></math>")""",
    untyped_maths: "(article) => article.insertAdjacentHTML('beforeend', '<p class=math>x</p>')",
    missing_icons: """(article) => article.insertAdjacentHTML("beforeend",
        "<style>.fa-none::before { content: '\\\\f8fe' }</style><i class='fa-none'></i>")""",
    violations: "(article) => article.insertAdjacentHTML('beforeend', '<img src=data:,>')",
    widths_that_scroll_sideways: "(article) => { document.body.style.minWidth = '1400px' }",
    figures_not_shown_once: "() => document.querySelector('figcaption').remove()",
    outputs_on_another_ground: """(article) => article.insertAdjacentHTML("beforeend",
        "<div class=cell_output><p class=text_html style='background: red !important'>x</p>")""",
    formulas_partly_out_of_sight: """(article) => {
        article.querySelector("div.math").style.width = "2rem";
    }""",
    too_much_to_load: """() => Promise.all(
        ["fontawesome.js.map", "pydata-sphinx-theme.js.map"].map((name) => new Promise((done) => {
            const image = new Image();
            image.src = new URL(`../_static/scripts/${name}`, location);
            image.onload = image.onerror = done;
        })))""",
    unreadable_code: """(article) => article.insertAdjacentHTML("beforeend",
        "<style>.highlight pre .n { color: #ddd !important }</style>")""",
    code_wider_than_its_column: """(article) => {
        article.querySelector("div.highlight pre").append("x".repeat(200));
    }""",
    numbers_of_a_program: "(article) => article.append('a slope of -0.5 up to 3e-09')",
    labels_too_small: "(article) => { article.querySelector('.picture').style.zoom = 0.3 }",
    cut_without_a_cue: """(article) => article.insertAdjacentHTML("beforeend",
        `<p style="width: 99px; overflow: hidden; white-space: nowrap">${"x".repeat(200)}</p>`)""",
}


def test_every_check_of_pages_is_itself_tested():
    assert {*CHECKS, unreadable_code} == BREAKS.keys()


@pytest.mark.parametrize(
    "check",
    [*CHECKS, pytest.param(unreadable_code, marks=pytest.mark.slow)],
    ids=lambda check: check.__name__,
)
def test_a_check_of_pages_sees_what_it_looks_for(visit, check):
    page = visit("book/06_layer_norm")
    assert check(page) == []
    page.locator("article").evaluate(BREAKS[check])
    assert len(check(page)) > 0


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_the_download_button_gives_the_readers_notebook(book, path):
    page = book / "book" / f"{path.stem}.html"
    links = re.findall(r'href="([^"]*\.ipynb)"', page.read_text(encoding="utf-8"))
    target = (page.parent / links[0]).resolve()
    assert target == BUILD / "notebooks" / f"{path.stem}.ipynb"
    assert target.exists()


def test_solutions_are_folded_until_asked_for(visit):
    page = visit("book/06_layer_norm")
    solution = page.locator("div.solution").first
    body = solution.locator("section, p").nth(1)
    assert not body.is_visible()
    solution.locator("button, .toggle-button").first.click()
    assert body.is_visible()


def test_a_claim_does_not_end_the_paragraph(book):
    plain = r"[A-Z][\w ,:;]+\."  # sentences that are the same in the page
    found = 0
    for path in CHAPTERS:
        html = (book / "book" / f"{path.stem}.html").read_text(encoding="utf-8")
        html = re.sub(r'<a class="term [^>]*>([^<]*)</a>', r"\1", html)
        text = path.read_text(encoding="utf-8")
        for before, after in re.findall(rf"^({plain})\n% claim: .*\n({plain})$", text, re.M):
            assert f"{before}\n{after}" in html
            found += 1
    assert found > 0
