"""What a reader of a narrow page would miss: boxes cut at an edge, small labels, raw numbers."""

import re
from urllib.parse import unquote, urlsplit

LEAST = 10  # px of a label
OPENED = """async () => {
    document.querySelectorAll("details").forEach((d) => (d.open = true));
    document.querySelectorAll(".toggle-hidden").forEach((d) => d.classList.remove("toggle-hidden"));
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
}"""
# Interactive figures have tests of their own; what is 1 px wide is for screen readers.
CUT = """() => [...document.querySelectorAll("article.bd-article *")]
    .filter((e) => e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1)
    .filter((e) => !e.closest(".normlib-figure, svg"))
    .map((e) => [e, getComputedStyle(e)])
    .filter(([e, style]) => style.overflowX !== "visible")
    .filter(([e, style]) => !style.overflowX.match("auto|scroll")
        || !style.backgroundImage.includes("gradient") || e.tabIndex !== 0)
    .map(([e, style]) => [e.tagName, e.className, style.overflowX, e.textContent.slice(0, 60)])"""
PICTURES = """() => [...document.querySelectorAll(".picture img")]
    .filter((img) => img.getClientRects().length)
    .map((img) => [img.src, img.getBoundingClientRect().width / img.getAttribute("width")])"""
# matplotlib draws a text of 10 pt as outlines of 100 units, made smaller ten times.
SMALLEST = """(svg) => Math.min(...[...new DOMParser().parseFromString(svg, "image/svg+xml")
    .querySelectorAll("[id^=text_] > g[transform]")]
    .map((text) => text.transform.baseVal.consolidate().matrix)
    .map((shape) => Math.hypot(shape.c, shape.d) * 100 * 4 / 3))"""
TEXTS = """() => {
    const page = document.querySelector("article.bd-article, main").cloneNode(true);
    page.querySelectorAll("math, pre, code, script, style, .normlib-figure, dt.sig, dl.field-list")
        .forEach((e) => e.remove());
    return page.textContent;
}"""
RAW = re.compile(r"\de[-+]\d+|(?<=[\s(±=])-\d[\d.]*")


def cut_without_a_cue(page):
    """Boxes wider inside than outside without a shadow at the edge, or no stop for the keyboard."""
    page.evaluate(OPENED)
    return page.evaluate(CUT)


def labels_too_small(page):
    """Pictures in which some label is less than LEAST px high, with its height."""
    found = []
    for source, scale in page.evaluate(PICTURES):
        with open(unquote(urlsplit(source).path), encoding="utf-8") as file:
            height = page.evaluate(SMALLEST, file.read()) * scale
        if height < LEAST - 0.01:
            found.append((source, height))
    return found


def numbers_of_a_program(page):
    """Numbers such as 3e-09 and -0.5 in sentences and tables."""
    return RAW.findall(page.evaluate(TEXTS))
