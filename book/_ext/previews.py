"""What a link to another page would show: the term, the formula or the caption lies in the page.

`_static/previews.js` shows it while a link is pointed at or focused, without a request. What lies
in the same page it finds there.
"""

import posixpath
import re
from pathlib import Path

TARGETS = (
    re.compile(r'<dt id="(?P<id>term-[^"]+)">.*?</dt><dd>(?P<shown>.*?)</dd>', re.S),
    re.compile(
        r'<div class="math[^"]*" id="(?P<id>equation-[^"]+)">\s*'
        r'(?P<shown><div class="formula">.*?</math></div>)',
        re.S,
    ),
    re.compile(r'<figure[^>]* id="(?P<id>[^"]+)">.*?<figcaption>(?P<shown>.*?)</figcaption>', re.S),
)
LINK = re.compile(r'<a\b[^>]*\bhref="([^"#:]+\.html)#([^"]+)"')
TAGS = re.compile(r'</?a\b[^>]*>| id="[^"]*"')
KEPT = re.compile(r'<template id="previews">.*?</template>\n', re.S)


def targets(pages):
    """{(page, id): HTML} of all that can be shown, without links and ids of its own."""
    return {
        (name, found["id"]): TAGS.sub("", found["shown"]).replace(">#</", "></")
        for name, text in pages.items()
        for target in TARGETS
        for found in target.finditer(text)
    }


def with_previews(name, text, known):
    """The page with what its links to other pages lead to."""
    text = KEPT.sub("", text)
    article = text[: text.find('<div class="prev-next')]
    shown = {}
    for page, anchor in LINK.findall(article):
        place = posixpath.normpath(posixpath.join(posixpath.dirname(name), page)), anchor
        if place in known:
            shown[f"{page}#{anchor}"] = known[place]
    kept = "".join(f'<div data-for="{to}">{content}</div>' for to, content in shown.items())
    return text.replace("</body>", f'<template id="previews">{kept}</template>\n</body>')


def add_previews(app, exception):
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    pages = {
        path.relative_to(out).as_posix(): path.read_text(encoding="utf-8")
        for path in [*out.glob("*.html"), *out.glob("book/*.html")]
    }
    known = targets(pages)
    for name, text in pages.items():
        (out / name).write_text(with_previews(name, text, known), encoding="utf-8")


def setup(app):
    app.connect("build-finished", add_previews)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
