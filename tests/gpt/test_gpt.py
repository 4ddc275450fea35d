"""The GPT against foreign code and its own formulas: outputs, causality, dropout, sampling."""

import numpy as np
import pytest
import torch
from torch import nn

from normlib.gpt import GPT, Block, make_norm
from normlib.gpt.model import MLP, Attention
from normlib.placements import PLACEMENTS
from tiny_gpt import NORMED, NORMS, close, normal, scrambled, seeded, tiny, tokens

VARIANTS = [(p, n, q) for p in NORMED for n in NORMS for q in (False, True)]
VARIANTS.append(("none", "layernorm", False))
NORM_FORMULAS = {  # of x and the module's own numbers, before its weight and bias; eps is 0.1
    "layernorm": lambda x, own: centered(x) / (x.var(-1, correction=0, keepdim=True) + 0.1).sqrt(),
    "rmsnorm": lambda x, own: x / (x.square().mean(-1, keepdim=True) + 0.1).sqrt(),
    "dyt": lambda x, own: 1 - 2 / (torch.exp(2 * own.alpha * x) + 1),
}
WITHOUT_BIAS = {"rmsnorm"}


@pytest.mark.parametrize("placement", ["post", "pre"])
def test_a_block_is_the_encoder_layer_of_torch(placement):
    block = scrambled(Block(tiny(placement=placement)))
    options = {"activation": "gelu", "batch_first": True, "norm_first": placement == "pre"}
    layer = nn.TransformerEncoderLayer(8, 2, 32, dropout=0.0, dtype=torch.float64, **options)
    names = {"self_attn.in_proj_": "attn.qkv.", "self_attn.out_proj": "attn.proj"}
    names |= {"linear1": "mlp.fc", "linear2": "mlp.proj", "norm1": "norm_1", "norm2": "norm_2"}
    state = dict(layer.state_dict())
    for key in state:
        own = key
        for foreign, name in names.items():
            own = own.replace(foreign, name)
        state[key] = block.state_dict()[own]
    layer.load_state_dict(state)
    x = normal(3, 6, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(6, dtype=torch.float64)
    close(block(x), layer(x, src_mask=mask, is_causal=True))


@pytest.mark.parametrize("qk_norm", [False, True])
def test_attention_is_its_formula(qk_norm):
    attn = scrambled(Attention(tiny(qk_norm=qk_norm)))
    x = normal(3, 6, 8)
    heads = []
    for h in (0, 4):  # the first feature of a head
        q, k, v = (a[..., h : h + 4] for a in attn.qkv(x).split(8, dim=-1))
        if qk_norm:
            q, k = attn.q_norm(q), attn.k_norm(k)
        scores = q @ k.mT / 2 + torch.full((6, 6), -torch.inf).triu(1)
        heads.append(scores.softmax(-1) @ v)
    close(attn(x), attn.proj(torch.cat(heads, dim=-1)), atol=1e-12)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("norm", NORMS)
def test_a_norm_is_its_formula(norm, bias):
    made = make_norm(norm, 8, eps=0.1, bias=bias)
    start = {name: value.clone() for name, value in made.named_parameters()}
    module, x = scrambled(made), normal(3, 8)
    moved = {name: (value - start[name]).abs().max() for name, value in module.named_parameters()}
    assert min(moved.values()) > 0.01  # so that the place of each is seen
    y = module.weight * NORM_FORMULAS[norm](x, module)
    shift = getattr(module, "bias", None)
    assert (shift is not None) == (bias and norm not in WITHOUT_BIAS)
    close(module(x), y + (0 if shift is None else shift))


def centered(x):
    return x - x.mean(-1, keepdim=True)


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="norm must be one of layernorm, .*; got 'batch'"):
        make_norm("batch", 8)


