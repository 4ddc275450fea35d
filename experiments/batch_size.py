"""Train and eval: what does batch norm lose by the size of its batches, and whose statistics help?

A network with two batch norms learns scikit-learn's digits with batches of 2 to 64. The same
weights are then tested with four kinds of statistics; losses in nats, errors in percent:

batch
    Those of test batches of the size used in training, drawn at random.
sorted
    The same, but the test images stand in the order of their classes.
running
    The running averages, as in evaluation.
precise
    Recomputed after training, over all training images in one batch.

The control has layer norms instead. Its statistics are those of a single image, so all four kinds
are the same; what it loses with small batches, it loses because it sees fewer images.
"""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from _curves import Curves, gradient_norm
from _digits import BATCHES, CLASSES, N_TRAIN, WIDTH, Split, generators, source
from _study import publish, recorded

NAME = "batch_size"
SIZES, MOMENTA, SEEDS = (2, 4, 8, 16, 32, 64), (0.1, 0.9), range(8)
NORMS = [{"norm": "batchnorm", "momentum": momentum} for momentum in MOMENTA]
NORMS += [{"norm": "layernorm", "momentum": None}]
ARMS = [norm | {"batch_size": size} for norm in NORMS for size in SIZES]
STEPS, RATE, FULL_RATE_FROM, EVERY = 600, 0.02, 16, 50
KINDS = ("batch", "sorted", "running", "precise")


def network(norm="batchnorm", momentum=0.1):
    """Two hidden layers, each with a norm."""

    def make():
        batch = norm == "batchnorm"
        return nn.BatchNorm1d(WIDTH, momentum=momentum) if batch else nn.LayerNorm(WIDTH)

    return nn.Sequential(
        *(nn.Linear(64, WIDTH), make(), nn.ReLU()),
        *(nn.Linear(WIDTH, WIDTH), make(), nn.ReLU()),
        nn.Linear(WIDTH, CLASSES),
    )


@torch.no_grad()
def with_precise_statistics(net, x):
    """A copy in evaluation whose statistics are those of x, all at once."""
    net = copy.deepcopy(net).train()
    for layer in net:
        if isinstance(layer, nn.BatchNorm1d):
            layer.momentum = 1.0  # the buffers become the statistics of the next batch
    net(x)
    return net.eval()


@torch.no_grad()
def loss_and_error(net, x, y, size=None):
    """Test in whole batches of a size, or all at once; the network stays as it is."""
    net = copy.deepcopy(net)
    count = len(x) // size * size if size else len(x)
    logits = torch.cat([net(part) for part in x[:count].split(size or count)])
    wrong = logits.argmax(1) != y[:count]
    return [F.cross_entropy(logits, y[:count]).item(), 100 * wrong.float().mean().item()]


def measure(net, train_x, test_x, test_y, size):
    """Loss and error of a trained network for each of KINDS."""
    order = test_y.argsort(stable=True)
    return {
        "batch": loss_and_error(net.train(), test_x, test_y, size),
        "sorted": loss_and_error(net.train(), test_x[order], test_y[order], size),
        "running": loss_and_error(net.eval(), test_x, test_y),
        "precise": loss_and_error(with_precise_statistics(net, train_x), test_x, test_y),
    }


def record(arm, seed, steps=STEPS):
    """Train one network and measure it."""
    size, rng, split = arm["batch_size"], generators(BATCHES, [seed]), Split.of([seed])
    torch.manual_seed(seed)
    net, curves = network(arm["norm"], arm["momentum"]), Curves()
    lr = RATE * min(1, size / FULL_RATE_FROM)
    optimizer = torch.optim.SGD(net.parameters(), lr, momentum=0.9)
    for step in range(steps):
        (x,), (y,) = split.batch(rng, size)
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        if step % EVERY == 0:
            curves.note(step, loss=loss, grad_norm=gradient_norm(net))
        optimizer.step()
    found = measure(net, split.train[0][0], split.test[0][0], split.test[1][0], size)
    curves.note(steps, **found)
    model = {"norm": arm["norm"], "n_layer": 2, "width": WIDTH, "momentum": arm["momentum"]}
    training = {"steps": steps, "batch_size": size, "lr": lr, "optimizer": "sgd"}
    training |= {"sgd_momentum": 0.9, "n_train": N_TRAIN, "seed": seed}
    return curves.run(model, training, val_loss=found["running"][0])


def show(runs):
    """Loss and error for each kind of statistics."""
    for norm in NORMS:
        print("\n", norm, "loss and error in %, mean ± sd", *KINDS)
        for batch_size in SIZES:
            some = runs.filter(**norm, batch_size=batch_size)
            rows = torch.tensor([[r.probes[k]["values"][0] for k in KINDS] for r in some])
            cells = zip(rows.mean(0).tolist(), rows.std(0).tolist(), strict=True)
            text = [f"{m[0]:.3f} ± {s[0]:.3f}, {m[1]:.1f} ± {s[1]:.1f}" for m, s in cells]
            print(f"{batch_size:3}", *text, sep="  |  ")


if __name__ == "__main__":
    show(publish(NAME, recorded(NAME, record, ARMS, SEEDS, source)))
