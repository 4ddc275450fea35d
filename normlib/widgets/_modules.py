"""From the sources of a figure to one ES module for Jupyter, and to one classic script for a page.

A module script cannot be loaded from a disk, and anywidget takes a single file; so the figure, the
core that it imports, its stylesheet and its data are joined here. Nothing joined is kept. A figure
that speaks of placements gets those that were measured as PLACEMENTS, and a color for each.
"""

import json
import re
import zlib
from pathlib import Path

from normlib.placements import MEASURED, PLACEMENTS

HERE = Path(__file__).parent
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.M)
EXPORT = re.compile(r"^export (?!default)", re.M)


def module(file, minify=str):
    """One ES module: what the figure is made from as constants, what it imports, the figure."""
    scripts = "\n".join(_with_imports(file))
    css = (HERE / "css" / f"{name}.css" for name in ("core", file))
    style = "\n".join(path.read_text(encoding="utf-8") for path in css)
    data = HERE / "data" / f"{file}.json"
    constants = {}
    if data.exists():
        constants["DATA"] = json.loads(data.read_text(encoding="utf-8"))
    if "PLACEMENTS" in scripts:
        constants["PLACEMENTS"] = {name: _told(PLACEMENTS[name]) for name in MEASURED}
        style += _colors("", "on_light") + _colors('[data-theme="dark"]', "on_dark")
    constants["CSS"] = minify(style)
    lines = (f"const {name} = {_literal(value)};\n" for name, value in constants.items())
    return "".join(lines) + scripts


def _told(row):
    """What a figure says and draws of a placement."""
    told = ("label", "where", "formula", "norms", "alpha", "final_norm", "dash")
    return {name: getattr(row, name) for name in told}


def _colors(theme, field):
    """The color of each placement as a custom property of its name."""
    colors = (f"--{name}: {getattr(PLACEMENTS[name], field)};" for name in MEASURED)
    return f"\n.nl{theme} {{ {' '.join(colors)} }}"


def page_script(name, file, minify=str):
    """A classic script that mounts the figure wherever a page has a place for it."""
    parts = [part for part in _with_imports("host") if part]
    figure = module(file, minify).replace("export default ", "const figure = ", 1)
    end = f'start("{name}", figure);'
    return "\n".join(["(() => {", '"use strict";', *parts, figure, end, "})();\n"])


def loader(scripts):
    """A classic script for a page with figures: it loads theirs when they are near."""
    versions = {name: f"{zlib.crc32(text.encode()):08x}" for name, text in scripts.items()}
    text = (HERE / "js" / "load.js").read_text(encoding="utf-8")
    return f'"use strict";\n{{\nconst versions = {_literal(versions)};\n{text}}}\n'


def _with_imports(file, seen=None):
    """The texts of the modules that a module imports, then its own, without the keywords."""
    seen = set() if seen is None else seen
    text = (HERE / "js" / f"{file}.js").read_text(encoding="utf-8")
    for needed in IMPORT.findall(text):
        if needed not in seen:
            seen.add(needed)
            yield from _with_imports(needed, seen)
    yield EXPORT.sub("", IMPORT.sub("", text))


def _literal(value):
    """JSON that can stand in a script."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("</", "<\\/").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
