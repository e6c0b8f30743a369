"""The safe-distancing congestion game of Leonardos et al. and Ding et al. (2022)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from .._check.words import guided
from ..kernels.contract_counts import vectors
from ..models.counts.game import CountGame

__all__ = ["safe_distancing"]


@guided
def safe_distancing(num_players: int = 8, weights: ArrayLike = (1, 2, 4, 6), penalty: float = 100.0,
                    discount: float = 0.99, initial: ArrayLike = (0.5, 0.5)) -> CountGame:
    """Players like crowded facilities, until a crowd sends everyone into a costly state of distancing.

    States: 0 safe, 1 distancing; either may come first. A player at facility l receives weights[l] times the number of
    players there, less ``penalty`` while distancing. A largest load above N / 2 leads from safe to distancing;
    distancing lasts while the largest load is above N / 4.

    Parameters
    ----------
    num_players : int
    weights : array_like (L,)
        What each facility is worth a head.
    penalty : float
    discount : float
        In [0, 1]; 1 is for finite horizons.
    initial : array_like (2,)
        The law of the first state.

    Returns
    -------
    CountGame
        ``to_dense()`` makes the table over joint actions.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.safe_distancing()
    >>> game
    <CountGame 'safe_distancing': 8 players, 2 states, actions (4, 4, 4, 4, 4, 4, 4, 4), discount 0.99, own rewards>
    >>> fm.evaluate(game, fm.uniform_policy(game)).visit.round(4)
    array([0.2758, 0.7242])

    Notes
    -----
    Papers use it as a Markov potential game. It is not an exact one: what two players gain who deviate in turn around a
    square of pure stationary policies does not add up to 0. With N = 4 the largest sum is 3 366, where values change by
    up to 10 998 (computed over all squares by the experiment ``ding-laws``); with discount 0 it is 0.

    Ding et al. (2022), with N = 8, four facilities and gamma = 0.99.
    """
    n_players = _check.integer(num_players, "num_players", low=1)
    worth = _check.array(weights, "weights")
    if worth.ndim != 1 or worth.size == 0:
        raise ValueError(f"weights must hold one number a facility, (L,), found shape {worth.shape}")
    cost = _check.real(penalty, "penalty")
    _check.budget(40 * (n_players + 1) * worth.size + 8 * worth.size * vectors(n_players, worth.size),
                  f"a game of num_players = {n_players} on {worth.size} facilities, as there are weights,",
                  "use fewer players or weights")
    safe = worth[:, None] * np.arange(n_players + 1)

    def moves(state: int, counts: np.ndarray) -> np.ndarray:
        crowded = 4 * counts.max(axis=1) > (2, 1)[state] * n_players
        return np.stack([~crowded, crowded], axis=1)

    return CountGame(np.stack([safe, safe - cost]), moves, discount, initial,
                     name="safe_distancing")
