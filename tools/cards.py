"""The pictures that a shared link shows: `make(html, site)`, called by tools/site.py.

Each page that names a card gets one: its title beside its first picture. A page without a picture
shows what stands in for its first interactive figure, or the front page's picture.
"""

import io
import re
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from normlib.palette import LIGHT

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "helpers"))

from browsing import launch  # noqa: E402  # the browser that the tests take too

FOLDER = "cards"  # of the site
SIZE = {"width": 1200, "height": 630}
COLORS = 128  # enough for a photo; with a palette the file is a third as large
NAMED = re.compile(rf'<meta property="og:image" content="[^"]*/{FOLDER}/([^"/]+\.png)"')
FIND = """() => {
    const said = (name) => document.querySelector(`meta[${name}]`).content;
    return {
        title: said('property="og:title"'),
        book: said('property="og:site_name"'),
        description: said('name="description"'),
        kicker: document.querySelector(".kicker")?.textContent.trim() ?? "",
        picture: document.querySelector("img.on-light")?.src
            ?? document.querySelector(".normlib-still img")?.src,
    };
}"""
SHOW = """async (card) => {
    document.documentElement.innerHTML = card.style;
    const add = (into, name, text) => {
        const made = into.appendChild(document.createElement(name));
        made.textContent = text;
        return made;
    };
    const words = add(document.body, "header", "");
    add(words, "small", card.kicker);
    add(words, "h1", card.title);
    add(words, "footer", card.title === card.book ? card.description : card.book);
    const picture = add(add(document.body, "main", ""), "img", "");
    picture.src = card.picture;
    await picture.decode();
}"""
STYLE = f"""<style>
* {{ box-sizing: border-box; margin: 0; }}
body {{
    width: 1200px; height: 630px; display: flex; background: {LIGHT["acc"]}; color: #fff;
    font: 26px/1.3 Inter, Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif;
}}
header {{ width: 424px; padding: 48px 14px 44px 44px; display: flex; flex-direction: column; }}
h1 {{ font-size: 52px; line-height: 1.12; letter-spacing: -.02em; text-wrap: balance; }}
small {{ font-size: inherit; margin-bottom: 14px; }}
small, footer {{ opacity: .85; }}
small:empty {{ display: none; }}
footer {{ margin-top: auto; text-wrap: balance; }}
main {{
    flex: 1; margin: 24px 24px 24px 0; padding: 20px; border-radius: 18px; background: #fff;
    align-self: center; display: grid;
}}
main img {{ width: 100%; max-height: 542px; object-fit: contain; }}
</style>"""


def look(tab, page):
    """What a built page says of itself, and where its picture is."""
    tab.goto(page.as_uri())
    return tab.evaluate(FIND)


def draw(tab, page, otherwise):
    """The card of a page, as PNG; `otherwise` is the picture of a page that has none."""
    card = {"picture": otherwise, "style": STYLE}
    card |= {name: value for name, value in look(tab, page).items() if value is not None}
    tab.evaluate(SHOW, card)
    shot, file = Image.open(io.BytesIO(tab.screenshot())), io.BytesIO()
    few = shot.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    few.save(file, "PNG", optimize=True)
    return file.getvalue()


def cards(browser, html, pages):
    """A card for each of these pages of the book; without scripts, which would move the stills."""
    tab = browser.new_page(viewport=SIZE, color_scheme="light", java_script_enabled=False)
    front = look(tab, html / "book" / "index.html")["picture"]
    for page in pages:
        yield draw(tab, page, front)
    tab.close()


def named(html):
    """The pages that name a card, with the card's file."""
    for page in sorted(html.glob("book/*.html")):
        if name := NAMED.search(page.read_text(encoding="utf-8")):
            yield page, name[1]


def write(browser, html, site):
    """Draw into the site what its pages name."""
    wanted = dict(named(html))
    (site / FOLDER).mkdir()
    for name, card in zip(wanted.values(), cards(browser, html, wanted), strict=True):
        (site / FOLDER / name).write_bytes(card)


def make(html, site):
    """Draw what pages name, where they name anything: the site's address is known."""
    if any(named(html)):
        with sync_playwright() as playwright:
            write(launch(playwright), html, site)
