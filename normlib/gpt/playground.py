"""A panel to train GPTs in a notebook: choose, press Train, watch, stop whenever you like."""

import html
import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

import torch
from torch.nn import functional as F

from normlib.gpt.data import Text, load_text, require_text
from normlib.gpt.model import GPTConfig
from normlib.gpt.norms import Norm
from normlib.gpt.train_config import TrainConfig
from normlib.gpt.training import Trainer
from normlib.palette import LIGHT, SERIES
from normlib.placements import PLACEMENTS

if TYPE_CHECKING:
    import ipywidgets

CURVES = 4  # the run that trains and the three before it
POINTS = 200  # of a curve
PAUSE = 0.5  # seconds between two drawings
CHARACTERS = 120  # of a sample
MOST_LAYERS, MOST_STEPS = 24, 5000
STROKES = [*zip((LIGHT[name] for name in SERIES), ("", "7 4", "2 3", "9 3 2 3"), strict=True)]
# A light card on a dark page too, as all drawings of a notebook are.
CARD = f"padding:8px;background:{LIGHT['card']};color:{LIGHT['ink']}"
TRAINING = threading.Lock()  # held while a model trains, so that two never do
latest = None  # the panel made last


def playground(text: Text | None = None) -> "ipywidgets.VBox":
    """Make a panel that trains small GPTs in this notebook and draws them while they train.

    The models have the size of those in chapter 13: width 64, 4 heads, 8 windows of 32 characters
    in a step. The last runs stay in the drawing. Training happens in a thread of its own; making
    another panel ends the training of this one.

    Parameters
    ----------
    text : Text, optional
        What to train on; None is ``load_text()``.

    Returns
    -------
    ipywidgets.VBox
        Show it as the last line of a cell.

    Raises
    ------
    TypeError
        If the text is no Text.
    ModuleNotFoundError
        Without ipywidgets, which comes with ``pip install 'normlib[chapters]'``.

    Examples
    --------
    >>> from normlib.gpt.playground import playground
    >>> box = playground()
    >>> len(box.children)
    4
    """
    global latest
    text = load_text() if text is None else text
    require_text(text)
    panel = _Panel(text)
    if latest is not None:
        latest.stop.set()
    latest = panel
    return panel.box


@dataclass
class _Shown:
    """A run as it is drawn."""

    label: str
    steps: list = field(default_factory=list)
    loss: list = field(default_factory=list)
    grad_norm: list = field(default_factory=list)
    end: str = ""


class _Panel:
    """The controls, and the one run that they may start."""

    def __init__(self, text):
        import ipywidgets as w  # here, so that normlib.gpt needs it for nothing else

        self.text, self.runs, self.stop = text, [], threading.Event()
        self.frequencies = _letter_frequencies(text)
        self.controls = {
            "placement": w.Dropdown(options=[*PLACEMENTS], value="post"),
            "norm": w.Dropdown(options=get_args(Norm), value="layernorm"),
            "rate": w.FloatText(value=3e-3, step=1e-3),
            "warm-up": w.IntText(value=0, step=10),
            "layers": w.IntText(value=6),
            "steps": w.IntText(value=200, step=50),
            "seed": w.IntText(value=0),
        }
        for name, control in self.controls.items():
            control.description = name
            control.layout.width = "180px"
        self.train = w.Button(description="Train", button_style="primary")
        self.halt = w.Button(description="Stop", disabled=True)
        self.train.on_click(self.start)
        self.halt.on_click(self.end)
        self.status, self.picture, self.sample = w.HTML("Choose, then press Train."), w.HTML(), ""
        row = w.Layout(flex_flow="row wrap")
        self.box = w.VBox(
            [
                w.HBox([*self.controls.values()], layout=row),
                w.HBox([self.train, self.halt]),
                self.status,
                self.picture,
            ]
        )

    def start(self, _):
        """Begin to train what is chosen, unless a model trains already."""
        if not TRAINING.acquire(blocking=False):
            self.say("A model is training: press Stop first, or wait for its end.")
            return
        try:
            chosen = {name: control.value for name, control in self.controls.items()}
            configs = _configs(chosen, self.text)
            self.stop = threading.Event()
            self.enable(train=False)
            thread = threading.Thread(
                target=self.work, args=(configs, _label(chosen)), name="playground", daemon=True
            )
            thread.start()
        except Exception as error:  # whatever it is, the reader sees it and may try again
            self.finish(f"Not started: {error}")

    def end(self, _):
        """Ask the run to end after its present step."""
        self.say("Stopping …")
        self.stop.set()

    def work(self, configs, label):
        """Train, show, and free the panel at the end, whatever happens."""
        try:
            ending = self.follow(Trainer(*configs, self.text), label)
        except Exception as error:
            ending = f"The training failed: {error}"
        self.finish(ending)

    def follow(self, trainer, label):
        """Draw a trainer on its way, and return the sentence that says how it ended."""
        shown, drawn = _Shown(label), time.monotonic()
        self.runs = [*self.runs, shown][-CURVES:]
        for step in trainer:
            for name in ("loss", "grad_norm"):
                getattr(shown, name).append(getattr(step, name))
            shown.steps.append(step.number)
            if self.stop.is_set():
                break
            if time.monotonic() - drawn >= PAUSE:
                self.sample = _sample(trainer.model, self.text)
                self.draw()
                self.say(f"Step {step.number + 1} of {step.steps}: loss {step.loss:.2f} nats.")
                drawn = time.monotonic()
        run, done = trainer.run(), f"after {trainer.step} steps"
        if run.diverged:
            shown.end = f"diverged {done}"
            self.sample = ""
        else:
            shown.end = f"{run.val_loss:.2f} nats" + (f" {done}" if self.stop.is_set() else "")
            self.sample = _sample(trainer.model, self.text)
        self.draw()
        if run.diverged:
            return f"This run diverged {done}: it counts as a result."
        word = "Stopped" if self.stop.is_set() else "Finished"
        return f"{word} {done}: validation loss {run.val_loss:.2f} nats."

    def finish(self, sentence):
        """Say how it ended, and give the panel back."""
        self.say(sentence)
        TRAINING.release()
        self.enable(train=True)

    def enable(self, train):
        """Either one may train, or one may stop."""
        self.train.disabled, self.halt.disabled = not train, train

    def say(self, sentence):
        """Show a sentence."""
        self.status.value = html.escape(sentence)

    def draw(self):
        """Show the curves and the sample."""
        # A run that explodes leaves the drawing, so that the others can still be told apart.
        loss = _panel(self.runs, "loss", "loss in nats", 20, self.frequencies)
        norm = _panel(self.runs, "grad_norm", "gradient norm", 1000)
        keys = "".join(_key(*pair) for pair in zip(self.runs, STROKES, strict=False))
        sample = f"The model writes:<pre>{html.escape(self.sample)}</pre>" if self.sample else ""
        self.picture.value = (
            f'<div style="{CARD}"><div style="display:flex;flex-wrap:wrap">{loss}{norm}</div>'
            f"{keys}</div>{sample}"
        )