@pytest.mark.parametrize(("placement", "norm", "qk_norm"), VARIANTS)
def test_no_token_sees_the_future_or_another_row(placement, norm, qk_norm):
    model = scrambled(GPT(tiny(placement=placement, norm=norm, qk_norm=qk_norm)))
    idx, t = tokens(3, 6), 3
    changed = idx.clone()
    changed[1, t] = (idx[1, t] + 1) % 11
    change = (model(idx)[0] - model(changed)[0]).abs().amax(-1)
    assert change[1, t:].min() > 1e-6
    change[1, t:] = 0
    assert change.max() <= 1e-12
    streams = []
    hook = model.blocks[0].register_forward_pre_hook(lambda _, args: streams.append(args[0]))
    logits = model(idx)[0]
    hook.remove()
    weights = normal(11)  # not ones: their sum could stand still
    gradient = torch.autograd.grad((logits[1, t] * weights).sum(), streams)[0].norm(dim=-1)
    assert gradient[1, : t + 1].min() > 1e-6
    gradient[1, : t + 1] = 0
    assert gradient.max() == 0


@pytest.mark.parametrize(("placement", "norm", "qk_norm"), VARIANTS)
def test_only_one_kind_of_norm_and_only_where_it_belongs(placement, norm, qk_norm):
    config = tiny(placement=placement, norm=norm, qk_norm=qk_norm, norm_eps=0.25, bias=False)
    model = GPT(config)
    plain = (GPT, Block, nn.ModuleList, nn.Linear, nn.Embedding, nn.Dropout, nn.GELU, nn.Identity)
    own = ("Attention", "MLP")
    norms = {
        name: module
        for name, module in model.named_modules()
        if type(module) not in plain and type(module).__name__ not in own
    }
    row = PLACEMENTS[placement]
    per_sublayer = [[], [""], ["", "_out"]][len(row.norms)]
    places = [f"norm_{sublayer}{which}" for which in per_sublayer for sublayer in (1, 2)]
    expected = {f"blocks.{i}.{place}": 8 for i in range(2) for place in places}
    if qk_norm:
        expected |= {f"blocks.{i}.attn.{a}_norm": 4 for i in range(2) for a in "qk"}
    if row.final_norm:
        expected["final_norm"] = 8

    def shapes(module):
        return {name: value.shape for name, value in module.named_parameters()}

    made = {name: make_norm(norm, dim, eps=0.25, bias=False) for name, dim in expected.items()}
    assert norms.keys() == made.keys()
    for name, module in norms.items():
        assert type(module) is type(made[name])
        assert shapes(module) == shapes(made[name])
        assert getattr(module, "eps", 0.25) == 0.25
    assert not any("bias" in name for name, _ in model.named_parameters())
    numbers = sum(p.numel() for module in made.values() for p in module.parameters())
    assert model.num_parameters() == 11 * 8 + 6 * 8 + 2 * 12 * 8**2 + numbers + 8 * 11


@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "relu"])
def test_an_mlp_is_its_formula(activation):
    mlp, x = scrambled(MLP(tiny(activation=activation))), normal(3, 8)
    h = mlp.fc(x)
    cubic = (2 / torch.pi) ** 0.5 * (h + 0.044715 * h**3)
    formula = {
        "gelu": h * (1 + torch.erf(h / 2**0.5)) / 2,
        "gelu_tanh": h * (1 + torch.tanh(cubic)) / 2,
        "relu": h.clamp(min=0),
    }
    close(mlp(x), mlp.proj(formula[activation]))


def test_dropout_is_chance_in_training_and_nothing_else():
    model, idx = scrambled(GPT(tiny(dropout=0.5))), tokens(3, 6)

    def logits(seed):
        torch.manual_seed(seed)
        return model(idx)[0]

    assert torch.equal(logits(0), logits(0))
    assert not torch.equal(logits(0), logits(1))
    model.eval()
    assert torch.equal(logits(0), logits(1))
    without = GPT(tiny()).double()
    without.load_state_dict(model.state_dict())
    assert torch.equal(logits(0), without(idx)[0])


