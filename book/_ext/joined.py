"""One stylesheet and one script in place of twenty: a phone waits for each request.

When all pages are written, the files that a page asks for are put behind one another, in their
order, into a file that is named after its content. Deferred scripts and the search's own stay.
"""

import hashlib
import posixpath
import re
from pathlib import Path

import rcssmin
import rjsmin

TAG = {
    "css": re.compile(r'[ \t]*<link\b(?=[^>]*\brel="stylesheet")[^>]*>\n?'),
    "js": re.compile(r"[ \t]*<script(?! defer| async)( [^>]*src=[^>]*)?>([^<]*)</script>\n?"),
}
ONE = {
    "css": '<link rel="stylesheet" href="{}">\n',
    "js": '<script src="{}"></script>\n',
}
SOURCE = re.compile(r'\b(?:href|src)="(?:\.\./)*_static/([^"?]+)')
SETTING = re.compile(r"(?:let|var) toggle\w+ = '[^']*';")  # what the script after it reads at once
IMPORT = re.compile(r'@import "([^"]+)";')
ADDRESS = re.compile(r"url\((['\"]?)(?!data:|#|/|\w+:)([^)'\"]+)\1\)")
APART = {"searchtools.js", "language_data.js"}
# No page has tabs; and icons come from the font, see icons.py.
NEEDLESS = re.compile(r"\s*<script[^>]*(?:design-tabs|fontawesome)\.js[^>]*></script>")


def style(static, name):
    """A stylesheet with all that it imports; its addresses as they are seen from `static`."""
    text = (static / name).read_text(encoding="utf-8").replace('@charset "UTF-8";', "")

    def seen(address):
        return posixpath.normpath(posixpath.join(posixpath.dirname(name), address))

    text = ADDRESS.sub(lambda found: f"url({seen(found[2])})", text)
    return IMPORT.sub(lambda found: style(static, seen(found[1])), text)


def parts(static, page, kind):
    """The tags of a page that become one, and the text of each."""
    for tag in TAG[kind].finditer(page):
        source = SOURCE.search(tag[0])
        if source and source[1] not in APART:
            read = style if kind == "css" else lambda *at: Path(*at).read_text(encoding="utf-8")
            yield tag[0], read(static, source[1])
        elif kind == "js" and SETTING.fullmatch(tag[2]):
            yield tag[0], tag[2]


def join(static, page, kind):
    """The page with one tag in place of many, and the name of the file that it asks for."""
    tags, texts = zip(*parts(static, page, kind), strict=True)
    if "/joined-" in tags[0]:  # a page of an earlier build that is still true
        return page, SOURCE.search(tags[0])[1]
    if kind == "css":
        text = rcssmin.cssmin("\n".join(texts))
    else:
        text = "\n;".join(rjsmin.jsmin(one) for one in dict.fromkeys(texts))
    name = f"joined-{hashlib.sha256(text.encode()).hexdigest()[:10]}.{kind}"
    (static / name).write_text(text, encoding="utf-8")
    address = re.search(r'"((?:\.\./)*_static/)', tags[0])[1] + name
    first = page.index(tags[0])
    for tag in tags:
        page = page.replace(tag, "", 1)
    return page[:first] + ONE[kind].format(address) + page[first:], name


def join_all(app, exception):
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    static, asked = out / "_static", set()
    for path in [*out.glob("*.html"), *out.glob("book/*.html")]:
        page = NEEDLESS.sub("", path.read_text(encoding="utf-8"))
        if "_static/" not in page:  # the page for wrong addresses brings all that it needs
            continue
        for kind in TAG:
            page, name = join(static, page, kind)
            asked.add(name)
        path.write_text(page, encoding="utf-8")
    for path in static.glob("joined-*"):
        if path.name not in asked:
            path.unlink()


def setup(app):
    # After the theme, which writes the colors of code when all pages are written.
    app.connect("build-finished", join_all, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
