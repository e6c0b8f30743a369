"""The NE-gap without discount: what every player could add to its average reward."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._check import Float
from ..models.game import Game
from ..policy import check_policy
from ._decisions import best_gain, decisions, gain_and_bias
from ._starts import from_start, start_of
from .gain_response import settled
from .origin import centred

__all__ = ["gain_gap"]


def gain_gap(game: Game, policy: Any, *, start: Any = None) -> Float:
    """How much every player could raise its average reward a step by deviating alone.

    Parameters
    ----------
    game : Game
        Its discount is not used, and may be 1.
    policy : array_like (S, A_total) or list of (S, A_i)
    start : None, "worst", "every", int or array_like (S,)
        Where play begins, as in :func:`ne_gap`: it matters where chains do not come together.

    Returns
    -------
    ndarray (N,), with ``start="every"`` (N, S)
        max over policies pi_i' of g_i(pi_i', pi_-i) - g_i(pi), at least 0, g the gain of :func:`average_reward`. Exact
        but for the rounding of linear solves.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As for :func:`gain_response`, or if ``start`` names no first state.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.MarkovGame([[[1.0, 3.0], [0.0, 2.0]]], [[[1, 0], [0, 1]], [[1, 0], [0, 1]]], 0.9)
    >>> fm.metrics.gain_gap(game, [[1.0, 0.0], [0.0, 1.0]], start="every")  # stays: 1 or 2, and could have 2
    array([[1., 0.]])

    Notes
    -----
    Puterman (1994), chapter 9. (1 - gamma) NE-gap_i goes to this as gamma goes to 1. An equilibrium without discount
    need not be one at any discount, nor the other way round.
    """
    begin = start_of(game, start)
    table, near = check_policy(game, policy), centred(game)[0]
    reward, moves = decisions(near, table)
    columns = [slice(game.offset[i], game.offset[i + 1]) for i in range(game.num_players)]
    chain = np.einsum("sa,sat->st", table[:, columns[0]], moves[:, columns[0]])
    paid = table * np.where(table > 0.0, reward, 0.0)
    gain = gain_and_bias(chain, np.add.reduceat(paid, game.offset[:-1], axis=1).T)[0]
    out = np.zeros((game.num_players, game.num_states))
    for i, own in enumerate(columns):
        found = best_gain(reward[:, own], moves[:, own])
        settled(found, i)
        out[i] = np.maximum(found.gain - gain[i], 0.0)
    return from_start(game, out.ravel(), game.initial if begin is None else begin)
