"""What learners of joint actions share: which one was played, models of the others, and what these are worth."""

from __future__ import annotations

import numpy as np

from ..machine import kernel, precise


@precise
def count_joint(state, feedback, s):
    """The joint action that was played in row s, player 0 slowest; counted in ``joint_counts`` and ``visits``."""
    offset, j = feedback.offset, 0
    for i in range(offset.size - 1):
        j = j * (offset[i + 1] - offset[i]) + feedback.actions[i]
    state.visits[s] += 1
    state.joint_counts[s, j] += 1
    return j


@precise
def follow(model, feedback, s, share):
    """m_j(s, a_j) += share [ 1{j plays a_j} - m_j(s, a_j) ] of everybody.    model (S, A_total)"""
    offset = feedback.offset
    for i in range(offset.size - 1):
        for c in range(offset[i], offset[i + 1]):
            seen = 1.0 if c == offset[i] + feedback.actions[i] else 0.0
            model[s, c] += share * (seen - model[s, c])


@kernel
def marginal_values(joint_q, model, offset, s, q):
    """q[s] <- what every action is worth against the models of the others.

    joint_q (N, S, J)   model, q (S, A_total)   q_i(s, a) at [s, offset[i] + a], -inf stays
    """
    players, joint = offset.size - 1, joint_q.shape[2]
    for c in range(q.shape[1]):
        if q[s, c] > -np.inf:
            q[s, c] = 0.0
    for i in range(players):
        for j in range(joint):
            rest, weight, own = j, 1.0, 0
            for k in range(players - 1, -1, -1):
                n = offset[k + 1] - offset[k]
                a = rest % n
                rest = rest // n
                if k == i:
                    own = a
                else:
                    weight *= model[s, offset[k] + a]
            if weight > 0.0:
                q[s, offset[i] + own] += weight * joint_q[i, s, j]
