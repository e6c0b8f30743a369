"""Gambit's own objects, by way of its text format, which keeps decimals and names exact."""

from __future__ import annotations

import io
from typing import Any

from .. import _check
from ..models.game import Game
from ..models.normal_form import NormalFormGame
from ._optional import optional
from ._stage import stage_of
from .nfg import parse, told

__all__ = ["from_pygambit", "to_pygambit"]


def to_pygambit(game: Game) -> Any:
    """The game as a ``pygambit.Game``.

    Parameters
    ----------
    game : Game
        Of one state, discount 0. Actions that players do not have are left out. Gambit gets every payoff as its
        shortest decimal, which it takes as a rational number: 0.1 becomes 1/10.

    Returns
    -------
    pygambit.Game
        In strategic form, with the names of players and actions.

    Raises
    ------
    ValueError, TypeError
        If the game has more states, a discount, or no tables.
    ImportError
        Without ``fastmpg[gambit]``.
    """
    stage = stage_of(game, "pygambit")
    package = optional("pygambit", "gambit", "to_pygambit")
    return package.read_nfg(io.BytesIO(told(stage).encode()))


def from_pygambit(game: Any) -> NormalFormGame:
    """The game of a ``pygambit.Game``.

    Parameters
    ----------
    game : pygambit.Game
        In strategic form; of one in extensive form, its reduced strategic form.

    Raises
    ------
    TypeError
        If it is no such game.
    """
    text = _called(game, "to_nfg")
    if not isinstance(text, str):
        raise TypeError(f"game must be a pygambit.Game, found {_check.shown(game)}")
    found = parse("game", text)
    title = getattr(game, "title", None)
    if isinstance(title, str) and title:
        found.name = title
    return found


def _called(game: Any, method: str) -> Any:
    """What a method of the object returns; None if it has no such."""
    function = None if isinstance(game, type) else getattr(game, method, None)
    return function() if callable(function) else None
