"""Every row of the table of real models against the class that transformers builds for it."""

import re
from functools import cache

import pytest
import torch
import transformers

from model_traces import placements, trace
from normlib.gpt.real_models import ModelTable, load_real_models
from tiny_transformers import WIDTH, build, config_of

ROWS = {row.model: row for row in load_real_models()}
OPEN = [name for name, row in ROWS.items() if row.source]
models = pytest.mark.parametrize("model", OPEN)

# The class of the configuration, and settings that make the model small or choose the row.
CONFIGS = {
    "GPT-1": ("OpenAIGPT", {}),
    "BERT": ("Bert", {}),
    "GPT-2": ("GPT2", {}),
    "T5": ("T5", {}),
    "GPT-Neo": ("GPTNeo", {"attention_types": [[["global"], 2]]}),
    "GPT-J": ("GPTJ", {"rotary_dim": 8}),
    "GPT-NeoX and Pythia": ("GPTNeoX", {}),
    "OPT": ("OPT", {"ffn_dim": 64, "word_embed_proj_dim": WIDTH}),
    "OPT-350M": (
        "OPT",
        {"ffn_dim": 64, "word_embed_proj_dim": WIDTH, "do_layer_norm_before": False},
    ),
    "BLOOM": ("Bloom", {}),
    "LLaMA 1 to 3": ("Llama", {}),
    "Falcon-7B": ("Falcon", {}),
    "Falcon-40B": ("Falcon", {"new_decoder_architecture": True}),
    "MPT": ("Mpt", {"n_heads": 2, "n_layers": 2}),
    "StarCoder": ("GPTBigCode", {}),
    "Phi-1 and Phi-2": ("Phi", {}),
    "Persimmon": ("Persimmon", {}),
    "Mistral": ("Mistral", {}),
    "StableLM": ("StableLm", {}),
    "Phi-3": ("Phi3", {}),
    "StarCoder2": ("Starcoder2", {}),
    "Nemotron": ("Nemotron", {}),
    "DBRX": (
        "Dbrx",
        {
            "n_heads": 2,
            "n_layers": 2,
            "attn_config": {"kv_n_heads": 2, "rope_theta": 1e4, "clip_qkv": 8.0},
            "ffn_config": {"ffn_hidden_size": 64, "moe_num_experts": 4},
        },
    ),
    "Command-R": ("Cohere", {}),
    "Command-R7B": ("Cohere2", {}),
    "Gemma 1": ("Gemma", {}),
    "Gemma 2": ("Gemma2", {}),
    "Qwen 2": ("Qwen2", {}),
    "OLMo 1": ("Olmo", {}),
    "OLMoE": ("Olmoe", {"num_experts_per_tok": 2}),
    "OLMo 2": ("Olmo2", {}),
    "Granite 3": ("Granite", {}),
    "DeepSeek-V3": ("DeepseekV3", {}),
    "MiniMax-Text-01": ("MiniMax", {"layer_types": ["full_attention"] * 2}),  # of its two kinds
    "Command A": ("Cohere2", {}),
    "Llama 4": ("Llama4Text", {}),
    "Gemma 3": ("Gemma3Text", {}),
    "Qwen 3": ("Qwen3", {}),
    "GLM-4-0414": ("Glm4", {}),
    "EXAONE 4": ("Exaone4", {}),
    "OLMo 3": ("Olmo3", {}),
    "gpt-oss": ("GptOss", {}),
    "SmolLM3": ("SmolLM3", {}),
    "Seed-OSS": ("SeedOss", {}),
    "Hunyuan dense": ("HunYuanDenseV1", {"head_dim": 16}),
    "nanochat": ("NanoChat", {}),
    "Jais 2": ("Jais2", {}),
    "Gemma 4": (  # without the extra input of each layer, which its smallest sizes have
        "Gemma4Text",
        {
            "hidden_size_per_layer_input": 0,
            "layer_types": ["full_attention"] * 2,
            "head_dim": 16,
            "global_head_dim": 16,
        },
    ),
}
WRITTEN_IN_CODE = ("OPT", "OPT-350M", "DBRX", "OLMo 1")  # no eps in the configuration
SWITCH = {
    "Phi-1 and Phi-2": "qk_layernorm",
    "StableLM": "qk_layernorm",
    "Command-R": "use_qk_norm",
}


@cache
def model_of(name, **settings):
    kind, own = CONFIGS[name]
    return build(config_of(kind, **own, **settings))


@cache
def trace_of(name):
    return trace(model_of(name))


def norms_of(name, **settings):
    """Name and layer of every norm, those in attention included."""
    return {
        path: layer
        for path, layer in model_of(name, **settings).named_modules()
        if "norm" in type(layer).__name__.lower() and "Attention" not in type(layer).__name__
    }


def of_stream(name):
    """The norms of the residual stream, which stand outside of attention."""
    found = [layer for path, layer in norms_of(name).items() if not inside_attention(path)]
    assert len(found) >= 3
    return found


def inside_attention(path):
    return bool(re.search(r"(attn|attention)\.(\w*norm\w*)$", path)) and "output" not in path


def test_the_table_names_every_model_once_by_year():
    years = [row.year for row in ROWS.values()]
    assert years == sorted(years), "the rows stand in the order of their years"
    assert len(ROWS) == len(load_real_models()) >= 40
    assert set(CONFIGS) == set(OPEN), "CONFIGS, above, names the class of every row with a source"
    assert set(ROWS) - set(OPEN) == {"GPT-3", "PaLM", "GLM-130B", "Grok-1"}


