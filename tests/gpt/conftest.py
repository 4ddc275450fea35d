"""Tests of the PyTorch half and of the studies: no book, no browser."""

import any_machine  # noqa: F401
