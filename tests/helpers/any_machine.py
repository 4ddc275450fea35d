"""Settings for tests that pass on every machine, however busy and however many cores it has."""

import os

import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)  # on small arrays two threads mostly wait for each other
slow = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # and not wrong
settings.register_profile("any machine", settings.default, **slow)
settings.load_profile("any machine")

# IPython warns where an environment is active that is not the one of the tests.
os.environ.pop("VIRTUAL_ENV", None)
