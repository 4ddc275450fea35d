"""What a PDF of Chromium's says: the words of its sheets, its outline, its links."""

import re
import zlib

from pdf import objects, sheets_of


def stream(part):
    """The content of a part, unpacked."""
    return zlib.decompress(part[part.index(b"stream\n") + 7 : part.rindex(b"\nendstream")])


def letters(parts, font):
    """What the codes of a font mean; a drawn font has codes of two digits, the others of four."""
    found = re.search(rb"/ToUnicode (\d+) 0 R", parts[font])
    table = stream(parts[found[1]]).decode() if found else ""
    digits = 2 if b"/Type3" in parts[font] else 4
    meaning = {}
    for code, char in re.findall(r"(?m)^<(\w+)> <(\w{4,})>$", table):
        if (code, char) != ("0000", "FFFF"):  # the range of all codes
            meaning[code] = bytes.fromhex(char).decode("utf-16-be")
    for first, last, char in re.findall(r"(?m)^<(\w+)> <(\w+)> <(\w{4})>$", table):
        for n in range(int(last, 16) - int(first, 16) + 1):
            meaning[f"{int(first, 16) + n:0{digits}X}"] = chr(int(char, 16) + n)
    return digits, meaning


def words(pdf):
    """The letters of each sheet in the order of drawing; blanks say nothing, so there are none."""
    parts, fonts, sheets = objects(pdf), {}, []
    for sheet in sheets_of(parts):
        said, digits, meaning = "", 4, {}
        own = dict(re.findall(rb"/(F\d+) (\d+) 0 R", parts[sheet]))
        content = stream(parts[re.search(rb"/Contents (\d+) 0 R", parts[sheet])[1]])
        for name, codes in re.findall(rb"/(F\d+) [\d.]+ Tf|<(\w+)> Tj", content):
            if name:
                if own[name] not in fonts:
                    fonts[own[name]] = letters(parts, own[name])
                digits, meaning = fonts[own[name]]
            for code in re.findall("." * digits, codes.decode()):
                said += meaning.get(code, "")
        sheets.append(re.sub(r"\s", "", said))
    return sheets


def titles(pdf):
    """The titles of the outline."""
    for part in objects(pdf).values():
        for plain, coded in re.findall(rb"<</Title (?:\((.*)\)|<FEFF(\w+)>)\n/Dest", part):
            if coded:
                yield bytes.fromhex(coded.decode()).decode("utf-16-be")
            else:
                yield re.sub(rb"\\(.)", rb"\1", plain).decode("latin-1")


def goals(pdf):
    """The names that links lead to."""
    return {name.decode() for name in re.findall(rb"/Dest /(\S+)", pdf)}
