"""Games on networks."""

from __future__ import annotations

from typing import Any

from .. import _check
from .._check.words import guided
from ..models.polymatrix import PolymatrixGame

__all__ = ["ring_polymatrix"]


@guided
def ring_polymatrix(num_players: int = 5, num_actions: int = 10, rng: Any = 0) -> PolymatrixGame:
    """A ring of players, each playing a random zero-sum matrix game with either neighbour.

    Edge i joins players i and i + 1 (the last joins the last player and the first) and carries one matrix with
    independent entries U(-1, 1), drawn in the order of the edges: the first end receives the entry at their two
    actions, the other end minus that entry. A player's payoff is the sum over its two edges, not normalised: it lies in
    [-2, 2], and all payoffs sum to 0.

    Parameters
    ----------
    num_players : int
        At least 3.
    num_actions : int
        Of every player.
    rng : None, int, SeedSequence or Generator

    Returns
    -------
    PolymatrixGame
        With one state; ``to_dense()`` gives the payoffs over joint actions.

    Raises
    ------
    MemoryError
        If the tables would not fit, before anything is drawn.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.games.ring_polymatrix()
    <PolymatrixGame 'ring_polymatrix': 5 players, 1 states, actions (10, 10, 10, 10, 10), discount 0, own rewards>

    Notes
    -----
    Sun et al. (2024), section IV-B.
    """
    n_players = _check.integer(num_players, "num_players", low=3)
    n_actions = _check.integer(num_actions, "num_actions", low=1)
    _check.budget(32 * n_players * n_actions**2, f"a ring of {n_players} players with {n_actions} actions",
                  "use fewer actions")
    draw = _check.generator(rng)
    payoffs = {}
    for i in range(n_players):
        k = (i + 1) % n_players
        payoffs[i, k] = draw.uniform(-1.0, 1.0, (n_actions, n_actions))
        payoffs[k, i] = -payoffs[i, k].T
    return PolymatrixGame(payoffs, (n_actions,) * n_players, name="ring_polymatrix")
