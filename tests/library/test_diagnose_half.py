"""The clinic on norms in half precision, and on outputs that are nan."""

import numpy as np
import pytest
import torch
from torch import nn

import normlib as nl

X = np.random.default_rng(14).normal(1.0, 2.0, (4, 5, 6))  # (B, T, C)
CHANNELS = {"position": 2, "feature": 1}
FEATURE, POSITION, GROUP = ("feature",), ("position",), ("position", "feature")


class InLlamasOrder(nn.Module):
    """RMSNorm as Llama computes it: statistics in float32, the weight in the precision of x."""

    def __init__(self, eps=1e-6):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(6)), eps

    def forward(self, x):
        h = x.float()
        h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * h.to(x.dtype)


class Inside(nn.Module):
    """Half precision inside a model of another precision."""

    def __init__(self, norm, dtype):
        super().__init__()
        self.norm, self.dtype = norm, dtype

    def forward(self, x):
        return self.norm.to(self.dtype)(x.to(self.dtype))


IN_HALF = {
    "Llama's RMSNorm": (InLlamasOrder(), {}, FEATURE, 6, False),
    "LayerNorm": (nn.LayerNorm(6), {}, FEATURE, 6, True),
    "RMSNorm": (nn.RMSNorm(6, eps=1e-5), {}, FEATURE, 6, False),
    "InstanceNorm": (nn.InstanceNorm1d(6), CHANNELS, POSITION, 5, True),
    "GroupNorm": (nn.GroupNorm(3, 6), CHANNELS, GROUP, 10, True),
}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", IN_HALF)
@pytest.mark.parametrize("seed", range(3))
def test_a_right_norm_in_half_precision_gets_no_false_alarm(name, dtype, seed):
    norm, options, axes, together, shift = IN_HALF[name]
    x = np.random.default_rng(seed).normal(1.0, 2.0, (4, 5, 6))
    found = nl.diagnose(Inside(norm, dtype), x.transpose(0, 2, 1) if options else x, **options)
    assert (found.axes, found.together, found.forgets_shift) == (axes, together, shift)
    assert (found.forgets_scale, found.forgets_sign, found.eps_place) == (True, False, "inside")
    assert found.eps == pytest.approx(norm.eps, rel=0.1)  # bfloat16 has two digits or three
    assert (found.zeros, found.large_mean, found.float16) == ("fine", None, "fine")
    assert found.other_samples == found.train_eval_gap == 0


def test_half_precision_does_not_excuse_a_mistake():
    def by_variance(x):
        return x / (x**2).mean(-1, keepdim=True)

    class Wrong(nn.Module):
        def forward(self, x):
            return by_variance(x.bfloat16())

    found = nl.diagnose(Wrong(), X)
    assert not found.forgets_scale
    assert found.eps is None


def test_parameters_that_stay_in_float32_are_let_alone():
    class Pinned(nn.LayerNorm):
        def forward(self, x):
            return super().forward(x.float()).to(x.dtype)

    found = nl.diagnose(Pinned(6), X)
    assert (found.axes, found.forgets_scale, found.float16) == (FEATURE, True, "fine")


def test_an_output_that_is_nan_on_x_itself_is_the_first_row():
    norm = nn.LayerNorm(6)
    norm.weight.data[2] = float("nan")
    found = nl.diagnose(norm, X)
    assert found.not_finite == pytest.approx(1 / 6)
    assert found.rows()[0] == ("numbers of the output on your x", "nan or infinite, 17% of them")
    assert "on your x" not in str(nl.diagnose(nn.LayerNorm(6), X))


def test_of_an_output_with_nan_nothing_is_said_that_needs_all_its_numbers():
    norm = nn.LayerNorm(6)
    norm.weight.data[2] = float("nan")
    found = nl.diagnose(norm, X)
    assert (found.axes, found.future_leak, found.other_samples) == (FEATURE, 0.0, 0.0)
    asked = (found.forgets_shift, found.forgets_scale, found.divides_by, found.eps)
    assert asked == (None,) * 4
    assert found.zeros == "nan"
