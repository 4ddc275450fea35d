"""Change the norms of a model: the same function with fewer numbers, or without one of its norms.

Each function works on a copy; the model that it is given stays as it is.
"""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from normlib.gpt.model import GPT
from normlib.gpt.norms import make_norm
from normlib.placements import PLACEMENTS


def gains(model: GPT) -> dict[str, torch.Tensor]:
    r"""The learned scale γ of every norm, by the name of the norm.

    Parameters
    ----------
    model : GPT
        Any of ours.

    Returns
    -------
    dict
        As ``{"blocks.0.norm_1": tensor (C,), …, "final_norm": tensor (C,)}``, in the order in
        which a token meets them; with QK-norm also ``blocks.0.attn.q_norm`` and ``k_norm``.

    Examples
    --------
    >>> from normlib.gpt import GPT, GPTConfig, gains
    >>> found = gains(GPT(GPTConfig(vocab_size=5, n_layer=1)))
    >>> list(found)
    ['blocks.0.norm_1', 'blocks.0.norm_2', 'final_norm']
    >>> found["final_norm"].shape
    torch.Size([64])
    """
    return {name: norm.weight.detach().clone() for name, norm in _norms(model)}


def fold_affine(model: GPT) -> GPT:
    r"""The same function, with γ and β moved from the norms into the linear layers behind them.

    .. math:: W (\hat x \odot \gamma + \beta) + b
              = (W \operatorname{diag} \gamma)\, \hat x + (W \beta + b)

    Built step by step in Chapter 6. Only a norm that a linear layer alone reads can be folded:
    those before a sublayer, and the final one. A norm on the stream or behind a sublayer is read
    by the residual connection, too, and stays as it is.

    Parameters
    ----------
    model : GPT
        With a norm before its sublayers or its head.

    Returns
    -------
    GPT
        A copy whose folded norms have γ = 1 and β = 0. Its head is no longer shared with the
        embedding, and it gets a bias if there was a β.

    Raises
    ------
    ValueError
        If no norm can be folded, as in post-norm.

    Examples
    --------
    >>> import torch
    >>> from normlib.gpt import GPT, GPTConfig, fold_affine, gains
    >>> model = GPT(GPTConfig(vocab_size=5, n_layer=1))
    >>> _ = model.blocks[0].norm_1.weight.data.fill_(3.0)
    >>> folded = fold_affine(model)
    >>> gains(folded)["blocks.0.norm_1"].unique()
    tensor([1.])
    >>> idx = torch.tensor([[1, 2, 3]])
    >>> torch.allclose(folded(idx)[0], model(idx)[0], atol=1e-5)
    True
    """
    twin = _untied(model)
    readers = _readers(twin)
    if not readers:
        raise ValueError(
            f"no norm of placement={model.config.placement!r} can be folded: none is read by a "
            "linear layer alone. Those of pre, peri and reordered are."
        )
    with torch.no_grad():
        for norm, linear in readers:
            _fold_bias(norm, linear)
            linear.weight *= norm.weight
            norm.weight.fill_(1.0)
    return twin


