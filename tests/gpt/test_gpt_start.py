"""What a GPT's configuration promises: how many weights, how they start, what is refused."""

import dataclasses
import json
import math

import pytest
import torch

from normlib.gpt import GPT, GPTConfig
from normlib.placements import PLACEMENTS
from tiny_gpt import NORMED, NORMS, TINY, close, tiny, tokens

WITHOUT_STATISTICS = {"dyt"}  # norms that leave a small stream small


@pytest.mark.parametrize("tie_head", [False, True])
@pytest.mark.parametrize("init", ["xavier", "gpt2"])
def test_placements_differ_in_nothing_but_norms(init, tie_head):
    def start(placement):
        model = GPT(tiny(placement=placement, init=init, tie_head=tie_head), seed=7)
        return {k: v for k, v in model.named_parameters() if "norm" not in k}

    expected, L, C = start("none"), TINY["n_layer"], TINY["n_embd"]
    count = (1 if tie_head else 2) * 11 * C + 6 * C + L * (12 * C**2 + 9 * C)
    assert sum(p.numel() for p in expected.values()) == count
    for placement in NORMED:
        weights = start(placement)
        assert list(weights) == list(expected)
        for name, weight in weights.items():
            factor = torch.ones(len(weight), 1) if weight.ndim == 2 else torch.ones(len(weight))
            if placement == "deepnorm":
                beta, depth = (8 * L) ** -0.25, math.sqrt(2 * L) if init == "gpt2" else 1
                if name.endswith("qkv.weight"):
                    factor[2 * C :] = beta
                elif name.endswith("proj.weight"):
                    factor *= beta * depth  # gpt2's own factor for depth is not taken as well
                elif name.endswith("fc.weight"):
                    factor *= beta
            same = placement != "deepnorm"
            close(weight, expected[name] * factor, atol=0 if same else 1e-7)


@pytest.mark.parametrize(
    ("options", "stds"),  # of wte, wpe, values, both proj, fc and head, as the docstring has them
    [
        ({}, (1, 0.5, 64**-0.5, 64**-0.5, 160**-0.5, 160**-0.5, 132**-0.5)),
        (
            {"init": "gpt2"},
            (0.02, 0.02, 0.02, 0.02 / 6**0.5, 0.02 / 6**0.5, 0.02, 0.02),
        ),
        (
            {"embd_std": 0.3, "residual_gain": 0.5},
            (0.3, 0.15, 64**-0.5, 64**-0.5 / 2, 160**-0.5 / 2, 160**-0.5, 132**-0.5),
        ),
        (
            {"init": "gpt2", "embd_std": 0.3, "residual_gain": 3.0, "tie_head": False},
            (0.3, 0.3, 0.02, 0.06 / 6**0.5, 0.06 / 6**0.5, 0.02, 0.02),
        ),
        ({"tie_head": True}, (1, 0.5, 64**-0.5, 64**-0.5, 160**-0.5, 160**-0.5, 1)),
    ],
)
def test_weights_start_as_spread_as_the_docstring_says(options, stds):
    model = GPT(GPTConfig(vocab_size=200, n_layer=3, block_size=100, **options))
    assert (model.head.weight is model.wte.weight) == model.config.tied
    for block in model.blocks:
        attn, mlp = block.attn, block.mlp
        queries, keys, values = attn.qkv.weight.chunk(3)
        samples = (model.wte.weight, model.wpe.weight, values, attn.proj.weight)
        samples += (mlp.proj.weight, mlp.fc.weight, model.head.weight)
        pairs = [*zip(samples, stds, strict=True), (queries, stds[2]), (keys, stds[2])]
        for weight, std in pairs:
            error = std / math.sqrt(weight.numel())  # of the mean; of the std by √2 less
            assert abs(weight.mean()) < 4 * error
            assert abs(weight.std() - std) < 4 * error / math.sqrt(2)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert (parameter == 0).all(), name


def test_the_seed_alone_decides_the_weights():
    models = []
    for chance, seed in (0, 1), (5, 1), (0, 2):
        torch.manual_seed(chance)
        models.append(dict(GPT(tiny(), seed=seed).named_parameters()))
    first, same, other = models
    for name, weight in first.items():
        assert torch.equal(weight, same[name])
        assert torch.equal(weight, other[name]) == ("bias" in name or "norm" in name)


