"""Blocks rebuilt from the table's word for the placement, around the real attention and MLP."""

import pytest
import torch
from test_real_models import CONFIGS, ROWS
from torch import nn

from model_traces import blocks_of
from tiny_transformers import WIDTH, build, config_of

# Where each family keeps its norms, in the order in which `rewired` uses them.
NORMS = {
    "GPT-1": ("ln_1", "ln_2"),
    "GPT-2": ("ln_1", "ln_2"),
    "LLaMA 1 to 3": ("input_layernorm", "post_attention_layernorm"),
    "Gemma 2": (
        "input_layernorm",
        "post_attention_layernorm",
        "pre_feedforward_layernorm",
        "post_feedforward_layernorm",
    ),
    "OLMo 2": ("post_attention_layernorm", "post_feedforward_layernorm"),
    "Qwen 3": ("input_layernorm", "post_attention_layernorm"),
    "Jais 2": ("input_layernorm", "post_attention_layernorm"),
    "MiniMax-Text-01": ("input_layernorm", "post_attention_layernorm"),
}
ALPHA = 160**0.25  # of MiniMax-Text-01, which has 80 blocks of two sublayers
models = pytest.mark.parametrize("model", NORMS)


def fresh_norm(row, old):
    """A norm made from the row alone, with the weights of the model's."""

    def norm(x, eps=row.eps):
        x_hat = x - x.mean(-1, keepdim=True) if row.norm == "LayerNorm" else x
        x_hat = x_hat * torch.rsqrt(x_hat.pow(2).mean(-1, keepdim=True) + eps)
        weight = 1 + old.weight if row.scale.startswith("1 +") else old.weight
        return x_hat * weight + (old.bias if "β" in row.scale else 0)

    return norm


def rewired(placement, x, attention, mlp, norms):
    """The table's word as code."""
    match placement:
        case "post":
            x = norms[0](x + attention(x))
            return norms[1](x + mlp(x))
        case "pre":
            x = x + attention(norms[0](x))
            return x + mlp(norms[1](x))
        case "peri":
            x = x + norms[1](attention(norms[0](x)))
            return x + norms[3](mlp(norms[2](x)))
        case "reordered":
            x = x + norms[0](attention(x))
            return x + norms[1](mlp(x))
        case _:
            raise ValueError(placement)


@torch.no_grad()
def block_and_parts(name, **settings):
    """Input and output of a real block on random weights, its attention, its MLP, its norms."""
    kind, own = CONFIGS[name]
    model = build(config_of(kind, **own, **settings))
    generator = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    block, calls = blocks_of(model)[0], {}

    def record(module, args, kwargs, out):
        calls[module] = (args, kwargs, out)

    attention = getattr(block, "self_attn" if hasattr(block, "self_attn") else "attn")
    hooks = [m.register_forward_hook(record, with_kwargs=True) for m in (block, attention)]
    model(torch.randint(3, 60, (2, 7), generator=generator), use_cache=False)
    for hook in hooks:
        hook.remove()

    args, kwargs, _ = calls[attention]  # masks and positions, as the model made them

    def attend(x):
        if args:
            return attention(x, *args[1:], **kwargs)[0]
        return attention(**{**kwargs, "hidden_states": x})[0]

    given, named, out = calls[block]
    x = given[0] if given else named["hidden_states"]
    out = out if isinstance(out, torch.Tensor) else out[0]
    norms = [getattr(block, path) for path in NORMS[name]]
    assert sum(isinstance(m, type(norms[0])) for m in block.children()) == len(norms)
    if name == "MiniMax-Text-01":  # a block of post-norm ends in what its class puts into the next
        first, middle = norms
        last = blocks_of(model)[1].input_layernorm
        x, out, norms = first(x), last(out), [middle, last]
    return x, out, attend, block.mlp, norms


@models
@torch.no_grad()
def test_a_block_rebuilt_from_its_row_gives_the_same(model):
    row = ROWS[model]
    x, y, attention, mlp, norms = block_and_parts(model)
    made = [fresh_norm(row, old) for old in norms]
    assert x.shape == y.shape == (2, 7, WIDTH)
    torch.testing.assert_close(rewired(row.placement, x, attention, mlp, made), y)


@models
@torch.no_grad()
def test_another_placement_or_norm_gives_something_else(model):
    row = ROWS[model]
    x, y, attention, mlp, norms = block_and_parts(model)

    def agrees(placement=row.placement, row=row):
        made = [fresh_norm(row, old) for old in norms]
        return torch.allclose(rewired(placement, x, attention, mlp, made), y, rtol=1e-2, atol=1e-2)

    assert agrees()
    for placement in {"post", "pre", "peri", "reordered"} - {row.placement}:
        assert (placement == "peri" and len(norms) < 4) or not agrees(placement)
    other = "RMSNorm" if row.norm == "LayerNorm" else "LayerNorm"
    assert not agrees(row=row._replace(norm=other))
    scale = row.scale.removeprefix("1 + ") if "1 +" in row.scale else "1 + " + row.scale
    assert not agrees(row=row._replace(scale=scale))


def test_the_attention_of_qwen_and_olmo_normalizes_queries_and_keys():
    """The parts used above hold the QK-norms, so the table's column is not lost in the rebuild."""
    for name in NORMS:
        _, _, _, _, _ = block_and_parts(name)
        kind, own = CONFIGS[name]
        block = blocks_of(build(config_of(kind, **own)))[0]
        attention = getattr(block, "self_attn" if hasattr(block, "self_attn") else "attn")
        has = any(isinstance(getattr(attention, n, None), nn.Module) for n in ("q_norm", "k_norm"))
        assert has == (ROWS[name].qk_norm != "no")


@torch.no_grad()
def test_minimax_with_its_own_alpha_is_deepnorm():
    factors = dict.fromkeys(("full_attn_alpha_factor", "mlp_alpha_factor"), ALPHA)
    x, y, attention, mlp, norms = block_and_parts("MiniMax-Text-01", **factors)
    n1, n2 = (fresh_norm(ROWS["MiniMax-Text-01"], old) for old in norms)

    def rebuilt(alpha):
        h = n1(alpha * x + attention(x))
        return n2(alpha * h + mlp(h))

    torch.testing.assert_close(rebuilt(ALPHA), y)
    assert not torch.allclose(rebuilt(1.0), y, rtol=1e-2, atol=1e-2)
    assert abs(ALPHA - 3.5565588200778455) < 1e-12  # as its published configuration has it
