"""The slides of the lecture: a screen for each, a live figure in it, and keys that lead on."""

import gzip
import html
import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

import normlib as nl
from browsing import hear_faults
from chapters import BOOK, cells, text_of
from figures import DRAWN, mounted
from normlib.widgets.shared_statistics import SHARE
from rate_map import ahead, own_best, runs_of

LECTURE = text_of(BOOK / "teaching.md").partition("(lecture)=")[2].partition("\n## Four")[0]
STAGES = re.findall(
    r'^\*\*\{ref\}`(.+) <slide-(\w+)>`\*\*, (\w+) minutes: <a href="figures\.html#([^"]+)"',
    LECTURE,
    re.M,
)
SLIDES = re.findall(r"^\(slide-(\w+)\)=\n## (.+)$", text_of(BOOK / "slides.md"), re.M)
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
INSIDE = ("file:", "data:", "blob:")
LEAST, SCREEN = 24, {"width": 1280, "height": 720}  # px of a letter, and a small projector
# The words of a slide that are smaller than `least`, and whether its figure is in sight.
LOOK = """([slide, least]) => {
    const words = [...slide.querySelectorAll(":scope > :is(h1, h2, p), .slides p")];
    const box = slide.querySelector(":scope > .cell .normlib-figure")?.getBoundingClientRect();
    return {
        small: words.filter((e) => parseFloat(getComputedStyle(e).fontSize) < least)
            .map((e) => e.textContent),
        below: words.filter((e) => e.getBoundingClientRect().bottom > innerHeight)
            .map((e) => e.textContent),
        whole: !box || (box.top >= 0 && box.bottom <= innerHeight && box.right <= innerWidth),
        share: box ? box.width * box.height / innerWidth / innerHeight : 1,
        wide: document.documentElement.scrollWidth > innerWidth,
    };
}"""

# How far below the top of its slide something begins.
BELOW = """(e) => e.getBoundingClientRect().top
    - e.parentElement.getBoundingClientRect().top"""


@pytest.fixture
def slides(browser, book):
    """slides(theme="dark", …) opens the page and records what goes wrong there."""
    contexts = []

    def open_page(theme="light", size=SCREEN):
        context = browser.new_context(viewport=size, color_scheme=theme)
        contexts.append(context)
        page = context.new_page()
        page.clock.install()
        hear_faults(page)
        page.files = set()
        page.on("request", lambda r: page.files.add(r.url.partition("?")[0]))
        page.on("request", lambda r: r.url.startswith(INSIDE) or page.faults.append(r.url))
        page.goto((book / "book" / "slides.html").as_uri(), wait_until="load")
        return page

    yield open_page
    for context in contexts:
        context.close()


def place(page):
    """Which slide is on the screen, as the bar says it: 3 of "3 / 11"."""
    page.evaluate(DRAWN)
    shown, _, count = page.locator(".slide-bar output").inner_text().partition(" / ")
    assert int(count) == len(SLIDES) + 1
    return int(shown)


def the_figure(slide):
    return slide.locator("> .cell .normlib-figure")


def test_the_lecture_and_the_slides_are_the_same_in_the_same_order(book):
    assert [(key, title) for title, key, *_ in STAGES] == SLIDES
    built = (book / "book" / "slides.html").read_text(encoding="utf-8")
    shown = re.findall(r'class="normlib-figure" data-figure="(\w+)" data-traits="(.*?)"', built)
    linked = [html.unescape(address).partition("?")[::2] for *_, address in STAGES]

    def value(text):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text

    wanted = [
        (name, {key: value(text) for key, text in parse_qsl(state, keep_blank_values=True)})
        for name, state in linked
    ]
    assert [(name, json.loads(html.unescape(traits))) for name, traits in shown] == wanted


def test_the_minutes_are_fifty():
    told = re.findall(r"^\*\*.*\*\*, (\w+) minutes", LECTURE, re.M)
    assert len(told) == len(STAGES) + 1, "the questions take some, too"
    assert sum(NUMBERS.index(word) + 1 for word in told) == 50
    assert "## A lecture of fifty minutes" in LECTURE


