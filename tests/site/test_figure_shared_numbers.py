"""Who shares statistics? The numbers and the verdicts of the figure, against normlib."""

import itertools

import numpy as np
import pytest

import normlib as nl
from normlib.widgets import SharedStatistics
from normlib.widgets._modules import _with_imports
from normlib.widgets.shared_statistics import SHAPE

NAME = "SharedStatistics"
X = np.reshape(SharedStatistics().x, SHAPE)
AFFINE = {"running_mean": None, "running_var": None, "training": True}
# Every norm by normlib, on [sample, channel, position] and back.
NORMS = {
    ("image", "batch"): lambda x, eps, g: nl.batch_norm(x, **AFFINE, eps=eps),
    ("image", "layer"): lambda x, eps, g: nl.layer_norm(x, (6, 4), eps=eps),
    ("image", "instance"): lambda x, eps, g: nl.instance_norm(x, eps=eps),
    ("image", "group"): lambda x, eps, g: nl.group_norm(x, g, eps=eps),
    ("image", "rms"): lambda x, eps, g: nl.rms_norm(x, (6, 4), eps=eps),
}
NORMS |= {("text", n): NORMS["image", n] for n in ("batch", "instance", "group")}
NORMS["text", "layer"] = lambda x, eps, g: nl.layer_norm(_tokens(x), (6,), eps=eps).swapaxes(1, 2)
NORMS["text", "rms"] = lambda x, eps, g: nl.rms_norm(_tokens(x), (6,), eps=eps).swapaxes(1, 2)
SHARE = {"batch": "NS", "layer": "CS", "instance": "S", "group": "CS", "rms": "CS"}
TEXT = {**SHARE, "layer": "C", "rms": "C"}


def _tokens(x):
    return np.ascontiguousarray(x.swapaxes(1, 2))


def by_normalize(x, share, groups, center, eps):
    """Any set of axes, by normlib's one operator."""
    split = groups if "C" in share else SHAPE[1]
    blocks = x.reshape(4, split, SHAPE[1] // split, 4)
    axes = tuple(axis for axis, name in ((0, "N"), (2, "C"), (3, "S")) if name in share)
    if not axes:  # every number is its own set
        blocks, axes = blocks[..., None], (-1,)
    return nl.normalize(blocks, axis=axes, center=center, eps=eps).reshape(SHAPE)


def unfold(one):
    """Open "More", where they are drawn only then."""
    one.root.locator("details").evaluate("(node) => (node.open = true)")
    one.settle()


def cells(one, which):
    unfold(one)
    return one.root.locator(f".cell.{which}").count()


def facts(one):
    unfold(one)
    return one.root.locator(".facts").inner_text()


def test_math_js_is_normlib_for_every_set_of_axes(figure):
    """All norms and all custom sets in one call, on numbers whose channels differ."""
    rng = np.random.default_rng(0)
    arrays = [X, 3 + 0.01 * rng.standard_normal(SHAPE), rng.standard_normal(SHAPE) * 1e3]
    cases, right = [], []
    for x, eps in itertools.product(arrays, (1e-12, 1e-5, 0.1)):
        for (kind, norm), f in NORMS.items():
            g = 3 if norm == "group" else 1
            share = (TEXT if kind == "text" else SHARE)[norm]
            cases.append([x, share, g, norm != "rms", eps])
            right.append(f(x, eps, g))
        for share, g, center in itertools.product(
            ["", "N", "C", "S", "NC", "NS", "CS", "NCS"], [1, 2, 3, 6], [True, False]
        ):
            cases.append([x, share, g, center, eps])
            right.append(by_normalize(x, share, g, center, eps))
    told = [[x.ravel().tolist(), *rest] for x, *rest in cases]
    code = "\n".join(_with_imports("math"))
    got = figure(NAME).page.evaluate(
        """([code, cases]) => {
            const normalize = new Function(code + "; return normalize;")();
            return cases.map(([x, share, groups, center, eps]) =>
                normalize(x, [4, 6, 4], { share, groups, center, eps }).y);
        }""",
        [code, told],
    )
    worst = max(np.abs(np.ravel(a) - np.ravel(b)).max() for a, b in zip(got, right, strict=True))
    assert worst < 1e-9
    print(f"{len(cases)} cases, worst difference {worst:.1e}")


@pytest.mark.parametrize(("kind", "norm"), NORMS)
def test_what_it_shows_is_what_normlib_computes(figure, kind, norm):
    one = figure(NAME)
    for sel, eps in (([0, 0, 0], 1e-5), ([3, 5, 2], 0.1)):
        one.set(kind=kind, norm=norm, groups=3, eps=eps, sel=sel)
        right = NORMS[kind, norm](X, eps, 3)[tuple(sel)]
        assert one.stats()["y"] == pytest.approx(right, abs=1e-9)
    assert cells(one, "in") == one.stats()["count"]


def test_the_readers_own_numbers(figure):
    mine = np.linspace(-4, 4, 96)
    one = figure(NAME, traits={"norm": "batch", "x": mine.tolist(), "sel": [2, 3, 1]})
    channel, got = mine.reshape(SHAPE)[:, 3], one.stats()
    assert got["count"] == 16
    assert got["mu"] == pytest.approx(channel.mean(), abs=1e-12)
    assert got["var"] == pytest.approx(channel.var(), abs=1e-12)


@pytest.mark.parametrize("kind", ["image", "text"])
def test_the_verdicts_are_true_of_every_state(figure, kind):
    """Change other samples, later tokens and the number itself, and see whether y moves."""
    one, sel, eps = figure(NAME, traits={"sel": [1, 2, 1]}), (1, 2, 1), 1e-5
    other = [*np.delete(np.arange(4), sel[0])]
    for share, groups, center in itertools.product(
        ["", "N", "C", "S", "NC", "NS", "CS", "NCS"], [1, 3, 6], [True, False]
    ):
        one.set(kind=kind, norm="custom", share=share, groups=groups, center=center)

        def moves(*place, setting=(share, groups, center, eps)):
            changed = X.copy()
            changed[place] += 1 + np.arange(changed[place].size).reshape(changed[place].shape)
            y = by_normalize(changed, *setting) - by_normalize(X, *setting)
            return abs(y[sel]) > 1e-9

        text = facts(one)
        assert ("Needs the batch" in text) == moves(other)
        if kind == "text":
            assert ("Sees the future" in text) == moves(slice(None), slice(None), slice(2, None))
        alone = center and not moves(*sel)
        assert ("all information is lost" in text) == alone
        assert ("always 0" in one.root.locator(".map").text_content()) == alone


def test_without_spread_and_eps(figure):
    one = figure(NAME, traits={"x": [1.5] * 96, "show": "y"})
    assert "there is no spread to scale" in facts(one)
    assert one.stats()["y"] == 0
    one.set(eps=0)
    assert "zero divided by zero" in facts(one)
    assert one.root.locator(".cell").first.inner_text() == "nan"
    assert one.stats()["y"] is None
    one.set(center=False, norm="custom", eps=10)
    assert "root mean square 1.50 becomes 0.43" in facts(one)  # 1.5 / √(1.5² + 10)
    assert one.page.faults == []
