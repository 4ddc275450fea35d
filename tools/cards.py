"""The pictures that a shared link shows: `make(html, site)`, called by tools/site.py.

Each page that names a card gets one: its title beside its first picture. A page without a picture
shows the stills of its interactive figures, or the front page's picture. They lie beside the
archive, not in it: pages name them by the site's address, so they are of no use without a network.
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

from browsing import launch  # noqa: E402  # the same browser as the tests

SIZE = {"width": 1200, "height": 630}
COLORS = 128  # enough for a photo; a drawing has fewer, and a palette makes it a third
NAMED = re.compile(r'<meta property="og:image" content="[^"]*/(cards/[^"/]+\.png)"')
FRONT = "book/index.html"
FIND = """() => ({
    title: document.querySelector('meta[property="og:title"]').content,
    book: document.querySelector('meta[property="og:site_name"]').content,
    kicker: document.querySelector("article .kicker")?.textContent.trim() ?? "",
    pictures: ["img.on-light", ".normlib-still img"].map((kind) =>
        [...document.querySelectorAll(`article ${kind}`)].map((picture) => picture.src)),
})"""
SHOW = """async (card) => {
    document.documentElement.innerHTML = card.style;
    const add = (into, name, text) => {
        const made = into.appendChild(document.createElement(name));
        made.textContent = text;
        return made;
    };
    const words = add(document.body, "header", ""), stage = add(document.body, "main", "");
    add(words, "small", card.kicker);
    add(words, "h1", card.title);
    add(words, "footer", card.title === card.book ? "" : card.book);
    stage.classList.toggle("many", card.pictures.length > 1);
    for (const source of card.pictures) add(stage, "img", "").src = source;
    await Promise.all([...document.images].map((image) => image.decode()));
}"""
STYLE = f"""<style>
* {{ box-sizing: border-box; margin: 0; }}
body {{
    width: 1200px; height: 630px; display: flex; background: {LIGHT["acc"]}; color: #fff;
    font-family: Inter, Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif;
}}
header {{ width: 460px; padding: 52px 30px 44px 52px; display: flex; flex-direction: column; }}
small {{ font-size: 26px; opacity: .85; min-height: 32px; }}
h1 {{ font-size: 60px; line-height: 1.12; letter-spacing: -.02em; margin-top: 16px; }}
footer {{ margin-top: auto; font-size: 26px; line-height: 1.3; opacity: .85; }}
main {{
    flex: 1; margin: 28px 28px 28px 0; padding: 24px; border-radius: 20px; background: #fff;
    display: grid; place-items: center; min-width: 0;
}}
main img {{ width: 100%; height: 100%; object-fit: contain; min-height: 0; min-width: 0; }}
main.many {{ grid-template-columns: 1fr 1fr; gap: 16px; }}
</style>"""


def front_picture(tab, html):
    """The picture for pages that have none."""
    tab.goto((html / FRONT).as_uri())
    return tab.evaluate(FIND)["pictures"][0]


def draw(tab, page, otherwise):
    """The card of a page, as PNG."""
    tab.goto(page.as_uri())
    found = tab.evaluate(FIND)
    own, stills = found["pictures"]
    pictures = own[:1] or stills or otherwise
    tab.evaluate(SHOW, {**found, "style": STYLE, "pictures": pictures})
    shot = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
    file = io.BytesIO()
    shot.quantize(COLORS, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


def cards(html, pages):
    """Pairs of a page and its card; no script runs, so that the stills are there."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        tab = browser.new_page(viewport=SIZE, color_scheme="light", java_script_enabled=False)
        otherwise = front_picture(tab, html)[:1]
        for page in pages:
            yield page, draw(tab, page, otherwise)
        browser.close()


def make(html, site):
    """Draw a card for each page that names one, into the site."""
    text = {page: page.read_text(encoding="utf-8") for page in sorted(html.glob("book/*.html"))}
    names = {page: name[1] for page in text if (name := NAMED.search(text[page]))}
    if names:
        (site / "cards").mkdir(exist_ok=True)
        for page, card in cards(html, names):
            (site / names[page]).write_bytes(card)
    return len(names)
