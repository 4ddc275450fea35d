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

BLOCK_BYTES = 256 * 1024


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
    with np.errstate(all="ignore"):  # nan and inf pass through in silence, as in PyTorch
        for block, shape in _blocks(x, free, weight, bias):
            z = _space(y, block, shape, dtype)
            source = _load(x, block, z)
            if known is None:
                source = _measure(source, z, block, statistics)
            elif center:
                source = _centered(source, z, block, statistics)
            rstd = 1 / np.sqrt(statistics.var[block] + dtype.type(eps))
            _scale(source, rstd, weight, block, z)
            if bias is not None:
                z += _piece(bias, block)
            _store(y, block, z)
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
    with np.errstate(all="ignore"):
        for block, shape in _blocks(x, free, weight, bias):
            z, t = np.empty(shape, dtype), _space(dx, block, shape, dtype)
            g, source = _load(dy, block, t), _load(x, block, z)
            if statistics.mean is not None:
                source = _centered(source, z, block, statistics)
            rstd = 1 / np.sqrt(statistics.var[block] + dtype.type(eps))
            if shape[-1] == 1:
                along, plain = g * source, g
            else:
                along, plain = _dot(g, source), _dot(g)
            if weight is not None:
                _add_over_samples(dweight, block, along, rstd)
            if bias is not None:
                _add_over_samples(dbias, block, plain, np.ones_like(rstd))
            if not fixed:
                # dx = scale·g − rstd·mean(w g) − rstd·x̂·mean(w g x̂): the last two, in this order,
                # because rstd³ alone can overflow.
                w = None if weight is None else _piece(weight, block).swapaxes(-1, -2)
                along = _dot(along.swapaxes(-1, -2), w) * rstd / dtype.type(count)
                z = np.multiply(source, along * rstd * rstd, out=z)
                if statistics.mean is not None:
                    z += _dot(plain.swapaxes(-1, -2), w) * rstd / dtype.type(count)
            _scale(g, rstd, weight, block, t)
            if not fixed:
                t -= z
            _store(dx, block, t)
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
        var[block] = _dot(source.reshape(rows), source.reshape(rows)) / count
        return source
    mean[block] = m = _dot(source.reshape(rows)) / count
    np.subtract(source, m, out=z)
    flat = z.reshape(rows)
    v = _dot(flat, flat) / count
    # Rounding the mean matters only where it is large beside the spread.
    coarse = abs(m) ** 2 > 16 * abs(v)
    if coarse.any():
        rest[block] = left = np.where(coarse, _dot(flat) / count, 0)
        z -= left
        v = _dot(flat, flat) / count
    var[block] = v
    return z


def _centered(source, z, block, statistics):
    np.subtract(source, statistics.mean[block], out=z)
    if statistics.rest[block].any():
        z -= statistics.rest[block]
    return z


def _dot(a, b=None):
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


def _space(y, block, shape, dtype):
    """Where a block of y is computed: in y itself, unless the layout or the dtype is another."""
    piece = y[block]
    fits = piece.flags.c_contiguous and piece.dtype == dtype
    return piece.reshape(shape) if fits else np.empty(shape, dtype)


def _store(y, block, z):
    """Copy a block that was computed apart to its place."""
    if not np.may_share_memory(y, z):
        y[block] = z.reshape(y[block].shape)


def _scale(source, rstd, weight, block, out):
    """Multiply by rstd and weight: beforehand by each other, if their product is small."""
    if weight is None:
        np.multiply(source, rstd, out=out)
    elif out.shape[-1] == 1:
        np.multiply(source, rstd, out=out)
        out *= _piece(weight, block)
    else:
        np.multiply(source, rstd * _piece(weight, block), out=out)


def _piece(parameter, block):
    """The part of a parameter of shape (1, groups, A, 1) that belongs to a block."""
    return parameter[:, block[1] if parameter.shape[1] > 1 else slice(None)]
