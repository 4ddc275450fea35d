"""What a chapter claims holds on another processor, for other seeds, and on another Python's text.

The build asserts the claims on the machine, the seeds and the text at hand. A training amplifies
the last digit of any of them, so a claim that hangs on one run of it is none.
"""

import hashlib
import re

import pytest

from chapters import PAGES, cells
from run_chapter import corpus_of

RUNNER = "tests/helpers/run_chapter.py"
EXECUTED = [path for path in PAGES if cells(path)]
CLAIMING = [path for path in EXECUTED if any("claims" in cell.tags for cell in cells(path))]
READING = [
    path
    for path in CLAIMING
    if any(re.search(r"load_text\(|pydoc_data", c.source) for c in cells(path))
]
# PyTorch without vector instructions, NumPy with those of 2011.
OTHER_PROCESSOR = {"ATEN_CPU_CAPABILITY": "default", "OPENBLAS_CORETYPE": "SANDYBRIDGE"}

pytestmark = pytest.mark.slow


def assert_holds(process):
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.parametrize("path", EXECUTED, ids=lambda p: p.stem)
def test_claims_hold_with_the_kernels_of_another_processor(path, python):
    assert_holds(python(RUNNER, path, **OTHER_PROCESSOR))


@pytest.mark.parametrize("path", CLAIMING, ids=lambda p: p.stem)
def test_claims_hold_for_other_seeds(path, python):
    assert_holds(python(RUNNER, path, "--seeds", 1))


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("path", READING, ids=lambda p: p.stem)
def test_claims_hold_on_the_text_of_another_python(path, version, python):
    try:
        text = corpus_of(version)
    except FileNotFoundError:
        pytest.skip(f"Python {version}, whose text this is about, is not on this machine")
    own = python("-c", "import pydoc_data.topics as corpus; print(corpus.__file__)").stdout.strip()
    if fingerprint(text) == fingerprint(own):
        pytest.skip(f"the text of Python {version} is the one that the build reads")
    assert_holds(python(RUNNER, path, "--text", text))


def fingerprint(file):
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
