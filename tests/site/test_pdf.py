"""The book as one PDF: its pages joined, its contents true, its links alive."""

import re
import subprocess
import sys
from pathlib import Path

import one_page
import pdf
import pytest
import yaml
from bs4 import BeautifulSoup

import pdf_text

ROOT = Path(__file__).parents[2]
CONFIG, TOC = (yaml.safe_load((ROOT / name).read_text()) for name in ("_config.yml", "_toc.yml"))
CHAPTERS = [page for _, pages in one_page.parts_of(TOC) for page in pages]


@pytest.fixture(scope="module")
def text(book):
    return one_page.join(book, CONFIG, TOC)


@pytest.fixture(scope="module")
def joined(text):
    return BeautifulSoup(text, "html.parser")


def test_the_document_has_every_page_but_the_gallery_and_the_slides(joined):
    pages = [each["id"] for each in joined.select("section.cover, article[id]")]
    assert pages[:2] == ["index", "01_what_goes_wrong"]
    assert not {"figures", "slides"} & set(pages)
    written = {path.stem for path in (ROOT / "book").glob("*.md")}
    assert set(pages) == written - {"figures", "slides"}
    assert len(pages) == len(CHAPTERS)


def test_every_id_is_there_once_and_every_link_inside_has_its_place(joined):
    ids = [each["id"] for each in joined.select("[id]")]
    assert len(ids) == len(set(ids)) > 900
    inside = [a["href"] for a in joined.select("a[href^='#']")]
    assert len(inside) > 1000
    assert {href[1:] for href in inside} - set(ids) == set()
    outside = [a["href"] for a in joined.select("a[href]") if not a["href"].startswith("#")]
    assert [href for href in outside if not href.startswith("https://")] == []


def test_nothing_in_it_runs_or_wants_a_click(joined):
    controls = "button, input, select, textarea, details, iframe, .headerlink"
    assert joined.select(f"script, {controls}") == []
    assert joined.select("[onclick], [loading], [data-traits]") == []


def test_a_figure_is_one_picture_and_every_picture_is_there(joined):
    for figure in joined.select("figure, .normlib-figure"):
        assert len(figure.select("img")) == 1, figure
    assert len(joined.select(".normlib-figure")) >= 15
    files = [img["src"] for img in joined.select("img") if not img["src"].startswith("data:")]
    assert len(files) > 50
    missing = [src for src in files if not (ROOT / "_build" / src).exists()]
    assert missing == []
    sheets = [each["href"] for each in joined.select("link[rel=stylesheet]")]
    assert len([each for each in sheets if (ROOT / "_build" / each).exists()]) == len(sheets) > 0


def test_solutions_stand_at_the_end_of_their_chapter_and_know_their_exercise(joined):
    solutions = joined.select("div.solution")
    assert len(solutions) > 50
    for solution in solutions:
        assert solution.parent.h2.get_text() == "Solutions"
        back = solution.select_one(".admonition-title a")
        exercise = joined.find(id=back["href"][1:])
        number = exercise.select_one(".caption-number").get_text(strip=True)
        assert back.get_text() == f"Solution of {number}"
        assert exercise.select_one(".page-of")["href"] == f"#{solution['id']}"
        chapter = exercise.find_parent("article")
        assert solution.find_parent("article") is chapter
        assert chapter.section.find_all("section", recursive=False)[-1] is solution.parent


def test_the_contents_name_every_heading_in_its_order(joined):
    named = [line.a["href"] for line in joined.select("nav.toc .chapter, nav.toc .section")]
    wanted = []
    for page in joined.select("article"):
        wanted += [f"#{page['id']}"] if page.h1 else []
        wanted += [f"#{heading.parent['id']}" for heading in page.select("h2")]
    assert named == wanted


PAGE = """<html><head><link rel="stylesheet" href="a.css"></head><body>
<article><section id="top"><h1>{}</h1><p>{}</p></section></article>
<div class="extra_footer"><p>Made.</p></div></body></html>"""


@pytest.fixture
def small(tmp_path):
    """small(first, second, site) joins a front page and two chapters that say this."""

    def make(first, second="", site=""):
        toc = {"root": "index", "chapters": [{"file": "b/01_a"}, {"file": "b/02_b"}]}
        (tmp_path / "b").mkdir()
        for page, words in {"index": "", "b/01_a": first, "b/02_b": second}.items():
            (tmp_path / f"{page}.html").write_text(PAGE.format(page, words), encoding="utf-8")
        return one_page.join(tmp_path, {"title": "T", "author": "A & B"}, toc, site)

    return make


LINKS = """<a href="02_b.html">b</a> <a href="02_b.html#top">top</a> <a href="#top">here</a>
<a href="../index.html">front</a> <a href="figures.html?Race=1#x">race</a>
<a href="https://example.org/02_b.html">far</a>"""


