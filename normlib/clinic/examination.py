"""`diagnose`: change one thing at a time, and see what moves."""

from collections.abc import Callable

import numpy as np

from normlib.clinic.calling import Subject, as_array
from normlib.clinic.diagnosis import Diagnosis
from normlib.clinic.measures import axes_of, extremes, invariances, scale_findings, unit_of

BLIND = 1e-6  # relative movement below which an output counts as unmoved: rounding in float32


def diagnose(
    layer: Callable,
    x: np.ndarray,
    batch: int | None = 0,
    position: int | None = 1,
    feature: int | None = -1,
) -> Diagnosis:
    r"""Tell what a layer or model does from outside, whatever it is.

    One thing is changed at a time. Every call is made on a copy of the layer, which so keeps its
    mode and its buffers; a function is called as it is, with whatever it holds.

    Parameters
    ----------
    layer : callable
        A function of a NumPy array, a layer of normlib, or a torch module. Of several outputs the
        first is looked at, as the logits of a GPT.
    x : array
        An example batch of different numbers, at least two long along the named axes. Integers are
        taken for tokens, which have no features: another token is put in, and nothing is added.
    batch, position, feature : int or None
        The axes of x. None: there is no such axis. The output has the batch and the positions at
        the same axes.

    Returns
    -------
    Diagnosis
        A small table, as text and HTML; its fields can be asserted.

    Raises
    ------
    ValueError
        If two names mean the same axis, an axis is too short, a number of x is not finite, all are
        the same, the output has other samples or positions, or two calls on the same x differ.
    TypeError
        If the layer cannot be called or is a class, an axis is no integer, or x or the output is
        not an array of real numbers.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> x = np.random.default_rng(0).normal(size=(3, 4, 6))
    >>> found = nl.diagnose(lambda x: nl.normalize(x, (1, 2)), x)
    >>> found.future_leak > 0, found.axes
    (True, ('position', 'feature'))
    """
    subject = Subject(layer)
    x = as_array(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"x must hold real numbers, got dtype {x.dtype}: give an example batch.")
    if not np.isfinite(x).all():
        raise ValueError(
            "x must hold finite numbers, got nan or infinity: no change shows in them."
        )
    tokens = np.issubdtype(x.dtype, np.integer)
    if not tokens:
        x = x.astype(np.float64)
    axes = _axes(x, batch, position, None if tokens else feature)
    view = _View(subject, x, axes)
    found = _influences(view)
    if not tokens and view.same_shape:
        found |= axes_of(view)
        if not found["not_finite"]:  # nan equals nothing
            found |= invariances(view)
            found |= scale_findings(view, found)
        found |= extremes(view, found.get("forgets_shift"))
    return Diagnosis(name=_title(layer), **found)


class _View:
    """The layer as a function of arrays whose named axes come first: batch, position, feature."""

    def __init__(self, subject, x, axes):
        self.subject, self.axes = subject, axes
        self.x = np.moveaxis(x, [*axes.values()], range(len(axes)))
        self.y = self(self.x)
        self.same_shape = self.y.shape == self.x.shape
        outer = [a for a in ("batch", "position") if a in axes]
        if self.y.shape[: len(outer)] != self.x.shape[: len(outer)]:
            raise ValueError(
                f"the output must have the {' and '.join(outer)} axis of x at the same place, "
                f"got {self(self.x, raw=True).shape} for x of shape {x.shape}: name the axes, or "
                "give position=None if the output has no positions."
            )
        self.unit = unit_of(self.y)
        if not np.array_equal(self.y, self(self.x), equal_nan=True):
            raise ValueError(
                "the layer gives two different outputs for the same x, so that no influence can "
                "be told: fix its source of chance, or give a torch module, whose seed is set."
            )

    def __call__(self, x, training=True, seed=0, raw=False):
        """Return the output for x in this order of axes."""
        with np.errstate(all="ignore"):
            y = self.subject(self.restored(x), training, seed)
        return y if raw else self._front(y)

    def restored(self, x):
        """X in the reader's order of axes."""
        return np.ascontiguousarray(np.moveaxis(x, range(len(self.axes)), [*self.axes.values()]))

    def _front(self, y):
        if y.ndim == self.x.ndim:
            return np.moveaxis(y, [*self.axes.values()], range(len(self.axes)))
        outer = [v for k, v in self.axes.items() if k != "feature" and v < y.ndim]
        return np.moveaxis(y, outer, range(len(outer)))

    def moved(self, x, training=True, base=None):
        """How far each output moves for another x, in standard deviations of the output."""
        base = self.y if base is None else base
        change = np.abs(self(x, training) - base)
        change[np.isnan(change)] = 0.0
        change = change / _spread(base)
        return np.where(change > BLIND, change, 0.0)

    def changed(self, *where, seed=1):
        """X with the numbers at a place exchanged."""
        x = self.x.copy()
        if np.issubdtype(x.dtype, np.integer):
            known = np.unique(x)
            x[where] = known[(np.searchsorted(known, x[where]) + 1) % len(known)]
        else:
            noise = np.random.default_rng(seed).normal(size=np.shape(x[where]))
            x[where] = x[where] + 3 * x.std() * noise
        return x


