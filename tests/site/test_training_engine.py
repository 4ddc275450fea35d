"""The GPT that trains in the page is that of `normlib.gpt`."""

import itertools

import numpy as np
import pytest
import torch
from playwright.sync_api import Error as PlaywrightError

from engines import flat, in_page, parameters, trained
from normlib.gpt import GPT, GPTConfig, TrainConfig, learning_rate, probes
from normlib.placements import PLACEMENTS

TINY = {"vocab_size": 21, "n_layer": 2, "n_embd": 16, "n_head": 2, "block_size": 12}
TRAIN = """({ config, wasm, weights, batches, rates }) => {
    const model = lab.createGPT(lab.createNumbers({ wasm }), config, 0), losses = [];
    lab.write(model, weights);
    let grads, inside;
    batches.forEach(([idx, targets], step) => {
        losses.push(model.step(idx, targets, rates[step]));
        if (step) return;
        inside = model.inside();
        grads = lab.read(model, "grad");
    });
    return { losses, grads, inside, wasm: model.wasm, count: model.count };
}"""
CASES = [
    *itertools.product(PLACEMENTS, ["layernorm", "rmsnorm", "dyt"], ["xavier"], [True]),
    *itertools.product(PLACEMENTS, ["layernorm"], ["gpt2"], [True]),
    *itertools.product(["post", "peri"], ["layernorm", "dyt"], ["xavier", "gpt2"], [False]),
]


@pytest.mark.parametrize(("placement", "norm", "init", "wasm"), CASES)
def test_a_gpt_learns_as_in_pytorch(lab, placement, norm, init, wasm):
    config = GPTConfig(placement=placement, norm=norm, init=init, **TINY)
    given, losses, grads = trained(config, TrainConfig(steps=50, lr=1e-3, warmup=10))
    got = lab.evaluate(TRAIN, {**given, "wasm": wasm})
    assert got["wasm"] is wasm
    assert got["losses"] == pytest.approx(losses, abs=1e-3)
    assert got["losses"][-1] < got["losses"][0] - 0.1  # it learned something
    assert got["grads"].keys() == grads.keys()
    whole = np.linalg.norm(np.concatenate([*grads.values()]))
    for name, expected in grads.items():
        # One number that is nearly zero because its terms cancel is as exact as they are.
        size = max(np.linalg.norm(expected), 1e-3 * whole if len(expected) == 1 else 0)
        assert np.linalg.norm(np.subtract(got["grads"][name], expected)) < 1e-4 * size, name
    model = GPT(config, seed=1)
    assert got["count"] == model.num_parameters()
    idx, targets = (torch.tensor(x).view(4, 12) for x in given["batches"][0])
    assert got["inside"]["rms"] == pytest.approx(probes.residual_rms(model, idx, targets), rel=1e-4)
    slopes = probes.stream_grad_norm(model, idx, targets)
    assert got["inside"]["gradient"] == pytest.approx(slopes, rel=1e-4)


@pytest.mark.parametrize("placement", ["pre", "deepnorm"])
@pytest.mark.parametrize("init", ["xavier", "gpt2"])
def test_weights_begin_as_those_of_normlib(lab, placement, init):
    config = GPTConfig(vocab_size=90, placement=placement, init=init)
    drawn = lab.evaluate(
        "(config) => lab.read(lab.createGPT(lab.createNumbers({}), config, 3))",
        in_page(config, 8),
    )
    for name, p in GPT(config, seed=0).named_parameters():
        mine, theirs = np.array(drawn[name]), np.array(flat(name, p.detach()))
        assert mine.shape == theirs.shape
        if theirs.std() == 0:
            assert (mine == theirs).all(), name
            continue
        few = 5 / np.sqrt(2 * mine.size)  # five standard errors of a standard deviation
        parts = [slice(None)]
        if name.endswith("qkv.weight"):  # the third of them, v, is drawn smaller by DeepNorm
            mine, theirs = (x.reshape(64, 3, 64).swapaxes(0, 1) for x in (mine, theirs))
            parts, few = range(3), few * 3**0.5
        for part in parts:
            assert mine[part].std() == pytest.approx(theirs[part].std(), rel=2 * few), name
            assert abs(mine[part].mean()) < 5 * theirs[part].std() / np.sqrt(mine[part].size)


def test_arms_of_one_shape_begin_with_the_same_weights(lab):
    drawn = lab.evaluate(
        """(configs) => configs.map((config) => {
            const { params, F } = lab.createGPT(lab.createNumbers({}), config, 5);
            return lab.read({ F, params: params.filter((p) => p.shape.length === 2) });
        })""",
        [
            in_page(GPTConfig(placement=placement, norm=norm, **TINY), 4)
            for placement, norm in [("pre", "layernorm"), ("post", "dyt"), ("peri", "rmsnorm")]
        ],
    )
    assert drawn[0] == drawn[1] == drawn[2]


@pytest.mark.parametrize("warmup", [0, 100])
def test_the_rate_is_that_of_normlib(lab, warmup):
    config = TrainConfig(steps=2000, lr=2e-3, warmup=warmup, decay="cosine")
    steps = [0, 1, 99, 100, 101, 1000, 1999]
    code = "([warmup, steps]) => steps.map((step) => lab.learningRate(0.002, warmup, 2000, step))"
    assert lab.evaluate(code, [warmup, steps]) == pytest.approx(
        [learning_rate(config, step) for step in steps], rel=1e-12
    )


