"""The clinic raises no false alarm for the norms of transformers: every class that it installs."""

import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from torch import nn

import normlib as nl

MODELS = Path(transformers.__file__).parent / "models"
X = np.random.default_rng(14).normal(1.0, 2.0, (4, 5, 6))
WIDTHS = ("hidden_size", "dim", "normalized_shape", "num_channels", "n", "ndim", "channels", "size")
# A scale and a shift, a factor for another layer, statistics of another time.
NO_NORM = re.compile("NoNorm|HYV4Unweighted|Frozen")
SCALED = {"MuseSparkTextInputScaledRMSNorm": 0.25}  # it doubles x first: to x, ε is a quarter


def sources():
    """Each class with Norm in its name, once for all that are the same but for their name."""
    seen = {}
    for path in sorted(MODELS.glob("*/modeling_*.py")):
        for found in re.finditer(r"^class (\w*Norm\w*)\((.*?)\):\n(.*?)(?=^\S|\Z)", *_how(path)):
            name, base, body = found.groups()
            plain = re.sub(r'""".*?"""|\s+', " ", body, flags=re.S).replace(name, "X")
            if re.search(r"Norm(\d[dD]|1P)?$", name) and not NO_NORM.search(name):
                seen.setdefault((base, plain), (path, name, plain))
    return seen.values()


def _how(path):
    return path.read_text(encoding="utf-8"), re.M | re.S


def build(path, name):
    """A small norm with weight 1 and bias 0, or None if it takes more than its width."""
    kind = getattr(
        importlib.import_module(f"transformers.models.{path.parent.name}.{path.stem}"), name
    )
    takes = inspect.signature(kind).parameters.values()
    needed = [p.name for p in takes if p.default is p.empty and p.kind == p.POSITIONAL_OR_KEYWORD]
    needed += [p.name for p in takes if p.name in WIDTHS and p.default is None]
    if not issubclass(kind, nn.Module) or not {*needed} <= {*WIDTHS, "num_groups"}:
        return None
    takes = inspect.signature(kind.forward).parameters.values()
    if sum(p.default is p.empty and p.kind == p.POSITIONAL_OR_KEYWORD for p in takes) != 2:
        return None  # more than self and x, such as a gate
    for width in (6, (5, 6)):  # of all, or of each head
        try:
            layer = kind(**{name: 3 if name == "num_groups" else width for name in needed})
        except TypeError:
            continue
        return plain(layer)
    return None


def plain(layer):
    """With weight 1 and bias 0."""
    for parameter, values in layer.named_parameters():
        values.data.fill_(0.0 if "bias" in parameter else 1.0)
    return layer


def in_its_layout(layer):
    """The array and the options with which it can be called, or None."""
    channels = X.transpose(0, 2, 1)
    for x, options in (
        (X, {}),
        (channels[..., None].repeat(2, -1), {"position": 2, "feature": 1}),
        (channels, {"position": 2, "feature": 1}),
    ):
        try:
            layer(torch.tensor(x, dtype=torch.float32))
        except (RuntimeError, AttributeError, TypeError, ValueError):
            continue
        return x, options
    return None


def false_alarms(layer, source, x, options):
    """The findings that a norm without a mistake does not have."""
    found = nl.diagnose(layer, x, **options)
    eps = next((getattr(layer, n) for n in ("eps", "variance_epsilon") if hasattr(layer, n)), None)
    eps = eps and eps * SCALED.get(type(layer).__name__, 1.0)
    batch = "BatchNorm" in type(layer).__name__
    wanted = {"not_finite": 0.0, "random": False, "changes_input": False, "forgets_sign": False}
    wanted |= {"forgets_scale": True, "zeros": "fine", "large_mean": "fine"}
    wanted |= {} if batch else {"other_samples": 0.0, "train_eval_gap": 0.0}
    wanted |= {} if options else {"axes": ("feature",), "together": 6, "future_leak": 0.0}
    if re.search(r"float\(\)|torch\.float32|F\.layer_norm\(|super\(\)\.forward", source):
        wanted["float16"] = "fine"  # it does not square in the precision of x
    wrong = [f"{k}: {getattr(found, k)}" for k, v in wanted.items() if getattr(found, k) != v]
    if eps is not None and not (found.eps and abs(found.eps - eps) < 0.02 * eps):
        wrong.append(f"eps: {found.eps} for {eps}")
    return wrong + [] if found.eps_place in ("inside", None) else [*wrong, found.eps_place]


@pytest.mark.slow
def test_no_norm_of_transformers_gets_a_false_alarm():
    tried, alarms = [], {}
    for path, name, source in sources():
        layer = build(path, name)
        where = layer is not None and in_its_layout(layer)
        if where:
            tried.append(name)
            if wrong := false_alarms(layer, source, *where):
                alarms[name] = wrong
    print(len(tried), "kinds of", transformers.__version__)
    assert not alarms, alarms
    assert len(tried) >= 50
