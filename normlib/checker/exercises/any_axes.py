"""The operator under every norm, `normalize`: it is told its axes, and whether to center."""

from normlib.checker.exercises import fits, forward
from normlib.checker.exercises.inputs import AXES
from normlib.checker.model import Slip

# The variance is that of x with center=True, and its mean square without.
WORDS = forward.WORDS | {"norm": "normalize", "n": "n", "flat": "equal numbers"}

WRONG_AXES = (
    Slip("You ignored axis and always average over the last one.", axis_as="last"),
    Slip("You ignored axis and average over the whole array.", axis_as="all"),
    Slip(
        "You averaged over the first of the given axes only: axis can name several.",
        axis_as="first only",
    ),
    Slip(
        "You averaged over the last of the given axes only: axis can name several.",
        axis_as="last only",
    ),
    Slip(
        "You averaged over all axes but the given ones: axis names those that are averaged.",
        axis_as="others",
    ),
)

CHOSEN_CENTERING = (
    Slip("You ignored center and always subtract the mean.", center_as="always"),
    Slip("You ignored center and never subtract the mean.", center_as="never"),
    Slip("You took center the wrong way round: True means to subtract.", center_as="inverted"),
    Slip(
        "With center=False your variance is still about the mean. Without centering, take the mean "
        "of x² instead.",
        about="own mean",
    ),
    Slip(
        "With center=True your variance is the mean of x². Measure its squares from the mean.",
        about="zero",
    ),
    Slip("You added the mean: subtract it.", shift=-1),
    Slip("The sign of the result is turned: it is x − μ, not μ − x.", sign=-1),
)


def normalize(
    x,
    axis,
    center,
    eps,
    *,
    axis_as="itself",  # or last, all, first only, last only, others
    center_as="itself",  # or always, never, inverted
    about="as center says",  # or own mean, zero
    shift=1,
    **knobs,
):
    """The operator under every norm; without centering, squares are measured from zero."""
    axis = _chosen_axes(axis, x.ndim, axis_as)
    center = {"itself": center, "always": True, "never": False, "inverted": not center}[center_as]
    if about == "as center says":
        about = "own mean" if center else "zero"
    return forward.standardize(x, eps, axis, axis, shift=shift * center, about=about, **knobs)


def _chosen_axes(axis, ndim, axis_as):
    chosen = (axis,) if isinstance(axis, int) else axis
    own = {a % ndim for a in chosen}
    return {
        "itself": tuple(own),
        "last": -1,
        "all": None,
        "first only": chosen[0],
        "last only": chosen[-1],
        "others": tuple(set(range(ndim)) - own),
    }[axis_as]


REASONS = (
    (
        "to unpack|unpack non-|not iterable|not subscriptable",
        "x can have any number of axes, and axis can be a number or a tuple of any length.",
    ),
)

NORMALIZE = forward.exercise(
    "normalize",
    ("x", "axis", "center", "eps"),
    normalize,
    AXES,
    WORDS,
    *WRONG_AXES,
    *CHOSEN_CENTERING,
    *forward.DDOF,
    *forward.POWERS,
    *forward.ONE_PASS,
    *forward.HALF,
    *forward.EPSILON,
    describe=fits.of_forward(WORDS, None, parameters=()),
    reasons=REASONS,
)
