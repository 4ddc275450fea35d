"""The classes of transformers, built small from their configurations; nothing is downloaded."""

import torch
import transformers

WIDTH = 32
SMALL = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 64,
    "n_embd": WIDTH,
    "n_layer": 2,
    "n_head": 2,
    "d_model": WIDTH,
    "d_ff": 64,
    "num_layers": 2,
    "num_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "num_experts": 4,
    "vocab_size_per_layer_input": 64,
}


def config_of(name, **settings):
    """A small configuration, and whatever else is set."""
    kind = getattr(transformers, name + "Config")
    sizes = {key: size for key, size in SMALL.items() if key in kind().to_dict()}
    return kind(**{**sizes, **settings})


def build(config, seed=0):
    """The model without a head, in eval mode, with seeded weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return transformers.AutoModel.from_config(config).eval()
