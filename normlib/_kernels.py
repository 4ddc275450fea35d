"""One forward and one backward for every norm, in blocks that stay in cache.

Textbook NumPy passes over the whole array a dozen times, and each pass waits for memory. Here a
pass runs over one block, so only the first pass waits, and sums are dot products of BLAS.

All norms are one. A layout views an array as (…free axes, …shared axes): one mean and variance
for each index of the free axes. A block has the shape (…free axes, A, S); weight and bias differ
along A and are the same along S. Tokens have A = features, S = 1; images A = channels, S = pixels.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

BLOCK_BYTES = 384 * 1024
RUN = 6144  # numbers that one inner loop of NumPy passes over, where rows can be joined


class Statistics(NamedTuple):
    """The mean, which is `mean` + `rest` (or None without centering), and the variance.

    A mean of 10⁴ in one float32 would be too coarse for entries with a spread of 1.
    """

    mean: np.ndarray | None
    rest: np.ndarray | None
    var: np.ndarray


def compute_dtype(dtype):
    """Half precision is computed in float32, as PyTorch does; anything else in its own dtype."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


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
        return dx, *(None if g is None else g.astype(dtype) for g, dtype in gradients)

    return y, vjp, statistics


def forward(x, y, free, weight, bias, eps, center, known):
    """Write the normalized x to y and return the statistics."""
    dtype = compute_dtype(x.dtype)
    statistics = known or _no_statistics(x.shape[:free], dtype, center)
    factor, summand = joined(weight, x), joined(bias, x)
    with np.errstate(all="ignore"):  # nan and inf pass through in silence, as in PyTorch
        for block, shape in _blocks(x, free, weight, bias):
            z = space(y, block, shape, dtype)
            source = _load(x, block, z)
            if known is None:
                source = _measure(source, z, block, statistics)
            elif center:
                source = _centered(source, z, block, statistics)
            rstd = 1 / np.sqrt(statistics.var[block] + dtype.type(eps))
            _scale(source, rstd, factor, block, z)
            if bias is not None:
                by_features(np.add, z, summand, block)
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
    count = math.prod(x.shape[free:])
    factor = joined(weight, x)
    with np.errstate(all="ignore"):
        for block, shape in _blocks(x, free, weight, bias):
            z, t = np.empty(shape, dtype), space(dx, block, shape, dtype)
            g, source = _load(dy, block, t), _load(x, block, z)
            if statistics.mean is not None:
                source = _centered(source, z, block, statistics)
            rstd = 1 / np.sqrt(statistics.var[block] + dtype.type(eps))
            if shape[-1] == 1:
                # In the place of dx, unless a copy of dy is there.
                along, plain = np.multiply(g, source, out=None if g is t else t), g
            else:
                along, plain = dot(g, source), dot(g)
            if weight is not None:
                _add_over_samples(dweight, block, along, rstd)
            if bias is not None:
                _add_over_samples(dbias, block, plain, np.ones_like(rstd))
            if not fixed:
                # dx = scale·g − rstd·mean(w g) − rstd·x̂·mean(w g x̂): the last two, in this order,
                # because rstd³ alone can overflow.
                w = None if weight is None else _piece(weight, block).swapaxes(-1, -2)
                along = dot(along.swapaxes(-1, -2), w) * rstd / dtype.type(count)
                by_rows(np.multiply, source, along * rstd * rstd, z)
                if statistics.mean is not None:
                    z += dot(plain.swapaxes(-1, -2), w) * rstd / dtype.type(count)
            _scale(g, rstd, factor, block, t)
            if not fixed:
                t -= z
            store(dx, block, t)
            del g, source, z, t, along, plain
    return dweight, dbias


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
    coarse = abs(m) ** 2 > 16 * abs(v)
    if coarse.any():
        rest[block] = left = np.where(coarse, dot(flat) / count, 0)
        z -= left
        v = dot(flat, flat) / count
    var[block] = v
    return z


def _centered(source, z, block, statistics):
    by_rows(np.subtract, source, statistics.mean[block], z)
    if statistics.rest[block].any():
        z -= statistics.rest[block]
    return z


def dot(a, b=None):
    """Sum a * b over the last axis; b defaults to ones. Never conjugated, for the complex step.

    One dot product for each row, so that no row depends on its neighbors in the block.
    """
    b = np.ones((1, a.shape[-1]), a.dtype) if b is None else b
    return (a[..., None, :] @ b[..., None])[..., 0]


def _add_over_samples(total, block, values, factors):
    """Add to `total`, of shape (1, groups, A, 1), the sum of values * factors over samples."""
    added = factors[..., 0].transpose(1, 2, 0) @ values[..., 0].swapaxes(0, 1)
    total[0, block[1]] += added.swapaxes(-1, -2)


def _blocks(x, free, weight, bias):
    """Cut the free axes, outermost first, into pieces of about BLOCK_BYTES: index and shape."""
    if x.size == 0:
        return
    parameter = bias if weight is None else weight
    inner = 1 if parameter is None else parameter.shape[-2]
    size, steps = x.nbytes, []
    for n in x.shape[:free]:
        size //= n
        steps.append(min(n, max(1, BLOCK_BYTES // max(size, 1))))
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


def _scale(source, rstd, weight, block, out):
    """Multiply by rstd and weight: beforehand by each other, if their product is small."""
    if weight is None:
        by_rows(np.multiply, source, rstd, out)
    elif out.shape[-1] == 1:
        by_rows(np.multiply, source, rstd, out)
        by_features(np.multiply, out, weight, block)
    else:
        by_rows(np.multiply, source, rstd * _piece(weight, block), out)


def by_rows(operation, source, values, out):
    """Write operation(source, values) to out, with one of the values for each row.

    NumPy is slow with a row, a number and a third array. Two passes are faster than that one.
    """
    if source is out:
        operation(out, values, out=out)
    else:
        out[...] = values
        operation(source, out, out=out)


def by_features(operation, z, parameter, block):
    """Change z to operation(z, parameter), for a parameter that may be `joined`."""
    if parameter.ndim > 1:
        operation(z, _piece(parameter, block), out=z)
        return
    flat, run = z.reshape(-1), parameter.size
    runs = flat[: flat.size // run * run].reshape(-1, run)
    operation(runs, parameter, out=runs)
    rest = flat[runs.size :]
    operation(rest, parameter[: rest.size], out=rest)


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
