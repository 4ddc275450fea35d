"""Interactive figures in a browser, one at a time on the page of the built gallery.

Timers and animation frames run on a clock of the test's (`page.clock`): it lets time pass instead
of waiting for it, so that no test depends on how fast the machine is.
"""

import contextlib
import gzip
import html
import json
import re

import rcssmin
import rjsmin
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from browsing import hear_faults
from normlib import widgets
from normlib.widgets import _modules

PLACE = re.compile(r'<div class="normlib-figure" data-figure="(\w+)".*?</div></div>', re.S)
# The loader of figures: each is put on the page by hand.
NEEDLESS = re.compile(r'<script[^>]*src="[^"]*figures/[^>]*></script>')
# As a page would have it from the start, for a script that is run next.
PUT = """([places, address]) => {
    stage.innerHTML = places;
    history.replaceState(null, "", location.pathname + address);
    scrollTo(0, 0);
}"""
# A frame that the browser has really drawn; its observers have been heard by then.
DRAWN = """() => new Promise((done) => new IntersectionObserver((seen, observer) => {
    observer.disconnect();
    done();
}).observe(document.body))"""
# What a reader sees: without what is clipped for the screen reader, and without what is folded.
SEEN = """(root) => {
    const seen = root.cloneNode(true);
    root.parentNode.append(seen);
    for (const node of seen.querySelectorAll("*"))
        if (getComputedStyle(node).clipPath === "inset(50%)") node.remove();
    for (const node of seen.querySelectorAll("details > :not(summary)")) node.remove();
    const words = seen.innerText.split(/\\s+/).filter(Boolean);
    seen.remove();
    return words;
}"""
COUNT_CLICKS = "window.clicks = 0; addEventListener('click', () => clicks++, true);"


class Mounted:
    """A figure on the page, the first of its name."""

    def __init__(self, page, name):
        self.page, self.name = page, name
        self.host = page.locator(f'.normlib-figure[data-figure="{name}"]')

    @property
    def root(self):
        """The root inside the shadow; locators look through it."""
        return self.host.first.locator(".nl")

    def get(self, trait):
        """A trait as the page's model has it."""
        return self.host.first.evaluate("(el, name) => el.model.get(name)", trait)

    def set(self, **traits):
        """Set traits as Python would, and wait until the figure has drawn them."""
        self.host.first.evaluate(
            """(el, traits) => {
                for (const name in traits) el.model.set(name, traits[name]);
                el.model.save_changes();
            }""",
            traits,
        )
        self.settle()

    def settle(self):
        """Let the figure draw what was changed last, and what follows from its new size."""
        self.page.clock.run_for(50)
        self.page.evaluate(DRAWN)
        self.page.clock.run_for(50)

    @contextlib.contextmanager
    def held(self):
        """Let time pass only as the test says, so that something can be seen on its way."""
        self.settle()
        self.page.clock.pause_at(self.page.evaluate("Date.now()") / 1000 + 1)
        yield
        self.page.clock.resume()

    def rest(self, milliseconds=1000):
        """Let time pass: numbers arrive, Python and the screen reader are told."""
        self.settle()
        self.page.clock.run_for(milliseconds)

    def stats(self):
        """What the figure writes back for Python, when the reader rests."""
        self.rest()
        return self.get("stats")

    def said(self):
        """What a screen reader is told, after the reader has stopped moving."""
        self.rest()
        return self.root.locator("[aria-live]").first.text_content()

    def text(self):
        """All that the figure says."""
        return self.root.inner_text()

    def words(self):
        """The words and numbers that a reader sees before anything is unfolded."""
        return self.root.evaluate(SEEN)

    def unfold(self):
        """Open what stands under "More"; the figure itself."""
        self.root.locator(".nl-more > summary").click()
        self.settle()
        return self

    def tap(self, target):
        """Tap with a finger, and wait for the click that the browser makes of it in its own time.

        A busy Chromium may drop it: all touches arrive at the target, no mouse event follows. The
        click is counted before any listener of the figure can stop it, so a figure that swallows
        clicks is still found out.
        """
        before = self.page.evaluate("clicks")
        for _ in range(3):
            target.tap()
            with contextlib.suppress(PlaywrightTimeout):
                self.page.wait_for_function("(n) => clicks > n", arg=before, timeout=5000)
                return self.settle()
        raise AssertionError("no click came of three taps")

    def swipe(self, target, dx, dy=0):
        """Put a finger on the middle of something, move it, and let go."""
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        wire = self.page.context.new_cdp_session(self.page)
        for kind, part in (("Start", 0), ("Move", 0.3), ("Move", 1), ("End", None)):
            points = [] if part is None else [{"x": x + part * dx, "y": y + part * dy}]
            wire.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
        wire.detach()
        self.settle()

    def move_slider(self, label, value):
        """Set a range as a hand would: the value and its event."""
        slider = self.root.get_by_label(label, exact=False).and_(self.page.locator("[type=range]"))
        slider.first.evaluate(
            """(input, value) => {
                input.value = value;
                input.dispatchEvent(new Event("input", { bubbles: true }));
            }""",
            str(value),
        )
        self.settle()


