"""Print the built book as one PDF, `python tools/pdf.py`: _build/normalization-book.pdf.

A browser cannot say in advance on which sheet a section will begin. So it prints twice: where the
sections of the first PDF are is written into the contents of the second.
"""

import os
import re
import sys
from pathlib import Path

import yaml
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / each) for each in ("tools", "tests/helpers", "book/_ext")]
from one_page import join  # noqa: E402
from repository import address, origin  # noqa: E402

from browsing import launch  # noqa: E402

BUILD = ROOT / "_build"
PDF = BUILD / "normalization-book.pdf"
COLUMN = 605  # pixels between the margins of pdf.css: the width in which pages are laid out
FILL = """
(sheets) => {
  for (const link of document.querySelectorAll(".page-of"))
    link.textContent = sheets[decodeURIComponent(link.hash.slice(1))] ?? "";
}
"""


def objects(pdf):
    """The numbered parts of a PDF, as Chromium writes them."""
    return dict(re.findall(rb"(?ms)^(\d+) 0 obj\n(.*?)\nendobj", pdf))


def leaves(parts, number):
    """The numbers of the sheets under a node of the tree of sheets, in their order."""
    kids = re.search(rb"/Kids \[(.*?)\]", parts[number], re.S)
    if not kids:
        return [number]
    return [leaf for kid in re.findall(rb"(\d+) 0 R", kids[1]) for leaf in leaves(parts, kid)]


def sheets_of(parts):
    """The numbers of all sheets."""
    (root,) = (part for part in parts.values() if b"/Type /Catalog" in part)
    return leaves(parts, re.search(rb"/Pages (\d+) 0 R", root)[1])


def places(pdf):
    """For each name that a link leads to its sheet, counted from 1."""
    parts = objects(pdf)
    numbers = {sheet: n for n, sheet in enumerate(sheets_of(parts), 1)}
    named = re.findall(rb"(?m)^(?:<<)?/(\S+) \[(\d+) 0 R /XYZ", pdf)
    return {name.decode(): numbers[sheet] for name, sheet in named}


def dated(pdf, day):
    """The PDF with the day of the book, "2026-11-30", for the minute of printing; nothing moves."""
    digits = day.replace("-", "").encode() + b"000000"
    return re.sub(rb"(/(?:Creation|Mod)Date \(D:)\d{14}", rb"\g<1>" + digits, pdf)


def printed(page):
    """Print until the contents are true: twice, since a number has its room before it is known."""
    shown = {}
    for _ in range(4):
        pdf = page.pdf(print_background=True, prefer_css_page_size=True, outline=True, tagged=True)
        found = places(pdf)
        if found == shown:
            return pdf
        page.evaluate(FILL, found)
        shown = found
    raise RuntimeError("With each print the sections are on other pages.")


def main():
    """Print the book that is built."""
    html = BUILD / "html"
    if not (html / "index.html").exists():
        sys.exit(f"There is no book in {html}. Build it first: make")
    config, toc = (
        yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        for name in ("_config.yml", "_toc.yml")
    )
    text = join(html, config, toc, address(os.environ, origin()).site)
    document = BUILD / "book.html"
    document.write_text(text, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": COLUMN, "height": 900}, color_scheme="light")
        page.goto(document.as_uri())
        pdf = printed(page)
        browser.close()
    day = re.search(r"when the book was built \(([\d-]+)", text)[1]
    PDF.write_bytes(dated(pdf, day))
    sheets = len(sheets_of(objects(pdf)))
    print(f"{PDF} has {sheets} pages ({len(pdf) / 1e6:.0f} MB)")


if __name__ == "__main__":
    main()