def test_a_text_is_continued_as_in_pytorch(lab):
    config = GPTConfig(**TINY)
    model = GPT(config, seed=1)
    start = [3, 1, 4]
    code = """({ config, weights, start }) => {
        const model = lab.createGPT(lab.createNumbers({}), config, 0);
        lab.write(model, weights);
        const ids = [...start];
        while (ids.length < 33) ids.push(lab.nextToken(model, ids, lab.chance(7), 1e-6));
        return ids.slice(3);
    }"""
    given = {"config": in_page(config, 4), "weights": parameters(model), "start": start}
    there = model.generate(torch.tensor([start]), 30, temperature=1e-6)[0, 3:].tolist()
    assert lab.evaluate(code, given) == there


# All that an arm says, by slices of work. Each look at the clock takes a millisecond, anywhere.
SLICES = """({ config, slice_ms }) => {
    const now = performance.now, calls = [];
    let clock = 0;
    performance.now = () => clock++;
    const arm = lab.raceArm((message) => calls.at(-1).push(message));
    const read = { text: "an abbacab".repeat(90), chars: " abcn", prompt: "an", share: 0.9 };
    arm.hear({ plan: { config, seed: 1, lr: 0.002, warmup: 0, total: 40, ...read } });
    arm.hear({ until: 7 });
    do calls.push([]); while (arm.work(slice_ms));
    performance.now = now;
    return calls;
}"""


def slices(lab, slice_ms):
    """What an arm of seven steps says in each of its slices of work."""
    config = in_page(GPTConfig(**{**TINY, "vocab_size": 5}), 4)
    return lab.evaluate(SLICES, {"config": config, "slice_ms": slice_ms})


@pytest.mark.parametrize("slice_ms", [1.5, 1e9])
def test_an_arm_has_told_every_loss_when_it_tells_its_end(lab, slice_ms):
    """The page stops an arm at its end: what it has not told by then is never heard."""
    told = list(itertools.chain(*slices(lab, slice_ms)))
    end = next(i for i, message in enumerate(told) if "reached" in message)
    losses = [loss for message in told[:end] for loss in message.get("losses", [])]
    assert len(losses) == told[end]["reached"] == 7
    assert 0 < told[end]["val"] < 3


def test_a_slice_of_work_ends_when_its_time_is_over(lab):
    """Nobody's click waits for more than a step, a letter or a batch beyond it."""
    one_each = slices(lab, 1.5)
    steps = [message["losses"] for said in one_each for message in said if "losses" in message]
    assert [len(losses) for losses in steps] == [1] * 7
    texts = [message["text"] for said in one_each for message in said if "text" in message]
    assert len(one_each) > 7 + sum(map(len, texts)) + 256 // 4
    assert len(slices(lab, 1e9)) == 1


def test_where_no_worker_starts_the_page_is_heard_between_two_slices(lab):
    order = lab.evaluate("""async () => {
        const order = [], Real = window.Worker, { port1, port2 } = new MessageChannel();
        port2.onmessage = ({ data }) => order.push(`heard ${data}`);
        window.Worker = class { constructor() { throw new Error("no"); } };
        let at = 0;
        const make = () => ({
            hear: () => {},
            work(ms) {
                order.push(`work ${++at} ${ms}`);
                port1.postMessage(at);
                return at < 10;
            },
        });
        await new Promise((done) => {
            port2.addEventListener("message", ({ data }) => data === 10 && done());
            lab.startArm([], make, {}, () => {});
        });
        window.Worker = Real;
        return order;
    }""")
    for turn in range(1, 10):
        assert order.index(f"work {turn} 6") < order.index(f"heard {turn}")
        assert order.index(f"heard {turn}") < order.index(f"work {turn + 1} 6")


@pytest.mark.parametrize("wasm", [True, False])
@pytest.mark.parametrize(
    "sizes", [(8, 16, 5), (7, 21, 3), (4, 8, 1), (3, 5, 9), (1, 1, 1), (64, 94, 64)]
)
def test_a_product_of_any_size_is_right(lab, sizes, wasm):
    M, N, K = sizes
    rng = np.random.default_rng(0)
    A, B, bias = rng.normal(size=(K, M)), rng.normal(size=(K, N)), rng.normal(size=N)
    code = """({ M, N, K, A, B, bias, wasm }) => {
        const { F, alloc, product } = lab.createNumbers({ wasm });
        const [a, b, s, c] = [A, B, bias].map((x) => {
            const at = alloc(x.length);
            F.set(x, at);
            return at;
        }).concat(alloc(M * N + 8));
        F.fill(7, c, c + M * N + 8);
        product(M, N, K, a, 1, M, b, N, c, N, s, 0); // A is stored with its columns as rows
        return [...F.subarray(c, c + M * N + 8)];
    }"""
    given = {"A": A.ravel().tolist(), "B": B.ravel().tolist(), "bias": bias.tolist(), "wasm": wasm}
    found = lab.evaluate(code, {**given, "M": M, "N": N, "K": K})
    assert np.allclose(np.reshape(found[: M * N], (M, N)), A.T @ B + bias, atol=1e-5)
    assert found[M * N :] == [7] * 8  # nothing is written beyond


def test_too_large_a_model_is_refused_in_a_sentence(lab):
    with pytest.raises(PlaywrightError, match="The model needs more than 1 MB"):
        lab.evaluate("() => lab.createNumbers({ megabytes: 1 }).alloc(1e6)")
