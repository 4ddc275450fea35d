"""Runs: what filters and tables say of them, and that their files are whole or refused."""

import dataclasses
import errno
import json
import math
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from normlib.results import Run, Runs, _files, load_results, runs


def run(seed=0, loss=2.0, diverged=False, *, placement="pre", lr=1e-3, **more):
    return Run(
        model={"placement": placement, "tie_head": None, "norm_eps": 1.0000001e-5},
        training={"lr": lr, "seed": seed, "betas": [0.9, 0.95]},
        steps=[0, 1],
        loss=[3.123456789, loss],
        grad_norm=[0.000123456789, 1e20 / 3],
        val_loss=None if diverged else loss,
        diverged=diverged,
        **{"probes": {"rms": {"steps": [0], "values": [[1 / 3, None]]}}} | more,
        provenance={"date": f"day {seed}", "versions": {"torch": "2"}, "threads": 1},
        seconds=0.1234567,
    )


SOME = Runs(
    [
        *(run(s, 2.0 + s, placement="post") for s in range(3)),
        run(3, placement="post", diverged=True),
        run(0, 1.5),
        run(0, diverged=True, lr=1e-2),
        run(1, diverged=True, lr=1e-2),
    ]
)


def test_a_run_knows_the_fields_of_its_configurations():
    one = run(seed=4)
    assert (one["placement"], one["seed"], one["val_loss"]) == ("pre", 4, 2.0)
    with pytest.raises(KeyError, match=r"no field 'sead': try one of placement, .*seed.*seconds"):
        one["sead"]


def test_a_filter_keeps_what_has_all_values_in_order():
    assert [r["seed"] for r in SOME.filter(placement="post")] == [0, 1, 2, 3]
    assert [*SOME.filter(placement="pre", seed=0)] == [SOME[4], SOME[5]]
    assert [*SOME.filter()] == [*SOME]
    assert len(SOME.filter(diverged=True)) == 3
    assert len(SOME.filter(tie_head=None)) == 7


def test_a_run_is_read_like_a_dict_and_is_no_list_of_runs():
    one = run(seed=4)
    assert "lr" in one
    assert "sead" not in one
    assert list(one) == one.names()
    assert dict(one)["seed"] == 4
    with pytest.raises(TypeError, match=r"got a single Run: write Runs\(\[run\]\)"):
        Runs(one)
    with pytest.raises(TypeError, match="must be a list of Run, got one that holds 1: "):
        Runs([one, 1])
    with pytest.raises(TypeError, match="must be a list of Run, got None"):
        Runs(None)


def test_a_filter_takes_one_value_and_a_tuple_is_a_list():
    for several in ([0, 1], (0, 7), range(2), np.arange(2)):
        with pytest.raises(ValueError, match=r"filter takes one value for a field, got seed="):
            SOME.filter(seed=several)
    as_tuple = dataclasses.replace(SOME[0], training=SOME[0].training | {"betas": (0.9, 0.95)})
    both = Runs([SOME[0], as_tuple])
    for betas in ((0.9, 0.95), [0.9, 0.95]):
        assert [*both.filter(betas=betas)] == [*both]
    assert both.distinct("betas") == [[0.9, 0.95]]
    for some in (both, both[::-1]):
        assert some.table("betas", "lr").cells[0][0].n == 2
        assert some.table("lr", "betas").cells[0][0].n == 2
    with pytest.raises(ValueError, match=r"no run has betas=\(0.8, 0.9\): there are \[\[0.9"):
        both.filter(betas=(0.8, 0.9))


def test_a_filter_says_which_values_and_fields_there_are():
    with pytest.raises(ValueError, match=r"no run has lr=0.1: there are \[0.001, 0.01\]"):
        SOME.filter(lr=0.1)
    with pytest.raises(ValueError, match=r"no run has lr=0.01: there are \[0.001\]"):
        SOME.filter(placement="post", lr=1e-2)  # each narrows what the next may be
    with pytest.raises(KeyError, match="no field 'rate'"):
        SOME.filter(rate=1)


def test_distinct_values_come_once_numbers_sorted():
    shuffled = Runs(SOME[i] for i in (5, 2, 0, 1, 4))
    assert shuffled.distinct("seed") == [0, 1, 2]
    assert shuffled.distinct("lr") == [1e-3, 1e-2]
    assert shuffled.distinct("placement") == ["pre", "post"]  # as met: words have no order
    assert shuffled.distinct("betas") == [[0.9, 0.95]]


def test_values_are_an_array_with_nan_for_none():
    np.testing.assert_array_equal(SOME.values("val_loss"), [2, 3, 4, np.nan, 1.5, np.nan, np.nan])
    assert SOME.values("placement")[4] == "pre"
    shorter = dataclasses.replace(SOME[0], loss=[3.0])
    with pytest.raises(ValueError, match=r"'loss' holds lists of different lengths: take \[run\["):
        Runs([SOME[0], shorter]).values("loss")


