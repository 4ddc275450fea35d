"""One forward and one backward for every norm, in blocks that stay in cache.

Textbook NumPy passes over the whole array a dozen times, and each pass waits for memory.
Here a pass runs over a block of about a quarter of a megabyte, so only the first pass waits.
"""

import numpy as np

BLOCK_BYTES = 256 * 1024


def compute_dtype(dtype):
    """Half precision is computed in float32, as PyTorch does; anything else in its own dtype."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def forward(x, axis, weight, bias, eps, center):
    """Return y, mean and rstd; the statistics run over `axis`, a tuple of non-negative axes.

    `weight` and `bias` are None or have as many axes as x. `mean` is None without centering.
    """
    dtype = compute_dtype(x.dtype)
    kept = tuple(1 if a in axis else n for a, n in enumerate(x.shape))
    y = np.empty(x.shape, x.dtype)
    mean = np.empty(kept, dtype) if center else None
    rstd = np.empty(kept, dtype)
    with np.errstate(all="ignore"):  # nan and inf pass through in silence, as in PyTorch
        for block in _blocks(x, axis):
            z = x[block].astype(dtype)
            if center:
                mean[block] = z.mean(axis, keepdims=True)
                z -= mean[block]
            # Two passes, never E[x²] − E[x]²; and z * z, not |z|², for the complex step.
            rstd[block] = 1 / np.sqrt((z * z).mean(axis, keepdims=True) + dtype.type(eps))
            z *= rstd[block]
            if weight is not None:
                z *= _piece(weight, block)
            if bias is not None:
                z += _piece(bias, block)
            y[block] = z
    return y, mean, rstd


def backward(dy, x, mean, rstd, axis, weight, bias):
    """Return dx, dweight and dbias for the arguments and results of `forward`."""
    dtype = rstd.dtype
    dx = np.empty(x.shape, x.dtype)
    dweight = None if weight is None else np.zeros(weight.shape, dtype)
    dbias = None if bias is None else np.zeros(bias.shape, dtype)
    with np.errstate(all="ignore"):
        for block in _blocks(x, axis):
            g = dy[block].astype(dtype)
            x_hat = x[block].astype(dtype)
            if mean is not None:
                x_hat -= mean[block]
            x_hat *= rstd[block]
            if bias is not None:
                _add_to(dbias, block, g)
            if weight is not None:
                _add_to(dweight, block, g * x_hat)
                g *= _piece(weight, block)
            along = (g * x_hat).mean(axis, keepdims=True)
            if mean is not None:
                g -= g.mean(axis, keepdims=True)
            x_hat *= along
            g -= x_hat
            g *= rstd[block]
            dx[block] = g
    return (
        dx,
        None if weight is None else dweight.astype(weight.dtype),
        None if bias is None else dbias.astype(bias.dtype),
    )


def _blocks(x, axis):
    """Cut x along its longest axis outside `axis` into pieces of about BLOCK_BYTES."""
    if x.size == 0:
        return
    free = [a for a in range(x.ndim) if a not in axis]
    if not free:
        yield (slice(None),) * x.ndim
        return
    cut = max(free, key=lambda a: x.shape[a])
    length = max(1, BLOCK_BYTES * x.shape[cut] // x.nbytes)
    for start in range(0, x.shape[cut], length):
        yield tuple(
            slice(start, start + length) if a == cut else slice(None) for a in range(x.ndim)
        )


def _piece(parameter, block):
    """The part of a broadcast parameter that belongs to a block of x."""
    return parameter[_where(parameter, block)]


def _where(parameter, block):
    return tuple(s if n > 1 else slice(None) for s, n in zip(block, parameter.shape, strict=True))


def _add_to(total, block, g):
    """Add to `total` the sum of g over the axes along which the parameter was broadcast."""
    over = tuple(a for a, n in enumerate(total.shape) if n == 1)
    total[_where(total, block)] += g.sum(over, keepdims=True)
