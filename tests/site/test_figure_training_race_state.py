"""What the race can be asked for, from Python, from an address, and by mistake."""

import hashlib
import json
import re

import pytest
import traitlets

import _figure_data as figure_data
from normlib.gpt import load_text
from normlib.placements import PLACEMENTS
from normlib.widgets import TrainingRace, _modules, training_race

NAME = "TrainingRace"
DATA = json.loads((_modules.HERE / "data" / "training_race.json").read_text(encoding="utf-8"))


def test_a_link_opens_a_race(figure):
    arms = '[{"placement":"peri","lr":0.004},{"placement":"none"}]'
    one = figure(NAME, address=f"#{NAME}?arms={arms}&seed=7&size=small")
    assert one.root.locator(".nl-refused").count() == 0
    assert [arm["placement"] for arm in one.get("arms")] == ["peri", "none"]
    assert (one.get("seed"), one.get("size")) == (7, "small")
    assert one.root.locator(".card").count() == 2


BROKEN = [
    {"arms": "<img src=x onerror=alert(1)>"},
    {"arms": []},
    {"arms": [None]},
    {"arms": [{"placement": "<b>no</b>", "lr": 1e300, "depth": -5, "norm": ["x"]}]},
    {"arms": [{"depth": 1e9, "warmup": -1}] * 40},
    {"seed": -1e300},
    {"seed": "x", "size": "huge"},
]


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_broken_state_is_replaced(figure, broken):
    one = figure(NAME, traits=broken)
    one.set(**broken)
    assert one.page.faults == []
    assert 1 <= one.root.locator(".card").count() <= 4
    assert one.root.locator("img, .card b b").count() == 0
    for arm in one.get("arms"):
        assert all(value in training_race.CHOICES[name] for name, value in arm.items())
    assert 0 <= one.get("seed") <= 9999
    for word in ("NaN", "undefined"):
        assert word not in one.text()


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ([], "1"),
        ([{}] * 5, "4"),
        ([{"placement": "both"}], "placement of an arm must be one of post, pre"),
        ([{"lr": 0.003}], "lr of an arm must be one of 0.00025"),
        ([{"warmup": True}], "warmup"),
        ([{"rate": 0.1}], "an arm has no field 'rate': there are placement"),
    ],
)
def test_python_refuses_what_is_no_race(arms, message):
    with pytest.raises(traitlets.TraitError, match=re.escape(message)):
        TrainingRace(arms=arms)


def test_the_page_and_python_offer_the_same(figure):
    js = (_modules.HERE / "js" / "training_race_state.js").read_text(encoding="utf-8")
    for name in ("lr", "warmup", "depth", "init"):
        found = re.search(rf"^  {name}: (\[.*\]),$", js, re.M)[1]
        assert json.loads(found) == training_race.CHOICES[name]
    assert [*PLACEMENTS] == training_race.CHOICES["placement"]
    assert figure(NAME).get("arms") == TrainingRace().arms == training_race.ARMS


def test_the_text_and_its_levels_are_those_of_the_books_text():
    if hashlib.sha256(load_text().content.encode()).hexdigest() != DATA["source"]:
        pytest.skip("this Python has another text")
    made = figure_data.encoded(figure_data.training_race())
    assert made == (_modules.HERE / "data" / "training_race.json").read_bytes()