def test_each_stage_says_what_to_ask_to_expect_to_do_and_to_say():
    for _, key, *_ in STAGES:
        _, _, note = LECTURE.partition(f"% notes: {key}\n")
        note, _, _ = note.partition(f"% end: {key}\n")
        lines = re.findall(r"^- \*\*(.+?):\*\* \S.*$", note, re.M)
        assert lines == ["Ask", "They will say", "Do", "Then say"], key
        assert len(note.splitlines()) == 4, "one line each"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_slide_fills_the_screen_with_a_live_figure(slides, theme):
    page = slides(theme)
    sections = page.locator("article > section, article > section > section")
    assert sections.count() == len(SLIDES) + 1
    for number in range(1, sections.count() + 1):
        assert place(page) == number
        slide = sections.nth(number - 1)
        if number > 1:
            the_figure(slide).and_(page.locator("[data-mounted]")).wait_for()
            assert the_figure(slide).locator(".nl").get_attribute("data-theme") in (theme, None)
            page.clock.run_for(200)
        found = slide.evaluate(f"(slide) => ({LOOK})([slide, {LEAST}])")
        assert found.pop("share") > 0.45, f"the figure of slide {number} is small"
        assert found == {"small": [], "below": [], "whole": True, "wide": False}, number
        page.keyboard.press("PageDown")
    assert place(page) == sections.count(), "nothing behind the last"
    assert page.faults == []


def test_the_page_is_light_until_figures_are_near(slides):
    page = slides()
    page.evaluate(DRAWN)
    names = {unquote(urlsplit(url).path) for url in page.files if url.startswith("file:")}
    weight = sum(len(gzip.compress(Path(name).read_bytes())) for name in names) / 1000
    assert 50 < weight < 300, f"{weight:.0f} KB in {len(names)} files"
    page.keyboard.press("PageDown")
    the_figure(page.locator("#a-bet")).and_(page.locator("[data-mounted]")).wait_for()
    assert not any("LearningRateMap" in url for url in page.files)


def test_a_figure_of_a_slide_answers(slides):
    page = slides()
    names = [address.partition("?")[0] for *_, address in STAGES]
    race = mounted(page, "TrainingRace", nth=1)  # the second of its name has no address
    assert race.host.nth(1).evaluate("(el) => el.model.get('arms')[1].lr") == 0.001
    fig = mounted(page, "LearningRateMap")
    assert (fig.get("steps"), names.count("LearningRateMap")) == (200, 2)
    fig.move_slider("Steps", 4)
    assert fig.get("steps") == 2000