def mounted(page, name, nth=0):
    """The figure of this name on an open page, once it is mounted."""
    figure = Mounted(page, name)
    figure.host.nth(nth).scroll_into_view_if_needed()
    page.wait_for_selector(f'.normlib-figure[data-figure="{name}"][data-mounted] >> nth={nth}')
    figure.settle()
    return figure


def bare_page(book):
    """The gallery's page with a place for one figure instead of all of them."""
    text = NEEDLESS.sub("", (book / "book" / "figures.html").read_text(encoding="utf-8"))
    text = PLACE.sub('<div id="stage"></div>', text, count=1)
    return PLACE.sub("", text).replace('"../', f'"{book.as_uri()}/')


def put(page, book, name, traits=None, twice=False, address=""):
    """Put a figure of the book on a bare page, in a state that the author might have written."""
    text = (book / "book" / "figures.html").read_text(encoding="utf-8")
    [place] = [found[0] for found in PLACE.finditer(text) if found[1] == name]
    own = json.loads(html.unescape(re.search('data-traits="([^"]*)"', place)[1]))
    state = html.escape(json.dumps({**own, **(traits or {})}))
    place = re.sub('data-traits="[^"]*"', lambda _: f'data-traits="{state}"', place, count=1)
    place = place.replace('"../', f'"{book.as_uri()}/')
    page.evaluate(PUT, [place * (2 if twice else 1), address])
    page.evaluate((book / "_static" / "figures" / f"{name}.js").read_text(encoding="utf-8"))


def kilobytes(text):
    """Size as a server sends it."""
    return len(gzip.compress(text.encode(), mtime=0)) / 1024


def sizes(name):
    """Kilobytes of a figure's own code, without the shared core, and of its data."""
    file = getattr(widgets, name)._file
    core = set(_modules._with_imports("core"))
    scripts = [part for part in _modules._with_imports(file) if part not in core]
    css = (_modules.HERE / "css" / f"{file}.css").read_text(encoding="utf-8")
    code = rjsmin.jsmin("\n".join(scripts)) + rcssmin.cssmin(css)
    data = _modules.HERE / "data" / f"{file}.json"
    text = data.read_text(encoding="utf-8") if data.exists() else ""
    return kilobytes(code), kilobytes(text) if text else 0


class Stage:
    """Browser pages for figures: one for each way to look at them, used again and again."""

    def __init__(self, browser, book, folder):
        self.browser, self.book, self.pages, self.seen = browser, book, {}, None
        self.bare = folder / "bare.html"
        self.bare.write_text(bare_page(book), encoding="utf-8")

    def page(self, **options):
        """A page with these options; what it has heard is forgotten."""
        key = json.dumps(options, sort_keys=True)
        if key not in self.pages:
            page = self.pages[key] = self.browser.new_context(**options).new_page()
            page.clock.install()
            page.add_init_script(COUNT_CLICKS)
            page.on("request", lambda r: page.requests.append(r.url))
            hear_faults(page)
        page = self.pages[key]
        if self.seen not in (None, page):  # a figure that moves there would slow this one down
            self.seen.goto("about:blank")
        self.seen = page
        page.faults, page.requests = [], []
        return page

    def open(self, name, traits=None, twice=False, address="", **options):
        """Open a figure; the page is loaded once, and the next figure takes this one's place."""
        page = self.page(**options)
        if page.url.partition("#")[0] != self.bare.as_uri():
            page.goto(self.bare.as_uri(), wait_until="load")
        page.mouse.move(0, 0)
        put(page, self.book, name, traits, twice, address)
        return mounted(page, name)

    def gallery(self, address="", **options):
        """Open the gallery itself, as it was built."""
        page = self.page(**options)
        gallery = (self.book / "book" / "figures.html").as_uri()
        page.goto(gallery + address, wait_until="load")
        return page
