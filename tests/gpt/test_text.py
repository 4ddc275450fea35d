"""Texts, their characters as numbers, and the windows drawn from them."""

import errno
import gzip
import hashlib
import itertools
import pickle
import re
import sys
from pathlib import Path

import pytest
import sklearn
import torch
from hypothesis import given
from hypothesis import strategies as st

from normlib.gpt import Text, draw_batch, load_text

HAMLET = Text("to be or not to be, that is the question", name="hamlet")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_default_text_is_long_and_ascii():
    text = load_text()
    assert text.name == "pydoc_data.topics"
    assert text.content.isascii()
    assert len(text.content) > 400_000
    assert text.vocab_size == len(set(text.content))
    assert (load_text(), load_text().sha256) == (text, text.sha256)


def test_another_text_is_taken_from_its_file(tmp_path):
    path = tmp_path / "word.txt"
    path.write_text("Größe\nßé", encoding="utf-8")
    for given_path in (path, str(path)):
        text = load_text(given_path)
        assert (text.content, text.name) == ("Größe\nßé", "word.txt")
    assert text.chars == "\nGerßéö"
    assert text.vocab_size == 7


GERMAN = "Größe, Straße und Übermut.\nZeile zwei, Zeile drei.\n"
GREEK = "Μῆνιν ἄειδε θεὰ Πηληϊάδεω Ἀχιλῆος\nοὐλομένην\n"
EVERY = ["utf-8", "utf-8-sig", *(f"utf-{n}{end}" for n in (16, 32) for end in ("", "-le", "-be"))]


@pytest.mark.parametrize("encoding", [*EVERY, "cp1252", "latin-1"])
def test_a_file_is_read_in_the_encoding_that_is_named(encoding, tmp_path):
    path = tmp_path / "german.txt"
    path.write_bytes(GERMAN.encode(encoding))
    assert load_text(path, encoding).content == GERMAN
    assert load_text(path, encoding=encoding.upper()).sha256 == Text(GERMAN).sha256


@pytest.mark.parametrize("encoding", EVERY)
def test_a_byte_order_mark_is_no_character(encoding, tmp_path):
    path = tmp_path / "german.txt"
    path.write_bytes(("\ufeff" + GERMAN).encode(encoding.removesuffix("-sig")))
    assert load_text(path, encoding.removesuffix("-sig")).content == GERMAN


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_lines_end_alike_wherever_a_file_was_written(encoding, tmp_path):
    path = tmp_path / "german.txt"
    for end in ("\n", "\r\n", "\r"):
        path.write_bytes(GERMAN.replace("\n", end).encode(encoding))
        assert load_text(path, encoding) == Text(GERMAN, name="german.txt")


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        *(
            (text.encode(kind), "utf-8", rf'is not utf-8.*: try encoding="{kind}"\.$')
            for text in (GERMAN, GREEK, "to be\n")
            for kind in EVERY[2:]
        ),
        (GERMAN.encode("cp1252"), "utf-8", r'is not utf-8 at byte 2: try encoding="cp1252"\.$'),
        (b"\x81" + GERMAN.encode("latin-1"), "utf-8", r'is not utf-8 .*encoding="latin-1"\.$'),
        (GERMAN.encode("latin-1"), "ascii", r'is not ascii at byte 2: try encoding="cp1252"\.$'),
        (GERMAN.encode(), "ascii", r'is not ascii at byte 2: try encoding="utf-8"\.$'),
        (GERMAN.encode("utf-8-sig"), "cp1252", r'is not cp1252: try encoding="utf-8"\.$'),
        (GERMAN.encode("utf-16"), "latin-1", r'is not latin-1: try encoding="utf-16"\.$'),
        (GREEK.encode("utf-16-le"), "latin-1", r'is not latin-1: try encoding="utf-16-le"\.$'),
        (GERMAN.encode() + b"\xff", "utf-8", r"is damaged: it is no whole utf-8 at byte 55\. Save"),
        (GERMAN.encode("utf-16")[:-1], "utf-16", "is damaged: it is no whole utf-16 at byte 102"),
        (b"a", "utf9", "there is no encoding 'utf9' of texts: try utf-8, utf-16 or cp1252"),
        (b"a", "hex", "there is no encoding 'hex' of texts"),
        (b"", "utf-8", "the text 'odd.txt' is empty"),
        (b"\xef\xbb\xbf", "utf-8", "the text 'odd.txt' is empty"),
    ],
    ids=itertools.count(),
)
def test_a_file_in_another_encoding_is_refused_with_the_name_of_one(
    data, encoding, message, tmp_path
):
    path = tmp_path / "odd.txt"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        load_text(path, encoding)
    assert ("'odd.txt'" in str(caught.value)) == ("there is no" not in message)
    assert "\n" not in str(caught.value)
    if found := re.search(r'try encoding="(.*)"', str(caught.value)):
        assert load_text(path, found[1]).content in (GERMAN, GREEK, "to be\n", "\x81" + GERMAN)


BINARY = {
    "photo.jpg": lambda: (
        Path(sklearn.__file__).parent / "datasets/images/flower.jpg"
    ).read_bytes(),
    "archive.gz": lambda: gzip.compress(GERMAN.encode()),
    "zeros.bin": lambda: bytes(1000),
    "floats.bin": lambda: torch.linspace(-1, 1, 1000).numpy().tobytes(),
    "integers.bin": lambda: torch.arange(1, 5000, dtype=torch.int16).numpy().tobytes(),
    "ascii.tar": lambda: b"a.txt".ljust(512, b"\0") + b"to be or not to be\n".ljust(512, b"\0"),
    "python": lambda: Path(sys.executable).resolve().read_bytes(),
}


