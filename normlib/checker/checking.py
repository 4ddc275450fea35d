"""`check` and its ladder, from "not written yet" to the worst entry: the first rung that holds."""

import difflib
from collections.abc import Callable

import numpy as np

from normlib.checker.attempts import Fault, Unwritten, describe, run
from normlib.checker.model import Exercise
from normlib.checker.recognition import close, prediction, recognize, right
from normlib.checker.report import Report


def check(attempt: Callable, name: str | Exercise | None = None) -> Report:
    r"""Check your solution of an exercise and name the mistake, if there is one.

    Your function is called on several probes: inputs chosen so that the usual mistakes show. A
    wrong answer is compared with the answers of these mistakes, one at a time and two at a time.

    Parameters
    ----------
    attempt : callable
        Your function, or your class itself. It is given NumPy arrays and may return arrays, lists
        or PyTorch tensors. Arguments are passed by position; x is (N, C, …) where there are
        channels:

        ================================================  ======================================
        exercise                                          task
        ================================================  ======================================
        ``normalize(x, axis, center, eps)``               over one axis, or several in a tuple
        ``layer_norm(x, weight, bias, eps)``              over the last axis
        ``rms_norm(x, weight, eps)``                      over the last axis, without a mean
        ``batch_norm(x, weight, bias, eps)``              as in training
        ``instance_norm(x, weight, bias, eps)``           for sequences and images
        ``group_norm(x, num_groups, weight, bias, eps)``  for vectors, sequences and images
        ``BatchNorm(num_features, eps, momentum)``        a class, in training and eval mode
        ================================================  ======================================

        All but the first and the last have a twin for the gradient, as
        ``layer_norm_vjp(x, weight, bias, eps)``: it returns ``(y, vjp)``, and ``vjp(dy)`` returns
        ``(dx, dweight, dbias)``, or ``(dx, dweight)`` for RMSNorm. An object of the class
        ``BatchNorm`` has the attributes weight, bias, running_mean, running_var and training, and
        the methods ``train()``, ``eval()`` and ``__call__(x)``.
    name : str or Exercise, optional
        The exercise, if yours has another name; a leading ``my_`` or ``My`` is no difference. An
        `Exercise` that you have made yourself is passed as it is.

    Returns
    -------
    Report
        True if the exercise is solved. Shows itself as text, and as HTML in a notebook. Whatever
        your function raises is reported there, except a KeyboardInterrupt.

    Raises
    ------
    TypeError
        If `attempt` is neither a function nor a class.
    ValueError
        If there is no exercise of this name.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> def layer_norm(x, weight, bias, eps):
    ...     centered = x - x.mean(-1, keepdims=True)
    ...     std = x.std(-1, keepdims=True)
    ...     return weight * centered / (std + eps) + bias
    >>> nl.check(layer_norm)
    ✗ layer_norm: not right yet
      ε is outside the square root: it is √(σ² + ε), not √σ² + ε.
    """
    # The exercises are loaded with the first check, so that `import normlib` is quick.
    from normlib.checker.exercises import EXERCISES

    if not callable(attempt):
        if callable(name):
            raise TypeError(f"the function comes first: nl.check(f, name={attempt!r}).")
        raise TypeError(
            "pass the function or the class itself, without parentheses: nl.check(layer_norm)."
        )
    if isinstance(name, Exercise):
        return judge(name, attempt)
    if name is None:
        name = str(getattr(attempt, "__name__", type(attempt).__name__))
        name = name.removeprefix("my_").removeprefix("My")
    if not isinstance(name, str) or name not in EXERCISES:
        raise ValueError(_unknown(name, EXERCISES))
    return judge(EXERCISES[name], attempt)


@np.errstate(all="ignore")  # answers that are nan or infinite are compared too
def judge(exercise, attempt):
    """Run the attempt on the probes of the exercise and report the first rung that holds."""
    first = run(exercise, attempt, exercise.probes[0])
    if isinstance(first.error, Unwritten):
        return Report(False, False, exercise.name, (str(first.error),))
    if first.error is not None:
        return _wrong(exercise, _error_lines(exercise, first.error))
    others = [(probe, run(exercise, attempt, probe)) for probe in exercise.probes[1:]]
    outcomes = [(exercise.probes[0], first), *others]
    lines = [*_changed(outcomes), *_mistakes(exercise, attempt, outcomes)]
    if lines:
        return _wrong(exercise, lines)
    praise = f"Correct on {len(outcomes)} probes: {exercise.checked}."
    return Report(True, True, exercise.name, (praise,))


def _unknown(name, exercises):
    near = (difflib.get_close_matches(str(name), exercises, 1, cutoff=0.4) or [*exercises])[0]
    hint = f'if yours is {near}, write nl.check(f, name="{near}")'
    return f"there is no exercise {name!r}: choose one of {', '.join(exercises)}; {hint}."


def _wrong(exercise, lines):
    return Report(False, True, exercise.name, tuple(dict.fromkeys(lines)))


def _changed(outcomes):
    changed = (name for _, outcome in outcomes for name in outcome.changed)
    names = list(dict.fromkeys(name.rstrip("0123456789") for name in changed))  # x2 is an x
    if not names:
        return []
    first = names[0]
    return [
        f"Your code changes {' and '.join(names)}: the caller still needs the old values. Make "
        f"a new array, {first} = {first} − …, not {first} −= …, and write into no slice or view."
    ]


