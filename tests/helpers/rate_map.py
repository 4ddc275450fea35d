"""What the tests of the learning-rate map share: its numbers, and where they stand."""

import json
from statistics import median

from normlib.widgets._modules import HERE

NAME = "LearningRateMap"
DATA = json.loads((HERE / "data" / "learning_rate_map.json").read_text(encoding="utf-8"))
RATES, ROWS, MOMENTS = DATA["rates"], DATA["placements"], DATA["moments"]
WARMUPS = DATA["warmups"]


def runs_of(placement, rate, warmup=100, init="xavier"):
    """For each seed of a cell its losses, one per moment."""
    by_warmup = DATA["loss"][DATA["inits"].index(init)][WARMUPS.index(warmup)]
    return by_warmup[ROWS.index(placement)][rate]


def losses(placement, rate, warmup=100, steps=2000, init="xavier"):
    return [run[MOMENTS.index(steps)] for run in runs_of(placement, rate, warmup, init)]


def own_best(placement, steps=2000, init="xavier"):
    """The lowest median of a placement, and where that is."""
    cells = ((w, r) for w in WARMUPS for r in range(len(RATES)))
    return min((median(losses(placement, r, w, steps, init)), RATES[r], w) for w, r in cells)


def usable(placement, warmup=100, tolerance=0.2, steps=2000, init="xavier"):
    limit = min(own_best(p, steps, init)[0] for p in ROWS) + tolerance
    cells = [losses(placement, i, warmup, steps, init) for i in range(len(RATES))]
    return [rate for rate, cell in zip(RATES, cells, strict=True) if max(cell) <= limit]


def ahead(placement, rival, rate, warmup=100, init="xavier"):
    """In how many seeds the first is lower than the second, at each moment."""
    pairs = zip(*(runs_of(p, rate, warmup, init) for p in (placement, rival)), strict=True)
    wins = [[a < b for a, b in zip(*pair, strict=True)] for pair in pairs]
    return [sum(moment) for moment in zip(*wins, strict=True)]


def cell(fig, placement, rate):
    return fig.root.locator(".row:not(.head)").nth(ROWS.index(placement)).locator(".cell").nth(rate)


def value(fig, placement, rate):
    return cell(fig, placement, rate).locator(".value").text_content()


def where(fig):
    return fig.get("placement"), fig.get("rate"), fig.get("warmup")
