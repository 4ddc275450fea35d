"""One forward and one backward for every norm, in blocks that stay in cache.

Textbook NumPy passes over the whole array a dozen times, and each pass waits for memory. Here a
pass runs over one block, so only the first pass waits, and BLAS takes what it can: sums are dot
products, rows of the gradient are small matrix products.

All norms are one. A layout views an array as (…free axes, …shared axes): one mean and variance
for each index of the free axes. A block has the shape (…free axes, A, S); weight and bias differ
along A and are the same along S. Tokens have A = features, S = 1; images A = channels, S = pixels.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

BLOCK_BYTES = 768 * 1024  # of large arrays; the scratch is three blocks
SMALL_BYTES = 128 * 1024  # between these, a quarter of x, so that the scratch is smaller than x
RUN = 6144  # numbers that one inner loop of NumPy passes over, where rows can be joined


class Statistics(NamedTuple):
    """The mean, which is `mean` + `rest` (or None without centering), and the variance.

    A mean of 10⁴ in one float32 would be too coarse for entries with a spread of 1.
    """

    mean: np.ndarray | None
    rest: np.ndarray | None
    var: np.ndarray


def compute_dtype(dtype):
    """Half precision is computed in float32, as PyTorch does; anything else in its own dtype.

    In the byte order of this machine, in which arithmetic is done.
    """
    return np.promote_types(dtype, np.float32)


def apply(x, layout, free, weight, bias, eps, center=True, known=None):
    """Return y, its vjp and the statistics, which are measured unless they are `known`.

    `layout` maps an array of x's shape to a view with `free` free axes. `weight` and `bias` are
    None or have the shape (1, groups, A, 1), beside two free axes.
    """
    view, y = layout(x), np.empty(x.shape, x.dtype)
    dtypes = [None if p is None else p.dtype for p in (weight, bias)]
    dtype = compute_dtype(x.dtype)
    weight, bias = (None if p is None else p.astype(dtype, copy=False) for p in (weight, bias))
    statistics = forward(view, layout(y), free, weight, bias, eps, center, known)

    def vjp(dy):
        dx = np.empty(x.shape, x.dtype)
        fixed = known is not None
        args = layout(dy), view, layout(dx), free, weight, bias, eps, statistics, fixed
        gradients = zip(backward(*args), dtypes, strict=True)
        with np.errstate(all="ignore"):  # float16 may overflow
            return dx, *(None if g is None else g.astype(dtype) for g, dtype in gradients)

    return y, vjp, statistics


def forward(x, y, free, weight, bias, eps, center, known):
    """Write the normalized x to y and return the statistics."""
    dtype = compute_dtype(x.dtype)
    statistics = known or _no_statistics(x.shape[:free], dtype, center)
    mean, rest = _center_of(statistics) if known else (None, None)
    factor, summand = _outer_factor(weight), joined(bias, x)
    with np.errstate(all="ignore"):  # nan and inf pass through in silence, as in PyTorch
        for block, shape in _blocks(x, free, weight, bias):
            z = space(y, block, shape, dtype)
            source = _load(x, block, z)
            if known is None:
                source = _measure(source, z, block, statistics)
            elif center:
                source = _centered(source, z, block, mean, rest)
            rstd = 1 / np.sqrt(statistics.var[block] + dtype.type(eps))
            by_rows(np.multiply, source, _scale(rstd, factor, block), z)
            if bias is not None:
                by_features(np.add, z, summand, block, z)
            store(y, block, z)
            del z, source  # before the next block takes as much
    return statistics


def backward(dy, x, dx, free, weight, bias, eps, statistics, fixed):
    """Write the gradient of x to dx and return those of weight and bias.

    `fixed` statistics do not depend on x.
    """
    dtype = compute_dtype(x.dtype)
    # Sums over many blocks: in float64, so that the number of blocks does not matter.
    total = np.promote_types(dtype, np.float64)
    dweight = None if weight is None else np.zeros(weight.shape, total)
    dbias = None if bias is None else np.zeros(bias.shape, total)
    mean, rest = _center_of(statistics)
    planes, factor = np.empty((2 if mean is None else 3, 0), dtype), joined(weight, x)
    with np.errstate(all="ignore"):
        rstds = 1 / np.sqrt(statistics.var + dtype.type(eps))
        ones, shares = np.ones_like(rstds), rstds / dtype.type(-math.prod(x.shape[free:]))
        for block, shape in _blocks(x, free, weight, bias):
            if planes.shape[1:] != shape:
                planes = np.ones((len(planes), *shape), dtype)
            scaled, z = planes[:2]
            g, source = _load(dy, block, scaled), _load(x, block, z)
            if mean is not None:
                _centered(source, z, block, mean, rest)
            elif source is not z:
                z[...] = source
            t, rstd, tokens = space(dx, block, shape, dtype), rstds[block], shape[-1] == 1
            along, plain = (np.multiply(g, z, out=t), g) if tokens else (dot(g, z), dot(g))
            if weight is not None:
                _add_over_samples(dweight, block, along, rstd)
            if bias is not None:
                _add_over_samples(dbias, block, plain, ones[block])
            if fixed:
                by_rows(np.multiply, g, _scale(rstd, weight, block), t)
            else:
                # dx = rstd·w g − rstd·x̂·mean(w g x̂) − rstd·mean(w g)
                w = None if weight is None else _piece(weight, block).swapaxes(-1, -2)
                along = dot(along.swapaxes(-1, -2), w) * shares[block]
                factors = [rstd, along * rstd * rstd]  # in this order: rstd³ alone can overflow
                if mean is not None:
                    factors.append(dot(plain.swapaxes(-1, -2), w) * shares[block])
                if weight is not None and tokens:
                    by_features(np.multiply, g, factor, block, scaled)
                else:
                    factors[0] = _scale(rstd, weight, block)
                    if g is not scaled:
                        scaled[...] = g
                _combine(factors, planes, t)
            store(dx, block, t)
            del g, source, t, along, plain
    return dweight, dbias


def _combine(factors, planes, out):
    """Write to out the sum of planes times factors, of which there is one for each row.

    One small matrix product for each row takes the place of five passes.
    """
    if out.shape[-1] == 1:
        planes, out = planes.swapaxes(-1, -2), out.swapaxes(-1, -2)
    stacked = np.empty((*out.shape[:-1], 1, len(factors)), out.dtype)
    for i, f in enumerate(factors):
        stacked[..., 0, i] = f[..., 0]
    rows = planes.transpose(*range(1, out.ndim), 0, out.ndim)
    np.matmul(stacked, rows, out=out[..., np.newaxis, :])


def _no_statistics(shape, dtype, center):
    shape = (*shape, 1, 1)
    mean, rest = (np.empty(shape, dtype), np.zeros(shape, dtype)) if center else (None, None)
    return Statistics(mean, rest, np.empty(shape, dtype))


def _measure(source, z, block, statistics):
    """Fill in the statistics of a block and return it centered. Never by E[x²] − E[x]²."""
    mean, rest, var = statistics
    rows = (*source.shape[:-2], 1, -1)
    count = source.dtype.type(source.shape[-2] * source.shape[-1])
    if mean is None:
        var[block] = dot(source.reshape(rows), source.reshape(rows)) / count
        return source
    mean[block] = m = dot(source.reshape(rows)) / count
    by_rows(np.subtract, source, m, z)
    flat = z.reshape(rows)
    v = dot(flat, flat) / count
    # Rounding the mean matters only where it is large beside the spread.
    coarse = abs(m * m) > abs(16 * v)
    if coarse.any():
        rest[block] = left = np.where(coarse, dot(flat) / count, 0)
        z -= left
        v = dot(flat, flat) / count
    var[block] = v
    return z


def _center_of(statistics):
    """The mean, and the rest unless it is zero everywhere."""
    mean, rest, _ = statistics
    return mean, rest if mean is not None and rest.any() else None


def _centered(source, z, block, mean, rest):
    by_rows(np.subtract, source, mean[block], z)
    if rest is not None:
        z -= rest[block]
    return z


def dot(a, b=None):
    """Sum a * b over the last axis; b defaults to ones. Not conjugated, for the complex step.

    One dot product for each row, so that no row depends on its neighbors in the block.
    """
    b = np.ones(a.shape[-1], a.dtype) if b is None else b
    return np.vecdot(a.conj(), b)[..., np.newaxis]


def _add_over_samples(total, block, values, factors):
    """Add to `total`, of shape (1, groups, A, 1), the sum of values * factors over samples."""
    added = factors[..., 0].transpose(1, 2, 0) @ values[..., 0].swapaxes(0, 1)
    total[0, block[1]] += added.swapaxes(-1, -2)


def _blocks(x, free, weight, bias):
    """Cut the free axes, outermost first, into pieces: index and shape."""
    if x.size == 0:
        return
    parameter = bias if weight is None else weight
    inner = 1 if parameter is None else parameter.shape[-2]
    size, steps = x.nbytes, []
    most = min(BLOCK_BYTES, max(SMALL_BYTES, size // 4))
    for n in x.shape[:free]:
        size //= n
        steps.append(min(n, max(1, most // max(size, 1))))
        size *= steps[-1]
    tail = (inner, math.prod(x.shape[free:]) // inner)
    cuts = [
        [slice(i, min(i + step, n)) for i in range(0, n, step)]
        for n, step in zip(x.shape[:free], steps, strict=True)
    ]
    for block in itertools.product(*cuts):
        yield block, (*(s.stop - s.start for s in block), *tail)


def _load(x, block, scratch):
    """A block in the shape and dtype of the scratch: x itself, or a copy in the scratch."""
    piece = x[block]
    if piece.flags.c_contiguous and piece.dtype == scratch.dtype:
        return piece.reshape(scratch.shape)
    scratch.reshape(piece.shape)[...] = piece
    return scratch


def space(y, block, shape, dtype):
    """Where a block of y is computed: in y itself, unless the layout or the dtype is another."""
    piece = y[block]
    fits = piece.flags.c_contiguous and piece.dtype == dtype
    return piece.reshape(shape) if fits else np.empty(shape, dtype)


def store(y, block, z):
    """Copy a block that was computed apart to its place."""
    if not np.may_share_memory(y, z):
        y[block] = z.reshape(y[block].shape)


def _outer_factor(weight):
    """If all samples share the weight: it above ones. Then (rstd, 0) @ this is the outer product.

    BLAS writes it in the time of a copy, broadcasting in three times that. A single column instead
    of two would go to a slow loop.
    """
    if weight is None or weight.shape[1] > 1:
        return weight
    return np.stack([weight.reshape(-1), np.ones(weight.size, weight.dtype)])


def _scale(rstd, factor, block):
    """The product of rstd and the weight, which may be None or an `_outer_factor`."""
    if factor is None:
        return rstd
    if factor.ndim > 2:
        return rstd * _piece(factor, block)
    pairs = np.zeros((len(rstd), 2), rstd.dtype)
    pairs[:, 0] = rstd[:, 0, 0, 0]
    return (pairs @ factor)[:, np.newaxis, :, np.newaxis]


def by_rows(operation, source, values, out):
    """Write operation(source, values) to out, with one of the values for each row.

    NumPy is slow with a row, a number and a third array. Two passes are faster than that one.
    """
    if source is out or values.shape == out.shape:
        operation(source, values, out=out)
    else:
        out[...] = values
        operation(source, out, out=out)


def by_features(operation, source, parameter, block, out):
    """Write operation(source, parameter) to out, for a parameter that may be `joined`."""
    if parameter.ndim > 1:
        operation(source, _piece(parameter, block), out=out)
        return
    source, out = source.reshape(-1), out.reshape(-1)
    run = parameter.size
    end = out.size // run * run
    operation(source[:end].reshape(-1, run), parameter, out=out[:end].reshape(-1, run))
    if end < out.size:
        operation(source[end:], parameter[: out.size - end], out=out[end:])


def joined(parameter, x):
    """A parameter of shape (1, groups, A, 1), repeated for RUN numbers where x has short rows.

    NumPy starts its inner loop anew for every row, which takes as long as hundreds of numbers.
    """
    row = 0 if parameter is None or x.size == 0 else parameter.size
    if not 0 < row <= RUN // 4 or x.size // len(x) != row:
        return parameter
    return np.tile(parameter.reshape(-1), RUN // row)


def _piece(parameter, block):
    """The part of a parameter of shape (1, groups, A, 1) that belongs to a block."""
    return parameter[:, block[1] if parameter.shape[1] > 1 else slice(None)]
