"""What both ways of sampling share: the two geometric times of a sample, and the action that explores."""

from __future__ import annotations

import numpy as np

from ..kernels.elementary import floor, integer, log
from ..kernels.rng import LENGTHS, STEPS, pair
from ..machine import kernel, precise
from ..machine.vectors import LANES, broadcast, load, store

CHUNK = 8192  # samples drawn before they are learned from


@precise
def geometric(u, scale):
    """A time with P(time >= t) = gamma^t, scale = 1 / log gamma (0 for gamma 0): a whole number, as a float."""
    return floor(log(1.0 - u) * scale)


@kernel
def draw_times(key, first, scale, before, after, lo, hi):
    """Both times of samples first + lo .. first + hi - 1, in ``before`` and ``after`` (CHUNK,); hi is rounded up to
    whole vectors.
    """
    key0, key1, stream, block = broadcast(key[0]), broadcast(key[1]), broadcast(np.uint64(LENGTHS)), broadcast(
        np.uint64(0))
    for m in range(lo, hi, LANES):
        u, v = pair(key0, key1, load(STEPS, 0) + np.uint64(first + m), block, stream)
        store(before, m, integer(geometric(u, scale)))
        store(after, m, integer(geometric(v, scale)))


@precise
def own_action(policy, s, first, last, available, count, exploration, u):
    """An action of (1 - xi) pi_i + xi uniform over what is there, by inversion.

    policy, available (S, A_total), columns first..last-1   count: how many are there
    """
    chosen, end, total = -1, 0, 0.0
    for c in range(first, last):
        if available[s, c]:
            total += (1.0 - exploration) * policy[s, c] + exploration / count
            end = c - first
            if chosen < 0 and u < total:
                chosen = end
    return chosen if chosen >= 0 else end
