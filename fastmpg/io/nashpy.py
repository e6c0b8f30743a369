"""Nashpy's games of two players."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from ..models.game import Game
from ..models.normal_form import NormalFormGame
from ._optional import optional
from ._stage import game_of, stage_of

__all__ = ["from_nashpy", "to_nashpy"]


def to_nashpy(game: Game) -> Any:
    """The game as a ``nashpy.Game``.

    Parameters
    ----------
    game : Game
        Of two players and one state, discount 0. Actions that players do not have are left out, names too.

    Raises
    ------
    ValueError, TypeError
        If the game has other than two players, more states, a discount, or no tables.
    ImportError
        Without ``fastmpg[nashpy]``.
    """
    payoffs = stage_of(game, "nashpy").payoffs
    if len(payoffs) != 2:
        raise ValueError(f"game must have two players to be given to nashpy, found {len(payoffs)}")
    return optional("nashpy", "nashpy", "to_nashpy").Game(*(table.copy() for table in payoffs))


def from_nashpy(game: Any) -> NormalFormGame:
    """The game of a ``nashpy.Game``.

    Parameters
    ----------
    game : nashpy.Game

    Raises
    ------
    TypeError, ValueError
        If it is no such game.
    """
    tables = None if isinstance(game, type) else getattr(game, "payoff_matrices", None)
    if not isinstance(tables, tuple | list) or len(tables) != 2:
        raise TypeError(f"game must be a nashpy.Game with two payoff matrices, found {_check.shown(game)}")
    first, second = (_check.read(table, f"game.payoff_matrices[{i}]") for i, table in enumerate(tables))
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(f"game must have two payoff matrices of one shape, found {first.shape} and {second.shape}")
    return game_of(np.stack([first, second]))
