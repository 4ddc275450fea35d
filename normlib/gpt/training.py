"""Training as a pure function: two configurations and a text in, a Run out."""

import copy
import math
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from typing import Any, NamedTuple

import torch
from torch import nn

from normlib.gpt._fields import require_kind, shown
from normlib.gpt.data import PARTS, Part, Text, draw_batch, load_text, require_text
from normlib.gpt.model import GPT, GPTConfig
from normlib.gpt.probes import PROBES
from normlib.gpt.provenance import provenance
from normlib.gpt.train_config import TrainConfig, learning_rate
from normlib.results import Run

# Seeds of the data, apart from those of the weights; the probes see the same batch in every run.
DATA, PROBE, DROPOUT = 5000, 11, 100_003
EVAL_BATCH = 64
CHANCE = threading.Lock()  # torch's global generator is one for all threads


class Step(NamedTuple):
    """What is known at a logged step; the loss is that before the update."""

    number: int
    steps: int
    loss: float
    grad_norm: float
    lr: float
    tokens: int


class Trainer:
    """A model on its way: iterate to train it, stop and go on whenever you like.

    Parameters
    ----------
    model_config : GPTConfig
        The model.
    config : TrainConfig
        How to train it.
    text : Text, optional
        What to train it on; None is ``load_text()``.
    probes : sequence of str, default: ()
        Names from `normlib.gpt.probes`, measured before the first and after the last step.
    device : str, optional
        None takes a GPU if there is one.

    Attributes
    ----------
    model : GPT
        The model as it is now.

    Raises
    ------
    ValueError
        For an unknown probe, a vocabulary smaller than that of the text, or a text too short for
        one block in each of its parts.
    TypeError
        For a thing of another kind, as where the two configurations are exchanged.

    Examples
    --------
    >>> from normlib.gpt import GPTConfig, Text, TrainConfig, Trainer
    >>> text = Text("abcd" * 100)
    >>> tiny = GPTConfig(vocab_size=4, n_layer=1, n_head=1, n_embd=8, block_size=4)
    >>> trainer = Trainer(tiny, TrainConfig(steps=3), text)
    >>> next(iter(trainer)).number
    0
    >>> [step.number for step in trainer]
    [1, 2]
    >>> trainer.run().diverged
    False
    """

    def __init__(
        self,
        model_config: GPTConfig,
        config: TrainConfig,
        text: Text | None = None,
        probes: Sequence[str] = (),
        device: str | torch.device | None = None,
    ) -> None:
        text = load_text() if text is None else text
        require_fit(model_config, config, text, probes)
        gpu = "cuda" if torch.cuda.is_available() else "cpu"
        self.model_config, self.config, self.text = model_config, config, text
        self.device = torch.device(gpu if device is None else device)
        self.ids = {p: text.split(p, model_config.block_size).to(self.device) for p in PARTS}
        with _seeded(config.seed, self.device):  # torch draws weights first, which GPT replaces
            self.model = self.build()
        require_kind("build()", self.model, nn.Module, "end it with return model")
        self.model.to(self.device)
        self.model.chars = text.chars
        self.parameters = list(self.model.parameters())  # finding them takes time at every step
        self.optimizer = _optimizer(self.model, config)
        self.generator = torch.Generator().manual_seed(DATA + config.seed)
        self.step, self.diverged, self.seconds = 0, False, 0.0
        self.curves: dict[str, list] = {"steps": [], "loss": [], "grad_norm": []}
        names = [*probes, "val_loss"] if config.measure_at else probes
        self.probes: dict[str, dict[str, list]] = {n: {"steps": [], "values": []} for n in names}
        self._probe()

    def __iter__(self) -> Iterator[Step]:
        """Train, and yield a `Step` at each logged one, until the end or until it diverges."""
        while self.step < self.config.steps and not self.diverged:
            begin = time.perf_counter()
            logged = self._advance()
            self.seconds += time.perf_counter() - begin
            if self.step in self.config.measure_at and not self.diverged:
                self._probe()
            if logged:
                yield logged

    def fit(self, progress: Callable[[Step], object] | None = None) -> Run:
        """Train to the end and return the Run; `model` is then the trained one.

        Parameters
        ----------
        progress : callable, optional
            Called with a `Step` at each logged step.
        """
        for step in self:
            if progress is not None:
                progress(step)
        return self.run()

    def run(self) -> Run:
        """Evaluate the model as it is now and return the Run until here."""
        begin = time.perf_counter()
        val_loss = self._validate()
        start = self.curves["loss"][0] if self.curves["loss"] else math.inf
        worst = max(start, math.log(self.model_config.vocab_size))
        diverged = self.diverged or not math.isfinite(val_loss) or val_loss > worst
        if not self.diverged:
            self._probe(val_loss)
        return Run(
            model=asdict(self.model_config),
            training={k: _listed(v) for k, v in asdict(self.config).items()},
            **{name: list(curve) for name, curve in self.curves.items()},
            val_loss=val_loss if math.isfinite(val_loss) else None,
            diverged=diverged,
            probes=copy.deepcopy(self.probes),  # these go on, the Run does not
            provenance=provenance(self.text, self.device),
            seconds=self.seconds + time.perf_counter() - begin,
        )

    def build(self) -> GPT:
        """The model before its training; a subclass may build another in its place.

        The constructor calls it, before anything that a subclass sets after ``super().__init__``.
        """
        return GPT(self.model_config, self.config.seed)

    def batch(self, part: Part, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens and those that follow them; a subclass may show the model others.

        The constructor calls it, too, for what the probes measure. The validation loss does not:
        it is that of windows of the text, whatever the model is shown.
        """
        sizes = self.config.batch_size, self.model_config.block_size
        return draw_batch(self.ids[part], *sizes, generator)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on later, for ``torch.save``.

        Its tensors are those of the model and the optimizer, as in torch: to go back in the same
        process, keep a ``copy.deepcopy``.
        """
        return {
            "configs": (asdict(self.model_config), asdict(self.config), self.text.sha256),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "progress": copy.deepcopy(
                (self.step, self.diverged, self.seconds, self.curves, self.probes)
            ),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict` of the same configurations and text.

        Raises
        ------
        ValueError
            If it is of others.
        """
        own = self.state_dict()
        if not isinstance(state, Mapping) or state.get("configs") != own["configs"]:
            raise ValueError("the checkpoint is of another model, training or text: start anew.")
        if missing := ", ".join(own.keys() - state.keys()):
            raise ValueError(f"the checkpoint has no {missing}: save the whole state_dict().")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.step, self.diverged, self.seconds, curves, probes = state["progress"]
        self.curves = {name: list(curve) for name, curve in curves.items()}
        self.probes = {n: {k: list(v) for k, v in probe.items()} for n, probe in probes.items()}

    def _advance(self):
        """One update; returns a Step if it is a logged one."""
        config, step = self.config, self.step
        lr = learning_rate(config, step)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        if not self.model.training:  # asking is cheaper than visiting every module
            self.model.train()
        idx, targets = self.batch("train", self.generator)
        with self._dropout_of(step), self._precision():
            _, loss = self.model(idx, targets)
        self.optimizer.zero_grad()
        loss.backward()
        log = step % config.log_every == 0 or step == config.steps - 1
        if log or config.clip is not None:
            limit = math.inf if config.clip is None else config.clip
            norm = torch.nn.utils.clip_grad_norm_(self.parameters, limit)
        if log:
            loss, norm = loss.item(), norm.item()
            if not (math.isfinite(loss) and math.isfinite(norm)):
                self.diverged = True
                return None
        self.optimizer.step()
        self.step += 1
        if not log:
            return None
        for name, value in (("steps", step), ("loss", loss), ("grad_norm", norm)):
            self.curves[name].append(value)
        tokens = config.batch_size * self.model_config.block_size
        return Step(step, config.steps, loss, norm, lr, tokens * self.step)

    @torch.no_grad()
    def _validate(self):
        self.model.eval()
        size = self.model_config.block_size
        windows = self.ids["val"].unfold(0, size + 1, 1)
        count = min(self.config.eval_windows, len(windows))
        windows = windows[torch.linspace(0, len(windows) - 1, count).long()]
        total = 0.0
        for w in windows.split(EVAL_BATCH):
            with self._precision():
                total += self.model(w[:, :-1], w[:, 1:])[1].item() * len(w)
        return total / count

    def _probe(self, val_loss=None):
        """Measure the probes, unless this step's are there; a known validation loss is taken."""
        self.model.eval()
        batch = self.batch("val", torch.Generator().manual_seed(PROBE))
        for name, probe in self.probes.items():
            if probe["steps"][-1:] != [self.step]:
                if name != "val_loss":
                    value = PROBES[name](self.model, *batch)
                else:
                    value = self._validate() if val_loss is None else val_loss
                probe["steps"].append(self.step)
                probe["values"].append(_finite(value))

    def _precision(self):
        if self.config.dtype == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _dropout_of(self, step):
        """Dropout draws from torch's global generator: lend it a seed, and give it back."""
        if self.model_config.dropout == 0:
            return nullcontext()
        return _seeded(DROPOUT * (self.config.seed + 1) + step, self.device)


def train(
    model_config: GPTConfig,
    config: TrainConfig,
    text: Text | None = None,
    probes: Sequence[str] = (),
    device: str | torch.device | None = None,
    progress: Callable[[Step], object] | None = None,
) -> Run:
    """Train one model and return what was measured.

    Pure: the same arguments give the same curves, and no file is written and nothing printed.

    Parameters
    ----------
    model_config, config, text, probes, device
        As in `Trainer`.
    progress : callable, optional
        Called with a `Step` at each logged step; `normlib.gpt.progress_line` prints one line.

    Returns
    -------
    Run
        Also for a run that diverged, with ``diverged=True``.

    Raises
    ------
    ValueError, TypeError
        As `Trainer`.

    Examples
    --------
    >>> from normlib.gpt import GPTConfig, Text, TrainConfig, train
    >>> tiny = GPTConfig(vocab_size=4, n_layer=1, n_head=1, n_embd=8, block_size=4)
    >>> run = train(tiny, TrainConfig(steps=30, lr=0.01), Text("abcd" * 100), ("residual_rms",))
    >>> run.loss[-1] < run.loss[0], run.probes["residual_rms"]["steps"]
    (True, [0, 30])
    """
    return Trainer(model_config, config, text, probes, device).fit(progress)


def require_fit(
    model_config: GPTConfig, config: TrainConfig, text: Text, probes: Sequence[str]
) -> None:
    """Refuse before any work what cannot be trained: see `Trainer`."""
    order = "the model comes first, then the training"
    require_kind("model_config", model_config, GPTConfig, order)
    require_kind("config", config, TrainConfig, order)
    require_text(text)
    _require_probes(probes)
    if model_config.vocab_size < text.vocab_size:
        raise ValueError(
            f"vocab_size must be at least that of the text, got {model_config.vocab_size} for "
            f"{text.vocab_size} characters: take vocab_size=text.vocab_size."
        )
    for part in PARTS:
        text.split(part, model_config.block_size)


def _require_probes(probes):
    if isinstance(probes, str) or not isinstance(probes, Collection):
        fix = f"try [{probes!r}]" if isinstance(probes, str) else "leave it out, or give a list"
        raise TypeError(f"probes must be a list of names, got {shown(probes)}: {fix}.")
    for name in probes:
        if name not in PROBES:
            raise ValueError(f"no probe {name!r}: there are {', '.join(PROBES)}.")


def _optimizer(model, config):
    parameters = list(model.parameters())
    if config.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=config.lr, betas=config.betas, fused=True)
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=True)


@contextmanager
def _seeded(seed, device):
    devices = [device] if device.type == "cuda" else []
    with CHANCE, torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


def _listed(value):
    """A tuple as a list, which is what JSON makes of it."""
    return list(value) if isinstance(value, tuple) else value


def _finite(values):
    """The same with None for what JSON has no number for."""
    if isinstance(values, list):
        return [_finite(v) for v in values]
    return values if math.isfinite(values) else None
