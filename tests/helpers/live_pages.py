"""A figure on a page of its own, in real time: workers follow no clock of a test."""

import time

from normlib import widgets
from normlib.widgets import _modules

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">{csp}<title>A figure</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script>{script}</script><main>{place}</main><div style="height: 3000px"></div></html>"""
CSP = '<meta http-equiv="Content-Security-Policy" content="script-src \'unsafe-inline\' {sources}">'
# All that it has said, also what stood there for a moment only.
HEAR = """(root) => {
    const says = root.querySelector(".nl-says"), hear = () => heard.push(says.innerText);
    window.heard = [];
    new MutationObserver(hear).observe(says, { childList: true, subtree: true });
}"""
# What a policy must name for a figure to train in workers, and in WebAssembly.
WORKERS, WASM = "blob:", "'wasm-unsafe-eval'"


class Live:
    """The figure on its page."""

    def __init__(self, page, name):
        self.page = page
        self.host = page.locator(f'.normlib-figure[data-figure="{name}"]')
        self.root = self.host.locator(".nl")
        self.faults, self.workers = [], []  # also those that have ended
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("worker", lambda worker: self.workers.append(worker))

    def get(self, trait):
        return self.host.evaluate("(el, name) => el.model.get(name)", trait)

    def set(self, **traits):
        self.host.evaluate(
            """(el, traits) => {
                for (const name in traits) el.model.set(name, traits[name]);
                el.model.save_changes();
            }""",
            traits,
        )

    def button(self, name, exact=False):
        return self.root.get_by_role("button", name=name, exact=exact)

    def said(self):
        return self.root.locator(".nl-says").inner_text()

    def ever(self, words, seconds=60):
        """Wait until it has said these words, and be it for a moment."""
        self.until(lambda: any(words in said for said in self.page.evaluate("heard")), seconds)

    def forget(self):
        """Begin anew with what was `ever` said."""
        self.page.evaluate("heard = []")

    def still(self, read):
        """Wait until half a second changes nothing any more; what is read then."""
        seen = []

        def same():
            self.page.wait_for_timeout(500)
            seen.append(read())
            return seen[-2:-1] == seen[-1:]

        self.until(same)
        return seen[-1]

    def until(self, true, seconds=60):
        """Wait until something is true; what it last was, else."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, self.root.inner_text()
            self.page.wait_for_timeout(40)


def open_live(context, folder, name, traits=None, sources=None):
    """Open a figure with these traits; `sources` are those that the page's policy allows."""
    one = getattr(widgets, name)(**(traits or {}))
    script = _modules.page_script(name, one._file).replace("</script", "<\\/script")
    csp = "" if sources is None else CSP.format(sources=sources)
    file = folder / f"{name}.html"
    file.write_text(PAGE.format(csp=csp, script=script, place=one.static_html()), encoding="utf-8")
    page = context.new_page()
    live = Live(page, name)
    page.goto(file.as_uri())
    page.wait_for_selector(".normlib-figure[data-mounted]")
    live.root.evaluate(HEAR)
    return live
