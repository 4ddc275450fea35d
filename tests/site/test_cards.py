"""Wide tables on a phone: a row becomes a card in which every cell names its column."""

import nbformat
import pytest

from chapters import BOOK, text_of

ROWS = """(tables) => tables.map((table) => {
  const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  return [...table.tBodies[0].rows].map((row) => [...row.cells].slice(1).map((cell, i) => [
    heads[i + 1], cell.querySelector(".column")?.textContent ?? "",
    cell.querySelector(".column")?.getClientRects().length > 0,
    cell.textContent.trim(), cell.getClientRects().length > 0,
  ]));
})"""


@pytest.fixture
def tables(browser, book):
    """The tables of the conventions, at a width."""
    tabs = []

    def at(width):
        tabs.append(browser.new_page(viewport={"width": width, "height": 900}))
        tabs[-1].goto((book / "book" / "conventions.html").as_uri())
        return tabs[-1].locator("article table.table")

    yield at
    for tab in tabs:
        tab.close()


def test_a_phone_shows_every_table_of_the_conventions_whole(tables):
    found = tables(390)
    assert found.count() == text_of(BOOK / "conventions.md").count("\n|---|")
    wide = found.evaluate_all(
        "all => all.map(t => t.parentElement).filter(b => b.scrollWidth > b.clientWidth).length"
    )
    assert wide == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_a_cell_of_a_card_names_its_column_where_the_head_is_gone(tables, width):
    found = tables(width)
    cards = found.and_(found.page.locator(".cards table"))
    shown = [cell for table in cards.evaluate_all(ROWS) for row in table for cell in row]
    assert len(shown) > 100
    for head, name, name_seen, text, seen in shown:
        if name:
            assert name == head
            assert name_seen == (width == 390)
            assert text != name
        else:
            assert text == ""
        assert seen == (width == 1280 or name != "")


def test_a_notebook_has_the_table_without_these_names(book):
    notebook = nbformat.read(book / "notebooks" / "conventions.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "| stored mean | `running_mean` | `moving_mean` | `mean` |" in text
