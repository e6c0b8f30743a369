"""How often each state was visited, of rules that count."""

from .metric import Metric

METRIC = Metric("visits", ("S",), "visits")
