"""Read every page again, unless the last build ended without a failure or a warning.

Sphinx saves what it has read before it knows whether all is well. The next build would take a
page that failed for done, and say that the book is ready. Notebooks that ran stay in their cache,
so reading all pages again is a matter of seconds.
"""

from pathlib import Path

from sphinx.application import ENV_PICKLE_FILENAME


def mark(app):
    """The file that is there only if the last build ended well; a build that is killed has none."""
    return Path(app.doctreedir, "ended-well")


def begin(app, config):
    if not mark(app).exists():
        Path(app.doctreedir, ENV_PICKLE_FILENAME).unlink(missing_ok=True)
    mark(app).unlink(missing_ok=True)


def end(app, exception):
    # What `-W --keep-going` makes its exit status from, a moment later.
    if exception is None and app._warncount == 0:
        mark(app).touch()


def setup(app):
    app.connect("config-inited", begin)
    app.connect("build-finished", end, priority=1000)  # after all that may still warn
    return {"parallel_read_safe": True, "parallel_write_safe": True}
