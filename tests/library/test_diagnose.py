"""The clinic: every norm has its own profile, every known mistake its symptom."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import normlib as nl
from broken_batch_norm import BATCH_NORMS
from broken_layers import LAYER_NORMS
from normlib import clinic
from normlib.clinic.diagnosis import in_short
from normlib.clinic.quiz import _PATIENTS
from normlib.gpt import GPT, GPTConfig

X = np.random.default_rng(14).normal(1.0, 2.0, (4, 5, 6))  # (B, T, C)
CHANNELS = {"position": 2, "feature": 1}
FEATURE, POSITION, GROUP = ("feature",), ("position",), ("position", "feature")

# Layer → axes, numbers together, future leak, batch in training, forgets a shift.
PROFILES = {
    "LayerNorm": (nl.LayerNorm(6), {}, FEATURE, 6, False, False, True),
    "RMSNorm": (nl.RMSNorm(6, eps=1e-5), {}, FEATURE, 6, False, False, False),
    "BatchNorm": (nl.BatchNorm(6), CHANNELS, ("batch", "position"), 20, True, True, True),
    "InstanceNorm": (nl.InstanceNorm(6), CHANNELS, POSITION, 5, True, False, True),
    "GroupNorm": (nl.GroupNorm(3, 6), CHANNELS, GROUP, 10, True, False, True),
}
PROFILES |= {
    f"torch {name}": (module, *PROFILES[name][1:])
    for name, module in {
        "LayerNorm": nn.LayerNorm(6),
        "RMSNorm": nn.RMSNorm(6, eps=1e-5),
        "BatchNorm": nn.BatchNorm1d(6),
        "InstanceNorm": nn.InstanceNorm1d(6),
        "GroupNorm": nn.GroupNorm(3, 6),
    }.items()
}


def in_layout(x, options):
    """X as (B, T, C), or (B, C, T) for norms of channels."""
    return x.transpose(0, 2, 1) if options else x


@pytest.mark.parametrize("name", PROFILES)
def test_a_norm_has_its_profile(name):
    layer, options, axes, together, leak, batch, shift = PROFILES[name]
    found = nl.diagnose(layer, in_layout(X, options), **options)
    assert (found.axes, found.together) == (axes, together)
    assert (found.future_leak > 0, found.past > 0) == (leak, leak)
    assert (found.other_samples > 0) == batch
    assert found.other_samples_eval == 0
    assert (found.other_features > 0) == ("feature" in axes)
    assert (found.forgets_shift, found.forgets_scale, found.forgets_sign) == (shift, True, False)
    assert found.divides_by == "n"
    assert found.eps == pytest.approx(1e-5, rel=1e-3)
    assert found.eps_place == "inside"
    assert (found.zeros, found.large_mean, found.float16) == ("fine",) * 3
    assert not found.changes_input
    assert not found.random
    assert not found.buffers_eval
    if "BatchNorm" in name:
        assert set(found.buffers) == {"running_mean", "running_var", "num_batches_tracked"}
        assert found.buffer_share == pytest.approx(0.1)
        assert found.train_eval_gap > 0.1
    else:
        assert found.buffers == ()
        assert found.train_eval_gap == 0


SYMPTOMS = {
    "unbiased variance": {"divides_by": "n − 1"},
    "eps outside root": {"eps_place": "outside"},
    "eps missing": {"eps": 0.0, "zeros": "nan"},
    "batch axis": {"axes": ("batch",)},
    "axes (T, C)": {"axes": ("position", "feature")},
    "no centering": {"forgets_shift": False},
    "divide by variance": {"forgets_scale": False, "divides_by": None, "eps": None},
    "one-pass variance, float32": {"large_mean": "nan"},
    "eps 10x too small": {"eps": pytest.approx(1e-6, rel=1e-3)},
    "modifies its input": {"changes_input": True},
    "float16 statistics": {"divides_by": None},
    "weight and bias swapped": {"forgets_sign": True, "axes": ()},
}


@pytest.mark.parametrize("name", LAYER_NORMS)
def test_a_broken_layer_norm_has_its_symptom(name):
    function, _ = LAYER_NORMS[name]
    weight, bias = np.ones(6, np.float32), np.zeros(6, np.float32)
    found = nl.diagnose(lambda x: function(x, weight, bias, 1e-5), X)
    right = nl.diagnose(lambda x: nl.layer_norm(x, (6,)), X)
    for field, value in SYMPTOMS.get(name, {}).items():
        assert getattr(found, field) == value, field
    if name not in SYMPTOMS:  # of weight 1 and bias 0, these are right
        assert name.startswith(("weight", "bias", "eps argument"))
        pairs = zip(found.rows(), right.rows(), strict=True)
        differ = [a[0] for a, b in pairs if in_short(a[1]) != in_short(b[1])]
        assert set(differ) <= {"float16, numbers of some hundreds"}  # no reader's code widens it


BATCH_SYMPTOMS = {
    "unbiased forward variance": {"divides_by": "n − 1"},
    "eval with batch statistics": {"train_eval_gap": 0.0, "axes": ("batch", "position")},
    "momentum inverted": {"buffer_share": pytest.approx(0.9)},
    "momentum 0.01 fixed": {"buffer_share": pytest.approx(0.01)},
    "eps outside the root": {"eps_place": "outside"},
    "buffers not updated": {"buffers": ()},
    "buffers updated in eval": {"buffers_eval": ("running_mean", "running_var")},
    "buffers replaced": {"buffer_share": pytest.approx(1.0)},
}


@pytest.mark.parametrize("name", BATCH_SYMPTOMS)
def test_a_broken_batch_norm_has_its_symptom(name):
    found = nl.diagnose(BATCH_NORMS[name][0](6), X.transpose(0, 2, 1), **CHANNELS)
    for field, value in BATCH_SYMPTOMS[name].items():
        assert getattr(found, field) == value, field
    sees_others = name in ("eval with batch statistics", "buffers updated in eval")
    assert (found.other_samples_eval > 0) == sees_others


def test_the_catalogue_has_no_symptom_for_a_layer_that_is_gone():
    assert set(SYMPTOMS) <= set(LAYER_NORMS)


def test_a_random_weight_and_bias_hide_the_divisor_and_nothing_else():
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(1, 1, 6), rng.normal(0, 1, 6)
    found = nl.diagnose(lambda x: nl.layer_norm(x, (6,), weight, bias, 0.1), X)
    assert found.divides_by is None
    assert found.eps == pytest.approx(0.1, rel=1e-3)
    assert found.eps_place == "inside"
    assert found.axes == ("feature",)
    assert not found.forgets_scale  # an eps of 0.1 is not small


@pytest.mark.parametrize("spread", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("mean", [0.0, 50.0])
@pytest.mark.parametrize("eps", [1e-5, 0.1])
@pytest.mark.parametrize("place", ["inside", "outside"])
@pytest.mark.parametrize("center", [True, False])
def test_eps_and_divisor_are_found_whatever_the_size_of_x(spread, mean, eps, place, center):
    def norm(x):
        centered = x - center * x.mean(-1, keepdims=True)
        var = (centered**2).mean(-1, keepdims=True) * 6 / 5  # divided by n − 1
        root = np.sqrt(var + eps) if place == "inside" else np.sqrt(var) + eps
        return centered / root

    x = np.random.default_rng(0).normal(mean, spread, (3, 4, 6))
    found = nl.diagnose(norm, x)
    assert (found.divides_by, found.eps_place) == ("n − 1", place)
    assert found.eps == pytest.approx(eps, rel=1e-2)
    assert found.forgets_shift == center


def test_what_has_no_variance_has_no_divisor_and_no_eps():
    found = nl.diagnose(np.tanh, X)
    assert (found.divides_by, found.eps) == (None, None)
    assert nl.diagnose(lambda x: x * np.nan, X).zeros == "nan"


def test_the_layer_is_as_before():
    norm = nn.Sequential(nn.BatchNorm1d(6), nn.Dropout(0.5)).eval()
    before = copy.deepcopy(norm.state_dict())
    x = X.transpose(0, 2, 1).copy()
    nl.diagnose(norm, x, position=2, feature=1)
    assert not norm.training
    assert not norm[1].training
    assert next(norm.parameters()).dtype == torch.float32
    for name, value in norm.state_dict().items():
        assert torch.equal(value, before[name])
    np.testing.assert_array_equal(x, X.transpose(0, 2, 1))
    own = nl.BatchNorm(6)
    nl.diagnose(own, x, position=2, feature=1)
    assert own.training
    assert own.num_batches_tracked == 0


def test_the_chance_of_torch_is_as_before():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    nl.diagnose(nn.Dropout(0.5), X)
    assert torch.equal(torch.rand(2), expected)


def test_dropout_is_chance_and_a_gap_but_no_leak():
    found = nl.diagnose(nn.Sequential(nn.LayerNorm(6), nn.Dropout(0.3)), X)
    assert found.random
    assert found.train_eval_gap > 0.1
    assert found.future_leak == found.other_samples == 0


CONFIG = GPTConfig(vocab_size=20, n_layer=2, n_head=2, n_embd=16, block_size=8)
TOKENS = np.random.default_rng(0).integers(20, size=(3, 8))


class TokenBatchNorm(nn.BatchNorm1d):
    def forward(self, x):
        return super().forward(x.flatten(0, 1)).view_as(x)


def test_a_gpt_of_tokens_sees_its_past_alone():
    found = nl.diagnose(GPT(CONFIG), TOKENS)
    assert found.past > 0.1
    assert found.future_leak == found.other_samples == found.train_eval_gap == 0
    assert found.axes is None
    assert found.forgets_shift is None
    assert "ε" not in dict(found.rows())


def test_a_gpt_with_a_batch_norm_leaks_in_training_and_has_two_modes():
    model = GPT(CONFIG)
    model.blocks[1].norm_1 = TokenBatchNorm(16)
    found = nl.diagnose(model, TOKENS)
    assert found.future_leak > 0.01
    assert found.other_samples > 0.01
    assert found.other_samples_eval == 0
    assert found.train_eval_gap > 0.01
    assert "blocks.1.norm_1.running_mean" in found.buffers


class Holder:
    """A layer whose norm lies in a list of its own."""

    def __init__(self):
        self.norms = [nl.BatchNorm(6)]

    def train(self):
        self.norms[0].train()

    def eval(self):
        self.norms[0].eval()

    def __call__(self, x):
        return self.norms[0](x.reshape(-1, 6)).reshape(x.shape)


def test_buffers_of_layers_inside_a_layer_are_seen():
    found = nl.diagnose(Holder(), X)
    assert "norms.0.running_mean" in found.buffers
    assert found.buffer_share == pytest.approx(0.1)


def test_a_table_of_samples_needs_no_positions():
    found = nl.diagnose(nl.BatchNorm(6), X[:, 0], position=None)
    assert found.future_leak is None
    assert found.axes == ("batch",)
    assert found.together == 4


def test_the_report_says_it_in_words_and_html():
    found = nl.diagnose(nl.LayerNorm(6), X)
    text, html = repr(found), found._repr_html_()
    assert "a later position matters            no" in text
    for label, value in found.rows():
        assert label in html
        assert value in text
    assert "10⁻⁵, inside the root" in html
    assert 'scope="row"' in html


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((3, X), TypeError, "something to call"),
        ((nl.LayerNorm(6), X[0]), ValueError, "position=None"),
        ((nl.LayerNorm(6), X[:1]), ValueError, "only one sample"),
        ((nl.LayerNorm(6), X[:, :1]), ValueError, "position=None if it has none"),
        ((nl.LayerNorm(6), X, 5), ValueError, "no axis"),
        ((nl.LayerNorm(6), X, None), ValueError, "batch must be"),
        ((lambda x: x.sum((0, 1)), X), ValueError, "batch and position"),
        ((lambda x: x, np.ones((3, 4), int)), ValueError, "two different tokens"),
        ((lambda x: x, np.ones_like(X)), ValueError, r"different numbers, .* got only \[1.0\]"),
        ((lambda x: x, np.full_like(X, np.nan)), ValueError, "finite numbers"),
        ((lambda x: x, X + 1j), TypeError, "real numbers, got dtype complex128"),
        ((lambda x: {"y": x}, X), TypeError, "must return an array of real numbers, got dict"),
        ((lambda x: None, X), TypeError, "got NoneType"),
        ((lambda x: x > 0, X), TypeError, "must return an array of real numbers, got dtype bool"),
        ((lambda x: (), X), ValueError, r"must return an array of real numbers, got \(\)"),
        ((nn.LayerNorm, X), TypeError, "the class LayerNorm: make one first"),
        ((nl.BatchNorm, X), TypeError, "the class BatchNorm: make one first"),
        ((nl.LayerNorm(6), X, 1.0), TypeError, "batch must be .* got 1.0: .* from -3 to 2"),
        ((nl.LayerNorm(6), X, True), TypeError, "batch must be .* got True"),
        ((nl.LayerNorm(6), X, 0, "1"), TypeError, "position must be .* got '1'"),
    ],
)
def test_a_wrong_argument_is_explained(arguments, error, words):
    with pytest.raises(error, match=words):
        nl.diagnose(*arguments)


def test_an_output_by_chance_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="two different outputs"):
        nl.diagnose(lambda x: x + rng.normal(size=x.shape), X)


# --- the quiz -----------------------------------------------------------------------------------


LETTERS = list(_PATIENTS)


@pytest.mark.parametrize("letter", LETTERS)
def test_a_patient_can_be_told_from_every_other_bug_of_its_kind(letter):
    bug, where = clinic.source(letter)
    assert clinic.identify(letter, bug)
    assert where
    for guess in clinic.BUGS:
        verdict = clinic.identify(letter, guess)
        assert bool(verdict) == (guess == bug)
        if not verdict:
            assert len(verdict.lines) == 1
            assert bug not in verdict.lines[0]


@pytest.mark.parametrize("letter", LETTERS)
def test_only_the_healthy_patient_shows_nothing(letter):
    chart = clinic.examine(letter)
    marked = [row[0] for row in chart.rows if chart.marked(row)]
    assert bool(marked) == (clinic.source(letter)[0] != "healthy")
    assert clinic.source(letter)[0] not in chart._repr_html_()


def test_the_chapter_examines_every_patient():
    chapter = (Path(__file__).parents[2] / "book" / "14_clinic.md").read_text(encoding="utf-8")
    (letters,) = re.findall(r'for letter in "([A-Z]+)"\}', chapter)
    assert list(letters) == LETTERS
    for letter in LETTERS:
        sources = re.findall(rf"^- \*\*{letter}\*\* ", chapter, re.M)
        assert len(sources) == 1, f"chapter 14 has one line for patient {letter} in its solution"


def test_a_guess_that_is_no_bug_is_explained():
    with pytest.raises(ValueError, match="did you mean 'no eps'"):
        clinic.identify("A", "no ε")
    with pytest.raises(ValueError, match="one of A, B"):
        clinic.examine("Z")
    assert not clinic.identify("A", None).attempted
