"""Weights of GPT-1 and GPT-2: logits equal those of their own classes; all else gets a sentence."""

import json
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from normlib.gpt import GPT, load_tokenizer, to_rmsnorm
from tiny_gpt import TINY, close, scrambled, tokens

IDX = tokens(3, 6)
KINDS = pytest.mark.parametrize(("kind", "placement"), [("GPT2", "pre"), ("OpenAIGPT", "post")])


def original(kind, **options):
    """Their class, small and with noise on every weight, in float32."""
    import transformers  # takes seconds

    sizes = {k: v for k, v in TINY.items() if k != "block_size"} | {"n_positions": 6}
    config = getattr(transformers, kind + "Config")(**sizes | options)
    return scrambled(getattr(transformers, kind + "LMHeadModel")(config)).float().eval()


@torch.no_grad()
def same(ours, theirs):
    expected = theirs(IDX).logits
    logits, loss = ours(IDX[:, :-1], IDX[:, 1:])
    assert expected.abs().max() > 1
    close(logits, expected[:, :-1], atol=1e-5)
    close(loss, F.cross_entropy(expected[:, :-1].flatten(0, 1), IDX[:, 1:].flatten()), atol=1e-5)


@KINDS
@pytest.mark.parametrize("safe", [True, False])
def test_a_saved_model_gives_its_own_logits(kind, placement, safe, tmp_path):
    theirs = original(kind, layer_norm_epsilon=0.1)
    theirs.save_pretrained(tmp_path)
    if not safe:  # as older models are kept
        (tmp_path / "model.safetensors").unlink()
        torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    ours = GPT.from_hf(tmp_path)
    assert (ours.config.placement, ours.config.norm_eps) == (placement, 0.1)
    assert not ours.training
    same(ours, theirs)


@KINDS
def test_a_state_dict_gives_its_own_logits(kind, placement):
    theirs = original(kind)
    for state in (theirs.state_dict(), theirs.transformer.state_dict()):
        ours = GPT.from_hf(state, n_head=2)
        assert ours.config.placement == placement
        same(ours, theirs)


def test_weights_in_several_files_and_a_head_of_its_own(tmp_path):
    theirs = original("GPT2", tie_word_embeddings=False)
    theirs.save_pretrained(tmp_path, max_shard_size=4000)
    assert len([*tmp_path.glob("*.safetensors")]) > 1
    ours = GPT.from_hf(str(tmp_path))
    assert not ours.config.tied
    same(ours, theirs)


def test_gpt2_can_be_one_with_rmsnorm():
    theirs = original("GPT2")
    same(to_rmsnorm(GPT.from_hf(theirs.state_dict(), n_head=2)), theirs)


@pytest.mark.parametrize("activation", ["gelu", "relu", "gelu_pytorch_tanh"])
def test_another_activation_is_taken_over(activation, tmp_path):
    theirs = original("GPT2", activation_function=activation)
    theirs.save_pretrained(tmp_path)
    same(GPT.from_hf(tmp_path), theirs)


def test_the_heads_of_the_published_models_are_found():
    theirs = original("GPT2", n_embd=192, n_head=3)
    assert GPT.from_hf(theirs.state_dict()).config.n_head == 3
    with pytest.raises(ValueError, match="8 features are no multiple of 64, .*: give n_head"):
        GPT.from_hf(original("GPT2").state_dict())


