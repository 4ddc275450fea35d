"""The look of every static figure, and the drawings that chapters share.

A drawing takes arrays and an Axes, and returns the Axes. Colors come from `LIGHT`
alone, so that the book can exchange them for `DARK` on a dark page; line styles differ wherever
colors do, so that a figure can be read in gray.
"""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle
from matplotlib.patheffects import withStroke

from normlib.palette import DARK, LIGHT, SERIES
from normlib.placements import PLACEMENTS, Placement, Row

__all__ = [
    "DARK",
    "LIGHT",
    "cubes",
    "gpt",
    "gpt_block",
    "influence",
    "plane_and_sphere",
    "ridges",
    "selectable_keys",
    "use_style",
]


# On Matplotlib's own defaults, so that no setting of a reader's changes or breaks a figure.
LOOK: list[str | dict[str, Any]] = [
    "default",
    {
        "axes.axisbelow": True,
        "axes.edgecolor": LIGHT["mute"],
        "axes.facecolor": LIGHT["card"],
        "axes.grid": True,
        "axes.labelcolor": LIGHT["ink"],
        "axes.prop_cycle": cycler(
            color=[LIGHT[c] for c in SERIES],
            linestyle=["-", "--", ":", "-."],
        ),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": "medium",
        "figure.dpi": 110,
        "figure.facecolor": LIGHT["card"],
        "figure.figsize": (6.4, 3.2),
        "figure.constrained_layout.use": True,
        "font.size": 10.5,
        "grid.color": LIGHT["line"],
        "grid.linewidth": 0.8,
        "legend.frameon": False,
        "lines.linewidth": 2,
        "svg.hashsalt": "normlib",
        "text.color": LIGHT["ink"],
        "xtick.color": LIGHT["mute"],
        "ytick.color": LIGHT["mute"],
    },
]


# Two directions of the plane x·1 = 0 in space: to the right, and away from the eye.
IN_PLANE = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])


def use_style() -> None:
    """Give matplotlib the book's look and no other; in a notebook, draw sharp figures."""
    plt.style.use(LOOK)
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ModuleNotFoundError:  # not in a notebook
        return
    # Without the date, equal figures are equal files.
    set_matplotlib_formats("svg", metadata={"Date": None})


def plane_and_sphere(
    points: np.ndarray, labels: Sequence[str], axes: Sequence[Axes]
) -> Sequence[Axes]:
    """Draw LayerNorm's two steps for points of three features, an Axes for each.

    The eye is a little above the plane x·1 = 0, so that the first step falls straight down (or up)
    and the second runs along the plane, to the circle.
    """
    centered = points - points.mean(-1, keepdims=True)
    ends = centered * (3**0.5 / np.linalg.norm(centered, axis=-1, keepdims=True))
    reach = 1.08 * np.linalg.norm(centered, axis=-1).max()
    steps = zip(axes, (points, centered), (centered, ends), (points, ends), strict=True)
    for ax, start, end, labeled in steps:
        _plane(ax, reach)
        for a, b in zip(start, end, strict=True):
            ax.plot(*_seen(np.stack([a, b])), "-", color=LIGHT["mute"], linewidth=1.2, zorder=3)
        (x, y), edge = _seen(start), LIGHT["ink"]
        ax.scatter(x, y, s=30, facecolor=LIGHT["card"], edgecolor=edge, zorder=4)
        x, y = _seen(end)
        ax.scatter(x, y, s=26, color=LIGHT["acc"], zorder=5)
        named: dict[tuple, str] = {}  # those that are in one place share a label
        for place, label in zip(_seen(labeled).T.round(2), labels, strict=True):
            named[tuple(place)] = f"{named.get(tuple(place), '')} {label}".strip()
        for place, label in named.items():
            _label(ax, label, place)
    return axes


