"""Probability rows: softmax in log space, entropy, divergence, projection.

A row is one player's pi_i(. | s). Logarithms are kept up to a constant per row, with the largest at 0, so that a
probability can underflow to 0 by rounding but never become NaN.
"""

import math

import numpy as np

from .._jit import inlined, kernel, precise

LOG2E = 1.4426950408889634
LN2_HIGH = 0.6931471803691238  # ln 2 in two pieces: k times the first is exact
LN2_LOW = 1.9082149292705877e-10
SMALLEST = -708.0  # exp below this would be subnormal: flushed to 0


@precise
def exp(x):
    """e^x for x <= 709 to 5e-16 relative, 0 below -708, NaN for NaN; unlike libm's it is inlined and vectorises."""
    y = SMALLEST if x < SMALLEST else x
    k = np.floor(y * LOG2E + 0.5) if y == y else 0.0  # NaN goes on in r, but never into an integer
    r = (y - k * LN2_HIGH) - k * LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    low = (1.0 + r) + r2 * (0.5 + r * 0.16666666666666666)  # Taylor to r^13 / 13!, by pairs: short chains of operations
    mid = (0.041666666666666664 + r * 0.008333333333333333) + r2 * (0.001388888888888889 + r * 0.0001984126984126984)
    high = (2.48015873015873e-05 + r * 2.7557319223985893e-06) + r2 * (2.755731922398589e-07 + r * 2.505210838544172e-08)
    tail = 2.08767569878681e-09 + r * 1.6059043836821613e-10
    p = low + r4 * (mid + r4 * (high + r4 * tail))
    value = p * np.int64((np.int64(k) + 1023) << 52).view(np.float64)
    return 0.0 if x < SMALLEST else value


@inlined
def softmax_rows(theta, offset, policy):
    """policy = exp(theta) / sum exp(theta) by player and state; theta is shifted so that each row's maximum is 0.

    theta, policy (S, A_total)
    """
    n_states, width = theta.shape
    for s in range(n_states):
        for i in range(offset.size - 1):
            top = theta[s, offset[i]]
            for c in range(offset[i] + 1, offset[i + 1]):
                top = max(top, theta[s, c])
            for c in range(offset[i], offset[i + 1]):
                theta[s, c] -= top
        for c in range(width):  # over all players at once: rows of three or four actions would not fill a vector
            policy[s, c] = exp(theta[s, c])
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
    """-sum p log p with 0 log 0 = 0."""
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
            total += row[a] * math.log(row[a] / other[a]) if other[a] > 0.0 else math.inf
    return total


@precise
def project_row(row, floor, out):
    """Euclidean projection of ``row`` onto {p : p >= floor, sum p = 1}; n floor <= 1.

    Finds the shift z with sum max(row - z, 0) = 1 - n floor by dropping the entries below it (Michelot 1986), which
    ends after at most n passes. ``out`` may be ``row``.
    """
    n = row.size
    mass = 1.0 - n * floor
    top = row[0]  # relative to the largest entry, so that a large row loses no digits
    for a in range(1, n):
        top = max(top, row[a])
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
        out[a] = floor + max(row[a] - top - shift, 0.0)