def to_rmsnorm(model: GPT) -> GPT:
    r"""The same function with RMSNorm: whatever writes to the stream is centered instead.

    .. math:: \operatorname{LN}(x) = \operatorname{RMSNorm}(x - \mu), \qquad
              (I - \tfrac1C 1 1^\top)\,(W h + b) \text{ has no mean}

    Built step by step in Chapter 9.

    Parameters
    ----------
    model : GPT
        Pre-norm, with LayerNorm.

    Returns
    -------
    GPT
        With ``norm="rmsnorm"``, and a head of its own. The biases of the norms stand in the linear
        layers that follow.

    Raises
    ------
    ValueError
        For another norm, and for another placement, whose norms write to the stream themselves.

    References
    ----------
    Jiang et al. (2023), Pre-RMSNorm and Pre-CRMSNorm Transformers, arXiv:2305.14858.

    Examples
    --------
    >>> import torch
    >>> from normlib.gpt import GPT, GPTConfig, to_rmsnorm
    >>> model = GPT(GPTConfig(vocab_size=5, n_layer=2))
    >>> twin, idx = to_rmsnorm(model), torch.tensor([[1, 2, 3]])
    >>> twin.config.norm, torch.allclose(twin(idx)[0], model(idx)[0], atol=1e-5)
    ('rmsnorm', True)
    """
    config = model.config
    if config.norm != "layernorm" or config.placement != "pre" or config.qk_norm:
        raise ValueError(
            "to_rmsnorm takes a pre-norm GPT with LayerNorm and without QK-norm, got "
            f"norm={config.norm!r}, placement={config.placement!r}, qk_norm={config.qk_norm}: "
            "elsewhere a norm writes to the stream itself, or reads what nobody can center."
        )
    twin = _untied(model)
    if len([*_norms(twin)]) < 2 * config.n_layer + 1:
        raise ValueError("a norm was removed from the model: its reader would see the mean go.")
    with torch.no_grad():
        for norm, linear in _readers(twin):
            _fold_bias(norm, linear)
        for block in _blocks(twin):
            for proj in (block.attn.proj, block.mlp.proj):
                _center(proj.weight, axis=0)
                if proj.bias is not None:
                    _center(proj.bias, axis=0)
        for embedding in (twin.wte, twin.wpe):
            _center(embedding.weight, axis=1)
    for name, norm in [*_norms(twin)]:
        new = make_norm("rmsnorm", config.n_embd, config.norm_eps)
        new.weight = norm.weight
        _replace(twin, name, new)
    twin.config = replace(twin.config, norm="rmsnorm")
    return twin


def remove_norm(model: GPT, name: str) -> GPT:
    """The model without one of its norms, all else as it was.

    Parameters
    ----------
    model : GPT
        Any of ours.
    name : str
        As `gains` has it, for example ``"blocks.0.norm_1"``.

    Returns
    -------
    GPT
        A copy in which that norm hands on what it gets.

    Raises
    ------
    ValueError
        If there is no such norm; it says which there are.

    Examples
    --------
    >>> from normlib.gpt import GPT, GPTConfig, gains, remove_norm
    >>> model = remove_norm(GPT(GPTConfig(vocab_size=5, n_layer=1)), "final_norm")
    >>> list(gains(model))
    ['blocks.0.norm_1', 'blocks.0.norm_2']
    """
    names = [own for own, _ in _norms(model)]
    if name not in names:
        raise ValueError(f"the model has no norm {name!r}: there are {', '.join(names) or 'none'}.")
    twin = copy.deepcopy(model)
    _replace(twin, name, nn.Identity())
    return twin


def _norms(model: GPT) -> Iterator[tuple[str, Any]]:
    """Names and modules of all norms, in the order in which a token meets them."""
    order = ("norm_1", "attn.q_norm", "attn.k_norm", "norm_1_out", "norm_2", "norm_2_out")
    for i, block in enumerate(model.blocks):
        own = dict(block.named_modules())
        for name in order:
            if hasattr(own.get(name), "weight"):
                yield f"blocks.{i}.{name}", own[name]
    if hasattr(model.final_norm, "weight"):
        yield "final_norm", model.final_norm


def _readers(model: GPT) -> list[tuple[Any, Any]]:
    """Each norm that a linear layer alone reads, with that layer."""
    pairs = [(model.final_norm, model.head)]
    if "in" in PLACEMENTS[model.config.placement].norms:
        for block in _blocks(model):
            pairs += [(block.norm_1, block.attn.qkv), (block.norm_2, block.mlp.fc)]
    return [(norm, linear) for norm, linear in pairs if hasattr(norm, "weight")]


def _blocks(model: GPT) -> list[Any]:
    return [*model.blocks]  # each a Block, which ModuleList does not say


def _fold_bias(norm, linear):
    """Move β into the linear layer behind the norm."""
    if getattr(norm, "bias", None) is None:
        return
    moved = linear.weight @ norm.bias
    old = 0 if linear.bias is None else linear.bias
    linear.bias = nn.Parameter(moved + old)
    norm.bias.zero_()


def _center(weight, axis):
    weight -= weight.mean(axis, keepdim=True)


def _untied(model):
    """A copy whose head is a matrix of its own."""
    twin = copy.deepcopy(model)
    twin.head.weight = nn.Parameter(twin.head.weight.detach().clone())
    twin.config = replace(model.config, tie_head=False)
    return twin


def _replace(model, name, module):
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)
