"""The designs of the study newer_blocks: each is its control where it must be, and nowhere else."""

from unittest.mock import patch

import pytest
import torch

import newer_blocks
from normlib.gpt import GPT, draw_batch
from normlib.gpt.model import Attention

STEPS = 3
CONTROLS = {name: "pre" for name in newer_blocks.STREAM} | {"residual": "post"}
CONTROLS |= {name: "nothing" for name in newer_blocks.LOGITS}
DESIGNS = [name for name, control in CONTROLS.items() if name not in ("pre", "post", "nothing")]


def trained(design, change=lambda model: None, lr=4e-3):
    """The losses of a few steps and the model after them."""
    trainer = newer_blocks.trainer(design, n_layer=4, lr=lr, seed=1, steps=STEPS)
    change(trainer.model)
    losses = [step.loss for step in trainer]  # the first and the last step are logged
    assert len(losses) == 2
    assert not trainer.diverged
    return torch.tensor([*losses, trainer.run().val_loss]), trainer.model


def same(one, other):
    return torch.allclose(one, other, rtol=1e-5, atol=1e-6)


def test_the_designs_and_their_controls_are_those_of_the_study():
    assert {arm["design"] for arm in newer_blocks.ARMS} == {*CONTROLS}
    for name in ("pre", "post", "nothing"):
        model = newer_blocks.trainer(name, n_layer=2, lr=1e-3, seed=0, steps=1).model
        assert type(model) is GPT
        assert type(model.blocks[0].attn) is Attention
        assert model.config.placement == ("post" if name == "post" else "pre")


@pytest.mark.parametrize("design", DESIGNS)
def test_a_design_is_not_its_control(design):
    """Logits are far below QK-clip's limit here, so it gets one that they reach."""
    with patch.object(newer_blocks, "LARGEST_LOGIT", 0.1):
        ours, _ = trained(design)
    control, _ = trained(CONTROLS[design])
    assert not same(ours, control)


@pytest.mark.parametrize("design", DESIGNS)
def test_all_that_a_control_has_starts_alike(design):
    """Another random start would be another seed."""
    ours, control = (
        newer_blocks.trainer(d, n_layer=2, lr=1e-3, seed=2, steps=1).model.state_dict()
        for d in (design, CONTROLS[design])
    )
    assert all(torch.equal(ours[name], value) for name, value in control.items() if name in ours)
    new = {name.rpartition(".")[0].rpartition(".")[2] for name in ours.keys() - control.keys()}
    norms = {"q_norm", "k_norm"}
    expected = {"gate": {"gate"}, "qk-norm": norms, "residual": {"norm"}, "mix-ln": set()}
    assert new == expected.get(design, set())


def test_layernorm_scaling_with_a_share_of_one_is_pre_norm():
    def all_in(model):
        assert [round(block.share**-2) for block in model.blocks] == [1, 2, 3, 4]
        for block in model.blocks:
            block.share = 1.0

    assert same(trained("layernorm scaling", all_in)[0], trained("pre")[0])


def test_the_output_of_a_scaled_norm_has_the_size_of_its_share():
    model = newer_blocks.trainer("layernorm scaling", n_layer=4, lr=1e-3, seed=0, steps=1).model
    sizes = []
    for block in model.blocks:
        block.attn.qkv.register_forward_pre_hook(
            lambda _, args: sizes.append(args[0].pow(2).mean().sqrt().item())
        )
    with torch.no_grad():
        model(torch.arange(32)[None])
    assert sizes == pytest.approx([1, 2**-0.5, 3**-0.5, 0.5], rel=1e-3)


@pytest.mark.parametrize(("share", "kinds"), [(99, []), (4, [0]), (2, [0, 1]), (1, [0, 1, 2, 3])])
def test_mix_ln_is_post_norm_in_its_first_blocks(share, kinds):
    """Block by block, against the blocks of the library."""
    with patch.object(newer_blocks, "POST_SHARE", share):
        mixed = newer_blocks.trainer("mix-ln", n_layer=4, lr=1e-3, seed=0, steps=1).model
    pure = {
        p: newer_blocks.trainer(p, n_layer=4, lr=1e-3, seed=0, steps=1).model
        for p in ("post", "pre")
    }
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 8, 64, generator=draw)
    for number, block in enumerate(mixed.blocks):
        weights = {n: torch.rand(p.shape, generator=draw) for n, p in block.named_parameters()}
        for model in (mixed, *pure.values()):  # norms that differ, as after training
            model.blocks[number].load_state_dict(weights)
        y = {p: model.blocks[number](x) for p, model in pure.items()}
        assert torch.equal(block(x), y["post" if number in kinds else "pre"])
        assert not torch.allclose(y["post"], y["pre"], atol=1e-2)


