"""What can be said of a wrong answer that no slip explains: its numbers, fitted on the formula.

A forward is fitted as (x − a)/b, with an a and a b for each set of numbers that shares statistics,
and a gradient as (α·g − β − γ·x̂)/√(σ² + ε), with a β and a γ for each. Then a, b, α, β and γ are
compared with what they should be: a factor, a wrong count, a power of the root, another ε.
"""

from dataclasses import dataclass

import numpy as np

from normlib.checker.exercises import forward
from normlib.checker.exercises.forward import along, axes
from normlib.checker.exercises.gradients import kept

EXACT = 1e-4  # relative; float32 answers are a hundred times nearer, another formula is farther off


@dataclass(frozen=True)
class Sets:
    """An answer in rows, one for each set of numbers that shares statistics."""

    x: np.ndarray
    found: np.ndarray
    eps: float
    counts: dict
    center: bool = True

    @property
    def mean(self):
        """What should be taken off each row."""
        return self.x.mean(1) if self.center else 0 * self.x[:, 0]

    @property
    def n(self):
        """How many numbers share their statistics."""
        return self.x.shape[1]


def counts(given, channel):
    """What a reader may have divided by, in words."""
    x = given["x"]
    if not channel:
        words = {
            "the length of the first axis": len(x),
            "the number of tokens": x.size / x.shape[-1],
        }
        words |= {"C": x.shape[-1], "C − 1": x.shape[-1] - 1, "C²": x.shape[-1] ** 2}
        return words | {
            "the number of all numbers": x.size,
            "the length of axis 1": x.shape[1 % x.ndim],
        }
    channels, positions = x.shape[1], int(np.prod(x.shape[2:]))
    words = {"N": len(x), "the number of positions": positions, "N·C": len(x) * channels}
    words |= {"samples × positions": len(x) * positions, "C·positions": channels * positions}
    words |= {"C": channels, "the number of all numbers": x.size, "the last axis": x.shape[-1]}
    if "num_groups" in given:
        words |= {"num_groups": given["num_groups"], "C/num_groups": channels / given["num_groups"]}
    return words


def same(values, expected, size=None):
    """Whether numbers are equal up to `EXACT` of their size."""
    size = np.abs(expected).max(initial=1e-300) if size is None else size
    return bool(np.all(np.abs(values - expected) <= EXACT * size))


def share(values, truth):
    """The factor between two rows of numbers, or None if there is none."""
    square = truth @ truth
    factor = values @ truth / square if square > 0 else np.nan
    size = max(np.abs(values).max(), np.abs(truth).max())
    return factor if same(values, factor * truth, size) else None


def in_count(numbers, sets):
    """The words for a count that is each of these numbers, which differ, or None."""
    if np.ptp(numbers) < EXACT:
        return None
    for words in sets[0].counts:
        if all(
            same(number, s.counts[words], number) for number, s in zip(numbers, sets, strict=True)
        ):
            return words
    return None


def rows(values, axis):
    """The axes of the statistics laid in one, behind all others."""
    axis = axes(axis, values.ndim)
    axis = tuple(range(values.ndim)) if axis is None else axis
    axis = (axis,) if isinstance(axis, int) else axis
    values = np.moveaxis(values, axis, range(values.ndim - len(axis), values.ndim))
    return values.reshape(-1, int(np.prod(values.shape[values.ndim - len(axis) :])))


# --- forwards: (x − a)/b -------------------------------------------------------------------------