@pytest.mark.parametrize("name", BINARY)
def test_a_binary_file_is_refused_by_name(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(BINARY[name]())
    with pytest.raises(ValueError, match=f"'{name}' is a binary file, not a text: save it as pl"):
        load_text(path)


@pytest.mark.parametrize(
    "given",
    ["To be, or not to be...", "To be,\nor not to be\n" * 9999, "a\0b", "x" * 5000, "", "none.txt"],
)
def test_a_text_in_place_of_a_path_is_answered_in_one_short_line(given):
    with pytest.raises(FileNotFoundError, match=r"no file '.*use Text\(content\)") as caught:
        load_text(given)
    assert len(str(caught.value)) < 150
    assert "\n" not in str(caught.value)


def test_a_path_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"none\.txt': check the path"):
        load_text(tmp_path / "none.txt")
    with pytest.raises(IsADirectoryError, match=f"{tmp_path.name}' is a folder: name one text"):
        load_text(tmp_path)
    path = tmp_path / "locked.txt"
    path.write_text("abc")
    # As the system does; root may read everything.
    denied = PermissionError(errno.EACCES, "Permission denied", str(path))
    monkeypatch.setattr(Path, "read_bytes", lambda self: (_ for _ in ()).throw(denied))
    with pytest.raises(PermissionError, match=r"locked\.txt' cannot be read: Permission denied\.$"):
        load_text(path)


def test_the_fingerprint_is_that_of_the_content():
    assert HAMLET.sha256 == hashlib.sha256(HAMLET.content.encode()).hexdigest()
    assert Text(HAMLET.content, name="other").sha256 == HAMLET.sha256
    assert Text(HAMLET.content + "!").sha256 != HAMLET.sha256
    assert Text("\ud800").sha256 != Text("\ud801").sha256  # alone, these have no UTF-8


def test_a_pickle_holds_the_characters_only():
    text = Text("abc" * 1000, name="abc")
    pickled = pickle.dumps(text)
    assert len(pickled) < len(text.content) + 200
    back = pickle.loads(pickled)
    assert back == text
    assert torch.equal(back.ids, text.ids)


def test_the_repr_does_not_hold_the_text():
    assert repr(HAMLET) == "Text(name='hamlet')"


@given(st.text(alphabet=HAMLET.chars))
def test_decoding_undoes_encoding(string):
    ids = HAMLET.encode(string)
    assert (ids.dtype, ids.shape) == (torch.long, (len(string),))
    assert HAMLET.decode(ids) == HAMLET.decode(ids.tolist()) == string


@given(st.text(alphabet="a \n\0é漢😀\ud800", min_size=1))
def test_every_text_decodes_to_itself(string):
    text = Text(string)
    assert text.decode(text.ids) == string
    assert text.ids.unique().tolist() == list(range(text.vocab_size))


def test_an_unknown_character_is_named():
    with pytest.raises(ValueError, match=r"'X' does not occur in the text 'hamlet': .*' ,abe"):
        HAMLET.encode("be X")


def test_an_empty_text_is_refused():
    with pytest.raises(ValueError, match="the text 'nothing' is empty"):
        Text("", name="nothing")


@pytest.mark.parametrize("length", [20, 39, 101])
def test_nine_tenths_are_for_training_and_the_rest_for_validation(length):
    text = Text("".join(chr(100 + i) for i in range(length)))
    train, val = text.split("train", 1), text.split("val", 1)
    assert torch.cat((train, val)).tolist() == list(range(length))
    assert len(train) == length * 9 // 10


def test_a_part_must_hold_one_block_and_the_character_after_it():
    text = Text("ab" * 20, name="ab")  # 36 and 4
    assert len(text.split("val", 3)) == 4
    message = "the val part of the text 'ab' has 4 characters, too few for block_size=4: .*below 4"
    with pytest.raises(ValueError, match=message):
        text.split("val", 4)
    with pytest.raises(ValueError, match="the train part .* has 36 characters"):
        text.split("train", 36)
    with pytest.raises(ValueError, match=r"has 0 characters, .*: take a longer text\.$"):
        Text("a").split("train", 1)
    with pytest.raises(ValueError, match="part must be one of train, val; got 'test'"):
        text.split("test", 3)


def test_targets_are_one_character_later():
    ids = torch.randint(50, (30,), generator=seeded())
    idx, targets = draw_batch(ids, 7, 4, seeded(1))
    assert idx.shape == targets.shape == (7, 4)
    assert torch.equal(idx[:, 1:], targets[:, :-1])
    windows = {tuple(w) for w in ids.unfold(0, 5, 1).tolist()}
    assert {(*a, b[-1]) for a, b in zip(idx.tolist(), targets.tolist(), strict=True)} <= windows


def test_the_generator_alone_decides_the_batch():
    ids = torch.arange(1000)
    torch.manual_seed(0)
    first = draw_batch(ids, 8, 4, seeded(1))
    torch.manual_seed(1)
    for same, value in zip(draw_batch(ids, 8, 4, seeded(1)), first, strict=True):
        assert torch.equal(same, value)
    generator = seeded(1)
    batches = [draw_batch(ids, 8, 4, generator)[0] for _ in range(2)]
    assert torch.equal(batches[0], first[0])
    assert not torch.equal(batches[1], first[0])
    assert not torch.equal(draw_batch(ids, 8, 4, seeded(2))[0], first[0])


def test_every_window_is_drawn_the_last_one_too():
    idx, targets = draw_batch(torch.arange(9), 400, 4, seeded())
    assert set(idx[:, 0].tolist()) == {0, 1, 2, 3, 4}
    assert targets.max() == 8
    idx, targets = draw_batch(torch.arange(5), 3, 4, seeded())  # there is only one
    assert (idx[0].tolist(), targets[2].tolist()) == ([0, 1, 2, 3], [1, 2, 3, 4])
