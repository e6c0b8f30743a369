"""Discounts as options of a question: another one than the game's, or one a player.

A player's values, best responses and gaps against given policies depend on no discount but its own. So they are those
of the same game at that discount: a shallow copy, whose tables are the game's own and whose kernels are compiled
already, asked about these players alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import BUILT, Game, check_game
from ..models.normal_form import NormalFormGame
from ._interval import Interval

KEPT = 4  # copies that a game remembers, with their workspaces, or as many as it has players


def discounts_of(game: Game, discount: Any) -> float | tuple[float, ...]:
    """A number in [0, 1), or a tuple of one a player.

    Raises
    ------
    ValueError, TypeError
        If it is neither, or above 0 for a normal-form game, which has no future.
    """
    check_game(game)
    if not game.exact:
        game.workspace()  # says why
    several = isinstance(discount, list | tuple) or (isinstance(discount, np.ndarray) and discount.ndim > 0)
    if several and len(discount) != game.num_players:
        raise ValueError(f"discount must be a number or one a player, {game.num_players}, found {len(discount)}")
    named = [("discount", discount)] if not several else [(f"discount[{i}]", each) for i, each in enumerate(discount)]
    found = tuple(_check.real(each, name, 0.0, 1.0, open_high=True) for name, each in named)
    if isinstance(game, NormalFormGame) and any(found):
        raise ValueError("discount must be 0 for a normal-form game, which is played once, found "
                         f"{_check.shown(discount)}; a MarkovGame of one state repeats it")
    return found if several else found[0]


def at_discount(game: Game, discount: float) -> Game:
    """The same game at another discount: its own tables, kept for the next question."""
    if discount == game.discount:
        return game
    kept: dict[float, Game] = game.__dict__.get("_discounted", {})
    twin = kept.get(discount)
    if twin is None:
        twin = object.__new__(type(game))
        twin.__dict__.update({name: each for name, each in game.__dict__.items() if name not in BUILT})
        twin.__dict__.update(discount=discount, _model=game.model._replace(discount=discount))
        while len(kept) >= max(KEPT, game.num_players):
            kept.pop(next(iter(kept)))
        object.__setattr__(game, "_discounted", kept | {discount: twin})
    return twin


def each_player(game: Game, discounts: tuple[float, ...], asked: Callable[[Game], Any], axis: int) -> Any:
    """What ``asked`` finds with players on an axis, or an interval of it, every player's part at its own discount."""
    found = {gamma: asked(at_discount(game, gamma)) for gamma in dict.fromkeys(discounts)}

    def picked(part: Callable[[Any], Any]) -> Float:
        whole = {gamma: np.moveaxis(np.asarray(part(each)), axis, 0) for gamma, each in found.items()}
        return np.ascontiguousarray(np.moveaxis(np.stack([whole[gamma][i] for i, gamma in enumerate(discounts)]), 0,
                                                axis))

    one = found[discounts[0]]
    if isinstance(one, Interval):
        return Interval(picked(lambda each: each.low), picked(lambda each: each.high), one.limit)
    return picked(lambda each: each)
