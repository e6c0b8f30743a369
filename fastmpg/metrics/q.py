"""The players' own estimates of Q, of rules that keep them."""

from .metric import Metric

METRIC = Metric("q", ("S", "A"), "q-estimate")
