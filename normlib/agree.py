"""agrees(): your function, normlib's and PyTorch's on the same inputs, as one line and a table."""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from normlib import functional
from normlib.digits import readable

# How each norm is called, by normlib and by torch alike: `a` holds what `mine` gets after x.
CALLS = {
    "layer_norm": lambda norm, x, a, eps: norm(x, x.shape[-1:], *a, eps=eps),
    "rms_norm": lambda norm, x, a, eps: norm(x, x.shape[-1:], *a, eps=eps),
    "batch_norm": lambda norm, x, a, eps: norm(x, None, None, *a, training=True, eps=eps),
    "instance_norm": lambda norm, x, a, eps: norm(x, weight=a[0], bias=a[1], eps=eps),
    "group_norm": lambda norm, x, a, eps: norm(x, *a, eps=eps),
    "normalize": lambda norm, x, a, eps: norm(x, *a, eps=eps),
}
# torch has no `normalize`: for each axis and center of `_axis_probes`, the norm that equals it.
OPERATOR = {
    (-1, True): lambda F, x, eps: F.layer_norm(x, x.shape[-1:], eps=eps),
    (-1, False): lambda F, x, eps: F.rms_norm(x, x.shape[-1:], eps=eps),
    ((1, 2), True): lambda F, x, eps: F.group_norm(x, 1, eps=eps),
    ((0, 2), True): lambda F, x, eps: F.batch_norm(x, None, None, training=True, eps=eps),
    ((2, 3), True): lambda F, x, eps: F.instance_norm(x, eps=eps),
}
EPS = (1e-12, 1e-5, 0.1)
GROUPS = 3
CHECKED = tuple(name + end for name in CALLS for end in ("", "_vjp"))


class Disagreement(AssertionError):
    """Two implementations of one norm gave different numbers."""


@dataclass(frozen=True)
class Agreement:
    """What `agrees` returns: the largest differences, one row for each probe.

    Its text form is one line; `table` has all rows, which HTML folds away.
    """

    name: str
    # One for each probe: its name, the difference from normlib, that from torch, what is allowed.
    rows: tuple[tuple[str, float, float | None, float], ...]

    @property
    def ok(self) -> bool:
        """Whether every difference is within what is allowed."""
        return all(a <= t and (b is None or b <= t) for _, a, b, t in self.rows)

    @property
    def table(self) -> str:
        """The differences as text, one line for each probe; ✗ marks what is not allowed."""
        width = max(len(row[0]) for row in self.rows)
        lines: list[tuple[str, ...]] = [(self.name, "normlib", "torch", "allowed", "")]
        for probe, a, b, t in self.rows:
            numbers = ("–" if x is None else readable(x, ".1e") for x in (a, b, t))
            right = a <= t and (b is None or b <= t)
            lines.append((probe, *numbers, "" if right else "✗"))
        table = (f"{p:{width}}   {a:10}{b:10}{t:10}{sign}".rstrip() for p, a, b, t, sign in lines)
        return "\n".join(table)

    def __repr__(self) -> str:
        others = "normlib" if self.rows[0][2] is None else "normlib and PyTorch"
        verdict = "agrees" if self.ok else "does not agree"
        mark = "✓" if self.ok else "✗"
        return f"{mark} {self.name} {verdict} with {others} on {len(self.rows)} inputs"

    def _repr_html_(self):
        color = "#2e8b57" if self.ok else "#c4681c"
        return (
            f'<div style="border-left:4px solid {color};padding:0.2em 0.8em;margin:0.4em 0">'
            f"<strong>{escape(repr(self))}</strong>"
            '<details class="agreement"><summary>The differences</summary>'
            f'<pre style="overflow:visible">{escape(self.table)}</pre></details></div>'
        )


