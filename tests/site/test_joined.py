"""Many stylesheets and scripts of a page are one of each."""

import re

import pytest

from browsing import BUILD, pages
from extensions import extension

joined = extension("joined")
PAGE = """<link href="../_static/styles/a.css?digest=1" rel="stylesheet" />
    <link rel="stylesheet" type="text/css" href="../_static/b.css?v=2" />
  <script defer src="../_static/late.js"></script>
    <script src="../_static/one.js?v=3"></script>
    <script>let toggleHint = 'show';</script>
    <script src="../_static/two.js"></script>
    <script>let toggleHint = 'show';</script>
    <script src="../_static/design-tabs.js"></script>
    <script>OPTIONS.pagename = 'x';</script>
    <script src="../searchindex.js"></script>
"""


@pytest.fixture
def static(tmp_path):
    folder = tmp_path / "_static"
    (folder / "styles").mkdir(parents=True)
    (folder / "basic.css").write_text("p { color: red }")
    (folder / "styles" / "a.css").write_text(
        '@charset "UTF-8"; @import "../basic.css"; i { src: url("../f/i.woff2") url(data:x) }'
    )
    (folder / "b.css").write_text("b { src: url(g.png) url('#h') }")
    (folder / "one.js").write_text("var one = 1")
    (folder / "two.js").write_text("var two = toggleHint;")
    return folder


def test_stylesheets_become_one_with_addresses_that_are_still_true(static):
    page, name = joined.join(static, PAGE, "css")
    text = (static / name).read_text()
    assert "@import" not in text
    assert "@charset" not in text
    order = [text.index(part) for part in ("color:red", "url(f/i.woff2)", "url(g.png)")]
    assert order == sorted(order)
    assert "url(data:x)" in text
    assert "url('#h')" in text
    assert re.findall('<link[^>]*href="([^"]*)', page) == [f"../_static/{name}"]


def test_scripts_become_one_in_their_order(static):
    page, name = joined.join(static, joined.NEEDLESS.sub("", PAGE), "js")
    assert (static / name).read_text() == (
        "var one=1\n;let toggleHint='show';\n;var two=toggleHint;"
    )
    assert re.findall('src="([^"]*)', page) == [
        "../_static/late.js",
        f"../_static/{name}",
        "../searchindex.js",
    ]
    assert page.index(name) < page.index("OPTIONS.pagename")
    assert page.count("toggleHint") == 0


def test_what_is_joined_already_stays(static):
    page, name = joined.join(static, PAGE, "css")
    assert joined.join(static, page, "css") == (page, name)


def test_a_page_of_the_book_asks_for_little_and_for_nothing_that_is_missing(book):
    for path in pages():
        page = path.read_text(encoding="utf-8")
        files = set(re.findall(r'<(?:link|script)\b[^>]*(?:href|src)="([^"?#]*\.(?:css|js))', page))
        assert len(files) <= (8 if path.stem == "search" else 5), (path.name, files)
        assert all((path.parent / file).is_file() for file in files), path.name
    for sheet in (BUILD / "_static").glob("joined-*.css"):
        for _, address in joined.ADDRESS.findall(sheet.read_text(encoding="utf-8")):
            assert (BUILD / "_static" / address.split("?")[0].split("#")[0]).is_file(), address
