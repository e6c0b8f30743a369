"""Probability rows: softmax in log space, entropy, divergence, projection.

A row is one player's pi_i(. | s). Logarithms are kept up to a constant per row, with the largest at 0, so that a
probability can underflow to 0 by rounding but never become NaN.
"""

import math

from ..machine import inlined, kernel, precise
from ..machine.vectors import LANES, load, store
from .elementary import exp

MISS = 1e-8  # by which a row may miss a sum of 1 or an entry 0: as much as is accepted of a given policy


@inlined
def weighed(p, x):
    """p x, and 0 for a probability of 0 whatever x is: what an action is worth that cannot be taken is -inf."""
    return p * x if p != 0.0 else 0.0


@inlined
def softmax_rows(theta, offset, policy):
    """policy = exp(theta) / sum exp(theta) by player and state; theta is shifted so that each row's maximum is 0.

    theta, policy (S, A_total)
    """
    n_states = theta.shape[0]
    for s in range(n_states):
        for i in range(offset.size - 1):
            top = theta[s, offset[i]]
            for c in range(offset[i] + 1, offset[i + 1]):
                top = max(top, theta[s, c])
            for c in range(offset[i], offset[i + 1]):
                theta[s, c] -= top
    logarithms, weights = theta.reshape(-1), policy.reshape(-1)
    for e in range(0, weights.size - LANES + 1, LANES):  # over all rows at once: three or four actions fill no vector
        store(weights, e, exp(load(logarithms, e)))
    for e in range(weights.size - weights.size % LANES, weights.size):
        weights[e] = exp(logarithms[e])
    for s in range(n_states):
        for i in range(offset.size - 1):
            total = 0.0
            for c in range(offset[i], offset[i + 1]):
                total += policy[s, c]
            scale = 1.0 / total
            for c in range(offset[i], offset[i + 1]):
                policy[s, c] *= scale


@kernel
def log_softmax_row(theta, out):
    """out = theta - log sum exp(theta)."""
    top = theta[0]
    for a in range(1, theta.size):
        top = max(top, theta[a])
    total = 0.0
    for a in range(theta.size):
        total += exp(theta[a] - top)
    shift = top + math.log(total)
    for a in range(theta.size):
        out[a] = theta[a] - shift


@kernel
def entropy(row):
    """-sum p log p with 0 log 0 = 0.    row (A_i,)"""
    total = 0.0
    for a in range(row.size):
        if row[a] > 0.0:
            total -= row[a] * math.log(row[a])
    return total


@kernel
def divergence(row, other):
    """KL(row || other) = sum p log(p / q), infinite where q = 0 < p."""
    total = 0.0
    for a in range(row.size):
        if row[a] > 0.0:
            ratio = row[a] / other[a] if other[a] > 0.0 else math.inf
            if ratio < math.inf:
                total += row[a] * math.log(ratio)
            elif other[a] > 0.0:  # of two numbers more than 1e308 apart
                total += row[a] * (math.log(row[a]) - math.log(other[a]))
            else:
                total = math.inf
    return total


@kernel
def check_policy_rows(policy, offset, fault, k):
    """Note the first row that is no probability row, and nothing once there is a note.

    policy (S, A_total)   offset (N + 1,)   fault (5,): k, or -1 as long as all is well; state; player; action,
    or -1 where the entries are fine and their sum is not 1; the entry, or the sum
    """
    if fault[0] >= 0.0:
        return
    for s in range(policy.shape[0]):
        for i in range(offset.size - 1):
            total, least = 0.0, 0.0
            for c in range(offset[i], offset[i + 1]):
                total += policy[s, c]
                least = min(least, policy[s, c])
            if abs(total - 1.0) <= MISS and least >= -MISS:
                continue
            fault[0], fault[1], fault[2], fault[3], fault[4] = k, s, i, -1, total
            for c in range(offset[i], offset[i + 1]):
                if not policy[s, c] >= -MISS or policy[s, c] > 1.0 + MISS:
                    fault[3], fault[4] = c - offset[i], policy[s, c]
                    break
            return


@kernel
def check_missing(policy, offset, missing, fault, k):
    """Note the first action that is played and cannot be taken, in ``fault`` as :func:`check_policy_rows` has it.

    policy (S, A_total)   offset (N + 1,)   missing (K,): places in the policy, laid out flat   fault (5,)
    """
    if fault[0] >= 0.0:
        return
    width = policy.shape[1]
    for e in range(missing.size):
        s, c = missing[e] // width, missing[e] % width
        if policy[s, c] != 0.0:
            i = 0
            while offset[i + 1] <= c:
                i += 1
            fault[0], fault[1], fault[2], fault[3], fault[4] = k, s, i, c - offset[i], policy[s, c]
            return


@precise
def project_row(row, floor, out):
    """Euclidean projection of ``row`` onto {p : p >= floor, sum p = 1}; n floor <= 1.

    Entries of -inf are left out of it: they become 0, and n counts the others.
    Finds the shift z with sum max(row - z, 0) = 1 - n floor by dropping the entries below it (Michelot 1986), which
    ends after at most n passes. ``out`` may be ``row``.
    """
    n, left, top = row.size, 0, row[0]  # relative to the largest entry, so that a large row loses no digits
    for a in range(1, n):
        top = max(top, row[a])
    if floor > 0.0:
        for a in range(n):
            left += 1 if row[a] != -math.inf else 0
    mass = 1.0 - left * floor
    shift, count = -math.inf, n + 1
    while True:
        total, kept = 0.0, 0
        for a in range(n):
            if row[a] - top > shift:
                total += row[a] - top
                kept += 1
        if kept == 0 or kept >= count:  # fewer are kept in every pass, or rounding has the last word
            break
        count = kept
        shift = (total - mass) / kept
    for a in range(n):
        out[a] = (floor if row[a] != -math.inf else 0.0) + max(row[a] - top - shift, 0.0)