def test_residual_is_post_norm_if_its_second_stream_is_muted():
    def mute(model):
        model.final_norm.norm.requires_grad_(False).weight.zero_()

    assert same(trained("residual", mute)[0], trained("post")[0])


@torch.no_grad()
def test_the_second_stream_of_residual_is_the_sum_of_all_outputs():
    """The wire of pre-norm: the embedding and what every sublayer has added, never normalized."""
    model = newer_blocks.trainer("residual", n_layer=3, lr=1e-3, seed=0, steps=1).model
    outputs, ends = [], []
    for block in model.blocks:
        for part in (block.attn, block.mlp):
            part.register_forward_hook(lambda _, args, y: outputs.append(y))
    model.blocks[0].register_forward_pre_hook(lambda _, args: outputs.append(args[0]))
    model.final_norm.register_forward_pre_hook(lambda _, args: ends.append(args[0]))
    model(torch.arange(16)[None])
    x, total = ends[0]
    assert len(outputs) == 7
    torch.testing.assert_close(total, sum(outputs))
    torch.testing.assert_close(x.pow(2).mean(-1), torch.ones(1, 16), rtol=1e-3, atol=1e-3)


def test_a_gate_that_is_open_changes_nothing_and_a_shut_one_silences_attention():
    def gates(bias):
        def fix(model):
            for block in model.blocks:
                gate = block.attn.gate.requires_grad_(False)
                gate.weight.zero_()
                gate.bias.fill_(bias)

        return fix

    assert same(trained("gate", gates(50.0))[0], trained("nothing")[0])
    _, shut = trained("gate", gates(-200.0))
    x = torch.randn(1, 5, 64, generator=torch.Generator().manual_seed(0))
    attention = shut.blocks[0].attn
    assert torch.allclose(attention(x), attention.proj.bias.expand_as(x))


def test_a_clip_that_is_not_reached_changes_nothing():
    ours, model = trained("qk-clip")
    assert same(ours, trained("nothing")[0])
    assert all(0 < b.attn.largest.max() < newer_blocks.LARGEST_LOGIT for b in model.blocks)


def test_a_clip_brings_the_largest_logit_of_each_head_to_its_limit():
    model = newer_blocks.trainer("qk-clip", n_layer=2, lr=1e-3, seed=0, steps=1).model
    attention = model.train().blocks[1].attn
    x = torch.randn(4, 20, 64, generator=torch.Generator().manual_seed(0))
    torch.nn.init.normal_(attention.qkv.bias, generator=torch.Generator().manual_seed(1))
    attention(x)
    before = attention.largest.clone()
    limit = before.sort().values[1:3].mean().item()  # two heads are above it, two below
    with patch.object(newer_blocks, "LARGEST_LOGIT", limit):
        attention(x)  # clips first, then notes what is left
    torch.testing.assert_close(attention.largest, before.clamp(max=limit))


def test_a_penalty_of_zero_changes_nothing_and_evaluation_has_none():
    with patch.object(newer_blocks, "PENALTY", 0.0):
        assert same(trained("z-loss")[0], trained("nothing")[0])
    trainer = newer_blocks.trainer("z-loss", n_layer=1, lr=1e-3, seed=0, steps=1)
    idx, targets = draw_batch(trainer.ids["val"], 4, 32, torch.Generator().manual_seed(0))
    logits, loss = trainer.model.train()(idx, targets)
    _, plain = trainer.model.eval()(idx, targets)
    extra = newer_blocks.PENALTY * logits.exp().sum(-1).log().pow(2).mean()
    torch.testing.assert_close(loss - plain, extra, rtol=1e-3, atol=1e-6)


def test_qk_norm_bounds_the_logits():
    run = newer_blocks.trainer("qk-norm", n_layer=2, lr=1e-3, seed=0, steps=1).fit()
    assert max(map(max, run.probes["attention_logit_max"]["values"])) <= 16**0.5 + 0.01


def test_a_record_says_its_design_and_keeps_its_arm():
    run = newer_blocks.record({"design": "mix-ln", "n_layer": 4, "lr": 1e-3}, seed=5, steps=20)
    assert (run["design"], run["n_layer"], run["lr"], run["seed"]) == ("mix-ln", 4, 1e-3, 5)
    assert run["warmup"] == 4
    assert run["decay"] == "cosine"
    assert list(run["measure_at"]) == [2, 5, 10]
    assert run.provenance["corpus"]["sha256"] == newer_blocks.text().sha256
