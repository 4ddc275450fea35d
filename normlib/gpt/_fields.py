"""What every configuration asks of its fields, and one sentence for each that is not met."""

import difflib
import math
from typing import get_args


def require_choice(config, name, literal):
    """A field has one of the values of a Literal."""
    value, choices = getattr(config, name), get_args(literal)
    if value in choices:
        return
    near = difflib.get_close_matches(str(value), choices, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}.{hint}")


def require_flags(config, names):
    """Fields are True or False, and not words for them."""
    for name in names.split():
        value = getattr(config, name)
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, got {value!r}.")


def require_numbers(config, names, at_least, whole=False):
    """Fields are finite numbers, integers if `whole`, not below `at_least`."""
    for name in names.split():
        value = getattr(config, name)
        kind = "an integer" if whole else "a number"
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise TypeError(f"{name} must be {kind}, got {value!r}.")
        if not (math.isfinite(value) and value >= at_least):
            raise ValueError(f"{name} must be {kind}, at least {at_least}, got {value}.")