def test_the_words_of_the_table_are_those_of_its_docstring():
    rows = ROWS.values()
    assert {row.norm for row in rows} == {"LayerNorm", "RMSNorm"}
    assert {row.placement for row in rows} == {"post", "pre", "parallel", "peri", "reordered"}
    assert {row.scale for row in rows} == {"γ, β", "γ", "1 + γ", "1 + γ, β", "none"}
    kinds = {"no", "optional", "per head", "all heads", "latent"}
    assert {row.qk_norm for row in rows} == kinds


@models
def test_the_folder_is_that_of_the_class(model):
    module = type(model_of(model)).__module__
    assert module.startswith(f"transformers.models.{ROWS[model].source}.")


@models
@torch.no_grad()
def test_the_norm_centers_or_does_not(model):
    """LayerNorm forgets a shift of all features."""
    for layer in of_stream(model):
        x = torch.randn(8, WIDTH, generator=torch.Generator().manual_seed(0))
        forgets = torch.allclose(layer(x), layer(x + 3), atol=1e-4)
        assert forgets == (ROWS[model].norm == "LayerNorm")


@models
@torch.no_grad()
def test_eps(model):
    kind, own = CONFIGS[model]
    settings = getattr(transformers, kind + "Config")().to_dict()
    eps = {v for k, v in settings.items() if re.search(r"norm.*eps(ilon)?$", k)}
    assert eps == (set() if model in WRITTEN_IN_CODE else {ROWS[model].eps})
    for layer in of_stream(model):  # and what the layer does: y² is half of what it would be
        x = torch.tensor([1.0, -1.0]).repeat(WIDTH // 2) * ROWS[model].eps ** 0.5
        y = layer(1e3 * x).pow(2).mean() / layer(x).pow(2).mean()
        assert abs(y - 2) < 1e-3


@models
@torch.no_grad()
def test_scale_and_bias(model):
    scale = ROWS[model].scale
    for layer in of_stream(model):
        names = {name for name, _ in layer.named_parameters()}
        said = {name for name, sign in (("weight", "γ"), ("bias", "β")) if sign in scale}
        assert names == said
        if "γ" in scale:
            weight = layer.weight.clone()
            layer.weight.zero_()
            x = torch.randn(8, WIDTH, generator=torch.Generator().manual_seed(0))
            assert (layer(x).abs().max() > 1e-3) == ("1 +" in scale)
            layer.weight.copy_(weight)


@models
def test_qk_norm(model):
    """As many features as a head has, or all of them at once."""
    found = {p: layer for p, layer in norms_of(model).items() if inside_attention(p)}
    head = model_of(model).config.to_dict().get("head_dim") or WIDTH // 2
    kind = ROWS[model].qk_norm
    names = {path.rpartition(".")[2] for path in found}
    sizes = {w.numel() for p, layer in found.items() for w in layer.parameters()}
    if kind in ("no", "optional"):
        assert not found
    elif kind == "latent":
        assert names == {"q_a_layernorm", "kv_a_layernorm"}
    else:
        firsts = {name[0] for name in names}
        assert {"q", "k"} <= firsts if "qk_norm" not in names else firsts == {"q"}
        assert sizes <= {WIDTH if kind == "all heads" else head}
    if kind == "optional":
        switched = norms_of(model, **{SWITCH[model]: True})
        assert any(inside_attention(re.sub(r"\.norms\.\d$", "", path)) for path in switched)


@models
def test_placement_from_what_goes_in_and_out(model):
    assert placements(trace_of(model)) == {ROWS[model].placement}


@models
def test_all_but_post_norm_end_in_a_norm(model):
    """MiniMax has each norm of post-norm in the next module, so its last one is the model's."""
    row = ROWS[model]
    ends = row.placement != "post" or "ends in a norm" in row.remark
    assert trace_of(model).final_norm == ends


def test_one_or_two_norms_in_a_parallel_block():
    for name, row in ROWS.items():
        if row.placement == "parallel" and row.source:
            said = 1 if "one norm" in row.remark else 2
            assert len(trace_of(name).norms) == said


@pytest.mark.parametrize("model", ["BLOOM", "nanochat"])
def test_one_more_norm_after_the_embedding(model):
    extra = [name for name in OPEN if trace_of(name).norm_of_embedding]
    assert "after the embedding" in ROWS[model].remark
    assert set(extra) == {"BERT", "BLOOM", "nanochat"}


def test_the_same_name_for_opposite_things():
    """`post_attention_layernorm` is the norm before the MLP in Llama, after attention in Gemma."""
    llama, gemma = trace_of("LLaMA 1 to 3"), trace_of("Gemma 2")
    x, y = llama.calls["post_attention_layernorm"]
    assert torch.equal(y, llama.mlp_in)
    assert torch.allclose(x, llama.x + llama.attention_out[0])
    x, y = gemma.calls["post_attention_layernorm"]
    assert any(torch.equal(x, out) for out in gemma.attention_out)
    assert not torch.equal(y, gemma.mlp_in)


def test_the_table_is_html_with_folder_and_remark_below_the_name():
    page = ModelTable(load_real_models())._repr_html_()
    assert page.count("<tr>") == len(ROWS) + 1
    assert page.count("<td") == 6 * len(ROWS)
    assert "<small><code>openai</code> · no final norm</small>" in page
    assert "<small>not open: as its paper describes it</small>" in page
    assert "1.5625e-7" in page.replace("1.5625e-07", "1.5625e-7")
    assert "<!--" not in page
    assert "Gemma 2" in repr(ModelTable(load_real_models()))
