"""Games of one player, for formats that have no others."""

from __future__ import annotations

from typing import Any

from ..models.game import check_game
from ..models.markov.game import MarkovGame


def one_player(game: Any, where: str) -> MarkovGame:
    """A game of one player with all of its actions, as tables.

    Raises
    ------
    ValueError
        If it is no such game.
    """
    check_game(game)
    if game.num_players != 1:
        raise ValueError(f"game must have one player for {where}, found {game.num_players}")
    if game.available is not None:
        raise ValueError(f"game must have all actions in every state for {where}, found some missing: give them a "
                         "reward that nobody would choose")
    form = game if isinstance(game, MarkovGame) else game.to_dense()
    assert isinstance(form, MarkovGame)
    return form
