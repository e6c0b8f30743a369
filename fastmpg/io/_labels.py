"""Names of players, states and actions, where games have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def labelled(game: Any, players: Sequence[str] | None = None, states: Sequence[str] | None = None,
             actions: Sequence[Any] | None = None) -> Any:
    """The same game with names."""
    return game.named(players=players, states=states, actions=actions) if hasattr(game, "named") else game


def labels(game: Any, what: str) -> Any:
    """The game's names of its "players", "states" or "actions"; None if they have none."""
    return getattr(getattr(game, "names", None), what, None)