def test_keys_and_buttons_lead_from_slide_to_slide(slides):
    page = slides()
    for key, at in [
        ("ArrowRight", 2), ("Space", 3), ("PageDown", 4), ("Shift+Space", 3), ("ArrowLeft", 2),
        ("PageUp", 1), ("PageUp", 1), ("Control+ArrowRight", 1), ("ArrowRight", 2),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert place(page) == at, key
    assert page.evaluate("document.activeElement.tagName") == "H2"
    assert page.url.endswith("#a-bet")
    page.get_by_role("button", name="Next slide").click()
    assert place(page) == 3
    page.get_by_role("button", name="Previous slide").click()
    assert place(page) == 2
    page.reload()
    assert place(page) == 2, "the address names the slide"


def test_a_key_inside_of_a_figure_is_the_figures_but_a_clicker_goes_on(slides):
    page = slides()
    fig = mounted(page, "BatchDependence")
    at = place(page)
    slider = fig.root.locator("input[type=range]").first
    slider.focus()
    before = fig.get("m")
    page.keyboard.press("ArrowRight")
    fig.settle()
    assert (fig.get("m"), place(page)) == (2 * before, at)
    page.keyboard.press("PageDown")
    assert place(page) == at + 1


def test_the_notes_are_folded_below_and_those_of_the_lecture(slides):
    page = slides()
    notes = page.locator("article section section > details")
    assert notes.count() == len(SLIDES)
    assert page.locator("article details[open]").count() == 0
    for number, (title, *_) in enumerate(STAGES):
        note = notes.nth(number)
        assert note.evaluate("(e) => e.parentElement.querySelector('h2').innerText") == title
        top = note.evaluate(BELOW)
        assert top >= SCREEN["height"], "it would be on the screen for all to read"
    notes.first.locator("summary").click()
    said = notes.first.locator("li").all_inner_texts()
    wanted = re.findall(r"^- \*\*(.+?:)\*\* (.*)$", LECTURE, re.M)[:4]
    assert said == [" ".join(pair) for pair in wanted]


def test_a_phone_scrolls_it_as_a_page(slides):
    page = slides(size={"width": 390, "height": 844})
    assert not page.locator(".slide-bar").is_visible()
    page.keyboard.press("ArrowRight")
    assert (page.evaluate("scrollY"), page.url.partition("#")[1]) == (0, "")
    mounted(page, "GradientHighway")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_large_screen_has_no_barrier(slides, theme):
    page = slides(theme)
    page.keyboard.press("PageDown")
    page.locator("article details summary").first.click()
    page.clock.run_for(1000)
    results = Axe().run(page, {"exclude": ["pre"]}, options={"resultTypes": ["violations"]})
    assert [(v["id"], v["nodes"][:2]) for v in results.response["violations"]] == []


def test_no_slide_has_more_than_one_figure_and_few_words():
    made = [cell for cell in cells(BOOK / "slides.md") if "remove-input" in cell.tags]
    assert len(made) == len(SLIDES)
    parts = re.split(r"^\(slide-\w+\)=$", text_of(BOOK / "slides.md"), flags=re.M)[1:]
    for part in parts:
        assert len(part.partition("```")[0].split()) <= 45


def test_what_is_said_of_who_shares():
    """None of the four sets of an image keeps to one position, and LayerNorm's of a text does."""
    assert all("S" in share for share in SHARE["image"].values())
    assert SHARE["text"]["layer"] == "C"


def test_what_is_said_of_the_wire(figure):
    one = figure("GradientHighway")
    assert one.get("depth") == 16
    factor = {}
    for placement in ("none", "pre", "post"):
        one.set(placement=placement)
        factor[placement] = one.stats()["stream_factor"]
    assert factor["none"] > 100 > 16 > factor["pre"] > 2
    assert factor["post"] == pytest.approx(1, abs=0.2)
    one.set(placement="post", moment="trained")
    assert one.stats()["gradient_factor"] < 0.01
    assert "no better than letter frequencies" in one.said()


def test_what_is_said_of_the_rates():
    """Of models as in the race, without a warm-up; the race asks after 300 steps."""
    runs, levels = nl.load_results("budget"), (2.5, 2.9)

    def losses(steps, placement, lr):
        probes = (
            run.probes["val_loss"]
            for run in runs.filter(init="xavier", placement=placement, lr=lr, warmup=0)
        )
        return np.array([p["values"][p["steps"].index(steps)] for p in probes])

    for steps in (200, 500):
        assert losses(steps, "post", 0.002).min() > levels[1]
        assert losses(steps, "pre", 0.004).max() < levels[0]
    assert losses(500, "post", 0.001).max() < levels[0]
    assert losses(200, "post", 0.001).max() < 2.6


def test_what_is_said_of_the_map():
    turn = ahead("post", "pre", 1)
    assert (turn[1], turn[-1]) == (0, len(runs_of("post", 1)))  # after 200 and after 2000 steps
    assert own_best("pre")[:1] < own_best("post")[:1]
    assert own_best("pre")[1] > own_best("post")[1]
    assert own_best("post", init="gpt2") < own_best("pre", init="gpt2")
