"""What can be counted in JavaScript without running it: lines of code, functions, names.

A tokenizer for the plain style of the figures, no parser. A slash begins a regular expression
unless a value ends before it, as after a name, a number, `)`, `]` or `}`.
"""

import re
from typing import NamedTuple

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<space>\s+)
    |(?P<number>\.?\d[\w.]*)
    |(?P<word>\#?[^\W\d][\w$]*|\$[\w$]*)
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<mark>=>|\.\.\.|\S)""",
    re.X | re.S,
)
REGEX = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/\w*")
TEMPLATE = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*(`|\$\{)", re.S)  # up to its end or to a ${
OPENS, CLOSES = {"(": ")", "[": "]", "{": "}", "${": "}"}, {")", "]", "}"}
ENDS = {",", ";"} | CLOSES  # what ends an expression
BEFORE_A_VALUE = {"return", "typeof", "case", "in", "of", "else", "void", "delete", "throw", "new"}
BEFORE_A_BLOCK = {"if", "for", "while", "switch", "catch"}


class Token(NamedTuple):
    """A piece of code, and the lines on which it begins and ends."""

    kind: str
    text: str
    line: int
    last: int


class Function(NamedTuple):
    """A function, where it begins, and on how many lines its code stands."""

    name: str
    line: int
    lines: int


def tokens(source):
    """All tokens but comments and space; of a template its texts and what stands in its `${…}`."""
    found, at, line = [], 0, 1
    inside = []  # for each ${ that is open, the braces that are open in it

    def take(kind, text):
        nonlocal at, line
        last = line + text.count("\n")
        if kind not in ("comment", "space"):
            found.append(Token(kind, text, line, last))
        at, line = at + len(text), last

    def take_template(quote):
        text, end = TEMPLATE.match(source, at + len(quote)).group(0, 1)
        take("template", quote + text.removesuffix("${"))
        if end == "${":
            take("mark", end)
            inside.append(0)

    while at < len(source):
        if source[at] == "`":
            take_template("`")
        elif source[at] == "}" and inside and inside[-1] == 0:
            inside.pop()
            take("mark", "}")
            take_template("")
        elif source[at] == "/" and source[at + 1] not in "/*" and not _ends_a_value(found):
            take("regex", REGEX.match(source, at)[0])
        else:
            match = TOKEN.match(source, at)
            if inside:
                inside[-1] += {"{": 1, "}": -1}.get(match[0], 0)
            take(match.lastgroup, match[0])
    return found


def _ends_a_value(found):
    if not found:
        return False
    last = found[-1]
    return last.text in CLOSES if last.kind == "mark" else last.text not in BEFORE_A_VALUE


def lines_of_code(found):
    """How many lines are left without comments and blank lines."""
    return len({line for token in found for line in range(token.line, token.last + 1)})


def _partners(found):
    """For the place of each bracket that of the other one, in both directions."""
    other, opened = {}, []
    for at, token in enumerate(found):
        if token.kind == "mark" and token.text in OPENS:
            opened.append(at)
        elif token.kind == "mark" and token.text in CLOSES:
            start = opened.pop()
            assert OPENS[found[start].text] == token.text, f"line {token.line}: closes nothing"
            other[start], other[at] = at, start
    assert not opened, f"line {found[opened[-1]].line}: never closed"
    return other


def functions(source):
    """Every function, method and arrow function, also those inside others."""
    found = tokens(source)
    return [
        Function(name, found[start].line, lines_of_code(found[start : end + 1]))
        for name, start, end in _spans(found, _partners(found))
    ]


def _spans(found, other):
    """(name, first token, last token) of each function."""
    text = [t.text if t.kind in ("word", "mark") else "" for t in found] + ["", ""]
    for at in range(len(found)):
        if text[at] == "=>":
            start = other.get(at - 1, at - 1)  # `(a, b) =>` or `a =>`
            body = text[at + 1] == "{"
            end = other[at + 1] if body else _end_of_expression(found, other, at + 1)
            named = text[start - 1] in ("=", ":")
            yield text[start - 2] if named else "=>", start, end
        elif text[at] == "(" and text[other[at] + 1] == "{":  # no call has a block after it
            name, end = text[at - 1], other[other[at] + 1]
            if found[at - 1].kind == "word" and name not in BEFORE_A_BLOCK:
                yield name, at - 1, end


def _end_of_expression(found, other, at):
    """The last token of the expression that begins here."""
    while at < len(found) and found[at].text not in ENDS:
        at = other.get(at, at) + 1
    return at - 1


def declared(source):
    """The names that a module declares for its whole scope, and whether it exports them."""
    found = tokens(source)
    other, at = _partners(found), 0
    while at < len(found):
        exports = at > 0 and found[at - 1].text == "export"
        if found[at].kind == "word" and found[at].text in ("function", "class"):
            yield next(t.text for t in found[at + 1 :] if t.kind == "word"), exports
        elif found[at].kind == "word" and found[at].text in ("const", "let", "var"):
            end = next(i for i in range(at, len(found)) if found[i].text == ";")
            for name in _bound(found, other, at + 1, end):
                yield name, exports
        at = other.get(at, at) + 1


def _bound(found, other, at, end):
    """The names in `a = 1, { b, c: d } = e` or in a pattern."""
    while at < end:
        if found[at].text in OPENS:
            yield from _bound(found, other, at + 1, other[at])
            at = other[at]
        elif found[at].text == "=":
            at = _end_of_expression(found, other, at + 1)
        elif found[at].kind == "word" and found[at + 1].text != ":":
            yield found[at].text
        at += 1


def imported(source):
    """The names that a module imports from others of its folder."""
    lists = re.findall(r'^import \{([^}]*)\} from "\./\w+\.js";', source, re.M)
    return [name for names in lists for name in re.findall(r"\w+", names)]


def used(source):
    """The names that a module speaks of; not those of properties, nor those that it imports."""
    found = [*tokens(re.sub(r"^import .*$", "", source, flags=re.M)), Token("mark", ";", 0, 0)]
    return {
        token.text
        for before, token, after in zip(found[-1:] + found, found, found[1:], strict=False)
        if token.kind == "word" and before.text != "." and after.text != ":"
    }
