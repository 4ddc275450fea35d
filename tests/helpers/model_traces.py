"""Where the norms of a block stand, seen from the numbers that go in and out of its parts."""

from typing import NamedTuple

import torch
from torch import nn

ATTENTION = ("self_attn", "attn", "attention", "self_attention", "SelfAttention")
MLP = ("mlp", "ffn", "feed_forward", "DenseReluDense")
SUBLAYERS = {  # first and last module, where a sublayer is not one of those names
    "Bert": (("attention.self", "attention.output.dense"), ("intermediate", "output.dense")),
    "OPT": (("self_attn", "self_attn"), ("fc1", "fc2")),
}


class Trace(NamedTuple):
    """One pass through the first block; tensors (tokens, features).

    `attention_out` and `mlp_out` are candidates: what the sublayer returned, which may hold the
    residual already, and what its last linear layer returned.
    """

    x: torch.Tensor
    y: torch.Tensor
    attention_in: torch.Tensor
    attention_out: list
    mlp_in: torch.Tensor
    mlp_out: list
    norms: list
    calls: dict
    norm_of_embedding: bool
    final_norm: bool


def first(value):
    """The first tensor in the arguments or results of a module."""
    if isinstance(value, torch.Tensor):
        return value
    values = value.values() if isinstance(value, dict) else value
    return (
        next((found for v in values if (found := first(v)) is not None), None) if values else None
    )


def flat(x):
    return x.detach().reshape(-1, x.shape[-1])


def is_norm(module):
    return "norm" in type(module).__name__.lower() and not list(module.children())


def blocks_of(model):
    """The list of blocks of the model; of an encoder's and a decoder's the first."""
    return next(m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == 2)


@torch.no_grad()
def trace(model, seed=1):
    """Run the model on a few tokens and collect what its first block saw."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():  # norms with weights as after training
        if parameter.dim() == 1:
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    blocks, seen = blocks_of(model), []

    def record(module, args, kwargs, out):
        given = args if first(args) is not None else kwargs
        seen.append((module, flat(first(given).clone()), flat(first(out).clone())))

    hooks = [m.register_forward_hook(record, with_kwargs=True) for m in model.modules()]
    ids = torch.randint(3, 60, (1, 5), generator=generator)
    model(input_ids=ids, **({"decoder_input_ids": ids} if "T5" in type(model).__name__ else {}))
    for hook in hooks:
        hook.remove()

    block = blocks[0]
    paths = {module: path for path, module in block.named_modules()}
    inside = [(paths[m], m, x, y) for m, x, y in seen if m in paths]
    family = type(model).__name__.removesuffix("Model")
    ends = SUBLAYERS.get(family) or [(sublayer(block, n),) * 2 for n in (ATTENTION, MLP)]
    (attention_in, attention_out), (mlp_in, mlp_out) = (passed(inside, *pair) for pair in ends)
    (x, y) = next((x, y) for path, _, x, y in inside if path == "")
    calls = {path: (a, b) for path, m, a, b in inside if is_norm(m)}
    norms = [pair for path, pair in calls.items() if not path.startswith(ends[0][0] + ".")]
    all_norms = [(m, a, b) for m, a, b in seen if is_norm(m)]
    last = next(b for m, _, b in seen if m is blocks[-1])
    return Trace(
        x, y, attention_in, attention_out, mlp_in, mlp_out, norms, calls,
        any(same(b, x) for _, _, b in all_norms),
        any(same(a, last) for _, a, _ in all_norms),
    )  # fmt: skip


def sublayer(block, names):
    """The path of the outermost module with one of these names."""
    return next(path for path, _ in block.named_modules() if path.rpartition(".")[2] in names)


def passed(inside, start, end):
    """What went into a sublayer, and candidates for what came out."""
    into = next(x for path, _, x, _ in inside if path == start)
    out = [y for path, _, _, y in inside if path == end]
    width = into.shape[-1]
    linear = [
        y
        for path, m, _, y in inside
        if path.startswith(end + ".") and type(m).__name__.endswith(("Linear", "Conv1D"))
        if y.shape == (len(into), width)
    ]
    return into, out + linear[-1:]


def same(a, b):
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5)


def placements(seen):
    """All placements whose equations hold between the parts of this block."""

    def normed(t):
        return [out for x, out in seen.norms if same(x, t)]

    x, y = seen.x, seen.y
    found = set()
    for a in seen.attention_out:
        for m in seen.mlp_out:
            a_in_is = [same(seen.attention_in, t) for t in normed(x)]
            for h in normed(seen.attention_in + a):  # post-norm, each norm in the next part
                if any(a_in_is) and same(seen.mlp_in, h) and same(y, h + m):
                    found.add("post")
            if same(seen.attention_in, x):
                for n in normed(x + a):  # post-norm's first half
                    if same(seen.mlp_in, n) and any(same(y, z) for z in normed(n + m)):
                        found.add("post")
                for h in (x + n for n in normed(a)):
                    if same(seen.mlp_in, h) and any(same(y, h + n) for n in normed(m)):
                        found.add("reordered")
            elif any(a_in_is):
                if any(same(seen.mlp_in, n) for n in normed(x + a)) and same(y, x + a + m):
                    found.add("pre")
                if any(same(seen.mlp_in, n) for n in normed(x)) and same(y, x + a + m):
                    found.add("parallel")
                for h in (x + n for n in normed(a)):
                    into_mlp = any(same(seen.mlp_in, n) for n in normed(h))
                    if into_mlp and any(same(y, h + n) for n in normed(m)):
                        found.add("peri")
    return found
