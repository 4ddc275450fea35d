"""The checker survives whatever it is given, and its report can be read by everyone."""

import dataclasses
import functools
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import normlib as nl
from broken_layers import CATALOGUES
from normlib.checker import Exercise, Report, Slip, checking, exercises
from normlib.checker.exercises import EXERCISES, REASONS
from normlib.checker.exercises.forward import CENTERING
from normlib.checker.exercises.inputs import TOKENS
from right_layers import with_np_var, with_rows

# --- robust against whatever is passed --------------------------------------------------------


@pytest.mark.parametrize("attempt", [None, 3, np.zeros(3), torch.zeros(2), "layer_norm"])
def test_what_cannot_be_called_is_a_type_error(attempt):
    with pytest.raises(TypeError, match=r"without parentheses: nl\.check\(layer_norm\)"):
        nl.check(attempt)


def test_swapped_arguments_are_a_type_error():
    with pytest.raises(TypeError, match=r"nl\.check\(f, name='layer_norm'\)"):
        nl.check("layer_norm", with_np_var)


@pytest.mark.parametrize("name", ["my_layer_norms", "layer", "LayrNorm", "layernorm_backward"])
def test_an_unknown_name_lists_the_known_and_the_nearest(name):
    with pytest.raises(ValueError, match="layer_norm, layer_norm_vjp") as error:
        nl.check(with_np_var, name)
    assert 'nl.check(f, name="layer_norm' in str(error.value)
    assert ('_vjp")' in str(error.value)) == ("backward" in name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "attempt", [lambda *args: 0, functools.partial(with_np_var, eps=1), print, Report, (3).__add__]
)
def test_a_function_without_the_name_of_an_exercise_is_a_value_error(attempt):
    with pytest.raises(
        ValueError, match=r"choose one of layer_norm, .*nl\.check\(f, name=\"layer_n"
    ):
        nl.check(attempt)


def test_the_documentation_of_check_lists_every_exercise():
    for exercise in EXERCISES.values():
        if not exercise.name.endswith("_vjp"):
            assert exercise.signature in nl.check.__doc__, "the docstring of check lists it"


def test_an_exercise_of_ones_own_is_checked_like_any_other():
    def shifted(x, eps, *, by=2.0):
        return x + by

    slip = Slip("You subtracted.", by=-2.0)
    own = Exercise("shifted", ("x", "eps"), shifted, TOKENS, (slip,))
    assert nl.check(lambda x, eps: x + 2, own)
    assert nl.check(lambda x, eps: x - 2, own).lines == ("You subtracted.",)
    assert "off by +1" in repr(nl.check(lambda x, eps: x + 3, own))


def test_a_reference_that_fails_is_not_blamed_on_the_reader():
    own = Exercise("halved", ("x",), lambda x: x / np.ones(7), TOKENS)
    with pytest.raises(ValueError, match="broadcast"):
        nl.check(lambda x: x / 2, own)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("layernorm_forward", "layer_norm"),
        ("LayerNorm", "layer_norm"),
        ("my_batchnorm", "batch_norm"),
        ("spatial_batchnorm_forward", "batch_norm"),
        ("LayerNormVJP", "layer_norm_vjp"),
    ],
)
def test_a_name_with_one_meaning_is_understood(name, meant):
    assert nl.check(lambda *arguments: None, name).name == meant


def test_a_class_and_a_function_of_one_name_are_told_apart():
    assert nl.check(type("BatchNorm2d", (), {})).name == "BatchNorm"
    assert nl.check(type("batchnorm", (), {})).name == "BatchNorm"
    assert nl.check(with_np_var, "batchnorm").name == "batch_norm"


def test_a_leading_my_is_no_difference():
    def my_layer_norm(x, weight, bias, eps):
        return with_np_var(x, weight, bias, eps)

    assert nl.check(my_layer_norm).name == "layer_norm"


class Callable:
    def __call__(self, x, weight, bias, eps):
        return with_np_var(x, weight, bias, eps)

    def method(self, x, weight, bias, eps):
        return with_np_var(x, weight, bias, eps)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda *args: with_np_var(*args),
        functools.partial(with_np_var),
        Callable(),
        Callable().method,
        functools.wraps(with_np_var)(lambda *args: with_rows(*args)),
    ],
)
def test_anything_callable_can_be_right(attempt):
    assert nl.check(attempt, name="layer_norm")


@pytest.mark.parametrize("attempt", [len, print, np.sum, np.add, dict, type, object, Report, iter])
@pytest.mark.parametrize("name", EXERCISES)
def test_builtins_and_classes_are_survived(attempt, name, capsys):
    assert not nl.check(attempt, name)


def test_a_keyboard_interrupt_is_let_through():
    def layer_norm(x, weight, bias, eps):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nl.check(layer_norm)


def test_an_answer_that_resists_reading_is_survived():
    class Resists:
        def __array__(self, *args, **kwargs):
            raise MemoryError

    assert "a Resists" in repr(nl.check(lambda *args: Resists(), "layer_norm"))
    bfloat16 = torch.zeros(2, dtype=torch.bfloat16)  # NumPy has no such numbers
    said = repr(nl.check(lambda *args: bfloat16, "layer_norm"))
    assert "a tensor of torch.bfloat16, which has no NumPy form: convert it with .float()." in said
    assert "a Tensor" in repr(nl.check(lambda *args: bfloat16.to_sparse(), "layer_norm"))


