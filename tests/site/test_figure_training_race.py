"""The race: it trains now, in workers of its own, and says what came of it and no more."""

import json
import math
import re

import pytest

from live_pages import WASM, WORKERS, open_live
from normlib.widgets import _modules

NAME = "TrainingRace"
DATA = json.loads((_modules.HERE / "data" / "training_race.json").read_text(encoding="utf-8"))
MIDDLE = (DATA["letters"] + DATA["pairs"]) / 2
FAST = {"lr": 0.008, "depth": 2}
QUICK = {"size": "small", "arms": [FAST, {**FAST, "placement": "post"}]}


@pytest.fixture
def live(browser, tmp_path):
    """live(traits) opens the race on a page of its own, in real time."""
    contexts = []

    def mount(traits=QUICK, sources=None, width=1280, **options):
        size = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=size, **options))
        return open_live(contexts[-1], tmp_path, NAME, traits, sources)

    yield mount
    for context in contexts:
        context.close()


def go(one):
    return one.root.locator(".go")


def reached(one, words="Go on to 2,000"):
    """Wait until the race has come to its goal, and Python knows."""
    one.until(lambda: go(one).inner_text() == words and len(one.get("losses") or [[]]) > 0)
    one.until(lambda: (one.get("stats") or {}).get("val_loss", [None])[0] is not None)
    return one.get("stats"), one.get("losses")


def test_it_waits_for_the_reader_and_asks_before_it_answers(live):
    one = live(traits=None)
    one.page.wait_for_timeout(300)
    assert one.page.workers == []
    assert "Who is stuck at step 300?" in one.said()
    assert [b.inner_text() for b in one.root.locator(".bets button").all()] == [*"ABC", "nobody"]
    shown = one.root.inner_text()
    for word in ("rescue", "wins", "ahead", "knows more", "near the letters"):
        assert word not in shown
    assert shown.count("N(x + f(x))") == 2
    assert one.faults == []


def test_a_guess_starts_it_and_the_verdict_follows_from_the_losses(live):
    one = live()
    one.button("B: train").click()
    one.ever("Your guess: B. Training: step")
    stats, losses = reached(one)
    assert stats["steps"] == [300, 300] == [len(arm) for arm in losses]
    assert stats["levels"] == {
        "nothing": pytest.approx(math.log(len(DATA["chars"]))),
        "letters": DATA["letters"],
        "pairs": DATA["pairs"],
    }
    said = one.said()
    for letter, loss in zip("AB", stats["val_loss"], strict=True):
        assert f"{letter} ({loss:.2f})" in said
    stuck = [loss > MIDDLE for loss in stats["val_loss"]]
    assert stats["stuck"] == stuck
    assert ("guess was right" in said) == (stuck == [False, True])
    assert "After 300 steps" in said
    levels = {
        "near the letters": lambda x: MIDDLE < x <= DATA["letters"] + 0.3,
        "learning pairs": lambda x: DATA["pairs"] < x <= MIDDLE,
        "more than pairs": lambda x: x <= DATA["pairs"],
    }
    for words, true in levels.items():
        assert (words in said) == any(true(loss) for loss in stats["val_loss"])
    texts = [node.inner_text() for node in one.root.locator(".writes").all()]
    assert all(text.startswith("The ") and len(text) > 40 for text in texts)
    assert losses[0][0] > 3.9
    assert min(losses[0][-20:]) < losses[0][0] - 1  # it learned
    assert len(one.page.workers) == 2  # they wait for the reader to go on
    assert one.faults == []


def test_the_same_seed_trains_the_same_and_another_one_another(live):
    one = live({"size": "small", "arms": [FAST, FAST]})
    go(one).click()
    _, first = reached(one)
    assert first[0] == first[1]  # the same weights, and the same windows
    one.button("Reset").click()
    one.until(lambda: go(one).inner_text() == "Train" and one.get("losses") == [[], []])
    one.until(lambda: one.page.workers == [])
    go(one).click()
    _, again = reached(one)
    assert again == first
    one.button("New weights").click()
    assert one.get("seed") == 1
    one.until(lambda: go(one).inner_text() == "Pause")
    _, other = reached(one)
    assert other[0] != first[0]
    assert "seed=1" in one.page.url


