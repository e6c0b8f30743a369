"""How often each player took each action in each state, of rules that count."""

from .metric import Metric

METRIC = Metric("counts", ("S", "A"), "times taken")
