"""The plane and the sphere: LayerNorm and RMSNorm."""

import numpy as np
import traitlets as t

from normlib.palette import LIGHT
from normlib.widgets._base import Figure, Number


def _three(default, bound):
    item = Number(min=-bound, max=bound)
    return t.List(item, default, minlen=3, maxlen=3).tag(sync=True)


class LayerNormGeometry(Figure):
    """LayerNorm drops a vector onto a plane, then both norms put it on a sphere.

    120 vectors of three features and one that the reader drags, in one space. They fall onto the
    plane and slide to the sphere, or under RMSNorm only to the sphere. The reader looks for the
    moves that leave the output where it is: along the mean and along the length for LayerNorm,
    along the length for RMSNorm. The same number added to all features, a stretched vector and a
    weight of the features are under "More".

    Attributes
    ----------
    v : list of 3 float, -5 to 5
        The vector.
    gamma : list of 3 float, -2 to 2
        The weight of either norm.
    eps : float, 1e-12 to 1
        Added to the variance or the mean square under the root.
    view : list of 2 float
        Where the reader stands: around the third axis, from -180 to 180 degrees, and above the
        ground, from -90 to 90.
    which : {"layer", "rms", "both"}
        Whose outputs are shown.
    stage : {"before", "centered", "after"}
        How far all vectors are on their way.
    stats : dict
        Written by the browser: ``mean`` and ``length`` of v, and the outputs ``layer`` and
        ``rms``, of 3 numbers each, with the weight.

    Examples
    --------
    >>> from normlib.widgets import LayerNormGeometry
    >>> figure = LayerNormGeometry(v=[5, 5, 5])  # LayerNorm sends it to zero
    >>> figure.v
    [5.0, 5.0, 5.0]
    """

    _file = "layer_norm_geometry"
    _alt = (
        "LayerNorm drops every vector onto the plane where its features sum to zero, then moves it "
        "to a sphere, so that it ends on a circle. RMSNorm only moves it to the sphere."
    )
    _room = (640, 590)

    v = _three([1.8, 1.2, 0.0], 5)
    gamma = _three([1.0, 1.0, 1.0], 2)
    eps = Number(1e-5, min=1e-12, max=1).tag(sync=True)
    view = t.Tuple(Number(min=-180, max=180), Number(min=-90, max=90), default_value=(-28.0, 22.0))
    view = view.tag(sync=True)
    which = t.Enum(["layer", "rms", "both"], "layer").tag(sync=True)
    stage = t.Enum(["before", "centered", "after"], "after").tag(sync=True)
    stats = t.Dict().tag(sync=True)

    def _still(self, plt):
        v, angle = np.array([1.8, 1.2, 0.0]), np.linspace(0, 2 * np.pi, 200)
        flat = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
        circle = np.sqrt(3) * np.stack([np.cos(angle), np.sin(angle)], -1) @ flat
        balls = np.sqrt(3) * np.stack([np.cos(angle), np.sin(angle), 0 * angle])
        drawing = plt.figure(figsize=(7.2, 3.4))
        for place, center, title in ((121, True, "LayerNorm"), (122, False, "RMSNorm")):
            ax = drawing.add_subplot(place, projection="3d", computed_zorder=False)
            ax.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), zlim=(-2.6, 2.6), title=title)
            ax.set_axis_off()
            ax.set_box_aspect((1, 1, 1), zoom=1.35)
            ax.view_init(elev=22, azim=-28)
            for shift in range(3):
                ax.plot(*np.roll(balls, shift, axis=0), color=LIGHT["line"], ls="-", lw=1)
            middle = v - v.mean() * center
            end = middle * np.sqrt(3) / np.linalg.norm(middle)
            if center:
                ax.plot(*circle.T, color=LIGHT["acc"], ls="-", lw=1.5)
                ax.plot(*np.stack([v, middle]).T, color=LIGHT["mute"], ls="--", lw=1.5)
            ax.plot(*np.stack([0 * v, v]).T, color=LIGHT["ink"], ls="-")
            ax.plot(*np.stack([middle, end]).T, color=LIGHT["acc"], ls="-")
            ax.plot(*v[:, None], "o", color=LIGHT["ink"])
            ax.plot(*end[:, None], "o", color=LIGHT["acc"])
            ax.text(*(v + [0, 0.1, 0.3]), "v", color=LIGHT["ink"])
            ax.text(*(end - [0, 0.1, 0.75]), f"{title}(v)", color=LIGHT["acc"])
        return drawing
