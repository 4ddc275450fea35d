"""The race: GPTs that train in the page."""

import json
from typing import Any

import traitlets as t

from normlib.palette import LIGHT
from normlib.placements import PLACEMENTS
from normlib.results import load_results
from normlib.widgets._base import Figure
from normlib.widgets._modules import HERE

CHOICES = {
    "placement": [*PLACEMENTS],
    "norm": ["layernorm", "rmsnorm", "dyt"],
    "lr": [0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032],
    "warmup": [0, 50, 100, 200, 400],
    "depth": [2, 4, 6, 8, 12],
    "init": ["xavier", "gpt2"],
}
ARMS: list[dict[str, Any]] = [
    {"placement": "post"},
    {"placement": "post", "warmup": 100},
    {"placement": "pre"},
]
MOST_ARMS = 4


class TrainingRace(Figure):
    """Up to four GPTs that train now, in the reader's browser, side by side.

    They are the models of `normlib.gpt`, with its architecture, initialization, optimizer and
    learning rate, and start when the reader presses Train. Arms of one shape begin with the same
    weights and read the same windows of text; each has a thread of its own. One sees the losses,
    the text that each would write now, and from block to block the size of the residual stream
    and of its gradient. The first goal is 300 steps, the second 2000.

    Parameters
    ----------
    arms : list of dict
        One to four models. Fields, all of them optional: ``placement``, one of the placements of
        `normlib.gpt.GPTConfig` ("pre"); ``norm``, "layernorm", "rmsnorm" or "dyt"; ``lr``, a
        power of two times 0.00025, up to 0.032 (0.002); ``warmup``, 0, 50, 100, 200 or 400 steps
        (0); ``depth``, 2, 4, 6, 8 or 12 blocks (6); ``init``, "xavier" or "gpt2". Default: post,
        post with a warm-up of 100 steps, and pre.
    seed : int, default: 0
        Of the first weights and of the order of the text, from 0 to 9999.
    size : {"chapter", "small"}, default: "chapter"
        Width 64 with windows of 32 characters, or 32 and 16: a quarter of the work.

    Attributes
    ----------
    losses : list of list of float
        Written by the browser when training pauses: for each arm the loss of each step, in nats.
    stats : dict
        Written by the browser, a list with one entry per arm each: ``steps`` taken; ``val_loss``
        at the last goal, in nats; whether it ``diverged``; whether it is ``stuck``, its loss
        nearer to the frequencies of the letters than to those of pairs. And ``levels``: the
        losses of one who knows ``nothing``, the ``letters``, their ``pairs``.

    Examples
    --------
    >>> from normlib.widgets import TrainingRace
    >>> race = TrainingRace(arms=[{"placement": "post", "lr": 0.004}, {"placement": "peri"}])
    >>> race.state()
    {'arms': [{'placement': 'post', 'lr': 0.004}, {'placement': 'peri'}]}
    """

    _file = "training_race"
    _alt = (
        "Three GPTs with the same first weights read the same text. Post-norm without a warm-up "
        "stays at the frequencies of the letters, while post-norm with a warm-up and pre-norm go "
        "on to learn words. Where scripts run, they train here, in the page."
    )
    _room = (610, 745)

    arms = t.List(t.Dict(), ARMS, minlen=1, maxlen=MOST_ARMS).tag(sync=True)
    seed = t.Int(0, min=0, max=9999).tag(sync=True)
    size = t.Enum(["chapter", "small"], "chapter").tag(sync=True)
    losses: Any = t.List().tag(sync=True)
    stats = t.Dict().tag(sync=True)

    @t.default("arms")
    def _first_arms(self):
        return [{**arm} for arm in ARMS]  # its own, or a change would be one of every later race

    @t.validate("arms")
    def _check_arms(self, proposal):
        return [_arm(given) for given in proposal["value"]]

    def _still(self, plt):
        """Recorded runs with the settings of the three arms that the figure opens with."""
        levels = json.loads((HERE / "data" / f"{self._file}.json").read_text(encoding="utf-8"))
        drawing, ax = plt.subplots(figsize=(6.4, 2.8))
        colors = (LIGHT["pos"], LIGHT["acc"], LIGHT["ok"])
        runs = load_results("budget").filter(init="xavier", lr=0.002, seed=0)
        for arm, color, name in zip(ARMS, colors, "ABC", strict=True):
            (run,) = runs.filter(**{"warmup": 0, **arm})
            told = f"{name} {arm['placement']}, warm-up {run['warmup']}"
            ax.plot(run.steps, run.loss, color=color, label=told)
        for name in ("letters", "pairs"):
            ax.axhline(levels[name], color=LIGHT["mute"], linestyle=":", linewidth=1)
            ax.text(2000, levels[name] + 0.04, name, ha="right", fontsize=8)
        ax.set(xlabel="step", ylabel="loss in nats a letter")
        ax.legend(frameon=False, fontsize=8)
        return drawing


def _arm(arm):
    """The arm, or a sentence about the field that is wrong."""
    for name, value in arm.items():
        if name not in CHOICES:
            raise t.TraitError(f"an arm has no field {name!r}: there are {', '.join(CHOICES)}.")
        if value not in CHOICES[name] or isinstance(value, bool):
            choices = ", ".join(str(choice) for choice in CHOICES[name])
            raise t.TraitError(f"{name} of an arm must be one of {choices}, got {value!r}.")
    return arm
