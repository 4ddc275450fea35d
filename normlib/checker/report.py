"""What the checker says: a truth value, a text and a piece of HTML."""

from dataclasses import dataclass
from html import escape

# Each color has a contrast of at least 3 : 1 on white and on black; the word says the same.
_STATES = {
    "ok": ("✓", "correct", "#2e8b57"),
    "wrong": ("✗", "not right yet", "#c4681c"),
    "open": ("○", "not attempted yet", "#808080"),
}


@dataclass(frozen=True, repr=False)
class Report:
    r"""The answer of `check`: true if the exercise is solved, with the reasons as text.

    Parameters
    ----------
    ok : bool
        The exercise is solved; also the truth value of the report.
    attempted : bool
        False while the function is only a stub.
    name : str
        The exercise.
    lines : tuple of str
        What was found, one or two sentences each.

    Examples
    --------
    >>> import normlib as nl
    >>> def layer_norm(x, weight, bias, eps):
    ...     raise NotImplementedError
    >>> report = nl.check(layer_norm)
    >>> bool(report), report.attempted
    (False, False)
    """

    ok: bool
    attempted: bool
    name: str
    lines: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        icon, word, _ = self._state()
        return "\n  ".join([f"{icon} {self.name}: {word}", *self.lines])

    def _repr_html_(self):
        icon, word, color = self._state()
        # The background and the color of the text are those of the page, light or dark.
        lines = "".join(
            f'<div style="margin-top:0.3em">{escape(line)}</div>' for line in self.lines
        )
        return (
            f'<div role="status" style="border-left:4px solid {color};'
            'padding:0.2em 0.8em;margin:0.4em 0">'
            f'<div><span aria-hidden="true">{icon}</span> '
            f"<strong>{escape(self.name)}: {word}</strong></div>{lines}</div>"
        )

    def _state(self):
        return _STATES["ok" if self.ok else "wrong" if self.attempted else "open"]
