"""check_vjp finds every wrong gradient that we plant, and lets the right ones pass."""

import numpy as np
import pytest

import normlib as nl
from normlib.gradcheck import WrongGradient

rng = np.random.default_rng(0)
X, WEIGHT, BIAS = rng.normal(2, 3, (3, 4, 6)), rng.normal(size=6), rng.normal(size=6)


@pytest.mark.parametrize("seed", range(5))
def test_the_librarys_gradients_pass(seed):
    for arguments in (
        (nl.layer_norm_vjp, X, (6,), WEIGHT, BIAS),
        (nl.layer_norm_vjp, X, (4, 6), None, X[0], 0.1),
        (nl.rms_norm_vjp, X, (6,), WEIGHT),
        (nl.normalize_vjp, X, (0, 2)),
        (nl.normalize_vjp, X, None, False),
    ):
        assert nl.check_vjp(*arguments, seed=seed) < 1e-6


@pytest.mark.parametrize("seed", range(20))
def test_a_gradient_far_smaller_than_the_output_passes(seed):
    """Two numbers become −1 and 1, whatever they are: only ε lets them move."""
    x = np.random.default_rng(seed).normal(size=(2, 3))
    nl.check_vjp(nl.batch_norm_vjp, x, None, None, None, None, True, seed=seed)


def planted(change):
    """layer_norm_vjp with its three gradients changed."""

    def function(x, shape, weight, bias):
        y, vjp = nl.layer_norm_vjp(x, shape, weight, bias)
        return y, lambda dy: change(*vjp(dy))

    return function


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda dx, dw, db: (dx * 1.001, dw, db), "gradient of x is wrong"),
        (lambda dx, dw, db: (dx + 1e-4, dw, db), "gradient of x is wrong"),
        (lambda dx, dw, db: (dx, db, db), "gradient of weight is wrong"),
        (lambda dx, dw, db: (dx, dw, dw), "gradient of bias is wrong"),
        (lambda dx, dw, db: (dx, dw), "2 gradients for 3"),
        (lambda dx, dw, db: (dx, dw[None], db), "shape"),
        (lambda dx, dw, db: (dx * np.nan, dw, db), "gradient of x is wrong"),
    ],
)
def test_a_wrong_gradient_is_named(change, message):
    with pytest.raises(WrongGradient, match=message):
        nl.check_vjp(planted(change), X, (6,), WEIGHT, BIAS)


def test_the_complex_step_sees_what_a_central_difference_cannot():
    change = planted(lambda dx, dw, db: (dx * (1 + 1e-8), dw, db))
    nl.check_vjp(change, X, (6,), WEIGHT, BIAS, complex_step=False)
    with pytest.raises(WrongGradient, match="complex step"):
        nl.check_vjp(change, X, (6,), WEIGHT, BIAS)


def test_an_array_of_float64_is_asked_for():
    with pytest.raises(TypeError, match=r"float64.*x\.astype\(float\)"):
        nl.check_vjp(nl.layer_norm_vjp, X.astype(np.float32), (6,))


def test_the_arguments_stay_as_they_were():
    before = X.copy()

    def careless(x, shape, weight, bias):
        y, vjp = nl.layer_norm_vjp(x.copy(), shape, weight, bias)
        x += 1
        return y, vjp

    nl.check_vjp(careless, X, (6,), WEIGHT, BIAS)
    np.testing.assert_array_equal(X, before)
