"""The contraction of sparse transitions, and what a player sees of the future, state by state.

Entry k of P(. | s, j), for k in pointer[s J + j]..pointer[s J + j + 1], leads to the state at place slot[k] of the
union of all next states of s, chain_index[chain_pointer[s]..]. Where that union is short, as with local moves, every
player's marginal transitions over it are kept (``p_bar``) and P is read once an evaluation; else rows are read again
for each value function.
"""

import numpy as np

from ..machine import inlined, kernel
from .contract_dense import contract_own, contract_rewards, reduce_all
from .joint import suffix_weights
from .vector import dot, gather_dot

ALL, CHAIN = 0, 1  # what to contract: everything, or P^pi alone


@inlined
def mix_state(pointer, probability, slot, row, lead_weight, tail_weight, out):
    """P^pi(. | s) over the union of next states; ``row``: s J.    out (width,)"""
    for e in range(out.size):
        out[e] = 0.0
    for l in range(lead_weight.size):
        for u in range(tail_weight.size):
            weight = lead_weight[l] * tail_weight[u]
            if weight != 0.0:
                for k in range(pointer[row], pointer[row + 1]):
                    out[slot[k]] += weight * probability[k]
            row += 1


@inlined
def sum_state(pointer, probability, slot, row, width, lead_weight, tail_weight, x, y):
    """x[l, :] and y[u, :] over the union of next states, as :func:`.contract_dense.sum_both` has them.

    x (L width,), y (U width,) flat   lead_weight (L,)   tail_weight (U,)
    """
    for e in range(lead_weight.size * width):
        x[e] = 0.0
    for e in range(tail_weight.size * width):
        y[e] = 0.0
    for l in range(lead_weight.size):
        by_lead, w_lead = x[l * width:(l + 1) * width], lead_weight[l]
        for u in range(tail_weight.size):
            by_tail, w_tail = y[u * width:(u + 1) * width], tail_weight[u]
            for k in range(pointer[row], pointer[row + 1]):
                p, e = np.float64(probability[k]), slot[k]
                by_lead[e] += w_tail * p
                by_tail[e] += w_lead * p
            row += 1


@kernel
def contract_states(what, rewards, pointer, probability, slot, chain_pointer, policy, n_actions, offset, cut, low, high,
                    lead, tail, x, y, others, reward, p_bar, chain):
    """Contract states low..high-1 with one share's scratch.

    rewards (N or 1, S, J)   policy, reward (S, A_total)   chain (pattern,)
    p_bar (A_total pattern,): A_total rows as long as the state's union, one state after the other; or empty
    """
    columns, n_players = offset[n_actions.size], n_actions.size
    joint = rewards.shape[2]
    for s in range(low, high):
        row = policy[s]
        if what == ALL:
            contract_rewards(rewards, s, row, n_actions, offset, cut, lead, tail, x, y, others, reward[s])
        lead_top = suffix_weights(row, n_actions, offset, 0, cut, -1, lead)
        tail_top = suffix_weights(row, n_actions, offset, cut, n_players, -1, tail)
        first, last = chain_pointer[s], chain_pointer[s + 1]
        width, into = last - first, chain[first:last]
        if what == CHAIN or p_bar.size == 0:
            mix_state(pointer, probability, slot, s * joint, lead[lead_top:], tail[tail_top:], into)
        else:
            sum_state(pointer, probability, slot, s * joint, width, lead[lead_top:], tail[tail_top:], x, y)
            out = p_bar[columns * first:columns * last]
            reduce_all(x, width, row, n_actions, offset, 0, cut, lead, lead_top, out)
            reduce_all(y, width, row, n_actions, offset, cut, n_players, tail, tail_top, out)
            for e in range(width):
                into[e] = y[e]


@kernel
def look_states(i, pointer, probability, slot, chain_pointer, chain_index, discount, policy, n_actions, offset, low,
                high, plane, others, near, reward, p_bar, value, q):
    """q[s, c] = r_i(s, a_i) + gamma sum_t P_i(t | s, a_i) value(t) for player i's columns c in states low..high-1.

    plane (J,), near (widest union,), others: one share's scratch
    """
    columns, n, after = offset[n_actions.size], n_actions[i], 1
    for d in range(i + 1, n_actions.size):
        after *= n_actions[d]
    size = plane.size // n
    for s in range(low, high):
        first = chain_pointer[s]
        width = chain_pointer[s + 1] - first
        for e in range(width):
            near[e] = value[chain_index[first + e]]
        ahead = near[:width]
        if p_bar.size > 0:
            for c in range(offset[i], offset[i + 1]):
                at = columns * first + c * width
                q[s, c] = reward[s, c] + discount * dot(p_bar[at:at + width], ahead)
            continue
        row = s * plane.size
        for l in range(size // after):
            for a in range(n):
                for u in range(after):
                    plane[a * size + l * after + u] = gather_dot(probability, slot, pointer[row], pointer[row + 1],
                                                                 ahead)
                    row += 1
        contract_own(plane, i, policy[s], n_actions, offset, others, q[s])
        for c in range(offset[i], offset[i + 1]):
            q[s, c] = reward[s, c] + discount * q[s, c]

