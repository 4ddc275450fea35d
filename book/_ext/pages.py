"""What every page needs beyond the theme: numbers, versions, a mend."""

import datetime
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

from docutils import nodes
from repository import git
from sphinx.transforms import SphinxTransform

from normlib.digits import readable

ROOT = Path(__file__).parents[2]


def source_date():
    """The day the text was made, so that the same source gives the same book."""
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC).date().isoformat()
    return git("log", "-1", "--format=%cs") or datetime.date.today().isoformat()


class ClaimsInsideParagraphs(SphinxTransform):
    """Text goes on after a line `% claim: name`, where Markdown begins a new paragraph."""

    default_priority = 100

    def apply(self):
        for claim in [c for c in self.document.findall(nodes.comment) if "claim:" in c.astext()]:
            siblings, i = claim.parent.children, claim.parent.index(claim)
            around = [*siblings[max(i - 1, 0) : i], *siblings[i + 1 : i + 2]]
            if [type(node) for node in around] != [nodes.paragraph] * 2:
                continue
            before, after = around
            end = before.line + before.rawsource.count("\n")
            if after.line == end + 2:  # nothing between them but the claim
                before += [nodes.Text("\n"), *after.children]
                before.rawsource += "\n\n" + after.rawsource
                claim.parent.remove(after)
                claim.parent.remove(claim)  # so that a later claim finds the paragraph before it


class ReadableNumbers(SphinxTransform):
    """A pasted 3e-09 is 3·10⁻⁹ for the reader, in the page and in the notebook."""

    default_priority = 100

    def apply(self):
        for node in self.document.findall(nodes.inline):
            if "pasted-text" in node["classes"]:
                node[:] = [nodes.Text(readable(node.astext()))]


def say_versions(app, config):
    built = (
        f"{source_date()}; Python {platform.python_version()}, NumPy {version('numpy')}, "
        f"PyTorch {version('torch')}"
    )
    config.nbexport_built = built
    config.html_theme_options["extra_footer"] = (
        f"<p>Every number was computed when the book was built ({built}).</p>"
        "<p>Text and figures: CC BY 4.0. Code: MIT.</p>"
    )


def pages_made_with_older_files(app, env, added, changed, removed):
    """All pages, if the stylesheet, a template or an extension changed; Sphinx looks at none."""
    saved = Path(app.doctreedir, "environment.pickle")
    if not saved.exists():
        return []
    made = [p for d in ("_ext", "_static", "_templates") for p in (ROOT / "book" / d).rglob("*.*")]
    newest = max(path.stat().st_mtime for path in made if path.suffix != ".pyc")
    return env.found_docs if newest > saved.stat().st_mtime else []


def number_by_chapter(app, builder):
    """Figure 3 of book/06_layer_norm is Fig. 6.3, and figure 1 of the tools is Fig. T.1."""
    for docname, kinds in app.env.toc_fignumbers.items():
        chapter = re.match(r"book/(\d\d)_", docname)
        prefix = (int(chapter[1]),) if chapter else ("T",) if docname == "book/tools" else ()
        for ids in kinds.values():
            in_order = sorted(ids, key=ids.get)
            ids.update({name: (*prefix, n) for n, name in enumerate(in_order, 1)})


def mend_page(app, pagename, templatename, context, doctree):
    if "body" in context:
        # docutils gives citations a role that ARIA has withdrawn.
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app):
    app.add_transform(ClaimsInsideParagraphs)
    app.add_transform(ReadableNumbers)
    app.connect("config-inited", say_versions, priority=100)
    app.connect("env-get-outdated", pages_made_with_older_files)
    app.connect("write-started", number_by_chapter)
    app.connect("html-page-context", mend_page, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