def _mistakes(exercise, attempt, outcomes):
    """The lines for what is wrong with the answers; none if they are right."""
    wrong = _wrong_parts(exercise, outcomes)
    if not wrong:
        return []
    shapes = _shape_lines(exercise, outcomes)
    if exercise.forward and "y" in wrong:
        named = [slip.message for slip in recognize(exercise.forward, outcomes, ("y",))]
        if named:
            return [*shapes, "The output y is not right yet; the gradients come after it.", *named]
        wrong = ["y"]
    # The wrong parts first: they rule a slip out soonest.
    parts = tuple(dict.fromkeys((*wrong, *exercise.parts)))
    named = [slip.message for slip in recognize(exercise, outcomes, parts)]
    named = named or _part_by_part(exercise, outcomes, wrong)
    if named:
        return [*shapes[:1], *named]
    for probe, outcome in outcomes:
        if outcome.error is not None:
            works = f"It runs on {outcomes[0][0]}, but not on {probe}."
            return [works, *_error_lines(exercise, outcome.error)]
    return (
        shapes or _unsteady(exercise, attempt, outcomes) or _unnamed(exercise, outcomes, wrong[0])
    )


def _unsteady(exercise, attempt, outcomes):
    """The line for answers that no mistake explains, because the next call has others."""
    plain, first = outcomes[0]
    again = run(exercise, attempt, plain)
    same = again.parts and right(again.parts, first.parts, exercise.parts, plain.tolerance)
    if same:
        return []
    return [
        "Two calls with the same inputs give different answers: the answer may depend on nothing "
        "but the arguments. Does it draw random numbers, or change something outside?"
    ]


def _wrong_parts(exercise, outcomes):
    """The parts that are wrong on some probe, in their order."""
    return [
        part
        for part in exercise.parts
        if not all(
            right(outcome.parts, prediction(exercise, (), probe), (part,), probe.tolerance)
            for probe, outcome in outcomes
        )
    ]


def _part_by_part(exercise, outcomes, wrong):
    """Slips for each wrong part on its own; none unless every part finds one."""
    found = {}
    for part in wrong:
        slips = recognize(exercise, outcomes, (part,))
        if not slips:
            return []
        for slip in slips:
            found.setdefault(slip.message, []).append(part)
    return [
        message if parts[0] in message else f"{_listed(parts)}: {message}"
        for message, parts in found.items()
    ]


def _listed(parts):
    """The parts in words; many come from a series of steps, in the order of time."""
    return " and ".join(parts) if len(parts) < 4 else f"{parts[0]}, and later"


def _error_lines(exercise, error):
    if isinstance(error, Fault | Unwritten):
        return [str(error)]
    return describe(error, exercise.reasons)


def _shape_lines(exercise, outcomes):
    """The first part with a wrong shape, and the likely reason."""
    for probe, outcome in outcomes:
        if outcome.parts is None:
            continue
        for part in exercise.parts:
            found = outcome.parts[part].shape
            expected = prediction(exercise, (), probe)[part].shape
            if found != expected:
                subject = _subject(exercise, part)
                line = f"For {probe.shapes}, {subject} has shape {found}; it should be {expected}."
                return [line, _shape_reason(found, expected, exercise.per_parameter)]
    return []


def _unnamed(exercise, outcomes, part):
    """A mistake without a name: what relation is left, on the first probe where it shows."""
    wrong = []
    for probe, outcome in outcomes:
        found, expected = outcome.parts[part], prediction(exercise, (), probe)[part]
        if not close(found, expected, probe.tolerance):
            wrong.append((probe, found, expected))
    probe, found, expected = wrong[0]
    share = f" It is right on {len(outcomes) - len(wrong)} of {len(outcomes)} probes."
    return [
        f"On {probe}, {_subject(exercise, part)} is not right."
        + (share if len(wrong) < len(outcomes) else ""),
        *_relation(found, expected, probe.tolerance),
    ]


def _subject(exercise, part):
    return "the result" if len(exercise.parts) == 1 else part


def _shape_reason(found, expected, per_parameter):
    """The likely reason for a wrong shape."""
    if len(expected) == 1 and len(found) > 1 and per_parameter:
        return per_parameter
    if found == ():
        return "That is a single number: is the axis of an average or a sum missing?"
    if len(found) > len(expected):
        return "There is an axis too many: look at where you add one, or where shapes broadcast."
    if found == expected[:-1] or found == (*expected[:-1], 1):
        return "The last axis is averaged away: return the normalized numbers, not a statistic."
    if sorted(found) == sorted(expected):
        return "The axes are in another order: is there a transpose or a reshape to undo?"
    if np.prod(found) == np.prod(expected):
        return "The numbers are all there: reshape them to the shape of x."
    if len(found) < len(expected):
        return "An axis is lost: averages and sums drop their axis unless keepdims=True."
    return "Print the shapes line by line: the first that surprises you is the place."


def _relation(found, expected, tolerance):
    """How a wrong answer of the right shape differs from the right one."""
    if not np.isfinite(found).all():
        share = np.mean(~np.isfinite(found))
        return [
            f"{share:.0%} of its numbers are nan or infinite: is something divided by zero, or the "
            "root taken of a negative number?"
        ]
    difference = found - expected
    factor = (found * expected).sum() / max((expected * expected).sum(), 1e-12)
    if close(found, factor * expected, tolerance):
        return [f"Every number is {factor:.6g} times what it should be: look for a factor."]
    if close(found, expected + difference.mean(), tolerance):
        return [f"Every number is off by {difference.mean():+.4g}: look for a constant added."]
    size = max(1.0, np.abs(expected).max())
    share = np.mean(np.abs(difference) <= tolerance * size)
    worst = tuple(int(i) for i in np.unravel_index(np.abs(difference).argmax(), found.shape))
    return [
        f"{share:.0%} of its numbers are right. The worst is at {list(worst)}: "
        f"{found[worst]:.7g}, expected {expected[worst]:.7g}."
    ]
