"""The inputs on which two implementations are compared, and how close they must come.

Easy inputs hide mistakes. With weight 1 and bias 0 a forgotten weight is right; with mean 0 a
forgotten mean is; with eps = 1e-5 a misplaced one is; with equal axes a wrong axis is.
"""

import numpy as np

EPS = (1e-12, 1e-5, 0.1)


def tolerance(dtype):
    """The largest difference allowed between two results, relative to their size."""
    return {"float64": 1e-10, "float32": 1e-5, "float16": 2e-3}[np.dtype(dtype).name]


def token_probes():
    """Yield (label, x, weight, bias, eps, allowed) for norms of the last axis, with random affine.

    `allowed` is the largest difference between two good implementations, relative to the result.
    """
    rng = np.random.default_rng([1607, 6450])

    def draw(*shape, mean=2.0, sd=3.0):
        return rng.normal(mean, sd, shape)

    affine = draw(6, mean=1.0, sd=1.0), draw(6, mean=0.0, sd=1.0)
    single = [a.astype(np.float32) for a in affine]
    double_allowed, single_allowed = tolerance(np.float64), tolerance(np.float32)
    for eps in EPS:
        yield f"eps = {eps:g}", draw(3, 4, 6), *affine, eps, double_allowed
    for label, x in (
        ("one token", draw(6)),
        ("spread like √eps", 2.0 + draw(3, 4, 6, mean=0.0, sd=0.003)),
        ("equal features", np.broadcast_to(draw(3, 4, 1), (3, 4, 6)).copy()),
        ("not contiguous", draw(6, 4, 3).T[:, ::2]),
    ):
        yield label, x, *affine, 1e-5, double_allowed
    yield "float32", draw(3, 4, 6).astype(np.float32), *single, 1e-5, single_allowed
    # Rounding the mean of 10⁴ costs two passes up to 1e-3; one pass has no digit left.
    large = draw(3, 4, 6, mean=1e4, sd=1.0).astype(np.float32)
    yield "float32, mean 10⁴", large, *single, 1e-5, 2e-2


def channel_probes(positions):
    """Yield the same for norms of (N, C, *) with six channels; (N, C) too unless `positions`."""
    rng = np.random.default_rng([1803, 8494])

    def draw(*shape, mean=2.0, sd=3.0):
        return rng.normal(mean, sd, shape)

    affine = draw(6, mean=1.0, sd=1.0), draw(6, mean=0.0, sd=1.0)
    single = [a.astype(np.float32) for a in affine]
    double_allowed, single_allowed = tolerance(np.float64), tolerance(np.float32)
    if not positions:
        yield "(N, C)", draw(4, 6), *affine, 1e-5, double_allowed
    for eps in EPS:
        yield f"(N, C, L), eps = {eps:g}", draw(4, 6, 5), *affine, eps, double_allowed
    for label, x in (
        ("(N, C, H, W)", draw(2, 6, 3, 4)),
        ("(N, C, D, H, W)", draw(2, 6, 3, 2, 4)),
        ("one sample", draw(1, 6, 5)),
        ("spread like √eps", 2.0 + draw(4, 6, 5, mean=0.0, sd=0.003)),
        ("equal channels", np.broadcast_to(draw(6, 1), (4, 6, 5)).copy()),
        ("channels last in memory", draw(2, 3, 4, 6).transpose(0, 3, 1, 2)),
    ):
        yield label, x, *affine, 1e-5, double_allowed
    yield "float32", draw(4, 6, 5).astype(np.float32), *single, 1e-5, single_allowed
    large = draw(4, 6, 5, mean=1e4, sd=1.0).astype(np.float32)
    yield "float32, mean 10⁴", large, *single, 1e-5, 2e-2


def axis_probes():
    """Yield (label, x, axis, center, eps, allowed) for the operator under all norms."""
    rng = np.random.default_rng([1607, 8022])

    def draw(*shape, mean=2.0, sd=3.0):
        return rng.normal(mean, sd, shape)

    double_allowed = tolerance(np.float64)
    for eps in EPS:
        yield f"last axis, eps = {eps:g}", draw(3, 4, 6), -1, True, eps, double_allowed
    for label, x, axis, center in (
        ("last axis, mean kept", draw(3, 4, 6), -1, False),
        ("axes 1 and 2", draw(3, 4, 6), (1, 2), True),
        ("axes 0 and 2", draw(4, 6, 5), (0, 2), True),
        ("axes 2 and 3", draw(2, 6, 3, 4), (2, 3), True),
    ):
        yield f"{label}, eps = 0.1", x, axis, center, 0.1, double_allowed
    for label, x in (
        ("spread like √eps", 2.0 + draw(4, 6, 5, mean=0.0, sd=0.003)),
        ("equal numbers", np.broadcast_to(draw(6, 1), (4, 6, 5)).copy()),
        ("not contiguous", draw(5, 6, 8).T[::2]),
    ):
        yield label, x, -1, True, 1e-5, double_allowed
    yield "float32", draw(3, 4, 6).astype(np.float32), -1, True, 1e-5, tolerance(np.float32)
    large = draw(3, 4, 6, mean=1e4, sd=1.0).astype(np.float32)
    yield "float32, mean 10⁴", large, -1, True, 1e-5, 2e-2
