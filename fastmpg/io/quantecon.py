"""QuantEcon's normal-form games, whose payoff arrays begin with the player's own action."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from ..models.game import Game
from ..models.normal_form import NormalFormGame
from ._optional import optional
from ._stage import game_of, stage_of

__all__ = ["from_quantecon", "to_quantecon"]


def to_quantecon(game: Game) -> Any:
    """The game as a ``quantecon.game_theory.NormalFormGame``.

    Parameters
    ----------
    game : Game
        Of one state, discount 0. Actions that players do not have are left out, names too.

    Returns
    -------
    quantecon.game_theory.NormalFormGame
        Player i's payoff array has its own action first, then those of players i + 1, ..., N - 1, 0, ..., i - 1.

    Raises
    ------
    ValueError, TypeError
        If the game has more states, a discount, or no tables.
    ImportError
        Without ``fastmpg[quantecon]``.
    """
    payoffs = stage_of(game, "quantecon").payoffs
    package = optional("quantecon.game_theory", "quantecon", "to_quantecon")
    tables = [np.array(np.transpose(table, _turned(i, len(payoffs))), order="C") for i, table in enumerate(payoffs)]
    return package.NormalFormGame([package.Player(each) for each in tables])  # its compiled code takes none read-only


def from_quantecon(game: Any) -> NormalFormGame:
    """The game of a QuantEcon game, or of a payoff profile array as QuantEcon reads one.

    Parameters
    ----------
    game : quantecon.game_theory.NormalFormGame, or array_like
        Of an array the *last* axis is the players: (A_0, ..., A_{N-1}, N), while :class:`NormalFormGame` has it first
        (a (2, 2, 2) array fits both, and means different games). A square matrix is a symmetric game of two players.

    Raises
    ------
    TypeError, ValueError
        If it is no such game.

    Examples
    --------
    >>> import fastmpg as fm
    >>> profiles = [[[3, 3], [0, 5]], [[5, 0], [1, 1]]]
    >>> fm.io.from_quantecon(profiles).payoffs[0]
    array([[3., 0.],
           [5., 1.]])
    """
    players = None if isinstance(game, type) else getattr(game, "players", None)
    if isinstance(players, tuple | list):
        tables = [_check.read(getattr(each, "payoff_array", None), f"game.players[{i}].payoff_array")
                  for i, each in enumerate(players)]
        if not tables or any(table.ndim != len(tables) for table in tables):
            raise ValueError("game must have a payoff array with one axis a player for every player, found shapes "
                             f"{_check.shown([table.shape for table in tables])}")
        turned = [np.transpose(table, np.argsort(_turned(i, len(tables)))) for i, table in enumerate(tables)]
        if len({table.shape for table in turned}) > 1:
            raise ValueError("game must have payoff arrays that fit together, found shapes "
                             f"{_check.shown([table.shape for table in tables])}")
        return game_of(np.stack(turned))
    if not (hasattr(game, "__array__") or isinstance(game, list | tuple)):
        raise TypeError("game must be a quantecon.game_theory.NormalFormGame or an array of payoff profiles, found "
                        f"{_check.shown(game)}")
    table = _check.read(game, "game")
    if table.ndim == 2 and table.shape[1] >= 2:
        if table.shape[0] != table.shape[1]:
            raise ValueError(f"game: the matrix of a symmetric game must be square, found shape {table.shape}")
        return game_of(np.stack([table, table.T]))
    if table.ndim < 2 or table.shape[-1] != table.ndim - 1:
        raise ValueError("game must have shape (A_0, ..., A_{N-1}, N), payoff profiles along the last axis, found "
                         f"{table.shape}")
    return game_of(np.moveaxis(table, -1, 0))


def _turned(i: int, n: int) -> tuple[int, ...]:
    """The players along the axes of player i's array."""
    return (*range(i, n), *range(i))
