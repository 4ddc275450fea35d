"""A chapter's source, taken apart: its cells and its prose."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

BOOK = Path(__file__).parents[2] / "book"
PAGES = sorted(BOOK.glob("*.md"))
CHAPTERS = [path for path in PAGES if re.match(r"\d\d_", path.name)]

FENCE = re.compile(
    r"^(?P<ticks>`{3,})(?P<head>[^\n]*)\n(?P<body>.*?)^(?P=ticks)[ \t]*$", re.M | re.S
)


@dataclass(frozen=True)
class Cell:
    """A code cell: its source, its tags and the options of its figure."""

    source: str
    tags: tuple
    options: dict

    @property
    def lines(self):
        return [line for line in self.source.splitlines() if line.strip()]


def text_of(path):
    """The page without its front matter."""
    return re.sub(r"\A---\n.*?\n---\n", "", path.read_text(encoding="utf-8"), flags=re.S)


def cells(path):
    """All code cells in order."""
    return [_cell(m["body"]) for m in FENCE.finditer(text_of(path)) if "{code-cell}" in m["head"]]


def _cell(body):
    if body.startswith("---\n"):
        head, _, source = body[4:].partition("\n---\n")
        options = yaml.safe_load(head)
    else:
        lines = body.splitlines(keepends=True)
        head = [line for line in lines if re.match(r":[\w-]+:", line)]
        options = yaml.safe_load("".join(line[1:] for line in head)) or {}
        source = "".join(lines[len(head) :])
    return Cell(source.strip("\n"), tuple(options.get("tags", ())), options)


def prose(path_or_text):
    """What a reader reads as sentences: captions and alt texts too, but no code and no maths."""
    text = path_or_text if isinstance(path_or_text, str) else text_of(path_or_text)
    captions = re.findall(r"^ +(?:caption|alt): (.*)$", text, re.M)
    text = FENCE.sub(_keep_prose_of_directive, text)
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.S)
    text = re.sub(r"^(%|:::|:\w|\(.*\)=).*$", "", text, flags=re.M)
    return strip_inline(text + "\n" + "\n".join(captions))


def _keep_prose_of_directive(fence):
    head = fence["head"].strip()
    if re.match(r"\{(div|admonition|note|tip|warning|margin|exercise-start|glossary)\}", head):
        return fence["body"]
    return ""


def strip_inline(text):
    """Without inline code, maths, roles and links' addresses; a citation leaves «cited»."""
    text = re.sub(r"\{cite[^}]*\}`[^`]*`", "«cited»", text)
    text = re.sub(r"\{[\w:-]+\}`[^`]*`", "«value»", text)
    text = re.sub(r"`[^`]*`", "«code»", text)
    text = re.sub(r"\$[^$\n]+\$", "«maths»", text)
    text = re.sub(r'(?<=<a) href="[^"]*"', "", text)
    return re.sub(r"\]\([^)]*\)", "]", text)


NUMBER = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|hundred|thousand"
TYPED = [
    r"\d",
    rf"\b({NUMBER}|all|none) (out )?of (the )?({NUMBER})\b",
    rf"\b({NUMBER})[ -](times|fold|percent|per cent|seeds|runs)\b",
    r"\b(twice|thrice|half|double) as\b",
    r"\bby (half|a half|a third|a quarter)\b",
]
NAMES = r"GPT-\d|\bT5\b|\b(Gemma|OLMo|Qwen) \d|Chapters? \d+|(?<= )\d{1,2} (?=[A-Z«])|^\*\*Step \d"


def typed_numbers(text):
    """Lines of prose that state a measurement nobody computed; a cited line may quote one."""
    found = []
    for line in text.splitlines():
        if "«cited»" in line:
            continue
        rest = re.sub(NAMES, "", line)
        if any(re.search(pattern, rest, re.I) for pattern in TYPED):
            found.append(line)
    return found
