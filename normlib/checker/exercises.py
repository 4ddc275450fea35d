"""The exercises: for each the reference, the probes and the mistakes that have a name.

To add one, write its reference with knobs, list the slips, and add it to EXERCISES. The tests then
hold it to the same rules: the reference passes, and each slip is told apart from all others.
"""

from normlib.checker import axis_slips, backward_references, batch_norm_slips, references, wording
from normlib.checker import backward_slips as backward
from normlib.checker import forward_slips as forward
from normlib.checker import probes as at
from normlib.checker.attempts import call_vjp
from normlib.checker.batch_norm_reference import BatchNorm
from normlib.checker.crashes import AXIS_REASONS, CHANNEL_REASONS
from normlib.checker.model import Exercise
from normlib.checker.objects import PARTS, call_layer
from normlib.checker.wording import in_words

_FORWARD = "values and shapes, ε under the root, digits kept at a large mean, inputs unchanged"
_VJP = "the output and all {} gradients, their shapes and order, inputs unchanged"
_ROUNDING = (*forward.ONE_PASS, *forward.HALF)
_SUM_TOKENS = "The sum over the tokens is missing, or leaves an axis: sum every axis but the last."
_SUM_SAMPLES = (
    "The sum over samples and positions is missing, or leaves an axis: sum every axis but that of "
    "the channels."
)
_AVERAGE_SAMPLES = (
    "Each channel has one number there, in an array with one axis: average over samples and "
    "positions."
)


def _forward(name, arguments, reference, probes, words, *slips, reasons=()):
    return Exercise(
        name=name,
        arguments=arguments,
        reference=reference,
        probes=probes,
        slips=in_words(words, *slips),
        checked=_FORWARD,
        reasons=reasons,
    )


def _vjp(of, reference, words, *slips, parameters=("weight", "bias"), per_parameter=_SUM_SAMPLES):
    gradients = tuple(f"d{name}" for name in ("x", *parameters))
    return Exercise(
        name=f"{of.name}_vjp",
        arguments=of.arguments,
        call=call_vjp,
        parts=("y", *gradients),
        reference=reference,
        probes=of.probes,
        slips=in_words(words, *slips),
        checked=_VJP.format({2: "two", 3: "three"}[len(gradients)]),
        forward=of,
        per_parameter=per_parameter,
        reasons=of.reasons,
    )


NORMALIZE = _forward(
    "normalize",
    ("x", "axis", "center", "eps"),
    references.normalize,
    at.AXES,
    wording.NORMALIZE,
    *axis_slips.NORMALIZE,
    *forward.CHOSEN_CENTERING,
    *forward.DDOF,
    *forward.POWERS,
    *_ROUNDING,
    *forward.EPSILON,
    reasons=AXIS_REASONS,
)

LAYER_NORM = _forward(
    "layer_norm",
    ("x", "weight", "bias", "eps"),
    references.layer_norm,
    at.TOKENS,
    wording.LAYER_NORM,
    *forward.DDOF,
    *axis_slips.LAYER_NORM,
    *axis_slips.WHOLE,
    *forward.POWERS,
    *_ROUNDING,
    *forward.EPSILON,
    *forward.CENTERING,
    *forward.WEIGHT,
    *forward.BIAS,
)

LAYER_NORM_VJP = _vjp(
    LAYER_NORM,
    backward_references.layer_norm_vjp,
    wording.LAYER_NORM,
    *backward.MEAN_OF_G,
    *backward.PROJECTION,
    *backward.FROM_OUTPUT,
    *backward.CENTERED,
    *axis_slips.LAYER_NORM_VJP,
    *backward.WEIGHT_PLACE,
    *backward.SCALE,
    *backward.DDOF,
    *backward.SUMS,
    *backward.WITH_BIAS,
    per_parameter=_SUM_TOKENS,
)

RMS_NORM = _forward(
    "rms_norm",
    ("x", "weight", "eps"),
    references.rms_norm,
    at.TOKENS,
    wording.RMS_NORM,
    *forward.NO_CENTERING,
    *forward.RMS_DDOF,
    *axis_slips.LAYER_NORM,
    axis_slips.WHOLE[-1],
    *forward.POWERS,
    *forward.HALF,
    *forward.EPSILON,
    *forward.WEIGHT,
)

RMS_NORM_VJP = _vjp(
    RMS_NORM,
    backward_references.rms_norm_vjp,
    wording.RMS_NORM,
    *backward.NO_MEAN_OF_G,
    *backward.PROJECTION,
    *backward.FROM_OUTPUT,
    *axis_slips.LAYER_NORM_VJP,
    *backward.WEIGHT_PLACE,
    *backward.SCALE,
    *backward.SUMS,
    *backward.WEIGHT_ONLY,
    parameters=("weight",),
    per_parameter=_SUM_TOKENS,
)

