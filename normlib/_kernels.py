"""The forward and the backward of every norm, block by block.

Rows. A norm brings sets of numbers to mean 0 and variance 1. Here such a set is a row: a layout
views the array as (N, G, A, S), and x[n, g], of A · S numbers, is a row.

    layer norm, RMS norm    (tokens, 1, features, 1)
    group norm              (samples, groups, channels of a group, positions)
    instance norm           (samples, channels, 1, positions)
    batch norm              (1, channels, samples, positions): the first two axes of x swapped

Mean and variance have the shape (N, G, 1, 1), weight and bias (1, G, F, 1), where F is A, or 1 if a
whole row has the same.

Over samples. Batch norm has a second layout, (samples, 1, channels, positions), for channels that
are single numbers or larger than a block: to gather these takes longer than the norm. Here each
feature has a mean and a variance over the samples, of the shape of the weight. They are measured in
a pass of their own (`measure_samples`), and so are the two sums in the gradient of x. Running
statistics have the shape of the weight, too.

Blocks. NumPy does one operation at a time, and textbook code passes over the array a dozen times.
If the array is larger than the cache, every pass waits for memory. So it is cut into blocks of
whole rows, small enough for the cache, and all operations are done on one block before the next:
only the first waits. No row needs another, so y and dx are the same for any cuts; the gradients of
weight and bias are sums over the blocks.

Within a block the code is the formula, with two cares. Results are computed where they will stay
(`_room`), and sums are dot products of BLAS (`dot`), about three times as fast as `np.sum`.
"""

import contextlib
import itertools
import math
from typing import NamedTuple

import numpy as np

BLOCK_BYTES = 768 * 1024  # of large arrays
SMALL_BYTES = 128 * 1024  # between these, a quarter of x, so that the scratch is smaller than x
BUFFER = 512  # numbers; see `_settings`


class Statistics(NamedTuple):
    """The mean and variance of each row, or of each feature.

    A mean of 10⁴ in one float32 is too coarse for entries with a spread of 1. So the mean is
    `mean` + `rest`; the rest is None where it is zero, the mean too where nothing is centered.
    """

    mean: np.ndarray | None
    rest: np.ndarray | None
    var: np.ndarray
    over: str = "row"  # or "samples", or "past": of other data, so that x does not move them


def compute_dtype(dtype):
    """Half precision is computed in float32, as PyTorch does; anything else in its own dtype.

    In the byte order of this machine, in which arithmetic is done.
    """
    return np.promote_types(dtype, np.float32)


def apply(x, layout, weight, bias, eps, center=True, known=None):
    """Return y, its vjp and the statistics, which are measured in each row unless `known`.

    `layout` maps an array of x's shape to its view as (N, G, A, S).
    """
    rows, y, dtype = layout(x), np.empty(x.shape, x.dtype), compute_dtype(x.dtype)
    groups, parameter = rows.shape[1], bias if weight is None else weight
    features = 1 if parameter is None else parameter.size // max(groups, 1)
    shape = known.var.shape if known else (1, groups, features, 1)
    with _settings(rows, parts=shape[2]):
        w = np.ones(shape, dtype) if weight is None else weight.astype(dtype).reshape(shape)
        b = None if bias is None else bias.astype(dtype).reshape(shape)
        eps = dtype.type(eps)
        statistics = forward(rows, layout(y), w, b, eps, center, known)

    def vjp(dy):
        dx = np.empty(x.shape, x.dtype)
        with _settings(rows, parts=1):
            rstd = 1 / np.sqrt(statistics.var + eps)
            dw, db = backward(layout(dy), rows, layout(dx), w, statistics, rstd)
            dweight = None if weight is None else dw.astype(weight.dtype).reshape(weight.shape)
            dbias = None if bias is None else db.astype(bias.dtype).reshape(bias.shape)
        return dx, dweight, dbias

    return y, vjp, statistics


