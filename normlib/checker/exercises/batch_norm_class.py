"""The exercise of a BatchNorm that keeps running statistics: its slips."""

from normlib.checker.exercises.batch_norm_layer import BatchNorm
from normlib.checker.exercises.buffers import describe
from normlib.checker.exercises.channels import REASONS
from normlib.checker.exercises.inputs import SERIES
from normlib.checker.exercises.stateful import PARTS, call_layer, separate
from normlib.checker.model import Exercise, Slip

BUFFERS = (
    Slip(
        "Your buffers are those of CS231n: momentum is the share of the old, running_var starts at "
        "0 and takes up the variance divided by n. PyTorch's do all three the other way.",
        blend="inverted",
        var_start=0.0,
        buffer_ddof=0,
    ),
    Slip(
        "running_var takes up the variance divided by n. The buffer estimates that of the "
        "population, so here divide by n − 1.",
        buffer_ddof=0,
    ),
    Slip(
        "For running_var you divided by N − 1, N the number of samples. A channel of a batch has "
        "n = samples × positions numbers: divide by n − 1.",
        buffer_count="samples",
    ),
    Slip(
        "momentum is the wrong way round: it is the share of the new statistic, and 1 − momentum "
        "that of the old.",
        blend="inverted",
    ),
    Slip(
        "The buffers are replaced by those of the batch. Blend them: keep a share 1 − momentum of "
        "the old.",
        blend="replace",
    ),
    Slip(
        "The buffers keep all of the old. Take off as much as you add: a share 1 − momentum of it "
        "stays.",
        blend="no decay",
    ),
    *(
        Slip(
            f"You ignored the argument momentum and used {m}. Use the one that you are given.",
            fixed_momentum=m,
        )
        for m in (0.1, 0.9, 0.01, 0.99)
    ),
    Slip("The buffers are never updated: every step in training should do it.", update="never"),
    Slip(
        "The buffers are updated in eval mode too, before they are used. Only training updates "
        "them.",
        update="always first",
    ),
    Slip(
        "The buffers are updated in eval mode too, after they are used. Only training updates "
        "them.",
        update="always last",
    ),
    Slip("running_var starts at 0. It starts at 1.", var_start=0.0),
    Slip("running_mean starts at 1. It starts at 0.", mean_start=1.0),
    Slip(
        "running_var takes up the standard deviation, and in eval mode its root is taken once "
        "more. The buffer holds the variance.",
        buffer="root",
    ),
    Slip(
        "running_var takes up the standard deviation. The buffer holds the variance.",
        buffer="root squared in eval",
    ),
    Slip("running_var takes up ε too. It holds the variance alone.", buffer="plus eps"),
    Slip("running_var takes up the mean of the batch. It holds the variance.", buffer="mean"),
    Slip(
        "Your buffers give every batch the same weight, as an average of all does. The new one has "
        "the share momentum.",
        blend="cumulative",
    ),
)

MODES = (
    Slip(
        "In eval mode you normalize by the batch. There the running statistics take its place.",
        eval_mean_by="batch",
        eval_var_by="batch",
    ),
    Slip(
        "In eval mode you subtract the mean of the batch, not running_mean.", eval_mean_by="batch"
    ),
    Slip("In eval mode you use the variance of the batch, not running_var.", eval_var_by="batch"),
    Slip(
        "In eval mode you normalize by the last batch of the training. There the running "
        "statistics take its place.",
        eval_mean_by="last batch",
        eval_var_by="last batch",
    ),
    Slip(
        "In eval mode you subtract the mean of the last training batch, not running_mean.",
        eval_mean_by="last batch",
    ),
    Slip(
        "In eval mode you use the variance of the last training batch, not running_var.",
        eval_var_by="last batch",
    ),
    Slip(
        "In training you normalize by the running statistics, just updated. Use those of the "
        "batch.",
        train_by="running",
    ),
    Slip(
        "In training you normalize by the running statistics, not yet updated. Use those of the "
        "batch.",
        train_by="old running",
    ),
    Slip("eval() does not end the training: set training to False there.", eval_method=False),
    Slip("train() does not go back to training: set training to True there.", train_method=False),
    Slip("A new object is in eval mode. It starts in training.", training_start=False),
)

STATISTICS = (
    Slip(
        "In training you divided the variance by n − 1. The batch is normalized with a division by "
        "n; only the buffer takes n − 1.",
        forward_ddof=1,
    ),
    Slip(
        "Your averages run over the batch only. Statistics run over the positions too, so that all "
        "positions share them.",
        axis="N",
    ),
    Slip(
        "Your averages run over samples and channels together. Each channel has a mean and a "
        "variance of its own.",
        axis="NC",
    ),
    Slip(
        "Your averages run over all axes but the last. The channels are axis 1, and what comes "
        "after it are positions.",
        axis="K",
    ),
    Slip("Your averages run over the whole array. Each channel has its own.", axis="NCP"),
    Slip("You did not subtract the mean from x.", shift=0),
    Slip(
        "You divided by the variance. Divide by its square root, the standard deviation.", power=1
    ),
    Slip("You did not divide by the standard deviation.", power=0),
    Slip(
        "You added up the squares. The variance is their mean: divide the sum by n.", spread="sum"
    ),
    Slip(
        "The formula is right but loses its digits when the mean is large: E[x²] − E[x]² takes "
        "the difference of two huge numbers. Subtract the mean first, then square.",
        rough=1e-5,
        one_pass=True,
    ),
)

EPSILON = (
    Slip("ε is outside the square root: it is √(σ² + ε), not √σ² + ε.", eps_place="outside"),
    Slip("ε is missing under the root.", fixed_eps=0.0),
    Slip(
        "You ignored the argument eps and used 1e-5. Use the eps that you are given.",
        fixed_eps=1e-5,
    ),
    Slip("You squared ε: it is √(σ² + ε), not √(σ² + ε²).", eps_place="squared"),
    Slip(
        "In eval mode ε is outside the square root: it stays √(σ² + ε).", eval_eps_place="outside"
    ),
    Slip("In eval mode ε is missing: it stays √(σ² + ε).", eval_fixed_eps=0.0),
)

PARAMETERS = (
    Slip(
        "In eval mode weight and bias are forgotten. They are part of both modes.",
        affine_in="training",
    ),
    Slip(
        "weight is missing: the last step multiplies x̂ by weight, then adds bias.", weight_as="one"
    ),
    Slip("bias is missing: the last step adds it.", bias_as="zero"),
    Slip("You swapped weight and bias: multiply by weight, add bias.", affine="swapped"),
    Slip(
        "Your weight and bias lie along the last axis of x. They belong to the channels, which are "
        "axis 1.",
        affine_axis="last",
    ),
    Slip("weight starts at 0. It starts at 1.", weight_start=0.0),
    Slip("bias starts at 1. It starts at 0.", bias_start=1.0),
)

BATCH_NORM_CLASS = Exercise(
    name="BatchNorm",
    arguments=("num_features", "eps", "momentum"),
    call=call_layer,
    parts=PARTS,
    reference=BatchNorm,
    probes=SERIES,
    slips=(*BUFFERS, *MODES, *STATISTICS, *EPSILON, *PARAMETERS),
    checked="outputs and buffers after every step of training, eval and training again",
    per_parameter=(
        "Each channel has one number there, in an array with one axis: average over samples and "
        "positions."
    ),
    reasons=REASONS,
    describe=describe,
    rules=(separate,),
)
