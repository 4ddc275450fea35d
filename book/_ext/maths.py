r"""Formulas as MathML, made while the book is built: no script typesets them.

A formula that cannot be made is a warning with file and line, and so it fails the build. The font
is in `_static/fonts`; `tools/maths_font.py` makes it.
"""

import html
import re

import math_core
from docutils import nodes
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)
to_mathml = math_core.LatexToMathML(fancy_error=False).convert_with_local_state
SPACED_ROW = re.compile(r"\\\\\[[^\]]*\]")  # a row's own distance, which the stylesheet sets


def mathml(node, display):
    """The formula of a node; its source, with a warning, where it is none."""
    tex = SPACED_ROW.sub(r"\\\\", node.astext().strip())
    if display and r"\begin{" not in tex and re.search(r"\\\\|(?<!\\)&", tex):
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    try:
        return to_mathml(tex, displaystyle=display)
    except math_core.LatexError as error:
        logger.warning("no formula: %s in %r", error, tex, location=node)
        return html.escape(tex)


def visit_inline(writer, node):
    writer.body.append(f'<span class="math notranslate nohighlight">{mathml(node, False)}</span>')
    raise nodes.SkipNode


def visit_block(writer, node):
    writer.body.append(writer.starttag(node, "div", CLASS="math notranslate nohighlight"))
    writer.body.append(f'<div class="formula">{mathml(node, True)}</div>')
    if node["number"]:
        number = get_node_equation_number(writer, node)
        writer.body.append(f'<span class="eqno">({number})')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    writer.body.append("</div>\n")
    raise nodes.SkipNode


INLINE = re.compile(
    r'[(“]?<span class="math [^"]*"><math>(?:(?!</math>).)*</math></span>[^\s<]*', re.S
)


def hold_together(app, pagename, templatename, context, doctree):
    """No line begins with the comma after a formula, and none ends with the bracket before it."""
    if "body" in context:
        context["body"] = INLINE.sub(r'<span class="joined">\g<0></span>', context["body"])


def setup(app):
    app.connect("html-page-context", hold_together)
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
