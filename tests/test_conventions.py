"""The tables of the page of conventions say what the installed classes do."""

import inspect
import re

import pytest
import torch
import transformers
from chapters import BOOK, text_of
from torch import nn
from torch.nn import functional as F

PAGE = BOOK / "conventions.md"
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 64,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 2,
    "d_model": 32,
    "d_ff": 64,
    "num_layers": 2,
    "num_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CONFIGS = {
    "bert": "Bert",
    "gpt2": "GPT2",
    "gpt_neox": "GPTNeoX",
    "nemotron": "Nemotron",
    "cohere": "Cohere",
    "olmo": "Olmo",
    "t5": "T5",
    "llama": "Llama",
    "mistral": "Mistral",
    "qwen2": "Qwen2",
    "qwen3": "Qwen3",
    "qwen3_next": "Qwen3Next",
    "glm4": "Glm4",
    "deepseek_v3": "DeepseekV3",
    "olmo2": "Olmo2",
    "gpt_oss": "GptOss",
    "gemma": "Gemma",
    "gemma2": "Gemma2",
    "gemma3": "Gemma3Text",
    "gemma4": "Gemma4Text",
    "nanochat": "NanoChat",
}


def table(*header):
    """The rows of the table that begins with these columns, as lists of cells."""
    lines = text_of(PAGE).splitlines()
    (start,) = [i for i, line in enumerate(lines) if cells_of(line)[: len(header)] == [*header]]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return rows
        rows.append(cells_of(line))
    return rows


def cells_of(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def codes(cell):
    return re.findall("`([^`]*)`", cell)


FRAMEWORKS = table("framework", "class", "default of `eps`")
MODELS = {codes(row[0])[0]: row[1:] for row in table("model", "norm", "`eps`", "scale", "rounds")}
models = pytest.mark.parametrize("model", MODELS)


@pytest.mark.parametrize(
    ("name", "eps"),
    [(name, codes(row[2])[0]) for row in FRAMEWORKS if row[0] == "PyTorch" for name in codes(row[1])],
)
def test_eps_of_a_layer_of_pytorch(name, eps):
    default = inspect.signature(getattr(nn, name)).parameters["eps"].default
    assert str(default) == str(None if eps == "None" else float(eps))


def test_all_norms_of_pytorch_that_have_an_eps_are_named():
    named = {name for row in FRAMEWORKS if row[0] == "PyTorch" for name in codes(row[1])}
    norms = {n for n in dir(nn) if re.fullmatch(r"(Layer|RMS|Group|(Batch|Instance)Norm\dd?).*", n)}
    norms = {n for n in norms if re.search("Norm", n)}
    assert named == norms


def test_momentum_of_pytorch():
    (row,) = [row for row in table("framework", "default", "update") if row[0] == "PyTorch"]
    for layer in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.InstanceNorm1d):
        assert inspect.signature(layer).parameters["momentum"].default == float(codes(row[1])[0])


def test_names_of_pytorch():
    rows = table("here", "PyTorch", "Keras", "Flax")
    layer = nn.BatchNorm1d(3)
    for what, cell, *_ in rows:
        assert what == "evaluate" or hasattr(layer, codes(cell)[0])
    assert set(layer.state_dict()) <= {codes(row[1])[0] for row in rows}


def norm_of(model):
    """The class of the norm in the stream of a small model, and the eps that it got."""
    config = getattr(transformers, CONFIGS[model] + "Config")
    default = config()
    sizes = {name: size for name, size in SMALL.items() if name in default.to_dict()}
    with torch.device("meta"):
        built = transformers.AutoModel.from_config(config(**sizes))
    width = sizes.get("hidden_size", 32)
    found = []
    for name, layer in built.named_modules():
        in_attention = re.search(r"attn\.|attention\.(?!output)|gate", name, re.I)
        if "norm" in type(layer).__name__.lower() and not in_attention:
            assert all(p.shape == (width,) for p in layer.parameters())
            found.append(layer)
    assert len(found) >= 3
    (kind,) = {type(layer) for layer in found}
    (eps,) = {getattr(layer, "eps", getattr(layer, "variance_epsilon", None)) for layer in found}
    return kind, eps, width


def make(model, dtype):
    kind, eps, width = norm_of(model)
    takes = list(inspect.signature(kind).parameters)
    arguments = [] if takes[0] == "eps" else [width]
    layer = kind(*arguments) if eps is None else kind(*arguments, eps=eps)
    return layer.to(dtype)


