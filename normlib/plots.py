"""The look of every static figure, and the drawings that chapters share.

A drawing takes arrays and an Axes (or makes one) and returns the Axes. Colors come from `LIGHT`
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
from matplotlib.patheffects import withStroke
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from normlib.palette import DARK, LIGHT, SERIES

__all__ = [
    "DARK",
    "LIGHT",
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


def use_style() -> None:
    """Give matplotlib the book's look and no other; in a notebook, draw sharp figures."""
    plt.style.use(LOOK)
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ModuleNotFoundError:  # not in a notebook
        return
    # Without the date, equal figures are equal files.
    set_matplotlib_formats("svg", metadata={"Date": None})


def plane_and_sphere(stages: Sequence[np.ndarray], titles: Sequence[str]) -> list[Axes]:
    """Draw points of three features in space, one panel for each stage, with the plane x·1 = 0."""
    fig = plt.figure(figsize=(7.2, 2.9))
    hexagon = np.array([[1, -1, 0], [1, 0, -1], [0, 1, -1], [-1, 1, 0], [-1, 0, 1], [0, -1, 1]])
    axes = []
    for number, (points, title) in enumerate(zip(stages, titles, strict=True), 1):
        reach = 1.05 * np.abs(points).max()
        ax = fig.add_subplot(1, len(stages), number, projection="3d", computed_zorder=False)
        limits = (-reach, reach)
        ax.set(xlim=limits, ylim=limits, zlim=limits)
        ax.set(xticks=[0], yticks=[0], zticks=[0], xticklabels=[], yticklabels=[], zticklabels=[])
        ax.set_title(f"{title}\n(edges ±{reach:.3g})", fontsize=10)
        ax.set_box_aspect((1, 1, 1), zoom=1.15)
        for axis, label in zip((ax.xaxis, ax.yaxis, ax.zaxis), ("x₁", "x₂", "x₃"), strict=True):
            axis.set_label_text(label)
            axis.set_pane_color((1, 1, 1, 0))
            axis.labelpad = -12
        ax.view_init(elev=22, azim=-28)
        plane = Poly3DCollection([reach * hexagon], facecolor=LIGHT["acc-soft"], alpha=0.7)
        ax.add_collection3d(plane)
        along = np.array([[-0.75, 0.75]] * 3) * reach
        ax.plot(*along, color=LIGHT["mute"], linestyle=":", linewidth=1.5)
        ax.scatter(*points.T, color=LIGHT["acc"], s=12, depthshade=False, zorder=3)
        axes.append(ax)
    return axes


def selectable_keys(
    points: np.ndarray, selected: np.ndarray, labels: Sequence[str], ax: Axes
) -> Axes:
    """Draw keys of a plane: dots if some query selects them, crosses if none does."""
    x, y = points[selected].T
    ax.scatter(x, y, color=LIGHT["acc"], s=34, label="some query selects it")
    x, y = points[~selected].T
    ax.scatter(x, y, color=LIGHT["pos"], marker="x", s=26, label="no query does")
    ax.plot(0, 0, "+", color=LIGHT["mute"], markersize=9)
    gap = 0.09 * np.ptp(points, axis=0).max()
    for i, (point, label) in enumerate(zip(points, labels, strict=True)):
        if i == 0 or np.abs(points[:i] - point).max(axis=1).min() > gap:  # no label on another
            text = ax.annotate(label, point, textcoords="offset points", xytext=(5, 4), fontsize=10)
            text.set_path_effects([withStroke(linewidth=3, foreground=LIGHT["card"])])
    ax.set_aspect("equal")
    ax.margins(0.12)
    return ax


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