def test_runs_are_a_sequence_that_counts_the_diverged():
    assert repr(SOME) == "<7 runs, 3 diverged>"
    assert isinstance(SOME[1:3], Runs)
    assert [*SOME[1:3]] == [SOME[1], SOME[2]]
    assert SOME[-1] in SOME
    assert repr(Runs([])) == "<0 runs, 0 diverged>"


def test_a_table_has_mean_sample_sd_and_every_run():
    table = SOME.table("placement", "lr")
    assert (table.rows, table.columns, table.over) == (["post", "pre"], [1e-3, 1e-2], ["seed"])
    first, empty, single, lost = (c for row in table.cells for c in row)
    assert (first.mean, first.sd, first.n, first.diverged) == (3.0, 1.0, 4, 1)
    assert (single.mean, single.n, single.diverged) == (1.5, 1, 0)
    assert math.isnan(single.sd)
    assert (empty.n, lost.n, lost.diverged) == (0, 2, 2)
    assert sum(c.n for row in table.cells for c in row) == len(SOME)
    np.testing.assert_array_equal(table.means, [[3, np.nan], [1.5, np.nan]])
    assert repr(table).splitlines() == [
        "validation loss, mean ± sd (n), over seed",
        "placement \\ learning rate  0.001                    0.01",
        "post                       3.0 ± 1.0, diverged 1/4  –",
        "pre                        1.5 (1)                  diverged 2/2",
    ]


def test_a_table_names_what_else_varies():
    assert SOME.table("seed", "diverged").over == ["placement", "lr"]
    assert SOME.filter(placement="post").table("seed", "lr").title.startswith("validation")
    assert SOME.table("placement", "lr", value="seed").cells[0][0].mean == 1  # not the lost 3


def test_a_table_is_of_numbers():
    for value in ("loss", "placement"):
        with pytest.raises(TypeError, match=f"'{value}' holds .*: try 'val_loss'"):
            SOME.table("placement", "lr", value)
    lacking = Runs([*SOME, dataclasses.replace(SOME[0], val_loss=None)])
    with pytest.raises(TypeError, match="'val_loss' holds None: leave those runs out"):
        lacking.table("placement", "lr")


