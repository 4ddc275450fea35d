"""Who may import whom, how large a file may grow, and what `import normlib` may load."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import normlib
from normlib import gpt

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "normlib").rglob("*.py"))

# Each package or module of normlib, and the ones that it may import.
GROUND = {name: set() for name in ("_inputs", "_kernels", "checker", "gradcheck", "results")}
MAY_IMPORT = GROUND | {
    "functional": {"_inputs", "_kernels"},
    "agree": {"functional"},
    "layers": {"functional", "_inputs"},
    "clinic": {"checker"},
    "gpt": {"results"},
    "plots": set(),
    "widgets": {"gpt", "plots", "results"},  # gpt only to measure a reader's own model
    "__init__": {"agree", "checker", "clinic", "functional", "gradcheck", "layers", "results"},
}
# Inside normlib.gpt, a module imports only modules that stand before it.
GPT = ["_configs", "real_models", "_weights", "norms", "model", "data", "probes", "provenance"]
GPT += ["train_config", "training", "playground", "progress", "sweeps", "__main__", "__init__"]
LIBRARIES = {
    "gpt": {"numpy", "torch"},
    "plots": {"numpy", "matplotlib", "mpl_toolkits", "matplotlib_inline", "cycler"},
    "widgets": {"numpy", "traitlets", "anywidget", "matplotlib"},
}
LONGEST = 350
LONGER = {"tests/book/test_nbexport.py": "one page, and what a notebook makes of each part"}


def part(path):
    """The package or module directly under normlib that a file belongs to."""
    relative = path.relative_to(ROOT / "normlib")
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(path, everywhere=True):
    """Names of all imported modules; only those at the top level if not `everywhere`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            yield node.module
            if node.module == "normlib":
                yield from (f"normlib.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_stands_below_it(path):
    own = part(path)
    inside = {m.split(".")[1] for m in imports(path) if m.startswith("normlib.")}
    assert inside - {own} <= MAY_IMPORT[own]


def test_the_modules_of_gpt_stand_on_each_other_in_order():
    assert {path.stem for path in (ROOT / "normlib" / "gpt").glob("*.py")} == set(GPT)
    for position, name in enumerate(GPT):
        needed = {
            m.split(".")[2]
            for m in imports(ROOT / "normlib" / "gpt" / f"{name}.py")
            if m.startswith("normlib.gpt.")
        }
        assert needed <= set(GPT[:position])


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_needs_only_numpy(path):
    outside = {m.split(".")[0] for m in imports(path, everywhere=False)}
    outside -= set(sys.stdlib_module_names) | {"normlib"}
    assert outside <= LIBRARIES.get(part(path), {"numpy"})


def test_import_normlib_loads_no_heavy_library():
    code = "import sys, normlib; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"torch", "matplotlib", "anywidget", "IPython"} & set(loaded.stdout.split())


def test_no_module_has_the_name_of_a_public_function():
    assert not {path.stem for path in MODULES} & set(normlib.__all__)


def test_every_public_name_is_documented_on_the_page_of_the_library():
    page = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    assert set(re.findall(r"auto(?:function|class):: (\w+)", page)) >= set(normlib.__all__)


def test_every_public_name_of_gpt_is_documented_on_its_page():
    page = (ROOT / "book" / "gpt.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"auto(?:function|class|exception):: (\w+)", page))
    assert documented >= set(gpt.__all__)


FOLDERS = ("normlib", "book/_ext", "benchmarks", "experiments", "tests")
FILES = [p for d in FOLDERS for p in sorted((ROOT / d).rglob("*.py"))]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_is_too_long_without_a_reason(path):
    if str(path.relative_to(ROOT)) in LONGER:
        return
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_the_map_in_the_readme_is_true():
    """Every path in the README's tree exists, and every tracked top-level name is in it."""
    tree = re.search(r"```text\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)[1]
    named, folder = set(), ""
    for line in tree.splitlines():
        indent, path = re.match(r"( *)(\S+)", line).groups()
        if not indent:
            folder = path if path.endswith("/") else ""
        for name in path.split(","):
            named.add((folder if indent else "") + name)
    assert not [name for name in named if not (ROOT / name).exists()]
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    top = {p.split("/")[0] + ("/" if "/" in p else "") for p in tracked}
    assert top - {".gitignore"} <= named


def test_the_tests_of_the_library_need_numpy_and_torch_alone():
    """Where there is no book, no browser and no Matplotlib, `pytest tests/library` runs."""
    helpers = {path.stem: path for path in (ROOT / "tests" / "helpers").glob("*.py")}
    pending = list((ROOT / "tests" / "library").glob("*.py"))
    outside, seen = set(), set()
    while pending:
        needed = {m.split(".")[0] for m in imports(pending.pop(), everywhere=False)} - seen
        seen |= needed
        pending += [helpers[m] for m in needed & helpers.keys()]
        outside |= needed - helpers.keys() - set(sys.stdlib_module_names)
    assert outside == {"numpy", "torch", "pytest", "hypothesis", "normlib"}
