"""The log-barrier with states weighed by their visitation, sum_s d(s) sum_a log pi_i(a | s): Zhang et al. (2022),
section 5. See :mod:`.log_barrier`, whose functions offer it."""

from __future__ import annotations

import math

from ..machine import kernel, unit
from .metric import Metric

__all__: list[str] = []


@kernel
def visited_barriers(q_bar, visit, policy, offset, out):
    """out[i] = sum over visited states of d(s) times the sum of log pi_i(a | s) over the actions with Qbar > -inf.

    q_bar, policy (S, A_total)   visit (S,): d   offset (N + 1,)   out (N,)
    """
    for i in range(out.size):
        total = 0.0
        for s in range(policy.shape[0]):
            if visit[s] > 0.0:
                inner = 0.0
                for c in range(offset[i], offset[i + 1]):
                    if q_bar[s, c] != -math.inf:
                        inner += math.log(policy[s, c]) if policy[s, c] > 0.0 else -math.inf
                total += visit[s] * inner
        out[i] = total


@unit
def write(frame, row):
    """Every player's weighed barrier.    out (K, N)"""
    desk = frame.desk
    visited_barriers(desk.q_bar, desk.visit, desk.policy, desk.offset, frame.out[row])


METRIC = Metric("visited_log_barrier", ("N",), "log-barrier Σ d log π", write, visits=True)
