"""Formulas are made by the build; the search finds compounds; pictures come when they are seen."""

import json
import re
import subprocess
import sys

import pytest
from fontTools.ttLib import TTFont

from browsing import BUILD, pages
from extensions import EXTENSIONS

CONF = """
import sys
sys.path.insert(0, {folder!r})
extensions = ["maths", "search"]
html_math_renderer = "mathml"
html_theme = "basic"
"""


@pytest.fixture
def small(tmp_path):
    """small(text) builds a page of reStructuredText; returns its HTML, and what Sphinx said."""

    def build(text):
        (tmp_path / "conf.py").write_text(CONF.format(folder=str(EXTENSIONS)), encoding="utf-8")
        (tmp_path / "index.rst").write_text(f"Title\n=====\n\n{text}\n", encoding="utf-8")
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
        done = subprocess.run(
            [*command, str(tmp_path), str(tmp_path / "out")], capture_output=True, text=True
        )
        page = tmp_path / "out" / "index.html"
        return page.read_text(encoding="utf-8"), done.returncode, done.stderr

    return build


def test_a_formula_becomes_mathml_with_its_number(small):
    page, code, said = small(
        ":math:`a < b`, see :eq:`one`.\n\n.. math:: x \\\\ y &= z\n   :label: one\n"
    )
    assert (code, said) == (0, "")
    assert re.search(r'<span class="math[^>]*><math>.*?&lt;.*?</math></span>', page, re.S)
    block = re.search(r'(?s)<div class="math.*?</div>\n', page)[0]
    assert 'id="equation-one"' in block
    assert "<mtable" in block  # two rows
    assert '<span class="eqno">(1)<a class="headerlink" href="#equation-one"' in block


def test_a_line_breaks_neither_before_a_comma_nor_after_a_bracket(small):
    page, _, _ = small("It is (:math:`a`, say) :math:`b`, and :math:`c` *is* :math:`d`-fold.")
    joined = re.findall(r'<span class="joined">([(“]?)<span .*?</math></span>([^<]*)</span>', page)
    assert joined == [("(", ","), ("", ","), ("", ""), ("", "-fold.")]


def test_what_is_no_formula_fails_the_build_with_its_line(small):
    page, code, said = small("Good.\n\n:math:`\\frac{1}`\n")
    assert code != 0
    assert re.search(r"index\.rst:6: WARNING: no formula: .* in '.*frac\{1\}'", said)
    assert "frac{1}" in page  # a reader would at least see what was meant


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("a pre-norm model", ["pre", "norm", "prenorm"]),
        ("its LayerNorm layer", ["layernorm", "layer", "norm"]),
        ("a batch norm here", ["batch", "norm", "batchnorm"]),
        ("the warm-up", ["warm", "warmup"]),
    ],
)
def test_a_compound_is_found_however_it_is_written(small, tmp_path, written, asked):
    small(written)
    index = (tmp_path / "out" / "searchindex.js").read_text(encoding="utf-8")
    terms = re.search(r'"terms": \{(.*?)\}', index)[1]
    for word in asked:
        assert f'"{word}": 0' in terms


def test_what_stands_in_for_a_figure_is_not_found(small, tmp_path):
    figure = '<div class="normlib-figure" data-figure="X"><p>concealed</p></div>'
    page, code, said = small(f".. raw:: html\n\n   {figure}\n\n.. raw:: html\n\n   <p>plain</p>\n")
    assert (code, said) == (0, "")
    assert figure in page
    index = (tmp_path / "out" / "searchindex.js").read_text(encoding="utf-8")
    terms = re.search(r'"terms": \{(.*?)\}', index)[1]
    assert '"plain": 0' in terms
    assert "conceal" not in terms


@pytest.mark.parametrize(
    ("word", "page", "written"),
    [
        ("prenorm", "GPT: pre against post", "pre-norm"),
        ("warmup", "Modern norms and real models", "warm-up"),
        ("layernorm", "LayerNorm: one token", "layernorm"),
        ("batchnorm", "BatchNorm: the batch", "batchnorm"),
    ],
)
def test_a_search_shows_what_it_found_and_leads_to_it(browser, book, word, page, written):
    tab, faults = browser.new_page(), []
    tab.on("console", lambda told: told.type == "error" and faults.append(told.text))
    tab.goto((book / "search.html").as_uri() + f"?q={word}")
    item = tab.locator("#search-results li", has_text=page).first
    item.locator("p.context .highlighted").first.wait_for()
    assert item.locator("p.context .highlighted").first.inner_text().lower() == written
    assert 60 < len(item.locator("p.context").inner_text()) < 330
    for _ in range(2):  # from the second page that one opens, too
        item.get_by_role("link").click()
        tab.locator("article .highlighted:visible").first.wait_for()
        tab.wait_for_timeout(300)
        section = tab.locator(tab.evaluate("location.hash"))
        first = section.locator(".highlighted:visible").first
        assert first.inner_text().lower() == written
        assert 0 <= first.bounding_box()["y"] < 720
        tab.go_back()
    assert faults == []
    tab.close()


