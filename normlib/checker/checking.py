"""`check` and its ladder, from "not written yet" to the worst entry: the first rung that holds."""

import difflib
import re
from collections.abc import Callable

import numpy as np

from normlib.checker.attempts import Fault, Unwritten, alike, describe, run
from normlib.checker.model import Exercise
from normlib.checker.recognition import prediction, recognize, right, tolerances
from normlib.checker.report import Report

MORE = "This may be the first of several mistakes: mend it, then check again."


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

        Three have a rule besides: in ``layer_norm_vjp_from_output`` the vjp makes x̂ from y, in
        ``rms_norm_from_layer_norm`` and ``group_norm_from_batch_norm`` only the library's norm of
        that name computes averages.
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
    if not callable(attempt):
        if callable(name):
            raise TypeError(f"the function comes first: nl.check(f, name={attempt!r}).")
        raise TypeError(
            "pass the function or the class itself, without parentheses: nl.check(layer_norm)."
        )
    if isinstance(name, Exercise):
        return judge(name, attempt)
    if name is None:
        name = getattr(attempt, "__name__", type(attempt).__name__)
    known = _shipped().EXERCISES | _shipped().WITH_A_RULE
    return judge(_meant(str(name), attempt, known), attempt)


def _shipped():
    """What the library ships, loaded with the first check so that `import normlib` is quick."""
    import normlib.checker.exercises as shipped

    return shipped


def _meant(name, attempt, exercises):
    """The exercise of this name, as far as there is only one that can be meant."""
    own = name.removeprefix("my_").removeprefix("My")
    if own in exercises:
        return exercises[own]
    names = [known for known in exercises if _plain(known) == _plain(own)]
    if names:  # a function and a class may differ in nothing else
        is_class = isinstance(attempt, type)
        return exercises[max(names, key=lambda known: known[0].isupper() == is_class)]
    wanted = name.replace("backward", "vjp")
    near = (difflib.get_close_matches(wanted, exercises, 1, cutoff=0.4) or [*exercises])[0]
    raise ValueError(
        f"there is no exercise {name!r}: choose one of {', '.join(exercises)}; if yours is {near}, "
        f'write nl.check(f, name="{near}").'
    )


def _plain(name):
    """A name without what people write in different ways, as in LayerNorm and layernorm_forward."""
    return re.sub(r"_|^spatial|forward|[123]d$", "", name.lower())


@np.errstate(all="ignore")  # answers that are nan or infinite are compared too
def judge(exercise, attempt):
    """Run the attempt on the probes of the exercise and report the first rung that holds."""
    outcomes = [(exercise.probes[0], run(exercise, attempt, exercise.probes[0]))]
    if outcomes[0][1].parts is not None:
        outcomes += [(probe, run(exercise, attempt, probe)) for probe in exercise.probes[1:]]
    spoken = next((o for _, o in outcomes if o.parts is None), outcomes[0][1])
    print(spoken.printed, end="")  # once, and of the call that is spoken of
    plain = outcomes[0][1]
    if isinstance(plain.error, Unwritten):
        return Report(False, False, exercise.name, (str(plain.error),))
    if plain.parts is None:
        lines = _error_lines(exercise, plain.error)
    else:
        lines = [*_changed(outcomes), *_mistakes(exercise, attempt, outcomes)]
        lines = lines or [str(o.error) for _, o in outcomes if o.error][:1]
    rules = () if lines else exercise.rules
    given = exercise.probes[0].given
    if lines := lines or next(filter(None, (r(exercise, attempt, given) for r in rules)), []):
        return Report(False, True, exercise.name, tuple(dict.fromkeys(lines)))
    praise = f"Correct on {len(outcomes)} probes: {exercise.checked}."
    return Report(True, True, exercise.name, (praise,))


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
    answered = [(probe, outcome) for probe, outcome in outcomes if outcome.parts is not None]
    wrong = [part for part in exercise.parts if _wrong(exercise, answered, part)]
    if exercise.forward and "y" in wrong:
        lines = _mistakes(exercise.forward, attempt, answered)
        return ["The output y is not right yet; the gradients come after it.", *lines]
    shapes = _shape_lines(exercise, answered)
    slips, lines = _named(exercise, answered, wrong)
    if lines:
        return [*shapes[:1], *lines, *_stops(exercise, outcomes, slips)]
    plain_is_right = right(exercise, answered[0][0], answered[0][1].parts, exercise.parts)
    if stops := plain_is_right and _stops(exercise, outcomes, ()):
        return stops
    return wrong and (
        shapes or _unsteady(exercise, attempt, outcomes) or _unnamed(exercise, answered, wrong[0])
    )


def _wrong(exercise, answered, part):
    """The probes on which a part is wrong."""
    return [p for p, outcome in answered if not right(exercise, p, outcome.parts, (part,))]


