"""A dark twin for every static figure.

matplotlib writes our palette's colors into the SVG as they are. Exchanging them for the dark
palette's makes the same figure for a dark page, and the stylesheet shows one of the two.
"""

import re
from pathlib import Path

from normlib.plots import DARK, LIGHT

IMAGE = re.compile(r'<img\b[^>]*\bsrc="[^"]*_images/[^"]+\.svg"[^>]*>')


def darken(svg):
    """The drawing with every light color of the palette replaced by its dark one."""
    dark = {LIGHT[name]: DARK[name] for name in LIGHT}
    return re.sub("|".join(dark), lambda color: dark[color[0]], svg)


def show_both(app, pagename, templatename, context, doctree):
    def twins(found):
        light = _with_class(found[0], "on-light")
        return light + _with_class(found[0].replace(".svg", ".dark.svg"), "on-dark dark-light")

    if "body" in context:
        context["body"] = IMAGE.sub(twins, context["body"])


def _with_class(tag, name):
    if 'class="' in tag:
        return tag.replace('class="', f'class="{name} ', 1)
    return tag.replace("<img", f'<img class="{name}"', 1)


def write_twins(app, exception):
    if exception or app.builder.format != "html":
        return
    for light in Path(app.outdir, "_images").glob("*.svg"):
        if not light.name.endswith(".dark.svg"):
            dark = darken(light.read_text(encoding="utf-8"))
            light.with_suffix(".dark.svg").write_text(dark, encoding="utf-8")


def setup(app):
    app.connect("html-page-context", show_both, priority=950)
    app.connect("build-finished", write_twins)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
