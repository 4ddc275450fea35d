"""The common ground of the figures: one file for Jupyter, one for a page, HTML without either."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import traitlets

from normlib import widgets
from normlib.widgets import _base, _modules

every = pytest.mark.parametrize("name", widgets.__all__)


def test_every_figure_is_exported():
    """Or no page gets its script, and no test sees it."""
    files = {path.stem for path in (_modules.HERE / "css").glob("*.css")} - {"core"}
    exported = {getattr(widgets, name)._file for name in widgets.__all__}
    assert exported == files, "normlib/widgets/__init__.py imports and lists every figure"


@every
def test_a_module_stands_alone_and_a_page_gets_a_classic_script(name):
    file = getattr(widgets, name)._file
    module = _modules.module(file)
    assert not re.findall(r"^import ", module, re.M)
    assert re.findall(r"^export (\w+)", module, re.M) == ["default"]
    assert module.count("export default {") == 1
    script = _modules.page_script(name, file)
    assert not re.findall(r"^(import|export) ", script, re.M)
    assert "</script" not in script.lower()


def test_text_of_a_stylesheet_cannot_end_the_script():
    assert "</" not in _modules._literal({"a": "</script><b>\u2028"})


@every
def test_traits_are_synchronized_and_named_apart_from_those_of_ipywidgets(name):
    one = getattr(widgets, name)()
    own = set(one.traits(sync=True)) - _base.RESERVED
    assert own - {"_esm", "_css", "_anywidget_id"}
    assert one.state() == {}  # the author has set nothing


def test_a_name_that_ipywidgets_uses_is_refused():
    with pytest.raises(TypeError, match="layout"):
        type("Bad", (_base.Figure,), {"layout": traitlets.Unicode("x").tag(sync=True)})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "many"])
def test_a_number_is_finite_or_refused(value):
    class Holder(traitlets.HasTraits):
        number = _base.Number(1.0)

    with pytest.raises(traitlets.TraitError, match="number"):
        Holder(number=value)


@every
def test_a_name_that_is_no_trait_is_refused(name):
    with pytest.raises(TypeError, match=f"{name} has no 'batch': there are .*stats") as caught:
        getattr(widgets, name)(batch=4)
    assert "layout" not in str(caught.value)  # which it has too, and says where ipywidgets does
    assert getattr(widgets, name)(layout={"width": "50%"}).layout.width == "50%"


@pytest.mark.parametrize(
    ("name", "trait", "value", "plain"),
    [
        ("BatchDependence", "m", np.int64(16), 16),
        ("BatchDependence", "momentum", np.float32(0.5), 0.5),
        ("BatchDependence", "shifted", np.True_, True),
        ("CovariateShift", "scale", np.int64(2), 2),
        ("LearningRateMap", "steps", np.int64(500), 500),
        ("SharedStatistics", "groups", np.int64(2), 2),
        ("SharedStatistics", "sel", [np.int64(1)] * 3, [1, 1, 1]),
        ("TrainingRace", "arms", [{"depth": np.int64(8)}], [{"depth": 8}]),
    ],
)
def test_numbers_of_numpy_become_pythons(name, trait, value, plain):
    given, later = getattr(widgets, name)(**{trait: value}), getattr(widgets, name)()
    setattr(later, trait, value)
    for one in (given, later):
        kept = getattr(one, trait)
        assert (type(kept), kept) == (type(plain), plain)
        json.dumps(one.state() | {trait: kept})


def test_a_race_shares_its_arms_with_nobody():
    first = widgets.TrainingRace()
    first.arms[0]["placement"] = "sandwich"
    assert widgets.TrainingRace().arms[0] == {"placement": "post"}
    assert first.state()["arms"][0] == {"placement": "sandwich"}
    given = [{"placement": "pre"}]
    second = widgets.TrainingRace(arms=given)
    given[0]["placement"] = "peri"
    assert second.arms == [{"placement": "pre"}]


MEASURED = {"residual_rms": [1, 1], "stream_grad_norm": [1, 1]}


@pytest.mark.parametrize(
    ("name", "traits", "words"),
    [
        ("GradientHighway", {"mine": MEASURED | {"residual_rms": [1, None]}}, "None at place 1"),
        ("GradientHighway", {"mine": MEASURED | {"residual_rms": 5}}, "a list of numbers, got 5"),
        ("GradientHighway", {"mine": MEASURED | {"residual_rms": "12"}}, "numbers, got '12'"),
        ("GradientHighway", {"mine": MEASURED | {"stream_grad_norm": None}}, "stream.*got None"),
        ("GradientHighway", {"mine": 5}, "a dict or None, not the int 5"),
        ("LearningRateMap", {"mine": [{"steps": [0, 9], "loss": [5, None]}]}, "None at place 1"),
        ("LearningRateMap", {"mine": [{"steps": 9, "loss": [5]}]}, "steps .* numbers, got 9"),
        ("LayerNormGeometry", {"v": [1, 2, 9]}, "number, at least -5, at most 5, not the int 9"),
        ("LayerNormGeometry", {"view": [0, 100]}, "at least -90, at most 90, not the int 100"),
    ],
)
def test_a_wrong_value_is_explained(name, traits, words):
    with pytest.raises(traitlets.TraitError, match=words):
        getattr(widgets, name)(**traits)


@every
def test_the_html_holds_the_state_and_a_sentence(name):
    html = getattr(widgets, name)().static_html()
    traits = re.search(r'data-traits="([^"]*)"', html)[1].replace("&quot;", '"')
    assert json.loads(traits) == {}
    sentence = re.search(r"<p>(.*?)</p>", html)[1]
    assert len(sentence.split()) >= 10
    assert 'src="data:image/svg+xml;base64,' in html


def test_without_anywidget_and_matplotlib_a_figure_still_shows_its_html():
    code = (
        "import sys; sys.modules['anywidget'] = sys.modules['matplotlib'] = None\n"
        "from normlib import widgets\n"
        "for name in widgets.__all__:\n"
        "    one = getattr(widgets, name)()\n"
        "    data, metadata = one._repr_mimebundle_()\n"
        "    assert list(data) == ['text/html'], data.keys()\n"
        "    assert f'data-figure=\"{name}\"' in data['text/html']\n"
        "    assert '<img' not in data['text/html']\n"
        "print(len(widgets.__all__))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(len(widgets.__all__)), done.stderr[-2000:]


@every
def test_in_a_notebook_it_is_live_and_html_stands_beside(name):
    data, _ = getattr(widgets, name)()._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "text/html"} <= data.keys()
