"""What a shared link and a search engine show: a title, a description, a picture, an address.

The description is the page's own first words. The picture is a card, drawn by tools/cards.py for
every page that names one. Addresses are named only where the site's is known, see repository.py;
a card is one of them, since nobody who shows a link knows what a relative one is relative to.
"""

import re
from html import escape
from pathlib import Path
from xml.sax.saxutils import escape as escape_xml

from docutils import nodes

from normlib.palette import DARK, LIGHT

CARDS = "cards"  # a folder of the site
WIDTH, HEIGHT = 1200, 630
ROOM, ENOUGH = 160, 80  # characters that a search engine shows, and that say something
ENTRANCE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
{tags}
<meta http-equiv="refresh" content="0; url={page}">
</head>
<body><p><a href="{page}">{title}</a></p></body>
</html>
"""


def opening(doctree):
    """What a page says first: the claim of a chapter, else its first paragraph."""
    paragraphs = [
        p for p in doctree.findall(nodes.paragraph) if "kicker" not in p.parent["classes"]
    ]
    claims = [p for p in paragraphs if "abstract" in p.parent["classes"]]
    text = next((p.astext() for p in claims or paragraphs), "")
    return " ".join(text.removeprefix("The claim.").split())


def shorten(text):
    """As many whole sentences as there is room for; whole words where these say too little."""
    if len(text) <= ROOM:
        return text
    sentences = re.match(rf".{{{ENOUGH - 1},{ROOM - 2}}}[.?!]”?(?= )", text)
    if sentences:
        return sentences[0]
    return text[:ROOM].rpartition(" ")[0].rstrip(",;:") + "…"


def alternative(doctree):
    """What the first picture of a page shows, in words."""
    return next((image["alt"] for image in doctree.findall(nodes.image) if image.get("alt")), "")


def meta(kind, name, content):
    return f'<meta {kind}="{name}" content="{escape(content)}" />'


def about(title, description, book, front):
    """What is said of a page wherever it lies."""
    return [
        meta("name", "description", description),
        meta("property", "og:title", title),
        meta("property", "og:description", description),
        meta("property", "og:site_name", book),
        meta("property", "og:type", "website" if front else "article"),
    ]


def addressed(url, card, alt):
    """What can be said only where the site's address is known."""
    return [
        meta("property", "og:url", url),
        meta("property", "og:image", card),
        meta("property", "og:image:type", "image/png"),
        meta("property", "og:image:width", str(WIDTH)),
        meta("property", "og:image:height", str(HEIGHT)),
        meta("property", "og:image:alt", alt),
        meta("name", "twitter:card", "summary_large_image"),
    ]


def colors():
    """What a phone paints its own frame with."""
    for scheme, palette in (("light", LIGHT), ("dark", DARK)):
        yield (
            f'<meta name="theme-color" media="(prefers-color-scheme: {scheme})" '
            f'content="{palette["card"]}" />'
        )


def add_tags(app, pagename, templatename, context, doctree):
    if doctree is None:  # the search, the index, what is not there
        return
    site, root = app.config.nbexport_site, app.config.root_doc
    title = app.env.titles[pagename].astext()
    description = shorten(opening(doctree))
    tags = about(title, description, app.config.html_title, pagename == root)
    if site:
        card = f"{site}/{CARDS}/{pagename.rpartition('/')[2]}.png"
        tags += addressed(context["pageurl"], card, alternative(doctree) or title)
    context["metatags"] += "\n" + "\n".join([*tags, *colors()])
    if pagename == root != "index":
        if site:
            tags.append(f'<link rel="canonical" href="{escape(context["pageurl"])}" />')
        write_entrance(app, title, tags)


def write_entrance(app, title, tags):
    """The site's root leads to the front page, and is what people share: it says the same."""
    text = ENTRANCE.format(
        title=escape(title),
        tags="\n".join(tags),
        page=app.builder.get_target_uri(app.config.root_doc),
    )
    Path(app.outdir, "index.html").write_text(text, encoding="utf-8")


def sitemap(addresses):
    """All addresses; no dates, which would be those of the text, and pages show the library too."""
    places = "\n".join(f"<url><loc>{escape_xml(address)}</loc></url>" for address in addresses)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}\n</urlset>\n'
    )


def write_sitemap(app, exception):
    if exception or app.builder.format != "html":
        return
    file, base = Path(app.outdir, "sitemap.xml"), app.config.html_baseurl
    if base:
        pages = [base + app.builder.get_target_uri(page) for page in sorted(app.env.found_docs)]
        file.write_text(sitemap(pages), encoding="utf-8")
    else:
        file.unlink(missing_ok=True)  # of a build that knew an address


def name_base(app, config):
    """From it the theme makes every page's canonical address."""
    config.html_baseurl = f"{config.nbexport_site}/" if config.nbexport_site else ""


def setup(app):
    app.connect("config-inited", name_base, priority=200)  # after repository.py
    app.connect("html-page-context", add_tags, priority=900)
    app.connect("build-finished", write_sitemap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
