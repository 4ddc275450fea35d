"""From the sources of a figure to one ES module for Jupyter, and to one classic script for a page.

A module script cannot be loaded from a disk, and anywidget takes a single file; so the figure, the
core that it imports, its stylesheet and its data are joined here. Nothing joined is kept.
"""

import json
import re
from pathlib import Path

HERE = Path(__file__).parent
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.M)
EXPORT = re.compile(r"^export (?!default)", re.M)


def module(file, minify=str):
    """One ES module: what the figure imports, its CSS and DATA as constants, the figure itself."""
    css = (HERE / "css" / f"{name}.css" for name in ("core", file))
    style = "\n".join(path.read_text(encoding="utf-8") for path in css)
    data = HERE / "data" / f"{file}.json"
    constants = f"const CSS = {_literal(minify(style))};\n"
    if data.exists():
        constants += f"const DATA = {_literal(json.loads(data.read_text(encoding='utf-8')))};\n"
    return constants + "\n".join(_with_imports(file))


def page_script(name, file, minify=str):
    """A classic script that mounts the figure wherever a page has a place for it."""
    parts = [part for part in _with_imports("host") if part]
    figure = module(file, minify).replace("export default ", "const figure = ", 1)
    end = f'start("{name}", figure);'
    return "\n".join(["(() => {", '"use strict";', *parts, figure, end, "})();\n"])


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
