"""Find the slip behind a wrong answer.

Random floats agree to five digits on every probe only if the formula is the same. So the answers
of all slips, singly and in pairs, are a list of fingerprints in which a wrong answer is looked up.
They are computed when the first wrong answer comes, and kept.
"""

import functools

import numpy as np

from normlib.checker.attempts import run
from normlib.checker.model import Probe


@functools.cache
def prediction(exercise, slips, probe):
    """The parts that these slips give in float64, or None where they end in an error."""
    given = {
        k: v.astype(np.float64) if isinstance(v, np.ndarray) else v for k, v in probe.given.items()
    }
    exact = Probe(probe.label, lambda: given)
    outcome = run(exercise, exercise.attempt(*slips), exact)
    if outcome.error and not slips:
        raise outcome.error  # the reference itself fails, which is no fault of the reader's
    return outcome.parts


def close(found, expected, tolerance):
    """Equal shapes, and no entry farther off than `tolerance` times the size of the answer."""
    if found.shape != expected.shape:
        return False
    difference = np.abs(found - expected)
    worst = difference.max(initial=0.0)
    if np.isfinite(worst):
        return bool(worst <= tolerance * np.abs(expected).max(initial=1.0))
    # nan where nan is expected, and the same infinity, count as equal.
    size = np.abs(expected).max(where=np.isfinite(expected), initial=1.0)
    same = (difference <= tolerance * size) | (found == expected)
    return bool((same | (np.isnan(found) & np.isnan(expected))).all())


def right(found, expected, parts, tolerance):
    """Whether each of the parts is close."""
    return found is not None and all(close(found[p], expected[p], tolerance) for p in parts)


def recognize(exercise, outcomes, parts):
    """The first slip or pair of slips that gives the reader's answers in these parts, or ()."""
    for slips in exercise.hypotheses:
        if _explains(exercise, slips, outcomes, parts):
            return slips
    return ()


def _explains(exercise, slips, outcomes, parts):
    """Whether these slips give the same answers on every probe on which they give any."""
    if prediction(exercise, slips, exercise.probes[0]) is None:
        return False  # slips that never work together explain nothing
    rough = max(slip.rough for slip in slips)
    for probe, outcome in outcomes:
        if rough and probe.delicate:
            if outcome.parts is None:  # an error is not a matter of rounding
                if prediction(exercise, slips, probe) is not None:
                    return False
                continue
            if _survives(exercise, slips, probe, parts) != _is_formula(
                exercise, slips, probe, outcome.parts, parts
            ):
                return False
            continue
        expected = prediction(exercise, slips, probe)
        tolerance = max(rough, probe.tolerance)
        if expected and not right(outcome.parts, expected, parts, tolerance):
            return False
    return True


@functools.cache
def _survives(exercise, slips, probe, parts):
    """Whether these slips, rounding as they do, still give what their formula says."""
    own = run(exercise, exercise.attempt(*slips), probe).parts
    return _is_formula(exercise, slips, probe, own, parts)


def _is_formula(exercise, slips, probe, found, parts):
    formula = tuple(slip for slip in slips if not slip.rough)
    expected = prediction(exercise, formula, probe)
    return expected is not None and right(found, expected, parts, probe.tolerance)
