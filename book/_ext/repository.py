"""Where the book is published: taken from the build's surroundings, never from a file.

The repository is GITHUB_REPOSITORY where that is set (on GitHub's machines), else the git remote
`origin`, else there is none, and then the book shows no repository or launch button.
The site is BOOK_SITE where that is set, else the GitHub Pages of the repository, else none.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import normlib

ROOT = Path(__file__).parents[2]
PUBLISHED = "gh-pages"  # the branch that holds the site and the notebooks
DEFAULT = "main"
GITHUB = re.compile(
    r"(?:\w+://)?(?:[^@/]+@)?(?:www\.)?github\.com(?::\d+/|[:/])([\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


@dataclass(frozen=True)
class Address:
    """`owner/name` on GitHub, the branch the book is made from, and the root of its site."""

    repository: str
    branch: str
    site: str


def git(*arguments, root=ROOT):
    """What git says of this repository; nothing where there is no git or no repository."""
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def origin(root=ROOT):
    """The remote of this folder's own repository, not of one that happens to lie around it."""
    top = git("rev-parse", "--show-toplevel", root=root)
    return git("remote", "get-url", "origin", root=root) if top and Path(top) == root else ""


def on_github(remote):
    """`owner/name` of a remote's address, or nothing where it is not on GitHub."""
    found = GITHUB.fullmatch(remote)
    return found[1] if found else ""


def pages_of(repository):
    """Where GitHub Pages shows a repository's site."""
    owner, _, name = repository.partition("/")
    host = f"https://{owner.lower()}.github.io"
    return host if f"https://{name.lower()}" == host else f"{host}/{name}"


def address(environment, remote):
    """The addresses that follow from the environment's variables and the remote `origin`."""
    repository = environment.get("GITHUB_REPOSITORY", "")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        repository = on_github(remote)
    # A pull request is built from a merge that no one can open later; a tag is not a branch.
    on_branch = environment.get("GITHUB_REF_TYPE", "branch") == "branch"
    branch = environment.get("GITHUB_REF_NAME", "") if on_branch else ""
    if not branch or re.fullmatch(r"\d+/merge", branch) or branch == PUBLISHED:
        branch = DEFAULT
    site = environment.get("BOOK_SITE", "") or (pages_of(repository) if repository else "")
    return Address(repository, branch, site.rstrip("/"))


def link(app, config):
    place = address(os.environ, origin())
    # An empty string, not the absence of one: Jupyter Book's default is its own repository.
    # Its launch buttons would open the .md files, see launch.py for ours.
    options = {"repository_url": "", "launch_buttons": {}}
    if place.repository:
        options |= {
            "repository_url": f"https://github.com/{place.repository}",
            "repository_branch": place.branch,
            "use_repository_button": True,
        }
    config.html_theme_options.update(options)
    config.book_repository, config.book_branch = place.repository, place.branch
    config.nbexport_site = place.site
    if place.site:
        config.nbexport_wheel = f"{place.site}/normlib-{normlib.__version__}-py3-none-any.whl"


def setup(app):
    app.add_config_value("book_repository", "", "html", str)
    app.add_config_value("book_branch", DEFAULT, "html", str)
    app.connect("config-inited", link, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
