"""Who may import whom, how large a file may grow, and what `import normlib` may load."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import normlib
from normlib import gpt

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "normlib").rglob("*.py"))

# Each package or module of normlib, and the ones that it may import.
GROUND = {name: set() for name in ("_inputs", "_kernels", "digits", "palette", "placements")}
MAY_IMPORT = GROUND | {
    "gradcheck": {"digits"},
    "results": {"digits"},
    "functional": {"_inputs", "_kernels"},
    "mlp": {"functional"},
    "agree": {"digits", "functional"},
    "checker": set(),  # its references are its own, so that it judges the library too
    "layers": {"functional", "_inputs"},
    "clinic": {"checker", "digits"},
    "gpt": {"digits", "palette", "placements", "results"},
    "plots": {"palette", "placements"},
    # gpt only to measure a reader's own model
    "widgets": {"gpt", "palette", "placements", "plots", "results"},
    "__init__": {"agree", "checker", "clinic", "digits", "functional", "gradcheck", "layers"}
    | {"results"},
}
# Inside normlib.gpt, a module imports only modules that stand before it.
GPT = ["_fields", "real_models", "_weights", "norms", "_hf", "model", "surgery", "data", "probes"]
GPT += ["provenance", "checkpoints", "train_config", "training", "playground", "progress", "jobs"]
GPT += ["run_diagnosis", "sweeps", "__main__", "__init__"]
LIBRARIES = {
    "gpt": {"numpy", "torch"},
    "plots": {"numpy", "matplotlib", "mpl_toolkits", "matplotlib_inline", "cycler"},
    "widgets": {"numpy", "traitlets", "anywidget", "matplotlib"},
}
FOLDERS = ("normlib", "book/_ext", "benchmarks", "experiments", "tests", "tools")
LONGEST = 300  # lines of code in a file; a longer one is usually two things
LONGER = {"tests/book/test_nbexport.py": "one page, and what a notebook makes of each part"}


def part(path):
    """The package or module directly under normlib that a file belongs to."""
    relative = path.relative_to(ROOT / "normlib")
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def name(path):
    return path.relative_to(ROOT).as_posix()


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


def test_a_module_imports_only_what_stands_below_it():
    wrong = []
    for path in MODULES:
        own = part(path)
        inside = {m.split(".")[1] for m in imports(path) if m.startswith("normlib.")}
        wrong += [f"{name(path)}: {m}" for m in inside - {own} - MAY_IMPORT.get(own, set())]
    assert not wrong, f"MAY_IMPORT, above, has no such imports: {wrong}"


def test_the_modules_of_gpt_stand_on_each_other_in_order():
    folder, wrong = ROOT / "normlib" / "gpt", []
    files = {path.stem: path for path in folder.glob("*.py")}
    files |= {path.parent.name: path for path in folder.glob("*/__init__.py")}
    assert files.keys() == set(GPT)
    for position, module in enumerate(GPT):
        needed = {m.split(".")[2] for m in imports(files[module]) if m.startswith("normlib.gpt.")}
        wrong += [f"{module}: {m}" for m in needed - set(GPT[:position])]
    assert not wrong, f"in GPT, above, these do not stand before what imports them: {wrong}"


def needs_of(folder):
    """Pairs of a file in a folder of the checker and a module of the checker that it imports."""
    for path in sorted((ROOT / "normlib" / "checker" / folder).glob("*.py")):
        for module in imports(path):
            if module.startswith("normlib."):
                assert module != "normlib.checker", f"{path.name}: import from the module itself"
                yield path.stem, module.removeprefix("normlib.checker.").split(".")[0]


def test_the_engine_of_the_checker_meets_the_exercises_in_one_place():
    """Whoever adds an exercise changes data, and no line of the engine."""
    assert [user for user, module in needs_of(".") if module == "exercises"] == ["checking"]


def test_the_exercises_know_what_they_are_made_of_and_not_how_they_are_judged():
    assert {module for _, module in needs_of("exercises")} == {"exercises", "model", "attempts"}


def test_a_module_needs_only_numpy():
    wrong = []
    for path in MODULES:
        outside = {m.split(".")[0] for m in imports(path, everywhere=False)}
        outside -= set(sys.stdlib_module_names) | {"normlib"}
        wrong += [f"{name(path)}: {m}" for m in outside - LIBRARIES.get(part(path), {"numpy"})]
    assert not wrong, f"import these where they are used, or allow them in LIBRARIES: {wrong}"


def test_import_normlib_loads_no_heavy_library():
    code = "import sys, normlib; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"torch", "matplotlib", "anywidget", "IPython"} & set(loaded.stdout.split())


def test_figures_and_the_table_of_placements_need_no_torch():
    code = "import sys, normlib.widgets, normlib.placements; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_module_has_the_name_of_a_public_function():
    assert not {path.stem for path in MODULES} & set(normlib.__all__)


# Where users find functions and classes: packages, and modules that the reference names.
PUBLIC = ["", ".agree", ".checker", ".clinic", ".digits", ".gpt", ".gpt.playground", ".gpt.probes"]
PUBLIC += [".gpt.real_models", ".gradcheck", ".placements", ".plots", ".results", ".widgets"]


def public_names(module):
    """What `__all__` names, or else what is defined there without an underscore."""
    own = [n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__]
    return getattr(module, "__all__", [name for name in own if not name.startswith("_")])


def methods(cls):
    """Functions of the methods and properties of a class and its bases, special ones included."""
    for owner in cls.__mro__:
        for name, member in vars(owner).items():
            if name.startswith("__") or not name.startswith("_"):
                inner = [getattr(member, a, None) for a in ("fget", "func", "__func__")]
                function = next(filter(None, inner), member)
                if getattr(function, "__qualname__", "").startswith(f"{owner.__qualname__}."):
                    yield function


def public_functions():
    """The functions of all public names, as far as they stand in a file of the library."""
    for module in (importlib.import_module(f"normlib{name}") for name in PUBLIC):
        for thing in (getattr(module, name) for name in public_names(module)):
            for found in methods(thing) if inspect.isclass(thing) else [thing]:
                function = inspect.unwrap(found) if callable(found) else None
                if inspect.isfunction(function) and Path(function.__code__.co_filename) in MODULES:
                    yield function


def test_every_public_function_has_types():
    functions, lacking = {*public_functions()}, set()
    assert {normlib.layer_norm, normlib.BatchNorm.backward, gpt.GPT.forward} <= functions
    for function in functions:
        where = f"{function.__module__}.{function.__qualname__}"
        signature = inspect.signature(function)
        for parameter in signature.parameters.values():
            if parameter.annotation is parameter.empty and parameter.name not in ("self", "cls"):
                lacking.add(f"{where}: {parameter.name}")
        if signature.return_annotation is signature.empty:
            lacking.add(f"{where}: what it returns")
    assert not lacking, f"these lack a type: {', '.join(sorted(lacking))}"


def test_every_public_name_is_documented_on_the_page_of_the_library():
    page = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    assert set(re.findall(r"auto(?:function|class):: (\w+)", page)) >= set(normlib.__all__)


def test_every_public_name_of_gpt_is_documented_on_its_page():
    page = (ROOT / "book" / "gpt.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"auto(?:function|class|exception):: (\w+)", page))
    assert documented >= set(gpt.__all__)


def lines_of_code(path):
    """How many lines are left without docstrings, comments and blank lines."""
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    silent += (tokenize.ENCODING, tokenize.ENDMARKER)
    lines = set()
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type not in silent:
                lines |= {*range(token.start[0], token.end[0] + 1)}
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            lines -= {*range(node.body[0].lineno, node.body[0].end_lineno + 1)}
    return len(lines)


def test_lines_of_code_are_counted(tmp_path):
    path = tmp_path / "some.py"
    path.write_text('''"""Not this."""
# nor this

def f(x):
    """Nor
    this."""
    y = """but
    these two"""

    return (x,  # and this
            y)
''')
    assert lines_of_code(path) == 5


def test_no_file_is_too_long_without_a_reason():
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    lengths = {name(path): lines_of_code(path) for path in files}
    long = {file: count for file, count in lengths.items() if count > LONGEST}
    assert long.keys() == LONGER.keys(), f"split them, or give a reason in LONGER: {long}"


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
