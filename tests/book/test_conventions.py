"""The tables of the page of conventions say what the installed classes do."""

import inspect
import re
from functools import cache
from typing import NamedTuple

import pytest
import torch
import transformers
from torch import nn

from chapters import BOOK, text_of
from tiny_transformers import WIDTH, build, config_of

PAGE = BOOK / "conventions.md"
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


class Row(NamedTuple):
    """A line of the table of language models."""

    norm: str
    eps: float
    scale: str
    rounds: str

    @classmethod
    def read(cls, norm, eps, scale, rounds):
        assert norm in ("LayerNorm", "RMSNorm")
        assert rounds in (LAST, FIRST, SUM_TOO)
        return cls(norm, float(codes(eps)[0]), scale, rounds)


LAST, FIRST, SUM_TOO = "last", "first", "sum, last"
FRAMEWORKS = table("framework", "class", "default of `eps`")
LANGUAGE_MODELS = table("model", "norm", "`eps`", "scale", "rounds")
MODELS = {codes(model)[0]: Row.read(*rest) for model, *rest in LANGUAGE_MODELS}
models = pytest.mark.parametrize("model", MODELS)


@pytest.mark.parametrize(
    ("name", "eps"),
    [
        (name, codes(row[2])[0])
        for row in FRAMEWORKS
        if row[0] == "PyTorch"
        for name in codes(row[1])
    ],
)
def test_eps_of_a_layer_of_pytorch(name, eps):
    default = inspect.signature(getattr(nn, name)).parameters["eps"].default
    assert str(default) == str(None if eps == "None" else float(eps))


def test_all_norms_of_pytorch_that_have_an_eps_are_named():
    named = {name for row in FRAMEWORKS if row[0] == "PyTorch" for name in codes(row[1])}
    pattern = r"(Layer|RMS|Group)Norm|(Batch|Instance)Norm\dd"
    norms = {name for name in dir(nn) if re.fullmatch(pattern, name)}
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


@cache
def norms_of(model):
    """The norms of the stream in a small model: all that are as wide as it."""
    found = [
        layer
        for layer in build(config_of(CONFIGS[model])).modules()
        if "norm" in type(layer).__name__.lower()
        and {p.shape for p in layer.parameters()} <= {(WIDTH,)}
    ]
    assert len(found) >= 3
    return found


def norm_of(model):
    """The one class of these norms, and the one eps that they got."""
    (kind,) = {type(layer) for layer in norms_of(model)}
    names = ("eps", "variance_epsilon")
    (eps,) = {next((getattr(n, a) for a in names if hasattr(n, a)), None) for n in norms_of(model)}
    return kind, eps


def make(model, dtype):
    kind, eps = norm_of(model)
    width = [] if next(iter(inspect.signature(kind).parameters)) == "eps" else [WIDTH]
    return (kind(*width) if eps is None else kind(*width, eps=eps)).to(dtype)


def reference(row, layer, x, eps=None, norm=None, scale=None, rounds=None):
    """What the row says, in plain steps; each part of it can be exchanged."""
    norm, eps = norm or row.norm, eps or row.eps
    scale, rounds = scale or row.scale, rounds or row.rounds
    wide = x.float()
    if norm == "LayerNorm":
        wide = wide - wide.mean(-1, keepdim=True)
    x_hat = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
    if rounds == FIRST:
        x_hat = x_hat.to(x.dtype)
    if "gamma" in scale:
        gamma = layer.weight
        if "1 +" in scale:
            gamma = 1 + (gamma if rounds == SUM_TOO else gamma.float())
        x_hat = x_hat * (gamma if rounds == FIRST else gamma.float())
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
    return (size * (torch.randn(2000, WIDTH, generator=generator) + 1)).to(dtype)


def test_every_model_of_the_table_is_known():
    assert set(MODELS) == set(CONFIGS)


@models
def test_the_default_eps_of_a_model(model):
    settings = getattr(transformers, CONFIGS[model] + "Config")().to_dict()
    eps = [v for k, v in settings.items() if re.search(r"norm.*eps(ilon)?$", k)]
    built = norm_of(model)[1]
    if model == "olmo":  # written into its code; the formula below sees it
        assert eps == []
        assert built is None
    else:
        assert eps == [MODELS[model].eps] == [built]


@models
def test_the_parameters_of_a_model(model):
    names = {name for name, _ in make(model, torch.float32).named_parameters()}
    said = {
        name
        for name, symbol in (("weight", "gamma"), ("bias", "beta"))
        if symbol in MODELS[model].scale
    }
    assert names == said


@models
@torch.no_grad()
def test_what_a_fresh_norm_multiplies_by(model):
    """So that γ starts at 0 where the norm multiplies by 1 + γ, and at 1 elsewhere."""
    layer, x = norms_of(model)[0], inputs(torch.float32)
    factor = 2 if model == "nemotron" else 1  # as the page says
    plain = reference(MODELS[model], layer, x, scale="none")
    assert torch.allclose(layer(x), factor * plain, atol=1e-5)


@models
@torch.no_grad()
def test_the_formula_of_a_model_in_float32(model):
    """At three sizes, so that another eps shows, and with a mean, so that centering shows."""
    row, layer = MODELS[model], randomized(make(model, torch.float32))
    other = "RMSNorm" if row.norm == "LayerNorm" else "LayerNorm"

    def agrees(x, **exchanged):
        return torch.allclose(layer(x), reference(row, layer, x, **exchanged), 1e-3, 1e-4)

    for size in (1.0, row.eps**0.5, 0.1 * row.eps**0.5):
        x = inputs(torch.float32, size)
        assert agrees(x)
        assert not agrees(x, norm=other)
    for factor in (0.5, 2):
        assert not agrees(x, eps=factor * row.eps)
    if "gamma" in row.scale:
        plain, plus = row.scale.replace("1 + ", ""), row.scale.replace("$\\gamma", "$1 + \\gamma")
        assert not agrees(x, scale=plain if "1 +" in row.scale else plus)


@models
@torch.no_grad()
def test_the_rounding_of_a_model(model):
    row, layer = MODELS[model], randomized(make(model, torch.bfloat16))
    x = inputs(torch.bfloat16)

    def differ(rounds):
        return (layer(x) != reference(row, layer, x, rounds=rounds)).float().mean()

    assert layer(x).dtype == torch.bfloat16
    assert differ(row.rounds) < 1e-3  # but for a rare tie
    if "gamma" in row.scale:
        assert differ(LAST if row.rounds == FIRST else FIRST) > 0.1
    if "1 +" in row.scale:
        assert differ(LAST if row.rounds == SUM_TOO else SUM_TOO) > 0.1
