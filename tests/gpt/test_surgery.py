"""Changed norms: the same function where that is promised, and the model itself is left alone."""

import copy

import pytest
import torch

from normlib.gpt import GPT, fold_affine, gains, remove_norm, to_rmsnorm
from normlib.placements import PLACEMENTS
from tiny_gpt import NORMED, NORMS, close, scrambled, tiny, tokens

IDX = tokens(3, 6)
FOLDED = {"pre": 5, "peri": 5, "reordered": 1}  # of two blocks: those before a linear layer
CHANGES = [fold_affine, to_rmsnorm, lambda model: remove_norm(model, "final_norm")]


def model_of(**options):
    """A model whose norms have eps 0.1, and noise on every weight."""
    return scrambled(GPT(tiny(norm_eps=0.1, **options))).eval()


def logits(model):
    with torch.no_grad():
        return model(IDX)[0]


@pytest.mark.parametrize("placement", NORMED)
@pytest.mark.parametrize("qk_norm", [False, True])
def test_gains_are_the_weights_of_all_norms(placement, qk_norm):
    model = model_of(placement=placement, qk_norm=qk_norm)
    found = gains(model)
    own = {name[:-7]: p for name, p in model.named_parameters() if "norm" in name and p.ndim == 1}
    own = {name: p for name, p in own.items() if name + ".weight" in model.state_dict()}
    assert found.keys() == own.keys()
    for name, gain in found.items():
        assert torch.equal(gain, model.get_submodule(name).weight)
        gain.zero_()
    assert all(gain.abs().min() > 0 for gain in gains(model).values())


def test_gains_come_as_a_token_meets_them():
    names = list(gains(model_of(placement="peri", qk_norm=True, n_layer=1)))
    block = ["norm_1", "attn.q_norm", "attn.k_norm", "norm_1_out", "norm_2", "norm_2_out"]
    assert names == [f"blocks.0.{name}" for name in block] + ["final_norm"]
    assert gains(model_of(placement="none")) == {}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("placement", FOLDED)
@pytest.mark.parametrize(("bias", "tied"), [(True, True), (False, False), (True, False)])
def test_folding_changes_no_logit(placement, norm, bias, tied):
    model = model_of(placement=placement, norm=norm, bias=bias, tie_head=tied)
    folded = fold_affine(model)
    close(logits(folded), logits(model), atol=1e-11)
    ones = [name for name, gain in gains(folded).items() if torch.equal(gain, gain**0)]
    assert len(ones) == FOLDED[placement]
    for name in ones:
        shift = getattr(folded.get_submodule(name), "bias", None)
        assert shift is None or not shift.any()


@pytest.mark.parametrize("placement", ["post", "deepnorm", "none"])
def test_a_norm_that_the_stream_reads_cannot_be_folded(placement):
    with pytest.raises(ValueError, match=f"no norm of placement={placement!r} can be folded: none"):
        fold_affine(model_of(placement=placement))


@pytest.mark.parametrize(("bias", "tied"), [(True, True), (False, False), (True, False)])
def test_pre_norm_with_layernorm_becomes_one_with_rmsnorm(bias, tied):
    model = model_of(bias=bias, tie_head=tied)
    twin = to_rmsnorm(model)
    assert twin.config.norm == "rmsnorm"
    assert {type(twin.get_submodule(name)) for name in gains(twin)} == {torch.nn.RMSNorm}
    close(logits(twin), logits(model), atol=1e-11)
    swapped = GPT(tiny(norm_eps=0.1, norm="rmsnorm", bias=bias, tie_head=tied)).double()
    swapped.load_state_dict(model.state_dict(), strict=False)
    assert (logits(swapped) - logits(model)).abs().max() > 0.1  # so the work was needed


@pytest.mark.parametrize(
    "options", [{"placement": p} for p in PLACEMENTS if p != "pre"] + [{"norm": "rmsnorm"}]
)
def test_other_models_cannot_become_one_with_rmsnorm(options):
    with pytest.raises(ValueError, match="takes a pre-norm GPT with LayerNorm .*, got norm="):
        to_rmsnorm(model_of(**options))
    with pytest.raises(ValueError, match="qk_norm=True"):
        to_rmsnorm(model_of(qk_norm=True))
    with pytest.raises(ValueError, match="a norm was removed"):
        to_rmsnorm(remove_norm(model_of(), "final_norm"))


@pytest.mark.parametrize("name", gains(GPT(tiny(placement="peri"))))
def test_a_removed_norm_hands_on_what_it_gets(name):
    model = model_of(placement="peri")
    without = remove_norm(model, name)
    assert gains(without).keys() == gains(model).keys() - {name}
    expected = copy.deepcopy(model)
    expected.get_submodule(name).forward = lambda x: x
    close(logits(without), logits(expected))
    assert (logits(without) - logits(model)).abs().max() > 0.01
    if name != "final_norm":
        close(logits(fold_affine(without)), logits(without), atol=1e-10)


def test_a_norm_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"no norm 'norm_1': there are blocks.0.norm_1, .*final"):
        remove_norm(model_of(), "norm_1")
    with pytest.raises(ValueError, match="no norm 'final_norm': there are none"):
        remove_norm(model_of(placement="none"), "final_norm")


@pytest.mark.parametrize("change", CHANGES)
def test_the_model_stays_as_it_was(change):
    model = model_of(tie_head=True)
    before, config = copy.deepcopy(model.state_dict()), model.config
    change(model)
    assert model.config == config
    assert model.head.weight is model.wte.weight
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())


def test_a_changed_model_can_be_trained():
    for change in CHANGES:
        twin = change(model_of())
        twin(IDX, IDX)[1].backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in twin.parameters())
