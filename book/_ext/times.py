"""How long a chapter takes to read: in itself, in the table `chapter-times`, on the `short-way`.

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
from sphinx.util.logging import getLogger

log = getLogger(__name__)
WORDS, LINES = 100, 15  # a minute
CHAPTER = re.compile(r"book/(\d\d)_")
HEADS = ["chapter", "minutes to read", "exercises", "seconds to run"]


class Times(nodes.General, nodes.Element):
    """Stands for the table until every page is read."""


class Way(nodes.General, nodes.Element):
    """Stands for a list of sections until every page is read."""


class ChapterTimes(SphinxDirective):
    def run(self):
        # This page is made again when a chapter was changed or run.
        for docname in filter(CHAPTER.match, self.env.found_docs):
            self.env.note_dependency(self.env.doc2path(docname))
        NbMetadataCollector.set_doc_data(self.env, self.env.docname, METADATA_KEY, True)
        return [Times()]


class ShortWay(SphinxDirective):
    """A way through chapters. A line of it: `06_layer_norm: A puzzle, The idea`.

    Sections are named by how their titles begin, those of the template that every chapter has.
    """

    has_content = True

    def run(self):
        way = Way()
        self.set_source_info(way)
        way["stages"] = []
        for line in self.content:
            name, _, titles = line.partition(": ")
            docname = posixpath.join(posixpath.dirname(self.env.docname), name)
            self.env.note_dependency(self.env.doc2path(docname))  # and made again when it is
            way["stages"].append((docname, titles.split(", ")))
        return [way]


def effort(parts):
    """The minutes that it takes to read these sections."""
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
    return words / WORDS + lines / LINES


def to_fives(minutes):
    return 5 * round(minutes / 5)


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
    reading = to_fives(effort(text))
    app.env.metadata[docname]["times"] = (reading, tasks)
    app.env.metadata[docname]["sections"] = [
        (part.next_node(nodes.title).astext(), part["ids"][0], effort([part]))
        for part in text
        if isinstance(part, nodes.section)
    ]
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


class FillWay(SphinxPostTransform):
    default_priority = 8

    def run(self, **_):
        for place in list(self.document.findall(Way)):
            stages = [self.stage(place, *stage) for stage in place["stages"]]
            listed = nodes.enumerated_list("", *(item for item, _ in stages), enumtype="arabic")
            total = to_fives(sum(minutes for _, minutes in stages))
            end = nodes.paragraph("", f"Together about {total} minutes.")
            place.replace_self(nodes.container("", listed, end, classes=["short-way"]))

    def stage(self, place, docname, beginnings):
        """A chapter, links to its sections, and the minutes for them."""
        env, links, minutes = self.env, [], 0
        page = self.app.builder.get_relative_uri(env.docname, docname)
        for beginning in beginnings:
            found = [s for s in env.metadata[docname]["sections"] if s[0].startswith(beginning)]
            if not found:
                log.warning("%s has no section “%s …”", docname, beginning, location=place)
            for title, anchor, takes in found:
                link = nodes.reference("", title, refuri=f"{page}#{anchor}", internal=True)
                links += [nodes.Text(" · "), link]
                minutes += takes
        chapter = nodes.strong("", env.titles[docname].astext())
        said = nodes.Text(f", {minutes:.0f} minutes: ")
        return nodes.list_item("", nodes.paragraph("", "", chapter, said, *links[1:])), minutes


def setup(app):
    app.add_node(Times)
    app.add_node(Way)
    app.add_directive("chapter-times", ChapterTimes)
    app.add_directive("short-way", ShortWay)
    app.add_role("reading-time", reading_time)
    app.add_post_transform(FillTable)
    app.add_post_transform(FillWay)
    app.connect("doctree-read", measure)
    # The number grows with what is noted of a page, which then is read again.
    return {"env_version": 2, "parallel_read_safe": True, "parallel_write_safe": True}