def test_it_goes_on_pauses_and_ends(live):
    one = live({"size": "small", "arms": [{**FAST, "warmup": 50}]})
    go(one).click()
    reached(one)
    early = one.get("stats")["val_loss"][0]
    go(one).click()
    one.ever("of 2,000")
    go(one).click()
    one.until(lambda: "Paused" in one.said() and len(one.get("losses")[0]) > 300)
    assert one.still(lambda: len(one.get("losses")[0])) < 2000
    assert go(one).inner_text() == "Go on"
    go(one).click()
    one.until(lambda: "After 2,000 steps" in one.said(), seconds=90)
    one.until(lambda: one.get("stats")["steps"] == [2000])
    assert one.get("stats")["val_loss"][0] < early - 0.1
    assert go(one).is_disabled()
    one.until(lambda: one.page.workers == [])  # nothing is left to train
    assert "guess" not in one.said()


def test_a_divergence_is_a_result(live):
    lost = {"placement": "none", "lr": 0.032, "depth": 12}
    one = live({"size": "small", "arms": [lost, FAST]})
    one.button("A: train").click()
    one.until(lambda: go(one).inner_text() == "Go on to 2,000", seconds=90)
    one.until(lambda: one.get("stats")["steps"][1] == 300)
    stats = one.get("stats")
    assert stats["diverged"] == [True, False]
    assert (stats["val_loss"][0], stats["stuck"][0]) == (None, True)
    assert f"A diverged at step {stats['steps'][0]}" in one.said()
    assert "NaN" not in one.root.inner_text()
    assert "guess was right" in one.said() or stats["stuck"][1]
    go(one).click()  # the other one goes on
    one.ever("of 2,000")
    assert one.faults == []


def test_out_of_sight_and_in_a_hidden_tab_nothing_trains(live):
    one = live({"arms": [{"depth": 12}]})  # half a minute's work

    def now():
        return int(re.search(r"Training: step (\d+)", one.said())[1])

    go(one).click()
    one.until(lambda: now() > 5)
    one.page.evaluate("scrollTo(0, 2500)")
    before = one.still(now)
    assert before < 300
    one.page.evaluate("scrollTo(0, 0)")
    one.until(lambda: now() > before)
    one.page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    assert one.still(now) < 300
    one.host.evaluate("(el) => el.remove()")
    one.until(lambda: one.page.workers == [])


@pytest.mark.parametrize(
    ("workers", "wasm"),
    [
        (False, False),
        pytest.param(True, True, marks=pytest.mark.slow),
        pytest.param(True, False, marks=pytest.mark.slow),
        pytest.param(False, True, marks=pytest.mark.slow),
    ],
)
def test_where_a_page_forbids_it_trains_all_the_same(live, workers, wasm):
    sources = " ".join([*([WORKERS] if workers else []), *([WASM] if wasm else [])])
    one = live({"size": "small", "arms": [FAST]}, sources=sources)
    go(one).click()
    one.ever("Training: step")
    assert len(one.page.workers) == (1 if workers else 0)
    if not workers:
        one.ever("so it trains here, more slowly")
    stats, losses = reached(one)
    free = live({"size": "small", "arms": [FAST]})
    go(free).click()
    _, expected = reached(free)
    error = max(abs(a - b) for a, b in zip(losses[0], expected[0], strict=True))
    assert error == 0 if wasm else 0 < error < 0.05  # another order of the sums
    assert one.faults == []


def test_a_worker_class_that_throws_is_no_trap(live):
    one = live({"size": "small", "arms": [FAST]})
    one.page.evaluate(
        "() => { window.Worker = class { constructor() { throw new Error('no'); } }; }"
    )
    go(one).click()
    one.ever("so it trains here")
    reached(one)
    assert one.faults == []


@pytest.mark.parametrize("sources", [None, WASM])
def test_a_control_is_heard_while_it_trains(live, sources):
    """In workers, and in slices on the page's own thread."""
    one = live({"arms": [{}, {}, {}]}, sources=sources)
    go(one).click()
    one.ever("Training: step")
    go(one).click()
    one.until(lambda: "Paused" in one.said())
    assert max(one.still(lambda: [len(arm) for arm in one.get("losses")])) < 300
    assert len(one.workers) == (0 if sources else 3)


