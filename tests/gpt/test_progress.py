"""The line of progress that the command line writes."""

import sys

import pytest

from normlib.gpt import Step, progress, progress_line, sweep_line
from normlib.gpt.progress import Line, _time


@pytest.fixture(autouse=True)
def log(monkeypatch):
    """As if in a plain process, whatever other tests have imported."""
    monkeypatch.delenv("NORMLIB_QUIET", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)


class Clock:
    """Seconds that pass only when told."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "Line", lambda: Line(clock))
    return clock


def shown(capsys, line, clock, times, total):
    """What is written as runs are done at these times."""
    for done, clock.now in enumerate(times, start=1):
        line.show(done, total, "runs")
    return capsys.readouterr().out


def test_in_a_log_a_line_is_seldom_and_the_last_is_never_missing(capsys, clock):
    out = shown(capsys, Line(clock), clock, [1001, 1009, 1010.9, 1011, 1012, 1012.1], 6)
    assert out.splitlines() == [
        "[###.................] 1/6  runs  5 s left",
        "[#############.......] 4/6  runs  6 s left",  # ten seconds later
        "[####################] 6/6  runs  0 s left",
    ]


def test_on_a_terminal_the_line_is_written_over(capsys, clock, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    line = Line(clock)
    first = "[#####...............] 1/4  runs  30 min left"
    third = "[###############.....] 3/4  runs  3 min left"
    out = shown(capsys, line, clock, [1600, 1600.05, 1600.2], 4)
    assert out == f"\r{first}\r{third} "  # the second came too soon; nothing of the first is left
    line.show(4, 4, "x")
    last = "[####################] 4/4  x  0 s left"
    assert capsys.readouterr().out == "\r" + last.ljust(len(third)) + "\n"


def test_in_a_notebook_the_line_is_written_over_too(capsys, clock, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    assert shown(capsys, Line(clock), clock, [1001], 2).startswith("\r")


def test_nothing_is_written_where_quiet_is_asked_for(capsys, clock, monkeypatch):
    monkeypatch.setenv("NORMLIB_QUIET", "1")
    assert shown(capsys, Line(clock), clock, [1001, 1020, 1040], 3) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119.4, "119 s"), (120, "2 min"), (7100, "118 min"), (7200, "2.0 h")],
)
def test_time_left_has_a_unit_that_fits(seconds, words):
    assert _time(seconds) == words


def test_the_line_of_training_has_loss_rate_and_tokens(capsys, clock):
    line = progress_line()
    clock.now += 2
    line(Step(number=4, steps=20, loss=1.23456, grad_norm=1.0, lr=0.003, tokens=5000))
    text = "loss 1.235  lr 0.003  2,500 tokens/s"
    assert capsys.readouterr().out == f"[#####...............] 5/20  {text}  6 s left\n"


def test_the_line_of_a_sweep_counts_only_the_runs_of_this_call(capsys, clock):
    class Some:
        diverged = True

    line = sweep_line()
    clock.now += 12
    line(7, 10, Some)  # six are from before
    clock.now += 12
    Some.diverged = False
    line(8, 10, Some)
    assert capsys.readouterr().out.splitlines() == [
        "[#####...............] 1/4  runs  6 from before  1 diverged  36 s left",
        "[##########..........] 2/4  runs  6 from before  1 diverged  24 s left",
    ]
    sweep_line()(1, 3, Some)
    assert "from before" not in capsys.readouterr().out
