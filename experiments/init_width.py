"""Why does post-norm beat pre-norm under GPT-2's init at small width? Is it the embedding?

Hypothesis: GPT-2's embeddings have a standard deviation of 0.02. Pre-norm divides the stream by
that, so one step of Adam, which moves every number by about the learning rate, moves the
normalized stream by a tenth. Then unit-variance embeddings beside GPT-2's other weights should
help pre-norm, small embeddings beside Xavier's weights should hurt it, and neither should matter
to post-norm.
"""

from dataclasses import replace

from _study import publish, swept
from normlib.gpt import GPTConfig, Grid, TrainConfig, grid

NAME = "init_width"
PROBES = ("residual_rms",)
# Unit embeddings need a head of their own (tied, the loss would start near 30), so there is a
# control that has GPT-2's embeddings and a head of its own.
INITS = {
    "xavier": {"init": "xavier"},
    "xavier, small embeddings": {"init": "xavier", "embd_std": 0.02},
    "gpt2": {"init": "gpt2"},
    "gpt2, untied": {"init": "gpt2", "tie_head": False},
    "gpt2, untied, unit embeddings": {"init": "gpt2", "tie_head": False, "embd_std": 1.0},
}


def label(run):
    """The name in INITS of what a run started from."""
    chosen = {key: run[key] for key in ("init", "tie_head", "embd_std")}
    none = dict.fromkeys(chosen)
    return next(name for name, fields in INITS.items() if {**none, **fields} == chosen)


def pairs(vocab_size):
    """Five inits, two placements, four widths, two rates; five seeds, three from width 192 on."""
    train = TrainConfig(steps=120, batch_size=8, log_every=5)
    pairs = Grid()
    for widths, seeds in (([48, 96], range(5)), ([192, 256], range(3))):
        models = grid(GPTConfig(vocab_size=vocab_size), n_embd=widths, placement=["post", "pre"])
        models = Grid(replace(model, **fields) for fields in INITS.values() for model in models)
        pairs += models * grid(train, lr=[2e-3, 4e-3], seed=seeds)
    return pairs


if __name__ == "__main__":
    runs = publish(NAME, swept(NAME, pairs, PROBES))
    for name, fields in INITS.items():
        print(f"\n{name}")
        for lr in (2e-3, 4e-3):
            some = runs.filter(init=fields["init"], lr=lr, tie_head=fields.get("tie_head"))
            print(some.filter(embd_std=fields.get("embd_std")).table("placement", "n_embd"))
