"""The search finds a compound however it is written: pre-norm, prenorm; LayerNorm, layer norm."""

import re

from sphinx.search import languages
from sphinx.search.en import SearchEnglish

HYPHENATED = re.compile(r"\b([^\W\d_]+)-([^\W\d_]+)\b")
CAMEL = re.compile(r"\b([A-Z]?[a-z]+)([A-Z][a-z]+)\b")
PAIRS = re.compile(r"\b(layer|batch|group|instance|weight|spectral)[ \n](norm)s?\b", re.I)


class SearchCompounds(SearchEnglish):
    """English, with the joined and the parted form of each compound beside the written one."""

    def split(self, input):
        """The words of a text."""
        joined = [a + b for pattern in (HYPHENATED, PAIRS) for a, b in pattern.findall(input)]
        parted = [word for pair in CAMEL.findall(input) for word in pair]
        return [*super().split(input), *joined, *parted]


def setup(app):
    languages["en"] = SearchCompounds
    return {"parallel_read_safe": True, "parallel_write_safe": True}
