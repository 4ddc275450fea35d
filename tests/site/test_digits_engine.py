"""The networks that read digits in the page are those of the study of covariate shift."""

import numpy as np
import pytest
import torch

import _digits
import _shift_measures

DIGITS = """({ norm, wasm, weights, batches, shift, factor, lr, train, test }) => {
    const model = lab.createDigits(lab.createNumbers({ wasm }), { norm }, 0), losses = [];
    lab.write(model, weights);
    model.noise.forEach((place, l) => {
        model.F.set(shift[l], place.shift);
        model.F.set(factor[l], place.factor);
    });
    function look() {
        model.forward(lab.floats(batches[0][0]), true);
        return lab.unitsOf(model, 64);
    }
    const before = look();
    let measured;
    for (const [pixels, labels] of batches) {
        const images = lab.floats(pixels);
        losses.push(model.gradient(images, labels));
        if (losses.length === 1) {
            const grads = lab.read(model, "grad"), kept = JSON.stringify(lab.read(model));
            const change = lab.gradientShift(model, images, labels, lr);
            const range = lab.lossRange(model, images, labels);
            measured = { grads, change, range, same: kept === JSON.stringify(lab.read(model)) };
        }
        model.move(lr);
    }
    const moved = lab.driftOf(before, look());
    const set = ([images, labels]) => ({ images: lab.floats(images), labels });
    return { losses, moved, ...measured, ...model.evaluate(set(train), set(test)) };
}"""


def named(layers, norm):
    """Parameters of the study's network of one seed, by the page's names."""
    found = {}
    for i, (weight, shift, *scale) in enumerate(layers):
        found[f"{i}.weight"] = weight[0].flatten().tolist()
        normed = norm != "none" and i < _digits.N_LAYER
        found[f"{i}.norm.bias" if normed else f"{i}.bias"] = shift[0].flatten().tolist()
        if scale:
            found[f"{i}.norm.weight"] = scale[0][0].flatten().tolist()
    return found


def both(x, y):
    return [x[0].flatten().tolist(), y[0].flatten().tolist()]


@pytest.mark.parametrize(
    ("norm", "wasm"),
    [
        ("layer", True),
        ("batch", False),
        *(
            pytest.param(norm, True, marks=pytest.mark.slow)
            for norm in ("none", "batch", "noisy_batch")
        ),
        pytest.param("layer", False, marks=pytest.mark.slow),
    ],
)
def test_a_network_reads_digits_as_in_the_study(lab, norm, wasm):
    lr, split, layers = 0.1, _digits.Split.of([0]), _digits.initial(norm, [0])
    draws = _digits.generators(_digits.BATCHES, [0])
    batches = [split.batch(draws, 64) for _ in range(30)]
    noisy = _digits.generators(_digits.NOISE, [0])
    noise = _digits.Noise(noisy).examples(64, noisy) if norm == "noisy_batch" else None
    given = {"norm": norm, "wasm": wasm, "weights": named(layers, norm), "lr": lr}
    shift, factor = noise or (torch.zeros(1, 8, 64, 64), torch.ones(1, 8, 64, 64))
    given |= {"shift": [x.flatten().tolist() for x in shift[0]]}
    given |= {"factor": [x.flatten().tolist() for x in factor[0]]}
    given |= {"batches": [both(*batch) for batch in batches]}
    given |= {"train": both(*split.train), "test": both(*split.test)}
    got = lab.evaluate(DIGITS, given)
    assert got["same"]  # a measure leaves the weights as they were

    probe, losses = batches[0][0], []
    before = _digits.forward(layers, probe, norm, noise)[1]
    for step, batch in enumerate(batches):

        def gradient(where, batch=batch):
            return _digits.gradients(where, batch, norm, noise)

        loss, grads = gradient(layers)
        losses.append(loss.item())
        if step == 0:
            for name, expected in named(grads, norm).items():
                error = np.linalg.norm(np.subtract(got["grads"][name], expected))
                assert error < 1e-4 * np.linalg.norm(expected), name
            changed = _shift_measures.gradient_shift(layers, grads, gradient, lr)
            assert got["change"] == pytest.approx(changed["gradient_shift"][0].tolist(), rel=1e-3)
            along = _shift_measures.along_the_gradient(layers, grads, gradient)
            assert got["range"] == pytest.approx(along["loss_range"].item(), rel=1e-3)
        layers = _digits.moved(layers, grads, lr)
    assert got["losses"] == pytest.approx(losses, abs=1e-3)
    pairs = zip(before, _digits.forward(layers, probe, norm, noise)[1], strict=True)
    moved = [_shift_measures.drift(*pair)["drift_mean"].item() for pair in pairs]
    assert got["moved"] == pytest.approx(moved, rel=1e-2)
    loss, accuracy = _digits.evaluate(layers, split, norm)
    assert got["loss"] == pytest.approx(loss.item(), rel=1e-3)
    assert got["accuracy"] == pytest.approx(accuracy.item(), abs=0.004)


