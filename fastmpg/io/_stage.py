"""Games of one state as the table of payoffs that other packages know, and back."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game, check_game
from ..models.normal_form import NormalFormGame
from ._text import MOST_PLAYERS


class Stage(NamedTuple):
    """A game's payoffs (N, A_0, ..., A_{N-1}) at its available actions, and what its parts are called."""

    payoffs: Float
    title: str
    players: tuple[str, ...]
    actions: tuple[tuple[str, ...], ...]


def one_state(game: Any, what: str) -> Game:
    """A game that one shot of it describes: one state, discount 0, values that can be computed.

    Raises
    ------
    TypeError, ValueError
        If it is no such game.
    """
    check_game(game)
    if not game.exact:
        raise TypeError(f"game must have tables to be given to {what}, found the simulator {game!r}")
    if game.num_states != 1 or game.discount != 0.0 or game.terminal is not None:
        raise ValueError(f"game must have one state, that is not terminal, and discount 0 to be given to {what}, found "
                         f"{game.num_states} states and discount {game.discount:g}; a stage of it is "
                         "NormalFormGame(rewards[:, state])")
    return game  # type: ignore[no-any-return]


def names_of(game: Game) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Names of players and of all actions, numbers from 1 where there are none."""
    names = getattr(game, "names", None)
    players = getattr(names, "players", None) or tuple(f"Player {i + 1}" for i in range(game.num_players))
    actions = getattr(names, "actions", None) or tuple(tuple(str(a + 1) for a in range(n)) for n in game.num_actions)
    return players, actions


def stage_of(game: Any, what: str, *, copies: int = 3) -> Stage:
    """The table of a game of one state, without the actions that players do not have.

    Raises
    ------
    TypeError, ValueError
        If it has more states, a discount, or no tables.
    MemoryError
        If ``copies`` tables would not fit.
    """
    found = one_state(game, what)
    need = 8 * copies * found.num_players * math.prod(found.num_actions)
    _check.budget(need, f"the payoffs of {found!r} at every joint action", "give a smaller game")
    if found.num_players > MOST_PLAYERS:
        raise ValueError(f"game must have at most {MOST_PLAYERS} players to be given to {what}, found "
                         f"{found.num_players}")
    dense = found.to_dense()
    table = np.broadcast_to(dense.rewards[:, 0], (found.num_players, *found.num_actions))  # type: ignore[attr-defined]
    players, actions = names_of(found)
    if found.available is not None:
        can = np.split(found.available[0], found.offset[1:-1])
        table = table[np.ix_(np.arange(found.num_players), *map(np.flatnonzero, can))]
        actions = tuple(tuple(np.array(words, object)[has]) for words, has in zip(actions, can, strict=True))
    return Stage(np.ascontiguousarray(table), found.name, players, actions)


def game_of(payoffs: Any, title: str = "", players: Sequence[str] | None = None,
            actions: Sequence[Sequence[str]] | None = None) -> NormalFormGame:
    """A game of payoffs (N, A_0, ...) with names where there are some."""
    return with_names(NormalFormGame(payoffs, **({"name": title} if title else {})), players, actions)


def with_names(game: Any, players: Sequence[str] | None, actions: Sequence[Sequence[str]] | None) -> Any:
    """The game with names of its own: not those that only count, 1, 2, ..., or Player 1, Player 2, ..."""
    given: dict[str, Any] = {}
    if players is not None and not any(_counted(players, before) for before in ("", "Player ")):
        given["players"] = _different(players)
    if actions is not None and not all(_counted(each, "") for each in actions):
        given["actions"] = [_different(each) for each in actions]
    named = getattr(game, "named", None)
    return named(**given) if named is not None and given else game


def _counted(words: Sequence[str], before: str) -> bool:
    return all(word == f"{before}{k + 1}" for k, word in enumerate(words))


def _different(words: Sequence[str]) -> list[str]:
    """The words, with _1, _2, ... behind those that are equal or empty, as gambit has it."""
    times, taken, seen, found = Counter(words), set(words), Counter[str](), []
    for word in words:
        if times[word] > 1 or not word:
            seen[word] += 1
            while f"{word}_{seen[word]}" in taken:
                seen[word] += 1
            taken.add(f"{word}_{seen[word]}")
            word = f"{word}_{seen[word]}"
        found.append(word)
    return found
