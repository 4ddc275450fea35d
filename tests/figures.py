"""Interactive figures in a browser, on the gallery page of the built book."""

import json

# Before any deferred script runs: other traits, or every figure twice.
PREPARE = """({name, traits, twice}) => document.addEventListener("readystatechange", () => {
    if (document.readyState !== "interactive") return;
    for (const el of document.querySelectorAll(`.normlib-figure[data-figure="${name}"]`)) {
        const own = JSON.parse(el.dataset.traits);
        if (traits) el.dataset.traits = JSON.stringify({...own, ...traits});
        if (twice) el.after(el.cloneNode(true));
    }
})"""
FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


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
        """Wait until the figure has drawn what was changed last."""
        self.page.evaluate(f"() => {FRAMES}")

    def text(self):
        """All that the figure says."""
        return self.root.inner_text()

    def said(self):
        """What a screen reader is told, after the reader has stopped moving."""
        self.page.wait_for_timeout(450)
        return self.root.locator("[aria-live]").first.text_content()

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


def open_figure(browser, book, name, traits=None, twice=False, address="", **options):
    """Open the gallery in a context of its own and wait for the figure."""
    options = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light", **options}
    context = browser.new_context(**options)
    page = context.new_page()
    page.faults, page.requests = [], []
    page.on("request", lambda r: page.requests.append(r.url))
    page.on("pageerror", lambda e: page.faults.append(str(e)))
    page.on("console", lambda m: m.type == "error" and page.faults.append(m.text))
    told = json.dumps({"name": name, "traits": traits, "twice": twice})
    page.add_init_script(f"({PREPARE})({told})")
    page.goto((book / "book" / "figures.html").as_uri() + address, wait_until="load")
    figure = Mounted(page, name)
    figure.host.first.scroll_into_view_if_needed()
    page.wait_for_selector(f'.normlib-figure[data-figure="{name}"][data-mounted] .nl')
    figure.settle()
    return figure
