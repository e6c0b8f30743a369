"""What epsilon-greedy learners share: how they act, and policies that are greedy in a table of values.

A state of theirs has the fields

    policy, q (S, A_total)    q is -inf where an action is not available
    greedy (S, N)             the action of largest q, -1 where there is none yet, or several: then ``policy`` says
    epsilon (1,)              the probability of exploring in the next step
    masked                    whether some action is not available

and, as long as a state was never visited, the policy that the run was started with.
"""

from __future__ import annotations

import numpy as np

from .._check import Float
from ..machine import kernel, precise
from ..models.game import Game


@kernel
def nth_available(q, n):
    """The n-th entry of q (A_i,) that is above -inf."""
    for a in range(q.size):
        if q[a] > -np.inf:
            if n == 0:
                return a
            n -= 1
    return 0


@kernel
def count_available(q):
    """How many entries of q (A_i,) are above -inf."""
    count = 0
    for a in range(q.size):
        if q[a] > -np.inf:
            count += 1
    return count


@kernel
def draw_row(policy, u):
    """An action by its probability policy (A_i,): inversion at u; the last one with any where rounding leaves a gap."""
    total, last = 0.0, 0
    for a in range(policy.size):
        if policy[a] > 0.0:
            total, last = total + policy[a], a
            if u < total:
                return a
    return last


@precise
def act_greedily(state, s, offset, uniforms, at, actions):
    """actions[i] (N,): with probability epsilon any available one, else the greedy one, by number uniforms[at + i].

    A number below epsilon, divided by it, is uniform again, as is what a number above it has left.
    """
    epsilon = state.epsilon[0]
    for i in range(offset.size - 1):
        u, low, high = uniforms[at + i], offset[i], offset[i + 1]
        a = state.greedy[s, i]
        if u < epsilon:
            n = high - low
            if state.masked:
                n = count_available(state.q[s, low:high])
            a = min(int(u / epsilon * n), n - 1)
            if state.masked:
                a = nth_available(state.q[s, low:high], a)
        elif a < 0:
            a = draw_row(state.policy[s, low:high], (u - epsilon) / (1.0 - epsilon))
        actions[i] = a


@kernel
def settle(state, s, i, low, high):
    """policy[s, low:high], greedy[s, i] <- greedy in q (S, A_total): all actions of largest q alike."""
    q, policy = state.q, state.policy
    top, ties = low, 1
    for c in range(low + 1, high):
        if q[s, c] > q[s, top]:
            top, ties = c, 1
        elif q[s, c] == q[s, top]:
            ties += 1
    best, share = q[s, top], 1.0 / ties
    for c in range(low, high):
        policy[s, c] = share if q[s, c] == best else 0.0
    state.greedy[s, i] = top - low if ties == 1 else -1


@precise
def best_value(state, s, i, low, high):
    """max_a q_i(s, a).    q (S, A_total)"""
    a = state.greedy[s, i]
    if a >= 0:
        return state.q[s, low + a]
    top = state.q[s, low]
    for c in range(low + 1, high):
        if state.q[s, c] > top:
            top = state.q[s, c]
    return top


def blank(game: Game, policy: Float) -> Float:
    """A table (S, A_total): 0, or -inf where an action is not available."""
    table = np.zeros(policy.shape)
    if game.available is not None:
        table[~game.available] = -np.inf
    return table
