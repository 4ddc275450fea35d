"""The mistakes that readers make in the backward of a norm, the likely ones first."""

from normlib.checker.model import Slip

PROJECTIONS = (
    Slip(
        "You treated mean and standard deviation as constants. Both depend on x, so dx has two "
        "more terms: mean(g) and x̂·mean(g·x̂) are missing.",
        mean_g="none",
        mean_gx="none",
    ),
    Slip("The term mean(g) is missing from dx: the mean depends on x too.", mean_g="none"),
    Slip(
        "The term x̂·mean(g·x̂) is missing from dx: the standard deviation depends on x too.",
        mean_gx="none",
    ),
    Slip("You took sums in dx where means belong: divide both by C.", mean_g="sum", mean_gx="sum"),
    Slip("In dx you took the sum of g where its mean belongs: divide by C.", mean_g="sum"),
    Slip("In dx you took the sum of g·x̂ where its mean belongs: divide by C.", mean_gx="sum"),
    Slip("You added mean(g) in dx: subtract it.", mean_g="plus"),
    Slip("You added x̂·mean(g·x̂) in dx: subtract it.", mean_gx="plus"),
    Slip(
        "In dx you divided the sum of g·x̂ by C − 1. The forward divides by C, and so does the "
        "gradient.",
        mean_gx="n - 1",
    ),
    Slip(
        "The means in dx run over the whole array. Each token has its own: is the axis missing?",
        means_axis=None,
    ),
    Slip(
        "The means in dx run over the batch. They run over the features, as in the forward.",
        means_axis=0,
    ),
    Slip(
        "weight is missing from dx: multiply dy by weight before you take the means.",
        weight_place="never",
    ),
    Slip(
        "In dx you multiplied by weight last. Multiply dy by weight first, then take the means.",
        weight_place="after",
    ),
    Slip(
        "The means in dx are taken of dy. Take them of dy times weight.",
        weight_place="not in the means",
    ),
    Slip("In the second term of dx, mean(g·x̂) is not multiplied by x̂.", direction="no front"),
    Slip(
        "In the second term of dx you took the mean of g. It is the mean of g·x̂.",
        direction="no inside",
    ),
    Slip(
        "In the second term of dx you used x − μ where x̂ belongs: divide by the standard "
        "deviation.",
        direction="centered",
    ),
    Slip("In the second term of dx you used x where x̂ belongs.", direction="x"),
)

SCALE = (
    Slip("dx is not divided by the standard deviation: multiply by rstd.", scale="none"),
    Slip(
        "You divided dx by the variance. Divide by the standard deviation, as the forward does.",
        scale="variance",
    ),
    Slip("You multiplied dx by the standard deviation: divide by it.", scale="std"),
    Slip("The factor rstd in dx leaves out ε: it is 1/√(σ² + ε).", rstd_eps=0.0),
    Slip("The x̂ in your backward leaves out ε: it is that of the forward.", x_hat_eps=0.0),
    Slip(
        "The backward leaves out ε. It has the same √(σ² + ε) as the forward.",
        rstd_eps=0.0,
        x_hat_eps=0.0,
    ),
    Slip(
        "Your backward ignores the argument eps and uses 1e-5. It has the same ε as the forward.",
        rstd_eps=1e-5,
        x_hat_eps=1e-5,
    ),
    Slip("The variance in rstd is divided by C − 1: divide by C, as in the forward.", rstd_ddof=1),
    Slip("The x̂ in your backward has a variance divided by C − 1: divide by C.", x_hat_ddof=1),
    Slip(
        "Your backward divides the variance by C − 1. It has the same variance as the forward.",
        rstd_ddof=1,
        x_hat_ddof=1,
    ),
)

PARAMETERS = (
    Slip(
        "The sum over the tokens is missing. All tokens share one weight and one bias, so their "
        "gradients add up.",
        reduce="none",
    ),
    Slip(
        "You summed over the first axis only. All tokens share weight and bias: sum over every "
        "axis but the last.",
        reduce="first",
    ),
    Slip("You averaged over the tokens where a sum belongs.", reduce="mean"),
    Slip(
        "You summed over the features. Sum over the tokens: every axis but the last.",
        reduce="features",
    ),
    Slip(
        "You summed over everything. Each feature keeps its own number: sum over every axis but "
        "the last.",
        reduce="all",
    ),
    Slip(
        "Axes of length 1 are left. A gradient has the shape of what it is the gradient of.",
        reduce="keepdims",
    ),
    Slip(
        "dweight is the same as dbias. The output is weight·x̂ + bias: what multiplies weight?",
        dweight_from="ones",
    ),
    Slip("dweight is made from x. What multiplies weight is x̂.", dweight_from="x"),
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
        "dweight and dbias are sums of dy times weight. Weight plays no part there: use dy itself.",
        sums_of="g",
    ),
    Slip("You swapped dweight and dbias: return dx, dweight, dbias.", order=(0, 2, 1)),
    *(
        Slip(
            "The gradients are right but in another order: return dx, dweight, dbias.", order=order
        )
        for order in ((1, 2, 0), (2, 1, 0), (1, 0, 2), (2, 0, 1))
    ),
)
