"""How long a chapter takes to read, in itself and in the table `chapter-times`.

It is counted, not guessed: words and formulas at a pace for study, and the code that is shown.
"""

import posixpath
import re

from docutils import nodes
from myst_nb.ext.execution_tables import METADATA_KEY
from myst_nb.sphinx_ import NbMetadataCollector
from nbexport import FOLDED
from nbmarkdown import is_code_cell
from sphinx.addnodes import pending_xref
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

WORDS, LINES = 100, 15  # a minute
CHAPTER = re.compile(r"book/(\d\d)_")
HEADS = ["chapter", "minutes to read", "exercises", "seconds to run"]


class Times(nodes.General, nodes.Element):
    """Stands for the table until every page is read."""


class ChapterTimes(SphinxDirective):
    def run(self):
        # This page is made again when a chapter was changed or run.
        for docname in filter(CHAPTER.match, self.env.found_docs):
            self.env.note_dependency(self.env.doc2path(docname))
        NbMetadataCollector.set_doc_data(self.env, self.env.docname, METADATA_KEY, True)
        return [Times()]


def minutes(parts):
    """What it takes to read these sections, to the nearest five."""
    words = lines = 0
    for part in parts:
        for paragraph in part.findall(nodes.paragraph):
            formulas = sum(1 for _ in paragraph.findall(nodes.math))
            text = "".join(
                text
                for text in paragraph.findall(nodes.Text)
                if not isinstance(text.parent, nodes.math)
            )
            words += len(text.split()) + formulas
        for cell in filter(is_code_cell, part.findall(nodes.container)):
            if not FOLDED & set(cell["cell_metadata"].get("tags", [])):
                code = next(cell.findall(nodes.literal_block))
                lines += sum(bool(line.strip()) for line in code.astext().splitlines())
    return 5 * round((words / WORDS + lines / LINES) / 5)


def reading_time(name, rawtext, text, lineno, inliner, options=None, content=()):
    """The role {reading-time}`minutes`: a place for the time that the chapter takes."""
    return [nodes.inline(text=text, classes=["reading-time"])], []


def measure(app, doctree):
    """Note and say what a chapter asks of a reader, but for its exercises; count these."""
    docname = app.env.docname
    if not CHAPTER.match(docname):
        return
    top = next(doctree.findall(nodes.section))
    (exercises,) = (part for part in top.children if "exercises" in part.get("ids", []))
    text = [part for part in top.children if part is not exercises]
    tasks = sum("exercise" in node.get("classes", []) for node in exercises.findall(nodes.Element))
    reading = minutes(text)
    app.env.metadata[docname]["times"] = (reading, tasks)
    for place in top.findall(nodes.inline):
        if "reading-time" in place["classes"]:
            place[:] = [nodes.Text(f"{reading} minutes")]


def cell(*content):
    return nodes.entry("", nodes.paragraph("", "", *content))


def table(env, docname):
    """The chapters in order, each with a link."""
    data = NbMetadataCollector.get_doc_data(env)
    rows = [nodes.row("", *(cell(nodes.Text(head)) for head in HEADS))]
    for name in sorted(filter(CHAPTER.match, env.all_docs)):
        reading, tasks = env.metadata[name]["times"]
        ran = (data[name].get("exec_data") or {}).get("runtime")  # none where nothing was run
        link = pending_xref(
            "",
            nodes.inline(text=f"{int(CHAPTER.match(name)[1])}. {env.titles[name].astext()}"),
            refdoc=docname,
            reftarget=posixpath.relpath(name, posixpath.dirname(docname)),
            reftype="doc",
            refdomain="std",
            refexplicit=True,
            refwarn=True,
        )
        seconds = "…" if ran is None else f"{ran:.0f}"
        values = [str(reading), str(tasks), seconds]
        rows.append(nodes.row("", cell(link), *(cell(nodes.Text(value)) for value in values)))
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in HEADS), cols=len(HEADS))
    group += [nodes.thead("", rows[0]), nodes.tbody("", *rows[1:])]
    return nodes.table("", group, classes=["colwidths-auto"])


class FillTable(SphinxPostTransform):
    default_priority = 8  # before the links are resolved

    def run(self, **_):
        for place in list(self.document.findall(Times)):
            place.replace_self(table(self.env, self.env.docname))


def setup(app):
    app.add_node(Times)
    app.add_directive("chapter-times", ChapterTimes)
    app.add_role("reading-time", reading_time)
    app.add_post_transform(FillTable)
    app.connect("doctree-read", measure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