def forward(x, y, weight, bias, eps, center, known):
    """Write the normalized x to y and return the statistics."""
    mean, rest, var = np.zeros((3, *x.shape[:2], 1, 1), weight.dtype)
    statistics = known or Statistics(mean if center else None, rest, var)
    for block in _blocks(x):
        z = _room(y[block], weight.dtype)  # for x − mean at first, then for y
        source = _load(x[block], z)
        if known:
            centered = _center(source, block, known, out=z)
        elif center:
            centered, mean[block], rest[block], var[block] = _measure(source, out=z)
        else:
            centered, var[block] = source, dot(source, source) / math.prod(x.shape[2:])
        rstd = 1 / np.sqrt(_part(statistics.var, block) + eps)
        np.multiply(centered, rstd * _part(weight, block), out=z)
        if bias is not None:
            z += _part(bias, block)
        y[block] = z  # nothing moves where z is that part of y
    if not known and not rest.any():
        statistics = statistics._replace(rest=None)
    return statistics


def backward(dy, x, dx, weight, statistics, rstd):
    """Write the gradient of x to dx and return those of weight and bias."""
    dtype, centered, over = weight.dtype, statistics.mean is not None, statistics.over
    # Sums over many blocks: in float64, so that the number of blocks does not matter.
    dweight, dbias = np.zeros((2, *weight.shape), np.promote_types(dtype, np.float64))

    def load(block):
        """The gradient g of y, and z = x − mean."""
        g, source = (np.ascontiguousarray(a[block], dtype) for a in (dy, x))
        return g, _center(source, block, statistics) if centered else source

    def add(block, g, z):
        """Sum g x̂ and g over positions, and add the sums to the gradients."""
        along, plain = dot(g, z, parts=weight.shape[2]), dot(g, parts=weight.shape[2])
        along *= _part(rstd, block)
        dweight[:, block[1]] += _over_samples(along)
        dbias[:, block[1]] += _over_samples(plain)
        return along, plain

    def mean(sums, w):
        """The mean of w g x̂ or w g, from the sums without w."""
        if over == "samples":
            return w * sums / (len(x) * x.shape[3])
        return dot(sums, w) / math.prod(x.shape[2:])

    if over == "samples":  # every number of dx depends on the sums over all blocks
        for block in _blocks(x):
            add(block, *load(block))
        totals = dweight.astype(dtype), dbias.astype(dtype)
    for block in _blocks(x):
        g, z = load(block)
        w, r = _part(weight, block), _part(rstd, block)
        if over == "samples":
            along, plain = (_part(total, block) for total in totals)
        else:
            along, plain = add(block, g, z)
        # dx = rstd (w g − x̂ mean(w g x̂) − mean(w g)), where x̂ = rstd z
        d = np.multiply(g, w, out=_room(dx[block], dtype))
        if over != "past":
            d -= z * (r * mean(along, w))
            if centered:
                d -= mean(plain, w)
        d *= r
        dx[block] = d
    return dweight, dbias


def measure_samples(x):
    """The statistics of each feature over all samples, from those of each block of samples.

    In two passes, and never as E[x²] − E[x]². x has the shape (N, 1, A, S).
    """
    dtype = compute_dtype(x.dtype)
    total = np.promote_types(dtype, np.float64)
    means, variances, counts = [], [], []
    with _settings(x, parts=x.shape[2]):
        for block in _blocks(x):
            source = np.ascontiguousarray(x[block], dtype)
            count = len(source) * x.shape[3]
            mean = _over_samples(dot(source, parts=x.shape[2])) / count
            z = source - mean
            # What the mean missed: float32 adds up thousands of samples one by one.
            rest = _over_samples(dot(z, parts=x.shape[2])).astype(total) / count
            square = _over_samples(dot(z, z, parts=x.shape[2])).astype(total) / count
            means.append(mean + np.where(np.isnan(rest), 0, rest))
            variances.append(square - rest**2)
            counts.append(len(source))
        means, variances = np.concatenate(means), np.concatenate(variances)
        shares = (np.array(counts) / len(x)).reshape(-1, 1, 1, 1)
        exact = (shares * means).sum(0, keepdims=True)
        # The variance is that within the blocks and that between them.
        var = (shares * (variances + (means - exact) ** 2)).sum(0, keepdims=True).astype(dtype)
        mean = exact.astype(dtype)
        coarse = _coarse(mean, var) & np.isfinite(exact)
        rest = np.where(coarse, exact - mean, 0).astype(dtype) if coarse.any() else None
    return Statistics(mean, rest, var, "samples")


