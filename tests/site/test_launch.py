"""Where the book says it lives, and the buttons that follow from it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe

from browsing import pages
from chapters import PAGES, cells
from extensions import extension

ROOT = Path(__file__).parents[2]
repository, launch, nbexport = map(extension, ["repository", "launch", "nbexport"])
WHEEL = "https://a.github.io/b/normlib-9.9.9-py3-none-any.whl"


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/Ada/norm-book",
        "https://github.com/Ada/norm-book.git",
        "https://github.com/Ada/norm-book/",
        "https://ada:secret@github.com/Ada/norm-book.git",
        "https://www.github.com/Ada/norm-book",
        "git@github.com:Ada/norm-book.git",
        "git@github.com:Ada/norm-book",
        "ssh://git@github.com/Ada/norm-book.git",
        "ssh://git@github.com:22/Ada/norm-book.git",
        "git://github.com/Ada/norm-book.git",
    ],
)
def test_a_remote_on_github_is_understood(remote):
    assert repository.on_github(remote) == "Ada/norm-book"


@pytest.mark.parametrize(
    "remote",
    [
        "",
        "/srv/git/book.git",
        "../book",
        "https://gitlab.com/Ada/norm-book.git",
        "https://notgithub.com/Ada/norm-book.git",
        "https://github.com.example.org/Ada/norm-book.git",
        "https://example.org/github.com/Ada/norm-book",
        "https://github.com/Ada",
        "https://github.com/Ada/norm-book/tree/main",
    ],
)
def test_any_other_remote_is_none(remote):
    assert repository.on_github(remote) == ""


def test_without_anything_there_is_no_address():
    assert repository.address({}, "") == repository.Address("", "main", "")


def test_on_github_the_variables_speak_for_a_fork_and_its_branch():
    machine = {
        "GITHUB_REPOSITORY": "Bob/fork",
        "GITHUB_REF_NAME": "dev",
        "GITHUB_REF_TYPE": "branch",
    }
    place = repository.address(machine, "https://github.com/Ada/norm-book")
    assert place == repository.Address("Bob/fork", "dev", "https://bob.github.io/fork")


@pytest.mark.parametrize(
    ("kind", "name"),
    [("branch", "12/merge"), ("tag", "v1"), ("branch", "gh-pages"), ("branch", "")],
)
def test_what_is_no_branch_to_build_from_is_main(kind, name):
    machine = {"GITHUB_REF_TYPE": kind, "GITHUB_REF_NAME": name, "GITHUB_REPOSITORY": "a/b"}
    assert repository.address(machine, "").branch == "main"


@pytest.mark.parametrize("broken", ["", "alone", "a/b/c", "a/<script>"])
def test_a_variable_that_names_no_repository_gives_way_to_the_remote(broken):
    place = repository.address({"GITHUB_REPOSITORY": broken}, "git@github.com:Ada/book.git")
    assert place.repository == "Ada/book"


def test_a_site_of_ones_own_and_the_site_of_an_owner():
    own = {"BOOK_SITE": "https://norms.example.org/"}
    assert repository.address(own, "").site == "https://norms.example.org"
    assert repository.address(own, "").repository == ""
    assert repository.address(own | {"GITHUB_REPOSITORY": "a/b"}, "").site == own["BOOK_SITE"][:-1]
    assert repository.pages_of("Ada/Ada.github.io") == "https://ada.github.io"


def test_the_remote_is_that_of_the_folder_itself(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    git = ["git", "-C", tmp_path]
    assert repository.origin(inner) == ""
    subprocess.run([*git, "init", "-q"], check=True)
    assert repository.origin(tmp_path) == ""
    subprocess.run([*git, "remote", "add", "origin", "https://github.com/a/b"], check=True)
    assert repository.origin(tmp_path) == "https://github.com/a/b"
    assert repository.origin(inner) == ""


PAGE = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# A chapter

```{code-cell} ipython3
:tags: [remove-cell]
# Set-up. Run this cell first.
try:
    import normlib as nl
except ModuleNotFoundError:
    hint = "In the folder of the book: pip install '.[chapters]'"
    raise ModuleNotFoundError(f"normlib is missing. {hint}") from None
import numpy as np
```
"""
CONFIG = """
title: Book
only_build_toc_files: true
execute: {execute_notebooks: "off"}
sphinx:
  recursive_update: true
  local_extensions: {repository: EXT, launch: EXT, nbexport: EXT}
  config:
    html_theme_options: {navbar_persistent: []}
    nbexport_built: some day
    html_additional_pages: {"404": 404.html}
    templates_path: [TEMPLATES]
"""


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A book of two pages, built on a machine of GitHub's, on a branch of a fork."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "book").mkdir()
    (folder / "book" / "01_page.md").write_text(PAGE)
    (folder / "index.md").write_text("# Front\n")
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nchapters: [{file: book/01_page}]\n"
    )
    extensions, templates = ((ROOT / "book" / d).as_posix() for d in ("_ext", "_templates"))
    (folder / "_config.yml").write_text(
        CONFIG.replace("EXT", extensions).replace("TEMPLATES", templates)
    )
    machine = {"GITHUB_REPOSITORY": "Bob/fork", "GITHUB_REF_NAME": "a/dev", "NO_COLOR": "1"}
    command = [Path(sys.executable).with_name("jupyter-book"), "build", folder, "-W", "-n"]
    environment = os.environ | machine | {"PYTHONPATH": str(ROOT)}
    for name in ("GITHUB_REF_TYPE", "BOOK_SITE"):
        environment.pop(name, None)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build" / "html"


