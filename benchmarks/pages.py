"""What does a page cost its reader? Bytes, requests, seconds, and what moves while it opens.

python benchmarks/pages.py   measures five pages of the built book, writes pages.json, prints all
"""

import contextlib
import datetime
import gzip
import http.server
import json
import statistics
import sys
import threading
from pathlib import Path

from machine import processor
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
RESULTS = HERE / "pages.json"
sys.path.insert(0, str(HERE.parent / "tests" / "helpers"))
from browsing import BUILD, launch  # noqa: E402

PAGES = {
    "Chapter 5": "book/05_covariate_shift.html",
    "Chapter 6": "book/06_layer_norm.html",
    "Chapter 11": "book/11_where_to_put_it.html",
    "Chapter 13": "book/13_gpt_pre_post.html",
    "Figures": "book/figures.html",
}
ROUNDS = 5
WEIGHT = {"kb": 300, "requests": 25, "shift": 0.02}
TARGET = {**WEIGHT, "load": 2.7, "blocking": 200}
# A phone: 1.6 Mbit/s, 150 ms for each answer, a processor a quarter as fast.
PHONE = {"offline": False, "latency": 150, "downloadThroughput": 2e5, "uploadThroughput": 1e5}
PACKED = {".html", ".css", ".js", ".svg", ".json", ".txt"}
OBSERVE = """
window.cost = { shift: 0, blocking: 0, longest: 0 };
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) cost.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
        cost.blocking += duration - 50;
        cost.longest = Math.max(cost.longest, duration);
    }
}).observe({ type: "longtask", buffered: true });
"""
TIMES = """() => {
    const [opened] = performance.getEntriesByType("navigation");
    return { ...cost, load: opened.loadEventEnd / 1000 };
}"""


class Packing(http.server.SimpleHTTPRequestHandler):
    """The built book over http, text packed with gzip as servers do."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args):
        super().__init__(*args, directory=BUILD)

    def do_GET(self):
        """Answer with the file, or with 404."""
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return self.send_error(404)
        body = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        if path.suffix in PACKED:
            body = gzip.compress(body, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.server.sent.append(len(body))
        return self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


@contextlib.contextmanager
def serving():
    """A server on a free port; `sent` is the size of each answer."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Packing) as server:
        server.sent = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def visit(browser, server, page, width, phone):
    """Open one page with nothing in the cache, and return what it cost."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    tab = context.new_page()
    wire = context.new_cdp_session(tab)
    if phone:
        wire.send("Network.emulateNetworkConditions", PHONE)
        wire.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    tab.add_init_script(OBSERVE)
    server.sent.clear()
    tab.goto(f"http://127.0.0.1:{server.server_port}/{page}", wait_until="load")
    tab.wait_for_timeout(1500)
    cost = tab.evaluate(TIMES)
    context.close()
    return {**cost, "kb": sum(server.sent) / 1e3, "requests": len(server.sent)}


def measure(browser, server):
    """Each page on a desk and as on a phone, the median of the rounds."""
    results = []
    for name, page in PAGES.items():
        row = {"page": name}
        for kind, width, phone in (("desk", 1280, False), ("phone", 390, True)):
            runs = [visit(browser, server, page, width, phone) for _ in range(ROUNDS)]
            row[kind] = {key: round(statistics.median(r[key] for r in runs), 4) for key in runs[0]}
        results.append(row)
    return results


def table(record):
    """The results as Markdown, with the provenance under it."""
    lines = [
        "| page | KB | requests | load, s | phone: load, s | longest task, ms | blocking, ms "
        "| shift at 1280, 390 |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in record["results"]:
        desk, phone = row["desk"], row["phone"]
        lines.append(
            f"| {row['page']} | {desk['kb']:.0f} | {desk['requests']:.0f} | {desk['load']:.1f} "
            f"| {phone['load']:.1f} | {phone['longest']:.0f} | {phone['blocking']:.0f} "
            f"| {desk['shift']:.3f}, {phone['shift']:.3f} |"
        )
    lines += [
        "",
        f"Cold, over http with gzip, median of {ROUNDS}; a phone is 1.6 Mbit/s, 150 ms and a "
        f"quarter of the processor's speed; {record['browser']}, {record['cpu']}, "
        f"{record['date']}.",
    ]
    return "\n".join(lines)


def main():
    """Measure, write, print, and say what is over its target."""
    with sync_playwright() as playwright, serving() as server:
        browser = launch(playwright)
        record = {
            "date": datetime.date.today().isoformat(),
            "cpu": processor(),
            "browser": f"Chromium {browser.version}",
            "rounds": ROUNDS,
            "target": TARGET,
            "results": measure(browser, server),
        }
        browser.close()
    RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(table(record))
    over = [
        f"{row['page']} on a {kind}: {key} {row[kind][key]}"
        for row in record["results"]
        for kind, target in (("desk", WEIGHT), ("phone", TARGET))
        for key in target
        if row[kind][key] > target[key]
    ]
    if over:
        raise SystemExit("Over the target: " + "; ".join(over))


if __name__ == "__main__":
    main()
