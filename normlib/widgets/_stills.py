"""Static pictures that stand in for the figures where no script runs, and in print."""

import base64
import io

import matplotlib.pyplot as plt

from normlib.plots import LOOK


def picture(figure):
    """Draw a figure's `_still` as an <img>; decoration, since its sentence says the same."""
    others = set(plt.get_fignums())
    try:
        with plt.style.context(LOOK), io.StringIO() as file:
            figure._still(plt).savefig(file, format="svg", metadata={"Date": None})
            svg = file.getvalue()
    finally:  # one that is left open, even half drawn, would be shown below a notebook's cell
        for number in set(plt.get_fignums()) - others:
            plt.close(number)
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="" src="data:image/svg+xml;base64,{data}">'