def links(page):
    return re.findall(r'href="(https?:[^"]*)"', page.read_text(encoding="utf-8"))


def test_the_buttons_of_a_chapter_open_its_notebook(published):
    found = links(published / "book" / "01_page.html")
    colab = (
        "https://colab.research.google.com/github/Bob/fork/blob/gh-pages/notebooks/01_page.ipynb"
    )
    binder = (
        "https://mybinder.org/v2/gh/Bob/fork/a%2Fdev?urlpath=lab/tree/my-notebooks/01_page.ipynb"
    )
    assert found.count(colab) == found.count(binder) == 1
    assert not [link for link in found if ".md" in link]
    assert (published / "notebooks" / "01_page.ipynb").exists()


def test_an_error_is_reported_with_the_name_of_the_page(published):
    reports = [u for u in links(published / "book" / "01_page.html") if "/issues/new" in u]
    assert len(reports) == 1
    assert reports[0].startswith(
        "https://github.com/Bob/fork/issues/new?title=Error%20on%20the%20page%20book/01_page&"
    )
    assert "Report an error on this page" in (published / "index.html").read_text()


def test_every_page_offers_the_book_as_one_file(published):
    archive = re.search(r'(?m)^ARCHIVE = "(.*)"', (ROOT / "tools" / "site.py").read_text())[1]
    for page in ("index.html", "book/01_page.html"):
        assert links(published / page).count(f"https://bob.github.io/fork/{archive}") == 1


def test_every_page_offers_the_pdf_of_the_book(published):
    name = re.search(r'(?m)^PDF = "(.*)"', (ROOT / "tools" / "site.py").read_text())[1]
    assert f'BUILD / "{name}"' in (ROOT / "tools" / "pdf.py").read_text()
    for page in ("index.html", "book/01_page.html"):
        # In the footer, and in the menu of downloads.
        assert links(published / page).count(f"https://bob.github.io/fork/{name}") == 2


def test_a_page_without_code_has_no_launch_buttons(published):
    found = links(published / "index.html")
    assert "https://github.com/Bob/fork" in found
    assert not [link for link in found if "colab" in link or "mybinder" in link]


