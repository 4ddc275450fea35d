"""What is published: the site as a folder, its archive, and the branch that holds it."""

import hashlib
import importlib.util
import re
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
spec = importlib.util.spec_from_file_location("site_tool", ROOT / "tools" / "site.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


def made_of(files):
    def write(folder):
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder

    return write


PAGES = made_of({"index.html": "front", "_static/a.css": "css", "notebooks/01.ipynb": "{}"})


def wheel(version):
    def into(site):
        path = site / f"normlib-{version}-py3-none-any.whl"
        path.write_text(f"wheel {version}")
        return path

    return into


def names(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_site_keeps_older_wheels_and_nothing_else_that_is_old(tmp_path):
    html, site = PAGES(tmp_path / "html"), tmp_path / "site"
    made_of({"gone.html": "", "old/gone.html": "", "normlib-0.0.1-py3-none-any.whl": ""})(site)
    tool.assemble(html, site, wheel("0.2.0"))
    assert names(site) == {
        *names(html),
        ".nojekyll",
        "normlib-0.0.1-py3-none-any.whl",
        "normlib-0.2.0-py3-none-any.whl",
        "normalization-book.zip",
        "normalization-book.zip.sha256",
    }


def test_the_archive_holds_the_site_of_this_version_alone(tmp_path):
    html, site = PAGES(tmp_path / "html"), tmp_path / "site"
    site.mkdir()
    wheel("0.0.1")(site)
    tool.assemble(html, site, wheel("0.2.0"))
    with zipfile.ZipFile(site / tool.ARCHIVE) as archive:
        inside = {name.removeprefix("normalization-book/") for name in archive.namelist()}
        assert archive.read("normalization-book/index.html") == b"front"
    assert inside == {*names(html), ".nojekyll", "normlib-0.2.0-py3-none-any.whl"}


def test_the_checksum_is_that_of_the_archive_and_the_same_for_the_same_content(tmp_path):
    html, digests = PAGES(tmp_path / "html"), set()
    for name in ("one", "two"):
        tool.assemble(html, tmp_path / name, wheel("0.2.0"))
        digest, file = (tmp_path / name / f"{tool.ARCHIVE}.sha256").read_text().split()
        assert file == tool.ARCHIVE
        assert digest == hashlib.sha256((tmp_path / name / tool.ARCHIVE).read_bytes()).hexdigest()
        digests.add(digest)
    assert len(digests) == 1


def test_without_a_book_there_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="There is no book in .* Build it first: make"):
        tool.main(tmp_path / "site")


def test_cards_lie_beside_the_archive_and_not_in_it(tmp_path, monkeypatch):
    html = PAGES(tmp_path / "_build" / "html")
    html.with_name(tool.PDF).write_text("pdf")
    there = []
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "assemble", partial(tool.assemble, wheel_into=wheel("0.2.0")))
    monkeypatch.setattr(tool.cards, "make", lambda html, site: there.extend(names(site)))
    tool.main(tmp_path / "site")
    assert f"{tool.ARCHIVE}.sha256" in there


def test_the_pdf_lies_beside_the_archive_or_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "assemble", partial(tool.assemble, wheel_into=wheel("0.2.0")))
    html, site = PAGES(tmp_path / "_build" / "html"), tmp_path / "site"
    with pytest.raises(SystemExit, match="Print it first: make pdf"):
        tool.main(site)
    html.with_name(tool.PDF).write_text("pdf")
    tool.main(site)
    assert (site / tool.PDF).read_text() == "pdf"
    with zipfile.ZipFile(site / tool.ARCHIVE) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".pdf")]


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    command = ["git", "-C", folder, *who, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """A checkout of one commit, with a bare repository as its origin."""
    git(tmp_path, "init", "-q", "--bare", "origin.git")
    git(tmp_path, "init", "-q", "-b", "main", "work")
    work = made_of({".gitignore": "*.html\n_static/\n", "a.txt": "a"})(tmp_path / "work")
    (work / ".git" / "info").mkdir(exist_ok=True)
    (work / ".git" / "info" / "exclude").write_text("_static/\n")  # must not hold for the site
    git(work, "remote", "add", "origin", tmp_path / "origin.git")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "first")
    return work


def deploy(work, site):
    command = [ROOT / "tools" / "deploy.sh", site]
    return subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)


needs_bash = pytest.mark.skipif(sys.platform == "win32", reason="a script for bash")


@needs_bash
def test_publishing_replaces_the_branch_and_carries_older_wheels_over(checkout, tmp_path):
    before = git(checkout, "status", "--porcelain"), git(checkout, "rev-parse", "HEAD")
    for version in ("0.1.0", "0.2.0"):
        site = PAGES(tmp_path / f"site {version}")
        (site / f"page-{version}.html").touch()
        (site / ".nojekyll").touch()
        wheel(version)(site)
        done = deploy(checkout, site)
        assert done.returncode == 0, done.stderr
    published = git(tmp_path / "origin.git", "ls-tree", "-r", "--name-only", "gh-pages").split("\n")
    assert set(published) == {
        ".nojekyll",
        "_static/a.css",
        "index.html",
        "notebooks/01.ipynb",
        "normlib-0.1.0-py3-none-any.whl",
        "normlib-0.2.0-py3-none-any.whl",
        "page-0.2.0.html",
    }
    assert git(tmp_path / "origin.git", "rev-list", "--count", "gh-pages") == "1"
    assert (git(checkout, "status", "--porcelain"), git(checkout, "rev-parse", "HEAD")) == before


@needs_bash
def test_publishing_replaces_a_wheel_of_the_same_version(checkout, tmp_path):
    for text in ("first", "second"):
        site = PAGES(tmp_path / text)
        (site / "normlib-0.1.0-py3-none-any.whl").write_text(text)
        assert deploy(checkout, site).returncode == 0
    shown = git(tmp_path / "origin.git", "show", "gh-pages:normlib-0.1.0-py3-none-any.whl")
    assert shown == "second"


@needs_bash
def test_publishing_to_nowhere_is_an_error(checkout, tmp_path):
    git(checkout, "remote", "set-url", "origin", tmp_path / "nowhere.git")
    assert deploy(checkout, PAGES(tmp_path / "site")).returncode != 0


def steps(workflow):
    for job in workflow["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_a_workflow_pins_its_actions_and_may_only_read(path):
    text = path.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "timeout-minutes" in job
    for step in steps(workflow):
        if "uses" in step:
            owner = step["uses"].partition("/")[0]
            assert owner == "actions"
            assert re.search(rf"{re.escape(step['uses'])} # v\d+\.\d+\.\d+\n", text)
            assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step["uses"])
        else:
            assert "${{" not in step["run"]  # what others may name never becomes code


def test_only_publishing_may_write_and_only_from_main():
    book = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text(encoding="utf-8"))
    writers = [job for job in book["jobs"].values() if "permissions" in job]
    assert [job["permissions"] for job in writers] == [{"contents": "write"}]
    assert writers[0]["if"] == "github.event_name == 'push' && github.ref == 'refs/heads/main'"
    assert not [step for step in writers[0]["steps"] if "pip" in step.get("run", "")]


def test_workflows_call_what_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for path in WORKFLOWS:
        for step in steps(yaml.safe_load(path.read_text(encoding="utf-8"))):
            for words in map(str.split, step.get("run", "").splitlines()):
                if words[0] == "make":
                    assert re.search(rf"(?m)^{words[-1]}:", makefile)
                if words[0].startswith("tools/"):
                    assert (ROOT / words[0]).exists()
