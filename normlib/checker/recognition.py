"""Find the slip behind a wrong answer.

Random floats agree to five digits on every probe only if the formula is the same. So the answers
of all slips, singly and in pairs, are a list of fingerprints in which a wrong answer is looked up.
They are computed when the first wrong answer comes, and kept.
"""

import functools
from itertools import combinations

import numpy as np

from normlib.checker.attempts import close, run
from normlib.checker.model import Probe

UNIT = 2.0**-24  # by which rounding to float32 moves a number at most, relative to its size
NEAR = 0.05  # relative; farther off, no rounding explains an answer
ROUNDINGS = 32  # of every number, that an honest answer may be off by; PyTorch's needs two


@functools.cache
def prediction(exercise, slips, probe):
    """The parts that these slips give in float64, or None where they end in an error."""
    outcome = _in_float64(exercise, slips, probe)
    if outcome.error and not slips:
        raise outcome.error  # the reference itself fails, which is no fault of the reader's
    return outcome.parts


def _in_float64(exercise, slips, probe, move=lambda array: array):
    given = {
        k: move(v.astype(np.float64)) if isinstance(v, np.ndarray) else v
        for k, v in probe.given.items()
    }
    return run(exercise, exercise.attempt(*slips), Probe(probe.label, lambda: given))


@functools.cache
def tolerances(exercise, slips, probe):
    """How far each part may be off, relative to its size, if all is computed in float32.

    Measured: how far the answer moves when every number of the input is rounded.
    """
    rng, expected = np.random.default_rng(0), prediction(exercise, slips, probe)
    moved = dict.fromkeys(expected, 0.0)
    for _ in range(8):
        near = _in_float64(
            exercise, slips, probe, lambda a: a * (1 + UNIT * rng.choice([-1, 1], a.shape))
        ).parts
        for part, value in expected.items():
            change = np.abs(near[part] - value).max(initial=0.0)
            moved[part] = max(moved[part], change / np.abs(value).max(initial=1.0))
    return {part: ROUNDINGS * (UNIT + change) for part, change in moved.items()}


def right(exercise, probe, found, parts, slips=(), rough=0.0):
    """Whether the answer has these parts as the slips give them; as is right, if there is none."""
    expected = prediction(exercise, slips, probe)
    return expected is not None and all(
        close(found[p], expected[p], max(rough, tolerances(exercise, (), probe)[p]))
        or slips  # whose answers may need more room; it is measured where they are near
        and close(found[p], expected[p], NEAR)
        and close(found[p], expected[p], tolerances(exercise, slips, probe)[p])
        for p in parts
    )


def recognize(exercise, outcomes, parts, certain=False, known=()):
    """The first slip or pair of slips that gives the reader's answers in these parts, or ().

    With `certain` there is no other that gives them, unless it changes still more. Slips that are
    `known` are there already; one more is looked for.
    """
    answers = [(probe, outcome.parts) for probe, outcome in outcomes if outcome.parts is not None]
    guesses = [(*known, slip) for slip in exercise.slips] if known else exercise.hypotheses
    found = (s for s in guesses if _explains(exercise, s, answers, parts, known))
    first = next(found, ())
    if not (first and certain):
        return first
    rivals = [first, *(other for other in found if len(other) == len(first))]
    least = min(rivals, key=lambda slips: len(_changes(slips)))
    return least if all(_changes(least) <= _changes(other) for other in rivals) else ()


def _changes(slips):
    return {(name, repr(value)) for slip in slips for name, value in slip.changes.items()}


def _explains(exercise, slips, answers, parts, known):
    """Whether these slips contradict no answer, and each of them is needed for a wrong one."""
    if prediction(exercise, slips, exercise.probes[0]) is None:
        return False  # slips that never work together explain nothing
    if not all(_allows(exercise, slips, probe, found, parts) for probe, found in answers):
        return False
    reproduced = [(p, found) for p, found in answers if prediction(exercise, slips, p) is not None]
    return all(
        any(not _allows(exercise, fewer, probe, found, parts) for probe, found in reproduced)
        for fewer in ([known] if known else combinations(slips, len(slips) - 1))
    )


def _allows(exercise, slips, probe, found, parts):
    """Whether the reader's answer is that of these slips, or these end in an error here."""
    if prediction(exercise, slips, probe) is None:
        return True
    rough = max((slip.rough for slip in slips), default=0.0)
    if rough and probe.delicate:
        formula = tuple(slip for slip in slips if not slip.rough)
        survives = _survives(exercise, slips, formula, probe, parts)
        return survives == right(exercise, probe, found, parts, formula)
    return right(exercise, probe, found, parts, slips, rough)


@functools.cache
def _survives(exercise, slips, formula, probe, parts):
    """Whether these slips, rounding as they do, still give what their formula says."""
    own = run(exercise, exercise.attempt(*slips), probe).parts
    return own is not None and right(exercise, probe, own, parts, formula)