@pytest.mark.slow
def test_ten_races_leave_nothing_behind(live):
    one = live({"size": "small", "arms": [FAST, FAST, FAST]})
    wire = one.page.context.new_cdp_session(one.page)

    def heap():
        wire.send("HeapProfiler.collectGarbage")
        return one.page.evaluate("performance.memory.usedJSHeapSize")

    sizes = []
    for _ in range(10):
        one.forget()
        go(one).click()
        one.ever("Training: step")
        one.page.wait_for_timeout(150)
        one.button("Reset").click()
        one.until(lambda: one.page.workers == [])
        sizes.append(heap())
    assert sizes[-1] < sizes[2] + 2e6


def test_the_reader_changes_the_models(live):
    one = live(QUICK)
    one.root.get_by_text("Change the models").click()
    one.root.get_by_label("norm stands of B").select_option("DeepNorm")
    assert one.get("arms")[1]["placement"] == "deepnorm"
    one.root.get_by_label("norm of A", exact=True).select_option("RMSNorm")
    one.root.get_by_label("start of A").select_option("GPT-2’s")
    one.root.get_by_label("warm-up of B").select_option("200 steps")
    cards = [" ".join(card.inner_text().split()) for card in one.root.locator(".card").all()]
    assert cards[0].startswith("A Pre, RMSNorm x + f(N(x))")
    assert "GPT-2’s start" in cards[0]
    assert "warm-up 200, 2 blocks" in cards[1]
    one.button("Add a model").click()
    one.button("Add a model").click()
    assert len(one.get("arms")) == 4
    assert one.button("Add a model").count() == 0
    assert one.root.locator(".bets button").count() == 5
    one.button("Remove C").click()
    assert len(one.get("arms")) == 3
    one.root.get_by_label("size").select_option(index=0)
    assert one.get("size") == "chapter"
    one.button("Reset").click()
    assert len(one.get("arms")) == 2
    assert one.get("arms")[1]["placement"] == "post"


def test_a_change_while_it_trains_begins_a_new_race(live):
    one = live(QUICK)
    go(one).click()
    one.ever("Training: step")
    one.set(seed=5)
    one.until(lambda: go(one).inner_text() == "Train")
    one.until(lambda: one.page.workers == [])


def test_a_slow_machine_is_offered_a_smaller_model(live):
    one = live({"arms": [{"depth": 12}]})
    one.page.evaluate(
        """() => {
            const Real = window.Worker;
            window.Worker = class extends Real {
                set onmessage(f) {
                    super.onmessage = (event) => {
                        if (event.data.ms) event.data.ms *= 100; // as if it were slower
                        f(event);
                    };
                }
            };
        }"""
    )
    go(one).click()
    one.until(lambda: one.button("Take a smaller model").is_visible())
    assert re.search(r"This machine needs about \d+ seconds more", one.root.inner_text())
    one.button("Take a smaller model").click()
    assert one.get("size") == "small"
    one.until(lambda: not one.button("Take a smaller model").is_visible())
    reached(one)


def test_a_screen_reader_hears_the_question_and_not_every_step(live):
    one = live({"arms": [{"depth": 12}]})
    speech = one.root.locator("[aria-live]")
    assert "Who is stuck" in speech.text_content()
    one.root.evaluate(
        """(root) => {
            const speech = root.querySelector("[aria-live]"); window.spoken = [];
            new MutationObserver(() => spoken.push([speech.textContent, performance.now()]))
                .observe(speech, { childList: true });
        }"""
    )
    go(one).click()
    one.until(lambda: one.page.evaluate("spoken.length") == 2)
    (first, begin), (later, end) = one.page.evaluate("spoken")
    for said in (first, later):
        assert re.fullmatch(r"Training: step \d+ of 300(, \d+ a second\. A \d\.\d\d|\.)", said)
    assert end - begin > 3000  # five seconds, give or take what a busy machine is late
