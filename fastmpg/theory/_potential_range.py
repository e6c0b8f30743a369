"""D = max phi - min phi of games whose potential can be read off payoffs: Monderer & Shapley (1996), section 2.

A stage potential phi_s exists if unilateral changes of payoffs are those of one function of the joint action. It is
found by walking from one joint action to every other, player by player, and then checked against every change. Where
moves do not depend on actions, the discounted sum of phi_s is a Markov potential, and phi_s may be shifted state by
state.
"""

from __future__ import annotations

import numpy as np

from .._check import Float
from ..metrics._joint import joint_tables
from ..models.game import Game

NEAR = 1e-10  # of the largest payoff: what rounding leaves of a sum around a cycle


def stage_potential(payoffs: Float) -> tuple[Float, float]:
    """phi (A_0, ..), 0 at the first joint action, and the largest change of a payoff (N, A_0, ..) that phi misses."""
    players = len(payoffs)
    first = (slice(0, 1),) * players
    phi = np.zeros((1,) * players)
    for i in range(players):  # players before i anywhere, those after i at their first action
        at = (slice(None),) * (i + 1) + first[i + 1:]
        there = payoffs[i][at]
        phi = phi + (there - there[(slice(None),) * i + (slice(0, 1),)])
    off = 0.0
    for i in range(players):
        rest = payoffs[i] - phi  # depends on the others alone if phi is a potential
        off = max(off, float(np.ptp(rest, axis=i).max()))
    return phi, off


def known_range(game: Game) -> float | None:
    """max over states of the range of phi_s; None where there is none, or none to be read off."""
    if not hasattr(game, "rewards") or game.available is not None:
        return None
    try:
        tables = joint_tables(game, "the potential", 2)
    except MemoryError:
        return None
    states, joint = tables.rewards.shape[1:]
    if states > 1:
        if not isinstance(tables.moves, np.ndarray):
            return None
        rows = tables.moves.reshape(states, joint, states)
        if game.discount > 0.0 and not (np.ptp(rows, axis=1) <= 1e-12).all():
            return None
    size, widest = float(np.abs(tables.rewards).max()), 0.0
    for s in range(states):
        phi, off = stage_potential(tables.rewards[:, s].reshape(-1, *game.num_actions))
        if off > NEAR * size:
            return None
        widest = max(widest, float(np.ptp(phi)))
    return widest
