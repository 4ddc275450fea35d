"""Buttons that open a chapter's notebook elsewhere, and the link to report an error.

All follow from `book_repository`; where there is none, there is no button.
"""

from html import escape
from urllib.parse import quote

from nbexport import is_exported, notebook_path
from repository import PUBLISHED

MINE = "my-notebooks"  # where postBuild and `make notebooks` put the notebooks
ARCHIVE = "normalization-book.zip"  # made by tools/site.py
PDF = "normalization-book.pdf"  # made by tools/pdf.py
OFFLINE = (
    '<p>To read without a network: <a href="{}">these pages in one archive</a>, '
    '<a href="{}">the book as a PDF</a></p>'
)
REPORT = "Report an error on this page"


def colab(repository, notebook):
    """Colab opens the notebook that is published with the site."""
    return f"https://colab.research.google.com/github/{repository}/blob/{PUBLISHED}/{notebook}"


def binder(repository, branch, notebook):
    """Binder builds the branch and opens the notebook that postBuild made there."""
    file = f"{MINE}/{notebook.rpartition('/')[2]}"
    return (
        f"https://mybinder.org/v2/gh/{repository}/{quote(branch, safe='')}?urlpath=lab/tree/{file}"
    )


def report(repository, page):
    """A new issue that names the page."""
    title = quote(f"Error on the page {page}")
    body = quote("What is written there:\n\nWhat is wrong with it:\n")
    return f"https://github.com/{repository}/issues/new?title={title}&body={body}"


def button(text, tooltip, url, icon):
    return {"type": "link", "text": text, "tooltip": tooltip, "url": url, "icon": icon}


def offer_pdf(groups, url):
    """The whole book stands among what a page offers for download."""
    for group in groups:
        if group.get("label") == "download-buttons":
            tooltip = "Download the whole book as a PDF"
            group["buttons"].append(button("whole book", tooltip, url, "fas fa-file-pdf"))


def add_buttons(app, pagename, templatename, context, doctree):
    site = app.config.nbexport_site
    context["site"] = site  # for 404.html, which is served at any depth
    if site:
        offline = OFFLINE.format(f"{site}/{ARCHIVE}", f"{site}/{PDF}")
        context["theme_extra_footer"] = offline + context.get("theme_extra_footer", "")
        offer_pdf(context.get("header_buttons", []), f"{site}/{PDF}")
    repository = app.config.book_repository
    if not doctree or not repository or "header_buttons" not in context:
        return
    link = f'<p><a href="{escape(report(repository, pagename))}">{REPORT}</a></p>'
    context["theme_extra_footer"] = link + context.get("theme_extra_footer", "")
    if not is_exported(app, pagename):
        return
    notebook = notebook_path(pagename)
    open_in = [
        button(
            "Colab",
            "Open the notebook in Colab",
            colab(repository, notebook),
            "_static/images/logo_colab.png",
        ),
        button(
            "Binder",
            "Open the notebook on Binder",
            binder(repository, app.config.book_branch, notebook),
            "_static/images/logo_binder.svg",
        ),
    ]
    group = {
        "type": "group",
        "tooltip": "Open this chapter as a notebook",
        "icon": "fas fa-rocket",
        "buttons": open_in,
        "label": "launch-buttons",
    }
    context["header_buttons"].insert(0, group)


def setup(app):
    app.connect("html-page-context", add_buttons, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
