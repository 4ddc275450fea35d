"""The font of the formulas: Latin Modern Math, cut down to what the book's formulas need.

python tools/maths_font.py /usr/share/texmf/fonts/opentype/public/lm-math/latinmodern-math.otf

reads the formulas of the built book, and writes book/_static/fonts/normlib-math.woff2. Run it when
`tests/site/test_pages.py` misses a character. The original is on CTAN as lm-math, in Debian as
fonts-lmodern; its license, beside the font, asks that a changed font has another name.
"""

import html
import re
import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "book" / "_static" / "fonts" / "normlib-math.woff2"
NAME = "Normlib Math"


def characters(folder):
    """All characters in the formulas of built pages."""
    found = set()
    for page in folder.rglob("*.html"):
        for formula in re.findall(r"(?s)<math.*?</math>", page.read_text(encoding="utf-8")):
            found |= set(html.unescape(re.sub(r"<[^>]+>", "", formula)))
            found |= {"√"} if "<msqrt" in formula else set()  # which the element draws by itself
    return found - {"\n"} | {italic(char) for char in found}


def italic(char):
    """What a single letter of a formula becomes by itself: a is drawn as U+1D44E."""
    for first, size, start in (
        ("A", 26, 0x1D434),
        ("a", 26, 0x1D44E),
        ("Α", 25, 0x1D6E2),
        ("α", 25, 0x1D6FC),
    ):
        if 0 <= ord(char) - ord(first) < size:
            return "ℎ" if char == "h" else chr(start + ord(char) - ord(first))
    return {"ϵ": "𝜖", "ϕ": "𝜙", "∂": "𝜕", "∇": "𝛻"}.get(char, char)


def main(source):
    """Cut, rename, and write."""
    wanted = characters(ROOT / "_build" / "html")
    font = TTFont(source)
    options = subset.Options()
    options.layout_features = ["ssty"]  # the forms for subscripts; MATH comes by itself
    options.flavor, options.notdef_outline = "woff2", True
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[ord(char) for char in wanted])
    cutter.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 3, 4, 6, 16):
            record.string = NAME if record.nameID != 6 else NAME.replace(" ", "")
    if "CFF " in font:
        cff = font["CFF "].cff
        cff.fontNames = [NAME.replace(" ", "")]
        cff.topDictIndex[0].FullName = cff.topDictIndex[0].FamilyName = NAME
    TARGET.parent.mkdir(exist_ok=True)
    subset.save_font(font, TARGET, options)
    print(f"{len(wanted)} characters, {TARGET.stat().st_size:,} bytes: {TARGET}")


if __name__ == "__main__":
    main(sys.argv[1])
