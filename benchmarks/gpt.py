"""How fast does normlib train? Its Trainer beside a straightforward nanoGPT-style model.

python benchmarks/gpt.py           trains (a few minutes), writes gpt.json, prints a table
python benchmarks/gpt.py --sweep   times a sweep against a loop instead, adds that to gpt.json
python benchmarks/gpt.py --readme  renders gpt.json into README.md, without measuring
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before PyTorch loads

import argparse
import json
import re
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from machine import processor
from nanogpt_style import NanoGPT

from normlib.gpt import GPTConfig, TrainConfig, Trainer, grid, load_text, sweep, train
from normlib.gpt.provenance import provenance
from normlib.placements import PLACEMENTS

HERE = Path(__file__).parent
RESULTS = HERE / "gpt.json"
README = HERE.parent / "README.md"
MARKERS = "<!-- benchmark gpt -->", "<!-- /benchmark gpt -->"

THEIR_NAMES = {  # the beginning of a name in a state dict: ours → theirs
    "blocks": "h",
    "norm_": "ln_",
    "qkv": "c_attn",
    "proj": "c_proj",
    "fc": "c_fc",
    "final_norm": "ln_f",
    "head": "lm_head",
}
OTHERS = tuple(name for name in PLACEMENTS if name != "pre")  # timed relative to pre


@dataclass(frozen=True)
class Case:
    """One configuration, and how many steps are timed at once, how often."""

    n_embd: int
    block_size: int
    batch_size: int
    steps: int
    rounds: int
    placements: tuple = OTHERS


CASES = (
    Case(n_embd=48, block_size=32, batch_size=8, steps=10, rounds=30),
    Case(n_embd=64, block_size=32, batch_size=16, steps=10, rounds=20),
    Case(n_embd=384, block_size=128, batch_size=8, steps=2, rounds=10, placements=("peri",)),
)


class NanoLoop:
    """The contender's training: batches by random offsets, AdamW, clipping, a log.

    nanoGPT asks for the fused AdamW on a GPU only. Here the contender has it everywhere, because
    it is the faster one; `fused=False` is its own habit on a CPU.
    """

    def __init__(self, model_config, config, text, device, fused=True):
        c = model_config
        self.model = NanoGPT(c.vocab_size, c.n_layer, c.n_head, c.n_embd, c.block_size)
        self.model.to(device).train()
        parameters = list(self.model.parameters())
        groups = [
            {
                "params": [p for p in parameters if p.dim() >= 2],
                "weight_decay": config.weight_decay,
            },
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=fused)
        self.data = text.split("train", c.block_size).numpy().astype(np.uint16)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.block_size, self.config, self.device = c.block_size, config, device
        self.step = 0

    def get_batch(self):
        """Cut windows of the text at random places."""
        T = self.block_size
        starts = torch.randint(
            len(self.data) - T, (self.config.batch_size,), generator=self.generator
        )
        x = torch.stack([torch.from_numpy(self.data[i : i + T].astype(np.int64)) for i in starts])
        y = torch.stack(
            [torch.from_numpy(self.data[i + 1 : i + 1 + T].astype(np.int64)) for i in starts]
        )
        if self.device == "cuda":
            x, y = (a.pin_memory().to(self.device, non_blocking=True) for a in (x, y))
        return x, y

    def run(self, steps):
        """Train so many steps; return the loss of the last."""
        for _ in range(steps):
            for group in self.optimizer.param_groups:
                group["lr"] = self.config.lr
            x, y = self.get_batch()
            _, loss = self.model(x, y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            if self.step % self.config.log_every == 0:
                logged = loss.item()
            self.step += 1
        return logged


class NormlibLoop:
    """The Trainer, advanced by a number of steps through its own iterator."""

    def __init__(self, model_config, config, text, device):
        self.trainer = Trainer(model_config, config, text, device=device)
        self.log, self.every = iter(self.trainer), config.log_every

    def run(self, steps):
        """Train so many steps, a multiple of `log_every` after the first; return the last loss."""
        for _ in range(max(1, steps // self.every)):
            logged = next(self.log)
        return logged.loss


def configs(case, text):
    """The model and the training of a case; what a Trainer and a NanoLoop both take."""
    model = GPTConfig(
        vocab_size=text.vocab_size,
        n_embd=case.n_embd,
        block_size=case.block_size,
        init="gpt2",
    )
    training = TrainConfig(
        steps=1_000_000,  # never reached
        lr=1e-3,
        clip=1.0,
        optimizer="adamw",
        weight_decay=0.1,
        batch_size=case.batch_size,
        log_every=case.steps,
    )
    return model, training


def require_equal(case, text, device):
    """Both models are the same function, and both loops the same training."""
    model, training = configs(case, text)
    training = replace(training, log_every=1)
    ours, theirs = (Loop(model, training, text, device) for Loop in (NormlibLoop, NanoLoop))
    count = sum(p.numel() for p in theirs.model.parameters())
    assert count == ours.trainer.model.num_parameters(), "the models differ in size"
    theirs.model.load_state_dict(
        {_their_name(name): value for name, value in ours.trainer.model.state_dict().items()}
    )
    theirs.generator.set_state(ours.trainer.generator.get_state())
    for step in range(5):
        difference = abs(ours.run(1) - theirs.run(1))
        assert difference < 1e-4, f"at step {step} the losses differ by {difference}"
    return count


def _their_name(name):
    for ours, theirs in THEIR_NAMES.items():
        name = re.sub(rf"\b{ours}", theirs, name)
    return name


def contenders(case, text, device):
    """Who trains: {who: loop}, all with the same configuration but for what the name says."""
    model, training = configs(case, text)
    arguments = text, device
    loops = {
        "normlib": NormlibLoop(model, training, *arguments),
        "nanogpt": NanoLoop(model, training, *arguments),
        "nanogpt, unfused": NanoLoop(model, training, *arguments, fused=False),
        "normlib, log_every=1": NormlibLoop(model, replace(training, log_every=1), *arguments),
    }
    for placement in case.placements:
        loops[placement] = NormlibLoop(replace(model, placement=placement), training, *arguments)
    return loops


def race(case, loops, device):
    """Milliseconds per step; all take turns in a shifting order, so that all share the noise."""
    synchronize = torch.cuda.synchronize if device == "cuda" else lambda: None
    for loop in loops.values():
        loop.run(1)  # the first step of a Trainer is a logged one, then each steps-th
        loop.run(case.steps)
    milliseconds = {who: [] for who in loops}
    order = list(loops)
    for _ in range(case.rounds):
        for who in order:
            synchronize()
            begin = time.perf_counter()
            loops[who].run(case.steps)
            synchronize()
            milliseconds[who].append(round(1e3 * (time.perf_counter() - begin) / case.steps, 3))
        order = order[1:] + order[:1]
    return milliseconds


def measure(text):
    """Every case on the CPU, and on the GPU if there is one."""
    loads, results = os.getloadavg(), []
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for case in CASES:
            count = require_equal(case, text, device)
            loops = contenders(case, text, device)
            results.append(
                {
                    "device": device,
                    "n_embd": case.n_embd,
                    "block_size": case.block_size,
                    "batch_size": case.batch_size,
                    "parameters": count,
                    "steps_per_block": case.steps,
                    "ms_per_step": race(case, loops, device),
                }
            )
    return {**where(text, loads), "dtype": "float32", "results": results}


def where(text, loads):
    """Where and when this was measured; `loads` are the load averages just before."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return {
        "cpu": processor(),
        "cores": os.cpu_count(),
        "load_average_before": [round(load, 2) for load in loads],
        **provenance(text, device),
    }


