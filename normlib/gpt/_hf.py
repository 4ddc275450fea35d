"""Weights of GPT-1 and GPT-2 as Hugging Face keeps them, under our names."""

import json
from pathlib import Path
from typing import Any

import torch

from normlib.gpt._fields import require_safetensors

PLACEMENT = {"gpt2": "pre", "openai-gpt": "post"}
OWN_NAMES = (  # theirs → ours, in this order
    *(("transformer.", ""), ("lm_head", "head"), ("h.", "blocks."), ("tokens_embed", "wte")),
    *(("positions_embed", "wpe"), ("c_attn", "qkv"), ("c_proj", "proj"), ("c_fc", "fc")),
    *(("ln_f", "final_norm"), ("ln_", "norm_")),
)
TRANSPOSED = ("qkv.weight", "proj.weight", "fc.weight")  # their Conv1D is (in, out)
MASKS = (".attn.bias", ".attn.masked_bias")  # no weights: the causal mask
ACTIVATIONS = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu"}
HEAD = 64  # features of a head in every size of GPT-1 and GPT-2 that was published
SIZES = ("vocab_size", "n_layer", "n_head", "n_embd")  # n_positions is our block_size
ONLY = "GPT.from_hf reads GPT-1 (openai-gpt) and GPT-2 (gpt2)"
BEYOND = {  # what a configuration says → what our GPT cannot express
    "rope_theta": "rotary positions",
    "rope_parameters": "rotary positions",
    "rotary_dim": "rotary positions",
    "rotary_pct": "rotary positions",
    "alibi": "positions by ALiBi",
    "num_local_experts": "a mixture of experts",
    "num_experts": "a mixture of experts",
    "is_encoder_decoder": "an encoder",
}
FLAGS = ("scale_attn_by_inverse_layer_idx", "add_cross_attention")  # of GPT-2's class, off in GPT-2


def read(source, n_head):
    """The fields of a GPTConfig and the weights under our names, from whatever holds them."""
    if isinstance(source, (str, Path)):
        folder = _folder(source)
        fields = _fields_of(_json(folder / "config.json"), folder)
        return fields, _renamed(_weights(folder))
    if not hasattr(source, "items") or not source:
        raise TypeError(
            "from_hf takes a folder, a name on the hub or a state dict, got a "
            f"{type(source).__name__}: of a model, give model.state_dict()."
        )
    foreign = [name for name in source if not isinstance(source[name], torch.Tensor)]
    if foreign:
        raise TypeError(f"a state dict maps names to tensors, but {foreign[0]!r:.60} is none.")
    state = _renamed(source)
    return _fields_from(state, n_head), state


def _folder(source):
    """A folder as it is; else the copy of a model that the hub's own client keeps."""
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    if path.is_absolute() or str(source).count("/") > 1 or str(source).startswith("."):
        raise FileNotFoundError(f"there is no folder {path}: save_pretrained(folder) writes one.")
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ImportError(
            f"there is no folder {path}, and a name on the hub needs huggingface_hub: "
            "pip install huggingface_hub."
        ) from None
    patterns = ["config.json", "tokenizer.json", "*.safetensors", "*.safetensors.index.json"]
    try:
        return Path(snapshot_download(str(source), allow_patterns=patterns))
    except Exception as error:  # a client of the network raises what it likes
        raise OSError(
            f"there is no folder {path}, and the hub gave no model of that name "
            f"({type(error).__name__}): check the name and the network."
        ) from None


def _json(path):
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path.parent} holds no {path.name}: save_pretrained(folder) writes one."
        ) from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"{path} is not a JSON object: it was cut off or edited.")
    return found


