"""The probes against the same measurements by hand, and that they leave no trace."""

import copy
import json

import numpy as np
import pytest
import torch

from normlib.gpt import GPT, probes
from normlib.placements import PLACEMENTS
from tiny_gpt import NORMS, scrambled, tiny, tokens

IDX, TARGETS = tokens(3, 6), tokens(3, 6, seed=1)
PER_BLOCK = ("grad_norm", "residual_cosine", "attention_logit_max", "attention_entropy")
PER_BLOCK += ("first_token_attention",)
MODELS = pytest.mark.parametrize(
    ("placement", "norm"), [(p, n) for p in PLACEMENTS for n in NORMS if p != "none" or n == "dyt"]
)


def model_of(placement="pre", norm="layernorm", **options):
    return scrambled(GPT(tiny(placement=placement, norm=norm, n_layer=3, **options)))


def by_hand(model, retain=False):
    """The stream at the embedding and after each block, and the loss; no hooks."""
    x = model.wte.weight[IDX] + model.wpe.weight
    xs = [x]
    for block in model.blocks:
        xs.append(block(xs[-1]))
    if retain:
        for x in xs:
            x.retain_grad()
    logits = model.head(model.final_norm(xs[-1]))
    return xs, -logits.log_softmax(-1).gather(-1, TARGETS[..., None]).mean()


@MODELS
def test_the_stream_is_the_one_between_the_blocks(placement, norm):
    model = model_of(placement, norm)
    xs, _ = by_hand(model)
    arrays = [x.detach().numpy() for x in xs]
    with probes.stream(model) as collected:
        model(IDX)
    for found, x in zip(collected, arrays, strict=True):
        np.testing.assert_allclose(found.detach().numpy(), x, rtol=0, atol=1e-12)
    expected = [np.sqrt((x**2).mean()) for x in arrays]
    np.testing.assert_allclose(probes.residual_rms(model, IDX, TARGETS), expected, rtol=1e-5)
    expected = [np.abs(x).max() for x in arrays]
    np.testing.assert_allclose(probes.residual_max(model, IDX, TARGETS), expected, rtol=1e-5)
    expected = []
    for a, b in zip(arrays[:-1], arrays[1:], strict=True):
        lengths = np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
        expected.append(((a * b).sum(-1) / lengths).mean())
    cosines = probes.residual_cosine(model, IDX, TARGETS)
    np.testing.assert_allclose(cosines, expected, rtol=1e-4, atol=1e-6)


@MODELS
def test_outliers_and_likeness_are_those_of_the_stream(placement, norm):
    model = model_of(placement, norm)
    features = probes.outlier_features(model, IDX, TARGETS)
    positions = probes.outlier_positions(model, IDX, TARGETS)
    cosines = probes.token_cosine(model, IDX, TARGETS)
    for n, x in enumerate(by_hand(model)[0]):
        x = x.detach().numpy()  # (3, 6, 8)
        for found, axes in ((features, (0, 1)), (positions, (0, 2))):
            sizes = np.sqrt((x**2).mean(axes))
            expected = sizes.max() / np.quantile(sizes, 0.5, method="lower")
            np.testing.assert_allclose(found[n], expected, rtol=1e-5)
        unit = x / np.linalg.norm(x, axis=-1, keepdims=True)
        pairs = [b[i] @ b[j] for b in unit for i in range(6) for j in range(6) if i != j]
        np.testing.assert_allclose(cosines[n], np.mean(pairs), rtol=1e-5, atol=1e-7)


@MODELS
def test_gradients_are_those_of_backward(placement, norm):
    model = model_of(placement, norm)
    found = probes.grad_norm(model, IDX, TARGETS)
    of_stream = probes.stream_grad_norm(model, IDX, TARGETS)
    xs, loss = by_hand(model, retain=True)
    loss.backward()
    expected = [block.mlp.proj.weight.grad.square().sum().sqrt().item() for block in model.blocks]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    expected = [x.grad.square().sum().sqrt().item() for x in xs]
    np.testing.assert_allclose(of_stream, expected, rtol=1e-5)


