"""Text, its vocabulary, and batches of it from a seeded generator."""

import codecs
import hashlib
import os
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from normlib.gpt._fields import no_choice, require_kind

Part = Literal["train", "val"]
PARTS: tuple[Part, ...] = get_args(Part)
TRAINING_SHARE = 0.9
MARKS = {  # the bytes by which a file shows its encoding; those of UTF-16 are half of UTF-32's
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8",
}
WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r\x1a\x1b"})  # bytes that no text has
NOT_CP1252 = b"\x81\x8d\x8f\x90\x9d"


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
    TypeError
        If it is no string.

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
        require_kind("content", self.content, str, "read a file with load_text(path)")
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

    def split(self, part: Part, block_size: int) -> torch.Tensor:
        """The numbers of one part of the text, "train" or "val".

        Raises
        ------
        ValueError
            If it is too short for one block and the character after it, or there is no such part.
        """
        if part not in PARTS:
            raise no_choice("part", part, PARTS)
        cut = int(TRAINING_SHARE * len(self.ids))
        ids = {"train": self.ids[:cut], "val": self.ids[cut:]}[part]
        if len(ids) <= block_size:
            raise ValueError(
                f"the {part} part of the text {self.name!r} has {len(ids)} characters, too few "
                f"for block_size={block_size}: take a longer text"
                + (f" or a block below {len(ids)}." if len(ids) > 1 else ".")
            )
        return ids


def letter_level(text: Text) -> float:
    """Validation loss of a table of letter frequencies, in nats: what one knows without context.

    Examples
    --------
    >>> from normlib.gpt import Text
    >>> from normlib.gpt.data import letter_level
    >>> round(letter_level(Text("ab" * 100)), 3)  # a fair coin
    0.693
    """
    train, val = _halves(text)
    counts = np.bincount(train, minlength=text.vocab_size) + 1  # no character is impossible
    return float(-np.log(counts / counts.sum())[val].mean())


def pair_level(text: Text) -> float:
    """The same for a table of how often each character follows each other."""
    train, val = _halves(text)
    counts = np.full((text.vocab_size, text.vocab_size), 0.1)  # no pair is impossible
    np.add.at(counts, (train[:-1], train[1:]), 1)
    logs = np.log(counts / counts.sum(axis=1, keepdims=True))
    return float(-logs[val[:-1], val[1:]].mean())


def _halves(text):
    return (text.split(part, block_size=1).numpy() for part in PARTS)


def require_text(text: Text) -> None:
    """Refuse what is no Text: strings and paths are near."""
    require_kind("text", text, Text, "make one with Text(…), or load_text(path) from a file")


def load_text(path: str | Path | None = None, encoding: str = "utf-8") -> Text:
    r"""Read a text: any text file, or the reference that comes with every Python.

    Parameters
    ----------
    path : str or pathlib.Path, optional
        A text file. Every line of it ends in ``"\n"`` afterwards, so that a copy from Windows, with
        ``"\r\n"``, has the same characters and the same fingerprint; a byte order mark at the
        beginning is no character of the text; all else is taken as it is. None:
        ``pydoc_data.topics``, about 0.46 MB of English about Python, without its few characters
        beyond ASCII. It differs between versions of Python.
    encoding : str
        How the file writes its characters as bytes. Files from Windows may need ``"cp1252"`` or
        ``"utf-16"``; a file that is not what this says is refused with a guess at what it is.

    Returns
    -------
    Text

    Raises
    ------
    OSError
        If there is no such file, if it is a folder, or if it cannot be read. For a text that you
        have in memory use `Text`.
    ValueError
        If the file is empty, not a text, or one in another encoding; if there is no such encoding.

    Examples
    --------
    >>> from normlib.gpt import load_text
    >>> text = load_text()
    >>> len(text.content) > 400_000, 90 < text.vocab_size < 100
    (True, True)
    """
    if path is not None:
        content = _decoded(_bytes_of(path), Path(path).name, encoding)
        return Text(content.replace("\r\n", "\n").replace("\r", "\n"), name=Path(path).name)
    from pydoc_data.topics import topics

    content = "\n".join(topics[key] for key in sorted(topics))
    return Text(content.encode("ascii", "ignore").decode(), name="pydoc_data.topics")


def _bytes_of(path):
    """All bytes of a file; an OSError with one sentence if they are not to be had."""
    name = os.fspath(path)
    # Both ends: of a path the last part says most, of a text in its place the first words.
    shown = repr(name if len(name) <= 80 else f"{name[:20]}…{name[-40:]}")
    if os.path.isdir(path):
        raise IsADirectoryError(f"{shown} is a folder: name one text file in it.")
    if not os.path.exists(path):  # False, too, for what can be no path
        raise FileNotFoundError(
            f"there is no file {shown}: check the path, or use Text(content) for a text itself."
        )
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise type(error)(f"{shown} cannot be read: {error.strerror}.") from None


def _decoded(data, name, encoding):
    """The characters of a file; a ValueError with one sentence if it is no text in this encoding.

    Much decodes that is not: UTF-16 as letters between zeros, and anything as latin-1.
    """
    mark, content, place = _mark_of(data), "\0", ""
    try:
        kind = codecs.lookup(encoding).name
        content = data.decode(encoding)
    except LookupError:
        raise ValueError(
            f"there is no encoding {encoding!r} of texts: try utf-8, utf-16 or cp1252."
        ) from None
    except UnicodeDecodeError as error:
        place = f" at byte {error.start:,}"
    if "\0" not in content and (mark is None or kind.startswith(mark)):
        return content.removeprefix("\ufeff")
    guess = _guessed(data)
    if guess is None:
        raise ValueError(f"{name!r} is a binary file, not a text: save it as plain text.")
    if kind.startswith(guess):
        raise ValueError(f"{name!r} is damaged: it is no whole {encoding}{place}. Save it anew.")
    raise ValueError(f'{name!r} is not {encoding}{place}: try encoding="{guess}".')


def _mark_of(data):
    return next((kind for mark, kind in MARKS.items() if data.startswith(mark)), None)


def _guessed(data):
    """What encoding the bytes may be in; None if they are no text."""
    if kind := _mark_of(data):
        return kind
    for kind in WIDE:
        letters = data[:4096].decode(kind, "replace")
        familiar = sum(letter in string.printable for letter in letters)  # spaces at least
        if "\0" not in letters and familiar > len(letters) / 20:
            return kind
    if len(data.translate(None, CONTROLS)) < len(data):
        return None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if data[: error.start].isascii():  # else it is UTF-8 but for one place
            return "cp1252" if data.translate(None, NOT_CP1252) == data else "latin-1"
    return "utf-8"


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
