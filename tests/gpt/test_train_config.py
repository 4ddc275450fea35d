"""The configuration of a training: its schedule, and what is refused with which words."""

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from normlib.gpt import GPTConfig, Text, TrainConfig, Trainer, grid, learning_rate, train
from normlib.gpt.jobs import hashed

TEXT = Text("the cat sat on the mat. " * 40, name="cat")
QUICK = TrainConfig(steps=6, batch_size=4, eval_windows=20)


def tiny(**options):
    sizes = {"n_layer": 1, "n_head": 2, "n_embd": 8, "block_size": 4}
    return GPTConfig(**{"vocab_size": TEXT.vocab_size} | sizes | options)


def test_the_rate_rises_linearly_and_falls_along_a_cosine():
    config = TrainConfig(steps=30, lr=2.0, warmup=10, decay="cosine")
    for step in range(30):
        falling = 0.2 + 1.8 * math.cos(math.pi / 2 * (step - 10) / 20) ** 2
        expected = 2 * (step + 1) / 10 if step < 10 else falling
        assert learning_rate(config, step) == pytest.approx(expected, rel=1e-12)
    assert learning_rate(config, 30) == pytest.approx(0.2)
    assert [learning_rate(TrainConfig(lr=2.0), s) for s in (0, 199)] == [2.0, 2.0]
    assert [step.lr for step in Trainer(tiny(), replace(QUICK, warmup=3, lr=3.0), TEXT)][:4] == [
        1,
        2,
        3,
        3,
    ]


@pytest.mark.parametrize(
    ("field", "values", "rule"),
    [
        *((f, (-1,), "at least 0") for f in ("steps", "warmup", "seed", "lr", "weight_decay")),
        *((f, (0, -3), "at least 1") for f in ("batch_size", "log_every", "eval_windows")),
        ("seed", (2**32, 10**20), "below 4294967296"),
        ("lr", (math.nan, math.inf), "a number, at least 0"),
        ("clip", (0, -1.0, math.nan, math.inf, "1", True), "positive, .*None for no clipping"),
        (
            "betas",
            ((0.9,), (0.9, 1.0), (-0.1, 0.9), (0.9, math.nan), 0.9, ("a", "b")),
            "two numbers from 0 to below 1",
        ),
        ("measure_at", ((201,), (-1,), (1.0,), 50.0, "50"), "numbers of steps from 0 to 200"),
        ("decay", ("linear",), "one of none, cosine"),
        ("optimizer", ("adamx",), r"one of adam, adamw.*Did you mean 'adam"),
        ("dtype", ("float16",), "one of float32, bfloat16.*Did you mean"),
    ],
)
def test_a_bad_value_is_refused_with_the_rule(field, values, rule):
    for value in values:
        with pytest.raises(ValueError, match=f"^{field} must be .*{rule}") as caught:
            TrainConfig(**{field: value})
        assert str(value) in str(caught.value)


def test_a_value_of_the_wrong_kind_is_refused():
    for field, value in ("steps", 1.5), ("seed", True), ("batch_size", "4"), ("lr", "1"):
        with pytest.raises(TypeError, match=f"{field} must be an? (integer|number), got {value!r}"):
            TrainConfig(**{field: value})
    with pytest.raises(ValueError, match='weight_decay needs optimizer="adamw"'):
        TrainConfig(weight_decay=0.1)
    assert TrainConfig(betas=[0.9, 0.99]) == TrainConfig(betas=(0.9, 0.99))


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match=r"vocab_size must be at least .*got 5 for 11 characters"):
        train(tiny(vocab_size=5), QUICK, TEXT)
    assert train(tiny(vocab_size=12), QUICK, TEXT).model["vocab_size"] == 12
    with pytest.raises(ValueError, match="no probe 'rms': there are residual_rms, "):
        train(tiny(), QUICK, TEXT, ["grad_norm", "rms"])
    with pytest.raises(ValueError, match="the val part .* too few for block_size=96"):
        train(tiny(block_size=96), QUICK, TEXT)


def test_numbers_of_numpy_are_pythons_own_in_a_configuration():
    given = {"steps": np.int64(200), "lr": np.float32(0.5), "clip": np.float32(1)}
    given |= {"betas": np.array([0.5, 0.75]), "measure_at": tuple(np.arange(0, 200, 50))}
    plain = {"lr": 0.5, "clip": 1.0, "betas": (0.5, 0.75), "measure_at": (0, 50, 100, 150)}
    for moments in (given["measure_at"], range(0, 200, 50), np.arange(0, 200, 50)):
        config = TrainConfig(**given | {"measure_at": moments})
        assert config == TrainConfig(**plain)
        assert json.dumps(asdict(config)) == json.dumps(asdict(TrainConfig(**plain)))
        assert hashed(asdict(config)) == hashed(asdict(TrainConfig(**plain)))
    model = GPTConfig(vocab_size=np.int32(9), n_head=np.int64(2), dropout=np.float32(0.5))
    assert repr(model) == repr(GPTConfig(vocab_size=9, n_head=2, dropout=0.5))
    assert [type(one.seed) for one in grid(TrainConfig(), seed=np.arange(3))] == [int] * 3
    (only,) = grid(GPTConfig(vocab_size=9), placement=np.array(["post"]))
    assert type(only.placement) is str
    for wrong in ({"seed": np.True_}, {"clip": np.True_}, {"measure_at": np.array([1.0])}):
        with pytest.raises((TypeError, ValueError), match=f"^{next(iter(wrong))} must be"):
            TrainConfig(**wrong)
