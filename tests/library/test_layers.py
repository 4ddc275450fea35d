"""The layers against the torch modules of the same name: outputs, gradients, buffers, state."""

import copy
import pickle

import numpy as np
import pytest
import torch

import normlib as nl

SHAPES = {
    "(N, C)": (5, 6),
    "(N, C, L)": (4, 6, 3),
    "(N, C, H, W)": (3, 6, 2, 4),
    "(N, C, D, H, W)": (2, 6, 2, 3, 2),
}
TORCH = {
    nl.BatchNorm: {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}
    | {5: torch.nn.BatchNorm3d},
    nl.InstanceNorm: {3: torch.nn.InstanceNorm1d, 4: torch.nn.InstanceNorm2d}
    | {5: torch.nn.InstanceNorm3d},
}
TRACKED = {"affine": True, "track_running_stats": True}


def trajectory_pairs():
    """(id, normlib layer, torch module, shape of x), in float64."""
    for layout, shape in SHAPES.items():
        for layer, modules in TORCH.items():
            if len(shape) not in modules:
                continue
            for options in (
                {},
                TRACKED,
                TRACKED | {"momentum": None},
                TRACKED | {"momentum": 0.7, "eps": 0.1},
                {"affine": False, "track_running_stats": False},
            ):
                module = modules[len(shape)](6, **options, dtype=torch.float64)
                label = " ".join(f"{k}={v}" for k, v in options.items())
                yield f"{layer.__name__} {layout} {label}", layer(6, **options), module, shape
        if len(shape) > 2:
            module = torch.nn.GroupNorm(3, 6, dtype=torch.float64)
            yield f"GroupNorm {layout}", nl.GroupNorm(3, 6), module, shape
    tokens = (4, 3, 6)
    for options in ({}, {"bias": False}, {"elementwise_affine": False}, {"eps": 0.1}):
        module = torch.nn.LayerNorm((3, 6), **options, dtype=torch.float64)
        yield f"LayerNorm {options}", nl.LayerNorm((3, 6), **options), module, tokens
    for options in ({}, {"elementwise_affine": False}, {"eps": 0.1}):
        module = torch.nn.RMSNorm(6, **options, dtype=torch.float64)
        yield f"RMSNorm {options}", nl.RMSNorm(6, **options), module, tokens


PAIRS = list(trajectory_pairs())


def randomize(layer, module, rng):
    """Give both the same random parameters, through the state that they exchange."""
    state = {
        name: rng.uniform(0.5, 2, value.shape) if value.dtype == np.float64 else value
        for name, value in layer.state_dict().items()
    }
    layer.load_state_dict(state)
    module.load_state_dict({name: torch.tensor(value) for name, value in state.items()})


@pytest.mark.parametrize(
    ("layer", "module", "shape"), [p[1:] for p in PAIRS], ids=[p[0] for p in PAIRS]
)
def test_fifty_steps_are_the_torch_modules_fifty_steps(layer, module, shape):
    rng = np.random.default_rng(0)
    randomize(layer, module, rng)
    for step in range(50):
        training = step % 5 != 4
        layer.train(training)
        module.train(training)
        n = shape[0] + step % 3  # batches of unequal size
        x = rng.normal(step / 10, 1 + step / 20, (n, *shape[1:]))
        dy = rng.normal(size=x.shape)
        tensor = torch.tensor(x, requires_grad=True)
        module.zero_grad()
        expected = module(tensor)
        expected.backward(torch.tensor(dy))
        np.testing.assert_allclose(layer(x), expected.detach().numpy(), rtol=1e-9, atol=1e-9)
        dx = layer.backward(dy)
        np.testing.assert_allclose(dx, tensor.grad.numpy(), rtol=1e-8, atol=1e-8)
        for name, parameter in module.named_parameters():
            gradient = parameter.grad.numpy()
            np.testing.assert_allclose(layer.grad[name], gradient, rtol=1e-8, atol=1e-8)
            # A step of gradient descent, so that the parameters move as well.
            setattr(layer, name, getattr(layer, name) - 1e-3 * layer.grad[name])
            parameter.data -= 1e-3 * parameter.grad
        for name, buffer in module.named_buffers():
            np.testing.assert_allclose(getattr(layer, name), buffer.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "module"), [(p[1], p[2]) for p in PAIRS], ids=[p[0] for p in PAIRS]
)
def test_the_state_is_exchanged_both_ways(layer, module):
    theirs = module.state_dict()
    assert list(layer.state_dict()) == list(theirs)
    for name, value in layer.state_dict().items():
        assert value.shape == tuple(theirs[name].shape)
    layer.load_state_dict(theirs)
    module.load_state_dict({k: torch.tensor(v) for k, v in layer.state_dict().items()})
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, theirs[name].numpy())


