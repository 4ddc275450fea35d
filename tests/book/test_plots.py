"""The look of the static figures: the book's own, whatever a reader's settings are."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from normlib import plots, widgets
from normlib.gpt import GPT, GPTConfig
from normlib.palette import LIGHT
from normlib.placements import PLACEMENTS

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


def test_the_steps_of_layer_norm_fall_straight_and_end_on_the_circle():
    """Two tokens that a shift makes equal share their place after the first step, and a label."""
    tokens = np.array([[2.0, -1.0, 0.5], [3.0, 0.0, 1.5], [-1.0, 2.0, 0.0]])
    _, axes = plt.subplots(1, 2)
    first, second = plots.plane_and_sphere(tokens, "abc", axes)
    start, end = (dots.get_offsets() for dots in first.collections)
    assert np.allclose(start[:, 0], end[:, 0])
    assert np.allclose(end[0], end[1])
    circle = np.stack(second.lines[0].get_data(), -1)
    for place in second.collections[1].get_offsets():
        assert np.linalg.norm(circle - place, axis=1).min() < 0.05
    assert [text.get_text() for text in second.texts[1:]] == ["a b", "c"]
    plt.close()


def test_the_ring_is_around_the_key_that_answers_and_the_hull_around_all():
    keys = np.array([[3.0, 0.0], [0.0, 1.0], [-1.0, -1.0], [0.2, 0.1]])
    found = np.array([True, True, True, False])
    ax = plots.selectable_keys(keys, found, "abcd", 3, plt.figure().gca())
    assert np.allclose(ax.collections[-1].get_offsets(), keys[0])
    assert ax.patches[0].get_path().contains_point(keys[3])
    assert {"a", "d"} <= {text.get_text() for text in ax.texts}
    plt.close()


def as_formulas(ax):
    """A drawn block, read along its wires: what each of its sublayers makes of the stream."""
    marks = [(text.get_text(), *text.get_position()) for text in ax.texts if text.get_text()]
    stream = next(x for word, x, _ in marks if word == "+")
    start = 0
    for sum_ in sorted(y for word, _, y in marks if word == "+"):
        norm_after = min([y for word, _, y in marks if word == "+" and y > sum_], default=np.inf)
        branch, kept, whole = "x", "x", "{}"
        for word, x, y in sorted(marks, key=lambda mark: mark[2]):
            if start < y < sum_ and x > stream:
                branch = f"N({branch})" if word == "Norm" else f"f({branch})"
            if start < y < sum_ and word == "× α":
                kept = "α x"
            if sum_ < y < norm_after and x == stream and word == "Norm":
                whole, start = "N({})", y
        yield "x = " + whole.format(f"{kept} + {branch}")
        start = max(start, sum_)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_drawn_block_is_the_formula_of_its_placement(placement):
    """The tests of the GPTs execute the same formula."""
    _, ax = plt.subplots()
    plots.gpt_block(placement, ax)
    assert [*as_formulas(ax)] == [PLACEMENTS[placement].formula] * 2
    plt.close()


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_drawn_gpt_has_and_counts_the_norms_of_the_model(placement):
    config = GPTConfig(vocab_size=4, n_layer=3, n_head=1, n_embd=2, placement=placement)
    norms = sum(type(module).__name__ == "LayerNorm" for module in GPT(config).modules())
    _, ax = plt.subplots()
    plots.gpt(ax, placement, blocks=3)
    assert ax.get_title().startswith(f"{norms} norms: ")
    lit = [patch for patch in ax.patches if patch.get_facecolor() == to_rgba(LIGHT["acc"])]
    tower = [patch for patch in lit if patch.get_extents().x1 < ax.transData.transform((1.4, 0))[0]]
    assert len(tower) == norms
    assert [*as_formulas(ax)] == [PLACEMENTS[placement].formula] * 2
    plt.close()


def test_an_unknown_placement_is_refused():
    for draw in (lambda: plots.gpt_block("prenorm", None), lambda: plots.gpt(None, "prenorm")):
        with pytest.raises(ValueError, match="no placement 'prenorm': there are post, pre, peri"):
            draw()


def test_gpt_2_has_25_norms():
    title = plots.gpt(plt.gca()).get_title()
    assert title == "25 norms: 2 in each of 12 blocks, 1 before the head"
    plt.close()


def test_cubes_show_the_first_sample_the_first_channel_and_the_last_position():
    lit = np.random.default_rng(0).random((2, 3, 4)) < 0.5
    ax = plots.cubes(lit, plt.gca(), labels=("batch", "features", "tokens"), marked=(0, 0, 3))
    shown = {}
    for face in ax.collections:
        for path, color in zip(face.get_paths(), face.get_facecolor(), strict=True):
            shown[tuple(path.vertices[:4].mean(0).round(3))] = mpl.colors.to_hex(color)
    kinds = np.where(lit, plots.LIGHT["acc"], plots.LIGHT["line"])
    kinds[0, 0, 3] = plots.LIGHT["ink"]
    deep = np.array([0.55, 0.42])
    for (n, c, s), kind in np.ndenumerate(kinds):
        middles = {  # of a cube's faces on paper, if they are seen
            (0, None, None): np.array([s + 0.5, -c - 0.5]),
            (None, 0, None): (n + 0.5) * deep + (s + 0.5, 0),
            (None, None, 3): (n + 0.5) * deep + (4, -c - 0.5),
        }
        for seen, middle in middles.items():
            if all(want in (None, have) for want, have in zip(seen, (n, c, s), strict=True)):
                assert shown.pop(tuple(middle.round(3))) == kind
    assert not shown
    assert [text.get_text() for text in ax.texts] == ["batch", "features", "tokens"]
    plt.close()


def test_ridges_stand_as_far_apart_as_they_are_told():
    rows, edges = [np.array([0.1]), np.array([0.2])], np.array([0.0, 1.0])
    ax = plots.ridges(rows, ["one", "two"], edges, plt.gca(), "black", gap=0.25)
    assert np.allclose(ax.get_yticks(), [0, 0.25])