def agrees(name: str, mine: Callable) -> Agreement:
    r"""Compare your function with normlib's and PyTorch's; raise if a number differs.

    Parameters
    ----------
    name : str
        ``"layer_norm"``, ``"rms_norm"``, ``"batch_norm"``, ``"instance_norm"``,
        ``"group_norm"`` or ``"normalize"``, or one of these with ``_vjp``.
    mine : callable
        Called as ``mine(x, weight, bias, eps)``; RMS norm has no bias, group norm is called as
        ``mine(x, num_groups, weight, bias, eps)``, and the operator under all of them as
        ``mine(x, axis, center, eps)``. x is (…, C) for layer and RMS norm and (N, C, \*) for
        batch, instance and group norm; batch norm is that of training. A ``_vjp`` returns
        ``(y, vjp)``, and ``vjp(dy)`` returns the gradients as a tuple: ``(dx, dweight, dbias)``,
        or less where there are fewer arrays. Compared are y and every gradient, PyTorch's by
        autograd.

    Returns
    -------
    Agreement
        The largest difference on each probe. Without PyTorch its column is empty.

    Raises
    ------
    normlib.agree.Disagreement
        With the table, if a difference is larger than allowed.
        With a sentence, if what was returned is no array of numbers, or lacks gradients.
    ValueError
        For an unknown name.
    TypeError
        If `mine` is no function.

    Examples
    --------
    >>> import numpy as np, normlib as nl
    >>> def rms_norm(x, weight, eps):
    ...     mean_square = (x**2).mean(-1, keepdims=True)
    ...     return x / np.sqrt(mean_square + eps) * weight
    >>> nl.agrees("rms_norm", rms_norm).ok
    True
    """
    _require_function(name, mine)
    if name not in CHECKED:
        raise ValueError(f"unknown norm {name!r}: choose one of {', '.join(CHECKED)}.")
    has_torch = importlib.util.find_spec("torch") is not None
    norm = name.removesuffix("_vjp")
    rows, shapes = [], ""
    for label, x, *arguments, eps, allowed in probes(norm):
        dy = np.random.default_rng([1607, 2]).normal(size=x.shape).astype(x.dtype)
        given = [a.copy() if isinstance(a, np.ndarray) else a for a in (x, *arguments)]
        found = _results(name, mine(*given, eps), dy)
        expected = _results(name, CALLS[norm](getattr(functional, name), x, arguments, eps), dy)
        shapes = shapes or _other_shapes(name, found, expected)
        against_torch = None
        if has_torch:
            against_torch = _difference(found, torch_results(name, x, arguments, eps, dy))
        rows.append((label, _difference(found, expected), against_torch, allowed))
        if any(np.any(a != b) for a, b in zip(given, (x, *arguments), strict=True)):
            raise Disagreement(f"{name} changes its input: write x = x - mean, not x -= mean.")
    result = Agreement(name, tuple(rows))
    if not result.ok:
        raise Disagreement(f"the numbers differ in the rows marked ✗{shapes}.\n{result.table}")
    return result


def probes(norm: str) -> Iterator[tuple]:
    """Yield the inputs of a norm: label, x, what `mine` gets after it, and what is allowed.

    Easy inputs hide mistakes. With weight 1 and bias 0 a forgotten weight is right; with mean 0 a
    forgotten mean is; with eps = 1e-5 a misplaced one is; with equal axes a wrong axis is.
    `allowed` is the largest difference between two good implementations, relative to the result.
    """
    if norm == "normalize":
        yield from _axis_probes()
        return
    of_tokens = norm in ("layer_norm", "rms_norm")
    # Batch norm also takes (N, C); instance norm needs positions, group norm gets them.
    drawn = _token_probes() if of_tokens else _channel_probes(positions=norm != "batch_norm")
    for label, x, weight, bias, eps, allowed in drawn:
        parameters = (weight,) if norm == "rms_norm" else (weight, bias)
        groups = (GROUPS,) if norm == "group_norm" else ()
        yield label, x, *groups, *parameters, eps, allowed


def tolerance(dtype: np.dtype | type | str) -> float:
    """The largest difference allowed between two results, relative to their size."""
    return {"float64": 1e-10, "float32": 1e-5, "float16": 2e-3}[np.dtype(dtype).name]


def _drawing(seed):
    rng = np.random.default_rng(seed)
    return lambda *shape, mean=2.0, sd=3.0: rng.normal(mean, sd, shape)


