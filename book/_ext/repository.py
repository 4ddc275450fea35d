"""Where the book is published: taken from the build's surroundings, never from a file.

The repository is GITHUB_REPOSITORY where that is set (on GitHub's machines), else the git remote
`origin`, else there is none, and then the book shows no repository or launch button.
"""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def git(*arguments):
    """What git says of this repository; nothing where there is no git or no repository."""
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def repository():
    """`owner/name` on GitHub, or None."""
    if slug := os.environ.get("GITHUB_REPOSITORY"):
        return slug
    remote = git("remote", "get-url", "origin")
    found = re.search(r"github\.com[:/]([^/]+/[^/]+?)(?:\.git)?/?$", remote)
    return found and found[1]


def link(app, config):
    # An empty string, not the absence of one: Jupyter Book's default is its own repository.
    options = {"repository_url": "", "launch_buttons": {}}
    if slug := repository():
        owner, name = slug.split("/")
        options = {
            "repository_url": f"https://github.com/{slug}",
            "repository_branch": os.environ.get("GITHUB_REF_NAME", "main"),
            "use_repository_button": True,
            "use_issues_button": True,
        }
        config.nbexport_site = f"https://{owner.lower()}.github.io/{name}"
    config.html_theme_options.update(options)


def setup(app):
    app.connect("config-inited", link, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