def of_forward(
    words,
    axis,
    channel=False,
    center=True,
    split=lambda x, given: x,
    parameters=("weight", "bias"),
):
    """For exercises whose answer is y."""
    affine = (
        ((), lambda w, b: (w, b)),
        (("weight is missing: the last step multiplies by it.",), lambda w, b: (1 + 0 * w, b)),
        (("bias is missing: the last step adds it.",), lambda w, b: (w, 0 * b)),
    )

    def describe(part, answers):
        for said, change in affine[: 1 + len(parameters)]:
            sets = [_undone(given, found[part], change) for given, found, _ in answers]
            sets = [s for s in sets if s.n > 2 and np.ptp(s.x, axis=1).all()]
            lines = [_line(s.x, s.found) for s in sets]
            if sets and all(line is not None for line in lines):
                more = _of_lines(sets, lines, words)
                return [*said, *more] if more or said else []
        return []

    def _undone(given, found, change):
        x, y = given["x"], found if found.shape == given["x"].shape else np.nan * given["x"]
        if parameters:
            w, b = given["weight"], given["bias"] * ("bias" in parameters)
            w, b = (along(a, x.ndim, channel) for a in change(w, b))
            y = (y - b) / w
        own = given["axis"] if axis is None else axis
        x, y = (rows(split(a, given), own) for a in (x, y))
        return Sets(x, y, given["eps"], counts(given, channel), given.get("center", center))

    return describe


def _line(x, z):
    """(a, b) of z = (x − a)/b in each row, or None if the rows are no lines."""
    x_mean, z_mean = x.mean(1, keepdims=True), z.mean(1, keepdims=True)
    slope = ((x - x_mean) * (z - z_mean)).sum(1, keepdims=True) / ((x - x_mean) ** 2).sum(
        1, keepdims=True
    )
    if not (np.isfinite(slope).all() and slope.all() and same(z - z_mean, slope * (x - x_mean))):
        return None
    return (x_mean - z_mean / slope)[:, 0], 1 / slope[:, 0]


def _of_lines(sets, lines, words):
    """What is wrong with a and b."""
    said, off = [], [a for a, _ in lines]
    if not all(same(a, s.mean, s.x.std(1).max()) for s, a in zip(sets, off, strict=True)):
        moved = [(s, share(a, s.mean)) for s, a in zip(sets, off, strict=True) if s.center]
        known = [s.n / factor for s, factor in moved if factor]
        count = known and len(known) == len(moved) and in_count(known, [s for s, _ in moved])
        if not count:
            return _first_line(sets[0], lines[0], words)
        said = [f"Your mean is a sum divided by {count}, where {words['n']} belongs."]
    for about in ([s.mean for s in sets], off):
        squares = [((s.x - m[:, None]) ** 2).mean(1) for s, m in zip(sets, about, strict=True)]
        more = _of_roots(sets, [np.abs(b) for _, b in lines], squares, words)
        if more is not None:
            return [*said, *more]
    return said or _first_line(sets[0], lines[0], words)


def _first_line(s, line, words):
    a, b = line[0][0], line[1][0]
    root = np.sqrt(((s.x[0] - s.mean[0]) ** 2).mean() + s.eps)
    off = [("a", a, s.mean[0] + 0.0), ("b", b, root)]
    off = [
        f"{name} is {v:.4g} where {r:.4g} belongs" for name, v, r in off if abs(v - r) > EXACT * b
    ]
    if not off:
        return []
    return [
        f"Every {words['unit']} is (x − a)/b in your result. In the first one {' and '.join(off)}."
    ]


def _of_roots(sets, roots, squares, words):
    """What b is made of: b² = square·n/count + another ε, or b with something added."""
    every = [(s, b, v) for s, b, v in zip(sets, roots, squares, strict=True)]
    wrong = [(s, b, v) for s, b, v in every if not same(b, np.sqrt(v + s.eps))]
    if not wrong:
        return []
    if slips := _roots_of_slips(wrong, every):
        return [slip.worded(**words).message for slip in slips]
    if line := _lower_limit(wrong, words) or _something_added(wrong):
        return [line]
    said, known, factors = [], [], []
    for s, b, v in every:
        if len(v) > 2 and np.ptp(v) > 1e-3 * v.max():
            fit = _line_of(v, b**2)
            if fit is None:
                return None
            right = same(b, np.sqrt(v + s.eps))
            if v.max() > 1e-2 * (b**2).max() and not right:  # else rounding may hide it
                factors.append((s, fit[0]))
            if max(fit[1], s.eps) > 1e-2 * v.max():
                known.append((s.eps, fit[1], s.n))
    if not all(same(factor, 1.0, 10.0) for _, factor in factors):
        count = in_count([s.n / factor for s, factor in factors], [s for s, _ in factors])
        if count is None:
            return None
        said = [f"Your {words['square']} is a sum divided by {count}, where {words['n']} belongs."]
    return [*said, *_of_epsilon(known, words)] or None


