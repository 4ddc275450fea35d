"""The tests of the library pass with each of OpenBLAS's kernels that this processor can run.

NumPy takes the kernel that suits the processor, and each adds up in another order.
"""

import pytest

WHICH = """
import numpy as np
from threadpoolctl import threadpool_info

a = np.ones((200, 200))
assert (a @ a == 200).all()
for library in threadpool_info():
    if library["internal_api"] == "openblas":
        print(library["architecture"])
"""

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kernel", ["Haswell", "Zen", "SkylakeX", "Sandybridge"])
def test_the_library_passes_with(kernel, python):
    trial = python("-c", WHICH, OPENBLAS_CORETYPE=kernel)
    if trial.returncode != 0:
        pytest.skip(
            f"this processor cannot run the kernel {kernel}: it ends with {trial.returncode}"
        )
    if trial.stdout.strip() != kernel:
        found = trial.stdout.strip() or "another library than OpenBLAS"
        pytest.skip(f"this NumPy does not hold the kernel {kernel}: asked for it, it takes {found}")
    options = "-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist"
    process = python("-m", "pytest", *options, "tests/library", OPENBLAS_CORETYPE=kernel)
    assert process.returncode == 0, process.stdout[-5000:] + process.stderr[-1000:]
