"""How a page is looked at: on a desk and on a phone, in the light and in the dark."""

import pytest

# Each width and each theme once; the other two pairs repeat both, so they run with the slow tests.
VISITS = [(1280, "light"), (390, "dark")]
LATER = [(1280, "dark"), (390, "light")]
every_visit = pytest.mark.parametrize(
    ("width", "theme"), VISITS + [pytest.param(*pair, marks=pytest.mark.slow) for pair in LATER]
)
