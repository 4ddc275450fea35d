"""Words lead to the glossary, sources have names, and links show where they lead."""

import re

import pytest
from docutils import nodes

from extensions import extension

terms = extension("terms")
previews = extension("previews")


def linked(*paragraphs, known=("token", "running statistics", "pre", "instance")):
    document = nodes.section("", *paragraphs)
    terms.link_first_uses(document, known, "glossary.html#{}".format)
    return [(n.astext(), n["refuri"]) for n in document.findall(nodes.reference)], document.astext()


def test_the_first_use_of_a_term_is_linked_and_no_letter_changes():
    text = "Tokens here, tokens there; running\nstatistics. For instance pre, as in pre-norm."
    links, after = linked(nodes.paragraph("", text))
    assert links == [
        ("Tokens", "glossary.html#token"),
        ("running\nstatistics", "glossary.html#running statistics"),
        ("pre-norm", "glossary.html#pre"),
    ]
    assert after == text


@pytest.mark.parametrize(
    ("term", "meant", "other"),
    [
        ("gain", "$g$ is the gain", "the gain of batch norm, a gain of ten points"),
        ("key", "queries and keys", "the key point, press a key"),
        ("value", "queries, keys and values", "a value of three, the values"),
        ("unit", "hidden units", "units in the last place, its unit is the nat"),
        ("slip", "a slip", "it can slip through"),
        ("drift", "the drift", "they can drift"),
    ],
)
def test_a_word_that_also_means_something_else_is_linked_where_the_term_is_meant(
    term, meant, other
):
    assert len(linked(nodes.paragraph("", meant), known=[term])[0]) == 1
    assert linked(nodes.paragraph("", other), known=[term])[0] == []


@pytest.mark.parametrize("around", [nodes.caption, nodes.table, nodes.citation])
def test_no_link_stands_in_a_caption_a_table_or_a_source(around):
    node = around("")
    node += nodes.paragraph("", "a token")
    assert linked(node)[0] == []


@pytest.mark.parametrize("around", [nodes.literal, nodes.math, nodes.superscript])
def test_no_link_stands_in_code_or_a_formula(around):
    assert linked(nodes.paragraph("", "", around("", "a token")))[0] == []


def test_a_link_of_the_text_stays_the_only_one():
    written = nodes.reference("", "token", refuri="x")
    links, _ = linked(nodes.paragraph("", "", written, nodes.Text(" stays")))
    assert links == [("token", "x")]


def test_every_chapter_links_its_terms_once_and_no_notebook_does(book):
    for page in sorted((book / "book").glob("[01]*.html")):
        found = re.findall(r'<a class="term [^>]*href="glossary.html#([^"]+)"', page.read_text())
        assert len(found) >= 5, page.name
        assert len(found) == len(set(found)), page.name
    for notebook in (book / "notebooks").glob("*.ipynb"):
        assert "glossary.html#term-token" not in notebook.read_text()


def test_a_source_has_one_name_in_the_text_and_in_the_list(book):
    for page in sorted((book / "book").glob("[01]*.html")):
        text = page.read_text(encoding="utf-8")
        labels = dict(
            re.findall(
                r'<div class="citation" id="(\w+)"[^>]*>\s*<span class="label">'
                r'<span class="fn-bracket">\[</span>(?:<a[^>]*>)?(.*?)<',
                text,
            )
        )
        assert labels, page.name
        cited = re.findall(
            r'([\w\s\-’\'.&;À-ž]*?(?: <em>et al.</em>)?) \[<a class="reference internal" '
            r'href="#(\w+)"[^>]*>(\d{4})</a>\]',
            text,
        )
        for names, target, year in cited:
            name, labeled = labels[target].rsplit(", ", 1)
            assert labeled == year, page.name
            assert re.sub("<.*?>", "", names).endswith(name), (page.name, names, name)


def test_a_preprint_is_not_listed_twice(book):
    for page in sorted((book / "book").glob("[01]*.html")):
        for source in re.findall(r'<div class="citation".*?</div>', page.read_text(), re.S):
            addresses = re.findall('href="(http[^"]+)"', source)
            assert len(addresses) == len(set(addresses)), page.name


def test_what_other_pages_show_lies_in_the_page_and_what_it_shows_itself_does_not():
    text = {
        "book/a.html": '<dt id="term-x">x<a href="#term-x">#</a></dt><dd><p>An <a href="b.html">x'
        "</a>.</p></dd>",
        "book/b.html": '<div class="math wide" id="equation-e">\n<div class="formula"><math>E'
        '</math></div>\n</div><figure id="fig">…<figcaption><p>Seen.</p></figcaption></figure>',
        "index.html": '<a href="book/a.html#term-x">x</a> <a href="book/b.html#equation-e">e</a>'
        '<a href="book/b.html#nothing">n</a> <a href="#fig">f</a><div class="prev-next">'
        '<a href="book/b.html#fig">next</a></div></body>',
    }
    known = previews.targets(text)
    made = previews.with_previews("index.html", text["index.html"], known)
    assert re.findall('data-for="([^"]*)">(.*?)</div>(?:<div|</t)', made) == [
        ("book/a.html#term-x", "<p>An x.</p>"),
        ("book/b.html#equation-e", '<div class="formula"><math>E</math></div>'),
    ]
    assert previews.with_previews("index.html", made, known) == made  # built again


@pytest.mark.parametrize(
    ("link", "shows"),
    [
        ("a.term[href*='token']", "a piece of text"),
        ("a.reference:text-is('2023')", "unselectable|expressivity role"),
        ("a[href='#fig-plane-sphere']", "drops them onto a plane"),
    ],
)
@pytest.mark.parametrize("way", ["hover", "focus"])
def test_a_link_shows_where_it_leads_and_asks_nobody(browser, book, link, shows, way):
    tab, asked = browser.new_page(), []
    tab.goto((book / "book" / "06_layer_norm.html").as_uri())
    here = tab.locator(f"article {link}:not(.headerlink)").first
    here.scroll_into_view_if_needed()
    tab.wait_for_timeout(100)
    tab.on("request", lambda request: asked.append(request.url))
    box = tab.get_by_role("tooltip")
    if way == "hover":
        here.hover()
    else:
        tab.keyboard.press("Tab")  # so that the focus is one of the keyboard
        here.focus()
    box.wait_for()
    assert re.search(shows, box.inner_text(), re.I)
    assert here.get_attribute("aria-describedby") == "preview"
    at = box.bounding_box()
    assert at["x"] >= 0
    assert at["y"] >= 0
    if way == "hover":  # it stays while one reads in it
        tab.mouse.move(at["x"] + 20, at["y"] + at["height"] - 5, steps=5)
        tab.wait_for_timeout(500)
        assert box.is_visible()
    tab.keyboard.press("Escape")
    assert not box.is_visible()
    assert here.get_attribute("aria-describedby") is None
    assert [url for url in asked if ".html" in url or url.startswith("http")] == []
    tab.close()
