"""One line of progress on standard output: no widget, no stderr, silent while the book builds."""

import os
import sys
import time
from collections.abc import Callable

from normlib.gpt.training import Step
from normlib.results import Run

WIDTH = 20
QUIET = "NORMLIB_QUIET"  # an environment variable; the build of the book sets it
SELDOM = 10  # seconds between lines where a line cannot be written over, as in a log file


class Line:
    """A line that is written over, or written again from time to time where that cannot be."""

    def __init__(self, clock=time.monotonic):
        self.clock, self.began, self.shown, self.length = clock, clock(), -SELDOM, 0

    def show(self, done, total, text):
        """Write a bar, the text, and the time left at the rate until now."""
        now = self.clock()
        over = sys.stdout.isatty() or "ipykernel" in sys.modules
        rest = 0.1 if over else SELDOM
        if os.environ.get(QUIET) or (done < total and now - self.shown < rest):
            return
        self.shown = now
        filled = WIDTH * done // total
        left = (now - self.began) * (total - done) / max(done, 1)
        line = (
            f"[{'#' * filled}{'.' * (WIDTH - filled)}] {done}/{total}  {text}  {_time(left)} left"
        )
        padded = line.ljust(self.length)
        self.length = len(line)
        print(
            ("\r" if over else "") + padded, end="" if over and done < total else "\n", flush=True
        )


def progress_line() -> Callable[[Step], None]:
    """Make a `progress` for `train`: a bar, the loss, the learning rate, tokens/s, time left.

    Examples
    --------
    >>> from normlib.gpt import GPTConfig, Text, TrainConfig, progress_line, train
    >>> tiny = GPTConfig(vocab_size=4, n_layer=1, n_head=1, n_embd=8, block_size=4)
    >>> run = train(tiny, TrainConfig(steps=3), Text("abcd" * 99), progress=progress_line())
    ... # doctest: +SKIP
    [####################] 3/3  loss 1.412  lr 0.003  41,000 tokens/s  0 s left
    """
    line = Line()

    def progress(step):
        rate = step.tokens / max(line.clock() - line.began, 1e-9)
        text = f"loss {step.loss:.3f}  lr {step.lr:.2g}  {rate:,.0f} tokens/s"
        line.show(step.number + 1, step.steps, text)

    return progress


def sweep_line() -> Callable[[int, int, Run], None]:
    """Make a `progress` for `sweep`: runs done, how many diverged, time left.

    Examples
    --------
    >>> from normlib.gpt import sweep_line
    >>> progress = sweep_line()  # for sweep(…, progress=progress)
    """
    progress = unit_line("runs")
    return lambda done, total, run: progress(done, total, [run])


def unit_line(what):
    """The same where a unit of the work is several runs, and `what` the word for it."""
    line, diverged, before = Line(), 0, None

    def progress(done, total, runs):
        nonlocal diverged, before
        before = done - 1 if before is None else before  # finished in an earlier call
        diverged += sum(run.diverged for run in runs)
        earlier = f"  {before} from before" if before else ""
        line.show(done - before, total - before, f"{what}{earlier}  {diverged} diverged")

    return progress


def _time(seconds):
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
