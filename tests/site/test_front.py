"""The front page: something moves on its first screen, and a short way leads through the book."""

import re
import time

import pytest

FIRST = {"width": 1280, "height": 800}
SLOW = "slow.png"  # a picture that the page waits for, so that there is time to be too early
SCRIPTS_AT_LOAD = f"""addEventListener("load", () => {{
    window.atLoad = [...document.scripts].map((script) => script.src);
}});
addEventListener("DOMContentLoaded", () => document.body.append(
    Object.assign(new Image(), {{ src: "{SLOW}", alt: "" }})));"""


def late(route):
    time.sleep(1)
    route.abort()


@pytest.fixture
def front(browser, book):
    page = browser.new_page(viewport=FIRST)
    page.route(f"**/{SLOW}", late)
    page.add_init_script(SCRIPTS_AT_LOAD)
    page.goto((book / "book" / "index.html").as_uri(), wait_until="load")
    yield page
    page.close()


def test_the_race_is_asked_on_the_first_screen_and_waits_for_the_page(front):
    front.wait_for_selector(".normlib-figure[data-mounted]")
    race = front.locator(".normlib-figure").first
    assert race.get_attribute("data-figure") == "TrainingRace"
    asked = race.get_by_role("button", name="nobody").bounding_box()
    assert asked["y"] + asked["height"] < FIRST["height"] * 0.6  # with the chart below it
    before = [src for src in front.evaluate("atLoad") if "/figures/" in src]
    assert [src.rpartition("/")[2].partition("?")[0] for src in before] == ["load.js"]


def test_the_short_way_leads_to_sections_and_takes_less_than_45_minutes(front, book):
    stages = front.locator(".short-way li").all()
    minutes = [int(re.search(r", (\d+) minutes: ", stage.inner_text())[1]) for stage in stages]
    together = front.locator(".short-way").inner_text()
    total = int(re.search(r"Together about (\d+) minutes", together)[1])
    assert len(minutes) == 4
    assert abs(sum(minutes) - total) <= 2.5 + len(minutes) / 2  # rounded to fives, and each
    assert 20 <= total <= 45
    links = [link for stage in stages for link in stage.get_by_role("link").all()]
    assert len(links) >= 8
    for link in links:
        page, _, anchor = link.get_attribute("href").partition("#")
        text = (book / "book" / page).read_text(encoding="utf-8")
        title = re.search(rf'<section id="{anchor}">\s*(?:<span[^>]*></span>)*<h2>(.*?)<', text)
        assert title[1] == link.inner_text()
