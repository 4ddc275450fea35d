"""The exercises of the other norms: what must pass, what must be rejected, and with which words."""

from itertools import chain

import numpy as np
import pytest

import normlib as nl
from contract import in_chapter_form
from normlib import functional
from normlib.agree import CHECKED
from normlib.checker.exercises import EXERCISES
from normlib.checker.exercises.inputs import TOKENS
from right_norms import SOLUTIONS


@pytest.mark.parametrize(
    ("exercise", "attempt"),
    [(name, attempt) for name, attempts in SOLUTIONS.items() for attempt in attempts],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_right_norms_pass(exercise, attempt):
    report = nl.check(attempt, exercise)
    assert report, report


def test_there_are_enough_right_norms():
    elsewhere = {"layer_norm", "layer_norm_vjp", "BatchNorm"}  # with tests of their own
    missing = EXERCISES.keys() - SOLUTIONS.keys() - elsewhere
    assert not missing, f"write right answers for {missing} into SOLUTIONS of right_norms.py"
    for name, attempts in SOLUTIONS.items():
        assert len(attempts) >= (3 if name.endswith("_vjp") else 10)


# --- the library's own functions, their arguments in the order of the exercises -------------------

LIBRARY = {name: in_chapter_form(name) for name in CHECKED if name in EXERCISES}


@pytest.mark.parametrize(("name", "function"), LIBRARY.items(), ids=LIBRARY)
def test_the_library_passes(name, function):
    report = nl.check(function, name)
    assert report, report


# --- the words: each norm is spoken of in its own ---------------------------------------------


def said(exercise):
    texts = [slip.message for slip in exercise.slips]
    return [*texts, exercise.per_parameter, exercise.checked, *chain(*exercise.reasons)]


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=lambda e: e.name)
def test_a_norm_of_channels_speaks_of_no_tokens_and_the_other_way_round(exercise):
    if exercise.probes is TOKENS:
        foreign = ("channel", "sample", "n − 1")
    else:
        foreign = ("token", "feature", "C − 1", "divide by C", "axis but the last.")
    for text in said(exercise):
        assert not any(word in text for word in foreign), text
        assert "{" not in text


def test_rms_norm_speaks_of_no_variance_and_no_bias_of_its_own():
    for name in ("rms_norm", "rms_norm_vjp"):
        for text in said(EXERCISES[name]):
            assert "variance" not in text, text
            assert "σ²" not in text, text
            assert "dbias" not in text, text


def test_no_norm_is_told_that_it_is_itself():
    own = {"batch_norm": "BatchNorm", "instance_norm": "InstanceNorm", "group_norm": "GroupNorm"}
    own |= {"layer_norm": "LayerNorm", "rms_norm": "RMSNorm"}
    for name, norm in own.items():
        assert not any(f"is {norm}" in text for text in said(EXERCISES[name]))


# --- what a reader meets on the way ------------------------------------------------------------


def group_norm_forgets_the_batch_of_vectors(x, num_groups, weight, bias, eps):
    n, c, length = x.shape[:3]
    return functional.group_norm(x, num_groups, weight, bias, eps)


def instance_norm_of_numbers(x, weight, bias, eps):
    return x.mean((2, 3, 4))


def group_norm_without_reshape_of_weight(x, num_groups, weight, bias, eps):
    v = x.reshape(x.shape[0], num_groups, -1)
    v = (v - v.mean(-1, keepdims=True)) / np.sqrt(v.var(-1, keepdims=True) + eps)
    return (v * weight + bias).reshape(x.shape)


def batch_norm_with_gradients_not_summed(x, weight, bias, eps):
    y, vjp = functional.batch_norm_vjp(x, None, None, weight, bias, training=True, eps=eps)
    return y, lambda dy: (vjp(dy)[0], 3 * dy, dy)


def normalize_with_two_axes(x, axis, center, eps):
    return functional.normalize(x, (axis[0], axis[-1]), center, eps)


RUNGS = [
    ("group_norm", group_norm_forgets_the_batch_of_vectors, "the first two axes of x"),
    ("instance_norm", instance_norm_of_numbers, "differs from input to input"),
    ("group_norm", group_norm_without_reshape_of_weight, "one number for each channel"),
    ("batch_norm_vjp", batch_norm_with_gradients_not_summed, "sum over the samples and positions"),
    ("normalize", normalize_with_two_axes, "axis can be a number or a tuple"),
    ("normalize", lambda x: x, "called as normalize(x, axis, center, eps): with these"),
    ("group_norm", lambda x, g, w, b, e: g, "single number"),
]


@pytest.mark.parametrize(("name", "attempt", "word"), RUNGS)
def test_rungs_of_the_other_norms(name, attempt, word):
    report = nl.check(attempt, name)
    assert not report
    assert report.attempted
    assert word in repr(report)
