"""A thing of another kind, or the right things exchanged: one sentence, before any work."""

from dataclasses import replace

import pytest
import torch

from cats import MODEL, QUICK, TEXT
from normlib.gpt import (
    GPT,
    Block,
    GPTConfig,
    Text,
    TrainConfig,
    Trainer,
    grid,
    make_norm,
    probes,
    sweep,
    train,
)
from normlib.gpt.playground import playground

TWO = replace(MODEL, n_layer=2)
TO_TRAIN = {
    "exchanged": ((QUICK, MODEL, TEXT), "model_config must be a GPTConfig, got TrainConfig(steps"),
    "no training": ((MODEL, MODEL, TEXT), "config must be a TrainConfig, got GPTConfig(vocab_"),
    "a string": ((MODEL, QUICK, "some text"), "text must be a Text, got 'some text': make one"),
    "one probe": (
        (MODEL, QUICK, TEXT, "residual_rms"),
        "probes must be a list of names, got 'residual_rms': try ['residual_rms'].",
    ),
    "no list": ((MODEL, QUICK, TEXT, None), "probes must be a list of names, got None: leave it"),
    "used up": ((MODEL, QUICK, TEXT, iter(["grad_norm"])), "probes must be a list of names, got <"),
}


CALLERS = {
    "train": lambda *args, folder: train(*args),
    "Trainer": lambda *args, folder: Trainer(*args),
    "sweep": lambda m, t, *rest, folder: sweep("x", [(MODEL, QUICK), (m, t)], *rest, folder=folder),
}


@pytest.mark.parametrize("wrong", TO_TRAIN)
@pytest.mark.parametrize("call", CALLERS)
def test_what_cannot_be_trained_is_refused_by_its_kind(call, wrong, tmp_path):
    (model, training, *rest), message = TO_TRAIN[wrong]
    with pytest.raises(TypeError) as caught:
        CALLERS[call](model, training, *rest, folder=tmp_path)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 200
    assert [*tmp_path.iterdir()] == []


CALLS = {
    "GPT": (lambda: GPT(94), "config must be a GPTConfig, got 94: .*GPTConfig"),
    "Block": (lambda: Block(94), "config must be a GPTConfig, got 94: "),
    "grid": (lambda: grid(GPTConfig), "must be a GPTConfig or TrainConfig, got <class"),
    "Text": (lambda: Text(b"abc"), "content must be a str, got b'abc': "),
    "words": (lambda: GPT(MODEL)("the cat"), r"idx must be a tensor of tokens .*got 'the cat': "),
    "playground": (lambda: playground("the cat"), "text must be a Text, got 'the cat': "),
    "no pairs": (lambda: sweep("x", grid(MODEL), TEXT), "two configurations, got GPTConfig.*grid"),
    "no list": (lambda: sweep("x", MODEL, TEXT), "must be a list of pairs, got GPTConfig.*grid"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_thing_of_another_kind_is_refused(name):
    call, message = CALLS[name]
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize("name", probes.PROBES)
def test_a_probe_refuses_a_foreign_model(name):
    idx = torch.zeros(1, 4, dtype=torch.long)
    with pytest.raises(TypeError, match=r"probes need a normlib\.gpt\.GPT, got Linear: "):
        probes.PROBES[name](torch.nn.Linear(2, 2), idx, idx)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("prenorm", "pre"), ("pre-LN", "pre"), ("Post", "post"), ("deep", "deepnorm")),
        *(("deep-norm", "deepnorm"), ("perinorm", "peri"), ("reorderd", "reordered")),
        ("sandwich", None),
    ],
)
def test_the_choice_that_was_meant_is_the_one_that_begins_alike(name, meant):
    with pytest.raises(ValueError, match="placement must be one of post") as caught:
        replace(MODEL, placement=name)
    asked = f" Did you mean {meant!r}?" if meant else "."
    assert str(caught.value).endswith(f"got {name!r}{'.' if meant else ''}{asked}")


@pytest.mark.parametrize(("name", "meant"), [("rms", "rmsnorm"), ("layer_norm", "layernorm")])
def test_a_norm_and_its_configuration_are_refused_alike(name, meant):
    message = f"norm must be one of layernorm, .*; got '{name}'. Did you mean '{meant}'"
    with pytest.raises(ValueError, match=message):
        make_norm(name, 8)
    with pytest.raises(ValueError, match=message):
        replace(MODEL, norm=name)


def test_a_word_inside_is_a_hint_too_and_an_empty_one_is_none():
    with pytest.raises(ValueError, match="got 'the type bfloat16 of torch'. Did you mean 'bfloat"):
        TrainConfig(dtype="the type bfloat16 of torch")
    with pytest.raises(ValueError, match="got 'bf16'. Did you mean 'bfloat16'"):  # by its letters
        TrainConfig(dtype="bf16")
    with pytest.raises(ValueError, match=r"got ''\.$"):
        TrainConfig(dtype="")


def state(config, rename=str, drop=()):
    full = GPT(config).state_dict()
    return {rename(name): value for name, value in full.items() if name not in drop}


STATES = {
    "foreign": (
        state(TWO, rename="transformer.{}".format),
        "29 are missing (the first is wte.weight), "
        "29 are unexpected (the first is transformer.wte.weight); no name is the same: GPT.from_hf",
    ),
    "shallow": (state(MODEL), "12 are missing (the first is blocks.1.attn.qkv.weight); build the"),
    "deep": (
        state(replace(MODEL, n_layer=3)),
        "12 are unexpected (the first is blocks.2.attn.qkv.weight); build the GPT with",
    ),
    "wide": (
        state(replace(TWO, n_embd=16)),
        "29 have another shape (wte.weight is (11, 16), not (11, 8)); build the GPT with",
    ),
    "of a trainer": (
        Trainer(TWO, QUICK, TEXT).state_dict(),
        "29 are missing (the first is wte.weight), 5 are unexpected (the first is configs); no na",
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_of_other_names_or_shapes_is_refused_in_a_sentence(name):
    given, message = STATES[name]
    with pytest.raises(RuntimeError) as caught:
        GPT(TWO).load_state_dict(given)
    words = str(caught.value)
    assert words.startswith(f"the state must have the 29 tensors of this GPT: {message}")
    assert len(words) < 300
    assert "\n" not in words


def test_a_state_may_lack_names_if_that_is_asked_for_but_not_have_other_shapes():
    model = GPT(TWO, seed=1)
    found = model.load_state_dict(state(TWO, drop=["wte.weight"]), strict=False)
    assert found.missing_keys == ["wte.weight"]
    assert torch.equal(model.head.weight, GPT(TWO).head.weight)
    assert torch.equal(model.wte.weight, GPT(TWO, seed=1).wte.weight)
    with pytest.raises(RuntimeError, match="29 have another shape"):
        model.load_state_dict(state(replace(TWO, n_embd=16)), strict=False)
    with pytest.raises(TypeError, match="dict-like"):
        model.load_state_dict("a file")


def test_a_trainer_refuses_a_state_that_is_no_trainers():
    for other in (GPT(MODEL).state_dict(), 3):
        with pytest.raises(ValueError, match="another model, training or text: start anew"):
            Trainer(MODEL, QUICK, TEXT).load_state_dict(other)
