"""OpenSpiel's matrix and tensor games, and its other games of a single simultaneous move."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game
from ..models.normal_form import NormalFormGame
from ._optional import optional
from ._stage import game_of, stage_of
from ._text import MOST_PLAYERS

__all__ = ["from_openspiel", "to_openspiel"]


def to_openspiel(game: Game) -> Any:
    """The game as OpenSpiel's ``MatrixGame``, of other than two players as its ``TensorGame``.

    Parameters
    ----------
    game : Game
        Of one state, discount 0. Actions that players do not have are left out, names of players too.

    Returns
    -------
    pyspiel.MatrixGame or pyspiel.TensorGame
        Its long name is the game's; its short one the same in small letters and underscores.

    Raises
    ------
    ValueError, TypeError
        If the game has more states, a discount, or no tables.
    ImportError
        Without ``fastmpg[openspiel]``.
    """
    stage = stage_of(game, "OpenSpiel", copies=6)
    package = optional("pyspiel", "openspiel", "to_openspiel")
    short = re.sub(r"\W+", "_", stage.title.lower(), flags=re.ASCII).strip("_") or "game"
    names = [list(each) for each in stage.actions]
    if len(names) == 2:
        return package.create_matrix_game(short, stage.title, *names, *(table.tolist() for table in stage.payoffs))
    return package.create_tensor_game(short, stage.title, names, [table.ravel().tolist() for table in stage.payoffs])


def from_openspiel(game: Any) -> NormalFormGame:
    """The game of an OpenSpiel game in which everybody moves once, at the same time.

    Parameters
    ----------
    game : pyspiel.Game
        A ``MatrixGame``, a ``TensorGame``, or another whose dynamics are simultaneous, without chance, of length 1
        (``blotto``): of these every joint action is played.

    Raises
    ------
    TypeError, ValueError
        If it is no such game.
    MemoryError
        If its payoffs would not fit.
    """
    kind = _about(game)
    n_players = int(game.num_players())
    if n_players > MOST_PLAYERS:
        raise ValueError(f"game must have at most {MOST_PLAYERS} players, found {n_players}")
    if hasattr(game, "row_utilities"):
        tables = np.stack([np.asarray(game.row_utilities(), float), np.asarray(game.col_utilities(), float)])
        names = [[game.row_action_name(a) for a in range(tables.shape[1])],
                 [game.col_action_name(a) for a in range(tables.shape[2])]]
    elif hasattr(game, "player_utilities") and hasattr(game, "action_name"):
        shape = tuple(map(int, game.shape()))
        tables = np.stack([np.asarray(game.player_utilities(i), float).reshape(shape) for i in range(n_players)])
        names = [[game.action_name(i, a) for a in range(n)] for i, n in enumerate(shape)]
    else:
        tables, names = _played(game, kind, n_players)
    return game_of(tables, str(kind.long_name), None, names)


def _about(game: Any) -> Any:
    """What the game says of its kind."""
    function = None if isinstance(game, type) else getattr(game, "get_type", None)
    if not callable(function):
        raise TypeError(f"game must be a pyspiel game, found {_check.shown(game)}")
    return function()


def _played(game: Any, kind: Any, n_players: int) -> tuple[Float, list[list[str]]]:
    """Everybody's returns after every joint action."""
    simultaneous = str(kind.dynamics).endswith("SIMULTANEOUS")
    if not simultaneous or game.max_game_length() != 1 or game.max_chance_outcomes() != 0:
        raise ValueError(f"game must be one in which everybody moves once, at the same time, without chance; "
                         f"{kind.short_name!r} is not")
    start = game.new_initial_state()
    legal = [list(start.legal_actions(i)) for i in range(n_players)]
    sizes = tuple(map(len, legal))
    _check.budget(24 * n_players * math.prod(sizes), f"the payoffs of {math.prod(sizes)} joint actions",
                  "give a smaller game")
    tables = np.empty((n_players, *sizes))
    rows = tables.reshape(n_players, -1)
    for k, joint in enumerate(itertools.product(*legal)):
        state = start.clone()
        state.apply_actions(list(joint))
        rows[:, k] = state.returns()
    return tables, [[start.action_to_string(i, a) for a in each] for i, each in enumerate(legal)]