class Tags(HTMLParser):
    """Fails on a tag that is not closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.cells = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag in ("th", "td", "caption"):
            self.cells.append([tag, dict(attrs).get("scope"), ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.cells[-1][2] += data


def test_a_table_in_html_has_heads_with_a_scope():
    odd = Runs([*SOME, run(placement="<b>&")])
    parser = Tags()
    parser.feed(odd.table("placement", "lr")._repr_html_())
    parser.close()
    assert parser.open == []
    expected = [
        ("caption", None, "validation loss, mean ± sd (n), over seed"),
        *(("td", None, ""), ("th", "colgroup", "learning rate")),
        *(("th", "col", name) for name in ("placement", "0.001", "0.01")),
        *(("th", "row", "post"), ("td", None, "3.0_±_1.0, diverged_1/4"), ("td", None, "–")),
        *(("th", "row", "pre"), ("td", None, "1.5_(1)"), ("td", None, "diverged_2/2")),
        *(("th", "row", "<b>&"), ("td", None, "2_(1)"), ("td", None, "–")),
    ]
    found = [(tag, scope, text.replace("\xa0", "_")) for tag, scope, text in parser.cells]
    assert found == expected  # a line may break at a space, not at what is _ here


def test_a_table_is_in_words_and_its_cells_have_equally_many_digits():
    table = load_results("logit_growth").table(rows="lr", columns="qk_norm")
    assert (table.row_name, table.columns) == ("lr", [False, True])  # as they are, for a program
    _, head, *lines = repr(table).splitlines()
    assert head.split("  ")[0] == "learning rate \\ QK-norm"
    assert head.split()[-2:] == ["no", "yes"]
    numbers = re.findall(r"\d+\.\d+ ± \d+\.\d+", "\n".join(lines))
    assert len(numbers) == 2 * len(lines)
    assert {len(n.split(".")[-1]) for pair in numbers for n in pair.split(" ± ")} == {3}


def test_a_file_keeps_configurations_exactly_and_five_digits_of_measurements(tmp_path):
    path, some = tmp_path / "new" / "some.json", Runs([*SOME, run(lr=1 / 3)])
    some.save(path)
    back = Runs.load(path)
    for old, new in zip(some, back, strict=True):
        for name in ("model", "training", "provenance", "steps", "val_loss", "diverged"):
            assert getattr(new, name) == getattr(old, name), name
        assert new.loss == [3.1235, old.loss[1]]
        assert new.grad_norm == [0.00012346, 3.3333e19]
        assert new.probes == {"rms": {"steps": [0], "values": [[0.33333, None]]}}
        assert new.seconds == 0.12346
    back.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    Runs([]).save(path)
    assert len(Runs.load(path)) == 0


def test_a_file_has_one_run_to_a_line_and_what_is_common_once(tmp_path):
    SOME.save(tmp_path / "some.json")
    text = (tmp_path / "some.json").read_text()
    assert text.count("norm_eps") == text.count("versions") == 1
    assert len(text.splitlines()) == 2 + len(SOME)
    assert (tmp_path / "some.json").stat().st_mode & 0o777 == 0o644


def test_a_file_holds_no_number_that_json_does_not_have(tmp_path):
    def refuse(word):
        raise AssertionError(word)

    path = tmp_path / "some.json"
    SOME.save(path)
    before = path.read_bytes()
    json.loads(before, parse_constant=refuse)
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="JSON"):
            Runs([run(loss=bad)]).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["some.json"]


def test_a_file_cut_off_anywhere_is_refused_by_name(tmp_path):
    path = tmp_path / "cut.json"
    SOME[:2].save(path)
    whole = path.read_bytes().rstrip()
    for length in range(0, len(whole), 10):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cut\.json is not complete JSON"):
            Runs.load(path)


SERIES = ("loss", "grad_norm")


def edited(change):
    """The bytes of a file of one run whose document `change` has edited."""

    def content(path):
        Runs([run()]).save(path)
        document = json.loads(path.read_text())
        change(document)
        return json.dumps(document).encode()

    return content


DAMAGE = {
    "not utf-8": lambda path: b'{"schema": 1, "\xff',
    "another document": lambda path: b"[]",
    "a number": lambda path: b"3",
    "another schema": edited(lambda d: d.update(schema=2)),
    "no schema": edited(lambda d: d.pop("schema")),
    "no common": edited(lambda d: d.pop("common")),
    "half of common": edited(lambda d: d["common"].pop("model")),
    "runs that are no list": edited(lambda d: d.update(runs=None)),
    "a run that is a number": edited(lambda d: d.update(runs=[3])),
    **{
        f"a run without {f.name}": edited(lambda d, name=f.name: d["runs"][0].pop(name))
        for f in dataclasses.fields(Run)
    },
    "a run with more": edited(lambda d: d["runs"][0].update(accuracy=1)),
}
ODD = {
    **{name: [3, None, []] for name in ("model", "training", "provenance")},
    "probes": [[], {"rms": [1.0]}, {"rms": {"steps": [0]}}, {"rms": {"steps": [0], "values": 1}}],
    "steps": [None, 3, [0.0, 1.0], ["0", "1"], [True, False]],
    **{name: [None, 2.0, [2.0], [2.0, "1.2"], [2.0, None], [2.0, True]] for name in SERIES},
    "val_loss": ["1.2", [1.2], True, math.nan],
    "diverged": [None, 0, "no"],
    "seconds": [None, "3", math.inf],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_refused_by_name(damage, tmp_path):
    path = tmp_path / "hurt.json"
    path.write_bytes(DAMAGE[damage](path))
    with pytest.raises(ValueError, match=r"hurt\.json") as caught:
        Runs.load(path)
    if damage.startswith("a run with"):
        assert damage.split()[-1].replace("more", "accuracy") in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [(k, v) for k, values in ODD.items() for v in values])
def test_a_file_with_a_value_that_no_run_has_is_refused_by_name(name, value, tmp_path):
    path = tmp_path / "odd.json"
    path.write_bytes(edited(lambda d: d["runs"][0].update({name: value}))(path))
    with pytest.raises(ValueError, match=rf"odd\.json: a run has {name}=") as caught:
        Runs.load(path)
    assert f"{name}={value!r}" in str(caught.value)


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace"), (Path, "chmod")])
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_file(owner, name, error, tmp_path, monkeypatch):
    path = tmp_path / "some.json"
    SOME.save(path)
    before = path.read_bytes()

    def fail(*args):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        with pytest.raises(type(error)):
            SOME[:1].save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["some.json"]


def test_a_file_that_says_the_same_already_is_left_alone(tmp_path, monkeypatch):
    path = tmp_path / "some.json"
    SOME.save(path)

    def read_only(*args, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(_files.tempfile, "mkstemp", read_only)
    SOME.save(path)
    with pytest.raises(OSError, match="Read-only"):
        SOME[:1].save(path)
    assert len(Runs.load(path)) == len(SOME)


def test_unknown_results_are_answered_with_the_known(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "PUBLISHED", tmp_path)
    with pytest.raises(ValueError, match="no published results 'warmup': there are none"):
        load_results("warmup")
    for name in ("two", "one"):
        SOME.save(tmp_path / f"{name}.json")
    with pytest.raises(ValueError, match="no published results 'warmup': there are one, two"):
        load_results("warmup")
    assert len(load_results("two")) == len(SOME)


def test_results_need_no_torch():
    code = "import sys, normlib.results; print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, text=True).strip() == "False"
