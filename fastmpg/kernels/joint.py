"""Joint actions: mixed-radix indices and products of the players' probabilities.

Joint action j = sum_i a_i stride_i in C order, player 0 slowest. The players are cut into a *lead* group 0..cut-1 with
L = prod A_i joint actions and a *tail* group cut..N-1 with U of them, so that j = l U + u.
"""

import math

from .._jit import kernel

TILE = 4096  # numbers in y: 32 KiB stay in the nearer caches beside the rows that stream through


def level_sizes(num_actions):
    """Entries of a group's suffix weights: 1 + A_last + A_last A_before + ... (Python integers, which cannot wrap)."""
    total, size = 1, 1
    for n in reversed(num_actions):
        size *= n
        total += size
    return total


def cut_players(num_actions, width):
    """First player of the tail group: the cut that makes L + U smallest among those whose y, U rows of ``width``, stays in cache."""
    best, smallest = len(num_actions) - 1, math.inf
    for cut in range(min(1, len(num_actions) - 1), len(num_actions)):
        lead, tail = math.prod(num_actions[:cut]), math.prod(num_actions[cut:])
        if lead + tail < smallest and (tail * width <= TILE or cut == len(num_actions) - 1):
            best, smallest = cut, lead + tail
    return best


def scratch_sizes(num_actions, cut, width):
    """Lengths of lead, tail, x and y for planes of ``width`` numbers a joint action."""
    lead, tail = num_actions[:cut], num_actions[cut:]
    return level_sizes(lead), level_sizes(tail), math.prod(lead) * width, math.prod(tail) * width


@kernel
def suffix_weights(row, n_actions, offset, first, last, out):
    """Products of the probabilities of players d..last-1 for every d from last down to first, one level after the other.

    row (A_total,)   pi_i(a) at [offset[i] + a]
    out (sum of the levels' sizes,)   level ``last`` is the single 1; level d - 1 follows level d
    Returns the start of level ``first``: the joint probabilities of the whole group, first player slowest.
    """
    out[0] = 1.0
    start, size = 0, 1
    for d in range(last - 1, first - 1, -1):
        after = start + size
        below = out[start:after]
        for a in range(n_actions[d]):
            p, level = row[offset[d] + a], out[after + a * size:after + (a + 1) * size]
            for u in range(size):
                level[u] = p * below[u]
        start, size = after, size * n_actions[d]
    return start
