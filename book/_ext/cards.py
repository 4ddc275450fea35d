"""On a phone each row of a table in a box of class `cards` is a card: a cell names its column.

Only on the page, where the stylesheet hides the names as long as the columns fit; the notebooks
are made of the table before (see nbexport.py).
"""

from docutils import nodes


def name_columns(table):
    """Put its column's name before what each cell holds, but for empty ones and the first."""
    (head,) = table.findall(nodes.thead)
    names = [entry.children[0] for entry in head.children[0]]
    for row in next(table.findall(nodes.tbody)).children:
        for entry, name in list(zip(row.children, names, strict=True))[1:]:
            if entry.astext() or any(entry.findall(nodes.math)):
                copies = [node.deepcopy() for node in name.children]
                entry.insert(0, nodes.inline("", "", *copies, classes=["column"]))


def make_cards(app, doctree, docname):
    if app.builder.format != "html":
        return
    for box in doctree.findall(nodes.container):
        if "cards" in box["classes"]:
            for table in box.findall(nodes.table):
                name_columns(table)


def setup(app):
    app.connect("doctree-resolved", make_cards, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
