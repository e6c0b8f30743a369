"""Games on networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from ..models.markov import INSTEAD
from ..models.normal_form import NormalFormGame

__all__ = ["ring_polymatrix"]


def ring_polymatrix(num_players: int = 5, num_actions: int = 10, rng: Any = 0) -> NormalFormGame:
    """A ring of players, each playing a random zero-sum matrix game with either neighbour.

    Edge i joins players i and i + 1 (the last joins the last player and the first) and carries one matrix with independent
    entries U(-1, 1), drawn in the order of the edges: the first end receives the entry at their two actions, the other end
    minus that entry. A player's payoff is the sum over its two edges, not normalised: it lies in [-2, 2], and all payoffs
    sum to 0.

    Parameters
    ----------
    num_players : int
        At least 3.
    num_actions : int
        Of every player.
    rng : None, int, SeedSequence or Generator

    Returns
    -------
    NormalFormGame

    Raises
    ------
    MemoryError
        If the dense payoffs would not fit, before anything is drawn.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.games.ring_polymatrix()
    <NormalFormGame 'ring_polymatrix': 5 players, 1 states, actions (10, 10, 10, 10, 10), discount 0, own rewards>

    Notes
    -----
    Sun et al. (2024), section IV-B.
    """
    n_players = _check.integer(num_players, "num_players", low=3)
    n_actions = _check.integer(num_actions, "num_actions", low=1)
    _check.budget(8 * n_players * n_actions**n_players, f"a ring of {n_players} players with {n_actions} actions", INSTEAD)
    draw = _check.generator(rng)
    payoffs = np.zeros((n_players, *(n_actions,) * n_players))
    for i in range(n_players):
        k = (i + 1) % n_players
        edge = draw.uniform(-1.0, 1.0, (n_actions, n_actions))
        axes = [1] * n_players
        axes[i] = axes[k] = n_actions
        table = (edge if i < k else edge.T).reshape(axes)
        payoffs[i] += table
        payoffs[k] -= table
    return NormalFormGame(payoffs, name="ring_polymatrix")
