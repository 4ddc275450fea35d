"""What a shared link and a search engine are told of a page, and the picture that they show."""

import io
import re
import subprocess
import sys
from html import unescape
from xml.etree import ElementTree

import cards
import pytest
from PIL import Image

from extensions import EXTENSIONS, extension

sharing = extension("sharing")
SITE = "https://ada.example/book"
CONF = """
import sys
sys.path.insert(0, {folder!r})
extensions, html_theme, root_doc, html_title = ["sharing"], "basic", "book/index", "A <Book>"
nbexport_site = {site!r}
def setup(app):
    app.add_config_value("nbexport_site", "", "html")
"""
FRONT = """
A <Book>
========

One *sentence* on <norms> & more.

.. image:: a.svg
   :class: on-light
   :alt: It falls.

.. toctree::

   06_page
"""
CHAPTER = """
Six: a page
===========

.. container:: kicker

   Chapter 6

.. admonition:: In this chapter
   :class: abstract

   **The claim.** A norm |n|.

Later.

.. |n| replace:: is *one*
"""
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><path d="M0 0L80 40V0z"/></svg>'
)


def build(folder, site):
    """A book of two pages, built into the folder for that address."""
    (folder / "book").mkdir(exist_ok=True)
    for name, text in {"index": FRONT, "06_page": CHAPTER}.items():
        (folder / "book" / f"{name}.rst").write_text(text, encoding="utf-8")
    (folder / "book" / "a.svg").write_text(DRAWING, encoding="utf-8")
    (folder / "conf.py").write_text(CONF.format(folder=str(EXTENSIONS), site=site))
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", folder, folder / "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "out"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A book of two pages that knows its address."""
    return build(tmp_path_factory.mktemp("small"), SITE)


def told(page):
    """The names and contents of a page's tags, its canonical address among them."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r'<meta (?:name|property)="((?!view)[^"]*)" content="([^"]*)" />', text)
    found += [("canonical", url) for url in re.findall('<link rel="canonical" href="(.*?)"', text)]
    assert len(dict(found)) == len(found), page.name  # nothing is said twice
    return {name: unescape(content) for name, content in found}


def test_every_page_of_the_book_has_a_description_of_its_own(book):
    described = {page: told(page) for page in book.glob("book/*.html")}
    assert len({tags["description"] for tags in described.values()}) == len(described) > 20
    for tags in described.values():
        assert 50 <= len(tags["description"]) <= 160
        assert not re.search(r"[<>\\$`{}*_]|The claim", tags["description"])
        assert tags["description"][-1] in ".…"
        assert tags["og:description"] == tags["description"]


def test_the_title_of_the_front_page_is_the_book_and_others_have_their_own_before_it(book):
    title = "Understanding Normalization in GPT Models"
    for page, expected in {"index": title, "15_claims": f"The claims — {title}"}.items():
        text = (book / "book" / f"{page}.html").read_text(encoding="utf-8")
        assert unescape(re.search("<title>(.*)</title>", text)[1]) == expected


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("Short.", "Short."),
        ("A" * 90 + ". Then " + "b" * 90, "A" * 90 + "."),
        ("A" * 90 + ".” Then " + "b" * 90, "A" * 90 + ".”"),
        ("A" * 90 + ". B. " + "c" * 90, "A" * 90 + ". B."),
        ("A. " + "word, " * 40, "A. " + "word, " * 25 + "word…"),
        ("a" * 158 + ".” and", "a" * 158 + ".”"),
        ("a" * 100 + " " + "b" * 58 + ".” and", "a" * 100 + "…"),
    ],
)
def test_a_description_ends_with_a_sentence_or_a_word(text, short):
    assert sharing.shorten(text) == short
    assert len(short) <= 160


def test_without_an_address_a_page_says_what_it_is_and_not_where(tmp_path):
    assert (build(tmp_path, SITE) / "sitemap.xml").exists()
    out = build(tmp_path, "")  # over what was built for an address
    texts = {"06_page": "A norm is one.", "index": "One sentence on <norms> & more."}
    for page, text in texts.items():
        tags = told(out / "book" / f"{page}.html")
        assert tags["description"] == tags["og:description"] == text
        assert tags["og:site_name"] == "A <Book>"
        assert not [name for name in tags if re.search("canonical|url|image|twitter", name)]
    assert not (out / "sitemap.xml").exists()


def test_with_an_address_a_page_names_itself_and_its_card(small, browser, tmp_path):
    cards.write(browser, small, tmp_path)
    for page, alt in {"06_page": "Six: a page", "index": "It falls."}.items():
        tags = told(small / "book" / f"{page}.html")
        assert tags["canonical"] == tags["og:url"] == f"{SITE}/book/{page}.html"
        assert tags["twitter:card"] == "summary_large_image"
        assert tags["og:image:alt"] == alt
        with Image.open(tmp_path / tags["og:image"].removeprefix(f"{SITE}/")) as card:
            size = tags["og:image:width"], tags["og:image:height"]
            assert tuple(map(str, card.size)) == size == ("1200", "630")
            assert Image.MIME[card.format] == tags["og:image:type"]


def test_the_root_of_the_site_says_what_the_front_page_says(small):
    root, front = told(small / "index.html"), told(small / "book" / "index.html")
    assert root == {name: front[name] for name in root}
    assert root.keys() >= {"description", "canonical", "og:url", "og:image"}
    assert 'content="0; url=book/index.html"' in (small / "index.html").read_text(encoding="utf-8")


def test_the_sitemap_lists_the_pages_and_nothing_else(small):
    urls = ElementTree.parse(small / "sitemap.xml").getroot()
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    assert urls.tag == f"{space}urlset"
    listed = [url.find(f"{space}loc").text for url in urls]
    assert listed == [f"{SITE}/book/06_page.html", f"{SITE}/book/index.html"]


@pytest.fixture
def tab(browser):
    tab = browser.new_page(viewport=cards.SIZE, java_script_enabled=False)
    yield tab
    tab.close()


def drawn(tab, page, otherwise):
    """A card as a picture, after a look at its words."""
    file = cards.draw(tab, page, otherwise)
    assert len(file) <= 120_000
    for words in tab.locator("small, h1, footer").all():
        assert words.evaluate("(e) => e.scrollWidth <= e.clientWidth"), "a word is cut off"
    head, foot = (tab.locator(name).bounding_box() for name in ("h1", "footer"))
    assert head["y"] + head["height"] <= foot["y"]
    return Image.open(io.BytesIO(file))


def strokes(card):
    """The share of the picture that is neither of its two most frequent shades."""
    place = card.convert("L").crop((460, 60, 1160, 570))
    return 1 - sum(sorted(place.histogram())[-2:]) / (place.width * place.height)


@pytest.mark.slow
def test_every_page_has_a_card_and_every_chapter_shows_its_own_figure_on_it(book, tab):
    front = cards.look(tab, book / "book" / "index.html")["picture"]
    shown = {page: cards.look(tab, page)["picture"] for page in book.glob("book/*.html")}
    chapters = {picture for page, picture in shown.items() if page.name[0] in "01"}
    assert len(chapters - {front, None}) == 15
    for page in shown:
        card = drawn(tab, page, front)
        assert card.size == (1200, 630)
        assert strokes(card) > 0.01, page.name