def test_a_book_names_no_repository_but_its_own(published):
    for page in published.rglob("*.html"):
        places = [u for u in links(page) if re.search("github|colab|mybinder", u)]
        assert [u for u in places if "Bob/fork" not in u and "bob.github.io/fork" not in u] == []


def test_the_set_up_cell_of_a_published_notebook_installs_normlib(published):
    notebook = nbformat.read(published / "notebooks" / "01_page.ipynb", as_version=4)
    (cell,) = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    version = extension("repository").normlib.__version__
    wheel = f"https://bob.github.io/fork/normlib-{version}-py3-none-any.whl"
    assert f'\n    %pip install --quiet "normlib @ {wheel}"\n    import normlib as nl\n' in cell
    assert "raise" not in cell
    assert cell.endswith("import numpy as np")


def test_a_notebook_made_without_running_the_book_says_so(published):
    notebook = nbformat.read(published / "notebooks" / "01_page.ipynb", as_version=4)
    assert "The book was not run for this copy" in notebook.cells[0].source
    assert "some day" not in notebook.cells[0].source


def test_every_set_up_cell_of_the_book_can_install_normlib(monkeypatch):
    warned = []
    monkeypatch.setattr(nbexport.log, "warning", lambda *text, **_: warned.append(text))
    for path in PAGES:
        code = [cell.source for cell in cells(path) if "book-only" not in cell.tags]
        if not re.search(r"(?m)^ *(import|from) normlib\b", "\n".join(code)):
            continue
        assert code[0].startswith("# Set-up"), f"{path.name} uses normlib before its set-up cell"
        made = nbexport.installs_itself(code[0], WHEEL)
        assert made.count(f'    %pip install --quiet "normlib @ {WHEEL}"\n') == 1
        assert nbexport.installs_itself(code[0], "") == code[0]
    assert warned == []
    nbexport.installs_itself("# Set-up.\nimport normlib as nl", WHEEL)
    assert len(warned) == 1


def test_the_set_up_cell_installs_where_normlib_is_missing_and_only_there(capsys):
    from IPython.core.interactiveshell import InteractiveShell

    (cell, *_) = cells(ROOT / "book" / "06_layer_norm.md")
    source = nbexport.installs_itself(cell.source, WHEEL).partition("\n\n")[0]
    shell, asked = InteractiveShell(), []
    shell.register_magic_function(asked.append, "line", "pip")
    assert shell.run_cell(source).success
    assert asked == []
    missing = source.replace("import normlib as nl", "import normlib_missing as nl")
    assert isinstance(shell.run_cell(missing).error_in_exec, ModuleNotFoundError)
    assert asked == [f'install --quiet "normlib @ {WHEEL}"']
    capsys.readouterr()


def test_without_an_address_the_book_has_no_such_buttons(book):
    place = repository.address(os.environ, repository.origin())
    if place.repository or place.site:
        pytest.skip(f"this copy of the book has an address, {place}")
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for foreign in (
            "executablebooks",
            "colab.research",
            "mybinder",
            "/issues/new",
            "github.io",
        ):
            assert foreign not in text, page.name
    for notebook in (book / "notebooks").glob("*.ipynb"):
        assert "%pip" not in notebook.read_text(encoding="utf-8")


def test_a_page_that_is_not_there_leads_home_from_any_depth(browser, book):
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((book / "404.html").as_uri())
    assert page.title() == "Page not found – Understanding Normalization in GPT Models"
    assert Axe().run(page).response["violations"] == []
    assert len(asked) == 1  # nothing else is loaded, so nothing can be missing
    assert page.get_by_role("heading").inner_text() == "This page is not here"
    site = repository.address(os.environ, repository.origin()).site
    assert page.get_by_role("link").get_attribute("href") == (f"{site}/" if site else "index.html")
    page.close()


def test_the_page_that_is_not_there_knows_the_site(published):
    text = (published / "404.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:href|src)="([^"]*)"', text) == ["https://bob.github.io/fork/"]
