"""What configurations ask of their fields and files of weights of the machine, in sentences."""

import difflib
import math
import operator
from typing import get_args

import numpy as np


def require_choice(config, name, literal):
    """A field has one of the values of a Literal."""
    value, choices = getattr(config, name), get_args(literal)
    if value not in choices:
        raise no_choice(name, value, choices)


def no_choice(name, value, choices):
    """What to raise for a value that is none of the choices."""
    word = str(value).lower()
    beginnings = [c for c in choices if word and (word.startswith(c) or c.startswith(word))]
    parts = [c for c in choices if word and (word in c or c in word)]
    related = beginnings or parts  # "prenorm" is "pre", though "deepnorm" has more of its letters
    near = difflib.get_close_matches(word, related or choices, 1, 0.0 if related else 0.6)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}.{hint}")


def require_kind(name, value, kinds, hint):
    """An argument is of its kind, or of one of several, and no other came in its place."""
    if not isinstance(value, kinds):
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        words = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name} must be a {words}, got {shown(value)}: {hint}.")


def shown(value):
    """A value as an error shows it: as Python writes it, or the beginning of that."""
    words = repr(value)
    return words if len(words) <= 60 else f"{words[:59]}…"


def require_flags(config, names):
    """Fields are True or False, and not words for them."""
    for name in names.split():
        value = getattr(config, name)
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, got {value!r}.")


def plain(value):
    """NumPy's numbers and words as Python's, in a tuple too; all else, booleans too, as it is."""
    if isinstance(value, np.integer):
        return operator.index(value)
    if isinstance(value, np.floating):
        return float(value)
    if isinstance(value, np.str_):
        return str(value)
    return tuple(map(plain, value)) if isinstance(value, tuple) else value


def make_plain(config, tuples=()):
    """Fields hold Python's own values, so that files and hashes are the same from NumPy's.

    Those in `tuples` may be given as lists, which JSON makes of tuples, as ranges and as arrays.
    """
    for name, value in [*vars(config).items()]:
        if name in tuples and isinstance(value, np.ndarray):
            value = value.tolist()
        if name in tuples and isinstance(value, (list, range)):
            value = tuple(value)
        object.__setattr__(config, name, plain(value))


def whole(name, value):
    """An argument that is a whole number, as Python's own."""
    number = plain(value)
    if type(number) is not int or not 0 <= number < 2**63:  # as far as torch counts
        raise ValueError(f"{name} must be a whole number, at least 0, got {shown(value)}.")
    return number


def require_numbers(config, names, at_least, whole=False):
    """Fields are finite numbers, integers if `whole`, not below `at_least`."""
    for name in names.split():
        value = getattr(config, name)
        kind = "an integer" if whole else "a number"
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise TypeError(f"{name} must be {kind}, got {value!r}.")
        if not (math.isfinite(value) and value >= at_least):
            raise ValueError(f"{name} must be {kind}, at least {at_least}, got {value}.")


def require_safetensors() -> None:
    """Say what is missing, before any training; all else of the library runs without it."""
    try:
        import safetensors  # noqa: F401
    except ImportError:
        raise ImportError("files of weights need safetensors: pip install safetensors.") from None
