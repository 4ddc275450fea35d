"""The search finds a compound however it is written, and shows the words that it found.

Sphinx's own excerpts are fetched from the pages: a browser forbids it where there is no server, and
a formula in them is a heap of letters. Here each page also becomes a script with the plain text of
its sections, which `_static/search.js` loads for the pages that were found.
"""

import json
import re
from pathlib import Path

from docutils import nodes
from maths import mathml
from sphinx import addnodes
from sphinx.search import languages
from sphinx.search.en import SearchEnglish

HYPHENATED = re.compile(r"\b([^\W\d_]+)-([^\W\d_]+)\b")
CAMEL = re.compile(r"\b([A-Z]?[a-z]+)([A-Z][a-z]+)\b")
PAIRS = re.compile(r"\b(layer|batch|group|instance|weight|spectral)[ \n](norm)s?\b", re.I)
SILENT = (nodes.comment, nodes.raw, nodes.math_block, nodes.image, nodes.section)


class SearchCompounds(SearchEnglish):
    """English, with the joined and the parted form of each compound beside the written one."""

    def split(self, input):
        """The words of a text."""
        joined = [a + b for pattern in (HYPHENATED, PAIRS) for a, b in pattern.findall(input)]
        parted = [word for pair in CAMEL.findall(input) for word in pair]
        return [*super().split(input), *joined, *parted]


class Figure(nodes.General, nodes.Element):
    """The HTML of an interactive figure, which is not searched.

    Sphinx indexes what is raw; but the sentence that stands in for a figure is seen by nobody who
    has scripts, and to search is to have them.
    """


def set_figures_apart(app, doctree, docname):
    """Exchange what is raw for a `Figure` where it is one; the notebooks have been made before."""
    if app.builder.format == "html":
        for raw in [*doctree.findall(nodes.raw)]:
            if 'class="normlib-figure"' in raw.astext():
                raw.replace_self(Figure(html=raw.astext()))


def write_figure(writer, node):
    writer.body.append(node["html"])
    raise nodes.SkipNode


def words(node):
    """The text of a node, without what is not text; a fraction or a root is three dots."""
    if isinstance(node, nodes.Text | addnodes.desc_signature):
        return node.astext()
    if isinstance(node, nodes.math):
        made = mathml(node, False)
        squared = re.sub(r"<mn>2</mn></msup>", "²", made)
        return "…" if re.search("<m(frac|sqrt)", made) else re.sub("<[^>]*>", "", squared)
    between = "" if isinstance(node, nodes.TextElement) else " "
    return between.join(words(child) for child in node if not isinstance(child, SILENT))


def sections(doctree):
    """The id and the text of each section that has one, its heading apart from what follows."""
    for section in doctree.findall(nodes.section):
        title, *rest = (
            " ".join(words(child).split()) for child in section if not isinstance(child, SILENT)
        )
        yield [section["ids"][0], f"{title} · {' '.join(filter(None, rest))}"]


def write_texts(app, pagename, templatename, context, doctree):
    """A script with the sections of a page, each with its id and its text."""
    if doctree is None or app.builder.format != "html":
        return
    told = ", ".join(json.dumps(x, ensure_ascii=False) for x in (pagename, [*sections(doctree)]))
    file = Path(app.outdir, "_static", "texts", f"{pagename}.js")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"searchTexts({told});\n", encoding="utf-8")


def setup(app):
    languages["en"] = SearchCompounds
    app.add_node(Figure, html=(write_figure, None))
    app.connect("doctree-resolved", set_figures_apart, priority=950)
    app.connect("html-page-context", write_texts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
