"""The arithmetic of the figures that train, in a browser, beside the same in PyTorch."""

import torch

from normlib.gpt import GPT, draw_batch, learning_rate
from normlib.placements import PLACEMENTS
from normlib.widgets import _modules

EXPORTED = """createNumbers, createGPT, createDigits, drawNoise, drawUnits, chance, learningRate,
    nextToken, raceArm, startArm, unitsOf, driftOf, gradientShift, lossRange, histogramsOf"""
# Numbers of a network by the names of its parameters, and back.
HANDS = """
const read = ({ F, params }, place = "at") =>
    Object.fromEntries(params.map((p) => [p.name, [...F.subarray(p[place], p[place] + p.n)]]));
const write = ({ F, params }, weights) => params.forEach((p) => F.set(weights[p.name], p.at));
const floats = (x) => Float32Array.from(x);
"""


def open_lab(browser):
    """A page that has what the workers of the figures compute with, as `lab`."""
    page = browser.new_page()
    modules, seen = [], set()
    for file in ("training_race_arm", "covariate_shift_arm", "trainer"):
        modules += _modules._with_imports(file, seen)
    code = "\n".join(modules)
    page.add_script_tag(content=f"{code}{HANDS}window.lab = {{ {EXPORTED}, read, write, floats }};")
    return page


def in_page(config, batch_size):
    """A GPTConfig as the network of the page takes it."""
    row = PLACEMENTS[config.placement]
    return {
        "vocab": config.vocab_size,
        "layers": config.n_layer,
        "heads": config.n_head,
        "width": config.n_embd,
        "block": config.block_size,
        "batch": batch_size,
        "norm": config.norm,
        "init": config.init,
        "norms": row.norms,
        "alpha": row.alpha,
        "final": row.final_norm,
    }


def flat(name, tensor):
    """A parameter of PyTorch as the page keeps it: matrices (in, out), embeddings as they are."""
    matrix = tensor.dim() == 2 and not name.startswith("w")
    return (tensor.T if matrix else tensor).flatten().tolist()


def parameters(model, gradients=False):
    """All parameters of a model, or their gradients, as the page keeps them."""
    named = dict(model.named_parameters())
    return {name: flat(name, p.grad if gradients else p.detach()) for name, p in named.items()}


def trained(config, training, size=4):
    """A model of PyTorch on batches of tokens, low ones more often than high ones.

    Returns what the page needs to do the same, the losses, and the gradients of the first step.
    """
    model = GPT(config, seed=1)
    generator = torch.Generator().manual_seed(2)
    ids = torch.randint(config.vocab_size, (5000,), generator=generator) ** 2 // config.vocab_size
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0, betas=training.betas)
    given = {"config": in_page(config, size), "weights": parameters(model)}
    losses, batches, rates, grads = [], [], [], {}
    for step in range(training.steps):
        idx, targets = draw_batch(ids, size, config.block_size, generator)
        optimizer.param_groups[0]["lr"] = rate = learning_rate(training, step)
        loss = model(idx, targets)[1]
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            grads = parameters(model, gradients=True)
        optimizer.step()
        losses.append(loss.item())
        batches.append([idx.flatten().tolist(), targets.flatten().tolist()])
        rates.append(rate)
    return {**given, "batches": batches, "rates": rates}, losses, grads