def _token_probes():
    """Yield (label, x, weight, bias, eps, allowed) for norms of the last axis."""
    draw = _drawing([1607, 6450])
    affine = draw(6, mean=1.0, sd=1.0), draw(6, mean=0.0, sd=1.0)
    single = [a.astype(np.float32) for a in affine]
    double_allowed, single_allowed = tolerance(np.float64), tolerance(np.float32)
    for eps in EPS:
        yield f"eps = {readable(eps)}", draw(3, 4, 6), *affine, eps, double_allowed
    for label, x in (
        ("one token", draw(6)),
        ("spread like √eps", 2.0 + draw(3, 4, 6, mean=0.0, sd=0.003)),
        ("equal features", np.broadcast_to(draw(3, 4, 1), (3, 4, 6)).copy()),
        ("not contiguous", draw(6, 4, 3).T[:, ::2]),
    ):
        yield label, x, *affine, 1e-5, double_allowed
    yield "float32", draw(3, 4, 6).astype(np.float32), *single, 1e-5, single_allowed
    # Rounding the mean of 10⁴ costs two passes up to 1e-3; one pass has no digit left.
    large = draw(3, 4, 6, mean=1e4, sd=1.0).astype(np.float32)
    yield "float32, mean 10⁴", large, *single, 1e-5, 2e-2


def _channel_probes(positions):
    """Yield the same for norms of (N, C, *) with six channels; (N, C) too unless `positions`."""
    draw = _drawing([1803, 8494])
    affine = draw(6, mean=1.0, sd=1.0), draw(6, mean=0.0, sd=1.0)
    single = [a.astype(np.float32) for a in affine]
    double_allowed, single_allowed = tolerance(np.float64), tolerance(np.float32)
    if not positions:
        yield "(N, C)", draw(4, 6), *affine, 1e-5, double_allowed
    for eps in EPS:
        yield f"(N, C, L), eps = {readable(eps)}", draw(4, 6, 5), *affine, eps, double_allowed
    for label, x in (
        ("(N, C, H, W)", draw(2, 6, 3, 4)),
        ("(N, C, D, H, W)", draw(2, 6, 3, 2, 4)),
        ("one sample", draw(1, 6, 5)),
        ("spread like √eps", 2.0 + draw(4, 6, 5, mean=0.0, sd=0.003)),
        ("equal channels", np.broadcast_to(draw(6, 1), (4, 6, 5)).copy()),
        ("channels last in memory", draw(2, 3, 4, 6).transpose(0, 3, 1, 2)),
    ):
        yield label, x, *affine, 1e-5, double_allowed
    yield "float32", draw(4, 6, 5).astype(np.float32), *single, 1e-5, single_allowed
    large = draw(4, 6, 5, mean=1e4, sd=1.0).astype(np.float32)
    yield "float32, mean 10⁴", large, *single, 1e-5, 2e-2


def _axis_probes():
    """Yield (label, x, axis, center, eps, allowed) for the operator under all norms."""
    draw = _drawing([1607, 8022])
    double_allowed = tolerance(np.float64)
    for eps in EPS:
        yield f"last axis, eps = {readable(eps)}", draw(3, 4, 6), -1, True, eps, double_allowed
    for label, x, axis, center in (
        ("last axis, mean kept", draw(3, 4, 6), -1, False),
        ("axes 1 and 2", draw(3, 4, 6), (1, 2), True),
        ("axes 0 and 2", draw(4, 6, 5), (0, 2), True),
        ("axes 2 and 3", draw(2, 6, 3, 4), (2, 3), True),
    ):
        yield f"{label}, eps = 0.1", x, axis, center, 0.1, double_allowed
    for label, x in (
        ("spread like √eps", 2.0 + draw(4, 6, 5, mean=0.0, sd=0.003)),
        ("equal numbers", np.broadcast_to(draw(6, 1), (4, 6, 5)).copy()),
        ("not contiguous", draw(5, 6, 8).T[::2]),
    ):
        yield label, x, -1, True, 1e-5, double_allowed
    yield "float32", draw(3, 4, 6).astype(np.float32), -1, True, 1e-5, tolerance(np.float32)
    large = draw(3, 4, 6, mean=1e4, sd=1.0).astype(np.float32)
    yield "float32, mean 10⁴", large, -1, True, 1e-5, 2e-2


