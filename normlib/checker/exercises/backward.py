"""What the backwards of all norms share: the usual slips, as knobs of `gradients`.

What stands in braces in a message is said in the words of each norm, see `forward.WORDS`.
"""

from normlib.checker.exercises.vjps import call_vjp, remembers
from normlib.checker.model import Exercise, Slip

MEAN_OF_G = (
    Slip(
        "You treated mean and standard deviation as constants. Both depend on x, so dx has two "
        "more terms: mean(g) and x̂·mean(g·x̂) are missing.",
        mean_g="none",
        mean_gx="none",
    ),
    Slip("The term mean(g) is missing from dx: the mean depends on x too.", mean_g="none"),
    Slip(
        "You took sums in dx where means belong: divide both by {n}.", mean_g="sum", mean_gx="sum"
    ),
    Slip("In dx you took the sum of g where its mean belongs: divide by {n}.", mean_g="sum"),
    Slip("You added mean(g) in dx: subtract it.", mean_g="plus"),
    Slip(
        "In dx you divided the sum of g by {n} − 1. The forward divides by {n}, and so does the "
        "gradient.",
        mean_g="n - 1",
    ),
    Slip(
        "In dx you divided both sums by {n} − 1. The forward divides by {n}, and so does the "
        "gradient.",
        mean_g="n - 1",
        mean_gx="n - 1",
    ),
    Slip(
        "In dx the two means have changed places. mean(g) stands alone, mean(g·x̂) is multiplied "
        "by x̂.",
        first="x_hat",
        direction=("x_hat", "ones"),
    ),
)

PROJECTION = (
    Slip(
        "The term x̂·mean(g·x̂) is missing from dx: the {root} depends on x too.",
        mean_gx="none",
    ),
    Slip("In dx you took the sum of g·x̂ where its mean belongs: divide by {n}.", mean_gx="sum"),
    Slip("You added x̂·mean(g·x̂) in dx: subtract it.", mean_gx="plus"),
    Slip(
        "In dx you divided the sum of g·x̂ by {n} − 1. The forward divides by {n}, and so does the "
        "gradient.",
        mean_gx="n - 1",
    ),
    Slip(
        "weight is missing from dx: multiply dy by weight before you take the means.",
        weight_place="never",
    ),
    Slip(
        "In the second term of dx, mean(g·x̂) is not multiplied by x̂.", direction=("ones", "x_hat")
    ),
    Slip(
        "In the second term of dx you took the mean of g. It is the mean of g·x̂.",
        direction=("x_hat", "ones"),
    ),
    Slip(
        "In the second term of dx, mean(g·x̂) is multiplied by x: multiply it by x̂.",
        direction=("x", "x_hat"),
    ),
    Slip("In the second term of dx you used x where x̂ belongs.", direction=("x", "x")),
)

CENTERED = (
    Slip(
        "In the second term of dx, mean(g·x̂) is multiplied by x − μ: multiply it by x̂.",
        direction=("centered", "x_hat"),
    ),
    Slip(
        "In the second term of dx you used x − μ where x̂ belongs: divide by the standard "
        "deviation.",
        direction=("centered", "centered"),
    ),
)

# Where the weight is constant over the axes of the means, "last" is right, and only this is wrong.
WEIGHT_IN_THE_MEANS = (
    Slip(
        "The means in dx are taken of dy. Take them of dy times weight.",
        mean_g_of="dy",
        mean_gx_of="dy",
    ),
    Slip("In dx the first mean is taken of dy. It is the mean of dy times weight.", mean_g_of="dy"),
    Slip("In dx the second mean is taken of dy·x̂. It is the mean of dy·weight·x̂.", mean_gx_of="dy"),
)

WEIGHT_PLACE = (
    Slip(
        "In dx you multiplied by weight last. Multiply dy by weight first, then take the means.",
        weight_place="after",
    ),
    *WEIGHT_IN_THE_MEANS,
)