def test_a_state_is_a_copy():
    layer = nl.BatchNorm(3)
    state = layer.state_dict()
    state["weight"][:] = 7
    assert (layer.weight == 1).all()
    layer.load_state_dict(state)
    state["weight"][:] = 8
    assert (layer.weight == 7).all()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"weight": np.ones(3)}, "has the names"),
        (nl.BatchNorm(4).state_dict(), r"weight must have shape \(3,\), got \(4,\)"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state, message):
    layer = nl.BatchNorm(3)
    before = layer.state_dict()
    with pytest.raises(ValueError, match=message):
        layer.load_state_dict(state)
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_evaluation_neither_moves_nor_needs_the_batch():
    rng = np.random.default_rng(0)
    layer = nl.BatchNorm(3)
    layer(rng.normal(2, 3, (8, 3)))
    before = layer.state_dict()
    x = rng.normal(2, 3, (4, 3))
    alone = layer.eval()(x[:1])
    np.testing.assert_allclose(layer(x)[:1], alone, rtol=1e-12)
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_refused_batch_leaves_the_running_statistics_alone():
    layer = nl.BatchNorm(3)
    before = layer.state_dict()
    with pytest.raises(ValueError, match="more than 1 value"):
        layer(np.ones((1, 3)))
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_backward_before_forward_is_refused():
    with pytest.raises(RuntimeError, match="forward pass first"):
        nl.LayerNorm(3).backward(np.ones((2, 3)))


def test_a_layer_shows_its_options():
    assert repr(nl.LayerNorm(6).eval()) == (
        "LayerNorm(training=False, normalized_shape=(6,), eps=1e-05)"
    )
    layer = nl.BatchNorm(3)
    layer(np.ones((2, 3)))
    assert repr(layer) == "BatchNorm(training=True, num_features=3, eps=1e-05, momentum=0.1)"


def test_groups_must_divide_the_channels():
    with pytest.raises(ValueError, match="got 4 groups for 6 channels: try num_groups=3"):
        nl.GroupNorm(4, 6)
    with pytest.raises(TypeError, match="num_groups must be an integer, got str"):
        nl.GroupNorm("3", 6)


@pytest.mark.parametrize("layer", [nl.LayerNorm, nl.RMSNorm])
def test_a_shape_is_made_of_integers(layer):
    for shape in (6.5, "6", None):
        with pytest.raises(TypeError, match=f"tuple of integers, got {shape!r}"):
            layer(shape)


def test_a_layer_that_was_called_can_be_pickled_and_copied():
    x = np.random.default_rng(0).normal(size=(4, 3, 2))
    for layer in (nl.LayerNorm(2), nl.RMSNorm(2), nl.BatchNorm(3), nl.InstanceNorm(3)):
        layer(x)
        for other in pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer):
            np.testing.assert_array_equal(other.eval()(x), layer.eval()(x))
            other.train()
            layer.train()


def test_a_layer_keeps_its_dtype_whatever_the_state_has():
    module = torch.nn.BatchNorm1d(3).bfloat16()
    module.weight.data += 0.5
    layer = nl.BatchNorm(3)
    for state in module.state_dict(), layer.state_dict() | {"weight": [1, 2, 3]}:
        layer.load_state_dict(state)
        assert layer.weight.dtype == layer.running_var.dtype == np.float64
        np.testing.assert_array_equal(layer.weight, [float(w) for w in state["weight"]])
        assert layer.num_batches_tracked.dtype == np.int64
    before = layer.state_dict()
    with pytest.raises(ValueError, match="could not convert"):
        layer.load_state_dict(module.state_dict() | {"bias": ["a"] * 3})
    np.testing.assert_array_equal(layer.weight, before["weight"])


def test_float32_layers_stay_in_float32():
    layer = nl.BatchNorm(3, dtype=np.float32)
    y = layer(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32))
    assert y.dtype == layer.weight.dtype == layer.running_var.dtype == np.float32
    assert layer.backward(y).dtype == layer.grad["weight"].dtype == np.float32