def _roots_of_slips(wrong, every):
    """One or two slips that give all these roots; what is wrong besides does not matter here."""
    for divisor in ((), forward.DDOF):
        for place in ((), *((slip,) for slip in (*forward.EPSILON, *forward.POWERS[:2]))):
            slips = (*divisor, *place)
            knobs = {k: v for slip in slips for k, v in slip.changes.items()}
            ddof, factor = knobs.pop("ddof", 0), knobs.pop("eps_factor", 1.0)
            fixed = knobs.pop("fixed_eps", None)
            if all(
                same(
                    b,
                    forward.denominator(
                        v * s.n / (s.n - ddof), factor * s.eps if fixed is None else fixed, **knobs
                    ),
                )
                for s, b, v in (every if place else wrong)
            ):
                return slips
    return ()


def _lower_limit(wrong, words):
    """The line for a variance that is never below some number."""
    s, b, _ = min(wrong, key=lambda each: each[2].max())
    least = float((b**2 - s.eps).min())
    if all(same(b, np.sqrt(np.maximum(v, least) + s.eps)) for s, b, v in wrong):
        return (
            f"What stands under your root is never below {least:.2g}, by a limit of the "
            f"{words['square']} or of ε. It needs none."
        )
    return None


def _line_of(v, d):
    """(factor, rest) of d = factor·v + rest, or None."""
    if len(v) < 3 or np.ptp(v) < 1e-3 * v.max():
        return None
    columns = np.stack([v, np.full_like(v, v.max())], 1)
    (factor, rest), *_ = np.linalg.lstsq(columns, d, rcond=None)
    rest = rest * v.max()
    return (factor, rest) if same(factor * v + rest, d) else None


def _something_added(wrong):
    """The line for a number that is added to the right root, everywhere the same."""
    s, b, v = min(wrong, key=lambda each: each[1].max())
    extra = float((b - np.sqrt(v + s.eps)).mean())
    if extra > 0 and all(same(b, np.sqrt(v + s.eps) + extra) for s, b, v in wrong):
        return (
            f"Your root is right, but {extra:.2g} is added to it. One ε is enough, and it stands "
            "under the root."
        )
    return None


def _of_epsilon(known, words):
    """What stands in the place of ε."""
    rest = np.array([r for _, r, _ in known])
    eps = np.array([e for e, _, _ in known])
    n = np.array([n for *_, n in known])
    if not len(known) or np.allclose(rest, eps, 1e-2):
        return []
    if np.allclose(rest, rest[0], 1e-2) and np.ptp(eps) > 0:
        return [f"Your ε is fixed at {rest[0]:.3g}. Use the eps that you are given."]
    if np.allclose(rest * n, eps, 1e-2):
        return [f"Your ε is divided by {words['n']} with the squares. Add it to their mean."]
    factors = rest / eps
    if np.allclose(factors, factors[0], 1e-2):
        return [f"Your ε is {factors[0]:.3g} times the one that is given: look for a factor."]
    return []


# --- gradients: (α·g − β − γ·x̂)/root ------------------------------------------------------------


def of_gradients(words, layout_of, channel=False):
    """For exercises whose answer is y and its gradients."""

    def describe(part, answers):
        answers = [(given, found[part], right[part]) for given, found, right in answers]
        if part == "y" or not all(found.shape == right.shape for _, found, right in answers):
            return []
        if part != "dx":
            return _of_sums(part, answers, channel)
        return _of_dx(answers, layout_of, channel, words)

    return describe


