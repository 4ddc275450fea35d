"""The built pages in a real browser: from the disk, in both themes, on a desk and on a phone."""

import functools
import gzip
import http.server
import re
import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import BUILD, pages
from chapters import CHAPTERS, PAGES
from fontTools.ttLib import TTFont

NAMES = [f"book/{path.stem}" for path in PAGES] + ["search", "genindex"]
WIDTHS = {"desk": 1280, "phone": 390}


@pytest.fixture
def visit(browser, book):
    """visit(name, width, theme) opens a page from the disk and records what goes wrong there."""
    contexts = []

    def open_page(name, width=1280, theme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        contexts.append(context)
        page = context.new_page()
        page.requests, page.faults = [], []
        page.on("request", lambda r: page.requests.append(r.url))
        page.on("requestfailed", lambda r: page.faults.append(f"failed: {r.url}"))
        page.on("pageerror", lambda e: page.faults.append(str(e)))
        page.on("console", lambda m: m.type == "error" and page.faults.append(m.text))
        page.goto((book / f"{name}.html").as_uri(), wait_until="load")
        page.wait_for_function("!window.MathJax || !!window.MathJax.startup?.promise")
        page.evaluate("() => window.MathJax && window.MathJax.startup.promise")
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_the_list_of_pages_is_complete(book):
    built = {path.relative_to(BUILD).with_suffix("").as_posix() for path in pages()}
    assert built - {"index", "py-modindex"} == set(NAMES)


def test_the_address_of_the_site_leads_to_the_front_page(browser, book):
    page = browser.new_page()
    page.goto((book / "index.html").as_uri())
    page.wait_for_url("**/book/index.html")
    page.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_page_asks_no_other_host_and_has_no_error(visit, name):
    page = visit(name)
    assert [url for url in page.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert page.faults == []
    assert page.locator("mjx-merror").count() == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_icon_of_a_page_is_in_the_fonts_that_we_ship(visit, name):
    shipped = {
        code for font in BUILD.rglob("fa-*.woff2") for code in TTFont(font).getBestCmap() or ()
    }
    shown = visit(name).evaluate(
        """() => [...document.querySelectorAll("[class*=fa-]")]
            .map((node) => getComputedStyle(node, "::before").content.codePointAt(1))
            .filter((code) => code >= 0xe000)"""
    )
    assert set(shown) <= shipped
    assert 0xF002 in shown  # the magnifying glass


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_the_maths_of_a_chapter_is_typeset(visit, path):
    page = visit(f"book/{path.stem}")
    assert page.locator("mjx-container").count() == page.locator(".math").count() > 0
    assert page.locator("mjx-container mjx-assistive-mml").count() > 0  # for screen readers


def test_the_test_of_maths_errors_sees_one(visit):
    page = visit("book/06_layer_norm")
    page.evaluate(
        """() => {
            const p = document.createElement("p");
            p.textContent = "\\\\(\\\\frac{1}\\\\)";
            document.querySelector("article").append(p);
            return MathJax.typesetPromise([p]);
        }"""
    )
    assert page.locator("mjx-merror").count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_accessible(visit, name, width, theme):
    page = visit(name, width, theme)
    results = Axe().run(page, options={"resultTypes": ["violations"]})
    found = [
        (v["id"], [n["target"] for n in v["nodes"]][:3]) for v in results.response["violations"]
    ]
    assert found == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_does_not_scroll_sideways(visit, name, width):
    page = visit(name, width)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_code_fits_the_column(visit, path):
    page = visit(f"book/{path.stem}")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    wide = page.evaluate(
        """() => [...document.querySelectorAll("article div.highlight pre")]
              .filter(pre => pre.offsetParent && pre.scrollWidth > pre.clientWidth)
              .map(pre => pre.textContent)"""
    )
    assert wide == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_each_figure_is_shown_once_in_the_colors_of_the_page(visit, path, theme):
    page = visit(f"book/{path.stem}", theme=theme)
    figures = page.locator("article figure")
    assert figures.count() > 0
    for figure in figures.all():
        shown = [img for img in figure.locator("img").all() if img.is_visible()]
        assert len(shown) == 1
        assert shown[0].get_attribute("src").endswith(".dark.svg") == (theme == "dark")
        assert shown[0].evaluate("img => img.naturalWidth") > 0
        assert figure.locator("figcaption").is_visible()


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_the_download_button_gives_the_readers_notebook(visit, path):
    page = visit(f"book/{path.stem}")
    link = page.locator("a[href$='.ipynb']").first
    target = link.evaluate("a => a.href")
    assert target == (BUILD / "notebooks" / f"{path.stem}.ipynb").as_uri()
    assert (BUILD / "notebooks" / f"{path.stem}.ipynb").exists()


def test_solutions_are_folded_until_asked_for(visit):
    page = visit("book/06_layer_norm")
    solution = page.locator("div.solution").first
    body = solution.locator("section, p").nth(1)
    assert not body.is_visible()
    solution.locator("button, .toggle-button").first.click()
    assert body.is_visible()


def test_without_a_repository_there_is_no_link_to_one(book):
    if re.search(r"github\.com", (book.parents[1] / ".git" / "config").read_text()):
        return
    for path in pages():
        assert "executablebooks/jupyter-book" not in path.read_text(encoding="utf-8")


def test_a_claim_does_not_end_the_paragraph(book):
    plain = r"[A-Z][\w ,:;]+\."  # sentences that are the same in the page
    found = 0
    for path in CHAPTERS:
        html = (book / "book" / f"{path.stem}.html").read_text(encoding="utf-8")
        text = path.read_text(encoding="utf-8")
        for before, after in re.findall(rf"^({plain})\n% claim: .*\n({plain})$", text, re.M):
            assert f"{before}\n{after}" in html
            found += 1
    assert found > 0


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_is_light(browser, book, path):
    """At most 700 KB beside its images, as a web server sends it: text compressed."""
    handler = functools.partial(Quiet, directory=BUILD)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page, responses = browser.new_page(), []
        page.on("response", lambda r: responses.append(r))
        page.goto(f"http://127.0.0.1:{server.server_port}/book/{path.stem}.html")
        page.wait_for_load_state("networkidle")
        sizes = {r.url: len(gzip.compress(r.body())) for r in responses if r.ok}
        page.close()
        server.shutdown()
    weight = sum(size for url, size in sizes.items() if "_images" not in url) / 1000
    print(f"\n{path.stem}: {weight:.0f} KB in {len(sizes)} requests")
    assert weight <= 700
