"""How to call a layer of any kind, always in the same state, and never change it."""

import copy
import sys
from types import ModuleType

import numpy as np


class Subject:
    """A layer under examination: every call is made on a fresh copy of it, if it is an object.

    Parameters
    ----------
    layer : callable
        A function of a NumPy array, a layer with ``train`` and ``eval``, or a torch module. A
        module is converted to the precision of what it is given; tokens are given to float64.
    """

    def __init__(self, layer):
        if not callable(layer):
            raise TypeError(
                f"layer must be something to call on an array, got {type(layer).__name__}: "
                "give a function, a layer of normlib or a torch module."
            )
        if isinstance(layer, type):
            name = layer.__name__
            raise TypeError(
                f"layer must be a layer and not its class, got the class {name}: make one first, "
                f"{name}(…)."
            )
        self.layer = layer
        torch = sys.modules.get("torch")  # without it there is no module
        self.torch = torch if torch and isinstance(layer, torch.nn.Module) else None
        self.has_modes = all(callable(getattr(layer, m, None)) for m in ("train", "eval"))

    def __call__(self, x, training=True, seed=0):
        """Return the output of a fresh copy as an array."""
        return self.observed(x, training, seed)[0]

    def observed(self, x, training=True, seed=0):
        """Return the output, what x became, and the names of the buffers that moved."""
        layer, given = self._fresh(x, training)
        before = _state(layer)
        y = self._call(layer, given, seed)
        return _output(y), as_array(given), _changed(before, _state(layer))

    def share_of_new_batch(self, x):
        """The weight of a batch in running averages; None if there are none.

        An average that x moves by d moves by (1 − share) d when it sees x again.
        """
        layer, given = self._fresh(x, training=True)
        states = [_state(layer)]
        for seed in range(2):
            self._call(layer, given, seed)
            states.append(_state(layer))
        for name, first in states[0].items():
            if np.issubdtype(first.dtype, np.floating):
                once, again = (b[name] - a[name] for a, b in zip(states, states[1:], strict=False))
                if np.abs(once).max(initial=0.0) > 0:
                    largest = np.unravel_index(np.abs(once).argmax(), first.shape)
                    return float(1 - again[largest] / once[largest])
        return None

    def _fresh(self, x, training):
        """Copies of the layer, in this mode, and of x, of one kind and precision."""
        layer, given = copy.deepcopy(self.layer), x.copy()
        if self.has_modes:
            layer.train() if training else layer.eval()
        if self.torch:
            device = next((p.device for p in layer.parameters()), None)
            given = self.torch.from_numpy(given).to(device)
            layer = layer.to(given.dtype if given.is_floating_point() else self.torch.float64)
        return layer, given

    def _call(self, layer, given, seed):
        if not self.torch:
            return _first(layer(given))
        cuda = [given.device] if given.device.type == "cuda" else []
        with self.torch.no_grad(), self.torch.random.fork_rng(cuda):
            self.torch.manual_seed(seed)  # dropout draws the same mask every time
            return _first(self._run(layer, given))

    def _run(self, layer, given):
        try:
            return layer(given)
        except RuntimeError:
            if not given.is_floating_point() or given.dtype == self.torch.float32:
                raise
            return layer.float()(given)  # its parameters may be float32, whatever x is


def _first(output):
    """The output itself, or the first of several, as the logits of a GPT."""
    if not isinstance(output, (tuple, list)):
        return output
    if not output:
        raise ValueError(
            f"the layer must return an array of real numbers, got {output!r}: give a function that "
            "returns the array that you mean."
        )
    return output[0]


def as_array(value):
    """A copy of an array or a tensor."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # NumPy has no bfloat16; every one of its numbers is a float32.
        value = value.float().numpy() if value.dtype.itemsize == 2 else value.numpy()
    return np.array(value)


def _output(value):
    array = as_array(value)
    if array.dtype.kind not in "fiu":
        kind = type(value).__name__ if array.dtype == object else f"dtype {array.dtype}"
        raise TypeError(
            f"the layer must return an array of real numbers, got {kind}: give a function that "
            "returns the array that you mean."
        )
    return array


def _state(thing, depth=4):
    """Copies of the arrays in an object by name, of those in layers inside it too."""
    if isinstance(thing, np.ndarray) or hasattr(thing, "detach"):
        return {"": as_array(thing)}
    if depth == 0 or isinstance(thing, (type, ModuleType)):
        return {}
    if hasattr(thing, "state_dict"):
        parts = thing.state_dict()
    elif isinstance(thing, (list, tuple)):
        parts = dict(enumerate(thing))
    else:
        parts = thing if isinstance(thing, dict) else getattr(thing, "__dict__", {})
    return {
        f"{name}.{inner}".removesuffix("."): array
        for name, part in parts.items()
        for inner, array in _state(part, depth - 1).items()
    }


def _changed(before, after):
    return tuple(
        name for name in after if not np.array_equal(before.get(name), after[name], equal_nan=True)
    )
