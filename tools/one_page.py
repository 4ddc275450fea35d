"""The pages of the built book as one HTML document, which pdf.py prints.

Paper has no scripts: figures are their stills, pictures the light ones, folded code is left out.
Solutions stand at the end of their chapter, so that a reader does not see them with the exercise.
An id gets the name of its page in front; a link from page to page becomes one inside.
"""

import posixpath
import re
from html import escape
from pathlib import Path
from urllib.parse import unquote

from bs4 import BeautifulSoup

# What they show stands in the chapters; here it would not move.
ON_SCREEN = {"book/figures", "book/slides"}
LEFT_OUT = "a.headerlink, script, details.hide, details.agreement, .on-dark, .toctree-wrapper, "
LEFT_OUT += "button, input, select"
LONG = 20  # lines of a listing that may go on overleaf
# What has the color of the text needs no element of its own: the PDF would name each for readers.
PLAIN = re.compile(r'<span(?: class="(?:[nopw]|nn|pre)")?>([^<>]*)</span>')
ELSEWHERE = re.compile(r"\w+:")  # https:, mailto:, data:
BESIDE = "html"  # the pages, seen from the document
CSS = Path(__file__).with_name("pdf.css")


def parts_of(toc):
    """The captions and the pages under each, in the order of _toc.yml; the front page first."""
    yield "", [toc["root"]]
    for part in toc.get("parts", [toc]):
        files = [chapter["file"] for chapter in part["chapters"]]
        yield part.get("caption", ""), [file for file in files if file not in ON_SCREEN]


def key(page):
    """The name of a page inside the document: 06_layer_norm for book/06_layer_norm."""
    return page.rpartition("/")[2]


def place(page, name=""):
    """The id in the document of what is called `name` on a page, or of the page itself."""
    return f"{key(page)}--{name.replace('/', '-')}" if name else key(page)


def still(figure):
    """Leave of an interactive figure what stands there where no script runs."""
    for attribute in ("style", "data-figure", "data-traits"):
        del figure[attribute]


def relink(link, page, pages, site):
    """A link to another page leads inside the document, one to another file to the site."""
    if ELSEWHERE.match(link["href"]):
        return
    whole = posixpath.normpath(posixpath.join(posixpath.dirname(page), link["href"]))
    target, _, name = link["href"].partition("#")
    inside = whole.partition("#")[0].removesuffix(".html") if target else page
    if inside in pages:
        link["href"] = "#" + place(inside, unquote(name))
    elif site:
        link["href"] = f"{site}/{whole}"
    else:
        link.unwrap()


def move_solutions(soup, body, page):
    """Put the solutions into a section at the end, each with the name of its exercise."""
    solutions = body.select("div.solution")
    if not solutions:
        return
    section = soup.new_tag("section", id="solutions")
    section.append(BeautifulSoup("<h2>Solutions</h2>", "html.parser"))
    for solution in solutions:
        exercise = solution.find_previous("div", class_="exercise")
        title, mine = exercise.select_one(".admonition-title"), solution.select_one("p")
        named = title.select_one(".caption-number").get_text(strip=True)
        mine.clear()
        mine.append(soup.new_tag("a", href=f"#{exercise['id']}", string=f"Solution of {named}"))
        there = f'<span class="to-solution">Solution: page {page_of(solution["id"])}</span>'
        title.append(BeautifulSoup(there, "html.parser"))
        section.append(solution.extract())
    body.section.append(section)


def page_of(target):
    """A link that shows the page of its target, once that is known."""
    return f'<a class="page-of" href="#{target}">000</a>'