def hrefs(text):
    article = BeautifulSoup(text, "html.parser").find(id="01_a")
    return {a.get_text(): a["href"] for a in article.select("a")}


def test_links_between_pages_lead_inside_and_others_to_the_site_if_there_is_one(small):
    found = hrefs(small(LINKS, site="https://a.org/b"))
    assert found == {
        "b": "#02_b",
        "top": "#02_b--top",
        "here": "#01_a--top",
        "front": "#index",
        "race": "https://a.org/b/b/figures.html?Race=1#x",
        "far": "https://example.org/02_b.html",
    }


def test_without_a_site_a_link_to_what_is_not_printed_is_plain_text(small):
    text = small(LINKS)
    assert "race" not in hrefs(text)
    assert "race" in text
    assert "<p>Figures that move on the web pages" in text


def test_the_numbers_of_the_contents_are_those_of_the_sheets(small, browser):
    tab = browser.new_page()
    tab.set_content(small('<span style="display:block;height:60cm">tall</span>'))
    made = pdf.printed(tab)
    lines = tab.locator("nav.toc .chapter").all_inner_texts()
    tab.close()
    found = pdf.places(made)
    sheets = pdf_text.words(made)
    assert (found["01_a"], found["02_b"]) == (3 + 1, len(sheets))
    assert found["02_b"] > found["01_a"] + 2
    assert [int(re.search(r"\d+$", line)[0]) for line in lines] == [found["01_a"], found["02_b"]]
    for name in ("01_a", "02_b"):
        assert f"{int(name[:2])}b/{name}" in sheets[found[name] - 1]
    assert "ALetter" not in sheets[0]
    assert "A&B" in sheets[0]


def test_a_pdf_has_the_day_of_its_book(browser):
    tab = browser.new_page()
    made = tab.pdf()
    tab.close()
    dated = pdf.dated(made, "2001-02-03")
    assert len(dated) == len(made)
    assert re.findall(rb"Date \(D:(\d+)", dated) == [b"20010203000000"] * 2
    assert pdf.objects(dated).keys() == pdf.objects(made).keys()


@pytest.fixture(scope="module")
def whole(book):
    """The PDF of the book, as `make pdf` prints it; in a process of its own, as browsers ask."""
    done = subprocess.run([sys.executable, ROOT / "tools" / "pdf.py"], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return pdf.PDF.read_bytes()


@pytest.fixture(scope="module")
def sheets(whole):
    return pdf_text.words(whole)


def squeezed(element):
    return re.sub(r"\s", "", element.get_text())


@pytest.mark.slow
def test_the_outline_has_every_chapter_and_section_once(whole, joined):
    outline = [re.sub(r"\s", "", title) for title in pdf_text.titles(whole)]
    headings = [squeezed(h) for h in joined.select("h1, h2, h3") if not h.math]
    assert len(headings) > 300
    for heading in set(headings):
        assert outline.count(heading) == headings.count(heading), heading


@pytest.mark.slow
def test_every_link_of_the_pdf_arrives(whole):
    goals = pdf_text.goals(whole)
    assert len(goals) > 500
    assert goals - set(pdf.places(whole)) == set()


@pytest.mark.slow
def test_the_contents_say_on_which_sheet_a_section_begins(whole, sheets, joined):
    assert 250 < len(sheets) < 450
    places = pdf.places(whole)
    contents = "".join(sheets[1 : places["01_what_goes_wrong"] - 1])
    for heading in joined.select("article :is(h1, h2)"):
        if heading.math:  # its letters have their own order
            continue
        target = (
            heading.find_parent(id=True) if heading.name == "h2" else heading.find_parent("article")
        )
        title, sheet = squeezed(heading), places[target["id"]]
        assert f"{title}{sheet}" in contents, title
        assert title in sheets[sheet - 1], title


@pytest.mark.slow
def test_text_formulas_tables_and_solutions_are_in_the_pdf(sheets):
    all_of_it = "".join(sheets)
    for words in (
        "LayerNormputseverytokenononesphere",  # text
        "=rstd*(",  # code
        "Solutionof",
        "GPT-1openai",  # the table of models
        "√𝜎2+𝜖",  # a formula
    ):
        assert words in all_of_it, words
    for left_out in ("Showthecode", "Linktothisheading", "Skiptomaincontent"):
        assert left_out not in all_of_it
    assert "000" not in re.findall(r"Solution:page(\d+)", all_of_it)


@pytest.mark.slow
def test_the_pdf_is_small_enough_and_dated_by_its_text(whole, text):
    assert len(whole) < 20_000_000
    day = re.search(r"when the book was built \((\d+)-(\d+)-(\d+)", text).groups()
    assert set(re.findall(rb"Date \(D:(\d{8})", whole)) == {"".join(day).encode()}
