"""Tests of the book's text and of what builds it: no page of the book itself, no browser."""

import any_machine  # noqa: F401
