"""What usually lies behind an error or a wrong shape, what sets inputs apart, what is off."""

import math

import numpy as np

from normlib.checker.attempts import close

# Each line: what the error looks like, and what usually lies behind it. The first that fits.
REASONS = (
    (
        "einsum|einstein",
        "In einsum every axis that is summed needs a letter of its own; '...' is never summed.",
    ),
    (
        "broadcast|size of tensor a",
        "An average over an axis loses that axis; keepdims=True keeps it with length 1, so that "
        "the shapes still fit.",
    ),
    (
        "'float' object (is not subscriptable|has no attribute '(get|setdefault|keys|pop)')",
        "eps is a number here, not a dictionary: use it as it is.",
    ),
    (
        "matmul|not aligned",
        "A product that sums over an axis needs that axis to be equally long on both sides. "
        "Multiply with * to go number by number.",
    ),
    (
        "AxisError|axis .*out of bounds",
        "Some inputs have one axis only. Count axes from the end: the last one is −1, and "
        "tuple(range(x.ndim - 1)) are all others, however many there are.",
    ),
    (
        "values to unpack",
        "Count the names on the left. x can have any number of axes, so its shape has no fixed "
        "length; C is the last entry.",
    ),
    (
        "UnboundLocalError",
        "A name is used before your function gives it a value: is the line in a branch that did "
        "not run?",
    ),
    ("NameError", "Is the name misspelt, or defined in a cell that you have not run?"),
    ("IndexError", "Some inputs have one axis only: count axes from the end."),
    (
        "RecursionError",
        "Your function calls itself without end. Does it use its own name where you meant another "
        "function?",
    ),
    ("'keepdim'|'dim'", "NumPy's words are axis and keepdims; dim and keepdim are PyTorch's."),
    (
        "must be Tensor|'numpy.ndarray' object has no",
        "The arguments are NumPy arrays. For PyTorch take x = torch.from_numpy(x) first, for JAX "
        "jax.numpy.asarray(x); you may return what these libraries compute.",
    ),
    (
        "only integer scalar arrays|cannot be interpreted as an integer",
        "An array stands where a number is needed: are the arguments in the order of the exercise?",
    ),
    ("not callable", "x.shape is a tuple and x.size a number: neither takes parentheses."),
    (
        "same_kind|Cannot cast",
        "An array of integers cannot hold decimals: make a new array of floats.",
    ),
    ("SystemExit", "Your function ends the program: return the result instead."),
    ("AssertionError", "An assert of your own does not hold here: print what it compares."),
    ("ZeroDivisionError", "A number that you divide by is zero: some inputs have variance 0."),
)


# Of the shape that was found and the one that was expected. The first that fits.
SHAPES = (
    (
        lambda found, expected: found == (),
        "That is a single number: is the axis of an average or a sum missing?",
    ),
    (
        lambda found, expected: len(found) > len(expected),
        "There is an axis too many: look at where you add one, or where shapes broadcast.",
    ),
    (
        lambda found, expected: found in (expected[:-1], (*expected[:-1], 1)),
        "The last axis is averaged away: return the normalized numbers, not a statistic.",
    ),
    (
        lambda found, expected: sorted(found) == sorted(expected),
        "The axes are in another order: is there a transpose or a reshape to undo?",
    ),
    (
        lambda found, expected: math.prod(found) == math.prod(expected),
        "The numbers are all there: reshape them to the shape of x.",
    ),
    (
        lambda found, expected: len(found) < len(expected),
        "An axis is lost: averages and sums drop their axis unless keepdims=True.",
    ),
    (
        lambda found, expected: True,
        "Print the shapes line by line: the first that surprises you is the place.",
    ),
)

# What may set inputs apart, in the order in which it is said.
TRAITS = (
    lambda x, eps, p: f"with {x.ndim} {'axis' if x.ndim == 1 else 'axes'}",
    lambda x, eps, p: f"of {x.dtype}",
    lambda x, eps, p: f"{'with' if min(map(len, p.series)) == 1 else 'without'} a batch of one",
    lambda x, eps, p: f"of variance {'above 0' if np.ptp(x, -1).any() else '0'}",
    lambda x, eps, p: f"with a variance {'below' if x.var() < eps else 'above'} ε",
    lambda x, eps, p: f"with ε = {eps:g}",
)


def relation(found, expected, tolerance):
    """How a wrong answer of the right shape differs from the right one."""
    if not np.isfinite(found).all():
        share = np.mean(~np.isfinite(found))
        return [
            f"{share:.0%} of its numbers are nan or infinite: is something divided by zero, or the "
            "root taken of a negative number?"
        ]
    difference = found - expected
    factor = (found * expected).sum() / max((expected * expected).sum(), 1e-12)
    if close(found, factor * expected, tolerance):
        return [f"Every number is {factor:.6g} times what it should be: look for a factor."]
    if close(found, expected + difference.mean(), tolerance):
        return [f"Every number is off by {difference.mean():+.4g}: look for a constant added."]
    size = max(1.0, np.abs(expected).max())
    share = np.mean(np.abs(difference) <= tolerance * size)
    worst = tuple(int(i) for i in np.unravel_index(np.abs(difference).argmax(), found.shape))
    return [
        f"{share:.0%} of its numbers are right. The worst is at {list(worst)}: "
        f"{found[worst]:.7g}, expected {expected[worst]:.7g}."
    ]
