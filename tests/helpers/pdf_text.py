"""What a PDF of Chromium's says: the words of its sheets, its outline, its links."""

import re
import zlib

from pdf import objects, sheets_of


def stream(part):
    """The content of a part, unpacked."""
    return zlib.decompress(part[part.index(b"stream\n") + 7 : part.rindex(b"\nendstream")])


def letters(parts, font):
    """What the codes of a font mean."""
    found = re.search(rb"/ToUnicode (\d+) 0 R", parts[font])
    table = stream(parts[found[1]]).decode() if found else ""
    meaning = {}
    for code, char in re.findall(r"(?m)^<(\w+)> <(\w+)>$", table):
        meaning[int(code, 16)] = bytes.fromhex(char).decode("utf-16-be")
    for first, last, char in re.findall(r"(?m)^<(\w+)> <(\w+)> <(\w+)>$", table):
        for n in range(int(last, 16) - int(first, 16) + 1):
            meaning[int(first, 16) + n] = chr(int(char, 16) + n)
    return meaning


def words(pdf):
    """The letters of each sheet in the order of drawing; blanks say nothing, so there are none."""
    parts, fonts, sheets = objects(pdf), {}, []
    for sheet in sheets_of(parts):
        said, font = "", None
        own = dict(re.findall(rb"/(F\d+) (\d+) 0 R", parts[sheet]))
        content = stream(parts[re.search(rb"/Contents (\d+) 0 R", parts[sheet])[1]])
        for name, codes in re.findall(rb"/(F\d+) [\d.]+ Tf|<(\w+)> Tj", content):
            if name:
                font = fonts.setdefault(own[name], letters(parts, own[name]))
            for code in re.findall("....", codes.decode()):
                said += font.get(int(code, 16), "")
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