def config(folder, **fields):
    (folder / "config.json").write_text(json.dumps(fields), encoding="utf-8")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"model_type": "llama", "rope_theta": 1e4, "num_key_value_heads": 8},
            "'llama', which has rotary positions, grouped queries: take one",
        ),
        ({"model_type": "mixtral", "num_local_experts": 8}, "'mixtral', which has a mixture of"),
        ({"model_type": "bert"}, "'bert': take one of these two"),
        ({}, "holds None"),
        ({"model_type": "gpt2", "add_cross_attention": True}, "has add_cross_attention"),
        ({"model_type": "gpt2", "scale_attn_weights": False}, "scale_attn_weights=False"),
        ({"model_type": "gpt2", "n_inner": 30}, "has n_inner"),
        ({"model_type": "gpt2", "activation_function": "silu"}, "the activation 'silu'"),
    ],
)
def test_what_cannot_be_expressed_is_said_in_one_sentence(fields, words, tmp_path):
    config(tmp_path, n_embd=8, **fields)
    with pytest.raises(ValueError, match=words) as caught:
        GPT.from_hf(tmp_path)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_configuration_without_sizes_says_which(tmp_path):
    config(tmp_path, model_type="gpt2", n_inner=30, n_embd=None, n_head=2)
    with pytest.raises(ValueError, match="and lacks vocab_size, n_layer, n_embd, n_positions: it"):
        GPT.from_hf(tmp_path)


def test_a_folder_that_is_none_or_not_whole_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder .*missing: save_pretrained"):
        GPT.from_hf(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="holds no config.json"):
        GPT.from_hf(tmp_path)
    original("GPT2").save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(ValueError, match="model.safetensors cannot be read"):
        GPT.from_hf(tmp_path)
    weights.unlink()
    with pytest.raises(FileNotFoundError, match="holds no model.safetensors"):
        GPT.from_hf(tmp_path)
    (tmp_path / "config.json").write_text("[1", encoding="utf-8")
    with pytest.raises(ValueError, match="config.json is not a JSON object"):
        GPT.from_hf(tmp_path)


def test_a_folder_without_the_embedding_says_so(tmp_path):
    theirs = original("GPT2")
    theirs.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    (embedding,) = (name for name in tensors if name.endswith("wte.weight"))
    del tensors[embedding]
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="the weights do not fit 2 blocks: .*'head.weight'"):
        GPT.from_hf(tmp_path)


def test_without_safetensors_a_folder_says_what_is_missing(monkeypatch, tmp_path):
    original("GPT2").save_pretrained(tmp_path)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r"^files of weights need safetensors: pip install saf"):
        GPT.from_hf(tmp_path)


def test_weights_that_are_of_something_else_are_named():
    state = original("GPT2").state_dict()
    with pytest.raises(
        TypeError, match="a state dict, got a GPT2LMHeadModel: of a model, give model"
    ):
        GPT.from_hf(original("GPT2"))
    with pytest.raises(TypeError, match="maps names to tensors, but 'a' is none"):
        GPT.from_hf({"a": 1})
    with pytest.raises(ValueError, match="has nothing for wte.weight, but 1 other tensors"):
        GPT.from_hf({"model.layers.0.weight": torch.ones(2)})
    del state["transformer.h.1.ln_1.bias"]
    with pytest.raises(ValueError, match="1 tensors differ, first 'blocks.1.norm_1.bias'"):
        GPT.from_hf(state, n_head=2)


def test_a_name_on_the_hub_is_asked_for_once_and_a_network_that_is_not_there_is_said(
    tmp_path, monkeypatch
):
    import huggingface_hub

    theirs = original("GPT2")
    theirs.save_pretrained(tmp_path)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **options: tmp_path)
    same(GPT.from_hf("openai-community/gpt2"), theirs)

    def fails(name, **options):
        raise ConnectionError("a page of it")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fails)
    with pytest.raises(OSError, match="no model of that name .ConnectionError.: check"):
        GPT.from_hf("openai-community/gpt2")


def test_the_tokens_are_those_of_the_models_own_file(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    own = Tokenizer(models.WordLevel({"the": 0, "norm": 1, "?": 2}, unk_token="?"))
    own.pre_tokenizer = pre_tokenizers.Whitespace()
    own.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.encode("norm the norm").ids == [1, 0, 1]
    assert tokenizer.decode([0, 1]) == "the norm"
    shutil.move(tmp_path / "tokenizer.json", tmp_path / "other.json")
    with pytest.raises(FileNotFoundError, match="holds no tokenizer.json"):
        load_tokenizer(tmp_path)
