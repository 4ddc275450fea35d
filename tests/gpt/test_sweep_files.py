"""The files of a sweep: what is damaged, copied or edited is named; a full disk loses nothing."""

import errno
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields, replace

import pytest

from cats import MODEL, PAIRS, PROBES, QUICK, TEXT, keys, measured, swept
from normlib.gpt import Text, grid, sweep, sweeps
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


def test_a_run_that_was_measured_on_its_way_is_known_again(tmp_path, monkeypatch):
    pairs = [(MODEL, replace(QUICK, measure_at=(1, 2)))]
    runs = swept(tmp_path, pairs)
    assert runs[0].probes["val_loss"]["steps"] == [0, 1, 2, QUICK.steps]
    monkeypatch.setattr(sweeps, "train", None)
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