def test_the_readers_warnings_are_silent_and_prints_are_not(capsys):
    def layer_norm(x, weight, bias, eps):
        print("hello from the reader")
        warnings.warn("from the reader", stacklevel=1)
        return weight / np.zeros(x.shape) + np.log(-np.ones(x.shape))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nl.check(layer_norm)
    assert not caught
    assert "hello from the reader" in capsys.readouterr().out


def test_settings_that_the_reader_changes_are_put_back():
    def layer_norm(x, weight, bias, eps):
        np.seterr(all="raise")
        warnings.simplefilter("error")
        return with_np_var(x, weight, bias, eps)

    before = np.geterr(), list(warnings.filters)
    assert nl.check(layer_norm)
    assert (np.geterr(), list(warnings.filters)) == before


def test_a_reader_cannot_change_what_the_checker_knows():
    def layer_norm(x, weight, bias, eps):
        for array in (x, weight, bias):
            array[...] = 0
        return x

    assert "changes x and weight and bias" in repr(nl.check(layer_norm))
    assert nl.check(with_np_var, "layer_norm")


def test_a_correct_answer_costs_no_search(monkeypatch):
    monkeypatch.setattr(checking, "recognize", lambda *args: pytest.fail("searched"))
    for exercise in EXERCISES.values():
        assert nl.check(exercise.reference, exercise.name)


def test_import_draws_no_probes_and_loads_no_torch():
    code = (
        "import sys, normlib.checker.exercises; print({'torch', 'numpy.random'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# --- the report -------------------------------------------------------------------------------

OK = Report(True, True, "layer_norm", ("Correct.",))
WRONG = Report(False, True, "layer_norm", ("You <b>divided</b> & more.",))
OPEN = Report(False, False, "layer_norm")


def test_a_report_is_true_only_if_correct():
    assert OK
    assert not WRONG
    assert not OPEN
    with pytest.raises(dataclasses.FrozenInstanceError):
        OPEN.ok = True


def test_text_of_a_report():
    assert repr(OK) == "✓ layer_norm: correct\n  Correct."
    assert repr(WRONG) == "✗ layer_norm: not right yet\n  You <b>divided</b> & more."
    assert repr(OPEN) == "○ layer_norm: not attempted yet"


def test_html_escapes_text():
    html = Report(False, True, "<i>", ("<script>alert('&')</script>",))._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)" in html
    assert "<i>" not in html


@pytest.mark.parametrize("report", [OK, WRONG, OPEN])
def test_html_says_everything_in_words(report):
    html = report._repr_html_()
    text = re.sub(r'<span aria-hidden="true">.</span>|<[^>]*>', " ", html)
    word = repr(report).splitlines()[0].split(": ")[1]
    assert f"layer_norm: {word}" in text
    assert 'role="status"' in html
    assert html.count("<div") == html.count("</div>")


def test_html_takes_its_colors_from_the_page():
    for report in (OK, WRONG, OPEN):
        styles = ";".join(re.findall(r'style="([^"]*)"', report._repr_html_()))
        properties = {s.split(":")[0].strip() for s in styles.split(";") if s}
        assert properties <= {"border-left", "padding", "margin", "margin-top"}
        assert "<p" not in report._repr_html_()
        (color,) = re.findall(r"#(\w{6})", styles)
        light = luminance(color)
        assert 1.05 / (light + 0.05) >= 3  # on white
        assert (light + 0.05) / 0.05 >= 3  # on black


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def test_no_message_gives_the_solution_away():
    said = [slip.message for e in EXERCISES.values() for slip in e.slips]
    said += [reason for _, reason in REASONS] + [e.checked for e in EXERCISES.values()]
    code = re.compile(r"np\.|\*\*|sqrt\(|\.(mean|var|std|sum)\(|return weight|lambda|def |axis=")
    for message in said:
        assert not code.search(message), message
    sources = Path(exercises.__file__).parent.glob("*.py")
    lines = {line.strip() for path in sources for line in path.read_text("utf-8").splitlines()}
    lines = {line for line in lines if len(line) > 12}
    for attempt, _ in CATALOGUES["layer_norm"].values():
        text = repr(nl.check(attempt, "layer_norm"))
        assert not any(line in text for line in lines)


def test_messages_are_short_and_end_like_sentences():
    for exercise in EXERCISES.values():
        for slip in exercise.slips:
            assert slip.message[-1] in ".?"
            assert len(slip.message) <= 190, slip.message
            assert len(re.findall(r"[.?](?: |$)", slip.message)) <= 2, slip.message
            assert "gamma" not in slip.message
            assert "beta" not in slip.message


def test_the_messages_of_one_exercise_differ():
    for exercise in EXERCISES.values():
        by_message = {}
        for slip in exercise.slips:
            by_message.setdefault(slip.message, []).append(slip.changes)
        repeated = [changes for changes in by_message.values() if len(changes) > 1]
        assert all(set(c) == {"order"} for changes in repeated for c in changes)


def test_slips_change_knobs_that_exist():
    assert {tuple(s.changes) for s in CENTERING} <= {
        ("shift", "about"),
        ("shift",),
        ("about",),
        ("sign",),
    }
