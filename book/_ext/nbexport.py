"""Write a plain Jupyter notebook for every executable page of the book.

The notebook is made from the same resolved document as the page, in the same build: its numbers,
citations and references agree with the page, and nothing of the book's own markup is left.
It holds no outputs. These tags of a code cell matter here:

remove-cell   not on the page, but in the notebook (the set-up cell)
book-only     run by the build, never in the notebook (what needs the build's own packages)
hide-input    folded in the notebook too

The cells of a solution become text in a folded box. A second notebook, for teaching, has none.
"""

import re
from collections import Counter
from pathlib import Path

import nbformat
from nbmarkdown import Cell, PageWriter, is_code_cell
from sphinx.util import logging

log = logging.getLogger(__name__)

FOLDED = {"hide-input", "hide-cell", "remove-input"}
SOLUTION_EDGE = re.compile(r"^[`:~]{3,} *\{solution-(start|end)\} *(\S*)", re.MULTILINE)
# What a set-up cell does where normlib is missing.
MISSING = re.compile(
    r"(try:\n    (import normlib as nl)\nexcept ModuleNotFoundError:\n)"
    r"    hint = .*\n    raise ModuleNotFoundError\(.*\) from None$",
    re.MULTILINE,
)


def is_exported(app, docname):
    return app.builder.name in {"html", "dirhtml"} and "kernelspec" in app.env.metadata[docname]


def notebook_path(docname, solutions=True):
    """Where the notebook lies under the site's root."""
    folder = "notebooks" if solutions else "notebooks-without-solutions"
    return f"{folder}/{docname.rpartition('/')[2]}.ipynb"


def executed_path(app, docname):
    return Path(app.env.mystnb_config.output_folder, f"{docname}.ipynb")


def is_for_readers(cell):
    return cell.source.strip() and "book-only" not in cell.metadata.get("tags", [])


def cells_without_trace(doctree, notebook):
    """Cells that the page does not show: (line, cell) pairs, and those of each solution."""
    shown = {node["cell_index"] for node in doctree.findall(is_code_cell)}
    # Where a source has no lines, as an .ipynb, myst-nb counts 10000 for each cell.
    lines = notebook.metadata.get("source_map") or range(10000, 10**9, 10000)
    hidden, in_solution, exercise = [], {}, ""
    for index, (cell, line) in enumerate(zip(notebook.cells, lines, strict=False)):
        if cell.cell_type == "markdown":
            for edge, label in SOLUTION_EDGE.findall(cell.source):
                exercise = label if edge == "start" else ""
        elif cell.cell_type == "code" and is_for_readers(cell) and index not in shown:
            if exercise:
                in_solution.setdefault(exercise, []).append(Cell(index))
            else:
                hidden.append((line, Cell(index)))
    return hidden, in_solution


def installs_itself(source, wheel):
    """The set-up cell that adds normlib, instead of saying how to, where its wheel is published.

    It adds normlib alone: all else is there on Colab, and nothing of it must change.
    """
    if not wheel or not source.startswith("# Set-up"):
        return source
    adds = (
        r"\1    # This adds normlib alone. On a computer without PyTorch, Matplotlib and the rest,"
        "\n    # write normlib[chapters] instead.\n"
        rf'    %pip install --quiet "normlib @ {wheel}"\n    \2'
    )
    new, found = MISSING.subn(adds, source)
    if not found:
        log.warning("a set-up cell that cannot install normlib:\n%s", source, type="nbexport")
    return new


def code_cell(cell, wheel=""):
    new = nbformat.v4.new_code_cell(installs_itself(cell.source, wheel))
    tags = set(cell.metadata.get("tags", []))
    if tags:
        new.metadata["tags"] = sorted(tags)
    if tags & FOLDED:
        new.metadata["jupyter"] = {"source_hidden": True}
        new.metadata["cellView"] = "form"  # Colab's name for the same
    return new


