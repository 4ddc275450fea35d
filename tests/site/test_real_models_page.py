"""The table of real models on its page: sorted, searched, by keyboard, and without a script."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from normlib.gpt.real_models import HEADERS, ModelTable, load_real_models
from visits import every_visit

ROWS = load_real_models()
COLUMNS = list(HEADERS)


@pytest.fixture
def table(browser, book):
    """table(width, theme, script) opens the page and returns it; it must stay without faults."""
    contexts = []

    def open_page(width=1280, theme="light", script=True):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, java_script_enabled=script
        )
        contexts.append(context)
        page = context.new_page()
        page.faults = []
        page.on("pageerror", lambda e: page.faults.append(str(e)))
        page.goto((book / "book/12_modern_norms.html").as_uri(), wait_until="load")
        assert page.locator(".nl-models").count() == 1
        return page

    yield open_page
    for context in contexts:
        assert [p.faults for p in context.pages] == [[]]
        context.close()


def column(page, name):
    """The texts of a column in the order in which they stand, hidden rows left out."""
    cells = page.locator(f".nl-models tbody tr:visible > :nth-child({COLUMNS.index(name) + 1})")
    return [text.partition("\n")[0] for text in cells.all_inner_texts()]  # without the remark


def header(page, name):
    return page.locator(".nl-models thead th").nth(COLUMNS.index(name))


def test_a_click_sorts_and_another_turns_the_order_around(table):
    page = table()
    assert column(page, "model") == [row.model for row in ROWS]
    header(page, "model").locator("button").click()
    names = column(page, "model")
    assert [n[0].lower() for n in names] == sorted(row.model[0].lower() for row in ROWS)
    assert names.index("Falcon-7B") + 1 == names.index("Falcon-40B")  # as people count
    assert header(page, "model").get_attribute("aria-sort") == "ascending"
    header(page, "model").locator("button").click()
    assert column(page, "model") == names[::-1]
    assert header(page, "model").get_attribute("aria-sort") == "descending"
    header(page, "year").locator("button").click()
    assert column(page, "year") == sorted(str(row.year) for row in ROWS)
    assert page.locator(".nl-models [aria-sort]").count() == 1


def test_numbers_are_sorted_as_numbers(table):
    page = table()
    header(page, "eps").locator("button").click()
    found = [float(text) for text in column(page, "eps") if text != "unknown"]
    assert found == sorted(row.eps for row in ROWS if row.eps)
    assert found[:3] == [1e-12, 1.5625e-7, 1e-6]


def test_a_sorted_row_keeps_its_cells(table):
    page = table()
    header(page, "placement").locator("button").click()
    shown = zip(column(page, "model"), column(page, "placement"), strict=True)
    assert dict(shown) == {row.model: row.placement for row in ROWS}


@pytest.mark.parametrize(
    ("words", "holds"),
    [
        ("peri", lambda row: row.placement == "peri"),
        ("Gemma 2's cap", lambda row: row.model == "Gemma 3"),  # in its remark
        ("2025 PER head", lambda row: row.year == 2025 and row.qk_norm == "per head"),
        ("nothing of the kind", lambda row: False),
        ("", lambda row: True),
    ],
)
def test_search(table, words, holds):
    page = table()
    page.get_by_label("Search the table").fill(words)
    expected = [row.model for row in ROWS if holds(row)]
    assert column(page, "model") == expected
    count = page.locator(".nl-models output")
    assert count.inner_text() == f"{len(expected)} of {len(ROWS)} rows"


def test_search_survives_sorting(table):
    page = table()
    page.get_by_label("Search the table").fill("reordered")
    found = column(page, "model")
    header(page, "model").locator("button").click()
    assert sorted(column(page, "model")) == sorted(found)


def test_by_keyboard_alone(table):
    page = table()
    page.get_by_label("Search the table").focus()
    page.keyboard.type("gemma")
    assert len(column(page, "model")) == 4
    page.keyboard.press("Tab")  # the box, which scrolls by the arrows
    assert page.evaluate("document.activeElement.className") == "nl-models-box"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "model"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    assert column(page, "model")[0] == "Gemma 4"


def test_without_a_script_all_rows_are_there_and_no_dead_control(table):
    page = table(script=False)
    assert column(page, "model") == [row.model for row in ROWS]
    assert page.locator(".nl-models :is(button, input)").count() == 0


@every_visit
def test_it_is_accessible_fits_a_laptop_and_scrolls_in_its_own_box_on_a_phone(table, width, theme):
    page = table(width, theme)
    results = Axe().run(page, context=".nl-models")
    assert [v["id"] for v in results.response["violations"]] == []
    box = page.locator(".nl-models-box")
    assert box.evaluate("box => box.scrollWidth > box.clientWidth") == (width == 390)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    small = page.locator(".nl-models :is(button, input)").evaluate_all(
        "all => all.filter(n => n.getBoundingClientRect().height < 24).map(n => n.outerHTML)"
    )
    assert small == []


def test_in_a_notebook_each_table_gets_one_search_however_often_it_is_shown(browser):
    page = browser.new_page()
    page.set_content(2 * ModelTable(ROWS[:5])._repr_html_())
    assert page.locator(".nl-models input").count() == 2
    page.get_by_label("Search the table").nth(1).fill("gpt")
    counts = page.locator(".nl-models output").all_inner_texts()
    assert counts == ["5 of 5 rows", "3 of 5 rows"]
    page.close()