def reference(row, layer, x, order):
    """What the row says, in plain steps: statistics in float32, rounding where `order` says."""
    norm, eps, scale, _ = row
    eps = float(codes(eps)[0])
    wide = x.float()
    if norm == "LayerNorm":
        x_hat = F.layer_norm(wide, x.shape[-1:], eps=eps)
    else:
        x_hat = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
    if order == "before $\\gamma$":
        x_hat = x_hat.to(x.dtype)
    if "gamma" in scale:
        gamma = layer.weight
        if order == "$1 + \\gamma$, and last":
            gamma = gamma + 1
        gamma = gamma if order == "before $\\gamma$" else gamma.float()
        if "1 +" in scale and order != "$1 + \\gamma$, and last":
            gamma = 1 + gamma
        x_hat = x_hat * gamma
    if "beta" in scale:
        x_hat = x_hat + layer.bias.float()
    return x_hat.to(x.dtype)


def randomized(layer):
    """The layer with weights as after training; their start is compared elsewhere."""
    generator = torch.Generator().manual_seed(1)
    for parameter in layer.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
    return layer


def inputs(dtype, size=1.0):
    generator = torch.Generator().manual_seed(0)
    return (size * (torch.randn(2000, 32, generator=generator) + 1)).to(dtype)


def test_every_model_of_the_table_is_known():
    assert set(MODELS) == set(CONFIGS)


@models
def test_the_default_eps_of_a_model(model):
    said = float(codes(MODELS[model][1])[0])
    settings = getattr(transformers, CONFIGS[model] + "Config")().to_dict()
    eps = [v for k, v in settings.items() if re.search(r"eps(ilon)?$", k) and "norm" in k]
    assert eps in ([said], [])
    assert norm_of(model)[1] in (said, None if not eps else said)


@models
def test_the_parameters_of_a_model_and_what_they_start_at(model):
    scale = MODELS[model][2]
    layer = make(model, torch.float32)
    parameters = dict(layer.named_parameters())
    assert ("weight" in parameters) == ("gamma" in scale)
    assert ("bias" in parameters) == ("beta" in scale)
    if "weight" in parameters and model != "nemotron":  # its model sets the weights, see below
        start = 0.0 if "1 +" in scale else 1.0
        assert set(parameters["weight"].tolist()) == {start}


@models
@torch.no_grad()
def test_a_fresh_model_multiplies_by_one(model):
    x = inputs(torch.float32)
    layer = make(model, torch.float32)
    if model == "nemotron":
        config = transformers.NemotronConfig(**{k: SMALL[k] for k in list(SMALL)[:6]})
        layer = transformers.AutoModel.from_config(config).norm
        assert set(layer.weight.tolist()) == {0.0}
    _, eps, _, order = MODELS[model]
    plain = reference([MODELS[model][0], eps, "none", order], layer, x, order)
    assert torch.allclose(layer(x), plain, atol=1e-6)


@models
@torch.no_grad()
def test_the_formula_of_a_model_in_float32(model):
    """At three sizes, so that another eps would be seen; with and without the mean differ."""
    row = MODELS[model]
    other = ["RMSNorm" if row[0] == "LayerNorm" else "LayerNorm", *row[1:]]
    layer = randomized(make(model, torch.float32))
    eps = float(codes(row[1])[0])
    for size in (1.0, eps**0.5, 0.1 * eps**0.5):
        x = inputs(torch.float32, size)
        y = layer(x)
        assert torch.allclose(y, reference(row, layer, x, row[3]), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(y, reference(other, layer, x, row[3]), rtol=0.1, atol=0.1 * y.std())
    for factor in (0.5, 2):
        wrong = [row[0], f"`{factor * eps}`", *row[2:]]
        assert not torch.allclose(y, reference(wrong, layer, x, row[3]), rtol=0.1, atol=0.01)


@models
@torch.no_grad()
def test_the_order_of_rounding_of_a_model(model):
    row = MODELS[model]
    layer, x = randomized(make(model, torch.bfloat16)), inputs(torch.bfloat16)
    y = layer(x)
    assert y.dtype == torch.bfloat16

    def share_of_differences(order):
        return (reference(row, layer, x, order) != y).float().mean()

    assert share_of_differences(row[3]) < 1e-3  # but for a rare tie
    for order in {"last", "before $\\gamma$", "$1 + \\gamma$, and last"} - {row[3]}:
        same = (order != "before $\\gamma$" and "1 +" not in row[2]) or row[2] == "none"
        assert share_of_differences(order) > 0.05 or same
