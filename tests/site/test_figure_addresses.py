"""A figure's state in the address of the page: links open it, and nonsense is refused in words."""

import pytest

from figures import mounted
from normlib import widgets

every = pytest.mark.parametrize("name", widgets.__all__)
# What a teacher does, by the controls; the address is then a link.
WAYS = {
    "SharedStatistics": ["Text", "Subtract the mean"],
    "LearningRateMap": ["GPT-2", "worst seed"],
    "LayerNormGeometry": ["as they are", "RMSNorm"],
    "BatchDependence": ["evaluation", "Draw another batch"],
    "PrecisionLab": ["Welford", "Other numbers"],
    "GradientHighway": ["Post", "weights"],
}
linked = pytest.mark.parametrize("name", WAYS)


def unfold(one, opened):
    """Open or close what stands under "More"."""
    all_of_them = "(root, opened) => root.querySelectorAll('details').forEach(d => d.open = opened)"
    one.root.evaluate(all_of_them, opened)


def press(one, label):
    unfold(one, True)
    control = one.root.get_by_role("radio", name=label, exact=False)
    control = control.or_(one.root.get_by_role("checkbox", name=label, exact=True))
    control.or_(one.root.get_by_role("button", name=label, exact=True)).first.click()
    unfold(one, False)
    one.settle()


def rested(one):
    one.rest()
    return one


def told(one):
    """The sentence that refuses an address, if there is one."""
    return " ".join(one.root.locator(".nl-refused").all_inner_texts())


@linked
def test_a_link_opens_the_state_it_was_taken_from(figure, name):
    one = figure(name)
    before = one.text()
    for label in WAYS[name]:
        press(one, label)
    one.rest()
    link = one.page.evaluate("location.hash")
    keys = [part.split("=")[0] for part in link.partition("?")[2].split("&")]
    assert link.startswith(f"#{name}?")
    assert len(keys) >= 2
    state, text = {key: one.get(key) for key in keys}, one.text()
    other = figure(name, address=link)
    other.rest()
    assert {key: other.get(key) for key in keys} == state
    assert told(other) == ""
    if "geometry" not in other.root.get_attribute("class"):  # it tells the way, not the state
        assert other.text() == text
    assert other.page.evaluate("location.hash") == link
    assert text != before


def test_a_link_on_the_same_page_is_followed(figure):
    one = figure("LearningRateMap")
    one.page.evaluate("location.hash = '#LearningRateMap?placement=pre&rate=5'")
    one.page.wait_for_function("document.querySelector('.normlib-figure').model.get('rate') === 5")
    one.settle()
    chosen = one.root.locator(".cell.selected").get_attribute("aria-label")
    assert chosen.startswith("Pre, rate 0.016, 100 steps of warm-up")


def test_a_bare_name_leads_to_its_figure(stage):
    """From elsewhere, and on the page itself; the state stays as it is."""
    page = stage.gallery(viewport={"width": 1280, "height": 900})
    for name in ("GradientHighway", "SharedStatistics", "LearningRateMap"):
        page.evaluate("(name) => (location.hash = name)", name)
        one = mounted(page, name)
        top = one.host.first.evaluate("(el) => el.getBoundingClientRect().top")
        assert 0 <= top < 450, name
    page.goto("about:blank")
    page = stage.gallery(viewport={"width": 1280, "height": 900}, address="#PrecisionLab")
    place = page.locator('.normlib-figure[data-figure="PrecisionLab"]')
    assert 0 <= place.evaluate("(el) => el.getBoundingClientRect().top") < 450
    page.evaluate("location.hash = 'TrainingRace'")
    assert page.evaluate("location.hash") == "#TrainingRace"
    page.evaluate("location.hash = 'nothing.of(this)'")
    assert page.faults == []


@pytest.mark.parametrize(
    ("name", "query", "sentences"),
    [
        (
            "SharedStatistics",
            "kind=<img src=x onerror=alert(1)>&groups=99&center=maybe",
            [
                "asks for kind = <img src=x onerror=alert(1)>; the figure shows image.",
                "asks for groups = 99; the figure shows 1.",
                "asks for center = maybe; the figure shows true.",
            ],
        ),
        (
            "SharedStatistics",
            "norm=constructor&share=__proto__",
            ["norm = constructor", "shows CS"],
        ),
        ("SharedStatistics", "norm=group&groups=NaN", ["groups = NaN; the figure shows 1."]),
        (
            "LearningRateMap",
            "rate=1e300&placement=sandwich",
            [
                "asks for rate = 1e+300; the figure shows 5.",
                "asks for placement = sandwich; the figure shows post.",
            ],
        ),
        (
            "LearningRateMap",
            "steps=7&tolerance=-1",
            ["steps = 7; the figure shows 2000.", "shows 0.05"],
        ),
        ("LearningRateMap", "rate=" + "9" * 5000, ["the figure shows 5."]),
        ("LearningRateMap", "rate={&metric=[[[&warmup=%E0%A4%A", ["rate = {; the figure shows 1."]),
    ],
)
def test_nonsense_in_an_address_is_refused_in_a_sentence(figure, name, query, sentences):
    one = figure(name, address=f"#{name}?{query}")
    one.rest()
    for sentence in sentences:
        assert sentence in told(one)
    assert len(told(one)) < 400
    assert one.root.locator("img, .nl-refused *").count() == 0
    assert one.page.faults == []
    default = rested(figure(name)).text()
    one = figure(name, address=f"#{name}?{query}")
    press(one, WAYS[name][0])
    assert told(one) == ""  # it goes with the next change
    press(one, "Reset")
    one.rest()
    assert one.text() == default


@every
def test_an_address_of_something_else_changes_nothing(figure, name):
    default = rested(figure(name)).text()
    for address in ("#figures", f"#{name}", f"#{name}?", f"#{name}?x=1&__proto__=2", "#?norm=rms"):
        one = rested(figure(name, address=address))
        assert one.text() == default
        assert told(one) == ""
        assert one.page.faults == []


def test_every_link_of_the_gallery_leads_to_its_own_figure(stage):
    page = stage.gallery(viewport={"width": 1280, "height": 900})
    page.evaluate("location.hash = '#SharedStatistics?norm=rms'")
    assert mounted(page, "SharedStatistics").get("norm") == "rms"
    assert mounted(page, "LearningRateMap").get("placement") == "post"
