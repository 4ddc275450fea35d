"""The files of a sweep: what is damaged, copied or edited is named; a full disk loses nothing."""

import errno
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields, replace

import pytest
import torch
from safetensors.torch import load

from cats import MODEL, PAIRS, PROBES, QUICK, TEXT, keys, measured, swept
from normlib.gpt import Text, Trainer, grid, jobs, load_model, sweep, sweeps
from normlib.results import Runs, _files


def test_a_damaged_run_is_named_and_nothing_written_over(tmp_path):
    swept(tmp_path)
    hurt = sorted((tmp_path / "cats").glob("*.json"))[2]
    hurt.write_bytes(hurt.read_bytes()[:100])
    (tmp_path / "cats.json").unlink()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    with pytest.raises(ValueError, match=hurt.name):
        swept(tmp_path, grid(MODEL) * grid(QUICK, seed=[7]) + PAIRS)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before


def another(runs, **changed):
    """The same runs with other fields of their configurations."""
    return Runs(replace(run, model={**run.model, **changed}) for run in runs)


WRONG = {
    "another's": lambda own, other: other,
    "two": lambda own, other: Runs([*own, *other]),
    "none": lambda own, other: Runs([]),
    "edited": lambda own, other: another(own, n_embd=16),
    "of another text": lambda own, other: Runs(
        replace(run, provenance={**run.provenance, "corpus": {"sha256": "0" * 64}}) for run in own
    ),
    "of no text": lambda own, other: Runs(replace(run, provenance={}) for run in own),
    "without its probe": lambda own, other: Runs(replace(run, probes={}) for run in own),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_holds_another_run_is_named_and_not_taken_for_a_result(wrong, tmp_path):
    swept(tmp_path, PAIRS[:2])
    first, second = sorted((tmp_path / "cats").glob("*.json"))
    WRONG[wrong](Runs.load(first), Runs.load(second)).save(first)
    before = first.read_bytes()
    with pytest.raises(ValueError, match=rf"{first.name} .*Delete it, and that run is repeated"):
        swept(tmp_path, PAIRS[:2])
    assert first.read_bytes() == before


def test_a_probe_named_twice_is_one(tmp_path):
    for _ in range(2):
        with ThreadPoolExecutor(1) as executor:
            (run,) = sweep("cats", PAIRS[:1], TEXT, PROBES * 2, executor, tmp_path)
        assert [*run.probes] == [*PROBES]
    assert len(keys(tmp_path)) == 1


def test_a_full_disk_loses_only_what_was_not_written(tmp_path, monkeypatch):
    expected, true, writes = swept(tmp_path / "whole"), _files.write, []

    def full(path, document):
        writes.append(path)
        if len(writes) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        true(path, document)

    with monkeypatch.context() as patch:
        patch.setattr(_files, "write", full)
        with pytest.raises(OSError, match=r"No space left .*The 2 before it are safe") as caught:
            swept(tmp_path)
    assert caught.value.errno == errno.ENOSPC
    assert len(writes) == 3
    assert keys(tmp_path) == {path.stem for path in writes[:2]}
    calls = []
    runs = swept(tmp_path, progress=lambda done, total, run: calls.append(done))
    assert calls == [3, 4]
    assert measured(runs) == measured(expected)


def test_a_complete_sweep_needs_no_room(tmp_path, monkeypatch):
    whole = swept(tmp_path)

    def read_only(*args, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(_files.tempfile, "mkstemp", read_only)
    assert [*swept(tmp_path)] == [*whole]
    with pytest.raises(OSError, match="Read-only"):
        swept(tmp_path, PAIRS[:3])  # its list of runs is another


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/../../x",
        "/tmp/x",
        "a/",
        "a//b",
        "a\\b",
        "C:x",
        "C:/x",
        "a\0",
        "a\n",
    ],
)
def test_a_name_stays_in_the_folder(name, tmp_path):
    with pytest.raises(
        ValueError, match="name must stay in the folder of the sweeps, got"
    ) as error:
        sweep(name, PAIRS, TEXT, folder=tmp_path / "runs")
    assert repr(name) in str(error.value)
    assert [*tmp_path.iterdir()] == []


def test_a_name_is_a_word():
    with pytest.raises(TypeError, match="name must be a str, got None: call the sweep in a word"):
        sweep(None, PAIRS, TEXT)


class NoWork:
    """An executor that must not be asked."""

    def submit(self, *args):
        raise AssertionError("this was to be refused before any work")


