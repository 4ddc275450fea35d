"""What an exercise is made of: slips, probes, and the exercise itself."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from normlib.checker.attempts import call_forward


class Slip:
    r"""A mistake: the reference called with some of its keywords changed.

    Parameters
    ----------
    message : str
        One or two sentences that the reader can act on.
    rough : float
        Zero for a wrong formula. For a right formula with too much rounding: how near its answer
        comes, relative to its size. On a delicate probe no two such answers need be alike, and
        all that counts is whether they are right.
    **changes
        The keywords of the reference, changed.

    Examples
    --------
    >>> from normlib.checker import Slip
    >>> Slip("You divided by C − 1.", ddof=1).changes
    {'ddof': 1}
    """

    def __init__(self, message: str, *, rough: float = 0.0, **changes: object) -> None:
        self.message, self.rough, self.changes = message, rough, changes

    def worded(self, **words: str) -> "Slip":
        """The same slip, its message in the words of one norm."""
        return Slip(self.message.format(**words), rough=self.rough, **self.changes)

    def __repr__(self) -> str:
        return f"Slip({', '.join(f'{k}={v!r}' for k, v in self.changes.items())})"


@dataclass(frozen=True, eq=False)
class Probe:
    r"""One set of arguments, chosen to show certain mistakes.

    Parameters
    ----------
    label : str
        What is special about it; fits after "On".
    draw : callable
        Makes the arguments, a dict by name, when they are first needed.
    delicate : bool
        Rounding decides here.

    Examples
    --------
    >>> import numpy as np
    >>> from normlib.checker import Probe
    >>> print(Probe("a large cap", lambda: {"x": np.ones((2, 3)), "cap": 30.0}))
    a large cap, x of shape (2, 3)
    """

    label: str
    draw: Callable[[], dict[str, Any]]
    delicate: bool = False

    @functools.cached_property
    def given(self) -> dict[str, Any]:
        """The arguments by name."""
        return self.draw()

    @property
    def series(self) -> list:
        """All arrays x, x2, x3 …"""
        return [value for name, value in self.given.items() if name.rstrip("0123456789") == "x"]

    @property
    def shapes(self) -> str:
        """The shape of x; of all batches, if there is a series x, x2, x3."""
        return "x of shape " + ", then ".join(dict.fromkeys(str(x.shape) for x in self.series))

    def __str__(self) -> str:
        return f"{self.label}, {self.shapes}"


@dataclass(frozen=True, eq=False)
class Exercise:
    r"""A task for the reader: what to call, what is right, and the mistakes that have a name.

    Pass one of your own to `check`: ``check(f, exercise)``.

    Parameters
    ----------
    name : str
        The name that the reader's function should have.
    arguments : tuple of str
        What it is called with, in order: keys of each probe's ``given``.
    reference : callable
        As the reader's function should be, with a keyword for each mistake.
    probes : tuple of Probe
        The first is the plain case. ``normlib.checker.exercises.inputs`` has some for
        ``(x, weight, eps)`` and ``(x, weight, bias, eps)``: ``TOKENS``, ``BATCHES``, ``IMAGES``.
    slips : tuple of Slip
        The likely ones first: of two that give the same answers, the first is named.
    checked : str
        What a correct function has shown, for the message of success.
    call : callable
        ``call(exercise, function, given)`` returns the answer's parts as a dict of arrays.
    parts : tuple of str
        The names of these parts.
    forward : Exercise or None
        For a vjp: the exercise by whose slips a wrong y is named, on the same probes.
    per_parameter : str
        What to do if a part with one number per parameter has more axes than one.
    describe : callable or None
        For wrong answers that no slip explains: ``describe(part, answers)`` with
        ``(arguments, parts, right parts)`` for each probe; returns sentences, or none.
    rules : tuple of callable
        For right answers: ``rule(exercise, function, arguments)`` returns sentences if the
        function breaks a rule, such as never to use x, and none else.
    reasons : tuple of (str, str)
        Pairs of a pattern and what usually lies behind an error that has it. What is so for any
        function comes after them.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> from normlib.checker import Exercise, Slip
    >>> from normlib.checker.exercises.inputs import TOKENS
    >>> def reference(x, weight, eps, *, total=np.sum, axis=-1):
    ...     return weight * x / np.sqrt(total(x**2, axis, keepdims=True) + eps)
    >>> l2_norm = Exercise(
    ...     name="l2_norm",
    ...     arguments=("x", "weight", "eps"),
    ...     reference=reference,
    ...     probes=TOKENS,
    ...     slips=(
    ...         Slip("You took the mean of the squares: take their sum.", total=np.mean),
    ...         Slip("You summed over the batch. Each token has its own length.", axis=0),
    ...     ),
    ... )

    The reference must pass, and each slip must be named as itself:

    >>> nl.check(reference, l2_norm)
    ✓ l2_norm: correct
      Correct on 11 probes: values and shapes, inputs unchanged.
    >>> for slip in l2_norm.slips:
    ...     print(nl.check(l2_norm.attempt(slip), l2_norm))
    ✗ l2_norm: not right yet
      You took the mean of the squares: take their sum.
    ✗ l2_norm: not right yet
      You summed over the batch. Each token has its own length.
    """

    name: str
    arguments: tuple[str, ...]
    reference: Callable
    probes: tuple[Probe, ...]
    slips: tuple[Slip, ...] = ()
    checked: str = "values and shapes, inputs unchanged"
    call: Callable = call_forward
    parts: tuple[str, ...] = ("y",)
    forward: "Exercise | None" = None
    per_parameter: str = ""
    describe: Callable | None = None
    rules: tuple[Callable, ...] = ()
    reasons: tuple[tuple[str, str], ...] = ()

    @property
    def signature(self) -> str:
        """How the reader's function is called."""
        return f"{self.name}({', '.join(self.arguments)})"

    def attempt(self, *slips: Slip) -> Callable:
        """The reference with these slips, as if a reader had written it."""
        changes = {k: v for slip in slips for k, v in slip.changes.items()}
        return functools.partial(self.reference, **changes)

    @functools.cached_property
    def hypotheses(self) -> list[tuple[Slip, ...]]:
        """Each slip, then each pair that changes different things; those of rounding last."""
        pairs = [
            pair
            for pair in combinations(self.slips, 2)
            if not pair[0].changes.keys() & pair[1].changes.keys()
        ]
        every = [*((slip,) for slip in self.slips), *pairs]
        return sorted(every, key=lambda slips: any(slip.rough for slip in slips))
