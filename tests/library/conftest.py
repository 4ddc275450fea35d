"""What these tests need is NumPy, PyTorch, pytest and hypothesis; nothing of the book."""

import any_machine  # noqa: F401
