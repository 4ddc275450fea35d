"""The page for teachers: what it promises works."""

import html
import json
import re
import subprocess
import sys
import venv
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from chapters import BOOK, CHAPTERS, text_of

ROOT = Path(__file__).parents[2]
PAGE = text_of(BOOK / "teaching.md")


def test_every_chapter_has_a_goal():
    goals = PAGE.partition("## Goals")[2].partition("\n## ")[0]
    linked = re.findall(r"^\| \{doc\}`\d+ <(\w+)>` \|", goals, re.M)
    wanted = [path.stem for path in CHAPTERS]
    assert linked == wanted, "book/teaching.md, Goals: one row for each chapter, in order"


def test_the_table_of_times_says_what_the_chapters_say_and_how_long_they_ran(browser, book):
    page = browser.new_page()
    page.goto((book / "book" / "teaching.html").as_uri())
    rows = page.locator("#how-long-a-chapter-takes tbody tr")
    said = rows.evaluate_all("rows => rows.map(row => [...row.cells].map(c => c.innerText))")
    page.close()
    assert len(said) == len(CHAPTERS)
    for path, (title, minutes, exercises, seconds) in zip(CHAPTERS, said, strict=True):
        built = text_of(book / "book" / f"{path.stem}.html")
        name = html.unescape(re.search(r"<title>\s*(.*?) &#8212;", built).group(1))
        assert title == f"{int(path.stem[:2])}. {name}"
        assert re.search(r'class="reading-time">(.*?)<', built).group(1) == f"{minutes} minutes"
        assert int(exercises) == text_of(path).count("{exercise-start}")
        assert int(seconds) >= 1


@pytest.mark.parametrize("address", re.findall(r'href="figures\.html(#[^"]+)"', PAGE))
def test_a_link_to_a_figure_opens_it_in_its_state(figure, address):
    address = html.unescape(address)
    name, _, state = address[1:].partition("?")
    one = figure(name, address=address)
    one.rest()
    wanted = dict(parse_qsl(state))

    def text(value):
        return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))

    assert {key: text(one.get(key)) for key in wanted} == wanted
    assert one.root.locator(".nl-refused").all_inner_texts() == []


GOOD = """
import numpy as np

def layer_norm(x, weight, bias, eps):
    centered = x - x.mean(-1, keepdims=True)
    return weight * centered / np.sqrt((centered**2).mean(-1, keepdims=True) + eps) + bias
"""
BAD = GOOD.replace(
    "np.sqrt((centered**2).mean(-1, keepdims=True) + eps)", "(x.std(-1, keepdims=True) + eps)"
)


@pytest.mark.slow
def test_otter_grades_with_the_checker_and_passes_on_its_sentence(tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    folder = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    install = [folder / "python", "-m", "pip", "install", "--quiet", ROOT]
    subprocess.run([*install, "otter-grader", "ipykernel"], check=True)
    (test,) = re.findall(r"```python\n(from otter.*?)```", PAGE, re.S)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "layer_norm.py").write_text(test, encoding="utf-8")
    said = {}
    for name, answer in (("good", GOOD), ("bad", BAD)):
        (tmp_path / f"{name}.py").write_text(answer, encoding="utf-8")
        command = [folder / "otter", "check", f"{name}.py", "-t", "tests"]
        said[name] = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    assert "All tests passed" in said["good"]
    quoted = re.search(r"reads, from Otter itself: “(.*?)”", PAGE)[1]
    assert quoted in said["bad"]