def test_a_histogram_counts_every_number_once():
    model = model_of(n_embd=32)
    with torch.no_grad():
        model.wpe.weight[:2, 0] = torch.tensor([300.0, -300.0])  # beyond 8 standard deviations
    rows = probes.activation_histogram(model, IDX, TARGETS)
    edges = np.linspace(-8, 8, 65)
    for row, x in zip(rows, by_hand(model)[0], strict=True):
        x = x.detach().numpy().ravel()
        scaled = x / x.std(ddof=1)
        # Rounding to float32 takes none of these over an edge.
        assert np.abs(scaled[abs(scaled) < 8, None] - edges).min() > 5e-6
        counts = np.histogram(scaled.clip(-8, 8), edges)[0]
        np.testing.assert_allclose(row, counts / x.size, atol=1e-6)
        assert abs(sum(row) - 1) < 1e-6
    assert rows[0][0] > 0
    assert rows[0][-1] > 0


@pytest.mark.parametrize("qk_norm", [False, True])
@torch.no_grad()
def test_attention_is_measured_as_it_is_computed_head_by_head(qk_norm):
    model = model_of(n_embd=32, n_head=2, qk_norm=qk_norm)
    largest = probes.attention_logit_max(model, IDX, TARGETS)
    entropy = probes.attention_entropy(model, IDX, TARGETS)
    on_first = probes.first_token_attention(model, IDX, TARGETS)
    for n, (block, x) in enumerate(zip(model.blocks, by_hand(model)[0], strict=False)):
        q, k, _ = block.attn.qkv(block.norm_1(x)).split(32, dim=-1)
        logits, entropies, firsts = [], [], []
        for b, head, t in np.ndindex(3, 2, 6):
            part = slice(16 * head, 16 * head + 16)
            mine = block.attn.q_norm(q[b, t, part])
            seen = block.attn.k_norm(k[b, : t + 1, part]) @ mine / 4  # √16
            logits.append(seen.abs().max().item())
            weights = torch.distributions.Categorical(logits=seen)
            entropies.append(weights.entropy().item())
            firsts += [weights.probs[0].item()] if t else []  # the first has no other to look at
        np.testing.assert_allclose(largest[n], max(logits), rtol=1e-5)
        np.testing.assert_allclose(entropy[n], np.mean(entropies), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(on_first[n], np.mean(firsts), rtol=1e-4)


def test_qk_norm_bounds_the_logits_of_any_weights():
    model = GPT(tiny(n_layer=3, n_embd=32, n_head=2, qk_norm=True))
    free = GPT(tiny(n_layer=3, n_embd=32, n_head=2))
    for m in (model, free):
        for block in m.blocks:
            block.attn.qkv.weight.data *= 100
    assert max(probes.attention_logit_max(model, IDX, TARGETS)) <= 4 * (1 + 1e-5)  # √16
    assert max(probes.attention_logit_max(free, IDX, TARGETS)) > 100


def traces(model):
    hooks = [h for m in model.modules() for h in (*m._forward_hooks, *m._forward_pre_hooks)]
    return hooks, [m.training for m in model.modules()], [p.grad for p in model.parameters()]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", probes.PROBES)
def test_a_probe_leaves_no_trace(name, training):
    model = model_of().train(training)
    before, state = traces(model), copy.deepcopy(model.state_dict())
    found = probes.PROBES[name](model, IDX, TARGETS)
    assert traces(model) == before
    assert before[0] == []
    assert before[2] == [None] * len(before[2])
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key])
        assert value.requires_grad == state[key].requires_grad
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert torch.is_grad_enabled()
    assert json.loads(json.dumps(found)) == found  # plain numbers, for the results file
    assert len(found) == (3 if name in PER_BLOCK else 4)


@pytest.mark.parametrize("name", probes.PROBES)
def test_a_failing_forward_leaves_no_hook(name, monkeypatch):
    model = model_of()

    def fail(x):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(model.blocks[-1].mlp, "forward", fail)
    with pytest.raises(RuntimeError, match="out of luck"):
        probes.PROBES[name](model, IDX, TARGETS)
    assert traces(model)[0] == []
    assert torch.is_grad_enabled()


def test_probes_are_listed_under_their_names():
    assert all(probe is getattr(probes, name) for name, probe in probes.PROBES.items())
    own = [f for f in vars(probes).values() if getattr(f, "__module__", "") == probes.__name__]
    measures = {f.__name__ for f in own if not f.__name__.startswith("_")} - {"stream"}
    assert set(probes.PROBES) == measures