SCALE = (
    Slip("dx is not divided by the {root}: multiply by rstd.", scale="none"),
    Slip(
        "You divided dx by the {square}. Divide by the {root}, as the forward does.",
        scale="variance",
    ),
    Slip("You multiplied dx by the {root}: divide by it.", scale="std"),
    Slip("The factor rstd in dx leaves out ε: it is 1/√({s2} + ε).", rstd_eps=0.0),
    Slip("The x̂ in your backward leaves out ε: it is that of the forward.", x_hat_eps=0.0),
    Slip(
        "The backward leaves out ε. It has the same √({s2} + ε) as the forward.",
        rstd_eps=0.0,
        x_hat_eps=0.0,
    ),
    Slip(
        "Your backward ignores the argument eps and uses 1e-5. It has the same ε as the forward.",
        rstd_eps=1e-5,
        x_hat_eps=1e-5,
    ),
)

DDOF = (
    Slip(
        "The variance in rstd is divided by {n} − 1: divide by {n}, as in the forward.",
        rstd_ddof=1,
    ),
    Slip("The x̂ in your backward has a variance divided by {n} − 1: divide by {n}.", x_hat_ddof=1),
    Slip(
        "Your backward divides the variance by {n} − 1. It has the same variance as the forward.",
        rstd_ddof=1,
        x_hat_ddof=1,
    ),
)

SUMS = (
    Slip(
        "The sum over the {tokens} is missing. All {tokens} share {parameters}, so the gradients "
        "add up.",
        reduce="none",
    ),
    Slip(
        "You summed over the first axis only. All {tokens} share {parameters}: sum over {others}.",
        reduce="first",
    ),
    Slip("You averaged over the {tokens} where a sum belongs.", reduce="mean"),
    Slip(
        "You summed over the {feature}s. Sum over the {tokens}: {others}.",
        reduce="features",
    ),
    Slip(
        "You summed over everything. Each {feature} keeps its own number: sum over {others}.",
        reduce="all",
    ),
    Slip(
        "Axes of length 1 are left. A gradient has the shape of what it is the gradient of.",
        reduce="keepdims",
    ),
    Slip("dweight is made from x. What multiplies weight is x̂.", dweight_from="x"),
)

WITH_BIAS = (
    Slip(
        "dweight is the same as dbias. The output is weight·x̂ + bias: what multiplies weight?",
        dweight_from="ones",
    ),
    Slip(
        "dweight is made from x − μ. What multiplies weight is x̂: divide by the standard "
        "deviation.",
        dweight_from="centered",
    ),
    Slip("dweight is made from y. What multiplies weight is x̂.", dweight_from="y"),
    Slip(
        "dbias is the same as dweight: bias is only added, so x̂ has no part in it.",
        dbias_from="x_hat",
    ),
    Slip(
        "dweight and dbias are sums of dy times weight: take dy itself.",
        dweight_of="g",
        dbias_of="g",
    ),
    Slip("dweight is a sum of dy times weight: take dy itself.", dweight_of="g"),
    Slip("dbias is a sum of dy times weight: take dy itself.", dbias_of="g"),
    Slip("You swapped dweight and dbias: return dx, dweight, dbias.", order=(0, 2, 1)),
    *(
        Slip(
            "The gradients are right but in another order: return dx, dweight, dbias.", order=order
        )
        for order in ((1, 2, 0), (2, 1, 0), (1, 0, 2), (2, 0, 1))
    ),
)


BOTH_MEANS = (
    ("The means in dx run", ("g_axis", "gx_axis")),
    ("In dx mean(g) runs", ("g_axis",)),
    ("In dx mean(g·x̂) runs", ("gx_axis",)),
)


def means_over(*wrong, which=BOTH_MEANS):
    """Slips in dx, of both means and of each: where they run, what is so, and their axes."""
    return tuple(
        Slip(f"{start} {where}. {rule}", **dict.fromkeys(knobs, axis))
        for where, rule, axis in wrong
        for start, knobs in which
    )


def exercise(of, reference, words, *slips, parameters=("weight", "bias"), describe, per_parameter):
    """The exercise that asks for the gradients too, on the probes of its forward."""
    gradients = tuple(f"d{name}" for name in ("x", *parameters))
    number = {2: "two", 3: "three"}[len(gradients)]
    return Exercise(
        name=f"{of.name}_vjp",
        arguments=of.arguments,
        call=call_vjp,
        parts=("y", *gradients),
        reference=reference,
        probes=of.probes,
        slips=tuple(slip.worded(**words) for slip in slips),
        checked=f"the output and all {number} gradients, their shapes and order, inputs unchanged",
        forward=of,
        reasons=of.reasons,
        rules=(remembers,),
        describe=describe,
        per_parameter=per_parameter,
    )
