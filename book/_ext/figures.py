"""A dark twin for every static figure, and a script for every interactive one.

matplotlib writes our palette's colors into the SVG as they are. Exchanging them for the dark
palette's makes the same figure for a dark page, and the stylesheet shows one of the two. On a phone
both are as wide as their smallest label needs to be read, and scroll.

An interactive figure is a <div> with its traits. A page with figures gets a small script that loads
those of its figures when they come near, joined from the library's sources; no kernel state, which
nothing would read. What stands in for it without scripts is a file that most readers never load.
"""

import base64
import hashlib
import math
import re
from pathlib import Path

import rcssmin
import rjsmin
from myst_nb.sphinx_ import NbMetadataCollector

from normlib import widgets
from normlib.palette import DARK, LIGHT
from normlib.widgets._modules import loader, page_script

STILL = re.compile(r'<img alt="" src="data:image/svg\+xml;base64,([^"]+)">')
LEAST = 10  # px of a label
LABEL = re.compile(r"<g [^>]*\bscale\(([\d.]+) -")  # a text of 10 pt has a scale of 0.1
GROUND = re.compile(
    r'(<g id="(?:patch_1|axes_\d+)">\s*(?:<g id="patch_\d+">\s*)?<path [^>]*style="fill: )'
    + LIGHT["card"]
)
IMAGE = re.compile(r'<img\b[^>]*\bsrc="[^"]*_images/[^"]+\.svg"[^>]*>')


def darken(svg):
    """The drawing with every light color of the palette replaced by its dark one."""
    dark = {LIGHT[name]: DARK[name] for name in LIGHT}
    return re.sub("|".join(dark), lambda color: dark[color[0]], svg)


def without_ground(svg):
    """The drawing on the page's own ground, without that of the figure and those of its axes."""
    return GROUND.sub(r"\1none", svg)


def show_both(app, pagename, templatename, context, doctree):
    """Two pictures in place of one; the one that is not seen is never loaded, since it is lazy."""

    sources = {Path(new).name: old for old, (_, new) in app.env.images.items()}

    def twins(found):
        name = re.search(r'src="[^"]*_images/([^"]+)"', found[0])[1]
        svg = Path(app.srcdir, sources[name]).read_text(encoding="utf-8")
        width, height = size(svg)
        least = math.ceil(width * LEAST / smallest_label(svg))
        kept = f'width="{width}" height="{height}" style="min-width: {least}px"'
        light = _with_class(found[0], "on-light").replace("<img", f'<img loading="lazy" {kept}', 1)
        dark = light.replace(".svg", ".dark.svg").replace("on-light", "on-dark dark-light")
        return f'<span class="picture">{light}{dark}</span>'

    def still(found):
        svg = base64.b64decode(found[1])
        name = f"figures/still-{hashlib.sha256(svg).hexdigest()[:10]}.svg"
        Path(app.outdir, "_static", name).write_bytes(svg)
        address = context["pathto"](f"_static/{name}", resource=True)
        width, height = size(svg.decode())
        return f'<img loading="lazy" alt="" width="{width}" height="{height}" src="{address}">'

    if "body" in context:
        context["body"] = STILL.sub(still, IMAGE.sub(twins, context["body"]))


def size(svg):
    """Width and height of a drawing in px, so that nothing moves when it comes."""
    points = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg).groups()  # matplotlib's
    return [round(float(each) * 4 / 3) for each in points]


def smallest_label(svg):
    """The size in px of the smallest text in a drawing of matplotlib's."""
    return min(float(scale) for scale in LABEL.findall(svg)) * 100 * 4 / 3


def _with_class(tag, name):
    if 'class="' in tag:
        return tag.replace('class="', f'class="{name} ', 1)
    return tag.replace("<img", f'<img class="{name}"', 1)


def write_twins(app, exception):
    if exception or app.builder.format != "html":
        return
    for light in Path(app.outdir, "_images").glob("*.svg"):
        if not light.name.endswith(".dark.svg"):
            svg = without_ground(light.read_text(encoding="utf-8"))
            light.write_text(svg, encoding="utf-8")
            light.with_suffix(".dark.svg").write_text(darken(svg), encoding="utf-8")


PLACE = re.compile(r'<div class="normlib-figure" data-figure="(\w+)"')


def write_scripts(app):
    """One classic script for each figure, and the loader, which must be there for its checksum."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir, "_static", "figures")
    folder.mkdir(parents=True, exist_ok=True)
    scripts = {}
    for name in widgets.__all__:
        script = page_script(name, getattr(widgets, name)._file, minify=rcssmin.cssmin)
        scripts[name] = rjsmin.jsmin(script)
    for name, script in {**scripts, "load": rjsmin.jsmin(loader(scripts))}.items():
        (folder / f"{name}.js").write_text(script, encoding="utf-8")


def add_scripts(app, pagename, templatename, context, doctree):
    if "body" not in context:
        return
    # MyST-NB would add it after us: half a megabyte for a gallery, and no kernel to speak to.
    NbMetadataCollector.get_js_files(app.env, pagename).pop("ipywidgets_state", None)
    if PLACE.search(context["body"]):
        app.add_js_file("figures/load.js", loading_method="defer")


def setup(app):
    app.connect("builder-inited", write_scripts)
    app.connect("html-page-context", add_scripts, priority=400)
    app.connect("html-page-context", show_both, priority=950)
    app.connect("build-finished", write_twins)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
