"""A browser on the built book."""

import os
import shutil
from pathlib import Path

BUILD = Path(__file__).parents[2] / "_build" / "html"
# --no-sandbox because root cannot have one; the rest keeps Chromium itself off the network.
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def launch(playwright):
    """The system's Chromium if there is one, else Playwright's own."""
    own = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    return playwright.chromium.launch(executable_path=own, args=FLAGS)


def hear_faults(page):
    """Note in page.faults what a script throws, and what the console calls an error."""
    page.faults = []
    page.on("pageerror", lambda e: page.faults.append(str(e)))
    page.on("console", lambda m: m.type == "error" and page.faults.append(m.text))


def pages():
    """Every page of the book, search and index included."""
    return sorted([*BUILD.glob("*.html"), *BUILD.glob("book/*.html")])
