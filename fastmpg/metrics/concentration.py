"""How much probability best actions have, and how rarely a state is visited.

    c(pi) = min_{i,s} sum_{a in argmax Qbar_i(s, .)} pi_i(a | s)         M(pi) = max_s 1 / d(s)
"""

from __future__ import annotations

import math
from typing import Any

from ..feedback.desk import evaluated
from ..machine import kernel
from ..models.game import Game
from .origin import centred

TIED = 1e-12  # of the largest Q in the state, to which its rounding is relative: this close to the best counts as best


@kernel
def greedy_mass(q_bar, policy, offset):
    """c(pi): the least probability that a player gives to its best actions in a state."""
    least = 1.0
    for s in range(q_bar.shape[0]):
        for i in range(offset.size - 1):
            top, size = -math.inf, 0.0
            for c in range(offset[i], offset[i + 1]):
                top = max(top, q_bar[s, c])
                size = max(size, abs(q_bar[s, c]))
            mass = 0.0
            for c in range(offset[i], offset[i + 1]):
                if q_bar[s, c] >= top - TIED * size:
                    mass += policy[s, c]
            least = min(least, mass)
    return least


@kernel
def mismatch_of(visit):
    """M(pi) = max_s 1 / d(s)."""
    least = math.inf
    for s in range(visit.size):
        least = min(least, visit[s])
    return 1.0 / least


def c(game: Game, policy: Any) -> float:
    """c(pi): the least probability that a player gives to its best actions in a state (Zhang et al. 2022, eq. 7)."""
    oracle = evaluated(centred(game)[0], policy, wants_visit=False)
    return float(greedy_mass(oracle.q_bar, oracle.policy, oracle.offset))


def mismatch(game: Game, policy: Any) -> float:
    """M(pi) = max_s 1 / d(s), infinite when a state is never visited (Zhang et al. 2022, eq. 7)."""
    oracle = evaluated(game, policy)
    return float(mismatch_of(oracle.visit))