def _fields_of(config, folder):
    """The fields of a GPTConfig from a config.json, or what stands against it."""
    kind = config.get("model_type")
    if kind not in PLACEMENT:
        beyond = [what for key, what in BEYOND.items() if config.get(key)]
        if config.get("num_key_value_heads") not in (None, config.get("num_attention_heads")):
            beyond.append("grouped queries")
        why = f", which has {', '.join(dict.fromkeys(beyond))}" if beyond else ""
        raise ValueError(f"{ONLY}; {folder} holds {kind!r}{why}: take one of these two.")
    activation = config.get("activation_function", config.get("afn", "gelu_new"))
    if kind == "openai-gpt" and activation == "gelu":
        activation = "gelu_new"  # what that class calls gelu
    odd = [name for name in FLAGS if config.get(name)]
    odd += [] if config.get("scale_attn_weights", True) else ["scale_attn_weights=False"]
    odd += [] if activation in {*ACTIVATIONS, "gelu"} else [f"the activation {activation!r}"]
    wide = 4 * (config.get("n_embd") or 0) or None  # None: the width is missing, said below
    odd += ["n_inner"] if wide and config.get("n_inner") not in (None, wide) else []
    if odd:
        raise ValueError(f"{ONLY}, as they were published; {folder} has {', '.join(odd)}.")
    missing = [name for name in (*SIZES, "n_positions") if config.get(name) is None]
    if missing:
        raise ValueError(
            f"{folder / 'config.json'} must say how large the model is, and lacks "
            f"{', '.join(missing)}: it was edited, save_pretrained(folder) writes it anew."
        )
    return {
        **{name: config[name] for name in SIZES},
        "block_size": config["n_positions"],
        "placement": PLACEMENT[kind],
        "norm_eps": config.get("layer_norm_epsilon", 1e-5),
        "activation": ACTIVATIONS.get(activation, activation),
        "tie_head": config.get("tie_word_embeddings", True),
    }


def _weights(folder):
    """The tensors of a folder, in one file or in several."""
    files = sorted(folder.glob("*.safetensors"))
    if not files and (folder / "pytorch_model.bin").exists():
        return torch.load(folder / "pytorch_model.bin", map_location="cpu", weights_only=True)
    if not files:
        raise FileNotFoundError(f"{folder} holds no model.safetensors: save_pretrained writes one.")
    require_safetensors()
    from safetensors.torch import load_file

    try:
        return {name: value for file in files for name, value in load_file(file).items()}
    except Exception as error:
        raise ValueError(f"{files[0]} cannot be read ({error}): load the model again.") from None


def _renamed(weights):
    state = {}
    for name, value in weights.items():
        if name.endswith(MASKS):
            continue
        for theirs, ours in OWN_NAMES:
            name = name.replace(theirs, ours)
        state[name] = (value.T if name.endswith(TRANSPOSED) else value).float()
    return state


def _fields_from(state, n_head):
    """The fields of a GPTConfig, as far as shapes tell them."""
    needed = ("wte.weight", "wpe.weight", "blocks.0.attn.qkv.weight", "blocks.0.norm_2.weight")
    missing = [name for name in needed if name not in state]
    if missing:
        raise ValueError(
            f"{ONLY}; this state dict has nothing for {missing[0]}, but {len(state)} other tensors,"
            f" as {min(state)!r}: take one of these two."
        )
    (vocab_size, n_embd), (block_size, _) = state["wte.weight"].shape, state["wpe.weight"].shape
    if n_head is None and n_embd % HEAD:
        raise ValueError(
            f"n_head cannot be read from a state dict, and {n_embd} features are no multiple of "
            f"{HEAD}, the head of every published GPT-1 and GPT-2: give n_head."
        )
    return {
        "vocab_size": vocab_size,
        "n_layer": 1 + max(int(name.split(".")[1]) for name in state if name[:7] == "blocks."),
        "n_head": n_embd // HEAD if n_head is None else n_head,
        "n_embd": n_embd,
        "block_size": block_size,
        "placement": "pre" if "final_norm.weight" in state else "post",
        "activation": "gelu_tanh",
        "tie_head": "head.weight" not in state
        or torch.equal(state["head.weight"], state["wte.weight"]),
    }


def load_tokenizer(source: str | Path) -> Any:
    """The tokenizer of a model of Hugging Face, which turns text into its numbers and back.

    Parameters
    ----------
    source : str or pathlib.Path
        As in `GPT.from_hf`: a folder with a ``tokenizer.json``, or a name on the hub.

    Returns
    -------
    tokenizers.Tokenizer
        ``tokenizer.encode(text).ids`` are the numbers, ``tokenizer.decode(ids)`` is the text.

    Raises
    ------
    ImportError
        Without the package tokenizers.
    OSError
        If there is no such folder, name or file.

    Examples
    --------
    >>> import torch
    >>> from normlib.gpt import GPT, load_tokenizer
    >>> name = "openai-community/gpt2"  # doctest: +SKIP
    >>> idx = torch.tensor([load_tokenizer(name).encode("Normalization").ids])  # doctest: +SKIP
    >>> logits, _ = GPT.from_hf(name)(idx)  # doctest: +SKIP
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ImportError("load_tokenizer needs tokenizers: pip install tokenizers.") from None
    path = _folder(source) / "tokenizer.json"
    if not path.exists():
        raise FileNotFoundError(
            f"{path.parent} holds no tokenizer.json: a tokenizer's save_pretrained writes one."
        )
    return Tokenizer.from_file(str(path))