def _measure(source, out):
    """Write source − mean to `out`; return that, the mean, its rest and the variance of each row.

    In two passes, and never as E[x²] − E[x]².
    """
    count = math.prod(source.shape[2:])
    mean, rest = dot(source) / count, 0
    z = np.subtract(source, mean, out=out)
    var = dot(z, z) / count
    coarse = _coarse(mean, var)
    if coarse.any():
        rest = np.where(coarse, dot(z) / count, 0)
        z -= rest
        var = dot(z, z) / count
    return z, mean, rest, var


def _coarse(mean, var):
    """Rounding the mean matters only where it is large beside the spread."""
    return abs(mean * mean) > abs(16 * var)


def _center(source, block, statistics, out=None):
    """Source − mean, in `out` or in new memory."""
    z = np.subtract(source, _part(statistics.mean, block), out=out)
    if statistics.rest is not None:
        z -= _part(statistics.rest, block)
    return z


def dot(a, b=None, parts=1):
    """Sum a * b over each row, or over each of its equal parts; b defaults to ones.

    One dot product each, so that no row depends on its neighbors in the block. Not conjugated, for
    the complex step.
    """
    n, groups = a.shape[:2]
    if a.size == n * groups * parts:
        return a if b is None else a * b
    a = a.reshape(n, groups, parts, -1)
    b = np.ones(a.shape[3], a.dtype) if b is None else b.reshape(len(b), groups, parts, -1)
    return np.vecdot(a.conj(), b)[..., np.newaxis]


def _over_samples(a):
    """The sum over the first axis, by BLAS."""
    sums = np.ones(len(a), a.dtype) @ a.reshape(len(a), -1)
    return sums.reshape(1, *a.shape[1:])


def _blocks(x):
    """The indices of blocks of whole rows: many samples, or some groups of one."""
    if x.size == 0:
        return []
    n, groups = x.shape[:2]
    row = x.nbytes // (n * groups)
    most = min(BLOCK_BYTES, max(SMALL_BYTES, x.nbytes // 4))
    samples = max(1, most // (row * groups))
    some = min(groups, max(1, most // row))
    return itertools.product(_cuts(n, samples), _cuts(groups, some))


def _cuts(size, step):
    return [slice(i, i + step) for i in range(0, size, step)]


def _part(values, block):
    """The part of statistics, weight or bias that belongs to a block."""
    samples, groups = block
    return values[samples, groups] if len(values) > 1 else values[:, groups]


def _room(y, dtype):
    """Where a block is computed: in y itself, unless it is scattered or of another dtype."""
    return y if y.flags.c_contiguous and y.dtype == dtype else np.empty(y.shape, dtype)


def _load(x, room):
    """The block x itself, or, where it is scattered or of another dtype, a copy in the room."""
    if x.flags.c_contiguous and x.dtype == room.dtype:
        return x
    room[...] = x
    return room


@contextlib.contextmanager
def _settings(x, parts):
    """How NumPy is set while it computes; afterwards it is as before.

    Numbers or rows that NumPy broadcasts are copied to a buffer of 8192 numbers, again and again,
    as long as they meet at most half as many in a row (numpy/numpy#17471). From hundreds on, this
    takes longer than the arithmetic; a small buffer prevents it. Most operations go over a whole
    row with one number, or over `parts` of it with one number each.
    """
    run = x.shape[2] if x.shape[3] == 1 else x.shape[2] * x.shape[3] // max(parts, 1)
    with np.errstate(all="ignore"):  # nan and inf pass through in silence, as in PyTorch
        if run > BUFFER // 2:
            np.setbufsize(BUFFER)
        yield
