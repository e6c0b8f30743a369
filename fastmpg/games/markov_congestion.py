"""Congestion games whose crowds move the state a little: the near-potential games of Guo et al. (2023)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _check
from ..models.counts.game import CountGame
from ..models.counts.vectors import INSTEAD, count_vectors

__all__ = ["markov_congestion"]


def markov_congestion(num_players: int = 3, num_facilities: int = 2, num_states: int = 3, influence: float = 0.1,
                      discount: float = 0.9, rng: Any = 0) -> CountGame:
    """r_i(s, a) = c_{s, a_i}(n_{a_i}), falling in the number of players there; how many are where moves the state.

    P(. | s, n) = (1 - influence) P_0(. | s) + influence P_1(. | s, n), P_0 and P_1 flat Dirichlet, c uniform on [0, 1]
    and put in order.

    Parameters
    ----------
    num_players, num_facilities, num_states : int
    influence : float
        In [0, 1]. With 0 nobody moves the state, and it is a Markov potential game.
    discount : float
    rng : None, int, sequence of int, SeedSequence or Generator
        Of c, P_0 and P_1: the same numbers for every influence.

    Returns
    -------
    CountGame
        Its alpha is at most gamma x (N - 1) / ((1 - gamma)(1 - gamma + gamma x)), x the influence: see
        :func:`fastmpg.theory.congestion_alpha`.

    Raises
    ------
    ValueError, TypeError
        What is wrong with the arguments.
    MemoryError
        If the tables over count vectors would not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.markov_congestion(influence=0.01)
    >>> fm.potential.alpha(game).upper <= fm.theory.congestion_alpha(3, 0.01, 0.9)
    True
    >>> fm.potential.defect(fm.games.markov_congestion(influence=0.0)).relative < 1e-12
    True

    Notes
    -----
    Guo, Li, Maheshwari, Sastry & Wu (2023), arXiv 2305.12553, name the class; the numbers are ours.
    """
    n = _check.integer(num_players, "num_players", low=1)
    facilities = _check.integer(num_facilities, "num_facilities", low=1)
    states = _check.integer(num_states, "num_states", low=1)
    share, draw = _check.real(influence, "influence", 0.0, 1.0), _check.generator(rng)
    if n > 2**31 or facilities > 2**20:
        raise MemoryError(f"a congestion game of num_players = {n} on num_facilities = {facilities} fits no machine; "
                          "use fewer of both")
    vectors = math.comb(n + facilities - 1, facilities - 1)
    _check.budget(16 * states * vectors * (facilities + 2 * states) + 8 * states * facilities * (n + 1),
                  f"a congestion game of num_players = {n} on num_facilities = {facilities} in num_states = {states}",
                  INSTEAD)
    cost = -np.sort(-draw.random((states, facilities, n)), axis=2)
    calm, moved = draw.dirichlet(np.ones(states), states), draw.dirichlet(np.ones(states), (states, vectors))
    counts = count_vectors(n, facilities)
    at = np.maximum(counts.T - 1, 0)  # nobody is paid where nobody is
    payoffs = np.stack([cost[:, each, at[each]] for each in range(facilities)], axis=1)
    moves = (1.0 - share) * calm[:, None] + share * moved
    return CountGame.from_count_vectors(payoffs, moves / moves.sum(axis=-1, keepdims=True), discount, num_players=n,
                                        name="markov_congestion")
