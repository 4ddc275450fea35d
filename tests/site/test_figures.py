"""What every interactive figure owes its readers, whatever it shows."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe

from browsing import pages
from figures import kilobytes, mounted, sizes
from normlib import widgets
from visits import every_visit

NAMES = widgets.__all__
TRAINING = ("CovariateShift", "TrainingRace")  # which bring what they train on
every = pytest.mark.parametrize("name", NAMES)
IDS = """() => [...document.querySelectorAll(".normlib-figure")].flatMap((el) =>
    [...el.shadowRoot?.querySelectorAll("[id]") ?? []].map((node) => node.id))"""


@every_visit
@every
def test_no_accessibility_violation(figure, name, width, theme):
    one = figure(name, width=width, theme=theme)
    assert one.root.get_attribute("data-theme") == theme
    results = Axe().run(one.page, context=f'.normlib-figure[data-figure="{name}"]')
    found = [
        (v["id"], [n["target"] for n in v["nodes"]][:3]) for v in results.response["violations"]
    ]
    assert found == []


@every
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_cut_off_and_every_target_is_large(figure, name, width):
    one = figure(name, width=width)
    sticking_out = one.root.evaluate(
        """(root) => {
            const right = root.getBoundingClientRect().right + 1;
            return [...root.querySelectorAll("*")].filter((node) => {
                if (node.closest(".nl-sr, [clip-path], :has(> [clip-path])")) return false;
                const box = node.getBoundingClientRect();
                return box.width > 0 && (box.right > right || box.left < -1);
            }).map((node) => node.outerHTML.slice(0, 100));
        }"""
    )
    assert sticking_out == []
    small = one.root.evaluate(
        """(root) => [...root.querySelectorAll("button, input, select, [tabindex], [data-drag]")]
            .map((node) => [node, node.getBoundingClientRect()])
            .filter(([, box]) => box.width > 0 && (box.width < 24 || box.height < 24))
            .map(([node, box]) => [node.outerHTML.slice(0, 80), box.width, box.height])"""
    )
    assert small == []


@every
def test_it_asks_nobody_and_has_no_error(figure, name):
    one = figure(name)
    assert [url for url in one.page.requests if not url.startswith(("file:", "data:"))] == []
    assert one.page.faults == []


def test_all_stand_on_the_gallery(stage):
    page = stage.gallery(viewport={"width": 1280, "height": 900})
    for name in NAMES:
        assert mounted(page, name).host.count() == 1
    assert page.locator(".normlib-figure").count() == len(NAMES)
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
    assert page.faults == []
    ids = page.evaluate(IDS)
    assert len(ids) == len(set(ids)) > 0


def test_a_script_is_loaded_when_its_figure_comes_near(stage):
    page = stage.gallery(viewport={"width": 1280, "height": 900})

    def loaded():
        return {name for name in NAMES for url in page.requests if f"/figures/{name}.js" in url}

    mounted(page, "TrainingRace")
    assert "TrainingRace" in loaded()
    assert not loaded() & {"LearningRateMap", "GradientHighway"}
    mounted(page, "LearningRateMap")
    assert "LearningRateMap" in loaded()
    page.requests.clear()
    page.goto(page.url.partition("#")[0] + "#PrecisionLab?algorithm=welford", wait_until="load")
    page.reload(wait_until="load")
    page.wait_for_selector('.normlib-figure[data-figure="PrecisionLab"][data-mounted]')
    assert "PrecisionLab" in loaded()


def test_no_page_carries_the_state_of_a_kernel(book):
    for page in pages():
        text = page.read_text(encoding="utf-8")
        assert "vnd.jupyter.widget" not in text


@every
def test_two_on_one_page_do_not_share_state(figure, name):
    one = figure(name, twice=True)
    assert one.host.count() == 2
    mounted(one.page, name, nth=1).rest()  # until it has said where it starts
    before = one.host.nth(1).locator(".nl").inner_html()
    first_control = one.root.locator("input:not(:checked), button").first
    first_control.click(force=True)
    one.rest()
    assert one.host.nth(1).locator(".nl").inner_html() == before
    ids = one.page.evaluate(IDS)
    assert len(ids) == len(set(ids))


@every
def test_it_can_be_out_of_sight_for_a_while(figure, name):
    """In a folded output or on another tab a figure has no width."""
    one = figure(name)
    one.rest()
    before = one.root.inner_html()
    for shown in ("none", ""):
        one.host.first.evaluate("(el, shown) => (el.style.display = shown)", shown)
        one.rest()
    assert one.root.inner_html() == before
    assert one.page.faults == []


@every
def test_nothing_moves_by_itself_or_under_reduced_motion(figure, name):
    one = figure(name, reduced_motion="reduce")
    one.host.first.evaluate(
        """({ shadowRoot }) => {
            window.moved = shadowRoot.getAnimations().length;
            for (const event of ["transitionrun", "animationstart"])
                shadowRoot.addEventListener(event, () => window.moved++);
        }"""
    )
    one.rest()
    before = one.root.inner_html()
    one.rest(5000)
    assert one.root.inner_html() == before
    controls = one.root.locator("input:visible:not(:checked), button:visible")
    for control in controls.element_handles()[:5]:  # some are gone after the first
        control.evaluate("(node) => node.click()")
        one.settle()
    assert one.page.evaluate("moved") == 0  # what moves belongs to a style or to the clock


@every
def test_a_page_without_scripts_has_a_picture_and_a_sentence(browser, book, name):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((book / "book" / "figures.html").as_uri())
    still = page.locator(f'.normlib-figure[data-figure="{name}"] .normlib-still')
    assert still.locator("img").bounding_box()["height"] > 100
    assert len(still.locator("p").inner_text().split()) >= 10
    context.close()


@every
def test_it_fits_the_budget(book, name):
    code, data = sizes(name)
    most_code, most_data = (30, 80) if name in TRAINING else (12, 40)
    assert 0.1 < code <= most_code  # an empty file has less
    assert data <= most_data
    script = (book / "_static" / "figures" / f"{name}.js").read_text(encoding="utf-8")
    assert "import " not in script.split("(()=>", 1)[0]
    assert kilobytes(script) - code - data <= 7  # the shared core and the host


@every
def test_the_state_is_json_and_markup_in_it_stays_text(name):
    one = getattr(widgets, name)()
    assert json.loads(json.dumps(one.state(), allow_nan=False)) == one.state()
    assert "<script" not in one.static_html()
