"""What do the interactive figures cost? Size, script per interaction, waiting, axe's findings.

python benchmarks/figures.py   measures on the built book, writes figures.json, prints a table
"""

import datetime
import json
import statistics
import sys
import tempfile
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from machine import processor
from playwright.sync_api import sync_playwright

from normlib import widgets
from normlib.widgets._random import mulberry32

HERE = Path(__file__).parent
RESULTS = HERE / "figures.json"
sys.path.insert(0, str(HERE.parent / "tests" / "helpers"))
from browsing import BUILD, launch  # noqa: E402
from figures import bare_page, put, sizes  # noqa: E402
from live_pages import WASM, open_live  # noqa: E402

ROUNDS, WARM_UP = 200, 20
BUDGET = {"code_kb": 12, "data_kb": 40, "script_ms": 4, "axe": 0}
TRAINING = {"code_kb": 30, "data_kb": 80, "script_ms": 10}  # those that train start workers
# One interaction with a control that is drawn by lot: a range moves, anything else is clicked.
ACT = """(root, [first, second]) => {
    const controls = [...root.querySelectorAll("button, input, [role=gridcell]")]
        .filter((node) => node.checkVisibility() && !node.disabled);
    const node = controls[Math.floor(first * controls.length)];
    if (node.type !== "range") return node.click();
    node.value = +node.min + second * (node.max - node.min);
    node.dispatchEvent(new Event("input", { bubbles: true }));
}"""
# How long the page takes to hear of something that happens, forty times.
WAITS = """async () => {
    const waits = [];
    for (let i = 0; i < 40; i++) {
        const begin = performance.now(), { port1, port2 } = new MessageChannel();
        await new Promise((done) => {
            port2.onmessage = done;
            port1.postMessage(0);
        });
        waits.push(performance.now() - begin);
        await new Promise((done) => setTimeout(done, 30));
    }
    return waits.sort((a, b) => a - b);
}"""
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def script_times(page, root):
    """The main thread's own milliseconds in script, for each of many interactions."""
    wire = page.context.new_cdp_session(page)
    wire.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent(action, *told):
        before = metric(wire)
        root.evaluate(action, *told)
        page.evaluate(FRAMES)
        return 1000 * (metric(wire) - before)

    draw = mulberry32(1)
    nothing = statistics.median(spent("() => {}") for _ in range(50))
    times = [spent(ACT, [next(draw), next(draw)]) for _ in range(WARM_UP + ROUNDS)]
    return [max(0, t - nothing) for t in times[WARM_UP:]]


def metric(wire):
    """Seconds that the page has spent in script so far."""
    metrics = wire.send("Performance.getMetrics")["metrics"]
    return next(m["value"] for m in metrics if m["name"] == "ScriptDuration")


def waits(browser, folder, size, sources=None):
    """Milliseconds that nine of ten controls wait at most while three models of the race train."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    race = open_live(context, folder, "TrainingRace", {"size": size}, sources)
    race.button("Nobody: train").click()
    race.ever("a second")
    found = race.page.evaluate(WAITS)
    context.close()
    return round(found[int(0.9 * len(found))], 1)


def measure(browser, folder):
    """Every figure, each on a page of its own at 1280 pixels."""
    results = []
    bare = folder / "bare.html"
    bare.write_text(bare_page(BUILD), encoding="utf-8")
    for name in widgets.__all__:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(bare.as_uri())
        put(page, BUILD, name)
        root = page.locator(".normlib-figure[data-mounted] .nl")
        root.wait_for()
        found = Axe().run(page, context=f'.normlib-figure[data-figure="{name}"]')
        times = sorted(script_times(page, root))
        code, data = sizes(name)
        results.append({
            "figure": name,
            "code_kb": round(code, 1),
            "data_kb": round(data, 1),
            "script_ms": round(statistics.median(times), 2),
            "script_ms_95": round(times[int(0.95 * len(times))], 2),
            "axe": len(found.response["violations"]),
        })  # fmt: skip
        page.close()
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": processor(),
        "browser": f"Chromium {browser.version}",
        "interactions": ROUNDS,
        "budget": BUDGET,
        "results": results,
        "wait_ms": {
            "in workers, the chapter's model": waits(browser, folder, "chapter"),
            "on the page's own thread, a smaller one": waits(browser, folder, "small", WASM),
        },
    }


def table(record):
    """The results as Markdown, with the provenance under it."""
    lines = [
        "| figure | code | data | script per interaction | 95 % of them | axe |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| `{r['figure']}` | {r['code_kb']:.1f} KB | {r['data_kb']:.1f} KB "
        f"| {r['script_ms']:.2f} ms | {r['script_ms_95']:.2f} ms | {r['axe']} |"
        for r in record["results"]
    ]
    lines += [
        "",
        "Gzipped, the code without the shared core; the main thread's own time in script, until "
        f"the next frame is drawn, over {record['interactions']} interactions with controls drawn "
        f"by lot; {record['browser']}, {record['cpu']}, {record['date']}.",
        "",
        "While three models of the race train, nine of ten controls wait at most "
        + ", ".join(f"{wait} ms ({where})" for where, wait in record["wait_ms"].items())
        + ".",
    ]
    return "\n".join(lines)


def main():
    """Measure, write, print, and say what is over its budget."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launch(playwright)
        record = measure(browser, Path(folder))
        browser.close()
    RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(table(record))
    over = [
        f"{r['figure']}: {key} {r[key]}"
        for r in record["results"]
        for key, most in (BUDGET | TRAINING if r["data_kb"] > BUDGET["data_kb"] else BUDGET).items()
        if r[key] > most
    ]
    if over:
        raise SystemExit("Over budget: " + "; ".join(over))


if __name__ == "__main__":
    main()