def test_the_noise_is_that_of_the_study(lab):
    code = """() => {
        const model = lab.createDigits(lab.createNumbers({}), { norm: "noisy_batch" }, 0);
        lab.drawNoise(model, lab.drawUnits(lab.chance(1), 8 * 64), 300, lab.chance(2), 1);
        const drawn = (at) => [...model.F.subarray(at, at + 300 * 64)];
        return model.noise.map(({ shift, factor }) => [drawn(shift), drawn(factor)]);
    }"""
    drawn = np.array(lab.evaluate(code)).reshape(8, 2, 300, 64)
    of_units, within = drawn.mean(2), drawn.std(2)
    generators = _digits.generators(_digits.NOISE, [0])
    shift, factor = _digits.Noise(generators).examples(300, generators)
    for mine, theirs in ((drawn[:, 0], shift[0].numpy()), (drawn[:, 1], factor[0].numpy())):
        assert mine.mean() == pytest.approx(theirs.mean(), abs=0.05)
        assert mine.mean(1).std() == pytest.approx(theirs.mean(1).std(), rel=0.1)
        assert mine.std(1).mean() == pytest.approx(theirs.std(1).mean(), rel=0.02)
    assert np.abs(of_units[:, 0]).max() < 0.55  # uniform, so within bounds
    assert within.std() < 0.02


@pytest.mark.parametrize("norm", ["batch", "noisy_batch", "layer"])
def test_larger_weights_and_their_rate_move_alike_to_the_digit(lab, norm):
    code = """(norm) => [1, 4].map((gain) => {
        const config = { norm, gain, share: gain ** 2, eps: 0 };
        const model = lab.createDigits(lab.createNumbers({}), config, 0);
        const rng = lab.chance(9), labels = Uint8Array.from({ length: 64 }, () => rng.below(10));
        const images = Float32Array.from({ length: 64 * 64 }, () => rng.normal());
        lab.drawNoise(model, lab.drawUnits(rng, 512), 64, rng, 1);
        return Array.from({ length: 40 }, () => {
            const loss = model.gradient(images, labels);
            model.move(0.1);
            return loss;
        });
    })"""
    one, other = lab.evaluate(code, norm)
    assert one == other
    assert one[-1] < one[0] - 0.5


def test_a_histogram_counts_every_image_once(lab):
    code = """() => {
        const model = lab.createDigits(lab.createNumbers({}), { norm: "none" }, 0);
        const rng = lab.chance(1);
        model.forward(Float32Array.from({ length: 50 * 64 }, () => 9 * rng.normal()), false);
        const binned = { least: -6, wide: 0.5, bins: 24 };
        const unit = (at) => Array.from({ length: 50 }, (_, i) => model.F[at + i * 64 + 3]);
        return [model.seen().map(unit), [...lab.histogramsOf(model, 50, 3, binned)]];
    }"""
    seen, counts = lab.evaluate(code)
    edges = [-np.inf, *np.arange(-5.5, 6, 0.5), np.inf]
    expected = [np.histogram(row, edges)[0].tolist() for row in seen]
    assert np.reshape(counts, (8, 24)).tolist() == expected
