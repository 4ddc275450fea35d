"""How many samples must a statistic have? Batch norm with shared batches against group norm.

A small convolutional network learns scikit-learn's digits from 600 images. Three parts:

groups
    Every step takes 32 images, whatever the norm. Batch norm takes its statistics over 2 to 32 of
    them at a time, in random order, sorted by class, or mixed so that a group has unlike images;
    group norm has 1 to 16 channels in a group. All else is equal, and each arm has five rates.
long
    The same with three times the steps, for one batch norm and two group norms.
recipe
    The batch itself has 2 to 16 images, its rate is proportional to its size, and the number of
    images shown stays: everything changes at once. The rate for 32 images is the best of `groups`.

The other 600 images of `Split.train` are for validation: they choose the rates. Every network is
tested with running averages ("test"), and batch norm also with statistics of all training images
("precise") and of groups of test images, made as in training ("own"). Losses in nats, errors in
percent.
"""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from _curves import Curves
from _digits import BATCHES, CLASSES, Split, generators, length, source, stacked
from _study import publish, recorded
from normlib.results import Runs

NAME = "samples_per_statistic"
SEEDS, RATES, BATCH, SHOWN, EVERY = range(8), (0.05, 0.1, 0.2, 0.4, 0.8), 32, 12_000, 125
N_FIT = 600  # images for training, of the 1200 of `Split.train`
SAMPLES, CHANNELS = (32, 16, 8, 4, 2), (1, 2, 4, 8, 16)
STEPS = SHOWN // BATCH
# Samples in a statistic of batch norm, their order, channels in a group of group norm.
NAMES = ("norm", "samples", "order", "channels")
RANDOM = [("batch", n, "random", None) for n in SAMPLES]
# No order matters to a statistic over all 32.
SORTED = [("batch", n, "sorted", None) for n in SAMPLES[1:]]
MIXED = [("batch", n, "mixed", None) for n in SAMPLES[1:]]
GROUPS = [("group", None, "random", c) for c in CHANNELS]
LONG = [RANDOM[0], GROUPS[2], GROUPS[-1]]
RECIPE = [("batch", None, "random", None), GROUPS[2]]


class SplitBatchNorm(nn.BatchNorm2d):
    """Batch norm with statistics over so many samples at a time, as on several devices."""

    def __init__(self, num_features, samples):
        super().__init__(num_features)
        self.samples = samples

    def forward(self, x):
        """Normalize (N, C, H, W); the buffers follow the mean of the groups' statistics."""
        if not self.training:
            return super().forward(x)
        k = len(x) // self.samples
        parts = x.unflatten(0, (k, -1)).transpose(0, 1).flatten(1, 2)  # (samples, k C, H, W)
        state = self.running_mean, self.running_var, self.weight, self.bias
        mean, var, weight, bias = (t.repeat(k) for t in state)
        y = F.batch_norm(parts, mean, var, weight, bias, True, self.momentum, self.eps)
        self.running_mean, self.running_var = (t.view(k, -1).mean(0) for t in (mean, var))
        return y.unflatten(1, (k, -1)).transpose(0, 1).flatten(0, 1)