def body_of(text, page, pages, site=""):
    """The <article> of a built page, made ready for paper."""
    soup = BeautifulSoup(PLAIN.sub(r"\1", text), "html.parser")
    body = soup.article
    for each in body.select(LEFT_OUT):
        each.decompose()
    for figure in body.select(".normlib-figure"):
        still(figure)
    for label in body.select("section > span[id]:empty:has(+ :is(h1, h2, h3))"):
        label.find_next_sibling().insert(0, label.extract())  # else a sheet may end between the two
    for listing in body.select("pre"):
        if listing.get_text().count("\n") > LONG:
            listing["class"] = "long"
    move_solutions(soup, body, page)
    for image in body.select("img"):
        del image["loading"]
        if not ELSEWHERE.match(image["src"]):
            folder = posixpath.dirname(page)
            image["src"] = posixpath.join(BESIDE, posixpath.normpath(f"{folder}/{image['src']}"))
    seen = set()
    for each in body.select("[id]"):  # exercises share the ids of their parts, which none needs
        name = place(page, each.attrs.pop("id"))
        if name not in seen:
            each["id"] = name
        seen.add(name)
    for link in body.select("a[href]"):
        relink(link, page, pages, site)
    number = re.match(r"\d+", key(page))
    if number:
        body.h1.insert(0, f"{int(number[0])} ")
    return body


def contents(parts, bodies):
    """A list of all pages and their sections, in their parts."""
    lines = []
    for caption, pages in parts:
        lines += [f'<p class="part">{escape(caption)}</p>'] if caption else []
        for page in pages:
            lines += [entry("chapter", bodies[page].h1, place(page))] if bodies[page].h1 else []
            for heading in bodies[page].select("h2"):
                lines.append(entry("section", heading, heading.parent["id"]))
    return '<nav class="toc" id="contents"><h1>Contents</h1>' + "\n".join(lines) + "</nav>"


def entry(kind, heading, target):
    """A line of the contents: the heading without links of its own, and its page."""
    words = re.sub(r"</?a\b[^>]*>| id=\"[^\"]*\"", "", heading.decode_contents())
    return f'<p class="{kind}"><a href="#{target}">{words}</a> {page_of(target)}</p>'


def cover(body, author, footer, site):
    """The title page, with the title and the first sentences of the front page."""
    taken = [each.extract() for each in (body.h1, body.select_one(".lead")) if each]
    where = f'on <a href="{site}">{escape(site)}</a>' if site else "on the web pages"
    return (
        f'<section class="cover" id="{body.attrs.pop("id")}">{"".join(map(str, taken))}'
        f'<p class="author">{escape(author)}</p><div class="imprint">'
        f"<p>Figures that move {where} stand still on paper.</p>{footer}</div></section>"
    )


def running_titles(bodies):
    """At the top of each sheet, the title of the chapter."""
    for page, body in bodies.items():
        if body.h1:
            title = re.sub(r'(["\\])', r"\\\1", body.h1.get_text())
            yield f'@page p-{key(page)} {{ @top-left {{ content: "{title}"; }} }}'


def head_and_footer(text):
    """The stylesheets of a page, and what its footer says of the book, links apart."""
    soup = BeautifulSoup(text, "html.parser")
    sheets = [sheet["href"].partition("?")[0] for sheet in soup.select("link[rel=stylesheet]")]
    footer = [str(p) for p in soup.select(".extra_footer p") if not p.a]
    return sheets, "".join(footer)


def join(folder, config, toc, site=""):
    """The document, from the folder of the built pages; it stands beside that folder."""
    parts = list(parts_of(toc))
    pages = [page for _, chapters in parts for page in chapters]
    texts = {page: (folder / f"{page}.html").read_text(encoding="utf-8") for page in pages}
    bodies = {page: body_of(text, page, pages, site) for page, text in texts.items()}
    for page, body in bodies.items():
        body["id"], body["style"] = place(page), f"page: p-{key(page)}"
    root = pages[0]
    sheets, footer = head_and_footer(texts[root])
    base = f"{BESIDE}/{posixpath.dirname(root)}/"
    front = cover(bodies[root], config["author"], footer, site)
    title = escape(config["title"])
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en" data-theme="light"><head><meta charset="utf-8">',
            f"<title>{title}</title>",
            *[f'<link rel="stylesheet" href="{base}{sheet}">' for sheet in sheets],
            f"<style>{CSS.read_text(encoding='utf-8')}",
            *running_titles(bodies),
            "</style></head><body>",
            front,
            contents(parts, bodies),
            *map(str, bodies.values()),
            "</body></html>",
        ]
    )
