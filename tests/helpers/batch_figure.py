"""What the figure of batches must show, and how to read it off."""

import re
from itertools import islice

import numpy as np

import normlib as nl
from normlib.widgets._random import mulberry32, normals

NAME = "BatchDependence"
SIZES = [2**k for k in range(9)]
SAMPLE = np.array([2, -1, 0.5, 1, 0, -1.5])
DATA = {False: (1, 1), True: (4, 2)}  # mean and sd, before and after the shift
DEFAULT = {"m": 8, "mode": "train", "momentum": 0.1, "seed": 1, "step": 100, "shifted": False}


def batch_of(seed, m, shifted):
    """The sample's first feature and its mates', as a batch of one channel."""
    mean, sd = DATA[shifted]
    mates = np.array(list(islice(normals(mulberry32(seed)), m - 1)))
    return np.concatenate([[2], mean + sd * mates])[:, np.newaxis]


def buffers(m, momentum, step, shifted):
    """The running averages after some updates by normlib's batch_norm."""
    mean, var = np.zeros(1), np.ones(1)
    for k in range(1, step + 1 if m > 1 else 0):
        center, sd = DATA[shifted and k > 50]
        x = center + sd * np.array(list(islice(normals(mulberry32(1000 + k)), m)))
        nl.batch_norm(x[:, np.newaxis], mean, var, training=True, momentum=momentum)
    return mean, var


def trained(seed, m, shifted):
    return nl.batch_norm(batch_of(seed, m, shifted), None, None, training=True)[0, 0]


def expected(**state):
    now = {**DEFAULT, **state}
    m, far = now["m"], now["shifted"] and now["step"] > 50
    mean, var = buffers(m, now["momentum"], now["step"], now["shifted"])
    if now["mode"] == "eval":
        output, sd = nl.batch_norm(np.array([[2.0]]), mean, var)[0, 0], 0
    else:
        output, sd = (
            trained(now["seed"], m, far),
            np.std([trained(k, m, far) for k in range(1, 201)]),
        )
    return {"output": output, "sd": sd, "running_mean": mean[0], "running_var": var[0]}


def agrees(one, **state):
    if state:
        one.set(**state)
    told = one.stats()
    for name, value in expected(**state).items():
        np.testing.assert_allclose(told[name], value, rtol=1e-9, atol=1e-9)
    return told


def says(one):
    """All numbers in words, under "More"."""
    one.root.locator("details").evaluate("(node) => (node.open = true)")
    one.settle()
    return one.root.locator(".numbers").inner_text()


def headline(one):
    return " ".join(one.root.locator(".nl-says").inner_text().split())


def shape(one, name):
    return one.root.locator(f"svg .{name}").first.get_attribute("d")


def dots(one, name):
    """Where the dots of a pile or a swarm are, in pixels."""
    return np.array([
        [float(number) for number in at.split()]
        for at in re.findall(r"M([-\d. ]+)h0", shape(one, name))
    ])  # fmt: skip


def scale_of(one, values, pixels):
    """The straight line from values to pixels that fits best, and how far off the worst dot is."""
    slope, start = np.polyfit(values, pixels, 1)
    return slope, np.abs(slope * values + start - pixels).max()


def means(m, shifted):
    return np.array([batch_of(k, m, shifted).mean() for k in range(1, 201)])
