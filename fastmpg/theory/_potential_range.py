"""D = max phi - min phi of games whose potential can be read off payoffs: Monderer & Shapley (1996), section 2.

A stage potential phi_s exists if unilateral changes of payoffs are those of one function of the joint action. The
nearest one is found and then checked against every change. Where moves do not depend on actions, the discounted sum of
phi_s is a Markov potential, and phi_s may be shifted state by state.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from .._check import Float
from ..metrics._joint import joint_tables
from ..models.game import Game

NEAR = 1e-10  # of the largest payoff: what rounding leaves of a sum around a cycle


def nearest(payoffs: Float) -> Float:
    """phi (A_0, ...) whose changes by one player's deviation come nearest to those of payoffs (N, A_0, ...), mean 0.

    Least squares over all deviations: the Laplacian of their graph is diagonal in cosines along every player's axis,
    phi-hat(c) = sum_{i: c_i > 0} A_i u_i-hat(c) / sum_{i: c_i > 0} A_i (Candogan et al. 2011).
    """
    n = payoffs.shape[0]
    top, below = np.zeros(payoffs.shape[1:]), np.zeros(payoffs.shape[1:])
    for i in range(n):
        moves = (np.arange(payoffs.shape[1 + i]) > 0).reshape([-1 if j == i else 1 for j in range(n)])
        share = payoffs.shape[1 + i] * moves
        top += share * scipy.fft.dctn(payoffs[i], norm="ortho")
        below += share
    below.flat[0] = 1.0
    return np.asarray(scipy.fft.idctn(top / below, norm="ortho"))


def missed(payoffs: Float, phi: Float) -> float:
    """The largest change of a payoff by one player's deviation that phi misses."""
    return max(float(np.ptp(payoffs[i] - phi, axis=i).max()) for i in range(payoffs.shape[0]))


def known_range(game: Game) -> float | None:
    """max over states of the range of phi_s; None where there is none, or none to be read off."""
    found = range_and_missed(game)
    return None if found is None else found[0]


def range_and_missed(game: Game) -> tuple[float, float] | None:
    """:func:`known_range`, and the largest change of a payoff by one deviation that phi misses: rounding."""
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
    size, widest, most = float(np.abs(tables.rewards).max()), 0.0, 0.0
    for s in range(states):
        payoffs = tables.rewards[:, s].reshape(-1, *game.num_actions)
        phi = nearest(payoffs)
        off = missed(payoffs, phi)
        if off > NEAR * size:
            return None
        widest, most = max(widest, float(np.ptp(phi))), max(most, off)
    return widest, most
