"""The quiz of the clinic: who has which bug, what it may be, and where such a bug was reported."""

import functools
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial

import numpy as np

from normlib.checker import Report
from normlib.clinic import patients as p
from normlib.clinic.diagnosis import Chart, in_short
from normlib.clinic.examination import diagnose

# What each is supposed to be.
KINDS: dict[str, Callable[[], Callable]] = {
    "LayerNorm": partial(p.Norm, p.layer_norm),
    "RMSNorm": partial(p.Norm, p.rms_norm),
    "BatchNorm": p.TokenBatchNorm,
    "pre-norm block": p.Block,
}

# What they may have: the kind that it happens to, and a layer that has it.
BUGS: dict[str, tuple[str, Callable[[], Callable]]] = {
    "healthy": ("LayerNorm", partial(p.Norm, p.layer_norm)),
    "divides by n - 1": ("LayerNorm", partial(p.Norm, p.unbiased)),
    "eps outside the root": ("LayerNorm", partial(p.Norm, p.eps_outside)),
    "no eps": ("LayerNorm", partial(p.Norm, p.eps_missing)),
    "square instead of root": ("LayerNorm", partial(p.Norm, p.square_for_root)),
    "one-pass variance": ("LayerNorm", partial(p.Norm, p.one_pass)),
    "mean not subtracted": ("LayerNorm", partial(p.Norm, p.rms_norm)),
    "statistics over the sequence": ("LayerNorm", partial(p.Norm, p.over_sequence)),
    "statistics over positions only": ("LayerNorm", partial(p.Norm, p.over_positions)),
    "statistics over the batch": ("LayerNorm", partial(p.Norm, p.over_batch)),
    "squares in float16": ("RMSNorm", partial(p.Norm, p.rms_norm, narrow=True)),
    "batch statistics in evaluation": (
        "BatchNorm",
        partial(p.TokenBatchNorm, of_batch_always=True),
    ),
    "momentum of the other convention": ("BatchNorm", partial(p.TokenBatchNorm, momentum=0.9)),
    "residual taken after the norm": ("pre-norm block", partial(p.Block, from_norm=True)),
}

# Who has what, and the report of somebody who had it.
_PATIENTS = {
    "A": ("statistics over the sequence", "Qualcomm-AI-research/geometric-algebra-transformer, #8"),
    "B": ("divides by n - 1", "harvardnlp/annotated-transformer, #122"),
    "C": ("squares in float16", "pytorch/pytorch, #133085"),
    "D": ("batch statistics in evaluation", "keras-team/keras, #3085"),
    "E": ("healthy", "nobody"),
    "F": ("no eps", "microsoft/onnxruntime, #10228"),
    "G": ("residual taken after the norm", "pytorch/pytorch, #61165"),
    "H": ("one-pass variance", "pytorch/pytorch, #51102"),
    "I": (
        "statistics over positions only",
        "jadore801120/attention-is-all-you-need-pytorch, #17",
    ),
    "J": ("square instead of root", "131250208/TPlinker-joint-extraction, #37"),
    "K": ("momentum of the other convention", "eriklindernoren/PyTorch-YOLOv3, #230"),
    "L": ("eps outside the root", "codertimo/BERT-pytorch, #30"),
    "M": ("statistics over the batch", "Kyubyong/transformer, #40"),
}


def examine(letter: str) -> Chart:
    """Compare the findings on a patient with those on a right layer of its kind.

    Parameters
    ----------
    letter : str
        "A" to "M".

    Returns
    -------
    Chart
        Text and HTML; the rows in which the two differ are marked.

    Examples
    --------
    >>> from normlib import clinic
    >>> clinic.examine("E").columns
    ('patient E', 'a right LayerNorm')
    """
    bug, _ = _admitted(letter)
    kind = BUGS[bug][0]
    found, right = _findings(bug), _findings(kind)
    rows = tuple((label, value, right[label]) for label, value in found.items())
    return Chart(
        f"Patient {letter} is supposed to be {'an' if kind == 'RMSNorm' else 'a'} {kind}",
        (f"patient {letter}", f"a right {kind}"),
        rows,
    )


def identify(letter: str, bug: str | None) -> Report:
    """Say whether a patient has this bug; if not, what would be different if it had.

    Parameters
    ----------
    letter : str
        "A" to "M".
    bug : str or None
        One of `BUGS`. None: not answered yet.

    Returns
    -------
    Report
        True if it is right. It never names the bug.

    Raises
    ------
    ValueError
        For an unknown letter or name.

    Examples
    --------
    >>> from normlib import clinic
    >>> bool(clinic.identify("E", "no eps"))
    False
    """
    own, _ = _admitted(letter)
    title = f"Patient {letter}"
    if bug is None:
        return Report(False, False, title)
    if bug not in BUGS:
        near = get_close_matches(str(bug), BUGS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(BUGS)}."
        raise ValueError(f"bug must be one of clinic.BUGS, got {bug!r}: {hint}")
    if bug == own:
        return Report(True, True, title)
    kind, own_kind = BUGS[bug][0], BUGS[own][0]
    if kind != own_kind:
        line = f"That happens to a {kind}; this patient is supposed to be a {own_kind}."
    else:
        found, expected = _findings(own), _findings(bug)
        row = next(r for r in found if in_short(found[r]) != in_short(expected[r]))
        line = f"With that, “{row}” would say: {expected[row]}. Here it says: {found[row]}."
    return Report(False, True, title, (line,))


def source(letter: str) -> tuple[str, str]:
    """Return the bug of a patient, and where it was reported: the solution.

    Parameters
    ----------
    letter : str
        "A" to "M".

    Returns
    -------
    tuple of str
    """
    return _admitted(letter)


@functools.cache
def _findings(which):
    """Findings of a bug or of a right kind, by row."""
    make = KINDS[which] if which in KINDS else BUGS[which][1]
    x = p.example(np.random.default_rng(14))
    return dict(diagnose(make(), x).rows())


def _admitted(letter):
    if letter not in _PATIENTS:
        raise ValueError(f"letter must be one of {', '.join(_PATIENTS)}, got {letter!r}.")
    return _PATIENTS[letter]
