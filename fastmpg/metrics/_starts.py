"""Gaps from other first states than the game's own law: a Nash equilibrium is one from every start."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game, check_game

WORDS = ("worst", "every")


def start_of(game: Game, start: Any) -> Any:
    """None, a word, or a law (S,), checked.

    Raises
    ------
    ValueError, TypeError
        If it is none of these, or no state.
    """
    check_game(game)
    if start is None or (isinstance(start, str) and start in WORDS):
        return start
    if isinstance(start, str):
        raise ValueError(f'start must be None, "worst", "every", a state or a law ({game.num_states},), found '
                         f"{_check.shown(start)}")
    if _check.is_int(start):
        at = _check.integer(start, "start", low=0, high=game.num_states - 1)
        return (np.arange(game.num_states) == at).astype(np.float64)
    return _check.distribution(start, "start", game.num_states)[0]


def from_start(game: Game, table: Float, start: Any) -> Float:
    """What is asked of gaps from every state, flat (..., N S): (..., N), or all of them (..., N, S)."""
    each = table.reshape(*table.shape[:-1], game.num_players, game.num_states)
    if isinstance(start, str):
        return each if start == "every" else np.asarray(each.max(axis=-1))
    return np.asarray(each @ start)
