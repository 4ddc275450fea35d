"""How fast are the norms? normlib, PyTorch and textbook NumPy, one thread, float32, interleaved.

python benchmarks/norms.py           measures (about a minute), writes norms.json, prints a table
python benchmarks/norms.py --readme  renders norms.json into README.md, without measuring
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy loads

import argparse
import datetime
import json
import platform
import statistics
import time
import tracemalloc
from pathlib import Path

import numpy as np
import torch
from machine import processor

import normlib.functional as nf

HERE = Path(__file__).parent
RESULTS = HERE / "norms.json"
README = HERE.parent / "README.md"
MARKERS = "<!-- benchmark -->", "<!-- /benchmark -->"

TOKENS = ((2048, 64), (2048, 768), (8192, 768), (2048, 4096))
VECTORS = ((8192, 768),)
IMAGES = ((32, 64, 56, 56), (8, 256, 14, 14))
GROUPS = 32
BUDGET, LEAST, MOST = 1.2, 15, 301  # seconds for each case, and rounds


def textbook(x, axes, weight, bias, eps=1e-5, center=True):
    """The norm as one writes it down."""
    if not center:
        return x / np.sqrt((x * x).mean(axes, keepdims=True) + eps) * weight
    sd = np.sqrt(x.var(axes, keepdims=True) + eps)
    return (x - x.mean(axes, keepdims=True)) / sd * weight + bias


def textbook_vjp(dy, x, axes, weight, bias, eps=1e-5, center=True):
    """The norm and its gradients as one writes them down."""
    z = x - x.mean(axes, keepdims=True) if center else x
    rstd = 1 / np.sqrt((z * z).mean(axes, keepdims=True) + eps)
    x_hat = z * rstd
    y = x_hat * weight + bias if center else x_hat * weight
    g = dy * weight
    dx = g - x_hat * (g * x_hat).mean(axes, keepdims=True)
    if center:
        dx -= g.mean(axes, keepdims=True)
    over = tuple(a for a in range(x.ndim) if weight.shape[a] == 1)
    return y, dx * rstd, (dy * x_hat).sum(over), dy.sum(over)


def contenders(name, shape):
    """For the forward and the vjp: {who: call}, on the same numbers."""
    rng = np.random.default_rng(0)
    tokens, channels = name in ("layer_norm", "rms_norm"), shape[1]
    x, dy = rng.normal(2, 3, (2, *shape)).astype(np.float32)
    affine = rng.normal(1, 1, (2, channels)).astype(np.float32)
    before = ((channels,),) if tokens else (GROUPS,) if name == "group_norm" else (None, None)
    after = (True,) if before == (None, None) else ()
    parameters = affine[:1] if name == "rms_norm" else affine
    ours, ours_vjp = getattr(nf, name), getattr(nf, f"{name}_vjp")
    theirs = getattr(torch.nn.functional, name)
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, *parameters)]

    def torch_forward():
        with torch.no_grad():
            return theirs(tensors[0], *before, *tensors[1:], *after)

    def torch_vjp():
        y = theirs(tensors[0], *before, *tensors[1:], *after)
        return y, *torch.autograd.grad(y, tensors, torch.from_numpy(dy))

    def normlib_vjp():
        y, vjp = ours_vjp(x, *before, *parameters, *after)
        return y, *vjp(dy)

    grouped = name == "group_norm"
    x5, dy5 = (a.reshape(shape[0], GROUPS, -1, *shape[2:]) if grouped else a for a in (x, dy))
    axes = -1 if tokens else tuple(range(2, x5.ndim))
    if name == "batch_norm":
        axes = 0, *axes
    sizes = (1, GROUPS, -1, 1, 1) if grouped else (1, -1, *(1 for _ in shape[2:]))
    weight, bias = (p.reshape(sizes) for p in affine)
    center = name != "rms_norm"
    return {
        "forward": {
            "torch": torch_forward,
            "normlib": lambda: ours(x, *before, *parameters, *after),
            "textbook": lambda: textbook(x5, axes, weight, bias, center=center),
        },
        "vjp": {
            "torch": torch_vjp,
            "normlib": normlib_vjp,
            "textbook": lambda: textbook_vjp(dy5, x5, axes, weight, bias, center=center),
        },
    }


def race(calls):
    """Median and minimum in milliseconds; all calls take turns, so that all share the noise."""
    seconds = {who: [] for who in calls}
    started = time.perf_counter()
    for call in calls.values():
        call()
    rounds = BUDGET / (time.perf_counter() - started)
    for _ in range(int(min(max(rounds, LEAST), MOST))):
        for who, call in calls.items():
            begin = time.perf_counter()
            call()
            seconds[who].append(time.perf_counter() - begin)
    return {
        who: {"median_ms": 1e3 * statistics.median(s), "min_ms": 1e3 * min(s), "rounds": len(s)}
        for who, s in seconds.items()
    }


def peak_bytes(call):
    """The most memory that NumPy held during a call, its results included."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def measure():
    """Every norm at every shape."""
    cases = [(n, s) for s in TOKENS for n in ("layer_norm", "rms_norm")]
    cases += [("batch_norm", s) for s in VECTORS]
    cases += [(n, s) for s in IMAGES for n in ("batch_norm", "instance_norm", "group_norm")]
    results = []
    for name, shape in cases:
        for direction, calls in contenders(name, shape).items():
            times = race(calls)
            for who in ("normlib", "textbook"):
                times[who]["peak_over_output"] = peak_bytes(calls[who]) / (4 * np.prod(shape))
            results.append({"norm": name, "shape": shape, "direction": direction, "times": times})
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": processor(),
        "threads": torch.get_num_threads(),
        "dtype": "float32",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "results": results,
    }


def table(record):
    """The results as Markdown, with the provenance under it."""
    lines = [
        "| norm | shape | | torch | normlib | textbook | normlib / torch | textbook / normlib "
        "| peak memory / x |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for r in record["results"]:
        times = {who: t["median_ms"] for who, t in r["times"].items()}
        milliseconds = " | ".join(f"{t:.3g} ms" for t in times.values())
        lines.append(
            f"| `{r['norm']}` | {' × '.join(map(str, r['shape']))} | {r['direction']} "
            f"| {milliseconds} | {times['normlib'] / times['torch']:.2f} "
            f"| {times['textbook'] / times['normlib']:.1f} "
            f"| {r['times']['normlib']['peak_over_output']:.2f} |"
        )
    lines += [
        "",
        f"Medians, {record['dtype']}, {record['threads']} thread, {record['cpu']}, "
        f"Python {record['python']}, NumPy {record['numpy']}, PyTorch {record['torch']}, "
        f"{record['date']}. `vjp` is the forward and the backward.",
    ]
    return "\n".join(lines)


def main():
    """Measure, or render what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readme", action="store_true", help="render norms.json into README.md")
    if parser.parse_args().readme:
        text, (start, end) = README.read_text(encoding="utf-8"), MARKERS
        if not 0 <= text.find(start) < text.find(end):
            raise SystemExit(f"README.md needs the lines {start} and {end}, in this order.")
        head, tail = text.split(start)[0], text.split(end)[1]
        body = table(json.loads(RESULTS.read_text(encoding="utf-8")))
        README.write_text(f"{head}{start}\n{body}\n{end}{tail}", encoding="utf-8")
        return
    torch.set_num_threads(1)
    record = measure()
    RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(table(record))


if __name__ == "__main__":
    main()
