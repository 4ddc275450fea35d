"""The command line: ``python -m normlib.gpt train``, ``sample``, ``sweep`` and ``table``."""

import argparse
import sys
from dataclasses import fields, replace
from typing import Literal, get_args, get_origin

from normlib.gpt._fields import require_safetensors
from normlib.gpt.checkpoints import load_model, named, save_model
from normlib.gpt.data import load_text
from normlib.gpt.jobs import SweepError
from normlib.gpt.model import GPTConfig
from normlib.gpt.probes import PROBES
from normlib.gpt.progress import progress_line, sweep_line
from normlib.gpt.sweeps import Grid, grid, require_name, sweep
from normlib.gpt.train_config import TrainConfig
from normlib.gpt.training import Trainer
from normlib.results import Runs, _files

EXAMPLE = """examples: a model that writes, and 2 × 2 × 3 runs, which go on if you stop them:

  python -m normlib.gpt train --placement pre --steps 2000 --save pre.safetensors
  python -m normlib.gpt sample pre.safetensors --prompt "The " --length 300
  python -m normlib.gpt sweep warmup --placement pre post --warmup 0 100 --seed 0 1 2
  python -m normlib.gpt table runs/warmup.json --rows placement --columns warmup
"""
CONFIGS = ((GPTConfig, "the model"), (TrainConfig, "the training"))
NOT_HERE = ("vocab_size", "betas", "measure_at")  # the first is the text's, the others are lists


