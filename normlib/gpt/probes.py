"""What goes on inside a model: measured on one batch, layer by layer.

Put the model in eval mode first if it has dropout.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from normlib.gpt.model import GPT

BINS = torch.linspace(-8, 8, 65)  # of activations divided by their standard deviation


@contextlib.contextmanager
def stream(model: GPT) -> Iterator[list[torch.Tensor]]:
    """Collect the residual stream: a list that a forward pass fills.

    Entry 0 is the embedding, entry l the output of block l; each (B, T, C).

    Examples
    --------
    >>> import torch
    >>> from normlib.gpt import GPT, GPTConfig, probes
    >>> model = GPT(GPTConfig(vocab_size=5, n_layer=2))
    >>> with probes.stream(model) as x:
    ...     logits, _ = model(torch.zeros(1, 4, dtype=torch.long))
    >>> len(x), x[0].shape
    (3, torch.Size([1, 4, 64]))
    """
    _require_gpt(model)
    collected = []
    hooks = [
        model.blocks[0].register_forward_pre_hook(lambda _, args: collected.append(args[0])),
        *(b.register_forward_hook(lambda _, args, y: collected.append(y)) for b in model.blocks),
    ]
    try:
        yield collected
    finally:
        for hook in hooks:
            hook.remove()


def residual_rms(model: GPT, idx: torch.Tensor, targets: torch.Tensor) -> list[float]:
    """Root mean square of the residual stream: after the embedding and after each block.

    Examples
    --------
    >>> import torch
    >>> from normlib.gpt import GPT, GPTConfig, probes
    >>> idx = torch.zeros(1, 4, dtype=torch.long)
    >>> sizes = probes.residual_rms(GPT(GPTConfig(vocab_size=5, placement="post")), idx, idx)
    >>> [round(size, 2) for size in sizes[1:]]  # LayerNorm stands at the end of each block
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    return [x.float().pow(2).mean().sqrt().item() for x in _stream(model, idx)]


def residual_max(model: GPT, idx: torch.Tensor, targets: torch.Tensor) -> list[float]:
    """Largest absolute entry of the residual stream: after the embedding and each block."""
    return [x.float().abs().max().item() for x in _stream(model, idx)]


def residual_cosine(model: GPT, idx: torch.Tensor, targets: torch.Tensor) -> list[float]:
    """Mean cosine between a token's stream before and after each block."""
    xs = _stream(model, idx)
    pairs = zip(xs[:-1], xs[1:], strict=True)
    return [torch.cosine_similarity(a.float(), b.float(), dim=-1).mean().item() for a, b in pairs]


def outlier_features(model: GPT, idx: torch.Tensor, targets: torch.Tensor) -> list[float]:
    """Size of the largest feature over that of the median one: at the embedding, after each block.

    The size of a feature is its root mean square over all tokens. Near 1 all features are alike; a
    massive one makes it tens or hundreds.

    References
    ----------
    Sun et al. (2024), Massive Activations in Large Language Models, arXiv:2402.17762.

    Examples
    --------
    >>> import torch
    >>> from normlib.gpt import GPT, GPTConfig, probes
    >>> model, idx = GPT(GPTConfig(vocab_size=5, n_layer=1)), torch.arange(4)[None]  # (1, 4)
    >>> _ = model.wte.weight.data[:, 7].fill_(100.0)
    >>> probes.outlier_features(model, idx, idx)[0] > 50
    True
    """
    return [_largest_over_median(x.pow(2).mean((0, 1))) for x in _floats(model, idx)]


def outlier_positions(model: GPT, idx: torch.Tensor, targets: torch.Tensor) -> list[float]:
    """Size of the largest position over that of the median one: at the embedding and after blocks.

    The size of a position is the root mean square of its stream, over the batch and the features.
    """
    return [_largest_over_median(x.pow(2).mean((0, 2))) for x in _floats(model, idx)]


def token_cosine(model: GPT, idx: torch.Tensor, targets: torch.Tensor) -> list[float]:
    """Mean cosine between the streams of two tokens of a row: at the embedding, after each block.

    At 1 all tokens of a row are alike, and nothing tells them apart any more.
    """
    found = []
    for x in _floats(model, idx):
        x = torch.nn.functional.normalize(x, dim=-1)
        T = x.shape[1]
        pairs = (x @ x.mT).sum((1, 2)) - x.pow(2).sum((1, 2))  # without each token and itself
        found.append((pairs / max(T * (T - 1), 1)).mean().item())
    return found


def grad_norm(model: GPT, idx: torch.Tensor, targets: torch.Tensor) -> list[float]:
    """Norm of the gradient of the loss for the last weight of each block, ``mlp.proj``."""
    _require_gpt(model)
    blocks: list[Any] = [*model.blocks]  # each a Block, which ModuleList does not say
    weights = [block.mlp.proj.weight for block in blocks]
    gradients = torch.autograd.grad(model(idx, targets)[1], weights)
    return [g.float().norm().item() for g in gradients]