def _of_sums(part, answers, channel):
    """For dweight or dbias: all of it times one number, which is a count."""
    answers = [(given, f, e) for given, f, e in answers if np.abs(e).max() > 0]
    factors = [share(f, e) for _, f, e in answers]
    if not answers or None in factors or not all(factors):
        return []
    sets = [Sets(g["x"], f, g["eps"], counts(g, channel)) for g, f, _ in answers]
    count = in_count([1 / factor for factor in factors], sets)
    return [f"{part} is divided by {count}. A sum belongs there."] if count else []


def _of_dx(answers, layout_of, channel, words):
    sets, parts = [], []
    for given, found, _ in answers:
        layout = layout_of(given)
        x, dy = (given[name].astype(float) for name in ("x", "dy"))
        k = kept(x, x, given["eps"], layout)
        g = layout.split(dy * along(given["weight"].astype(float), x.ndim, layout.channel))
        root = np.broadcast_to(k.std, g.shape)
        g, x_hat, root = (rows(a, k.axis) for a in (g, k.named["x_hat"], root))
        fitted = _terms(g, x_hat, rows(layout.split(found), k.axis) * root, layout.center)
        if fitted is not None and np.abs(x_hat).max() > 0.3:  # else γ drowns in rounding
            sets.append(Sets(g, x_hat, given["eps"], counts(given, channel)))
            truth = (np.ones(len(g)), g.mean(1), (g * x_hat).mean(1))
            parts.append((root[:, 0], truth, fitted))
    usable = sum(rows_.shape[1] > 3 for rows_ in (s.x for s in sets))
    if not sets or usable < 2:
        return []
    names = ("g", "mean(g)", "x̂·mean(g·x̂)")
    terms = (0, 1, 2) if layout.center else (0, 2)
    found = [
        _factor([(r, t[i], f[i]) for r, t, f in parts], sets, words, whole=i == 0) for i in terms
    ]
    if found[0] is None or not any(found):
        return []
    if len({*found}) == 1:
        return _ended([f"All of dx {found[0]}"])
    found = ["is another number than it should be" if f is None else f for f in found]
    return _ended(f"In dx the term {names[i]} {f}" for i, f in zip(terms, found, strict=True) if f)


def _ended(lines):
    return [line if line.endswith("?") else f"{line}." for line in lines]


def _terms(g, x_hat, found, center):
    """α, β and γ of each row of found = α·g − β − γ·x̂, or None."""
    if g.shape[1] < 4 or not x_hat.any():
        return None
    ones = np.ones_like(g)
    columns = np.stack([g, -ones, -x_hat] if center else [g, -x_hat], axis=2)
    solved = np.stack(
        [np.linalg.lstsq(c, f, rcond=None)[0] for c, f in zip(columns, found, strict=True)]
    )
    if not same((columns * solved[:, None]).sum(2), found):
        return None
    return solved.T if center else (solved[:, 0], None, solved[:, 1])


def _factor(rows_, sets, words, whole):
    """What a term is besides what it should be: "" if it is right, None if that is unclear."""
    root = f"√({words['s2']} + ε)"
    for power, text in ((0, ""), (1, root), (2, f"{root}²"), (-1, f"1/{root}"), (-2, f"1/{root}²")):
        factors = [share(found, truth * root_**power) for root_, truth, found in rows_]
        if None in factors:
            continue
        if np.allclose(factors, factors[0], 1e-3, 1e-3):
            if abs(factors[0]) < 1e-3:
                return "is missing"
            if np.isclose(factors[0], 1, 1e-3):
                return text and f"is multiplied by {text}, which does not belong there"
            number = f"{factors[0]:.3g}·{text}".removesuffix("·")
            return f"has the factor {number}, where it belongs just once"
        if power == 0:
            count = in_count([s.n / f for s, f in zip(sets, factors, strict=True)], sets)
            if count and not whole:
                return f"is divided by {count}, where {words['n']} belongs"
            missing = in_count(factors, sets)
            return missing and f"is multiplied by {missing}: is a division missing?"
    return None
