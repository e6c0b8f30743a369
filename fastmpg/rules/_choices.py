"""Numbers that a rule draws for itself, beside those that actions and the environment take."""

from __future__ import annotations

import numpy as np

from ..kernels.elementary import exp, log
from ..kernels.rng import CHOICES, pair
from ..machine import precise


@precise
def choice(key, k, number):
    """Two uniform numbers of update k.    key (2,)   number: of the pair"""
    return pair(key[0], key[1], np.uint64(k), np.uint64(number), np.uint64(CHOICES))


@precise
def drawn_player(key, k, players):
    """One of the players, drawn evenly by the first number of update k, and that update's second number."""
    u, v = choice(key, k, 0)
    return min(int(u * players), players - 1), v


@precise
def draw_softmax(q, tau, u):
    """An action by exp(q(a) / tau), inversion at u.    q (A_i,), -inf where there is no action"""
    top = q[0]
    for a in range(1, q.size):
        top = max(top, q[a])
    total = 0.0
    for a in range(q.size):
        total += exp((q[a] - top) / tau)
    aim, mass, last = u * total, 0.0, 0
    for a in range(q.size):
        weight = exp((q[a] - top) / tau)
        if weight > 0.0:
            mass, last = mass + weight, a
            if aim < mass:
                break
    return last


@precise
def soften(q, tau, out):
    """out <- softmax(q / tau); returns tau log sum exp(q / tau).    q, out (A_i,), -inf where there is no action"""
    top = q[0]
    for a in range(1, q.size):
        top = max(top, q[a])
    total = 0.0
    for a in range(q.size):
        out[a] = exp((q[a] - top) / tau)
        total += out[a]
    for a in range(q.size):
        out[a] /= total
    return top + tau * log(total)
