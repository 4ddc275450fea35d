"""Static pictures that stand in for the figures where no script runs, and in print."""

import base64
import io

import matplotlib as mpl
import matplotlib.pyplot as plt

from normlib.plots import use_style


def picture(figure):
    """Draw a figure's `_still` as an <img>; decoration, since its sentence says the same."""
    with mpl.rc_context(), io.StringIO() as file:
        use_style()
        drawing = figure._still(plt)
        drawing.savefig(file, format="svg", metadata={"Date": None})
        plt.close(drawing)
        svg = file.getvalue()
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="" src="data:image/svg+xml;base64,{data}">'
