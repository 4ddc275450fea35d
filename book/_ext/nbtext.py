"""Pieces of Markdown and TeX, as strings, that every notebook reads alike."""

import re
from textwrap import indent

# What would make a heading, a list, a quotation, a rule or a table of a line of text.
BLOCK_START = re.compile(
    r"^(#{1,6}(?=\s|$)|[-+](?=\s|$)|>|=+\s*$|[-:|][-:|\s]*$)|^(\d{1,9})([.)])(?=\s|$)"
)
# The environments of amsmath that number their lines do not stand between dollars.
PLAIN_ENVIRONMENT = {
    "align": "aligned",
    "alignat": "alignedat",
    "flalign": "aligned",
    "gather": "gathered",
    "multline": "gathered",
    "split": "aligned",
}


def one_line(text):
    return " ".join(text.split("\n")).strip()


def escape(text):
    """Put a backslash before every character that Markdown would take for markup."""
    text = re.sub(r"[\\`*$<~]|&(?=#?\w+;)|\](?=[(\[:])", r"\\\g<0>", text)
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)
    # JupyterLab looks for formulas a second time, after the backslashes are gone.
    return text.replace(r"\$", r"<span>\$</span>")


def escape_line_starts(text):
    def escaped(found):
        return "\\" + found[1] if found[1] else f"{found[2]}\\{found[3]}"

    return "\n".join(BLOCK_START.sub(escaped, line.strip()) for line in text.strip().split("\n"))


def code_span(code, in_table=False):
    code = one_line(code)
    ticks = "`" * (_longest_run(code) + 1)
    pad = " " if code.startswith("`") or code.endswith("`") else ""
    code = code.replace("|", r"\|") if in_table else code
    return f"{ticks}{pad}{code}{pad}{ticks}"


def code_block(source, language=""):
    ticks = "`" * max(3, _longest_run(source) + 1)
    return f"{ticks}{language}\n{source.rstrip()}\n{ticks}"


def _longest_run(code):
    return max(map(len, re.findall("`+", code)), default=0)


def list_item(mark, text):
    return mark + indent(text, " " * len(mark)).lstrip()


def quote(text):
    # JupyterLab takes display maths out before it looks for quotations, their marks included.
    display = re.compile(r"^( *)(\$\$\n.*?\n *\$\$)$", re.MULTILINE | re.DOTALL)
    text = display.sub(lambda found: found[1] + " ".join(found[2].split()), text)
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def quote_around(blocks):
    """The text among the blocks as quotations, interrupted where a block is no text."""
    out, text = [], []
    for block in [*blocks, None]:
        if isinstance(block, str):
            text.append(block)
            continue
        if any(text):
            out.append(quote("\n\n".join(filter(None, text))))
        text = []
        if block is not None:
            out.append(block)
    return out


def folded(summary, body):
    """A box that opens on a click. In `summary` stands HTML, in `body` Markdown."""
    return f"<details>\n<summary>{summary.strip()}</summary>\n\n{body}\n\n</details>"


def inline_tex(tex, in_table=False):
    if in_table:
        bars = {"|": r"\vert ", r"\|": r"\Vert "}
        tex = re.sub(r"\\\\|\\?\|", lambda found: bars.get(found[0], found[0]), tex)
    return f"${' '.join(_no_tags(tex).split())}$"


def display_tex(tex, number=""):
    """A formula between double dollars that MathJax and KaTeX both take."""
    tex = re.sub(r"(?<!\\)%.*", "", tex)
    tex = re.sub(r"[ \t]*(\\label\{[^}]*\}|\\nonumber|\\notag)", "", tex)
    tex = re.sub(r"\\(?:begin|end)\{(?:equation|displaymath)\*?\}", "", tex)
    for name, plain in PLAIN_ENVIRONMENT.items():
        tex = re.sub(rf"\\(begin|end)\{{{name}\*?\}}", rf"\\\1{{{plain}}}", tex)
    tex = re.sub(r"\\begin\{eqnarray\*?\}", r"\\begin{array}{rcl}", tex)
    tex = re.sub(r"\\end\{eqnarray\*?\}", r"\\end{array}", tex)
    # A blank line would end the formula; on the page it begins a new row.
    rows = [row.strip() for row in re.split(r"\n\s*\n", tex) if row.strip()]
    tex = " \\\\\n".join(rows)
    if r"\\" in _outside_environments(tex):
        tex = f"\\begin{{aligned}}\n{tex}\n\\end{{aligned}}"
    tag = rf" \tag{{{number}}}" if number else ""
    tex = re.sub(r"[ \t]+$", "", _no_tags(tex), flags=re.MULTILINE)
    return f"$$\n{tex}{tag}\n$$"


def _outside_environments(tex):
    innermost = re.compile(r"\\begin\{(\w+\*?)\}(?:(?!\\begin\{).)*?\\end\{\1\}", re.DOTALL)
    while innermost.search(tex):
        tex = innermost.sub("", tex)
    return tex


def _no_tags(tex):
    # `a<b` would be a tag wherever a notebook looks for HTML before it looks for maths.
    return re.sub(r"<(?=[A-Za-z/!?])", "< ", tex)
