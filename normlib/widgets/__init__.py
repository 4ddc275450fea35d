"""Interactive figures, live in a notebook and on a page without a kernel."""

from normlib.widgets.batch_dependence import BatchDependence
from normlib.widgets.covariate_shift import CovariateShift
from normlib.widgets.gradient_highway import GradientHighway
from normlib.widgets.layer_norm_geometry import LayerNormGeometry
from normlib.widgets.learning_rate_map import LearningRateMap
from normlib.widgets.precision_lab import PrecisionLab
from normlib.widgets.shared_statistics import SharedStatistics
from normlib.widgets.training_race import TrainingRace

__all__ = [
    "BatchDependence",
    "CovariateShift",
    "GradientHighway",
    "LayerNormGeometry",
    "LearningRateMap",
    "PrecisionLab",
    "SharedStatistics",
    "TrainingRace",
]
