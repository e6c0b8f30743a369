"""The average of a run's policies over its recorded steps: what regret is about where last iterates go round."""

from __future__ import annotations

from ..machine import unit
from .metric import Metric


@unit
def write(frame, row):
    """out[row] = the mean of the policies at rows 0..row, from that of the row before.    policy (S, A_total)"""
    policy, out = frame.table.reshape(-1), frame.out[row].reshape(-1)
    if row == 0:
        for e in range(policy.size):
            out[e] = policy[e]
    else:
        before, share = frame.out[row - 1].reshape(-1), 1.0 / (row + 1.0)
        for e in range(policy.size):
            out[e] = before[e] + share * (policy[e] - before[e])


METRIC = Metric("average_policy", ("S", "A"), "probability, average", write, table="policy")
