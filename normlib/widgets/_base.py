"""The common ground of all figures: live where there is a kernel, HTML where there is none."""

import html
import json
import math
from typing import Any

import numpy as np
import traitlets

from normlib.widgets._modules import module

try:
    from anywidget import AnyWidget as _Live
except ImportError:

    class _Live(traitlets.HasTraits):  # type: ignore[no-redef]  # only where there is no other
        """Without anywidget a figure is not live, but it still shows its HTML."""

        def _repr_mimebundle_(self, **kwargs):
            return {}


RESERVED = frozenset(_Live.class_traits())  # layout, keys, comm, …: taken by ipywidgets


class Number(traitlets.Float):
    """A finite number within bounds, because JSON knows no other."""

    def info(self):
        """What is expected, as traitlets says it in its errors, those of lists too."""
        low = "" if self.min is None else f", at least {self.min:g}"
        high = "" if self.max is None else f", at most {self.max:g}"
        return f"a finite number{low}{high}"

    def validate(self, obj, value):
        """Refuse infinity, nan and what is out of bounds in a sentence."""
        number = float(value) if isinstance(value, int) else value
        low = -math.inf if self.min is None else self.min
        high = math.inf if self.max is None else self.max
        if not isinstance(number, float) or not math.isfinite(number) or not low <= number <= high:
            self.error(obj, value)
        return number


class Figure(_Live):
    """An interactive figure.

    A subclass has the name of its file, its traits tagged ``sync=True``, `_alt`, the sentence that
    carries the point where no script runs, and `_still`, which draws the point with matplotlib.
    """

    _file = ""
    _alt = ""
    _room = (600, 900)  # height in pixels on a wide and on a narrow page, reserved beforehand
    _ipython_display_ = None  # that of ipywidgets 7 would show the view without its HTML

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        traits = {n for n, trait in vars(cls).items() if isinstance(trait, traitlets.TraitType)}
        taken = RESERVED & traits
        if taken:
            raise TypeError(f"{cls.__name__}: ipywidgets already uses the names {sorted(taken)}.")
        if "_file" in vars(cls):  # not so in the classes that ipywidgets makes of a class
            cls._esm = module(cls._file)

    def __init__(self, **traits: Any) -> None:
        for name in traits:  # traitlets takes any, and does nothing with it
            if not self.has_trait(name) and name != "model_id":  # this of ipywidgets is no trait
                known = ", ".join(self._own())
                raise TypeError(f"{type(self).__name__} has no {name!r}: there are {known}.")
        super().__init__(**traits)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(getattr(type(self), name, None), traitlets.TraitType):
            value = _plain(value)
        super().__setattr__(name, value)

    def _own(self):
        """The traits of this figure by name, without those of ipywidgets and anywidget."""
        return {
            name: trait
            for name, trait in self.traits(sync=True).items()
            if name not in RESERVED and not name.startswith("_")
        }

    def state(self) -> dict[str, Any]:
        """The traits that are not as the class has them, as plain values."""
        own = self._own()
        values = {name: getattr(self, name) for name in own}
        return {n: v for n, v in values.items() if v != own[n].default()}

    def static_html(self) -> str:
        """A place for the page's script, and in it what stands there where no script runs."""
        traits = html.escape(json.dumps(self.state(), allow_nan=False))
        wide, narrow = self._room
        return (
            f'<div class="normlib-figure" data-figure="{type(self).__name__}" '
            f'data-traits="{traits}" style="--wide:{wide}px;--narrow:{narrow}px">'
            f'<div class="normlib-still">{self._picture()}<p>{html.escape(self._alt)}</p></div>'
            "</div>"
        )

    def _picture(self):
        """Draw the point as an SVG, if matplotlib is here and can."""
        try:
            from normlib.widgets._stills import picture

            return picture(self)
        except Exception:  # of a library that the figure does without: its sentence says the same
            return ""

    def _still(self, plt):
        """Draw the default state's point on a new matplotlib figure and return it."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/html": self.static_html()}, metadata


def _plain(value):
    """A copy, lists and dictionaries inside it too, whose numbers are Python's: JSON knows them."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _plain(x) for key, x in value.items()}
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value


def floats(what: str, values: Any, hint: str) -> list[float]:
    """A reader's numbers as a list, or a sentence about the first that is none."""
    if isinstance(values, str) or not np.iterable(values):
        raise traitlets.TraitError(f"{what} must be a list of numbers, got {values!r}: {hint}.")
    found = []
    for i, value in enumerate(values):
        try:
            found.append(float(value))
        except (TypeError, ValueError):
            raise traitlets.TraitError(
                f"{what} must be a list of numbers, got {value!r} at place {i}: {hint}."
            ) from None
    return found