def network(norm, samples=None, channels=None, stack=1):
    """Four convolutions with norms, the mean over the pixels, ten logits; x is (N, stack, 8, 8).

    With stack > 1 this is that many networks side by side, which share nothing.
    """

    def block(fan_in, fan_out, stride):
        count = stack * fan_out
        conv = nn.Conv2d(stack * fan_in, count, 3, stride, 1, bias=False, groups=stack)
        if norm == "batch":
            return conv, SplitBatchNorm(count, samples), nn.ReLU()
        return conv, nn.GroupNorm(count // min(channels, fan_out), count), nn.ReLU()

    return nn.Sequential(
        *(*block(1, 8, 1), *block(8, 8, 1), *block(8, 16, 2), *block(16, 16, 1)),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(stack * 16, stack * CLASSES, 1, groups=stack),
        nn.Unflatten(1, (stack, CLASSES)),
        nn.Flatten(2),
    )


def initial(seeds, *arm):
    """One network per seed, with PyTorch's first weights for that seed, as one stack."""
    single = []
    for seed in seeds:
        torch.manual_seed(seed)
        single.append(network(*arm).state_dict())
    net = network(*arm, stack=len(seeds))
    joint = {k: [s[k] for s in single] for k in single[0] if not k.endswith("tracked")}
    net.load_state_dict({k: torch.cat(v) for k, v in joint.items()}, strict=False)
    return net


def losses(net, x, y):
    """Cross-entropy and share of errors of each network; x is (S, N, 64), y (S, N)."""
    logits = net(x.unflatten(2, (8, 8)).transpose(0, 1)).transpose(0, 1)  # (S, N, 10)
    loss = F.cross_entropy(logits.transpose(1, 2), y, reduction="none").mean(1)
    return loss, (logits.argmax(2) != y).float().mean(1)


def statistics_over(net, samples, momentum):
    """A copy in training mode whose batch norms take so many samples at a time."""
    net = copy.deepcopy(net).train()
    for layer in net:
        if isinstance(layer, SplitBatchNorm):
            layer.samples, layer.momentum = samples, momentum
    return net


def arranged(x, y, order, samples):
    """The same images, in groups by class ("sorted") or in groups of unlike ones ("mixed")."""
    if order == "random":
        return x, y
    places = y.argsort(dim=1, stable=True)
    if order == "mixed":  # each group takes its images from all over the sorted row
        places = places.unflatten(1, (samples, -1)).transpose(1, 2).flatten(1)
    return x.gather(1, places[..., None].expand_as(x)), y.gather(1, places)


@torch.no_grad()
def measure(net, fit, validation, test, samples, order):
    """Loss in nats and error in percent of a stack, (S, 2) for each way to test it."""
    found = {
        "train": losses(net.eval(), *fit),
        "validation": losses(net, *validation),
        "test": losses(net, *test),
    }
    if samples:
        precise = statistics_over(net, N_FIT, 1.0)
        losses(precise, *fit)  # the buffers become the statistics of all of them
        found["precise"] = losses(precise.eval(), *test)
        batches = zip(*(t.split(BATCH, 1) for t in test), strict=True)
        kept = [arranged(x, y, order, samples) for x, y in batches if y.shape[1] == BATCH]
        whole = [torch.cat(t, 1) for t in zip(*kept, strict=True)]
        found["own"] = losses(statistics_over(net, samples, 0.1), *whole)
    return {k: torch.stack([loss, 100 * wrong], 1) for k, (loss, wrong) in found.items()}


def record(arm, seeds):
    """Train one stack and make a Run of each of its networks."""
    samples, order, batch, steps = (arm[k] for k in ("samples", "order", "batch_size", "steps"))
    split, rng = Split.of(seeds), generators(BATCHES, seeds)
    fit, validation = ([t[:, s] for t in split.train] for s in (slice(N_FIT), slice(N_FIT, None)))
    net, measured = initial(seeds, arm["norm"], samples, arm["channels"]), Curves()
    optimizer = torch.optim.SGD(net.parameters(), arm["lr"], momentum=0.9)
    rows = torch.arange(len(seeds))[:, None]
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = arm["lr"] * (1 - step / steps)
        picked = stacked(lambda g: torch.randint(N_FIT, (batch,), generator=g), rng)
        x, y = arranged(*(t[rows, picked] for t in fit), order, samples)
        loss = losses(net, x, y)[0]
        optimizer.zero_grad()
        loss.sum().backward()  # the networks share no parameter
        if step % EVERY == 0:
            own = [p.grad.view(len(seeds), -1) for p in net.parameters()]
            measured.note(step, loss=loss, grad_norm=length([own]))
        optimizer.step()
    measured.note(steps, **measure(net, fit, validation, split.test, samples, order))
    model = {name: arm[name] for name in NAMES}
    training = {"steps": steps, "batch_size": batch, "lr": arm["lr"], "optimizer": "sgd"}
    training |= {"sgd_momentum": 0.9, "schedule": "linear", "n_train": N_FIT}
    for i, seed in enumerate(seeds):
        val_loss = measured["validation"][steps][i, 0]
        yield measured.of(i).run(model, training | {"seed": seed}, val_loss)


def errors(runs, name="test"):
    """Errors in percent of some runs."""
    return torch.tensor([r.probes[name]["values"][0][1] for r in runs], dtype=torch.float64)


def select(runs, arm, **wanted):
    """The runs of an arm."""
    return runs.filter(**dict(zip(NAMES, arm, strict=True)), **wanted)


def best(runs, arm, **wanted):
    """The runs of an arm at the rate with the smallest mean error on the validation images."""
    some = select(runs, arm, **wanted)
    rates = [some.filter(lr=lr) for lr in some.distinct("lr")]
    return min(rates, key=lambda r: errors(r, "validation").mean())


def arms(some, rates=RATES, batch=BATCH, shown=SHOWN):
    """Every arm with every rate."""
    return [
        dict(zip(NAMES, arm, strict=True), lr=lr, batch_size=batch, steps=shown // batch)
        for arm in some
        for lr in rates
    ]


def recipe(runs):
    """Smaller batches, with rates that follow from the best one for 32 images."""
    for norm, _, order, channels in RECIPE:
        full = (norm, BATCH if norm == "batch" else None, order, channels)
        lr = best(runs, full, steps=STEPS)[0]["lr"]
        for batch in SAMPLES[1:]:
            arm = norm, batch if norm == "batch" else None, order, channels
            yield from arms([arm], [lr * batch / BATCH], batch)


def show(runs):
    """A line for every arm of each part: its errors."""
    full = runs.filter(batch_size=BATCH)
    parts = [best(full, arm, steps=STEPS) for arm in [*RANDOM, *SORTED, *MIXED, *GROUPS]]
    parts += [best(full, arm, steps=3 * STEPS) for arm in LONG]
    parts += [runs.filter(**arm) for arm in recipe(full)]
    for some in parts:
        cells = []
        for name in some[0].probes:
            wrong = errors(some, name)
            cells.append(f"{name} {wrong.mean():.2f} ± {wrong.std():.2f}")
        one = some[0]
        print(*one.model.values(), one["batch_size"], one["steps"], one["lr"], *cells, sep="  ")


if __name__ == "__main__":
    known = arms([*RANDOM, *SORTED, *MIXED, *GROUPS]) + arms(LONG, shown=3 * SHOWN)
    runs = recorded(NAME, record, known, [SEEDS], source)
    runs = Runs([*runs, *recorded(NAME, record, [*recipe(runs)], [SEEDS], source)])
    show(publish(NAME, runs))
