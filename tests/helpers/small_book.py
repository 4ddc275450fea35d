"""A book of a page or two that is built by the real Makefile and extensions in seconds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIG = """
title: A small book
only_build_toc_files: true
execute: {execute_notebooks: cache, timeout: 60, stderr_output: error}
sphinx:
  recursive_update: true
  local_extensions: {surroundings: EXT, execution: EXT, unfinished: EXT}
  config:
    extensions: [surroundings, jupyter_book, myst_nb, sphinx_book_theme, sphinx_comments,
      sphinx_external_toc, sphinx_togglebutton, execution, unfinished]
    html_theme_options: {navbar_persistent: []}
    nb_mime_priority_overrides: [["html", "text/html", 0]]
"""
NOTEBOOK = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# A notebook

"""


def notebook(*cells):
    """The text of a page with these cells of code."""
    return NOTEBOOK + "\n".join(f"```{{code-cell}} ipython3\n{cell}\n```\n" for cell in cells)


def write(folder, **pages):
    """Write a book with these pages behind a front page, ready for `make`."""
    tools = folder / ".venv" / "bin"
    tools.mkdir(parents=True)
    tool = "jupyter-book"
    (tools / tool).symlink_to(Path(sys.executable).with_name(tool))
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("pyproject.toml", "constraints.txt", ".venv/ready"):  # the last one the newest
        (folder / name).touch()
    extensions = (ROOT / "book" / "_ext").as_posix()
    (folder / "_config.yml").write_text(CONFIG.replace("EXT", extensions), encoding="utf-8")
    chapters = "".join(f"- file: book/{name}\n" for name in pages)
    toc = f"format: jb-book\nroot: index\nchapters:\n{chapters}"
    (folder / "_toc.yml").write_text(toc, encoding="utf-8")
    (folder / "index.md").write_text("# Front\n", encoding="utf-8")
    (folder / "book").mkdir()
    for name, text in pages.items():
        page(folder, name).write_text(text, encoding="utf-8")
    return folder


def page(folder, name):
    return folder / "book" / f"{name}.md"


def start(folder, **environment):
    """Start `make` in a session of its own, as a terminal does."""
    return subprocess.Popen(
        ["make"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        env=os.environ | environment,
    )


def make(folder, **environment):
    """Whether `make` succeeds, and what it says."""
    process = start(folder, **environment)
    said, _ = process.communicate()
    return process.returncode == 0, said
