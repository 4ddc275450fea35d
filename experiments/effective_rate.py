r"""Which learning rates train which network, if its weights are larger or smaller?

A norm undoes the scale of the weight before it. With c·W in place of W the network computes the
same, its gradient in W is c times smaller, and so a rate of c²·η does to c·W what η does to W.
A table of rates at one scale therefore compares units, not networks. Here are the four networks
of `covariate_shift` with hidden weights of three scales, at rates from where nothing is learned to
where everything fails; and at three of these rates the measures of that study, after steps that
are equal shares of the weights.
"""

from functools import partial

from _curves import Curves
from _digits import (
    BATCHES,
    N_LAYER,
    NOISE,
    NORMS,
    PROBE_NOISE,
    WIDTH,
    Noise,
    Split,
    evaluate,
    forward,
    generators,
    gradients,
    initial,
    length,
    moved,
    runs_of,
    source,
)
from _shift_measures import at_equal_shares
from _study import publish, recorded

NAME = "effective_rate"
GAINS = (0.316, 1.0, 3.16)  # squared: 0.1, 1 and 10
RATES = [digit * 10.0**power for power in range(-4, 2) for digit in (1, 3)] + [100.0]
RATES = [float(f"{rate:g}") for rate in RATES]
SEEDS, STEPS, BATCH, PROBE = range(8), 1000, 64, 250
ARMS = [{"norm": n, "gain": gain, "lr": lr} for n in NORMS for gain in GAINS for lr in RATES]
MOMENTS = (0, 5, 10, 20, 30, 45, 60, 80, 100, 150, 200, 300, 500, 700)
MEASURED = {"gain": 1.0, "lr": (0.03, 0.1, 0.3)}


def train(norm, gain, lr, seeds=SEEDS, steps=STEPS, measure=False):
    """Train a stack of networks, one per seed; in MOMENTS test them and, if asked, measure."""
    split, layers, measured = Split.of(seeds), initial(norm, seeds, gain), Curves()
    batches, noises, probing = (generators(s, seeds) for s in (BATCHES, NOISE, PROBE_NOISE))
    for step in range(steps):
        noise = probe_noise = None
        if norm == "noisy_batch":
            drawn = Noise(noises)
            noise = drawn.examples(BATCH, noises)
            probe_noise = drawn.examples(PROBE, probing) if measure and step in MOMENTS else None
        gradient = partial(gradients, batch=split.batch(batches, BATCH), norm=norm, noise=noise)
        loss, grads = gradient(layers)
        if step in MOMENTS:
            measured.note(step, loss=loss, grad_norm=length(grads), **tested(layers, split, norm))
            if measure:
                x = split.train[0][:, :PROBE]
                look = partial(_seen, x=x, norm=norm, noise=probe_noise)
                measured.note(step, **at_equal_shares(layers, grads, gradient, look))
        layers = moved(layers, grads, lr)
    measured.note(steps, **tested(layers, split, norm))
    return measured


def tested(layers, split, norm):
    """Loss and accuracy on the test images, as `evaluate` gives them."""
    loss, accuracy = evaluate(layers, split, norm)
    return {"test_loss": loss, "test_accuracy": accuracy}


def _seen(layers, x, norm, noise):
    return forward(layers, x, norm, noise)[1]


def record(arm, seeds, steps=STEPS):
    """Train one stack and make a Run of each of its networks."""
    measure = arm["gain"] == MEASURED["gain"] and arm["lr"] in MEASURED["lr"]
    measured = train(**arm, seeds=seeds, steps=steps, measure=measure)
    model = {"norm": arm["norm"], "gain": arm["gain"], "n_layer": N_LAYER, "width": WIDTH}
    training = {"lr": arm["lr"], "steps": steps, "batch_size": BATCH, "optimizer": "sgd"}
    yield from runs_of(measured, seeds, model, training)


def show(runs):
    """Test accuracy in percent of each arm at each scale, worst to best seed; x: diverged."""
    for norm in NORMS:
        for gain in GAINS:
            print(f"\n{norm}, weights x {gain:.2f}")
            for lr in RATES:
                some = runs.filter(norm=norm, gain=gain, lr=lr)
                ends = [run.probes["test_accuracy"]["values"][-1] for run in some]
                kept = sorted(100 * a for a, r in zip(ends, some, strict=True) if not r.diverged)
                lost = len(some) - len(kept)
                print(f"  {lr:8g}", *(f"{a:5.1f}" for a in kept), "x" * lost)


if __name__ == "__main__":
    runs = recorded(NAME, record, ARMS, [SEEDS], source)
    for run in runs:
        del run.probes["test_loss"]  # with it the file would be too large
    show(publish(NAME, runs))