def measure_sweep(text):
    """Eight small runs: one after the other, and by `sweep` with a process per core."""
    loads = os.getloadavg()
    model = GPTConfig(vocab_size=text.vocab_size, n_embd=48)
    models = grid(model, placement=["pre", "post"])
    pairs = models * grid(TrainConfig(batch_size=8, log_every=5), seed=range(4))
    seconds = {"loop": [], "sweep": []}
    for _ in range(2):
        begin = time.perf_counter()
        runs = [train(*pair, text) for pair in pairs]
        seconds["loop"].append(time.perf_counter() - begin)
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            swept = sweep("benchmark", pairs, text, folder=folder)
            seconds["sweep"].append(time.perf_counter() - begin)
        for run, same in zip(runs, swept, strict=True):
            close = np.allclose(run.loss, same.loss, rtol=1e-4, atol=0)  # files have five digits
            assert close, "a run differs between the loop and the sweep"
    return {
        **where(text, loads),
        "runs": len(pairs),
        "steps": pairs[0][1].steps,
        "seconds": {who: [round(s, 2) for s in each] for who, each in seconds.items()},
    }


def quotient(times, slower, faster):
    """How many times as many tokens per second: the median over rounds, with the quartiles."""
    pairs = zip(times[slower], times[faster], strict=True)
    low, middle, high = statistics.quantiles([s / f for s, f in pairs], n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def table(record):
    """The results as Markdown, with the provenance under it."""
    lines = [
        "| 6 layers | nanoGPT-style | normlib | normlib / nanoGPT-style | / unfused AdamW "
        "| peri / pre |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for r in record["results"]:
        times, tokens = r["ms_per_step"], r["batch_size"] * r["block_size"]
        speed = {who: 1e3 * tokens / statistics.median(each) for who, each in times.items()}
        lines.append(
            f"| {r['n_embd']} wide, {r['batch_size']} × {r['block_size']} tokens, {r['device']} "
            f"| {speed['nanogpt']:,.0f} | {speed['normlib']:,.0f} "
            f"| {quotient(times, 'nanogpt', 'normlib')} "
            f"| {quotient(times, 'nanogpt, unfused', 'normlib')} "
            f"| {quotient(times, 'normlib', 'peri')} |"
        )
    versions = record["versions"]
    lines += [
        "",
        "Tokens per second in training, medians; quotients are medians over rounds, with their "
        f"quartiles. {record['dtype']}, {record['threads']} thread, {record['cpu']} with "
        f"{record['cores']} cores and a load average of "
        f"{record['load_average_before'][0]:.1f} before, "
        f"Python {versions['python']}, PyTorch {versions['torch']}, "
        f"{record['date'][:10]}.",
    ]
    if "sweep" in record:
        s = record["sweep"]
        loop, swept = (statistics.median(s["seconds"][who]) for who in ("loop", "sweep"))
        lines[-1] += (
            f" A sweep of {s['runs']} runs of {s['steps']} steps took {swept:.0f} s, a loop over "
            f"them {loop:.0f} s ({s['cores']} cores, a load average of "
            f"{s['load_average_before'][0]:.1f} before, {s['date'][:10]})."
        )
    return "\n".join(lines)


def main():
    """Measure, or render what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--readme", action="store_true", help="render gpt.json into README.md")
    either.add_argument("--sweep", action="store_true", help="time a sweep against a loop")
    arguments = parser.parse_args()
    record = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    if arguments.readme:
        text, (start, end) = README.read_text(encoding="utf-8"), MARKERS
        if not 0 <= text.find(start) < text.find(end):
            raise SystemExit(f"README.md needs the lines {start} and {end}, in this order.")
        if "results" not in record:
            raise SystemExit("gpt.json has no results yet: run benchmarks/gpt.py first.")
        head, tail = text.split(start)[0], text.split(end)[1]
        README.write_text(f"{head}{start}\n{table(record)}\n{end}{tail}", encoding="utf-8")
        return
    torch.set_num_threads(1)
    text = load_text()
    if arguments.sweep:
        record["sweep"] = measure_sweep(text)
        print(json.dumps(record["sweep"]["seconds"]))
    else:
        record = {**measure(text), **({"sweep": record["sweep"]} if "sweep" in record else {})}
        print(table(record))
    RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
