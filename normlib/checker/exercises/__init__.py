"""The exercises of the library, by name.

Each is data: a reference with knobs, slips that turn them, inputs, words. What the forwards of all
norms share is in `forward`, what the gradients share in `backward`; a module for each family of
norms adds its axes, its words and its exercises. What is said of answers that no slip explains is
in `fits`, `buffers` and `reasons`. Nothing here knows how an answer is judged.
"""

from normlib.checker.exercises import any_axes, batch_norm_class, channels, groups, tokens
from normlib.checker.exercises.reasons import REASONS, SHAPES, TRAITS, relation
from normlib.checker.exercises.rules import WITH_A_RULE

__all__ = ["EXERCISES", "REASONS", "SHAPES", "TRAITS", "WITH_A_RULE", "relation"]

EXERCISES = {
    exercise.name: exercise
    for exercise in (
        tokens.LAYER_NORM,
        tokens.LAYER_NORM_VJP,
        any_axes.NORMALIZE,
        tokens.RMS_NORM,
        tokens.RMS_NORM_VJP,
        channels.BATCH_NORM,
        channels.BATCH_NORM_VJP,
        channels.INSTANCE_NORM,
        channels.INSTANCE_NORM_VJP,
        groups.GROUP_NORM,
        groups.GROUP_NORM_VJP,
        batch_norm_class.BATCH_NORM_CLASS,
    )
}