def stream_grad_norm(model: GPT, idx: torch.Tensor, targets: torch.Tensor) -> list[float]:
    """Norm of the gradient of the loss for the stream: at the embedding and after each block."""
    with stream(model) as xs:
        loss = model(idx, targets)[1]
    return [g.float().norm().item() for g in torch.autograd.grad(loss, xs)]


def activation_histogram(model: GPT, idx: torch.Tensor, targets: torch.Tensor) -> list[list[float]]:
    """Share of the stream's entries in each of 64 bins from −8 to 8 standard deviations."""
    rows = []
    for x in _stream(model, idx):
        x = x.float().flatten().cpu()
        scaled = x / x.std().clamp_min(1e-30)
        scaled = scaled.clamp(BINS[0], BINS[-1])  # what lies beyond goes to the last bin
        rows.append((torch.histogram(scaled, BINS).hist / x.numel()).tolist())
    return rows


def attention_logit_max(model: GPT, idx: torch.Tensor, targets: torch.Tensor) -> list[float]:
    """Largest ``|q · k| / √head`` of each block, over the pairs of tokens that the mask allows.

    Examples
    --------
    >>> import torch
    >>> from normlib.gpt import GPT, GPTConfig, probes
    >>> idx = torch.arange(4)[None]  # (1, 4)
    >>> model = GPT(GPTConfig(vocab_size=5, n_layer=2, qk_norm=True))
    >>> largest = probes.attention_logit_max(model, idx, idx)
    >>> max(largest) <= (64 / 4) ** 0.5  # a normalized query of 16 features has length √16
    True
    """
    later = -torch.inf  # of a token that comes later; all else counts, a broken model's nan too
    return [
        torch.where(s == later, 0.0, s.abs()).max().item() for s in _attention_logits(model, idx)
    ]


def attention_entropy(model: GPT, idx: torch.Tensor, targets: torch.Tensor) -> list[float]:
    """Mean entropy of the attention weights of each block, in nats: ln T for a flat one."""
    found = []
    for logits in _attention_logits(model, idx):
        log_p = logits.log_softmax(-1)
        terms = torch.where(log_p == -torch.inf, 0.0, log_p.exp() * log_p)
        found.append(-terms.sum(-1).mean().item())
    return found


def first_token_attention(model: GPT, idx: torch.Tensor, targets: torch.Tensor) -> list[float]:
    """Share of the attention that goes to the first token, of each block: of all later tokens.

    If attention is spread evenly, of a row of T tokens, it is (1/2 + 1/3 + … + 1/T) / (T − 1).

    References
    ----------
    Xiao et al. (2024), Efficient Streaming Language Models with Attention Sinks, arXiv:2309.17453.

    Examples
    --------
    >>> import torch
    >>> from normlib.gpt import GPT, GPTConfig, probes
    >>> idx = torch.zeros(1, 3, dtype=torch.long)
    >>> model = GPT(GPTConfig(vocab_size=5, n_layer=1))
    >>> _ = model.blocks[0].attn.qkv.weight.data.zero_()
    >>> [round(share, 3) for share in probes.first_token_attention(model, idx, idx)]  # 5/12
    [0.417]
    """
    return [
        logits.softmax(-1)[..., 1:, 0].mean().item() for logits in _attention_logits(model, idx)
    ]


PROBES = {
    probe.__name__: probe
    for probe in (
        residual_rms,
        residual_max,
        residual_cosine,
        outlier_features,
        outlier_positions,
        token_cosine,
        grad_norm,
        stream_grad_norm,
        activation_histogram,
        attention_logit_max,
        attention_entropy,
        first_token_attention,
    )
}


def _require_gpt(model):
    if not isinstance(model, GPT):
        raise TypeError(
            f"probes need a normlib.gpt.GPT, got {type(model).__name__}: load its weights into one."
        )


def _largest_over_median(squares):
    return (squares.max() / squares.median().clamp_min(1e-30)).sqrt().item()


def _floats(model, idx):
    """The stream in at least float32; each (B, T, C)."""
    return [x if x.dtype == torch.float64 else x.float() for x in _stream(model, idx)]


def _stream(model, idx):
    with torch.no_grad(), stream(model) as xs:
        model(idx)
    return xs


def _attention_logits(model, idx):
    """Scaled logits of each block, (B, n_head, T, T); those of later tokens are −∞."""
    _require_gpt(model)
    pairs, hooks = [], []
    for block in model.blocks:
        pair = []  # q, then k
        pairs.append(pair)
        for norm in {block.attn.q_norm, block.attn.k_norm}:  # without QK-norm one and the same
            hooks.append(norm.register_forward_hook(lambda _, args, y, pair=pair: pair.append(y)))
    try:
        with torch.no_grad():
            model(idx)
    finally:
        for hook in hooks:
            hook.remove()
    later = torch.ones(idx.shape[1], idx.shape[1], dtype=torch.bool, device=idx.device).triu(1)
    for q, k in pairs:
        logits = q.float() @ k.float().transpose(-1, -2) / q.shape[-1] ** 0.5
        yield logits.masked_fill(later, -torch.inf)