BATCH_NORM = _forward(
    "batch_norm",
    ("x", "weight", "bias", "eps"),
    references.batch_norm,
    at.BATCHES,
    wording.BATCH_NORM,
    *forward.DDOF,
    *axis_slips.BATCH_NORM,
    *axis_slips.WHOLE,
    *forward.POWERS,
    *_ROUNDING,
    *forward.EPSILON,
    *forward.CENTERING,
    *forward.WEIGHT,
    *forward.BIAS,
    *forward.LAST_AXIS,
    reasons=CHANNEL_REASONS,
)

BATCH_NORM_VJP = _vjp(
    BATCH_NORM,
    backward_references.batch_norm_vjp,
    wording.BATCH_NORM,
    *backward.MEAN_OF_G,
    *backward.PROJECTION,
    *backward.CENTERED,
    *axis_slips.BATCH_NORM_VJP,
    *backward.WEIGHT_IN_THE_MEANS,
    *backward.SCALE,
    *backward.DDOF,
    *backward.SUMS,
    *axis_slips.CHANNEL_VJP,
    *backward.WITH_BIAS,
)

INSTANCE_NORM = _forward(
    "instance_norm",
    ("x", "weight", "bias", "eps"),
    references.instance_norm,
    at.IMAGES,
    wording.INSTANCE_NORM,
    *axis_slips.INSTANCE_NORM,
    *forward.DDOF,
    *axis_slips.WHOLE,
    *forward.POWERS,
    *_ROUNDING,
    *forward.EPSILON,
    *forward.CENTERING,
    *forward.WEIGHT,
    *forward.BIAS,
    *forward.LAST_AXIS,
    reasons=CHANNEL_REASONS,
)

INSTANCE_NORM_VJP = _vjp(
    INSTANCE_NORM,
    backward_references.instance_norm_vjp,
    wording.INSTANCE_NORM,
    *backward.MEAN_OF_G,
    *backward.PROJECTION,
    *backward.CENTERED,
    *axis_slips.INSTANCE_NORM_VJP,
    *backward.WEIGHT_IN_THE_MEANS,
    *backward.SCALE,
    *backward.DDOF,
    *backward.SUMS,
    *axis_slips.CHANNEL_VJP,
    *backward.WITH_BIAS,
)

GROUP_NORM = _forward(
    "group_norm",
    ("x", "num_groups", "weight", "bias", "eps"),
    references.group_norm,
    at.GROUPS,
    wording.GROUP_NORM,
    *axis_slips.GROUP_NORM,
    *forward.DDOF,
    *axis_slips.WHOLE,
    *forward.POWERS,
    *_ROUNDING,
    *forward.EPSILON,
    *forward.CENTERING,
    *forward.WEIGHT,
    *forward.BIAS,
    *forward.LAST_AXIS,
    reasons=CHANNEL_REASONS,
)

GROUP_NORM_VJP = _vjp(
    GROUP_NORM,
    backward_references.group_norm_vjp,
    wording.GROUP_NORM,
    *backward.MEAN_OF_G,
    *backward.PROJECTION,
    *backward.CENTERED,
    *axis_slips.GROUP_NORM_VJP,
    *backward.WEIGHT_PLACE,
    *backward.SCALE,
    *backward.DDOF,
    *backward.SUMS,
    *axis_slips.CHANNEL_VJP,
    *backward.WITH_BIAS,
)

BATCH_NORM_CLASS = Exercise(
    name="BatchNorm",
    arguments=("num_features", "eps", "momentum"),
    call=call_layer,
    parts=PARTS,
    reference=BatchNorm,
    probes=at.SERIES,
    slips=(
        *batch_norm_slips.BUFFERS,
        *batch_norm_slips.MODES,
        *batch_norm_slips.STATISTICS,
        *batch_norm_slips.EPSILON,
        *batch_norm_slips.PARAMETERS,
    ),
    checked="outputs and buffers after every step of training, eval and training again",
    per_parameter=_AVERAGE_SAMPLES,
    reasons=CHANNEL_REASONS,
)

EXERCISES = {
    exercise.name: exercise
    for exercise in (
        LAYER_NORM,
        LAYER_NORM_VJP,
        NORMALIZE,
        RMS_NORM,
        RMS_NORM_VJP,
        BATCH_NORM,
        BATCH_NORM_VJP,
        INSTANCE_NORM,
        INSTANCE_NORM_VJP,
        GROUP_NORM,
        GROUP_NORM_VJP,
        BATCH_NORM_CLASS,
    )
}