@pytest.mark.parametrize(
    ("pairs", "text", "probes", "message"),
    [
        (PAIRS, Text("the cat sat"), (), "the val part of the text 'text' has 2 characters, too"),
        (PAIRS, Text("abcdefghijklmnop"), (), "vocab_size must be at least that of the text"),
        (PAIRS, TEXT, ["rms"], "no probe 'rms': there are residual_rms"),
        (grid(replace(MODEL, block_size=900)) * [QUICK], TEXT, (), "too few for block_size=900"),
    ],
)
def test_what_cannot_be_trained_is_found_once_and_before_any_run(
    pairs, text, probes, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        sweep("cats", PAIRS[:1] + pairs, text, probes, NoWork(), tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_where_nothing_can_be_written_is_found_before_any_run(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "cats.json").mkdir()
    for name, folder, message in (
        ("cats", tmp_path, "cats.json is a folder: no file can have its name"),
        ("cats", tmp_path / "file", "no file can be written there: '.*file.cats.json'"),
        ("c" * 250, tmp_path, "no file can be written there: '.*ccc.json'"),
        ("file", tmp_path, "file"),  # where the folder of the runs should be
    ):
        with pytest.raises(OSError, match=message):
            sweep(name, PAIRS, TEXT, executor=NoWork(), folder=folder)


def weights(folder):
    return {path.stem: path for path in (folder / "cats").glob("*.safetensors")}


def test_the_weights_of_every_run_are_kept_a_diverged_ones_too(tmp_path):
    pairs = PAIRS[:1] + grid(replace(MODEL, placement="none")) * [replace(QUICK, lr=1e30)]
    runs = swept(tmp_path, pairs, weights=True)
    assert [run.diverged for run in runs] == [False, True]
    assert weights(tmp_path).keys() == keys(tmp_path)
    for model, training in pairs:
        path = weights(tmp_path)[sweeps._key(model, training, TEXT, PROBES)]
        trainer = Trainer(model, training, TEXT)
        jobs.alone(trainer.fit)  # with one thread, as the sweep
        read = load_model(path)
        assert read.config == model
        for name, tensor in read.state_dict().items():
            torch.testing.assert_close(trainer.model.state_dict()[name], tensor, equal_nan=True)
    assert b'training\\": {\\"steps\\": 3' in path.read_bytes()  # where it comes from
    swept(tmp_path / "without")
    assert weights(tmp_path / "without") == {}


def test_a_run_that_lacks_its_weights_is_trained_again_and_no_other(tmp_path, monkeypatch):
    swept(tmp_path, PAIRS[:2])
    first = swept(tmp_path, PAIRS[:3], weights=True)
    assert weights(tmp_path).keys() == keys(tmp_path)
    gone = weights(tmp_path)[sweeps._key(*PAIRS[1], TEXT, PROBES)]
    kept = gone.read_bytes()
    gone.unlink()
    trained, true = [], sweeps.Trainer

    def watched(*args):
        trained.append(args[:2])
        return true(*args)

    monkeypatch.setattr(sweeps, "Trainer", watched)
    assert measured(swept(tmp_path, PAIRS[:3])) == measured(first)
    assert trained == []  # nobody asked for weights
    assert measured(swept(tmp_path, PAIRS[:3], weights=True)) == measured(first)
    assert trained == [PAIRS[1]]
    assert load(gone.read_bytes()).keys() == load(kept).keys()


def test_weights_are_there_before_their_run_and_whole(tmp_path, monkeypatch):
    true, written = _files.os.fsync, []

    def full(number):
        written.append(number)
        if len(written) == 2:  # the first is of weights, the second would be of their run
            raise OSError(errno.ENOSPC, "No space left on device")
        true(number)

    with monkeypatch.context() as patch:
        patch.setattr(_files.os, "fsync", full)
        with pytest.raises(OSError, match=r"No space left .*The 0 before it are safe"):
            swept(tmp_path, PAIRS[:1], weights=True)
    assert (keys(tmp_path), len(weights(tmp_path))) == (set(), 1)
    assert len([*(tmp_path / "cats").iterdir()]) == 1  # no half a file
    assert len(swept(tmp_path, PAIRS[:1], weights=True)) == 1


def test_a_damaged_run_is_named_though_it_would_be_trained_again(tmp_path):
    swept(tmp_path, PAIRS[:1])
    (path,) = (tmp_path / "cats").glob("*.json")
    path.write_text('{"schema":1,"common":{"model":{},"training":{},"provenance":{}},"runs":[]}')
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"{path.name} does not hold the run that its name"):
        swept(tmp_path, PAIRS[:1], weights=True)
    assert path.read_bytes() == before


def test_a_run_that_was_measured_on_its_way_is_known_again(tmp_path, monkeypatch):
    pairs = [(MODEL, replace(QUICK, measure_at=(1, 2)))]
    runs = swept(tmp_path, pairs)
    assert runs[0].probes["val_loss"]["steps"] == [0, 1, 2, QUICK.steps]
    monkeypatch.setattr(sweeps, "Trainer", None)
    assert measured(swept(tmp_path, pairs)) == measured(runs)


def test_the_name_of_a_run_depends_on_every_field():
    changed = {int: lambda v: v + 1, float: lambda v: v + 0.25, bool: lambda v: not v}
    others = {
        **{"tie_head": True, "embd_std": 0.5, "clip": 1.0, "betas": (0.5, 0.5), "measure_at": (1,)},
        **{"placement": "post", "norm": "dyt", "activation": "relu", "init": "gpt2"},
        **{"decay": "cosine", "dtype": "bfloat16", "optimizer": "adam"},
    }
    training = replace(QUICK, optimizer="adamw")
    seen = [sweeps._key(MODEL, training, TEXT, PROBES)]
    for i, config in enumerate((MODEL, training)):
        for field in fields(config):
            value = getattr(config, field.name)
            new = others[field.name] if field.name in others else changed[type(value)](value)
            pair = [MODEL, training]
            pair[i] = replace(config, **{field.name: new})
            seen.append(sweeps._key(*pair, TEXT, PROBES))
    seen.append(sweeps._key(MODEL, training, Text(TEXT.content + "."), PROBES))
    for probes in ((), ("residual_rms", "grad_norm")):
        seen.append(sweeps._key(MODEL, training, TEXT, probes))
    assert len(set(seen)) == len(seen) == 4 + len(fields(MODEL)) + len(fields(QUICK))
    assert seen[-1] == sweeps._key(MODEL, training, TEXT, ("grad_norm", "residual_rms"))
    parts = json.dumps([asdict(MODEL), asdict(training), TEXT.sha256, [*PROBES]], sort_keys=True)
    assert seen[0] == hashlib.sha256(parts.encode()).hexdigest()[:16]  # as of runs kept from before
