"""The Sphinx extensions of the book, as modules."""

import importlib
import sys
from pathlib import Path

EXTENSIONS = Path(__file__).parents[2] / "book" / "_ext"


def extension(name):
    sys.path.insert(0, str(EXTENSIONS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(EXTENSIONS))