def excess(V=94, **options):
    """The first loss minus ln V with every token equally often as target."""
    idx = tokens(1, 32, vocab_size=V).expand(V, -1)
    targets = torch.arange(V)[:, None].expand(-1, 32)
    models = (GPT(GPTConfig(vocab_size=V, **options), seed=seed) for seed in range(3))
    with torch.no_grad():
        return sum(model(idx, targets)[1].item() for model in models) / 3 - math.log(V)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_small_heads_know_no_more_than_chance(placement, norm):
    # A normalized stream has length √C, so that logits have variance 0.02² C = 0.026 and the
    # loss is half of this too high. The embedding as head adds up to a = 0.02 C cos 45° = 0.9 to
    # the logit of the token itself: (exp(a) - 1 - a) / V = 0.006. The same direction for all
    # tokens is a sample of V logits, for 3 seeds 0.001. DyT keeps a small stream small and
    # without a norm it stays at 0.02: there the logits all but vanish.
    unit = placement != "none" and norm not in WITHOUT_STATISTICS
    low, high = (0.009, 0.022) if unit else (-1e-5, 1e-4)
    assert low < excess(placement=placement, norm=norm, init="gpt2") < high


@pytest.mark.parametrize("norm", ["layernorm", "rmsnorm"])
@pytest.mark.parametrize("placement", NORMED)
def test_a_xavier_head_is_half_its_variance_above_chance(placement, norm):
    # Variance s² = C · 2 / (C + V) = 0.81; with V logits instead of infinitely many the loss
    # is (exp(s²) - 1) / 2V lower: 0.398 in all, and 3 seeds leave an error of 0.03.
    variance = 64 * 2 / (64 + 94)
    expected = variance / 2 - (math.exp(variance) - 1) / (2 * 94)
    assert abs(excess(placement=placement, norm=norm) - expected) < 0.06


def test_other_starts_are_far_above_chance():
    # Tied, the token's own embedding of length √C = 8 gives its own logit up to C = 64.
    for placement in PLACEMENTS:
        assert excess(placement=placement, tie_head=True) > 2 * math.log(94)
    assert excess(placement="none") > 2 * math.log(94)  # the stream grows from block to block


def test_a_configuration_is_frozen_and_survives_json():
    config = tiny(placement="peri", norm="dyt", qk_norm=True, embd_std=0.3, tie_head=False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.n_layer = 3
    assert GPTConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config
    assert config != tiny(placement="peri", norm="dyt")
    with pytest.raises(TypeError):
        GPTConfig(11, 2)  # what is 2?


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"placement": "perri"},
            f"placement must be one of {', '.join(PLACEMENTS)}; got 'perri'. Did you mean 'peri'?",
        ),
        (
            {"norm": "layer_norm"},
            f"norm must be one of {', '.join(NORMS)}; got 'layer_norm'. Did you mean 'layernorm'?",
        ),
        ({"norm": "???"}, f"norm must be one of {', '.join(NORMS)}; got '???'."),
        (
            {"activation": "gelu_tan"},
            "activation must be one of gelu, gelu_tanh, relu; got 'gelu_tan'. "
            "Did you mean 'gelu_tanh'?",
        ),
        (
            {"init": "Xavier"},
            "init must be one of xavier, gpt2; got 'Xavier'. Did you mean 'xavier'?",
        ),
        (
            {"n_head": 3},
            "n_head must divide n_embd, got 3 heads for a width of 8: "
            "each head takes an equal share of the features.",
        ),
        ({"dropout": 1}, "dropout must be below 1, got 1: it is a probability."),
        ({"dropout": -0.1}, "dropout must be a number, at least 0, got -0.1."),
        ({"norm_eps": -1e-5}, "norm_eps must be a number, at least 0, got -1e-05."),
        ({"norm_eps": math.inf}, "norm_eps must be a number, at least 0, got inf."),
        ({"residual_gain": math.nan}, "residual_gain must be a number, at least 0, got nan."),
        *(
            ({name: 0}, f"{name} must be an integer, at least 1, got 0.")
            for name in ("vocab_size", "n_layer", "n_head", "n_embd", "block_size")
        ),
        (
            {"placement": "none", "qk_norm": True},
            'placement="none" has no norm anywhere: take qk_norm=False.',
        ),
    ],
)
def test_a_wrong_value_is_refused_by_name_rule_and_value(options, message):
    with pytest.raises(ValueError, match="must|take") as error:
        tiny(**options)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_layer": True}, "n_layer must be an integer, got True."),
        ({"n_embd": 8.0}, "n_embd must be an integer, got 8.0."),
        ({"dropout": False}, "dropout must be a number, got False."),
        ({"norm_eps": "1e-5"}, "norm_eps must be a number, got '1e-5'."),
    ],
)
def test_a_wrong_type_is_refused(options, message):
    with pytest.raises(TypeError) as error:
        tiny(**options)
    assert str(error.value) == message