def _require_function(name, mine):
    """The second argument can be called, and the first is not what was to be called."""
    if callable(name):
        norm = mine if isinstance(mine, str) else "layer_norm"
        raise TypeError(f"the name comes first: nl.agrees({norm!r}, f).")
    if not callable(mine):
        raise TypeError(
            f"mine must be a function, got {_kind(mine)}: pass the function itself, without "
            f"parentheses, as in nl.agrees({name!r}, f)."
        )


def _kind(value):
    """The kind of a value in words, never its content, which may be huge."""
    several = f" of {len(value)}" if isinstance(value, (tuple, list)) else ""
    return "None" if value is None else f"a value of type {type(value).__name__}{several}"


def _array(what, value):
    """What was returned as an array of numbers; a list or a tensor will do, as in `check`."""
    try:
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except Exception as error:
        if "ScalarType" in str(error):  # torch's word for a dtype that NumPy does not have
            raise Disagreement(
                f"{what} is a tensor of {value.dtype}, which has no NumPy form: convert it with "
                ".float()."
            ) from None
        array = None
    if array is None or array.dtype.kind not in "biufc":
        fix = "is return missing?" if value is None else "return the array alone."
        raise Disagreement(f"{what} must be an array of numbers, got {_kind(value)}: {fix}")
    return array


def _results(name, value, dy):
    """The output alone, or the output and all gradients of a vjp."""
    if not name.endswith("_vjp"):
        return [_array(f"the result of {name}", value)]
    if not (isinstance(value, tuple | list) and len(value) == 2 and callable(value[1])):
        raise Disagreement(f"{name} must return the pair (y, vjp), got {type(value).__name__}.")
    y, vjp = _array(f"the output y of {name}", value[0]), value[1]
    gradients = vjp(dy.copy())
    # One array would be taken apart along its first axis, as if its rows were the gradients.
    if not isinstance(gradients, tuple | list):
        fix = "is return missing?" if gradients is None else "write (dx,) if it is the only one."
        raise Disagreement(
            f"the vjp of {name} must return the gradients as a tuple, got {_kind(gradients)}: {fix}"
        )
    return [y, *(_array(f"gradient {i} of {name}", g) for i, g in enumerate(gradients, 1))]


def _other_shapes(name, found, expected):
    """What to say of the first result of another shape, whose difference is infinite; or nothing.

    Another number of them is refused: which of them is missing cannot be told.
    """
    if len(found) != len(expected):
        raise Disagreement(
            f"the vjp of {name} must return a tuple of {len(expected) - 1}, a gradient for each "
            f"array that {name} is given, got a tuple of {len(found) - 1}."
        )
    for i, (f, e) in enumerate(zip(found, expected, strict=True)):
        if f.shape != e.shape:
            what = f"gradient {i}" if i else "the output"
            return f": {what} has shape {f.shape} and should have {e.shape}"
    return ""


def torch_results(
    name: str, x: np.ndarray, arguments: Sequence, eps: float, dy: np.ndarray | None
) -> list[np.ndarray]:
    """PyTorch's output alone, or its output and, by autograd, all gradients."""
    import torch

    arrays = [torch.tensor(a) if isinstance(a, np.ndarray) else a for a in (x, *arguments)]
    tensors = [a.requires_grad_() for a in arrays if torch.is_tensor(a)]
    norm = name.removesuffix("_vjp")
    if norm == "normalize":
        y = OPERATOR[tuple(arguments)](torch.nn.functional, arrays[0], eps)
    else:
        y = CALLS[norm](getattr(torch.nn.functional, norm), arrays[0], arrays[1:], eps)
    if not name.endswith("_vjp"):
        return [y.detach().numpy()]
    y.backward(torch.tensor(dy))
    return [y.detach().numpy(), *(np.asarray(t.grad) for t in tensors)]


def _difference(found, expected):
    """The largest difference, relative to each result's size; infinite if the shapes differ."""
    pairs = list(zip(found, expected, strict=True))
    if any(f.shape != e.shape for f, e in pairs):
        return np.inf
    worst = max(float(np.abs(f - e).max()) / max(1.0, np.abs(e).max()) for f, e in pairs)
    return worst if worst == worst else np.inf  # nan would compare as neither right nor wrong
