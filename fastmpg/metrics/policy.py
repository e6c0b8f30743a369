"""The policy itself, as it is recorded."""

from .metric import Metric

METRIC = Metric("policy", ("S", "A"), "probability")
