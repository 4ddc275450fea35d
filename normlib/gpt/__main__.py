"""The command line: ``python -m normlib.gpt sweep …`` and ``python -m normlib.gpt table …``."""

import argparse
import sys
from dataclasses import fields
from typing import Literal, get_args, get_origin

from normlib.gpt.data import load_text
from normlib.gpt.jobs import SweepError
from normlib.gpt.model import GPTConfig
from normlib.gpt.probes import PROBES
from normlib.gpt.progress import sweep_line
from normlib.gpt.sweeps import grid, sweep
from normlib.gpt.train_config import TrainConfig
from normlib.results import Runs

EXAMPLE = """example, 2 × 2 × 3 runs, which go on from where they were if you stop them:

  python -m normlib.gpt sweep warmup --placement pre post --warmup 0 100 --seed 0 1 2
  python -m normlib.gpt table runs/warmup.json --rows placement --columns warmup
"""


def main(arguments=None):
    """Parse the arguments, do it, and return the exit status."""
    args = _parser().parse_args(arguments)
    try:
        if args.command == "table":
            print(Runs.load(args.file).table(args.rows, args.columns, args.value))
        else:
            _sweep(args)
    except (OSError, ValueError, TypeError, KeyError, SweepError) as error:
        # A KeyError shows itself in quotes, its argument is the sentence.
        print(f"error: {error.args[0] if isinstance(error, KeyError) else error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; what is finished is saved, the same command goes on from there")
        return 130
    return 0


def _sweep(args):
    text = load_text(args.text, args.encoding)
    given = {name: values for name, values in vars(args).items() if values is not None}
    models, trainings = (
        grid(config, **{f.name: given[f.name] for f in fields(config) if f.name in given})
        for config in (GPTConfig(vocab_size=text.vocab_size), TrainConfig())
    )
    pairs = models * trainings
    print(f"{len(pairs)} runs, kept in {args.folder}/{args.name}/", flush=True)
    runs = sweep(args.name, pairs, text, args.probes, folder=args.folder, progress=sweep_line())
    print(f"{runs!r} in {args.folder}/{args.name}.json")
    print(runs.table(args.rows, args.columns))


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m normlib.gpt",
        description="Train small GPTs that differ in what you name, and compare them.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser(
        "sweep",
        help="train every combination of the given values",
        description="Train every combination of the given values; call again to go on.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one.add_argument("name", help="what to call the sweep")
    one.add_argument("--folder", default="runs", help="where to keep the runs (runs)")
    one.add_argument("--text", metavar="FILE", help="a text file (Python's own reference)")
    one.add_argument("--encoding", default="utf-8", help="how the text file is written (utf-8)")
    one.add_argument("--probes", nargs="*", default=(), choices=list(PROBES), help="to measure")
    one.add_argument("--rows", default="placement", help="field that goes down the final table")
    one.add_argument("--columns", default="lr", help="field that goes across it")
    for config, title in ((GPTConfig, "the model"), (TrainConfig, "the training")):
        group = one.add_argument_group(title, "one value or several of")
        for field in fields(config):
            if field.name not in ("vocab_size", "betas", "measure_at"):
                group.add_argument("--" + field.name.replace("_", "-"), nargs="+", **_values(field))
    table = commands.add_parser("table", help="print a table of the runs in a file")
    table.add_argument("file", help="a file of runs, as runs/NAME.json")
    for name, default in (("rows", "placement"), ("columns", "lr"), ("value", "val_loss")):
        table.add_argument(f"--{name}", default=default, help=f"({default})")
    return parser


def _values(field):
    """How argparse reads a field: its choices, or its type and what it is otherwise."""
    kinds = get_args(field.type) or (field.type,)
    if get_origin(field.type) is Literal:
        return {"choices": kinds, "help": f"({field.default})"}
    optional = type(None) in kinds

    def read(word):
        if optional and word == "none":
            return None
        if bool in kinds:
            return bool(("false", "true").index(word))
        return kinds[0](word)

    read.__name__ = kinds[0].__name__  # what argparse calls it where a word does not fit
    default = "none" if field.default is None else field.default
    return {"type": read, "metavar": "X", "help": f"({default})"}


if __name__ == "__main__":
    sys.exit(main())
