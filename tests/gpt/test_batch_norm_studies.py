"""The studies of the chapter on batch norm: their parts, their bound, and a second run."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import _digits as digits
import batch_size
import coin_flips
import normlib as nl
from chapters import BOOK, cells

ROOT = Path(__file__).parents[2]

LN2 = math.log(2)
NORMS = ("layernorm", "batchnorm")


# --- coin flips ---------------------------------------------------------------------------------


def test_all_sequences_of_flips_are_there_once():
    assert len({tuple(flips) for flips in coin_flips.FLIPS.tolist()}) == 32


def test_the_norms_are_exchanged_and_nothing_else():
    layer, batch = (coin_flips.gpt(norm, seed=1) for norm in NORMS)
    assert sum(isinstance(m, coin_flips.TokenBatchNorm) for m in batch.modules()) == 5
    assert not any(isinstance(m, nn.LayerNorm) for m in batch.modules())
    assert layer.state_dict().keys() == {k for k in batch.state_dict() if k in layer.state_dict()}
    for name, weight in layer.state_dict().items():
        assert torch.equal(weight, batch.state_dict()[name])


def test_a_token_batch_norm_is_the_batch_norm_of_the_library():
    x = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    channels_second = x.movedim(2, 1).numpy()
    expected = np.moveaxis(nl.batch_norm(channels_second, None, None, training=True), 1, 2)
    found = coin_flips.TokenBatchNorm(5)(x).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_no_honest_model_is_below_the_bound_whatever_its_weights(norm):
    for seed in range(5):
        model = coin_flips.gpt(norm, seed)
        losses = coin_flips.both_modes(model, 1, seed)
        assert (losses[1] > LN2 - 1e-5).all()
        assert losses[0][-1] > LN2 - 1e-5  # the last flip is never an input
        assert model.training


def test_measuring_leaves_the_buffers_alone():
    model = coin_flips.gpt("batchnorm", 0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    coin_flips.both_modes(model, 4, 0)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("norm", NORMS)
def test_flips_run_again_begin_as_published(norm):
    published = nl.load_results("coin_flips").filter(norm=norm, batch_size=1)[0]
    arm = {"norm": norm, "batch_size": 1}
    again = coin_flips.record(arm, published["seed"], steps=3)
    for name in ("train_loss", "eval_loss"):
        first = published.probes[name]["values"][0]
        assert again.probes[name]["values"][0] == pytest.approx(first, rel=1e-3)
    assert again.loss[0] == pytest.approx(published.loss[0], rel=1e-3)
    assert again.grad_norm[0] == pytest.approx(published.grad_norm[0], rel=1e-3)


def test_the_published_flips_are_honest_where_they_must_be():
    for run in nl.load_results("coin_flips"):
        assert run.probes["train_loss"]["steps"] == [*coin_flips.MOMENTS]
        assert min(run.probes["eval_loss"]["values"]) > LN2 - 1e-4
        if run["batch_size"] == 1:
            assert run.probes["train_positions"]["values"][0][-1] > LN2 - 1e-4


# --- the statistics of evaluation ---------------------------------------------------------------


def test_precise_statistics_are_those_of_all_images():
    x = digits.digits()[0][:200]
    torch.manual_seed(0)
    net = batch_size.network()
    precise = batch_size.with_precise_statistics(net, x)
    torch.testing.assert_close(precise[1].running_mean, net[0](x).mean(0))
    torch.testing.assert_close(precise[1].running_var, net[0](x).var(0))
    torch.testing.assert_close(precise[4].running_var, net[:4](x).var(0))
    assert not precise.training
    assert (net[1].momentum, precise[1].momentum) == (0.1, 1.0)


def test_a_test_takes_whole_batches_and_changes_nothing():
    x, y, _ = digits.digits()
    net = batch_size.network().train()
    before = net[1].running_mean.clone()
    loss, error = batch_size.loss_and_error(net, x[:50], y[:50], size=16)
    logits = torch.cat([net(part) for part in x[:48].split(16)])
    assert loss == pytest.approx(nn.functional.cross_entropy(logits, y[:48]).item(), rel=1e-5)
    assert error == pytest.approx(100 * (logits.argmax(1) != y[:48]).float().mean().item())
    again = batch_size.network()
    batch_size.loss_and_error(again, x[:32], y[:32], 16)
    assert torch.equal(again[1].running_mean, before)


@pytest.mark.parametrize("size", [4, 64])
@pytest.mark.parametrize("norm", batch_size.NORMS[::2], ids=lambda norm: norm["norm"])
def test_a_network_of_digits_begins_as_published(norm, size):
    """Of two images in a batch one becomes 1 and one −1, whichever the last digit makes larger.

    So runs with batches of two go their own way on every machine, and larger ones are compared.
    """
    arm = norm | {"batch_size": size}
    published = nl.load_results("batch_size").filter(**arm)[0]
    assert published.provenance["corpus"]["sha256"] == digits.digits()[2]
    again = batch_size.record(arm, published["seed"], steps=51)
    assert again.loss == pytest.approx(published.loss[:2], rel=2e-3)
    assert again.grad_norm == pytest.approx(published.grad_norm[:2], rel=2e-2)


def test_the_momentum_changes_the_buffers_and_nothing_else():
    runs = nl.load_results("batch_size")
    right, inverted = (runs.filter(momentum=m) for m in (0.1, 0.9))
    for a, b in zip(right, inverted, strict=True):
        assert (a["batch_size"], a["seed"], a.loss) == (b["batch_size"], b["seed"], b.loss)
        for kind in ("batch", "sorted", "precise"):
            assert a.probes[kind] == b.probes[kind]
        assert a.probes["running"] != b.probes["running"]


@pytest.mark.parametrize("norm", NORMS)
def test_the_control_does_not_look_at_the_batch(norm):
    x, y, _ = digits.digits()
    torch.manual_seed(0)
    net = batch_size.network(norm)
    found = batch_size.measure(net, x[640:], x[:640], y[:640], size=8)
    losses = [loss for loss, _ in found.values()]
    assert (max(losses) - min(losses) < 1e-5) == (norm == "layernorm")


# --- the chapter does what the studies do -------------------------------------------------------


def chapter():
    """The functions and classes that the chapter defines, not executed further."""
    sources = [cell.source for cell in cells(BOOK / "04_batch_norm.md")]
    scope = {"torch": torch, "nn": nn, "GPT": coin_flips.GPT, "GPTConfig": coin_flips.GPTConfig}
    scope["small"] = {"n_layer": 2, "n_head": 2, "n_embd": 32}
    for source in sources:
        if source.startswith(("class TokenBatchNorm", "def exchange_norms", "def train_flips")):
            exec(source, scope)
    return scope


@pytest.mark.parametrize("norm", NORMS)
def test_the_chapter_trains_the_gpt_of_the_study(norm):
    scope = chapter()
    make = {"layernorm": nn.LayerNorm, "batchnorm": scope["TokenBatchNorm"]}[norm]
    model = scope["train_flips"](make, steps=3)
    run = coin_flips.record({"norm": norm, "batch_size": 1}, 0, steps=3)
    found = coin_flips.both_modes(model, 1, 0)[1].mean().item()
    assert found == pytest.approx(run.val_loss, rel=1e-5)
