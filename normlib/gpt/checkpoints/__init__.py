"""Trained models as files: weights, configuration and characters, and no code that could run."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from normlib.gpt._fields import require_kind, require_safetensors, shown
from normlib.gpt.data import Text, require_text
from normlib.gpt.model import GPT, GPTConfig
from normlib.gpt.provenance import provenance as provenance_now
from normlib.results import _files

HERE = Path(__file__).parent
SUFFIX = ".safetensors"
ABOUT = "normlib.gpt"  # the entry of a file's metadata that says what the weights are


def save_model(
    model: GPT,
    path: str | Path,
    text: Text,
    provenance: dict[str, Any] | None = None,
    half: bool = False,
) -> None:
    """Write a model to a file, whole or not at all.

    Parameters
    ----------
    model : GPT
        The model.
    path : str or pathlib.Path
        Where to; the name ends in ``.safetensors``.
    text : Text
        What it was trained on. The file has its characters, name and fingerprint.
    provenance : dict, optional
        Where the model comes from, as a Run's `provenance`; None: the versions and the date of now.
    half : bool, default: False
        Store in float16, half as large and exact to three digits; otherwise in float32.

    Raises
    ------
    ValueError
        For another ending, a text of other characters than the model's, a model whose layers were
        changed, or weights too large for float16.
    TypeError
        For a model or a text of another kind, or a provenance that JSON cannot hold.
    OSError
        If the file cannot be written.
    ImportError
        Without safetensors, which comes with ``pip install 'normlib[torch]'``.

    Examples
    --------
    >>> import tempfile
    >>> from normlib.gpt import GPT, GPTConfig, Text, load_model, save_model
    >>> text = Text("abcd" * 100)
    >>> model = GPT(GPTConfig(vocab_size=4, n_layer=1, n_head=1, n_embd=8, block_size=4))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, f"{folder}/tiny.safetensors", text)
    ...     load_model(f"{folder}/tiny.safetensors").chars
    'abcd'
    """
    _files.write_bytes(named(path), packed(model, text, provenance, half))


def load_model(name_or_path: str | Path) -> GPT:
    """Read a model that `save_model` wrote; it writes at once.

    Parameters
    ----------
    name_or_path : str or pathlib.Path
        The short name of a model that ships with the library (``pre``, ``pre_rmsnorm``, ``peri``,
        ``post``, or ``post_stuck``, which did not learn), or a file of your own.

    Returns
    -------
    GPT
        In evaluation mode and float32, with its `chars`; ``model.write("The ")`` continues a text.

    Raises
    ------
    ValueError
        For a name that no model has, and for a file that is damaged or of another kind.
    OSError
        If there is no such file, or it cannot be read.
    ImportError
        Without safetensors.

    Examples
    --------
    >>> import tempfile
    >>> from normlib.gpt import GPTConfig, Text, TrainConfig, Trainer, load_model, save_model
    >>> tiny = GPTConfig(vocab_size=4, n_layer=1, n_head=1, n_embd=8, block_size=4)
    >>> trainer = Trainer(tiny, TrainConfig(steps=100, lr=0.01), Text("abcd" * 100))
    >>> run = trainer.fit()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(trainer.model, f"{folder}/abcd.safetensors", trainer.text, run.provenance)
    ...     model = load_model(f"{folder}/abcd.safetensors")
    >>> model.write("a", length=7, temperature=0.1)
    'abcdabcd'
    """
    path = _found(name_or_path)
    about, tensors = _read(path)
    try:
        model = GPT(GPTConfig(**about["config"]))
        if model.config.tied and "wte.weight" in tensors:
            tensors["head.weight"] = tensors["wte.weight"]
        model.load_state_dict(tensors)
        model.chars = _chars(about["chars"], model.config.vocab_size)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path} is not as save_model writes it ({str(error).rstrip('.')}): it was edited, or "
            "another version of normlib wrote it."
        ) from None
    return model.eval()


def packed(
    model: GPT, text: Text, provenance: dict[str, Any] | None = None, half: bool = False
) -> bytes:
    """The content of a file of `save_model`."""
    require_safetensors()
    from safetensors.torch import save

    require_kind("model", model, GPT, "a Trainer has it as trainer.model")
    require_text(text)
    if model.chars not in (None, text.chars) or text.vocab_size > model.config.vocab_size:
        raise ValueError(
            f"the text must have the characters of the model, and {text.name!r} has "
            f"{text.vocab_size} others: give the text that it was trained on."
        )
    _require_unchanged(model)
    about = {
        "config": asdict(model.config),
        "chars": text.chars,
        "text": {"name": text.name, "sha256": text.sha256},
        "provenance": provenance_now(text, model.wte.weight.device)
        if provenance is None
        else provenance,
    }
    dtype = torch.float16 if half else torch.float32
    tensors = {}
    for name, tensor in model.state_dict().items():
        if name != "head.weight" or not model.config.tied:  # a tied head is there already
            tensors[name] = tensor.detach().to("cpu", dtype).contiguous()
            if half and tensor.isfinite().all() and not tensors[name].isfinite().all():
                raise ValueError(
                    f"half=True needs weights up to 65504, and {name} has larger ones: leave it."
                )
    return save(tensors, {ABOUT: json.dumps(about)})


def _require_unchanged(model):
    """Refuse a model that its configuration does not make again, as one with a norm removed."""
    try:
        GPT(model.config).load_state_dict(model.state_dict())
    except RuntimeError as error:
        raise ValueError(f"a file holds a GPT as its configuration makes it; {error}") from None
    if model.config.tied and model.head.weight is not model.wte.weight:
        raise ValueError(
            "a file holds a GPT as its configuration makes it, and this head is not the token "
            "embedding any more: set tie_head=False in its configuration."
        )


def named(path: str | Path) -> Path:
    """The path of a file of weights, if it ends as one."""
    require_kind("path", path, (str, os.PathLike), f"name a file that ends in {SUFFIX}")
    if Path(path).suffix != SUFFIX:
        raise ValueError(f"a file of weights ends in {SUFFIX}, got {str(path)!r}: add it.")
    return Path(path)


def _found(name_or_path):
    """The file of a name or path."""
    require_kind(
        "name_or_path", name_or_path, (str, os.PathLike), 'try load_model("pre"), or a file'
    )
    shipped = sorted(path.stem for path in HERE.glob(f"*{SUFFIX}"))
    path = Path(name_or_path)
    if str(name_or_path) in shipped:
        return HERE / f"{name_or_path}{SUFFIX}"
    if path.suffix != SUFFIX:
        raise ValueError(
            f"no model {str(name_or_path)!r}: there are {', '.join(shipped) or 'none'}; "
            f"a file of your own ends in {SUFFIX}."
        )
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder: name one file in it.")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {str(path)!r}: check the path.")
    return path


def _read(path):
    """What a file says about its weights, and the weights."""
    require_safetensors()
    from safetensors import SafetensorError
    from safetensors.torch import load

    data = path.read_bytes()
    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about = json.loads(header.get("__metadata__", {}).get(ABOUT, "null"))
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path} is no whole safetensors file ({error}): it was cut off, edited, or is of "
            "another kind. Save the model again."
        ) from None
    if not isinstance(about, dict):
        raise ValueError(
            f"{path} holds weights that save_model did not write, so it does not say of what "
            "model: build the GPT that they belong to and use its load_state_dict."
        )
    return about, tensors


def _chars(chars, vocab_size):
    right = isinstance(chars, str) and len(set(chars)) == len(chars) <= vocab_size
    if not right:
        raise ValueError(f"chars={shown(chars)} are no characters for vocab_size={vocab_size}")
    return chars
