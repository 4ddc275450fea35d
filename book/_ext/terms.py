"""A word of the glossary leads there where a chapter first uses it.

Only on the page: the notebooks are made of the text before (see nbexport.py).
"""

import re

from docutils import nodes

# How a chapter writes a term whose bare word has other meanings.
WRITTEN = {
    "peri": r"peri-norm",
    "post": r"post-norm",
    "pre": r"pre-norm",
    "instance": r"(?<!for )instances?",
    "group": r"groups(?= of| share)",
    "weight": r"weight(?= (?:and|or) bias)",
    "leak": r"(?<= the )leak",
    "head": r"(?<= the )head",
    "query": r"quer(?:y|ies)",
    "key": r"(?<=query and )key|(?<=queries and )keys",
    "value": r"(?<=keys and )values",
    "gain": r"\Again\Z|(?<=is the )gain|gain(?= of the (?:initial|weights))",
    "drift": r"(?<!can )drift",
    "slip": r"(?<=a )slip|slips",
    "silent unit": r"(?:silent|dead) units?",
    "unit": r"hidden units?|(?<=each )unit|(?<=of a )unit",
    "Welford": r"Welford(?= is|’s)",
}
INLINE = (nodes.emphasis, nodes.strong, nodes.inline)
CLOSED = (nodes.reference, nodes.citation, nodes.caption, nodes.title, nodes.table)


def patterns(terms):
    """One expression for all terms, the longest first; a named group tells which one it is."""
    ways = {
        name: WRITTEN.get(name, re.escape(name).replace(r"\ ", r"\s") + "s?")
        for name in sorted(terms, key=len, reverse=True)
        if re.fullmatch(r"[\w\s-]+", name)
    }
    groups = [f"(?P<t{i}>(?:{way}))" for i, way in enumerate(ways.values())]
    return re.compile(rf"(?<![\w-])(?:{'|'.join(groups)})(?![\w-])", re.I), list(ways)


def open_to_links(text):
    """Whether a link may stand here: in a paragraph, but in no link, source, table or caption."""
    node = text.parent
    while isinstance(node, INLINE):
        node = node.parent
    if not isinstance(node, nodes.paragraph):
        return False
    while node is not None:
        if isinstance(node, CLOSED) or "admonition-title" in node.get("classes", []):
            return False
        node = node.parent
    return True


def link_first_uses(doctree, terms, address):
    """Put a reference in place of each term's first use; `address` is a function of its name."""
    expression, names = patterns(terms)
    linked = {node["reftitle"] for node in doctree.findall(nodes.reference) if "reftitle" in node}
    for text in list(doctree.findall(nodes.Text)):
        if not open_to_links(text):
            continue
        parts, at = [], 0
        for found in expression.finditer(text):
            name = names[int(found.lastgroup[1:])]
            if name in linked:
                continue
            linked.add(name)
            parts += [nodes.Text(text[at : found.start()]), reference(found[0], address(name))]
            at = found.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(text[at:])])


def reference(text, address):
    """A link that reads like the text around it."""
    return nodes.reference("", text, refuri=address, internal=True, classes=["term"])


def link(app, doctree, docname):
    if app.builder.format != "html" or not re.match(r"book/\d\d_", docname):
        return
    places = {
        name: (page, anchor)
        for name, _, kind, page, anchor, _ in app.env.get_domain("std").get_objects()
        if kind == "term"
    }

    def address(name):
        page, anchor = places[name]
        return f"{app.builder.get_relative_uri(docname, page)}#{anchor}"

    link_first_uses(doctree, places, address)


def setup(app):
    app.connect("doctree-resolved", link, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
