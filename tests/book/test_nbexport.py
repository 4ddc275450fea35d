"""The notebooks for readers, made from a page that holds everything the book may hold."""

import html
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from docutils import nodes
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from extensions import EXTENSIONS, extension
from notebooks import leaks, unshown

FIXTURE = Path(__file__).parents[1] / "fixtures" / "sink"
SITE = "https://example.org/book"


def build(project, **config):
    """Build the project as a book, warnings as errors, and return the folder of its pages."""
    file = project / "_config.yml"
    book = yaml.safe_load(file.read_text())
    book["sphinx"]["local_extensions"] = {"nbexport": str(EXTENSIONS)}
    book["sphinx"]["config"].update(config)
    file.write_text(yaml.safe_dump(book))
    command = Path(sys.executable).with_name("jupyter-book")
    arguments = ["build", str(project), "-W", "--keep-going", "-n"]
    done = subprocess.run(
        [command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=os.environ | {"NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout
    return project / "_build" / "html"


def built_copy(folder):
    project = shutil.copytree(FIXTURE, folder / "sink")
    return SimpleNamespace(project=project, pages=build(project))


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    return built_copy(tmp_path_factory.mktemp("book"))


@pytest.fixture(scope="session")
def notebook(book):
    return nbformat.read(book.pages / "notebooks" / "sink.ipynb", as_version=4)


@pytest.fixture(scope="session")
def page(book):
    return (book.pages / "pages" / "sink.html").read_text()


def texts(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def text(notebook):
    return "\n\n".join(texts(notebook))


def written_cells():
    """Code cells of the page's source, as (tags, code, whether in a solution)."""
    source = (FIXTURE / "pages" / "sink.md").read_text()
    for found in re.finditer(r"(?ms)^```\{code-cell\} ipython3\n(.*?)^```$", source):
        before = source[: found.start()]
        solution = before.count("{solution-start}") > before.count("{solution-end}")
        code = re.sub(r"(?s)\A(---\n.*?---\n|:tags:.*?\n)", "", found[1])
        tags = re.search(r"tags: \[(.*?)\]", found[1])
        yield set(tags[1].split(", ")) if tags else set(), code.strip(), solution


def plain(markup):
    """Letters of a text in HTML or Markdown, without its marks."""
    return " ".join(re.sub(r"<[^>]+>|\\[()]|[$*`\\]", "", html.unescape(markup)).split())


def test_nothing_of_the_books_markup_is_left(notebook):
    assert leaks(notebook) == []


@pytest.mark.parametrize(
    "leak",
    [
        "```{note}\nText.\n```",
        "> :::{tip}\n> Text.\n> :::",
        "see {eq}`eq-ln`",
        "a {{ key }}",
        "(target)=",
        "$$ a $$ (eq-a)",
        "$$ a \\label{b} $$",
        "\\begin{align}\na\n\\end{align}",
        "note[^1]",
        "+++",
        "% comment",
        ":name: fig",
        "[other](other.md)",
        "[here](#there)",
        '<img src="axes.svg">',
        "a $ x $ b",
        "> ```python\n> x\n> ```\n>\n> and {eq}`eq-ln`",
        "`code` and {eq}`eq-ln`",
    ],
)
def test_the_audit_finds(leak):
    cell = nbformat.v4.new_markdown_cell(leak)
    assert leaks(nbformat.v4.new_notebook(cells=[cell]))


@pytest.mark.parametrize(
    "fine",
    [
        "`{name}` and `{{x}}` and `[a](b)`",
        '```python\nf"{{x}}" + y[a](b)  # $ x $\n```',
        "> ```python\n> {{x}}\n> ```",
        "$x^{{a}} f[x](y)$ and $$ b^{{c}} [^1] $$",
        "5<span>\\$</span> and 6<span>\\$</span> more",
        "[x\\](y) and [z](https://example.org)",
    ],
)
def test_the_audit_passes(fine):
    cell = nbformat.v4.new_markdown_cell(fine)
    assert leaks(nbformat.v4.new_notebook(cells=[cell])) == []


def test_the_audit_finds_the_builds_own_package():
    cell = nbformat.v4.new_code_cell("from myst_nb import glue")
    assert leaks(nbformat.v4.new_notebook(cells=[cell]))


def test_all_markdown_shows(notebook):
    assert unshown(notebook) == []


@pytest.mark.parametrize("typed", ["**a:**b", "$$ a", "a `b", "a | b\n|--|", "<details>\n\na"])
def test_the_check_of_markdown_finds(typed):
    cell = nbformat.v4.new_markdown_cell(typed)
    assert unshown(nbformat.v4.new_notebook(cells=[cell]))


def test_every_cell_for_readers_is_there_in_order(notebook):
    expected = [
        code
        for tags, code, in_solution in written_cells()
        if "book-only" not in tags and not in_solution
    ]
    assert len(expected) == 7
    assert [c.source for c in notebook.cells if c.cell_type == "code"] == expected


def test_cells_that_the_page_does_not_show_keep_their_place(notebook):
    sources = [cell.source for cell in notebook.cells]
    (setup,) = [i for i, source in enumerate(sources) if source.startswith("# Set-up")]
    assert sources[setup - 1].endswith("[Zhang and Sennrich, 2019].")
    assert sources[setup + 1].startswith("This paragraph stands between")
    (live,) = [i for i, source in enumerate(sources) if "a live control" in source]
    assert sources[live - 1].endswith("— Nobody")


def test_cells_of_the_build_alone_are_absent(notebook):
    everything = "\n".join(cell.source for cell in notebook.cells)
    hidden = [code for tags, code, _ in written_cells() if "book-only" in tags]
    assert len(hidden) == 3
    assert not [code for code in hidden if code in everything]
    assert "shown on the page alone" not in everything


def test_solutions_are_folded_and_do_not_run(notebook):
    folded = re.findall(r"(?s)<details>\n<summary>(.*?)</summary>(.*?)</details>", text(notebook))
    solutions = {title: body for title, body in folded if title.startswith("Solution")}
    assert list(solutions) == [
        "Solution to Exercise 1.1 (Write it)",
        "Solution to Exercise 1.2",
        "Solution to Exercise",
    ]
    codes = [code for _, code, in_solution in written_cells() if in_solution]
    assert len(codes) == 2
    for code in codes:
        assert f"```python\n{code}\n```" in solutions["Solution to Exercise 1.2"]
        assert code not in [cell.source for cell in notebook.cells]


def test_a_second_notebook_has_no_solutions_and_all_the_rest(book, notebook):
    path = book.pages / "notebooks-without-solutions" / "sink.ipynb"
    bare = nbformat.read(path, as_version=4)
    nbformat.validate(bare)
    assert leaks(bare) == []
    codes = [code for _, code, in_solution in written_cells() if in_solution]
    assert not [code for code in codes if code in text(bare)]
    assert "Solution" not in text(bare)
    solution = r"(?s)<details>\n<summary>Solution(?:(?!</details>).)*</details>"
    rest = [re.sub(solution, "", cell).split() for cell in texts(notebook)]
    assert [cell.split() for cell in texts(bare)] == [cell for cell in rest if cell]
    live = [[c.source for c in n.cells if c.cell_type == "code"] for n in (bare, notebook)]
    assert live[0] == live[1]


def test_folding_of_code(notebook):
    folded = [
        c.source for c in notebook.cells if c.metadata.get("jupyter", {}).get("source_hidden")
    ]
    assert folded == ["x = np.arange(8.0).reshape(2, 4)\nmean = x.mean(-1)", folded[-1]]
    assert folded[-1] == 'print("the page has the output alone")'
    forms = [cell.source for cell in notebook.cells if cell.metadata.get("cellView") == "form"]
    assert forms == folded


def test_notebook_is_valid_without_outputs_and_with_fixed_ids(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not [cell for cell in code if cell.outputs or cell.execution_count is not None]
    assert [c.id for c in notebook.cells] == [f"cell-{i:03d}" for i in range(len(notebook.cells))]
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.colab == {"toc_visible": True, "provenance": []}
    assert not [cell for cell in notebook.cells if "mystnb" in cell.metadata]


def test_numbers_are_those_of_the_page(notebook, page):
    captions = re.findall(r'<span class="caption-number">(.*?) </span>', page)
    assert captions == re.findall(r"\*\*((?:Fig\.|Table|Exercise|Listing) [\d.]+)", text(notebook))
    assert len(captions) == 7
    equations = re.findall(r'<span class="eqno">\((.*?)\)', page)
    assert equations == re.findall(r"\\tag\{(.*?)\}", text(notebook))
    assert equations == ["1.1", "1.2", "1.3"]
    sections = re.findall(r'<h\d><span class="section-number">(.*?) </span>', page)
    assert sections == re.findall(r"(?m)^#+ ([\d.]+)", text(notebook))
    assert len(sections) == 6


def test_captions_are_those_of_the_page(notebook, page):
    captions = re.findall(
        r'(?s)<span class="caption-number">([^<]*)</span><span class="caption-text">(.*?)</span>'
        r'(?=<a class="headerlink"|</div>)',
        page,
    )
    assert len(captions) == 5
    lines = [plain(line) for line in text(notebook).split("\n")]
    for number, caption in captions:
        assert plain(f"{number}{caption}") in lines


def test_glued_values_are_those_of_the_page(notebook, page):
    tokens, spread, *_ = re.findall(r'<span class="pasted-text">(.*?)</span>', page)
    assert f"There are {tokens} tokens, and their spread is {spread}." in text(notebook)


def test_citations_are_names_and_the_bibliography_has_addresses(notebook):
    assert "Ba *et al.* [2016] came first" in text(notebook)
    sources = text(notebook).partition("**Sources**")[2]
    assert re.search(r"(?m)^- Jimmy.Lei Ba, .*\(https://arxiv.org/abs/1607.06450\)", sources)
    assert re.search(r"(?m)^- Biao Zhang .*\(https://arxiv.org/abs/1910.07467\)", sources)


@pytest.mark.parametrize(
    "expected",
    [
        "For $x \\in \\mathbb{R}^d$ with $a< b$ and\n",
        "\\end{aligned} \\tag{1.2}\n$$",
        "> $$ v = \\frac{1}{d} \\sum_i (x_i - \\mu)^2 $$",
        "> **Note**\n>\n> The variance",
        "<summary>Predict first: is $x = 0$ harmless?</summary>",
        "> **Warning**\n>\n> Colon fence with `code` and a block:\n>\n> ```python\n> x = 1\n> ```",
        "> **Aside**\n>\n> Margin note, see Exercises.",
        "> A note without a title.",
        "**NumPy**\n\n```python\nnp.mean(x, axis=-1)\n```\n\n**PyTorch**",
        "> **First *card***\n>\n> Text of the first card.\n>\n> [https://example.org/first]",
        "> Text of the second card.\n\n<details>",
        "<summary>A folded remark</summary>\n\nInside the remark: 2.",
        "<details><summary>Raw HTML details</summary>\n\nHidden *markdown* with $x$.\n\n</details>",
        "by the mean.<sup>1</sup>",
        "<sup>1</sup> A footnote with $d-1$ and `code` in it.",
        "- **Other *term***\n\n  First paragraph.\n\n  Second paragraph.",
        "   - nested\n     - deeper\n\n       ```\n       a block of text\n       ```\n   - again",
        "- one list\n\n<!-- -->\n\n- another list\n\n3. three\n4. four",
        "| BatchNorm | first, `a\\|b`<br>and all spatial ones |",
        "| :--- | ---: |\n| RMS | $\\vert x_i\\vert ^2$ |\n| L1 | a \\| b |",
        "| a row without a head | $\\displaystyle a \\vert b$ |",
        'alt="Axes of a &quot;batch&quot;" width="60%">\n\n**Fig. 1.2**',
        "A legend below the caption.",
        "[external](https://example.org/a_%28b%29?c=d",
        "the other page, Another page, Another page, this page",
        "Wow\\![link](https://example.org/wow)",
        "Zhang and Sennrich [2019\\](see there), $a$ $b$, value of a substitution",
        "<strong>Tokens:</strong>2, H<sub>2</sub>O, <kbd>Ctrl</kbd>",
        "<span>\\$</span>5 and <span>\\$</span>6",
        "2\\. starts this paragraph.",
        '`````python\nprint("````")\n`````',
        'alt="square"> An image opens *this* paragraph.',
        "<summary>Show</summary>\n\nClick to *see*.",
        "> 1. An item with a formula\n>\n>    $$ \\begin{aligned} a \\\\ b \\end{aligned} $$",
        "> Less is more.\n>\n> — Nobody",
        "$$\n\\begin{gathered}\na = b \\\\\nc < d\n\\end{gathered}\n$$",
        "\\begin{cases} a & b \\\\ c & d \\end{cases} \\\\\ne = f\n\\end{aligned}",
    ],
)
def test_the_notebook_says(notebook, expected):
    assert expected in text(notebook)


def test_comments_targets_and_index_entries_vanish(notebook):
    for gone in ["authors among themselves", "kept apart by", "in HTML", "(sink)", "kitchen"]:
        assert gone not in text(notebook)


def test_images_are_in_the_notebook_where_there_is_no_site(notebook):
    kinds = re.findall(r'<img src="data:(image/[\w+]+);base64,\w', text(notebook))
    assert kinds == [
        "image/png",
        "image/svg+xml",
        "image/svg+xml",
        "image/svg+xml",
        "image/svg+xml",
    ]


def test_download_button_offers_this_notebook(book, page):
    offered = re.findall(r'<a href="([^"]*)"[^>]*\n\s*class="[^"]*btn-download-notebook', page)
    assert offered == ["../notebooks/sink.ipynb"]
    assert "btn-download-source" in page
    other = (book.pages / "pages" / "other.html").read_text()
    assert "btn-download-source" in other
    assert "notebook-button" not in other
    assert [file.name for file in (book.pages / "notebooks").iterdir()] == ["sink.ipynb"]


@pytest.mark.slow
def test_same_bytes_from_scratch_after_a_change_elsewhere_and_when_lost(book, tmp_path):
    again = built_copy(tmp_path)
    expected = (book.pages / "notebooks" / "sink.ipynb").read_bytes()
    file = again.pages / "notebooks" / "sink.ipynb"
    assert file.read_bytes() == expected
    other = again.project / "pages" / "other.md"
    other.write_text(other.read_text() + "\nOne more line.\n")
    made = file.stat().st_mtime_ns
    build(again.project)
    assert file.stat().st_mtime_ns == made
    file.unlink()
    build(again.project)
    assert file.read_bytes() == expected
    executed = again.project / "_build" / "jupyter_execute" / "pages" / "sink.ipynb"
    executed.unlink()
    build(again.project)
    assert executed.exists()
    assert file.read_bytes() == expected


def test_links_and_images_lead_to_the_site_where_there_is_one(book, tmp_path):
    project = shutil.copytree(book.project, tmp_path / "sink")
    pages = build(project, nbexport_site=f"{SITE}/", nbexport_built="today; Python 3")
    notebook = nbformat.read(pages / "notebooks" / "sink.ipynb", as_version=4)
    assert leaks(notebook) == []
    assert unshown(notebook) == []
    assert "data:" not in text(notebook)
    images = re.findall(rf"{SITE}/(_images/[\w.]+)", text(notebook))
    assert len(images) == 5
    assert all((pages / image).is_file() for image in images)
    assert f"[the other page]({SITE}/pages/other.html)" in text(notebook)
    assert f"> [Another page]({SITE}/pages/other.html#other-page)" in text(notebook)
    (download,) = re.findall(rf"\[`a file`\]\({SITE}/([^)]*)\)", text(notebook))
    assert (pages / download).is_file()
    title, built = text(notebook).split("\n\n")[:2]
    assert title.startswith("# ")
    assert built == (
        "*The numbers in the text were computed when the book was built (today; Python 3); "
        "yours may differ in the last digits.*"
    )


def test_notebook_runs_from_top_to_bottom(book, tmp_path):
    copy = shutil.copy(book.pages / "notebooks" / "sink.ipynb", tmp_path)
    command = Path(sys.executable).with_name("jupyter-execute")
    done = subprocess.run([command, copy], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def nbtext():
    return extension("nbtext")


PIECES = [
    "a",
    "1",
    " ",
    "\n",
    "\\",
    "*",
    "**",
    "_",
    "`",
    "```",
    "~~",
    "$",
    "!",
    "<a>",
    "&lt;",
    "<!--",
]
PIECES += ["[a](b)", "[a]: b", "[a]", "(b)", "- ", "+ ", "1. ", "2) ", "# ", "> ", "---", "==="]
PIECES += ["| a |", "|--|", ":-:", "http://a.b"]


@settings(max_examples=500)
@example(pieces=["a\n==="])
@example(pieces=["a\n---"])
@example(pieces=["| a | b |\n|---|---|"])
@example(pieces=["__init__ and a__b_"])
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=8))
def test_any_text_shows_as_it_is(pieces, nbtext):
    lines = (line.strip() for line in "".join(pieces).split("\n"))
    expected = "\n".join(filter(None, lines))
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    shown = parser.render(nbtext.escape_line_starts(nbtext.escape(expected)))
    assert html.unescape(re.sub(r"\A<p>|</p>\n\Z|</?span>", "", shown)) == expected


def writer():
    """A writer of a page without numbers, which notes its warnings."""
    domains = {"std": SimpleNamespace(get_enumerable_node_type=lambda node: None)}
    env = SimpleNamespace(
        toc_fignumbers={}, toc_secnumbers={}, images={}, metadata={}, domains=domains
    )
    config = SimpleNamespace(nbexport_site="")
    app = SimpleNamespace(env=env, config=config, srcdir="/")
    out = extension("nbmarkdown").PageWriter(app, "page", [], [], {})
    out.warned = []
    out.warn = lambda node, message, *values: out.warned.append(message % values)
    return out


class Unknown(nodes.General, nodes.Element):
    """What another extension may bring."""


@pytest.mark.parametrize(("before", "says"), [("", "[a\\]: b"), ("See ", "See [a]: b")])
def test_brackets_before_a_colon_are_no_definition_of_a_link(before, says):
    pieces = nodes.Text(before), nodes.inline("", "[a]"), nodes.Text(": b")
    assert writer().text(nodes.paragraph("", "", *pieces)) == says


def test_an_unknown_block_keeps_its_text():
    page = writer()
    inner = Unknown("", nodes.paragraph("", "kept"), nodes.paragraph("", "too"))
    assert page.block(Unknown("", inner)) == ["kept", "too"]
    assert page.warned == []


def test_an_unknown_block_without_text_is_a_warning():
    page = writer()
    assert page.block(Unknown()) == []
    assert page.warned == ["Unknown"]


def test_an_unknown_inline_without_text_is_a_warning():
    page = writer()
    assert page.text(nodes.paragraph("", "", nodes.Text("a"), nodes.inline(), Unknown())) == "a"
    assert page.warned == ["Unknown"]


def test_a_table_with_wide_cells_is_a_warning():
    page = writer()
    entry = nodes.entry("", nodes.paragraph("", "wide"), morecols=1)
    body = nodes.tbody("", nodes.row("", entry))
    page.block(nodes.table("", nodes.tgroup("", body)))
    assert page.warned == ["a table cell over several rows or columns"]


def test_a_relative_address_in_html_is_a_warning():
    page = writer()
    page.block(nodes.raw("", '<a href="other.html">other</a>', format="html"))
    assert page.warned == ['href="other.html", a relative address']


def test_an_image_without_a_file_is_a_warning():
    page = writer()
    page.block(nodes.image("", uri="nowhere.png"))
    assert page.warned == ["an image without a file, nowhere.png"]


def test_two_pages_of_one_name_are_a_warning(monkeypatch):
    nbexport, warned = extension("nbexport"), []
    monkeypatch.setattr(nbexport.log, "warning", lambda text, *values, **_: warned.append(values))
    pages = ["a/intro", "b/intro", "a/plain", "b/plain"]
    metadata = {page: {"kernelspec": {}} if "intro" in page else {} for page in pages}
    env = SimpleNamespace(found_docs=pages, metadata=metadata)
    app = SimpleNamespace(env=env, builder=SimpleNamespace(name="html"))
    nbexport.check_names(app, env)
    assert warned == [(2, "notebooks/intro.ipynb")]


def test_the_notebook_of_a_lost_page_goes(tmp_path):
    nbexport, app = extension("nbexport"), SimpleNamespace(outdir=tmp_path)
    file = tmp_path / "notebooks" / "page.ipynb"
    file.parent.mkdir()
    file.touch()
    nbexport.forget(app, None, "book/other")
    assert file.exists()
    nbexport.forget(app, None, "book/page")
    assert not file.exists()


def test_a_folded_exercise_keeps_its_cells_live():
    page = writer()
    cell = nodes.container(nb_element="cell_code", cell_index=3, cell_metadata={})
    box = nodes.admonition("", nodes.title("", "Try"), cell, classes=["dropdown"])
    assert page.block(box) == ["> **Try**", (3,)]