def text_cells(blocks):
    """Markdown cells, a new one at every heading."""
    parts = [[]]
    for block in blocks:
        if re.match(r"#{1,3} ", block) and parts[-1]:
            parts.append([])
        parts[-1].append(block)
    return [nbformat.v4.new_markdown_cell("\n\n".join(part)) for part in parts if part]


def notebook_cells(blocks, code, wheel=""):
    cells, text = [], []
    for block in blocks:
        if isinstance(block, Cell):
            cells += [*text_cells(text), code_cell(code[block.index], wheel)]
            text = []
        elif block:
            text.append(block)
    return cells + text_cells(text)


def reader_notebook(app, doctree, docname, solutions=True):
    """The notebook for one page, with the solutions of its exercises folded, or without them."""
    source = nbformat.read(executed_path(app, docname), as_version=4)
    hidden, in_solution = cells_without_trace(doctree, source)
    sources = [cell.source for cell in source.cells]
    writer = PageWriter(app, docname, sources, hidden, in_solution, solutions)
    blocks = writer.write(doctree)
    if built := app.config.nbexport_built:
        title = next((i for i, b in enumerate(blocks) if str(b).startswith("# ")), -1)
        note = (
            f"*The numbers in the text were computed when the book was built ({built}); "
            "yours may differ in the last digits.*"
        )
        if app.config.nb_execution_mode == "off":
            note = "*The book was not run for this copy: “…” stands for a number of the page.*"
        blocks.insert(title + 1, note)
    cells = notebook_cells(blocks, source.cells, app.config.nbexport_wheel)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:03d}"
    kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    colab = {"toc_visible": True, "provenance": []}
    metadata = {"kernelspec": kernelspec, "language_info": {"name": "python"}, "colab": colab}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def export(app, doctree, docname):
    if not is_exported(app, docname):
        return
    for solutions in (True, False):
        notebook = reader_notebook(app, doctree, docname, solutions)
        nbformat.validate(notebook)
        path = Path(app.outdir, notebook_path(docname, solutions))
        path.parent.mkdir(exist_ok=True)
        path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def offer_download(app, pagename, templatename, context, doctree):
    """Let the page's .ipynb button give this notebook, not the executed source."""
    if not doctree or not is_exported(app, pagename):
        return
    url = context["pathto"](notebook_path(pagename), 1)
    for group in context.get("header_buttons", []):
        if group.get("label") != "download-buttons":
            continue
        label = "download-notebook-button"
        others = [button for button in group["buttons"] if button.get("label") != label]
        button = {
            "type": "link",
            "url": url,
            "text": ".ipynb",
            "icon": "fas fa-code",
            "tooltip": "Download notebook file",
            "label": label,
        }
        group["buttons"] = [button, *others]


def files_of(app, docname):
    """The files that go with a page: its notebooks, and the one that they come from."""
    written = (Path(app.outdir, notebook_path(docname, solutions)) for solutions in (True, False))
    return [*written, executed_path(app, docname)]


def missing(app, env, added, changed, removed):
    """Pages to make again because a file that goes with them is gone."""
    return [
        docname
        for docname in env.all_docs
        if docname not in removed and is_exported(app, docname)
        if not all(path.exists() for path in files_of(app, docname))
    ]


def forget(app, env, docname):
    for solutions in (True, False):
        Path(app.outdir, notebook_path(docname, solutions)).unlink(missing_ok=True)


def check_names(app, env):
    names = Counter(notebook_path(d) for d in env.found_docs if is_exported(app, d))
    for name, count in names.items():
        if count > 1:
            log.warning("%d pages would write %s", count, name, type="nbexport")


def setup(app):
    app.add_config_value("nbexport_site", "", "html", str)
    app.add_config_value("nbexport_wheel", "", "html", str)
    app.add_config_value("nbexport_built", "", "", str)
    app.connect("env-get-outdated", missing)
    app.connect("env-purge-doc", forget)
    app.connect("env-check-consistency", check_names)
    app.connect("doctree-resolved", export, priority=900)
    app.connect("html-page-context", offer_download, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
