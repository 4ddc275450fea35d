"""What no notebook for readers may hold: the book's own markup, and Markdown that does not show."""

import re

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

OUTSIDE_CODE = {
    "colon fence": r"^[>\s]*:{3,}",
    "role": r"\{[\w:+-]+\}\\?`",
    "target": r"^[>\s]*\([\w-]+\)=\s*$",
    "option": r"^[>\s]*:[\w-]+:(\s|$)",
    "comment": r"^% ",
    "block break": r"^\+\+\+",
    "equation label": r"\$\$\s*\([\w:-]+\)\s*$",
    "TeX label": r"\\(label|ref|eqref)\{",
    "numbered environment": r"\\begin\{(align|alignat|equation|eqnarray|gather|multline)\b",
    "relative address": r"""\b(src|href)=["'](?!https?:|data:|mailto:|#|\w+\.ipynb["'])""",
}
OUTSIDE_MATHS = {
    "substitution": r"\{\{ ?\w+ ?\}\}",
    "footnote": r"\[\^[^\]]+\]",
    "relative link": r"(?<!\\)\]\((?!https?:|data:|mailto:|\w+\.ipynb\))[^)]*\)",
}
CODE = {"the build's own package": r"\bmyst_nb\b", "glue": r"\bglue\("}


def leaks(notebook) -> list[str]:
    """Every trace of MyST or Sphinx, as `cell-003: role: {eq}`."""
    return [
        f"{cell['id']}: {name}: {found.strip()}"
        for cell in notebook["cells"]
        for name, found in (_in_code if cell["cell_type"] == "code" else _in_text)(cell["source"])
    ]


def _in_code(source):
    yield from _search(CODE, source)


def _in_text(source):
    yield from _search({"directive": r"^[>\s]*(`{3,}|~{3,}|:{3,})\s*\{"}, source)
    text = re.sub(r"(?ms)^([> ]*)(`{3,})[^`\n]*$.*?^\1\2$", "", source)
    text = re.sub(r"(?<![`}\\])(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    yield from _search(OUTSIDE_CODE, text)
    text = re.sub(r"(?s)\$\$.*?\$\$", "", text.replace(r"\$", ""))
    for formula in re.findall(r"\$([^$]*)\$", text):
        if formula != formula.strip():
            yield "space inside dollars", formula
    yield from _search(OUTSIDE_MATHS, re.sub(r"\$[^$]*\$", "", text))


def _search(patterns, text):
    for name, pattern in patterns.items():
        for found in re.finditer(pattern, text, re.MULTILINE):
            yield name, found[0]


def unshown(notebook) -> list[str]:
    """Every piece of Markdown that a reader would see as it was typed, as `cell-003: **`."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).use(dollarmath_plugin)
    parser.disable("text_join")  # what was escaped on purpose then stays a token of its own
    out = []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "markdown":
            continue
        for token in parser.parse(cell["source"]):
            texts = [child.content for child in token.children or [] if child.type == "text"]
            for found in re.findall(r"\*+|\$+|`+|\|[ :|-]*-[ :|-]*|\]\(", "\n".join(texts)):
                out.append(f"{cell['id']}: {found}")
        opened, closed = (len(re.findall(tag, cell["source"])) for tag in ("<details", "</details"))
        if opened != closed:
            out.append(f"{cell['id']}: <details>")
    return out
