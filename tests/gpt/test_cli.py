"""The command line: what it does, and the one line in which it refuses."""

import re
import subprocess
import sys
from typing import get_args

import pytest

from normlib.gpt import __main__ as cli
from normlib.gpt import load_model
from normlib.gpt.model import Placement
from normlib.gpt.probes import PROBES
from normlib.results import Runs
from normlib.results.runs import PUBLISHED

SMALL = ["--n-layer=1", "--n-head=1", "--n-embd=8", "--block-size=4", "--steps=2"]


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The arguments of a small sweep, of a text of 3 characters and in the folder `runs`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NORMLIB_QUIET", "1")
    (tmp_path / "abc.txt").write_text("abc" * 40, encoding="utf-8")
    return ["sweep", "abc", "--text", "abc.txt", *SMALL]


@pytest.fixture(autouse=True)
def log(monkeypatch):
    """As if in a plain process, whatever other tests have imported."""
    monkeypatch.delenv("NORMLIB_QUIET", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)


def test_a_sweep_trains_shows_and_goes_on(command, capsys, tmp_path, monkeypatch):
    command += ["--placement", "post", "pre", "--seed", "0", "1", "--clip", "none", "1"]
    command += ["--qk-norm", "true", "--probes", "grad_norm", "--columns", "clip"]
    monkeypatch.setattr(cli, "sweep", in_threads(cli.sweep))
    assert cli.main(command) == 0
    first = capsys.readouterr()
    assert first.err == ""
    assert first.out.splitlines()[:3] == [
        "8 runs, kept in runs/abc/",
        "<8 runs, 0 diverged> in runs/abc.json",
        "validation loss, mean ± sd (n), over seed",
    ]
    head = first.out.splitlines()[3].split()
    assert head == ["placement", "\\", "gradient", "clipping", "none", "1.0"]
    runs = Runs.load(tmp_path / "runs" / "abc.json")
    assert [(r["placement"], r["clip"], r["seed"]) for r in runs] == [
        (p, c, s) for p in ("post", "pre") for c in (None, 1.0) for s in (0, 1)
    ]
    one = runs[0]
    assert (one["vocab_size"], one["n_embd"], one["qk_norm"]) == (3, 8, True)
    assert (one.training["steps"], [*one.probes]) == (2, ["grad_norm"])
    assert one.provenance["corpus"]["name"] == "abc.txt"
    monkeypatch.setattr("normlib.gpt.sweeps.Trainer", None)  # nothing is run again
    assert cli.main(command) == 0
    assert capsys.readouterr() == first
    assert cli.main(["table", "runs/abc.json", "--rows", "seed", "--value", "n_embd"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "width, mean ± sd (n), over placement, gradient clipping",
        "seed \\ learning rate  0.003",
        "0                     8 ± 0 (4)",
        "1                     8 ± 0 (4)",
    ]


def in_threads(sweep):
    """The sweep of the command line without its processes, which take seconds to start."""
    from concurrent.futures import ThreadPoolExecutor

    def threaded(*args, **options):
        with ThreadPoolExecutor(1) as executor:
            return sweep(*args, executor=executor, **options)

    return threaded


def test_the_text_and_the_vocabulary_are_given_to_the_sweep(command, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(
        cli, "sweep", lambda *args, **options: calls.append((args, options)) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        cli.main([*command, "--folder", "kept", "--tie-head", "none", "false", "--lr", "1e-4"])
    (tmp_path / "old.txt").write_bytes("Größe".encode("cp1252"))
    with pytest.raises(ZeroDivisionError):
        cli.main([*command, "--text", "old.txt", "--encoding", "cp1252"])
    assert calls[1][0][2].content == "Größe"
    ((name, pairs, text, probes), options) = calls[0]
    assert (name, text.content, [*probes], options["folder"]) == ("abc", "abc" * 40, [], "kept")
    assert [(m.tie_head, t.lr) for m, t in pairs] == [(None, 1e-4), (False, 1e-4)]
    assert options["weights"] is False
    with pytest.raises(ZeroDivisionError):
        cli.main([*command, "--keep-weights"])
    assert calls[2][1]["weights"] is True
    assert pairs[0][0].vocab_size == 3


COMMANDS = ("train", "sample", "sweep", "table")


def test_help_names_all_that_can_be_chosen(capsys):
    for arguments in (["--help"], *([name, "--help"] for name in COMMANDS)):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 0
        text = capsys.readouterr().out
        assert text.startswith("usage: python -m normlib.gpt")
        if arguments[0] == "sweep":
            assert "{" + ",".join(get_args(Placement)) + "}" in text
            for option in (*PROBES, "--warmup", "--tie-head", "--weight-decay", "--qk-norm"):
                assert option in text
            assert "--encoding ENCODING" in text
            assert "--betas" not in text
            assert "--vocab-size" not in text
            assert re.search(r"--bias true\|false \[true\|false \.\.\.]\s+\(true\)", text)
            assert re.search(r"--tie-head true\|false\|none .*\s+\(none\)", text)
            assert re.search(r"--clip X\|none .*\s+\(none\)", text)
        if arguments == ["--help"]:
            assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep", "x", "--placement", "past"], ["--placement", "'past'", "deepnorm"]),
        (["sweep", "x", "--n-layer", "two"], ["--n-layer", "invalid int value: 'two'"]),
        (["sweep", "x", "--lr", "none"], ["--lr", "invalid float value: 'none'"]),
        (["sweep", "x", "--qk-norm", "yes"], ["--qk-norm", "write true or false, not 'yes'"]),
        (["sweep", "x", "--tie-head", "0"], ["--tie-head", "true or false or none, not '0'"]),
        (["sweep", "x", "--bias", "none"], ["--bias", "write true or false, not 'none'"]),
        (["sweep", "x", "--rows", "nonsense"], ["--rows", "no field 'nonsense': try one of voc"]),
        (["sweep", "x", "--columns", "val_loss"], ["--columns", "no field 'val_loss'", " lr, "]),
        (["train", "--seed", "0", "1"], ["unrecognized arguments: 1"]),
        (["train", "--placement", "past"], ["--placement", "'past'", "deepnorm"]),
        (["sample"], ["file"]),
        (["sample", "x", "--top-k", "few"], ["--top-k", "invalid int value: 'few'"]),
        (["sweep", "x", "--probes", "rms"], ["--probes", "'rms'", "residual_rms"]),
        (["sweep"], ["name"]),
        ([], ["command"]),
    ],
)
def test_a_word_that_does_not_fit_is_a_wrong_call(arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert all(word in error for word in words), error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n-head", "3"], "n_head must divide n_embd, got 3 heads for a width of 8"),
        (["--batch-size", "0"], "batch_size must be an integer, at least 1, got 0"),
        (["--block-size", "200"], "the train part of the text 'abc.txt' has 108 characters, too"),
        (["--seed", "4294967296"], "seed must be below 4294967296, got 4294967296"),
        (["--text", "none.txt"], "there is no file 'none.txt': check the path"),
        (["--text", "."], "'.' is a folder: name one text file in it."),
        (["--text", "old.txt"], "'old.txt' is not utf-8 at byte 2: try encoding=\"cp1252\"."),
        (["--text", "wide.txt"], "'wide.txt' is not utf-8 at byte 0: try encoding=\"utf-16\"."),
        (["--text", "zeros.bin"], "'zeros.bin' is a binary file, not a text"),
        (["--text", "empty.txt"], "the text 'empty.txt' is empty"),
        (["--encoding", "utf9"], "there is no encoding 'utf9' of texts"),
    ],
)
def test_what_cannot_be_run_is_one_line_of_error(
    arguments, message, command, capsys, monkeypatch, tmp_path
):
    for name, data in (
        ("old.txt", "Größe".encode("cp1252")),
        ("wide.txt", "Größe".encode("utf-16")),
        ("zeros.bin", bytes(100)),
        ("empty.txt", b""),
    ):
        (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(cli, "sweep", in_threads(cli.sweep))
    assert cli.main([*command, *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert len(error.splitlines()) == 1


def test_true_and_false_are_written_as_one_likes(command, monkeypatch):
    asked = []
    monkeypatch.setattr(cli, "sweep", lambda name, pairs, *rest, **options: asked.extend(pairs))
    with pytest.raises(AttributeError):  # there are no runs to tabulate
        cli.main([*command, "--bias", "True", "FALSE", "--tie-head", "None", "tRuE"])
    assert [(m.bias, m.tie_head) for m, _ in asked] == [
        *((True, None), (True, True), (False, None), (False, True))
    ]


def test_a_value_given_twice_is_one(command, capsys, monkeypatch):
    monkeypatch.setattr(cli, "sweep", in_threads(cli.sweep))
    assert cli.main([*command, "--seed", "0", "0", "0", "--lr", "1e-3", "0.001"]) == 0
    assert capsys.readouterr().out.startswith("1 run, kept in runs/abc/\n<1 runs, 0 diverged>")


def test_a_name_that_leaves_the_folder_is_one_line_of_error(command, capsys, tmp_path):
    command[1] = "../abc"
    assert cli.main(command) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("error: name must stay in the folder of the sweeps, got '../abc': ")
    assert [path.name for path in tmp_path.iterdir()] == ["abc.txt"]


def test_a_model_is_trained_kept_and_writes(command, capsys, monkeypatch):
    monkeypatch.delenv("NORMLIB_QUIET")
    few = ["--steps", "120", "--lr", "0.02", "--norm", "rmsnorm", "--clip", "none"]
    train = ["train", *command[2:], *few, "--save", "abc.safetensors"]
    assert cli.main(train) == 0
    out, err = capsys.readouterr()
    assert err == ""
    bar, loss, kept, blank, sample = out.splitlines()[-5:]
    assert "120/120  loss 0.0" in bar
    assert re.fullmatch(r"validation loss 0\.\d{3} nats after step 120", loss)
    assert (kept, blank) == ("kept in abc.safetensors", "")
    assert len(sample) == 201
    assert sample.startswith("abcabcabc")
    model = load_model("abc.safetensors")
    assert (model.config.norm, model.config.block_size, model.chars) == ("rmsnorm", 4, "abc")
    sure = ["--temperature", "0.01"]
    assert cli.main(["sample", "abc.safetensors", "--prompt", "bc", "--length", "4", *sure]) == 0
    assert capsys.readouterr().out == "bcabca\n"
    assert cli.main(["sample", "abc.safetensors", *sure]) == 0
    assert capsys.readouterr().out == ("abc" * 67) + "\n"  # the first character and 200 more
    wild = ["sample", "abc.safetensors", "--temperature", "9", "--seed"]
    texts = []
    for options in (["0"], ["0"], ["1"], ["0", "--top-k", "1"]):
        assert cli.main([*wild, *options]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]
    assert texts[3] == ("abc" * 67) + "\n"


def test_a_model_that_diverged_is_kept_and_does_not_write(command, capsys):
    train = ["train", *command[2:], "--placement", "none", "--lr", "1e30"]
    assert cli.main([*train, "--save", "abc.safetensors"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "validation loss is not finite after step 1, diverged",
        "kept in abc.safetensors",
    ]
    assert cli.main(["sample", "abc.safetensors"]) == 1
    assert capsys.readouterr().err.startswith("error: the logits must be finite")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--save", "abc.pt"], "ends in .safetensors, got 'abc.pt': add it"),
        (["train", "--save", "abc.txt/x.safetensors"], "no file can be written there: 'abc.txt/x"),
        (["train", "--save", "."], "ends in .safetensors, got '.'"),
        (["train", "--save", "x.safetensors", "--n-head", "3"], "n_head must divide n_embd"),
        (["train", "--block-size", "200"], "the train part of the text 'abc.txt' has 108 charac"),
        (["sample", "abc"], "no model 'abc': there are "),
        (["sample", "none.safetensors"], "there is no file 'none.safetensors'"),
        (["sample", "bad.safetensors"], "bad.safetensors is no whole safetensors file"),
    ],
)
def test_what_cannot_be_trained_or_read_is_one_line_of_error(
    arguments, message, command, capsys, monkeypatch, tmp_path
):
    (tmp_path / "bad.safetensors").write_text("not this")
    monkeypatch.setattr(cli.Trainer, "fit", None)  # it is found before any training
    if arguments[0] == "train":
        arguments = ["train", *command[2:], *arguments[1:]]
    assert cli.main(arguments) == 1
    out, err = capsys.readouterr()
    assert message in err
    assert (out, err.count("\n")) == ("", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["abc.txt", "bad.safetensors"]


def test_without_safetensors_weights_are_refused_before_any_training(
    command, capsys, monkeypatch, tmp_path
):
    (tmp_path / "abc.safetensors").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setattr("normlib.gpt.sweeps.Trainer", None)
    monkeypatch.setattr(cli, "Trainer", None)
    for arguments in (
        [*command, "--keep-weights"],
        ["train", *command[2:], "--save", "abc.safetensors"],
        ["sample", "abc.safetensors"],
    ):
        assert cli.main(arguments) == 1
        error = capsys.readouterr().err
        assert error == "error: files of weights need safetensors: pip install safetensors.\n"


def test_a_training_that_is_stopped_does_not_say_that_it_goes_on(command, capsys, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.Trainer, "fit", stop)
    assert cli.main(["train", *command[2:]]) == 130
    assert capsys.readouterr() == ("\nstopped\n", "")


def test_a_run_that_raises_is_one_line_of_error(command, capsys, monkeypatch):
    monkeypatch.setattr("normlib.gpt.sweeps.Trainer", lambda *args: 1 / 0)
    monkeypatch.setattr(cli, "sweep", in_threads(cli.sweep))
    assert cli.main(command) == 1
    error = capsys.readouterr().err
    assert "1 of 1 runs raised an error; the tracebacks are in runs/abc/" in error
    assert len(error.splitlines()) == 1


def test_a_table_of_no_file_or_no_field_is_one_line_of_error(tmp_path, capsys):
    path = tmp_path / "half.json"
    path.write_text('{"schema": 1')
    for file, word in (tmp_path / "none.json", "No such file"), (path, "not complete JSON"):
        assert cli.main(["table", str(file)]) == 1
        error = capsys.readouterr().err
        assert word in error
        assert file.name in error
        assert len(error.splitlines()) == 1
    published = str(PUBLISHED / "warmup.json")
    assert cli.main(["table", published, "--rows", "rate"]) == 1
    assert capsys.readouterr().err.startswith("error: no field 'rate': try one of vocab_size")
    Runs([]).save(path)
    assert cli.main(["table", str(path)]) == 0
    assert "validation loss" in capsys.readouterr().out


def test_a_stopped_sweep_says_that_it_goes_on(command, capsys, monkeypatch):
    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "sweep", stop)
    assert cli.main(command) == 130
    out, err = capsys.readouterr()
    assert "the same command goes on" in out
    assert err == ""


def test_the_module_is_a_command():
    command = [sys.executable, "-m", "normlib.gpt", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "sweep warmup --placement pre post" in text.stdout
    assert text.stderr == ""