def _named(exercise, answered, wrong):
    """The slips that explain all, and lines; or the lines that each part gives by itself."""
    if not wrong:
        return (), []
    # The wrong parts first: they rule a slip out soonest.
    parts = tuple(dict.fromkeys((*wrong, *exercise.parts)))
    if slips := recognize(exercise, answered, parts):
        return slips, [slip.message for slip in slips]
    bad = [probe for part in wrong for probe in _wrong(exercise, answered, part)]
    axes = {probe.series[0].ndim for probe in bad}
    some = [(p, outcome) for p, outcome in answered if p.series[0].ndim in axes]
    if len(some) < len(answered) and (slips := recognize(exercise, some, parts)):
        where = _where(bad, [probe for probe, _ in answered if probe.series[0].ndim not in axes])
        return slips, [f"F{where[1:]}: {slip.message}" for slip in slips]
    return (), _part_by_part(exercise, answered, wrong)


def _part_by_part(exercise, answered, wrong):
    """What explains one wrong part after the other, as far as it is certain."""
    lines, known, missed = [], (), False
    others = [part for part in exercise.parts if part not in wrong]  # which should stay right
    for part in wrong:
        if known and all(right(exercise, p, o.parts, (part,), known) for p, o in answered):
            continue
        more = ()
        for parts in ((part, *others), (part,)) if len(exercise.parts) > 1 else ():
            more = more or recognize(exercise, answered, parts, certain=True, known=known)
        said = [slip.message for slip in more if slip not in known]
        said = said or _described(exercise, answered, part)
        alone = len(exercise.parts) == 1
        lines += [text if alone or part.split()[0] in text else f"{part}: {text}" for text in said]
        known, missed = more or known, missed or not said
        if not (more or exercise.forward):
            missed = len(wrong) > 1
            break  # in a series, what comes later follows from what comes first
    return [*lines, MORE] if lines and missed else lines


def _described(exercise, answered, part):
    """What a fit of the exercise's own says of the wrong answers."""
    if not exercise.describe or not _wrong(exercise, answered, part):
        return []
    return exercise.describe(
        part,
        [
            (probe.given, outcome.parts, prediction(exercise, (), probe))
            for probe, outcome in answered
            if probe.series[0].dtype == np.float64
        ],
    )


def _unsteady(exercise, attempt, outcomes):
    """The line for answers that no mistake explains, because the next call has others."""
    plain, first = outcomes[0]
    again = run(exercise, attempt, plain)
    if again.parts and alike(again.parts, first.parts):
        return []
    return [
        "Two calls with the same inputs give different answers: the answer may depend on nothing "
        "but the arguments. Does it draw random numbers, or change something outside?"
    ]


def _stops(exercise, outcomes, slips):
    """The lines for inputs on which it stops, though not on the plain ones."""
    bad = [probe for probe, outcome in outcomes if outcome.parts is None]
    bad = [probe for probe in bad if prediction(exercise, slips, probe) is not None]
    if not bad:
        return []
    good = [probe for probe, outcome in outcomes if outcome.parts is not None]
    error = next(outcome.error for probe, outcome in outcomes if probe is bad[0])
    works = f"It runs for {good[0].shapes}, but not {_where(bad, good)}."
    return [works, *_error_lines(exercise, error)]


def _error_lines(exercise, error):
    if isinstance(error, Fault | Unwritten):
        return [str(error)]
    return describe(error, (*exercise.reasons, *_shipped().REASONS))


def _where(bad, good):
    """On which inputs it fails: what sets them apart from the others, or the first one's shape."""
    for trait in _shipped().TRAITS:
        ours, theirs = (
            {trait(p.series[0], p.given.get("eps", 0.0), p) for p in probes}
            for probes in (bad, good)
        )
        if len(ours) < 3 and not ours & theirs:
            return f"for x {' or '.join(sorted(ours))}"
    return f"for {bad[0].shapes}"


def _shape_lines(exercise, answered):
    """The first part with a wrong shape, and the likely reason."""
    for probe, outcome in answered:
        for part in exercise.parts:
            found = outcome.parts[part].shape
            expected = prediction(exercise, (), probe)[part].shape
            if found != expected:
                subject = _subject(exercise, part)
                line = f"For {probe.shapes}, {subject} has shape {found}; it should be {expected}."
                reason = next(said for test, said in _shipped().SHAPES if test(found, expected))
                if len(expected) == 1 < len(found):
                    reason = exercise.per_parameter or reason
                return [line, reason]
    return []


def _unnamed(exercise, answered, part):
    """A mistake without a name: where it shows, and what relation is left there."""
    bad = _wrong(exercise, answered, part)
    good = [probe for probe, _ in answered if probe not in bad]
    where = f"for {bad[0].shapes}" if bad[0] is answered[0][0] else _where(bad, good)
    share = f" It is right on {len(good)} of {len(answered)} probes." if good else ""
    found = next(outcome.parts[part] for probe, outcome in answered if probe is bad[0])
    expected = prediction(exercise, (), bad[0])[part]
    return [
        f"F{where[1:]}, {_subject(exercise, part)} is not right.{share}",
        *_shipped().relation(found, expected, tolerances(exercise, (), bad[0])[part]),
    ]


def _subject(exercise, part):
    return "the result" if len(exercise.parts) == 1 else part
