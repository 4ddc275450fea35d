"""Trained models as files: what is read is what was written, and nothing else is read."""

import json
import pickle
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, load_file, save, save_file

from cats import MODEL, TEXT
from normlib import load_results
from normlib.gpt import (
    GPT,
    Text,
    TrainConfig,
    Trainer,
    checkpoints,
    fold_affine,
    load_model,
    load_text,
    save_model,
)
from normlib.placements import PLACEMENTS
from normlib.results import _files
from tiny_gpt import scrambled, tokens


def saved(folder, model=None, text=TEXT, **options):
    path = folder / "cat.safetensors"
    save_model(model or GPT(MODEL, seed=3), path, text, **options)
    return path


def about(path):
    """What a file says about its weights, read by its definition and not by the library."""
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return json.loads(header["__metadata__"]["normlib.gpt"])


@pytest.mark.parametrize("init", ["xavier", "gpt2"])  # a head of its own, and the embedding
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_what_is_read_is_what_was_written(placement, init, tmp_path):
    config = replace(MODEL, placement=placement, init=init, norm="dyt", dropout=0.5)
    model = scrambled(GPT(config)).float()
    read = load_model(saved(tmp_path, model))
    assert (read.config, read.chars, read.training) == (config, TEXT.chars, False)
    idx = tokens(3, 4)
    assert torch.equal(read(idx)[0], model.eval()(idx)[0])
    assert (read.head.weight is read.wte.weight) == (init == "gpt2")
    assert {p.dtype for p in read.parameters()} == {torch.float32}
    assert all(p.requires_grad for p in read.parameters())


def test_a_file_says_what_it_holds_and_where_it_comes_from(tmp_path):
    path = saved(tmp_path, provenance={"commit": "abc"})
    assert about(path) == {
        "config": asdict(MODEL),
        "chars": TEXT.chars,
        "text": {"name": "cat", "sha256": TEXT.sha256},
        "provenance": {"commit": "abc"},
    }
    now = about(saved(tmp_path))["provenance"]
    assert now["versions"]["torch"] == torch.__version__
    assert now["corpus"]["sha256"] == TEXT.sha256


def test_half_the_bits_are_half_the_bytes_and_three_digits(tmp_path):
    model = GPT(replace(MODEL, n_embd=64))
    whole = saved(tmp_path, model).stat().st_size
    path = saved(tmp_path, model, half=True)
    assert 0.5 < path.stat().st_size / whole < 0.55
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}
    for name, tensor in load_model(path).state_dict().items():
        torch.testing.assert_close(tensor, model.state_dict()[name], rtol=2**-11, atol=2**-24)
        assert tensor.dtype == torch.float32


def test_what_half_the_bits_cannot_hold_is_refused_and_a_diverged_model_kept(tmp_path):
    model = GPT(MODEL)
    model.head.weight.data[0, 0] = 1e5
    with pytest.raises(ValueError, match=r"up to 65504, and head\.weight has larger ones"):
        saved(tmp_path, model, half=True)
    model.head.weight.data[0, 0] = torch.nan
    read = load_model(saved(tmp_path, model, half=True))
    assert read.head.weight[0, 0].isnan()
    read.chars = TEXT.chars
    with pytest.raises(ValueError, match="the logits must be finite .* has diverged"):
        read.write("the ")


def test_a_trained_model_writes_and_the_same_seed_writes_the_same(tmp_path):
    trainer = Trainer(replace(MODEL, n_embd=16), TrainConfig(steps=150, lr=0.02), TEXT)
    trainer.fit()
    model = load_model(saved(tmp_path, trainer.model))
    assert model.write("the c", 14, temperature=0.01) == "the cat sat on the "
    options = {"length": 30, "temperature": 5.0}
    wild = [model.write("t", seed=seed, **options) for seed in (0, 0, 1)]
    assert wild[0] == wild[1] != wild[2]
    assert len(wild[0]) == 31
    assert len(model.write("t")) == 201
    assert trainer.model.write("t", **options) == wild[0]  # without a file, too
    assert model.write("t", top_k=1, **options) == model.write("t", 30, temperature=1e-6)


