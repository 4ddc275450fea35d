"""What the curves and probes of a run say: `diagnose_run`."""

import math
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import NamedTuple

import numpy as np

from normlib.digits import readable
from normlib.gpt._fields import require_kind
from normlib.gpt.data import Text, letter_level, load_text, require_text
from normlib.results import Run

ACCENT = "#6d28d9"
ALIKE = 0.95  # cosine between tokens above which they are one vector
LARGE_LOGIT = 50.0  # a softmax of such logits looks at a single token
GROWN = 20.0  # times its first size, from which on the stream is said to have grown
SILENT = 1e-3  # gradient at the embeddings over that at the top
ENOUGH = 100  # steps after which a run should know more than it did at first


@dataclass(frozen=True)
class Finding:
    """One thing that a run shows: its name, the numbers that show it, what to try, in order."""

    name: str
    evidence: str
    try_first: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class RunReport:
    """What `diagnose_run` returns: findings, and what the probes say beside them."""

    findings: tuple[Finding, ...]
    probes: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The names of the findings."""
        return [finding.name for finding in self.findings]

    def __repr__(self) -> str:
        if not self.findings:
            return "\n  ".join(["✓ no fault that a curve could show", *self.probes])
        lines = []
        for finding in self.findings:
            lines += [f"✗ {finding.name}", f"  {finding.evidence}"]
            lines += [f"  {i}. {advice}" for i, advice in enumerate(finding.try_first, 1)]
        return "\n".join([*lines, *(f"  {seen}" for seen in self.probes)])

    def _repr_html_(self):
        parts = [f"<p>{escape(seen)}</p>" for seen in self.probes]
        for finding in reversed(self.findings):
            advice = "".join(f"<li>{escape(line)}</li>" for line in finding.try_first)
            parts.insert(0, f"<ol>{advice}</ol>")
            parts.insert(0, f"<p><strong>✗ {escape(finding.name)}.</strong> ")
            parts[0] += f"{escape(finding.evidence)}</p>"
        if not self.findings:
            parts.insert(0, "<p><strong>✓ No fault that a curve could show.</strong></p>")
        style = f"border-left:4px solid {ACCENT};padding:0.2em 0.8em;margin:0.4em 0"
        return f'<div style="{style}">{"".join(parts)}</div>'


class _Seen(NamedTuple):
    """A run as the questions see it."""

    run: Run
    steps: np.ndarray  # of the logged losses that are finite
    loss: np.ndarray
    smooth: np.ndarray  # medians of a moving window, so that single batches do not count
    noise: float  # by which the losses of two batches differ
    letters: float | None  # loss of the letter frequencies

    @property
    def tenth(self) -> int:
        """How many logged losses are a tenth of the run."""
        return max(3, len(self.loss) // 10)

    @property
    def end(self) -> float:
        """The training loss of the last tenth."""
        return float(np.median(self.loss[-self.tenth :]))


def diagnose_run(run: Run, text: Text | None = None) -> RunReport:
    r"""Name what the curves and probes of a run say: six ways in which a training goes wrong.

    - *not finite*: a loss or gradient was infinite or no number, and the run stopped there.
    - *diverges*: the loss was lower for a tenth of the run than it is at the end, by far more than
      it wavers, or it ends above what guessing gives.
    - *spike*: the loss leapt up within a few steps and came back.
    - *stuck at the letters*: it ends where one knows the frequencies of letters and nothing else.
    - *training and validation differ*: the validation loss is far above the training loss.
    - *too good to be true*: the validation loss is a tenth of what guessing gives, or less.

    Parameters
    ----------
    run : Run
        Of `train`, with a curve of 20 logged losses or more; shorter ones are judged by what
        they have. Losses are in nats per token. The probes ``val_loss``, ``residual_rms``,
        ``stream_grad_norm``, ``token_cosine`` and ``attention_logit_max`` are read where they are.
    text : Text, optional
        What it was trained on, which the third question needs. None takes the book's own, if the
        run was trained on that.

    Returns
    -------
    RunReport
        With `findings`, worst first, and what the probes show beside them. No finding means
        that the curve is inconspicuous, not that the model is right.

    Raises
    ------
    TypeError
        If it is no Run.

    Examples
    --------
    >>> import normlib as nl
    >>> from normlib.gpt import diagnose_run
    >>> runs = nl.load_results("norm_type").filter(placement="none", lr=0.032)
    >>> diagnose_run(runs[0]).names
    ['not finite']
    """
    require_kind("run", run, Run, "take what train(…) returns")
    if text is not None:
        require_text(text)
    seen = _seen(run, text)
    lost = _not_finite(seen) or _diverges(seen)
    asked = (_too_good,) if lost else (_too_good, _gap, _stuck, _spike)
    found = [lost, *(question(seen) for question in asked)]
    if run.diverged and not any(found):
        found = [_ends_above(seen)]
    return RunReport(tuple(filter(None, found)), tuple(_probes(run)))


def _seen(run, text):
    loss = np.array(run.loss, dtype=float)
    finite = np.isfinite(loss)
    steps, loss = np.array(run.steps)[finite], loss[finite]
    half = max(1, len(loss) // 50)
    windows = [loss[max(0, i - half) : i + half + 1] for i in range(len(loss))]
    smooth = np.array([np.median(w) for w in windows])
    leaps = np.abs(np.diff(loss[len(loss) // 2 :]))  # of neighbors: what one batch adds
    noise = float(np.median(leaps)) if len(leaps) else 0.0
    return _Seen(run, steps, loss, smooth, noise, _letters(run, text))


def _letters(run, text):
    if text is not None:
        return letter_level(text)
    sha256, level = _of_the_book()
    return level if run.provenance.get("corpus", {}).get("sha256") == sha256 else None


@cache
def _of_the_book():
    text = load_text()
    return text.sha256, letter_level(text)


def _not_finite(seen):
    run, training = seen.run, seen.run.training
    last = int(seen.steps[-1]) if len(seen.steps) else -1
    early = last + training.get("log_every", 1) < training.get("steps", 0)
    if not run.diverged or not (early or run.val_loss is None):
        return None
    begin = (
        "no step had a finite loss" if last < 0 else f"the last finite loss is that of step {last}"
    )
    ended = (
        f"Of {training.get('steps', '?')} steps the run stopped early"
        if early
        else ("No validation loss is finite")
    )
    return Finding(
        "not finite",
        f"{ended}: {begin}.",
        (
            "Measure residual_rms before the first step and after some: where it grows by a factor "
            "from block to block, or from step to step, a norm is missing, or weights or rate are "
            "too large.",
            "Halve the rate until it survives, then give it a warm-up.",
            "Clip the gradient: clip=1.0 keeps one batch from ending the run.",
            "Look for a division by zero: an eps of 0, or one below what the dtype can hold.",
        ),
    )


def _diverges(seen):
    if len(seen.loss) < 10:
        return _ends_above(seen) if seen.run.diverged else None
    width = seen.tenth
    # Of a tenth at a time, as the end is judged by: their medians waver less than two batches do.
    medians = np.median(np.lib.stride_tricks.sliding_window_view(seen.loss, width), axis=1)
    lowest = int(medians.argmin())
    best, step = float(medians[lowest]), seen.steps[lowest + width // 2]
    guess = math.log(seen.run.model.get("vocab_size", math.inf))
    bar = best + max(0.3, 6 * seen.noise / math.sqrt(width))
    if seen.steps[-1] >= ENOUGH:  # a run that has just begun may still come down
        bar = min(guess, bar)
    if seen.end < bar:
        return None
    return _diverging(
        f"The loss was {best:.2f} near step {step} and ends at {seen.end:.2f}; "
        f"guessing gives {guess:.2f}.",
        step,
    )


def _ends_above(seen):
    """What is said of a run that is counted as diverged where its curve is too short to ask."""
    return _diverging(
        f"The validation loss ends at {seen.run.val_loss:.2f}, above the first training loss and "
        "above what guessing gives.",
        0,
    )


def _diverging(evidence, step):
    return Finding(
        "diverges",
        evidence,
        (
            f"Compare the rate of step {step} with those after it: a rate that rises too far, or "
            "never falls, does this. Lower it, or let it decay.",
            "Look at attention_logit_max: if it grows, try qk_norm=True.",
            "Look at beta2 of the optimizer: below 0.9 it forgets how large gradients are.",
        ),
    )


def _spike(seen):
    if len(seen.loss) < 40:
        return None
    first = len(seen.loss) // 20
    bar = max(0.5, 8 * seen.noise)
    for i in range(max(first, 10), len(seen.loss) - 2):
        before = float(np.median(seen.loss[i - 10 : i]))
        back = seen.smooth[i:].min() < before + bar / 2
        if back and np.median(seen.loss[i : i + 3]) > before + bar:
            top = float(seen.loss[i : i + 10].max())
            leap = i + int((seen.loss[i : i + 3] > before + bar).argmax())
            return Finding(
                "spike",
                f"At step {seen.steps[leap]} the loss leaps from {before:.2f} to {top:.2f}, "
                "and comes back.",
                (
                    "Look at the batches of these steps before you look at the model: a damaged "
                    "file, another language, one line repeated.",
                    "If you resumed there, ask whether the state of the optimizer came along.",
                    "Clip the gradient: clip=1.0.",
                    "Lower the rate, or skip the batches and go on from the step before.",
                ),
            )
    return None


def _stuck(seen):
    enough = len(seen.steps) and seen.steps[-1] >= ENOUGH
    if not enough or seen.letters is None:
        return None
    if not seen.letters - 0.2 < seen.end < seen.letters + 0.4:
        return None
    val = seen.run.val_loss
    if val is not None and val < seen.letters - 0.4:  # the median of few losses lags behind
        return None
    return Finding(
        "stuck at the letters",
        f"The loss ends at {seen.end:.2f}; who knows how frequent each letter is, and nothing "
        f"else, has {seen.letters:.2f}.",
        (
            "Start anew with a warm-up of some hundred steps: more steps of the same do not help.",
            "Take a quarter of the rate.",
            'With post-norm, try placement="pre", or "deepnorm", which keeps the norm on the wire.',
        ),
    )


def _gap(seen):
    val = seen.run.val_loss
    if val is None or not len(seen.loss):
        return None
    if val < seen.end + max(0.3, 6 * seen.noise):
        return None
    evidence = f"The training loss ends at {seen.end:.2f}, the validation loss at {val:.2f}"
    measured = seen.run.probes.get("val_loss", {"steps": [], "values": []})
    known = [(v, s) for v, s in zip(measured["values"], measured["steps"], strict=True) if v]
    if known and min(known)[0] < val - 0.1:
        evidence += f", after {min(known)[0]:.2f} at step {min(known)[1]}"
    return Finding(
        "training and validation differ",
        f"{evidence}.",
        (
            "Count the characters of the training text against the weights: a text that is read "
            "many times is learned by heart. Take more text, or stop earlier.",
            "Evaluate one training batch in both modes: if the losses differ, something acts in "
            "one of them only, dropout or a norm with running statistics.",
            "Compare how both parts are prepared: their targets, their characters, their windows.",
        ),
    )


def _too_good(seen):
    val, guess = seen.run.val_loss, math.log(seen.run.model.get("vocab_size", 1))
    if val is None or val > 0.1 * guess:
        return None
    return Finding(
        "too good to be true",
        f"The validation loss is {val:.3f} nats; guessing gives {guess:.2f}, and no model of this "
        "size predicts a text so well.",
        (
            "Let it write: if that is nonsense, the model reads what it is asked for.",
            "Exchange the last token and look at the outputs before it: "
            "normlib.diagnose(model, idx) does so. A missing mask shows there, or a norm over "
            "the sequence.",
            "Print a window and its targets: they are one step apart, or you train a copier.",
        ),
    )


def _probes(run):
    """Sentences on what the probes show: at the first moment, and at the last one that is finite.

    Each is worth a look, and none is a fault by itself.
    """
    cosine, logits = _ends(run, "token_cosine"), _ends(run, "attention_logit_max")
    stream, gradient = _ends(run, "residual_rms"), _ends(run, "stream_grad_norm")
    if cosine and cosine[1][-1] > ALIKE:
        yield f"All tokens are nearly one vector at the top: their cosine is {cosine[1][-1]:.2f}."
    if logits and logits[1].max() > LARGE_LOGIT:
        sizes = (f"{most.max():.0f}" for most in logits)
        yield "The largest attention logit went from {} to {}.".format(*sizes)
    if stream and stream[1][-1] > GROWN * stream[0][-1]:
        yield f"The stream at the top went from {stream[0][-1]:.3g} to {stream[1][-1]:.3g}."
    if gradient and gradient[1][0] < SILENT * gradient[1][-1]:
        share = readable(float(gradient[1][0] / gradient[1][-1]), ".0e")
        yield f"The gradient at the embeddings is {share} of that at the top."


def _ends(run, name):
    """The first and the last row of a probe whose numbers are all finite; None without one."""
    rows = [row for row in run.probes.get(name, {"values": []})["values"] if None not in row]
    return (np.array(rows[0]), np.array(rows[-1])) if rows else None