@pytest.mark.parametrize("late", [700, 60_000])
def test_a_click_before_the_text_has_come_waits_for_it_and_not_for_ever(browser, book, late):
    tab = browser.new_page()
    tab.add_init_script(f"""
        const append = HTMLHeadElement.prototype.append;
        HTMLHeadElement.prototype.append = function (script) {{
            setTimeout(() => append.call(this, script), {late});
        }};
    """)
    tab.goto((book / "search.html").as_uri() + "?q=prenorm")
    tab.locator("#search-results li", has_text="GPT: pre against post").locator("a").first.click()
    tab.wait_for_url("**/13_gpt_pre_post.html*")
    tab.locator("article h1").wait_for()
    if late < 5000:
        tab.locator("article .highlighted:visible").first.wait_for()
    tab.close()


def test_the_text_of_a_page_is_words(book):
    texts = {path.stem: path.read_text("utf-8") for path in (book / "_static/texts").rglob("*.js")}
    assert len(texts) > 15
    for name, text in texts.items():
        told = re.match(r'searchTexts\("(?:book/)?(\w+)", (.*)\);$', text)
        assert told[1] == name
        sections = json.loads(told[2])
        assert all(section and " · " in words for section, words in sections), name
        prose = " ".join(words for _, words in sections)
        assert not re.search(r"\\(frac|sqrt|gamma|mathrm|sigma)|</?m[a-z]+>", prose), name
    assert "normlib.layer_norm(x, normalized_shape" in texts["api"]
    assert "σ²" in texts["06_layer_norm"]


def test_pages_load_no_search_and_no_script_for_formulas(book):
    for page in pages():
        text = page.read_text(encoding="utf-8")
        assert not re.search("<script[^>]*(mathjax|tex-mml)", text)
        assert ("searchindex.js" in text) == (page.name == "search.html"), page.name


def test_what_was_searched_for_is_marked(browser, book):
    tab = browser.new_page()
    tab.goto((book / "book" / "06_layer_norm.html").as_uri() + "?highlight=feature")
    tab.locator("article .highlighted").nth(3).wait_for()
    tab.close()


def test_of_two_pictures_only_the_one_that_is_seen_is_loaded(browser, book):
    for theme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=theme)
        tab, asked = context.new_page(), []
        tab.on("request", lambda r, asked=asked: "_images" in r.url and asked.append(r.url))
        tab.goto((book / "book" / "06_layer_norm.html").as_uri())
        for picture in tab.locator("article figure").all():
            picture.scroll_into_view_if_needed()
            tab.wait_for_timeout(50)
        assert asked
        assert {url.endswith(".dark.svg") for url in asked} == {theme == "dark"}
        sizes = tab.locator("article figure img").evaluate_all(
            "(all) => all.map((img) => [+img.getAttribute('width'), +img.getAttribute('height')])"
        )
        assert all(width > 200 and height > 80 for width, height in sizes)
        context.close()


def test_without_scripts_there_is_one_picture_and_formulas_are_formulas(browser, book):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((book / "book" / "06_layer_norm.html").as_uri())
    assert tab.locator("img.on-light").first.is_visible()
    assert not tab.locator("img.on-dark").first.is_visible()
    assert tab.locator("div.math math").first.bounding_box()["height"] > 15
    context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_while_a_chapter_is_opened(browser, book, width):
    for name in ("05_covariate_shift", "11_where_to_put_it"):
        tab = browser.new_page(viewport={"width": width, "height": 900})
        tab.add_init_script("""
            window.shift = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) shift += entry.value;
            }).observe({ type: "layout-shift", buffered: true });
        """)
        tab.goto((book / "book" / f"{name}.html").as_uri(), wait_until="load")
        tab.wait_for_timeout(500)
        assert tab.evaluate("shift") <= 0.02
        tab.close()


def test_the_font_has_another_name_than_its_source_and_its_licence_beside_it(book):
    folder = BUILD / "_static" / "fonts"
    names = TTFont(folder / "normlib-math.woff2")["name"]
    assert names.getDebugName(1) == "Normlib Math"
    assert "GUST" in (folder / "GUST-FONT-LICENSE.txt").read_text(encoding="utf-8")
    assert (folder / "normlib-math.woff2").stat().st_size < 64_000


def test_every_root_has_its_sign(browser, book):
    """The sign is no character of the page: the element draws it, if the font has one."""
    tab = browser.new_page()
    tab.goto((book / "book" / "06_layer_norm.html").as_uri())
    rooms = tab.locator("msqrt").evaluate_all("""async (roots) => {
        await document.fonts.ready;
        const left = (e) => e.getBoundingClientRect().left;
        const size = (e) => parseFloat(getComputedStyle(e).fontSize);
        return roots.map((e) => (left(e.firstElementChild) - left(e)) / size(e));
    }""")
    assert len(rooms) > 5
    assert min(rooms) > 0.5  # in units of the letters' size
    tab.close()
