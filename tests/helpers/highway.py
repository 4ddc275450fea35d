"""What the tests of the gradient highway share: its numbers, and how it is read."""

import json

import pytest

from normlib.widgets._modules import HERE

NAME = "GradientHighway"
DATA = json.loads((HERE / "data" / "gradient_highway.json").read_text(encoding="utf-8"))
START = DATA["start"]["measured"]


def factors(one):
    rms, gradient, weight = one["rms"], one["gradient"], one.get("weight")
    return {
        "gradient_factor": gradient[0] / gradient[-1],
        "stream_factor": rms[-1] / rms[0],
        "weight_factor": weight[0] / weight[-1] if weight else None,
    }


def agree(told, one):
    expected = factors(one)
    for name, value in expected.items():
        assert told[name] == (value and pytest.approx(value, rel=1e-9)), name


def radio(fig, label):
    return fig.root.get_by_role("radio", name=label, exact=True)


def wide(fig, river):
    """Half the width of a river at every level, from the embeddings to the loss, in pixels."""
    outline = fig.root.locator(f"path.river.{river}").get_attribute("d")
    xs = [float(point.split()[0]) for point in outline.strip("Mz").split("L")]
    half = len(xs) // 2
    return [(right - left) / 2 for left, right in zip(xs[:half], xs[half:][::-1], strict=True)]


def times(factor):
    """A factor between 1 and 100 as the figure writes it."""
    return f"×{factor:.1f}" if factor < 9.95 else f"×{factor:.2g}"