def _plane(ax: Axes, reach: float) -> None:
    """The plane x·1 = 0 as a disc, with the circle of radius √3 and the line of equal features."""
    turn = np.linspace(0, 2 * np.pi, 200)
    ring = np.stack([np.cos(turn), np.sin(turn)], -1) @ IN_PLANE
    ax.fill(*_seen(reach * ring), color=LIGHT["acc-soft"], zorder=1)
    ax.plot(*_seen(3**0.5 * ring), color=LIGHT["acc"], linestyle="-", linewidth=1.2, zorder=2)
    alike = _seen(np.array([[-1.7] * 3, [1.7] * 3]))
    ax.plot(*alike, ":", color=LIGHT["mute"], linewidth=1.5)
    _label(ax, "x₁ = x₂ = x₃", alike[:, 0])
    ax.set_aspect("equal")
    # Not set_axis_off: with it the plane would stand where a drawing's ground does.
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def _seen(points: np.ndarray, above: float = 0.45) -> np.ndarray:
    """Points of space (n, 3) as places in a picture (2, n), from `above` the plane, in radians."""
    across, away = IN_PLANE @ points.T
    up = points.sum(-1) / 3**0.5
    return np.stack([across, away * np.sin(above) + up * np.cos(above)])


def selectable_keys(
    points: np.ndarray, selected: np.ndarray, labels: Sequence[str], asked: int, ax: Axes
) -> Axes:
    """Draw keys of a plane: dots if some query selects them, crosses if none does.

    Those that are selected span the hull of all. The arrow is a query, with the direction of the
    key `asked`; the key with the largest product has a ring.
    """
    selected = np.asarray(selected, bool)
    corners = points[selected]
    around = np.arctan2(*(corners - corners.mean(0)).T)
    hull = corners[around.argsort()].T
    ax.fill(*hull, facecolor=LIGHT["acc-soft"], edgecolor=LIGHT["mute"], zorder=1)
    for these, color, marker in ((selected, "acc", "o"), (~selected, "pos", "x")):
        x, y = points[these].T
        ax.scatter(x, y, color=LIGHT[color], marker=marker, s=28, zorder=3)
    query = points[asked] / np.linalg.norm(points[asked])
    winner = (points @ query).argmax()
    look = {"arrowstyle": "-|>", "color": LIGHT["ink"], "lw": 1.8, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", 0.55 * np.abs(points).max() * query, (0, 0), arrowprops=look, zorder=4)
    x, y = points[winner]
    ax.scatter(x, y, s=130, facecolor="none", edgecolor=LIGHT["ink"], zorder=4)
    gap = 0.09 * np.ptp(points, axis=0).max()
    for i in sorted(range(len(points)), key=lambda i: i not in (asked, winner)):
        others = [j for j in (asked, winner, *range(i)) if j != i]
        near = np.abs(points[others] - points[i]).max(axis=1).min(initial=np.inf) < gap
        if i in (asked, winner) or not near:  # no label on another
            _label(ax, labels[i], points[i])
    ax.set_aspect("equal")
    ax.margins(0.12)
    return ax


def _label(ax: Axes, label: str, place: Sequence | np.ndarray) -> None:
    text = ax.annotate(
        label, (place[0], place[1]), textcoords="offset points", xytext=(5, 4), zorder=6
    )
    text.set_path_effects([withStroke(linewidth=3, foreground=LIGHT["card"])])


def influence(matrix: np.ndarray, title: str, ax: Axes) -> Axes:
    """Draw which token's output (row) moves when a token's input (column) changes."""
    cells = mpl.colors.ListedColormap([LIGHT["card"], LIGHT["acc"]])
    ax.pcolormesh(matrix > 0, cmap=cells, vmin=0, vmax=1, edgecolor=LIGHT["line"])
    n = len(matrix)
    for row, column in zip(*np.nonzero(np.triu(matrix, 1)), strict=True):
        ax.text(column + 0.5, row + 0.5, "✕", ha="center", va="center", color=LIGHT["card"])
    ax.set(title=title, xlabel="token changed", ylabel="output looked at", aspect="equal")
    ax.set(xticks=np.arange(n) + 0.5, xticklabels=range(n), ylim=(n, 0))
    ax.set(yticks=np.arange(n) + 0.5, yticklabels=range(n))
    ax.grid(False)
    ax.tick_params(length=0)
    return ax


def cubes(
    lit: np.ndarray,
    ax: Axes,
    labels: Sequence[str] = ("samples", "channels", "positions"),
    marked: tuple[int, int, int] | None = None,
) -> Axes:
    """Draw an array (N, C, L) as a block of cubes, those of the mask lit, as SharedStatistics does.

    Samples go into the depth, the first in front, channels down, positions across. What is seen
    are the first sample, the first channel and the last position; `marked` is a cube of its own.
    """
    samples, channels, positions = lit.shape
    kinds = np.where(lit, "acc", "line")
    if marked is not None:
        kinds[marked] = "ink"
    across, down, deep = np.array([1, 0]), np.array([0, -1]), np.array([0.55, 0.42])
    faces = [  # the cubes of a face, its corner, where its rows and columns lead, how bright it is
        (kinds[0], 0 * across, down, across, 1.0),
        (kinds[:, 0], 0 * across, deep, across, 0.8),
        (kinds[:, :, -1], positions * across, deep, down, 0.6),
    ]
    for cells, corner, row, column, bright in faces:
        around = np.array([0 * row, row, row + column, column])
        places = [corner + i * row + j * column + around for i, j in np.ndindex(cells.shape)]
        fills = [(LIGHT[kind], bright * (0.35 if kind == "line" else 1)) for kind in cells.flat]
        ax.add_collection(PolyCollection(places, facecolor=fills, edgecolor=LIGHT["mute"], lw=0.8))
    back, up = samples * deep
    along = {"rotation": np.degrees(np.arctan2(up, back)), "rotation_mode": "anchor"}
    ax.text(positions + 0.25, -channels - 0.1, labels[0], fontdict=along, va="top")
    ax.text(-0.2, -channels / 2, labels[1], ha="right", va="center", rotation=90)
    ax.text(positions / 2, -channels - 0.2, labels[2], ha="center", va="top")
    edge = 0.05  # room for half a line
    ax.set(xlim=(-edge, positions + back + edge), ylim=(-channels - edge, up + edge))
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def ridges(
    rows: Sequence[np.ndarray],
    labels: Sequence[str],
    edges: np.ndarray,
    ax: Axes,
    color: str,
    gap: float | None = None,
) -> Axes:
    """Draw one histogram above the other, the first at the bottom, all with the same bins.

    A bin's height is its share of the row's values; those beyond the edges count as outermost.
    Rows are `gap` apart, or as suits the tallest bin; panels side by side need the same.
    """
    low, high = edges[0], np.nextafter(edges[-1], edges[0])
    shares = [np.histogram(np.clip(row, low, high), edges)[0] / np.size(row) for row in rows]
    gap = gap or 0.7 * max(share.max() for share in shares)
    # From the top down, so that each stands in front of the one behind it.
    for level, share in reversed(list(enumerate(shares))):
        base = level * gap
        ax.stairs(base + share, edges, baseline=base, fill=True, color=color, alpha=0.75)
        ax.stairs(base + share, edges, baseline=base, color=LIGHT["card"], linewidth=1)
    ax.set_yticks(gap * np.arange(len(shares)), labels)
    ax.grid(False)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return ax


STEP = 3.55  # from one sublayer of a drawn block to the next


def gpt_block(placement: Placement, ax: Axes) -> Axes:
    """Draw a block of a GPT: the stream goes up, two branches leave it, and the norms are lit.

    All placements have the same room, so that drawings beside each other can be compared.
    """
    row = _row(placement)
    _block(ax, row, 0, 0)
    ax.text(-0.15, -0.2, "x", ha="right", va="center")
    ax.set_title(f"{row.label}\n{row.formula}")
    return _fit(ax, (-1.1, 3.3), (-0.35, 2 * STEP + 0.35))


def gpt(ax: Axes, placement: Placement = "pre", blocks: int = 12) -> Axes:
    """Draw a whole GPT with its norms lit and counted, and one of its blocks opened beside it."""
    row = _row(placement)
    low, pitch = 1.5, 0.36
    top = low + pitch * blocks
    head = top + (1.25 if row.final_norm else 0.6)
    _wire(ax, (0, 0), (0.25, head + 0.75))
    ax.text(0, 0, "tokens", ha="center", va="center")
    _box(ax, 0, 0.9, "Embedding")
    for level in range(blocks):
        _closed(ax, row, low + pitch * level)
    if row.final_norm:
        _box(ax, 0, top + 0.5, "Norm", lit=True)
    _box(ax, 0, head, "Head")
    ax.text(0, head + 1, "next token", ha="center", va="center")

    opened = low + pitch * (blocks // 2)
    for near, far in ((opened, 0.3), (opened + 0.3, 2 * STEP + 1)):
        ax.plot([1.25, 2.35], [near, far], color=LIGHT["mute"], linestyle=":", linewidth=1.2)
    frame = FancyBboxPatch((2.35, 0.3), 4.6, 2 * STEP + 0.7, boxstyle="round,pad=0")
    frame.set(facecolor="none", edgecolor=LIGHT["mute"], linestyle=":", linewidth=1.2)
    ax.add_patch(frame)
    _block(ax, row, 3.5, 0.65)

    each, last = 2 * len(row.norms), int(row.final_norm)
    sum_of = f"{each} in each of {blocks} blocks" + ", 1 before the head" * last
    ax.set_title(f"{each * blocks + last} norms: {sum_of}")
    return _fit(ax, (-1.35, 7.1), (-0.3, max(head + 1.3, 2 * STEP + 1.1)))


def _row(placement: Placement) -> Row:
    if placement not in PLACEMENTS:
        raise ValueError(f"no placement {placement!r}: there are {', '.join(PLACEMENTS)}.")
    return PLACEMENTS[placement]


def _block(ax: Axes, row: Row, x: float, y: float) -> None:
    """Draw attention and MLP on a stream that goes up at x from y."""
    _wire(ax, (x, x), (y - 0.3, y + 2 * STEP + 0.3))
    for start, name in ((y, "Attention"), (y + STEP, "MLP")):
        branch, join = x + 1.95, start + 2.7
        _wire(ax, (x, branch, branch, x + 0.24), (start + 0.25, start + 0.25, join, join))
        places = {"in": (branch, 0.8), "out": (branch, 2.14), "sum": (x, 3.32)}
        for place in row.norms:
            at, above = places[place]
            _box(ax, at, start + above, "Norm", lit=True)
        _box(ax, branch, start + 1.47, name)
        around = {"facecolor": LIGHT["card"], "edgecolor": LIGHT["ink"], "linewidth": 1.5}
        ax.add_patch(Circle((x, join), 0.23, zorder=3, **around))
        ax.text(x, join, "+", ha="center", va="center_baseline", fontsize="large", zorder=4)
        if row.alpha:
            ax.text(x - 0.15, start + 1.47, "× α", ha="right", va="center")


def _closed(ax: Axes, row: Row, bottom: float) -> None:
    """Draw a block from outside, with a bar for each of its norms."""
    shape = FancyBboxPatch((-1.2, bottom), 2.4, 0.3, boxstyle="round,pad=0,rounding_size=0.08")
    ax.add_patch(shape)
    shape.set(facecolor=LIGHT["card"], edgecolor=LIGHT["ink"], linewidth=1, zorder=3)
    count = 2 * len(row.norms)
    for bar in range(count):
        width = 2.2 / count
        corner = (bar * width - 1.1 + 0.1, bottom + 0.08)
        ax.add_patch(Rectangle(corner, width - 0.2, 0.14, facecolor=LIGHT["acc"], zorder=4))


def _box(ax: Axes, x: float, y: float, word: str, lit: bool = False) -> None:
    """Draw a box with a word: a norm is filled, whatever else there is has an outline."""
    width, face, edge, ink = (1.5, "acc", "acc", "card") if lit else (2.2, "card", "ink", "ink")
    round_ = "round,pad=0,rounding_size=0.1"
    shape = FancyBboxPatch((x - width / 2, y - 0.27), width, 0.54, boxstyle=round_, zorder=3)
    shape.set(facecolor=LIGHT[face], edgecolor=LIGHT[edge], linewidth=1.2)
    ax.add_patch(shape)
    weight = "bold" if lit else "normal"
    ax.text(x, y, word, ha="center", va="center", color=LIGHT[ink], weight=weight, zorder=4)


def _wire(ax: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    """Draw a line along these points, with an arrow at its end."""
    ax.plot(x[:-1], y[:-1], "-", color=LIGHT["ink"], linewidth=1.5)
    arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0}
    arrow |= {"color": LIGHT["ink"], "linewidth": 1.5}
    ax.annotate("", (x[-1], y[-1]), (x[-2], y[-2]), arrowprops=arrow)


def _fit(ax: Axes, x: tuple[float, float], y: tuple[float, float]) -> Axes:
    ax.set(xlim=x, ylim=y, aspect="equal")
    ax.set_axis_off()
    return ax