def _configs(chosen, text):
    """The two configurations; a ValueError or TypeError with one sentence for what makes none."""
    if chosen["layers"] > MOST_LAYERS:
        raise ValueError(f"layers must be at most {MOST_LAYERS} here, got {chosen['layers']}.")
    if not 1 <= chosen["steps"] <= MOST_STEPS:
        raise ValueError(f"steps must be from 1 to {MOST_STEPS} here, got {chosen['steps']}.")
    if not 0 < chosen["rate"] < math.inf:
        raise ValueError(f"the rate must be a number above 0, got {chosen['rate']}: try 0.003.")
    model = GPTConfig(
        vocab_size=text.vocab_size,
        placement=chosen["placement"],
        norm=chosen["norm"],
        n_layer=chosen["layers"],
    )
    training = TrainConfig(
        lr=chosen["rate"],
        warmup=chosen["warm-up"],
        steps=chosen["steps"],
        seed=chosen["seed"],
        batch_size=8,
        log_every=math.ceil(chosen["steps"] / POINTS),
    )
    return model, training


def _label(chosen):
    norm = "" if chosen["placement"] == "none" else f" {chosen['norm']},"
    return (
        f"{chosen['placement']},{norm} rate {chosen['rate']:g}, warm-up {chosen['warm-up']}, "
        f"{chosen['layers']} layers, seed {chosen['seed']}"
    )


def _letter_frequencies(text):
    """Loss of a model that knows how frequent each character is, and nothing else."""
    cut = int(0.9 * len(text.ids))
    counts = torch.bincount(text.ids[:cut], minlength=text.vocab_size) + 1.0
    return F.cross_entropy(counts.log().expand(len(text.ids) - cut, -1), text.ids[cut:]).item()


def _sample(model, text):
    generator = torch.Generator().manual_seed(0)
    start = text.ids[:1][None].to(model.wte.weight.device)
    on_cpu = model.wte.weight.device.type == "cpu"
    made = model.generate(start, CHARACTERS, generator=generator if on_cpu else None)
    return text.decode(made[0, 1:].tolist())


def _panel(runs, name, title, span, level=None):
    """One drawing: the curves of all runs over the steps, on a logarithmic scale of that span."""
    width, height, left, bottom = 330, 200, 42, 30
    values = [v for run in runs for v in getattr(run, name) if v > 0] or [1.0]
    low, high = min([*values, level or math.inf]), max(*values, level or 0)
    low, high = 0.9 * low, 1.1 * min(high, span * low)
    last = max([1, *(step for run in runs for step in run.steps)])

    def place(step, value):
        share = math.log(min(max(value, low), high) / low) / math.log(high / low)
        x = left + (width - left - 8) * step / last
        return f"{x:.1f},{height - bottom - (height - bottom - 22) * share:.1f}"

    def line(points, color, dashes, weight):
        return (
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" '
            f'stroke-width="{weight}" stroke-dasharray="{dashes}"/>'
        )

    def words(x, y, string):
        return f'<text x="{x}" y="{y}" font-size="11" fill="currentColor">{string}</text>'

    level_key = f" (dotted: letter frequencies, {level:.2f})" if level else ""
    parts = [words(left, 13, title + level_key), words(width - 60, height - 4, f"step {last}")]
    parts += [
        words(0, 32, f"{high:.3g}" if high < 1000 else f"{high:.0f}"),
        words(0, height - bottom, f"{low:.3g}"),
    ]
    edges = [place(0, high), place(0, low), place(last, low)]
    parts.append(line(edges, "currentColor", "", 1))
    if level:
        parts.append(line([place(0, level), place(last, level)], "currentColor", "1 4", 1))
    for run, (color, dashes) in zip(runs, STROKES, strict=False):
        parts.append(line(map(place, run.steps, getattr(run, name)), color, dashes, 1.5))
    return (
        f'<svg role="img" aria-label="{title} of {len(runs)} runs over {last} steps" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">{"".join(parts)}</svg>'
    )


def _key(run, stroke):
    color, dashes = stroke
    end = f": {run.end}" if run.end else ""
    return (
        '<div><svg width="34" height="8" aria-hidden="true"><line x1="0" y1="4" x2="30" y2="4" '
        f'stroke="{color}" stroke-width="2" stroke-dasharray="{dashes}"/></svg> '
        f"{html.escape(run.label + end)}</div>"
    )