def _influences(view):
    modes = view.subject.has_modes
    evaluated = view(view.x, training=False) if modes else view.y
    other = view.changed(-1)
    _, after, buffers = view.subject.observed(view.restored(view.x), True)
    _, after_eval, buffers_eval = view.subject.observed(view.restored(view.x), False)
    gap = np.nanmax(np.abs(view.y - evaluated), initial=0.0) / _spread(view.y)
    found = {
        "not_finite": float(np.mean(~np.isfinite(view.y))),
        "other_samples": float(view.moved(other)[0].max()),
        "other_samples_eval": float(view.moved(other, False, evaluated)[0].max()),
        "train_eval_gap": float(gap) if gap > BLIND else 0.0,
        "buffers": buffers,
        "buffer_share": view.subject.share_of_new_batch(view.restored(view.x)) if buffers else None,
        "buffers_eval": buffers_eval if modes else (),
        "random": not np.array_equal(view.y, view(view.x, seed=1), equal_nan=True),
        "changes_input": not all(
            np.array_equal(a, view.restored(view.x)) for a in (after, after_eval)
        ),
    }
    if "position" in view.axes:
        found["future_leak"] = float(view.moved(view.changed(0, -1))[0, :-1].max())
        found["past"] = float(view.moved(view.changed(0, 0))[0, 1:].max())
    return found


def _spread(y):
    """The standard deviation of the numbers that are finite, or 1 where they have none."""
    finite = y[np.isfinite(y)]
    return (np.std(finite) if finite.size else 0.0) or 1.0


def _axes(x, batch, position, feature):
    named = {"batch": batch, "position": position, "feature": feature}
    named = {name: axis for name, axis in named.items() if axis is not None}
    if "batch" not in named:
        raise ValueError("batch must be the number of an axis of x, got None: most have it first.")
    for name, axis in named.items():
        if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
            raise TypeError(
                f"{name} must be the number of an axis of x, got {axis!r}: give an integer from "
                f"{-x.ndim} to {x.ndim - 1}."
            )
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(f"{name} = {axis} is no axis of x with shape {x.shape}.")
        if x.shape[axis] < 2:
            what = {"batch": "sample"}.get(name, name)
            way_out = "" if name == "batch" else f", or {name}=None if it has none"
            raise ValueError(
                f"x of shape {x.shape} has only one {what}, so none can be exchanged: give at "
                f"least two{way_out}."
            )
    axes = {name: axis % x.ndim for name, axis in named.items()}
    if len(set(axes.values())) < len(axes):
        raise ValueError(
            f"two names mean the same axis of x with shape {x.shape}: {axes}. Give the axes by "
            "number, and position=None for x without positions."
        )
    _require_different(x)
    return axes


def _require_different(x):
    """Of one number, no other can be put in its place: every norm would look as if it had none."""
    known = np.unique(x)
    if len(known) > 1:
        return
    if np.issubdtype(x.dtype, np.integer):
        raise ValueError("x must hold at least two different tokens, so that one can be exchanged.")
    raise ValueError(
        f"x must hold different numbers, so that one can be exchanged, got only {known.tolist()}: "
        "give random ones, np.random.default_rng(0).normal(size=x.shape)."
    )


def _title(layer):
    return getattr(layer, "__name__", None) or type(layer).__name__
