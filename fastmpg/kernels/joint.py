"""Joint actions: mixed-radix indices and products of the players' probabilities.

Joint action j = sum_i a_i stride_i in C order, player 0 slowest. The players are cut into a *lead* group 0..cut-1 with
L = prod A_i joint actions and a *tail* group cut..N-1 with U of them, so that j = l U + u.
"""

from .._jit import kernel


def level_sizes(num_actions):
    """Rows of prefix weights of a group: 1 + A_0 + A_0 A_1 + ... (Python integers, which cannot wrap)."""
    total, size = 1, 1
    for n in num_actions:
        size *= n
        total += size
    return total


def cut_players(num_actions, width, tile):
    """First player of the tail group: the longest tail of at most ``tile`` elements of ``width`` each, but not everyone."""
    cut, size = len(num_actions) - 1, num_actions[-1]
    while cut > 1 and size * num_actions[cut - 1] * width <= tile:
        cut -= 1
        size *= num_actions[cut]
    return cut


@kernel
def prefix_weights(row, n_actions, offset, first, last, out):
    """Products of the probabilities of players first..d-1 for every d in first..last, one level after the other.

    row (A_total,)   pi_i(a) at [offset[i] + a]
    out (sum of the levels' sizes,)   level d follows level d-1; level ``first`` is the single 1
    Returns the start of the last level, which holds the joint probabilities of the whole group.
    """
    out[0] = 1.0
    start, size = 0, 1
    for i in range(first, last):
        n, base = n_actions[i], offset[i]
        after = start + size
        for j in range(size):
            weight = out[start + j]
            for a in range(n):
                out[after + j * n + a] = weight * row[base + a]
        start, size = after, size * n
    return start
