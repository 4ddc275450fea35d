"""The scripts of the figures, as text: how long they are, and whether their names fit together."""

import pytest

from javascript import declared, functions, imported, lines_of_code, tokens, used
from normlib import widgets
from normlib.widgets import _modules

FILES = sorted((_modules.HERE / "js").glob("*.js"))
SOURCES = {path.stem: path.read_text(encoding="utf-8") for path in FILES}
DECLARED = {name: [*declared(source)] for name, source in SOURCES.items()}
LONGEST_FILE, LONGEST_FUNCTION = 300, 70  # lines of code
every = pytest.mark.parametrize("name", SOURCES)
figures = pytest.mark.parametrize("figure", [getattr(widgets, n)._file for n in widgets.__all__])


def joined(name):
    """The names of a module and of all that are joined with it."""
    return {name}.union(*(joined(other) for other in _modules.IMPORT.findall(SOURCES[name])))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("function one(a, b) {\n  return a;\n}", [("one", 3)]),
        ("export function one() {\n\n  // nothing\n  return 1;\n}", [("one", 3)]),
        ("async function one() {\n  return 1;\n}", [("one", 3)]),
        ("const one = (a) =>\n  a +\n  1;\nconst two = 2;", [("one", 3)]),
        ("const one = a => a;", [("one", 1)]),
        ("const one = () => ({\n  a: 1,\n});", [("one", 3)]),
        ("f(() => {\n  g();\n}, (x) => x);", [("=>", 3), ("=>", 1)]),
        (
            "const a = {\n  one() {\n    return 1;\n  },\n  two: () => 2,\n};",
            [("one", 3), ("two", 1)],
        ),
        ("class A {\n  #x;\n  #one(y) {\n    return y;\n  }\n}", [("#one", 3)]),
        ("if (a) {\n  b();\n} else if (c) {\n  d();\n}\nfor (const x of y) {\n  z();\n}", []),
        (
            "function out() {\n  const inner = () => {\n    f();\n  };\n}",
            [("out", 5), ("inner", 3)],
        ),
        ("function one() {\n  return \"} // {\" + '}';\n}", [("one", 3)]),
        ("function one() {\n  return `}\n${f(`{${a}`)}\n}`;\n}", [("one", 5)]),
        ("function one(x) {\n  return x.match(/[/}]+\\/}/g) ?? a / b / c;\n}", [("one", 3)]),
        ("function one() {\n  /* } */\n  return 1;\n}", [("one", 3)]),
        ("const one = `${x.map((y) => {\n  return { y };\n})}`;", [("=>", 3)]),
        ("function* one() {\n  yield 1;\n}", [("one", 3)]),
    ],
)
def test_functions_are_found_and_their_lines_counted(source, expected):
    assert [(one.name, one.lines) for one in functions(source)] == expected


def test_a_function_is_found_where_it_begins():
    source = "// first\n\nfunction a() {}\n\nconst b = () => 1;"
    assert [one.line for one in functions(source)] == [3, 5]


def test_a_bracket_that_closes_nothing_is_an_error():
    for source in ("function a() { (] }", "function a() {", "}"):
        with pytest.raises((AssertionError, IndexError)):
            functions(source)


def test_names_are_found():
    source = (
        'import { h, fmt } from "./core.js";\n'
        "export const A = 1, [b, c = f(g)] = D;\n"
        "const { e: i, j = { k: 1 }, ...rest } = DATA;\n"
        "let m;\n"
        "export function n(p) { const q = p; }\n"
        "class R { s() { var t; } }\n"
    )
    assert [name for name, _ in declared(source)] == [*"Abc", "i", "j", "rest", "m", "n", "R"]
    assert [name for name, exports in declared(source) if exports] == ["A", "b", "c", "n"]
    assert imported(source) == ["h", "fmt"]
    assert used('import { h } from "./core.js";\na.b(c, { d: e, f });') == {"a", "c", "e", "f"}


@every
def test_no_file_and_no_function_is_too_long(name):
    assert lines_of_code(tokens(SOURCES[name])) <= LONGEST_FILE, "a longer file is two things"
    found = functions(SOURCES[name])
    assert found
    long = [one for one in found if one.lines > LONGEST_FUNCTION]
    assert not long, "cut them into functions with names"


@every
def test_what_a_module_imports_is_there_and_used(name):
    exported = {n for names in DECLARED.values() for n, exports in names if exports}
    asked = imported(SOURCES[name])
    assert {*asked} <= exported
    assert {*asked} <= used(SOURCES[name])
    assert len({*asked}) == len(asked)


@figures
def test_a_name_means_one_thing_in_all_that_a_page_joins(figure):
    """One scope holds them all: a second function would replace the first without a word."""
    names = ["CSS", "DATA", "PLACEMENTS", "figure"]
    for module in joined(figure) | joined("host"):
        names += [name for name, _ in DECLARED[module]]
    assert sorted(names) == sorted({*names})


@figures
def test_a_module_imports_the_names_of_others_that_it_uses(figure):
    """Joined they would do without, but a module alone would not; and locals take other names."""
    for module in joined(figure):
        below = {other for other in joined(figure) if module not in joined(other)}
        offered = {name for other in below for name, out in DECLARED[other] if out}
        assert used(SOURCES[module]) & offered <= {*imported(SOURCES[module])}, module
