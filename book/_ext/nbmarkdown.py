"""A page that Sphinx has resolved, as Markdown that every notebook shows.

Jupyter, Colab, VS Code and GitHub agree on CommonMark, pipe tables, dollar maths and a little
HTML; nothing else is written here. Numbers and links come from the resolved page, so that the
notebook says what the page says. What has no such form is a warning, never silently lost.
"""

from typing import NamedTuple

from docutils import nodes
from nbinline import InlineWriter, html_text
from nbtext import (
    code_block,
    code_span,
    display_tex,
    escape_line_starts,
    folded,
    inline_tex,
    list_item,
    one_line,
    quote,
    quote_around,
)
from sphinx.locale import admonitionlabels

LISTS = nodes.bullet_list | nodes.enumerated_list | nodes.definition_list
LANGUAGE = {"default": "", "none": "", "text": "", "ipython3": "python"}
ALIGNMENT = {"text-left": ":---", "text-center": ":--:", "text-right": "---:"}


class Cell(NamedTuple):
    """The place in the text where code cell number `index` of the page stands."""

    index: int


def is_code_cell(node):
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def _dotted(numbers):
    return ".".join(map(str, numbers))


class PageWriter(InlineWriter):
    """Blocks of a page: Markdown and `Cell`s, in the page's order.

    `sources` is the code of all cells. `hidden` are cells that the page does not show, as
    (line, cell): they are put back where their line in the source says. `in_solution` are those
    of them that belong to the solution of an exercise, by the label of the exercise. Without
    `solutions` the writer leaves them out.
    """

    def __init__(self, app, docname, sources, hidden, in_solution, solutions=True):
        super().__init__(app, docname)
        self.solutions = solutions
        self.sources, self.hidden, self.in_solution = sources, hidden, in_solution
        self.figure_numbers = app.env.toc_fignumbers.get(docname, {})
        self.section_numbers = app.env.toc_secnumbers.get(docname, {})
        self.depth = 0

    def write(self, doctree):
        return self.flow(doctree) + [cell for _, cell in self.hidden]

    # Walking

    def flow(self, node):
        """Blocks of a part of the page in which code cells can stand."""
        return [b for n in node.children for b in self._hidden_before(n) + self.block(n)]

    def _hidden_before(self, node):
        index = node["cell_index"] if is_code_cell(node) else -1
        line = getattr(node, "line", None) or 0
        out = []
        while self.hidden and (self.hidden[0][0] < line or self.hidden[0][1].index < index):
            out.append(self.hidden.pop(0)[1])
        return out

    def blocks(self, children):
        return [block for child in children for block in self.block(child)]

    def block(self, node):
        if method := self.method("block", node):
            return method(node)
        if isinstance(node, nodes.Text | nodes.Inline | nodes.TextElement):
            return self.block_paragraph(node)
        if not node.children:
            self.warn(node, "%s", node.tagname)
        return self.blocks(node.children)

    def joined(self, blocks):
        """One piece of Markdown; code cells in it become code to read, which does not run."""
        texts = (self._code(block) if isinstance(block, Cell) else block for block in blocks)
        return "\n\n".join(filter(None, texts))

    def _code(self, cell):
        return code_block(self.sources[cell.index], "python")

    def nothing(self, node):
        return []

    block_Invisible = block_system_message = block_meta = nothing
    block_toctree = block_highlightlang = block_tabular_col_spec = block_sd_tab_input = nothing

    # Numbers, found as the page's own writer finds them

    def number(self, node):
        """Fig. 3.1, Table 3.2 or Exercise 3.3, for a node that has such a number."""
        kind = self.app.env.domains["std"].get_enumerable_node_type(node)
        found = self.figure_numbers.get(kind, {}).get(node["ids"][0]) if node["ids"] else None
        return self.app.config.numfig_format[kind] % _dotted(found) if found else ""

    def equation_number(self, node):
        config = self.app.config
        shown = not node.get("nowrap") or "amsmath" in node["classes"]
        if not node.get("number") or not shown:
            return ""
        if not (config.numfig and config.math_numfig):
            return str(node["number"])
        found = self.figure_numbers.get("displaymath", {}).get(node["ids"][0], ())
        return config.math_numsep.join(_dotted(found).rsplit(".", 1))

    def section_number(self, section):
        anchor = f"#{section['ids'][0]}"
        found = self.section_numbers.get(anchor if anchor in self.section_numbers else "")
        return _dotted(found) + self.app.config.html_secnumber_suffix if found else ""

    # Text

    def block_section(self, node):
        self.depth += 1
        out = self.flow(node)
        self.depth -= 1
        return out

    def block_title(self, node):
        if not isinstance(node.parent, nodes.section):
            return self.block_caption(node)
        text = self.section_number(node.parent) + one_line(self.text(node))
        return ["#" * min(self.depth, 6) + " " + text]

    def block_caption(self, node):
        number, text = self.number(node.parent), one_line(self.text(node))
        return [f"**{number}** {text}" if number else text]

    def block_paragraph(self, node):
        text = self.inline(node) if isinstance(node, nodes.Text | nodes.Inline) else self.text(node)
        if text.startswith("<"):
            text = one_line(text)  # a tag alone in the first line would make all lines HTML
        return [escape_line_starts(text)] if text.strip() else []

    def block_rubric(self, node):
        return [self.bold(node)]

    block_sd_tab_label = block_rubric

    def block_transition(self, node):
        return ["---"]

    def block_literal_block(self, node):
        language = node.get("language", "")
        return [code_block(node.astext(), LANGUAGE.get(language, language))]

    def block_math_block(self, node):
        return [display_tex(node.astext(), self.equation_number(node))]

    def block_raw(self, node):
        html = self.inline_raw(node).strip()
        return [html] if html else []

    def block_block_quote(self, node):
        return [quote(self.joined(self.blocks(node.children)))]

    def block_attribution(self, node):
        return [f"— {one_line(self.text(node))}"]

    def block_line_block(self, node):
        return ["<br>\n".join(self.joined(self.block(line)) for line in node.children)]

    def block_footnote(self, node):
        label, *content = node.children
        return [f"<sup>{label.astext()}</sup> {self.joined(self.blocks(content))}"]

    def block_citation(self, node):
        label, *content = node.children
        named = self.app.config.bibtex_reference_style.startswith("author_year")
        text = self.joined(self.blocks(content))
        return [list_item("- ", text if named else f"[{label.astext()}] {text}")]

    # Lists and tables

    def block_bullet_list(self, node):
        tight = all(self._is_tight(item) for item in node.children)
        gap = "\n" if tight else "\n\n"
        items = []
        for place, item in enumerate(node.children):
            numbered = isinstance(node, nodes.enumerated_list)
            mark = f"{node.get('start', 1) + place}. " if numbered else "- "
            items.append(list_item(mark, gap.join(self.blocks(item.children))))
        return [*self._separator(node), gap.join(items)]

    block_enumerated_list = block_bullet_list

    def block_definition_list(self, node):
        items = []
        for item in node.children:
            bodies = [n for n in item.children if isinstance(n, nodes.definition)]
            terms = [self.bold(n) for n in item.children if n not in bodies]
            texts = self.blocks(n for body in bodies for n in body.children)
            items.append(list_item("- ", self.joined([" ".join(terms), *texts])))
        return [*self._separator(node), "\n\n".join(items)]

    def _is_tight(self, item):
        paragraph, *rest = item.children or [nodes.paragraph()]
        return isinstance(paragraph, nodes.paragraph) and all(isinstance(n, LISTS) for n in rest)

    def _separator(self, node):
        """What keeps a list apart from another just before it, where both would be read as one."""
        shown = [n for n in node.parent.children if not isinstance(n, nodes.Invisible)]
        before = shown[: shown.index(node)][-1:]
        if not before or not isinstance(before[0], LISTS):
            return []
        numbered = {isinstance(n, nodes.enumerated_list) for n in [node, *before]}
        return ["<!-- -->"] if len(numbered) == 1 else []

    def block_table(self, node):
        captions = self.blocks(n for n in node.children if isinstance(n, nodes.title))
        parts = [p for p in node.findall() if isinstance(p, nodes.thead | nodes.tbody)]
        rows = [[self._table_cell(entry) for entry in row] for part in parts for row in part]
        if not isinstance(parts[0], nodes.thead):
            rows.insert(0, [""] * len(rows[0]))
        classes = [set(entry["classes"]) & ALIGNMENT.keys() for entry in parts[-1].children[-1]]
        rows.insert(1, [ALIGNMENT[c.pop()] if c else "---" for c in classes])
        return [*captions, "\n".join("| " + " | ".join(row) + " |" for row in rows)]

    def _table_cell(self, entry):
        if entry.get("morecols") or entry.get("morerows"):
            self.warn(entry, "a table cell over several rows or columns")
        self.in_table = True
        out = "<br>".join(self._in_table_cell(child) for child in entry.children)
        self.in_table = False
        return out

    def _in_table_cell(self, node):
        if isinstance(node, nodes.literal_block):
            lines = node.astext().rstrip().split("\n")
            return "<br>".join(code_span(line, True) for line in lines)
        if isinstance(node, nodes.math_block):
            tex = display_tex(node.astext()).strip("$")
            return inline_tex(rf"\displaystyle {tex}", True)
        text = self.joined(self.block(node))
        return one_line(text) if isinstance(node, nodes.paragraph) else text.replace("\n", "<br>")

    # Boxes

    def block_Admonition(self, node):
        titles = [n for n in node.children if isinstance(n, nodes.title)]
        body = self.blocks(n for n in node.children if n not in titles)
        label = nodes.title("", admonitionlabels.get(node.tagname, ""))
        title, number = (titles or [label])[0], self.number(node)
        live = any(isinstance(block, Cell) for block in body)
        if {"dropdown", "toggle"} & set(node["classes"]) and not live:
            return [folded(f"{number} {html_text(title)}", self.joined(body))]
        return quote_around([self.bold(title, number), *body])

    block_topic = block_sidebar = block_Admonition

    def block_solution_node(self, node):
        """A solution is folded and not live: running all cells keeps the reader's own answer."""
        title, *content = node.children
        body = self.blocks(content) + self.in_solution.pop(node.get("target_label"), [])
        return [folded(html_text(title), self.joined(body))] if self.solutions else []

    def block_dropdown_main(self, node):
        title, *content = node.children
        return [folded(html_text(title).strip() or "Show", self.joined(self.blocks(content)))]

    def block_container(self, node):
        component = node.get("design_component")
        if is_code_cell(node):
            return self._code_cell(node)
        if component == "card-title":
            return [self.bold(node)]
        body = self.blocks(node.children)
        if "toggle" in node["classes"]:
            return [folded("Show", self.joined(body))]
        return [quote(self.joined(body))] if component == "card" else body

    def _code_cell(self, node):
        """The cell without its output, which the reader will make, but with its captions."""
        if "book-only" in node["cell_metadata"].get("tags", []):
            return []
        texts = (n for n in node.findall() if isinstance(n, nodes.caption | nodes.legend))
        return [Cell(node["cell_index"]), *self.blocks(texts)]