def main(arguments=None):
    """Parse the arguments, do it, and return the exit status."""
    args = _parser().parse_args(arguments)
    try:
        args.run(args)
    except (ImportError, OSError, ValueError, TypeError, KeyError, SweepError) as error:
        # A KeyError shows itself in quotes, its argument is the sentence.
        print(f"error: {error.args[0] if isinstance(error, KeyError) else error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        goes_on = "; what is finished is saved, the same command goes on from there"
        print(f"\nstopped{goes_on if args.run is _sweep else ''}")
        return 130
    return 0


def _train(args):
    text = load_text(args.text, args.encoding)
    model, training = (replace(config, **_given(args, config)) for config in _defaults(text))
    if args.save is not None:
        require_safetensors()
        _files.require_room(named(args.save))
    trainer = Trainer(model, training, text)
    run = trainer.fit(progress_line())
    loss = "is not finite" if run.val_loss is None else f"{run.val_loss:.3f} nats"
    print(f"validation loss {loss} after step {trainer.step}{', diverged' * run.diverged}")
    if args.save is not None:
        origin = {**run.provenance, "training": run.training}
        save_model(trainer.model, args.save, text, origin)
        print(f"kept in {args.save}")
    if not run.diverged:
        print(f"\n{trainer.model.write(text.chars[0])}")


def _sample(args):
    model = load_model(args.file)
    prompt = (model.chars or "")[:1] if args.prompt is None else args.prompt
    print(model.write(prompt, args.length, args.temperature, args.top_k, args.seed))


def _sweep(args):
    require_name(args.name)
    text = load_text(args.text, args.encoding)
    models, trainings = (grid(config, **_given(args, config)) for config in _defaults(text))
    pairs = Grid(dict.fromkeys(models * trainings))  # a value given twice is one
    runs = "1 run" if len(pairs) == 1 else f"{len(pairs)} runs"
    print(f"{runs}, kept in {args.folder}/{args.name}/", flush=True)
    options = {"folder": args.folder, "progress": sweep_line(), "weights": args.keep_weights}
    made = sweep(args.name, pairs, text, args.probes, **options)
    print(f"{made!r} in {args.folder}/{args.name}.json")
    print(made.table(args.rows, args.columns))


def _table(args):
    print(Runs.load(args.file).table(args.rows, args.columns, args.value))


def _defaults(text):
    return GPTConfig(vocab_size=text.vocab_size), TrainConfig()


def _given(args, config):
    """What the command line says about the fields of a configuration."""
    values = {field.name: getattr(args, field.name, None) for field in fields(config)}
    return {name: value for name, value in values.items() if value is not None}


def _parser():
    about = "Train small GPTs that differ in what you name, let them write, and compare them."
    parser = argparse.ArgumentParser(prog="python -m normlib.gpt", **_described(about))
    commands = parser.add_subparsers(dest="command", required=True)
    about = "Train one model, show how well it predicts, and let it write."
    one = _command(commands, "train", _train, about)
    _text_arguments(one)
    one.add_argument("--save", metavar="FILE.safetensors", help="keep the weights, for sample")
    _config_arguments(one, None, "one value each")
    about = "Let a model write that train or sweep kept."
    one = _command(commands, "sample", _sample, about)
    one.add_argument("file", help="a file of weights, or the name of a model that ships")
    one.add_argument("--prompt", help="what it continues (the first character that it knows)")
    one.add_argument("--length", type=int, default=200, help="characters to add (200)")
    one.add_argument("--temperature", type=float, default=0.8, help="lower is safer (0.8)")
    one.add_argument("--top-k", type=int, help="choose among so many characters only (all)")
    one.add_argument("--seed", type=int, default=0, help="another one, another text (0)")
    about = "Train every combination of the given values; call again to go on."
    one = _command(commands, "sweep", _sweep, about)
    one.add_argument("name", help="what to call the sweep")
    one.add_argument("--folder", default="runs", help="where to keep the runs (runs)")
    _text_arguments(one)
    one.add_argument("--probes", nargs="*", default=(), choices=list(PROBES), help="to measure")
    one.add_argument("--keep-weights", action="store_true", help="keep each model, for sample")
    for name, default, where in (("rows", "placement", "down"), ("columns", "lr", "across")):
        words = f"field that goes {where} the final table ({default})"
        one.add_argument(f"--{name}", default=default, type=_field, help=words)
    _config_arguments(one, "+", "one value or several each")
    one = _command(commands, "table", _table, "Print a table of the runs in a file.")
    one.add_argument("file", help="a file of runs, as runs/NAME.json")
    for name, default in (("rows", "placement"), ("columns", "lr"), ("value", "val_loss")):
        one.add_argument(f"--{name}", default=default, help=f"({default})")
    return parser


def _described(about):
    raw = argparse.RawDescriptionHelpFormatter
    return {"description": about, "epilog": EXAMPLE, "formatter_class": raw}


def _command(commands, name, run, about):
    own = {"sweep": " NAME", "sample": " FILE", "table": " FILE"}.get(name, "")
    short = f"python -m normlib.gpt {name}{own} [--help for the options]"  # they fill a screen
    command = commands.add_parser(name, help=about, usage=short, **_described(about))
    command.set_defaults(run=run)
    return command


def _text_arguments(parser):
    parser.add_argument("--text", metavar="FILE", help="a text file (Python's own reference)")
    parser.add_argument("--encoding", default="utf-8", help="how it is written (utf-8)")


def _config_arguments(parser, nargs, how_many):
    for config, title in CONFIGS:
        group = parser.add_argument_group(title, how_many)
        for field in fields(config):
            if field.name not in NOT_HERE:
                name = "--" + field.name.replace("_", "-")
                group.add_argument(name, nargs=nargs, **_values(field))


def _field(word):
    """A field of the configurations: a table with another fails, and only after all training."""
    known = [field.name for config, _ in CONFIGS for field in fields(config)]
    if word not in known:
        raise argparse.ArgumentTypeError(f"no field {word!r}: try one of {', '.join(known)}")
    return word


def _values(field):
    """How argparse reads a field: its choices, or its type and what it is otherwise."""
    kinds = get_args(field.type) or (field.type,)
    if get_origin(field.type) is Literal:
        return {"choices": kinds, "help": f"({field.default})"}
    none = ["none"] if type(None) in kinds else []
    words = [*(["true", "false"] if bool in kinds else ["X"]), *none]

    def read(word):
        if word.lower() in none:
            return None
        if bool not in kinds:
            return kinds[0](word)
        if word.lower() not in words:
            raise argparse.ArgumentTypeError(f"write {' or '.join(words)}, not {word!r}")
        return word.lower() == "true"

    read.__name__ = kinds[0].__name__  # what argparse calls it where a word does not fit
    return {"type": read, "metavar": "|".join(words), "help": f"({str(field.default).lower()})"}


if __name__ == "__main__":
    sys.exit(main())
