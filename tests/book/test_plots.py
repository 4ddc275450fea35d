"""The look of the static figures: the book's own, whatever a reader's settings are."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from normlib import plots, widgets

READERS = {
    "axes.facecolor": "black",
    "font.family": "Nowhere",
    "lines.marker": "o",
    "savefig.format": "pdf",
    "svg.fonttype": "none",
    "text.usetex": True,
}


@pytest.fixture
def of_a_reader():
    """Matplotlib as a reader's matplotlibrc may set it."""
    backend = mpl.get_backend()
    plt.switch_backend("svg")
    with mpl.rc_context(READERS):
        yield
    plt.switch_backend(backend)


def test_the_look_starts_from_matplotlibs_own_and_leaves_the_backend(of_a_reader):
    plt.ion()
    plots.use_style()
    _, own = plots.LOOK
    assert {"lines.marker", "text.usetex"} < READERS.keys() - own.keys()
    for name in READERS.keys() - own.keys():
        assert mpl.rcParams[name] == mpl.rcParamsDefault[name]
    assert mpl.RcParams({name: mpl.rcParams[name] for name in own}) == mpl.RcParams(own)
    assert mpl.get_backend() == "svg"
    assert mpl.is_interactive()


def test_a_still_is_the_same_picture_and_changes_no_setting(of_a_reader):
    set_by_the_reader = mpl.rcParams.copy()
    picture = widgets.PrecisionLab().static_html()
    assert mpl.rcParams == set_by_the_reader
    with mpl.rc_context():
        mpl.rcdefaults()
        assert picture == widgets.PrecisionLab().static_html()


def test_a_still_that_cannot_be_drawn_leaves_the_figure_its_sentence(monkeypatch):
    def fails_halfway(self, plt):
        plt.figure()
        raise RuntimeError("no latex")

    monkeypatch.setattr(widgets.PrecisionLab, "_still", fails_halfway)
    mine = plt.figure()
    html = widgets.PrecisionLab().static_html()
    assert "<img" not in html
    assert "<p>" in html
    assert plt.get_fignums() == [mine.number]  # none is left to appear below a cell
    plt.close(mine)


def test_the_grid_lies_under_every_mark(of_a_reader):
    plots.use_style()
    fig, ax = plt.subplots()
    x = [1.0, 2.0]
    marks = [ax.scatter(x, x), *ax.bar(x, x), *ax.plot(x, x), ax.fill_between(x, x)]
    marks += [ax.pcolormesh([x, x]), ax.axvspan(1, 2), ax.annotate("a", (1, 1))]
    assert ax.xaxis.get_gridlines()[0].get_visible()
    grid = max(ax.xaxis.get_zorder(), ax.yaxis.get_zorder())
    assert [mark for mark in marks if mark.get_zorder() <= grid] == []
    plt.close(fig)


def test_ridges_have_one_scale_and_lose_no_value():
    rows = [np.array([0.1, 0.1, 0.9]), np.array([-5.0, 1.0, 7.0])]
    ax = plots.ridges(rows, ["one", "two"], np.array([0.0, 0.5, 1.0]), plt.gca(), "black")
    filled = [patch for patch in ax.patches if patch.get_fill()]
    heights = [patch.get_data().values - patch.get_data().baseline for patch in filled]
    assert np.allclose(heights, [[1 / 3, 2 / 3], [2 / 3, 1 / 3]])  # the upper one is drawn first


def test_ridges_stand_as_far_apart_as_they_are_told():
    rows, edges = [np.array([0.1]), np.array([0.2])], np.array([0.0, 1.0])
    ax = plots.ridges(rows, ["one", "two"], edges, plt.gca(), "black", gap=0.25)
    assert np.allclose(ax.get_yticks(), [0, 0.25])