def test_a_vocabulary_beyond_the_text_is_written_as_unknown():
    model = Trainer(replace(MODEL, vocab_size=200), TrainConfig(steps=0), TEXT).model
    written = model.write("t", 50, temperature=3.0)
    assert "\ufffd" in written
    assert set(written) <= {*TEXT.chars, "\ufffd"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"prompt": "the z"},
            "prompt must be characters that the model knows, got 'the z': .*acehm",
        ),
        ({"prompt": ""}, "prompt must be characters that the model knows, got ''"),
        ({"length": -1}, "length must be a whole number, at least 0, got -1"),
        ({"length": 2.5}, "length must be a whole number, at least 0, got 2.5"),
        ({"seed": 2**63}, "seed must be a whole number, at least 0, got 9223372036854775808"),
        ({"temperature": 0}, "temperature must be positive, got 0"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_written_is_refused(options, message):
    model = GPT(MODEL)
    with pytest.raises(ValueError, match="the model must know its characters .* set model.chars"):
        model.write("the")
    model.chars = TEXT.chars
    assert model.write("the", length=0) == "the"
    assert model.write("the", np.int64(3), seed=np.int64(5)) == model.write("the", 3, seed=5)
    with pytest.raises(TypeError, match="prompt must be a str, got None: give the text"):
        model.write(None)
    with pytest.raises(ValueError, match=message):
        model.write(**{"prompt": "the"} | options)


def changed(path, edit=None, **metadata):
    """Write a file anew with other tensors, or with other words about them."""
    tensors, words = load(path.read_bytes()), about(path) | metadata
    if edit is not None:
        edit(tensors)
    save_file(tensors, path, {"normlib.gpt": json.dumps(words)})


DAMAGE = {
    "cut off": (lambda p: p.write_bytes(p.read_bytes()[:-1]), "no whole safetensors file"),
    "empty": (lambda p: p.write_bytes(b""), "no whole safetensors file"),
    "a pickle": (lambda p: p.write_bytes(pickle.dumps({"a": 1} )), "no whole safetensors file"),
    "PyTorch's": (lambda p: torch.save({"a": torch.ones(2)}, p), "no whole safetensors file"),
    "another's": (lambda p: p.write_bytes(save({"a": torch.ones(2)})), "did not write"),
    "no words": (lambda p: save_file({}, p, {"normlib.gpt": "[1"}), "no whole safetensors file"),
    "a list": (lambda p: save_file({}, p, {"normlib.gpt": "[1]"}), "did not write"),
    "no config": (lambda p: save_file({}, p, {"normlib.gpt": "{}"}), "'config'"),
    "a tensor less": (lambda p: changed(p, lambda t: t.pop("wte.weight")), "1 are missing"),
    "a tensor more": (lambda p: changed(p, lambda t: t.update(a=torch.ones(2))), "1 are unexpec"),
    "other shapes": (lambda p: changed(p, config=asdict(MODEL) | {"n_embd": 4}), "another shape"),
    "a new field": (lambda p: changed(p, config=asdict(MODEL) | {"rope": 1}), "'rope'"),
    "a bad field": (lambda p: changed(p, config=asdict(MODEL) | {"norm": "x"}), "norm must be one"),
    "a letter twice": (lambda p: changed(p, chars="aa"), "chars='aa' are no characters"),
    "many letters": (lambda p: changed(p, chars="abcdefghijkl"), "no characters for vocab_size=11"),
    "no letters": (lambda p: changed(p, chars=None), "chars=None are no characters"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_that_is_damaged_or_of_another_kind_is_named_in_a_sentence(damage, tmp_path):
    path = saved(tmp_path)
    hurt, words = DAMAGE[damage]
    hurt(path)
    with pytest.raises(ValueError, match=words) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path} ")
    assert "\n" not in message
    assert len(message) < len(str(path)) + 400


def test_a_short_name_is_looked_up_beside_the_module(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"no model 'x.pt': there are .*ends in \.safetensors"):
        load_model("x.pt")
    monkeypatch.setattr(checkpoints, "HERE", tmp_path)
    with pytest.raises(ValueError, match="no model 'cat': there are none; a file of your own"):
        load_model("cat")
    saved(tmp_path)
    assert load_model("cat").chars == load_model(Path("cat")).chars == TEXT.chars
    with pytest.raises(TypeError, match="name_or_path must be a str or PathLike, got None: try"):
        load_model(None)
    with pytest.raises(TypeError, match="path must be a str or PathLike, got None: name a file"):
        save_model(GPT(MODEL), None, TEXT)
    with pytest.raises(ValueError, match="no model 'dog': there are cat; a file of your own"):
        load_model("dog")


def test_a_path_that_is_no_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file '.*none.safetensors': check"):
        load_model(tmp_path / "none.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(IsADirectoryError, match="folder.safetensors' is a folder: name one file"):
        load_model(str(tmp_path / "folder.safetensors"))


def test_a_model_that_its_configuration_does_not_make_again_is_refused(tmp_path):
    folded, untied = fold_affine(GPT(MODEL)), GPT(replace(MODEL, init="gpt2"))
    untied.head.weight = torch.nn.Parameter(untied.head.weight.detach() + 1)
    for model, message in (folded, "1 are unexpected .*head.bias"), (untied, "set tie_head=False"):
        with pytest.raises(ValueError, match=f"a file holds a GPT as its configur.*{message}"):
            saved(tmp_path, model)
    untied.config = replace(untied.config, tie_head=False)
    assert torch.equal(load_model(saved(tmp_path, untied)).head.weight, untied.head.weight)


def test_what_cannot_be_saved_is_refused_and_no_half_file_left(tmp_path, monkeypatch):
    others = Text("abcdefghijk" * 40, name="letters")
    trained = Trainer(MODEL, TrainConfig(steps=0), TEXT).model
    for model, text in (trained, others), (GPT(replace(MODEL, vocab_size=5)), TEXT):
        with pytest.raises(ValueError, match="the text must have the characters of the model"):
            saved(tmp_path, model, text)
    with pytest.raises(TypeError, match="model must be a GPT, got {}: a Trainer has it"):
        save_model({}, tmp_path / "cat.safetensors", TEXT)
    with pytest.raises(TypeError, match="text must be a Text, got 'the cat'"):
        saved(tmp_path, text="the cat")
    with pytest.raises(ValueError, match=r"ends in \.safetensors, got 'cat.pt': add it"):
        save_model(GPT(MODEL), "cat.pt", TEXT)

    def full(number):
        raise OSError("No space left")

    monkeypatch.setattr(_files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        saved(tmp_path)
    assert [*tmp_path.iterdir()] == []


SHIPPED = ["peri", "post", "post_stuck", "pre", "pre_rmsnorm"]


def test_the_models_that_ship_are_small_and_known():
    files = sorted(checkpoints.HERE.glob("*.safetensors"))
    assert [path.stem for path in files] == SHIPPED
    assert sum(path.stat().st_size for path in files) <= 4_000_000
    for name in SHIPPED:
        assert name in load_model.__doc__


@pytest.mark.parametrize("name", SHIPPED)
def test_a_model_that_ships_is_that_of_its_study(name):
    origin = about(checkpoints.HERE / f"{name}.safetensors")["provenance"]
    assert len(origin["commit"]) == 40
    assert origin["dirty"] is False
    model, training = load_model(name), TrainConfig(**origin["training"])
    (run,) = (
        run
        for run in load_results("writers")
        if run.model == asdict(model.config) and run.training == origin["training"]
    )
    assert model.write("The ", 20, seed=1) != model.write("The ", 20, seed=2)
    text = load_text()
    if text.sha256 != origin["corpus"]["sha256"]:
        pytest.skip("this Python has another reference text")
    trainer = Trainer(model.config, replace(training, steps=0, measure_at=()), text)
    trainer.model = model
    assert trainer.run().val_loss == pytest.approx(run.val_loss, abs=0.005)  # half the digits
