"""A GPT in the manner of nanoGPT, in which only the place and the kind of the norm change."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional as F

from normlib.gpt import _hf
from normlib.gpt._fields import (
    make_plain,
    require_choice,
    require_flags,
    require_kind,
    require_numbers,
    shown,
    whole,
)
from normlib.gpt._weights import draw_weights, require_same
from normlib.gpt.norms import Norm, make_norm
from normlib.placements import PLACEMENTS, Placement

Activation = Literal["gelu", "gelu_tanh", "relu"]
Init = Literal["xavier", "gpt2"]
NO_CONFIG = "describe the model with GPTConfig(vocab_size=…)"


@dataclass(frozen=True, kw_only=True)
class GPTConfig:
    r"""Everything that decides which function a GPT is before it is trained.

    Parameters
    ----------
    vocab_size : int
        Different tokens; from the data, as in ``text.vocab_size``.
    n_layer, n_head, n_embd, block_size : int, default: 6, 4, 64, 32
        Blocks, heads per block, features of a token, and the longest context.
    placement : str, default: "pre"
        Where the norm N stands around a sublayer f (attention, then the MLP):

        =============  ======================  ==========
        placement      sublayer                final norm
        =============  ======================  ==========
        ``post``       ``x = N(x + f(x))``     no
        ``pre``        ``x = x + f(N(x))``     yes
        ``peri``       ``x = x + N(f(N(x)))``  yes
        ``reordered``  ``x = x + N(f(x))``     yes
        ``deepnorm``   ``x = N(α x + f(x))``   no
        ``none``       ``x = x + f(x)``        no
        =============  ======================  ==========

        deepnorm takes α = (2 n_layer)^¼ and starts the weights of values, of the attention's
        output and of the MLP smaller by β = (8 n_layer)^−¼.
    norm : str, default: "layernorm"
        Which norm, everywhere in the model: a name that `make_norm` knows.
    qk_norm : bool, default: False
        Normalize queries and keys, head by head, before their dot product.
    norm_eps : float, default: 1e-5
        The eps of every norm.
    bias : bool, default: True
        Biases in the linear layers and in the norms that can have one.
    dropout : float, default: 0.0
        After the embedding, in the attention weights and after each sublayer.
    activation : {"gelu", "gelu_tanh", "relu"}, default: "gelu"
        Between the two layers of the MLP.
    init : {"xavier", "gpt2"}, default: "xavier"
        ``xavier``: weights N(0, 2 / (fan_in + fan_out)), token embeddings N(0, 1), positions
        N(0, ¼), and a head of its own. ``gpt2``: everything N(0, 0.02²), the weights that write
        into the stream smaller by √(2 n_layer) (not under deepnorm, which has its β), and the
        token embedding as head.
    tie_head : bool, optional
        Whether the head is the token embedding. None: as `init` has it.
    embd_std : float, optional
        Standard deviation of the token embeddings; positions get half of it under xavier, the
        same under gpt2. None: as `init` has it.
    residual_gain : float, default: 1.0
        An extra factor on the weights that write into the stream.

    Raises
    ------
    ValueError
        For a value that is not in these lists, or a width that the heads do not divide.

    Examples
    --------
    >>> from normlib.gpt import GPTConfig
    >>> GPTConfig(vocab_size=94, placement="post").n_layer
    6
    """

    vocab_size: int
    n_layer: int = 6
    n_head: int = 4
    n_embd: int = 64
    block_size: int = 32
    placement: Placement = "pre"
    norm: Norm = "layernorm"
    qk_norm: bool = False
    norm_eps: float = 1e-5
    bias: bool = True
    dropout: float = 0.0
    activation: Activation = "gelu"
    init: Init = "xavier"
    tie_head: bool | None = None
    embd_std: float | None = None
    residual_gain: float = 1.0

    def __post_init__(self) -> None:
        make_plain(self)
        require_numbers(self, "vocab_size n_layer n_head n_embd block_size", at_least=1, whole=True)
        require_numbers(self, "norm_eps dropout residual_gain", at_least=0)
        require_flags(self, "qk_norm bias" if self.tie_head is None else "qk_norm bias tie_head")
        if self.embd_std is not None:
            require_numbers(self, "embd_std", at_least=0)
        require_choice(self, "placement", Placement)
        require_choice(self, "norm", Norm)
        require_choice(self, "activation", Activation)
        require_choice(self, "init", Init)
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_head must divide n_embd, got {self.n_head} heads for a width of "
                f"{self.n_embd}: each head takes an equal share of the features."
            )
        if self.dropout >= 1:
            raise ValueError(f"dropout must be below 1, got {self.dropout}: it is a probability.")
        if self.placement == "none" and self.qk_norm:
            raise ValueError('placement="none" has no norm anywhere: take qk_norm=False.')

    @property
    def tied(self) -> bool:
        """Whether the head is the token embedding."""
        return self.init == "gpt2" if self.tie_head is None else self.tie_head


class Attention(nn.Module):
    """Causal self-attention with all heads in one matrix product."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        C = config.n_embd
        self.n_head = config.n_head
        self.dropout = nn.Dropout(config.dropout)
        self.qkv = nn.Linear(C, 3 * C, bias=config.bias)
        self.proj = nn.Linear(C, C, bias=config.bias)
        self.q_norm = self.k_norm = nn.Identity()
        if config.qk_norm:
            self.q_norm, self.k_norm = (_norm(config, C // config.n_head) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mix each token with those before it."""
        B, T, C = x.shape
        q, k, v = (
            a.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)  # (B, n_head, T, head)
            for a in self.qkv(x).split(C, dim=2)
        )
        y = self.mix(self.q_norm(q), self.k_norm(k), v)
        y = y.transpose(1, 2).reshape(B, T, C)
        return self.dropout(self.proj(y))

    def mix(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Values, averaged over the tokens up to each; all are (B, n_head, T, head)."""
        dropout = self.dropout.p if self.training else 0.0
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=dropout)


class MLP(nn.Module):
    """Two linear layers, four times as wide between them."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        C = config.n_embd
        self.fc = nn.Linear(C, 4 * C, bias=config.bias)
        self.proj = nn.Linear(4 * C, C, bias=config.bias)
        self.activation = {
            "gelu": nn.GELU(),
            "gelu_tanh": nn.GELU(approximate="tanh"),
            "relu": nn.ReLU(),
        }[config.activation]
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Work on each token by itself."""
        hidden = self.activation(self.fc(x))  # (B, T, 4C)
        return self.dropout(self.proj(hidden))


class Block(nn.Module):
    """Attention and MLP, each with a residual connection and the norms of the placement.

    Parameters
    ----------
    config : GPTConfig
        `config.placement` decides where the norms stand; the table there is the code here.

    Examples
    --------
    >>> import torch
    >>> from normlib.gpt import Block, GPTConfig
    >>> Block(GPTConfig(vocab_size=10, placement="post"))(torch.ones(2, 8, 64)).shape
    torch.Size([2, 8, 64])
    """

    # Those that the placement has.
    norm_1: nn.Module
    norm_2: nn.Module
    norm_1_out: nn.Module
    norm_2_out: nn.Module

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        require_kind("config", config, GPTConfig, NO_CONFIG)
        self.placement = config.placement
        self.alpha = (2 * config.n_layer) ** 0.25  # deepnorm's weight of the stream
        self.attn, self.mlp = Attention(config), MLP(config)
        names = ("norm_1", "norm_2", "norm_1_out", "norm_2_out")
        for name in names[: 2 * len(PLACEMENTS[config.placement].norms)]:
            self.add_module(name, _norm(config))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map the residual stream (B, T, C) to the residual stream (B, T, C)."""
        match self.placement:
            case "post":
                x = self.norm_1(x + self.attn(x))
                x = self.norm_2(x + self.mlp(x))
            case "pre":
                x = x + self.attn(self.norm_1(x))
                x = x + self.mlp(self.norm_2(x))
            case "peri":
                x = x + self.norm_1_out(self.attn(self.norm_1(x)))
                x = x + self.norm_2_out(self.mlp(self.norm_2(x)))
            case "reordered":
                x = x + self.norm_1(self.attn(x))
                x = x + self.norm_2(self.mlp(x))
            case "deepnorm":
                x = self.norm_1(self.alpha * x + self.attn(x))
                x = self.norm_2(self.alpha * x + self.mlp(x))
            case "none":
                x = x + self.attn(x)
                x = x + self.mlp(x)
        return x


class GPT(nn.Module):
    """A decoder-only language model.

    Parameters
    ----------
    config : GPTConfig
        The architecture and how its weights start.
    seed : int, default: 0
        Decides the initial weights, on every device the same.

    Attributes
    ----------
    chars : str or None
        The characters that its tokens stand for, once it was trained on a text or loaded.

    Examples
    --------
    >>> import torch
    >>> from normlib.gpt import GPT, GPTConfig
    >>> model = GPT(GPTConfig(vocab_size=10, n_layer=2, n_embd=16, block_size=8))
    >>> idx = torch.randint(10, (4, 8))  # (B, T)
    >>> logits, loss = model(idx, targets=idx)
    >>> logits.shape, loss.shape
    (torch.Size([4, 8, 10]), torch.Size([]))
    """

    def __init__(self, config: GPTConfig, seed: int = 0) -> None:
        super().__init__()
        require_kind("config", config, GPTConfig, NO_CONFIG)
        self.config = config
        self.chars: str | None = None
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.block_size, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        row = PLACEMENTS[config.placement]
        self.final_norm = _norm(config) if row.final_norm else nn.Identity()
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tied:
            self.head.weight = self.wte.weight
        draw_weights(self, torch.Generator().manual_seed(whole("seed", seed)))

    def forward(
        self, idx: torch.Tensor, targets: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the logits (B, T, V) and the mean cross-entropy, in nats, or None.

        Parameters
        ----------
        idx : torch.Tensor
            Tokens (B, T) with T at most `block_size`.
        targets : torch.Tensor, optional
            The tokens that follow, of the same shape.

        Raises
        ------
        ValueError
            If T is larger, idx has other axes, or, on the CPU, a token is not in the vocabulary.
        TypeError
            If idx is no tensor, or not one of whole numbers.
        """
        _require_rows(idx)
        T = idx.shape[1]
        if self.config.block_size < T:
            raise ValueError(
                f"idx must hold at most block_size = {self.config.block_size} tokens in a row, "
                f"got {T}: cut it with idx[:, -{self.config.block_size}:]."
            )
        try:  # costs nothing, where looking at all tokens first would
            x = self.wte(idx) + self.wpe.weight[:T]  # (B, T, C)
        except IndexError:
            if idx.min() >= 0 and idx.max() < self.config.vocab_size:
                raise  # of a hook of the caller's
            raise ValueError(
                f"idx must hold tokens from 0 to below vocab_size = {self.config.vocab_size}, got "
                f"{int(idx.min())} to {int(idx.max())}: encode with the text of the model."
            ) from None
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.final_norm(x))  # (B, T, V)
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    @torch.no_grad()
    def generate(
        self,
        idx: torch.Tensor,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Continue `idx` (B, T) by sampling one token after the other.

        Parameters
        ----------
        idx : torch.Tensor
            At least one token per row.
        max_new_tokens : int
            How many to add.
        temperature : float, default: 1.0
            Logits are divided by it: towards 0 the likeliest token always wins.
        top_k : int, optional
            Sample among the k likeliest only.
        generator : torch.Generator, optional
            The source of chance; give a seeded one for the same text again.

        Returns
        -------
        torch.Tensor
            (B, T + max_new_tokens)

        Raises
        ------
        ValueError
            If an argument is out of range, or the logits are not finite: the model has diverged.
        """
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature}: try 0.8.")
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {top_k}: use None for no limit.")
        _require_rows(idx)
        if idx.shape[1] == 0:
            raise ValueError("idx must hold at least one token to continue, got none.")
        was_training = self.training
        self.eval()
        try:
            for _ in range(max_new_tokens):
                logits = self(idx[:, -self.config.block_size :])[0][:, -1]  # (B, V)
                if not logits.isfinite().all():
                    raise ValueError(
                        "the logits must be finite to sample from them, and are not: the model "
                        "has diverged, train it at a lower lr."
                    )
                logits = (logits - logits.amax(-1, keepdim=True)) / temperature
                if top_k is not None:
                    least = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]
                    logits = logits.masked_fill(logits < least, -math.inf)
                new = torch.multinomial(logits.softmax(-1), 1, generator=generator)
                idx = torch.cat((idx, new), dim=1)
        finally:
            self.train(was_training)
        return idx

    def write(
        self,
        prompt: str,
        length: int = 200,
        temperature: float = 0.8,
        top_k: int | None = None,
        seed: int = 0,
    ) -> str:
        """Continue a text, character by character.

        Parameters
        ----------
        prompt : str
            At least one character, all of them known to the model.
        length : int, default: 200
            How many characters to add.
        temperature, top_k
            As in `generate`.
        seed : int, default: 0
            The same one writes the same text again.

        Returns
        -------
        str
            The prompt and what follows.

        Raises
        ------
        ValueError
            If the model has no characters or not those of the prompt, if an argument is out of
            range, or if the model has diverged.

        Examples
        --------
        >>> from normlib.gpt import GPTConfig, Text, TrainConfig, Trainer
        >>> tiny = GPTConfig(vocab_size=4, n_layer=1, n_head=1, n_embd=8, block_size=4)
        >>> trainer = Trainer(tiny, TrainConfig(steps=100, lr=0.01), Text("abcd" * 100))
        >>> run = trainer.fit()
        >>> trainer.model.write("bc", length=6, temperature=0.1)
        'bcdabcda'
        """
        if self.chars is None:
            raise ValueError(
                "the model must know its characters to write, and has none: train it on a Text, "
                "or set model.chars to the text's."
            )
        require_kind("prompt", prompt, str, 'give the text to continue, as "The "')
        unknown = sorted(set(prompt) - set(self.chars))
        if unknown or not prompt:
            raise ValueError(
                f"prompt must be characters that the model knows, got {shown(prompt)}: "
                f"write it with {self.chars!r}."
            )
        length, seed = whole("length", length), whole("seed", seed)
        device = self.wte.weight.device
        idx = torch.tensor([[self.chars.index(char) for char in prompt]], device=device)
        generator = torch.Generator(device).manual_seed(seed)
        new = self.generate(idx, length, temperature, top_k, generator)[0, idx.shape[1] :]
        # A vocabulary may be larger than the text's; nothing teaches what is beyond.
        known = [*self.chars] + ["\ufffd"] * (self.config.vocab_size - len(self.chars))
        return prompt + "".join(known[i] for i in new.tolist())

    @classmethod
    def from_hf(
        cls, source: str | Path | Mapping[str, torch.Tensor], n_head: int | None = None
    ) -> "GPT":
        """GPT-1 (post-norm) or GPT-2 (pre-norm) with the weights that Hugging Face has of it.

        Parameters
        ----------
        source : str, pathlib.Path or mapping
            A folder that ``save_pretrained`` wrote; a state dict of ``GPT2LMHeadModel`` or
            ``OpenAIGPTLMHeadModel``; or, with huggingface_hub and a network, a name on the hub:
            ``"openai-community/gpt2"``, ``"openai-community/openai-gpt"``.
        n_head : int, optional
            Heads per block, which a state dict does not tell. None: as many as have 64 features.

        Returns
        -------
        GPT
            In eval mode, without dropout, in float32. Its logits are those of the original.

        Raises
        ------
        ValueError
            For any other model; it says what our GPT cannot express.
        OSError
            If there is no such folder and no such name.

        Examples
        --------
        >>> from normlib.gpt import GPT
        >>> model = GPT.from_hf("openai-community/gpt2")  # doctest: +SKIP
        """
        fields, state = _hf.read(source, n_head)
        model = cls(GPTConfig(init="gpt2", **fields))
        if model.config.tied and "wte.weight" in state:
            state["head.weight"] = state["wte.weight"]
        own = {name: value.shape for name, value in model.state_dict().items()}
        found = {name: value.shape for name, value in state.items()}
        odd = sorted(name for name in own.keys() | found.keys() if own.get(name) != found.get(name))
        if odd:
            raise ValueError(
                f"the weights do not fit {model.config.n_layer} blocks: {len(odd)} tensors differ, "
                f"first {odd[0]!r}, {own.get(odd[0])} here and {found.get(odd[0])} there."
            )
        model.load_state_dict(state)
        return model.eval()

    def num_parameters(self) -> int:
        """Learned numbers, a shared one counted once."""
        return sum(p.numel() for p in self.parameters())

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Take the weights of a `state_dict`, as every module of PyTorch does.

        Parameters
        ----------
        state_dict : mapping
            Name → tensor.
        strict : bool, default: True
            Whether the names must be all of those here, and no others.
        assign : bool, default: False
            Take the tensors themselves, instead of what is in them.

        Raises
        ------
        RuntimeError
            If names (only with `strict`) or shapes are others: how many, and the first of each.
        """
        if isinstance(state_dict, Mapping):
            require_same(self.state_dict(), state_dict, strict)
        return super().load_state_dict(state_dict, strict=strict, assign=assign)


def _require_rows(idx):
    if not isinstance(idx, torch.Tensor):
        raise TypeError(
            f"idx must be a tensor of tokens (B, T), got {shown(idx)}: "
            "of a Text they are text.encode(…)[None]."
        )
    if idx.dtype not in (torch.int64, torch.int32):
        raise TypeError(
            f"idx must hold whole numbers, got a tensor of {idx.dtype}: convert it with .long()."
        )
    if idx.ndim != 2:
        raise ValueError(f"idx must be (B, T), got {tuple(idx.shape)}: one row of it is idx[None].")


def _norm(config, dim=None):
    return make_norm(config.norm, dim or config.n_embd, config.norm_eps, config.bias)
