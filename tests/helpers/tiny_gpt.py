"""A GPT small enough to compare number by number, and what to feed it."""

from typing import get_args

import torch

from normlib.gpt import GPTConfig
from normlib.gpt.norms import Norm
from normlib.placements import PLACEMENTS

NORMS = get_args(Norm)
NORMED = [name for name, row in PLACEMENTS.items() if row.norms]
TINY = {"vocab_size": 11, "n_layer": 2, "n_head": 2, "n_embd": 8, "block_size": 6}


def tiny(**options):
    return GPTConfig(**TINY | options)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def tokens(*shape, vocab_size=11, seed=0):
    return torch.randint(vocab_size, shape, generator=seeded(seed))


def normal(*shape, seed=0):
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


@torch.no_grad()
def scrambled(module, seed=0):
    """The module in float64 with noise on every parameter, so that no two are alike."""
    generator = seeded(seed)
    for parameter in module.double().parameters():
        parameter += 0.4 * torch.randn(parameter.shape, generator=generator)
    return module


def close(found, expected, atol=1e-10):
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)
