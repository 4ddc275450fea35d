"""Text, its vocabulary, and batches of it from a seeded generator."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

TRAINING_SHARE = 0.9


@dataclass(frozen=True)
class Text:
    """A text as a sequence of characters, the first nine tenths of it for training.

    Parameters
    ----------
    content : str
        The text.
    name : str
        What to call it in results.

    Attributes
    ----------
    chars : str
        Every character that occurs, sorted: the vocabulary.
    vocab_size : int
        How many these are. Always take it from here; it differs between texts.
    sha256 : str
        Fingerprint of the content. Losses of two runs compare only where it is the same.
    ids : torch.Tensor
        The whole text as numbers (N,).

    Raises
    ------
    ValueError
        If the text is empty.

    Examples
    --------
    >>> from normlib.gpt import Text
    >>> text = Text("to be or not to be", name="hamlet")
    >>> text.chars, text.vocab_size
    (' benort', 7)
    >>> text.decode(text.encode("not"))
    'not'
    """

    content: str = field(repr=False)
    name: str = "text"
    chars: str = field(init=False, repr=False)
    sha256: str = field(init=False, repr=False)
    ids: torch.Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.content:
            raise ValueError(f"the text {self.name!r} is empty: give one with characters in it.")
        object.__setattr__(self, "chars", "".join(sorted(set(self.content))))
        sha256 = hashlib.sha256(self.content.encode("utf-8", "surrogatepass")).hexdigest()
        object.__setattr__(self, "sha256", sha256)
        object.__setattr__(self, "ids", self.encode(self.content))

    def __reduce__(self) -> tuple:  # a pickle holds the characters only, an eighth of it all
        return Text, (self.content, self.name)

    @property
    def vocab_size(self) -> int:
        """The number of different characters."""
        return len(self.chars)

    def encode(self, string: str) -> torch.Tensor:
        """Turn characters into their numbers (T,).

        Raises
        ------
        ValueError
            For a character that does not occur in the text.
        """
        number = {char: i for i, char in enumerate(self.chars)}
        unknown = sorted(set(string) - set(number))
        if unknown:
            raise ValueError(
                f"{unknown[0]!r} does not occur in the text {self.name!r}: "
                f"use only these characters: {self.chars!r}."
            )
        return torch.tensor([number[char] for char in string], dtype=torch.long)

    def decode(self, ids: Iterable[int]) -> str:
        """Turn numbers (T,) back into characters."""
        return "".join(self.chars[i] for i in ids)

    def split(self, part: Literal["train", "val"], block_size: int) -> torch.Tensor:
        """The numbers of one part of the text, "train" or "val".

        Raises
        ------
        ValueError
            If it is too short for one block and the character after it.
        """
        cut = int(TRAINING_SHARE * len(self.ids))
        ids = {"train": self.ids[:cut], "val": self.ids[cut:]}[part]
        if len(ids) <= block_size:
            raise ValueError(
                f"the {part} part of the text {self.name!r} has {len(ids)} characters, too few "
                f"for block_size={block_size}: take a longer text"
                + (f" or a block below {len(ids)}." if len(ids) > 1 else ".")
            )
        return ids


def load_text(path: str | Path | None = None) -> Text:
    """Read a text: any UTF-8 file, or the reference that comes with every Python.

    Parameters
    ----------
    path : str or pathlib.Path, optional
        A text file, taken as it is. None: ``pydoc_data.topics``, about 0.46 MB of English about
        Python, without its few characters beyond ASCII. It differs between versions of Python.

    Returns
    -------
    Text

    Examples
    --------
    >>> from normlib.gpt import load_text
    >>> text = load_text()
    >>> len(text.content) > 400_000, 90 < text.vocab_size < 100
    (True, True)
    """
    if path is not None:
        return Text(Path(path).read_text(encoding="utf-8"), name=Path(path).name)
    from pydoc_data.topics import topics

    content = "\n".join(topics[key] for key in sorted(topics))
    return Text(content.encode("ascii", "ignore").decode(), name="pydoc_data.topics")


def draw_batch(
    ids: torch.Tensor, batch_size: int, block_size: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw random windows of a text.

    Parameters
    ----------
    ids : torch.Tensor
        The numbers of a text (N,), on any device.
    batch_size, block_size : int
        How many windows, and how long.
    generator : torch.Generator
        On the CPU, so that every device sees the same data.

    Returns
    -------
    idx, targets : torch.Tensor
        Both (B, T); `targets` is one character later.

    Raises
    ------
    RuntimeError
        If the text has not more than `block_size` characters; `Text.split` says so in words.

    Examples
    --------
    >>> import torch
    >>> from normlib.gpt import draw_batch
    >>> idx, targets = draw_batch(torch.arange(9), 2, 4, torch.Generator().manual_seed(0))
    >>> (targets - idx).unique()
    tensor([1])
    """
    starts = torch.randint(len(ids) - block_size, (batch_size,), generator=generator)
    windows = ids.unfold(0, block_size + 1, 1)[starts.to(ids.device)]
    return windows[:, :-1].contiguous(), windows[:, 1:].contiguous()