def test_dropout_acts_on_the_embedding_the_attention_weights_and_each_sublayer():
    torch.manual_seed(0)
    config = tiny(n_head=1, dropout=0.5)
    model, x = scrambled(GPT(config)), normal(1000, 1, 8)
    collected = []
    model.blocks[0].register_forward_pre_hook(lambda _, args: collected.append(args[0]))
    model(tokens(1000, 1))
    attn, mlp = model.blocks[0].attn, model.blocks[0].mlp
    attn.proj.bias.data.zero_()
    mixed = attn(x)
    for zeros, share in (
        (collected[0] == 0, 0.5),
        (mlp(x) == 0, 0.5),
        (mixed == 0, 0.75),  # half of the tokens lose their only weight, then half of the rest
        ((mixed == 0).all(-1), 0.5 + 0.5**9),
    ):
        assert abs(zeros.double().mean() - share) < 0.08  # 5 sigma for 1000 tokens


def greedy(model, idx, steps):
    with torch.no_grad():
        for _ in range(steps):
            new = model(idx[:, -6:])[0][:, -1].argmax(-1, keepdim=True)
            idx = torch.cat((idx, new), dim=1)
    return idx


@pytest.mark.parametrize("options", [{"temperature": 1e-6}, {"top_k": 1}])
@pytest.mark.parametrize("length", [1, 4, 9])
def test_sampling_ends_in_the_likeliest_token(length, options):
    model, idx = scrambled(GPT(tiny())), tokens(5, length)  # 9 is more than the block size
    expected = greedy(model, idx, 7)
    assert torch.equal(model.generate(idx, 7, **options), expected)
    assert not torch.equal(model.generate(idx, 7, generator=seeded()), expected)


@pytest.mark.parametrize("top_k", [None, 3, 99])
def test_sampling_has_the_frequencies_of_the_softmax(top_k):
    model, idx, n = scrambled(GPT(tiny())), tokens(1, 4), 20_000
    logits = model(idx)[0][0, -1].detach() / 2.5
    if top_k == 3:
        logits[logits.argsort()[:-3]] = -torch.inf
    p = logits.softmax(-1)
    found = model.generate(idx.expand(n, -1), 1, 2.5, top_k, generator=seeded())[:, -1]
    frequency = found.bincount(minlength=11) / n
    assert ((frequency - p).abs() <= 5 * (p * (1 - p) / n).sqrt()).all()


def test_the_generator_decides_the_text():
    model, idx = scrambled(GPT(tiny())), tokens(2, 3)
    texts = []
    for chance, seed in (0, 1), (5, 1), (0, 2):
        torch.manual_seed(chance)
        texts.append(model.generate(idx, 20, generator=seeded(seed)))
    assert torch.equal(texts[0], texts[1])
    assert not torch.equal(texts[0], texts[2])


@pytest.mark.parametrize("training", [False, True])
def test_sampling_is_without_dropout_and_restores_the_mode(training):
    model, idx = scrambled(GPT(tiny(dropout=0.5))).eval(), tokens(5, 3)
    expected = greedy(model, idx, 7)
    model.train(training)
    assert torch.equal(model.generate(idx, 7, top_k=1), expected)
    assert all(module.training == training for module in model.modules())


def test_what_cannot_be_sampled_or_read_is_refused():
    model = GPT(tiny())
    for temperature in (0, -1.5):
        with pytest.raises(ValueError, match=f"temperature must be positive, got {temperature}"):
            model.generate(tokens(1, 3), 1, temperature=temperature)
    with pytest.raises(ValueError, match="at most block_size = 6 tokens in a row, got 7"):
        model(tokens(1, 7))
    for token in (-1, 500):
        with pytest.raises(ValueError, match=f"below vocab_size = .*got {token} to {token}: enc"):
            model(torch.tensor([[token]]))
    with pytest.raises(TypeError, match=r"whole numbers, got .*float32: convert it with .long\(\)"):
        model(torch.tensor([[1.0]]))
    for seed in (-1, 0.5, "1"):
        with pytest.raises(ValueError, match=f"seed must be a whole number, .*got {seed!r}"):
            GPT(tiny(), seed=seed)
    assert torch.equal(GPT(tiny(), seed=np.int64(1)).wte.weight, GPT(tiny(), 1).wte.weight)
    for call in (model, lambda idx: model.generate(idx, 1)):
        with pytest.raises(ValueError, match=r"idx must be \(B, T\), got \(3,\): .*idx\[None\]"):
            call(tokens(1, 3)[0])
