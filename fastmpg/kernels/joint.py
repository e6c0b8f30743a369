"""Joint actions: mixed-radix indices and products of the players' probabilities.

Joint action j = sum_i a_i stride_i in C order, player 0 slowest. The players are cut into a *lead* group 0..cut-1 with
L = prod A_i joint actions and a *tail* group cut..N-1 with U of them, so that j = l U + u.
"""

import math

import numpy as np

from ..machine import inlined
from ..machine.vectors import LANES, aligned

TILE = 4096  # numbers in y: 32 KiB stay in the nearer caches beside the rows that stream through


def level_sizes(num_actions):
    """Entries of a group's suffix weights: 1 + A_last + A_last A_before + ... (Python integers, which cannot wrap)."""
    total, size = 1, 1
    for n in reversed(num_actions):
        size *= n
        total += size
    return total


def cut_players(num_actions, width):
    """First player of the tail: the smallest L + U among cuts whose y, U rows of ``width``, stays in cache."""
    best, smallest = len(num_actions) - 1, math.inf
    for cut in range(min(1, len(num_actions) - 1), len(num_actions)):
        lead, tail = math.prod(num_actions[:cut]), math.prod(num_actions[cut:])
        if lead + tail < smallest and (tail * width <= TILE or cut == len(num_actions) - 1):
            best, smallest = cut, lead + tail
    return best


def scratch_sizes(num_actions, cut, width):
    """Lengths of lead, tail, x, y and others for planes of ``width`` numbers a joint action."""
    lead, tail = num_actions[:cut], num_actions[cut:]
    others = max(level_sizes(num_actions[:i] + num_actions[i + 1:]) for i in range(len(num_actions)))
    return level_sizes(lead), level_sizes(tail), math.prod(lead) * width, math.prod(tail) * width, others


@inlined
def suffix_weights(row, n_actions, offset, first, last, skip, out):
    """Products of the probabilities of players d..last-1 for every d from last to first, one level after the other.

    row (A_total,)   pi_i(a) at [offset[i] + a]   skip: a player to leave out, or -1
    out (sum of the levels' sizes,)   level ``last`` is the single 1; level d - 1 follows level d
    Returns the start of level ``first``: the joint probabilities of the whole group, first player slowest.
    """
    out[0] = 1.0
    start, size = 0, 1
    for d in range(last - 1, first - 1, -1):
        if d == skip:
            continue
        n, base, after = n_actions[d], offset[d], start + size
        if size == 1:
            for a in range(n):
                out[after + a] = row[base + a]
        else:
            below = out[start:after]
            for a in range(n):
                p, level = row[base + a], out[after + a * size:after + (a + 1) * size]
                for u in range(size):
                    level[u] = p * below[u]
        start, size = after, size * n
    return start


def own_action_first(planes, num_actions):
    """Rewards (N, S, A_0, ...) as (N, S, J), the slowest digit of plane i player i's own action, the others in order.

    What a player can expect from each of its actions is then a plain dot product with the others' joint probabilities.
    """
    out = np.empty((*planes.shape[:2], math.prod(num_actions)))
    for i in range(len(num_actions)):
        rotated = np.moveaxis(planes[i], i + 1, 1)
        out[i].reshape(rotated.shape)[...] = rotated
    return out


def own_action_last(planes, num_actions):
    """(N, S, J) with the own action first as flat (N, S, most, LANES): a padded row for what the others do.

    most: the largest number of joint actions of others
    """
    players, states, joint = planes.shape
    out = aligned(players * states * joint // min(num_actions) * LANES)
    for i, n in enumerate(num_actions):
        own = np.moveaxis(planes[i].reshape(states, n, -1), 1, 2)
        out.reshape(players, states, -1, LANES)[i, :, :joint // n, :n] = own
    return out


def natural_order(planes, num_actions):
    """The inverse of :func:`own_action_first`: (N, S, A_0, ...)."""
    out = np.empty((*planes.shape[:2], *num_actions))
    for i, n in enumerate(num_actions):
        rotated = planes[i].reshape(planes.shape[1], n, *num_actions[:i], *num_actions[i + 1:])
        out[i] = np.moveaxis(rotated, 1, i + 1)
    return out
