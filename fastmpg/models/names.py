"""Names of players, states and actions: for people, never for kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from .. import _check
from .._same import comparable

WIDEST = 60  # characters of a list of names in a repr


@comparable
class Names(NamedTuple):
    """What the parts of a game are called.

    Attributes
    ----------
    players : tuple of str (N,), or None
    states : tuple of str (S,), or None
    actions : tuple of tuples of str (A_i,), one a player, or None
    """

    players: tuple[str, ...] | None = None
    states: tuple[str, ...] | None = None
    actions: tuple[tuple[str, ...], ...] | None = None

    def lists(self) -> dict[str, Any]:
        """As JSON has it: lists, of what is named."""
        found = {"players": self.players, "states": self.states,
                 "actions": None if self.actions is None else [list(each) for each in self.actions]}
        return {what: list(each) for what, each in found.items() if each is not None}


def _words(given: Any, name: str, count: int, of: str) -> tuple[str, ...]:
    """So many different strings."""
    words = _check.sequence(given, name, "strings")
    if len(words) != count:
        raise ValueError(f"{name} must hold one string for every {of}, {count} of them, found {len(words)}")
    found = tuple(str(_check.text(word, f"{name}[{k}]")) for k, word in enumerate(words))
    if len(set(found)) < count:
        again = next(word for word, times in Counter(found).items() if times > 1)
        raise ValueError(f"{name} must be different from one another, found {_check.shown(again)} twice")
    return found


def _actions(given: Any, num_actions: tuple[int, ...]) -> tuple[tuple[str, ...], ...]:
    """A list for all players, or a list of lists, one a player."""
    items = _check.sequence(given, "actions", "strings, or such sequences, one for every player")
    if items and all(isinstance(each, str) for each in items):
        if len(set(num_actions)) > 1:
            raise ValueError(f"actions must be one list of strings for every player, as their numbers of actions "
                             f"differ, {_check.shown(num_actions)}, found one list for all")
        return (_words(items, "actions", num_actions[0], "action"),) * len(num_actions)
    if len(items) != len(num_actions):
        raise ValueError(f"actions must hold one list of strings for every player, {len(num_actions)} of them, or be "
                         f"one list of strings for all, found {len(items)}")
    return tuple(_words(each, f"actions[{i}]", num_actions[i], f"action of player {i}")
                 for i, each in enumerate(items))


class Nameable:
    """A game whose parts can have names; see :meth:`named`."""

    num_players: int
    num_states: int
    num_actions: tuple[int, ...]
    name: str
    _names: Names | None = None

    @property
    def names(self) -> Names | None:
        """What players, states and actions are called; None if nothing has a name."""
        return self._names

    def named(self, title: str | None = None, players: Sequence[str] | None = None,
              states: Sequence[str] | None = None, actions: Sequence[Any] | None = None) -> Self:
        """The same game with names: for reprs, pictures, tables and files.

        The tables are shared, nothing is computed or compiled again, and this game stays as it is. Games that differ
        in their names alone are equal.

        Parameters
        ----------
        title : str, optional
            The game's own name; what it has by default.
        players : sequence of N str, optional
            All different, as the others; what is left out stays as it is.
        states : sequence of S str, optional
        actions : sequence of str, or one such sequence a player, optional
            One list serves all players who have that many actions.

        Raises
        ------
        ValueError, TypeError
            If there are too few or too many, or two are equal.

        Examples
        --------
        >>> import fastmpg as fm
        >>> game = fm.NormalFormGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]])
        >>> game.named("dilemma", players=["Ann", "Bob"], actions=["silent", "talks"])
        <NormalFormGame 'dilemma': 2 players (Ann, Bob), 1 states, actions (silent, talks), discount 0, own rewards>
        """
        before = self._names or Names()
        found = Names(before.players if players is None else _words(players, "players", self.num_players, "player"),
                      before.states if states is None else _words(states, "states", self.num_states, "state"),
                      before.actions if actions is None else _actions(actions, self.num_actions))
        changed = {"name": self.name if title is None else str(_check.text(title, "title"))}
        return self._with(found, changed)

    def _with(self, names: Names | None, changed: dict[str, Any]) -> Self:
        """A game of the same tables, and of whatever else was built of them."""
        game = object.__new__(type(self))
        vars(game).update(vars(self) | changed | {"_names": names if names and any(names) else None})
        return game

    def _player_names(self) -> str:
        """The players' names for a repr."""
        return "" if self._names is None or self._names.players is None else f" ({listed(self._names.players)})"

    def _action_names(self) -> str | None:
        """The actions' names for a repr, where they are few."""
        if self._names is None or self._names.actions is None:
            return None
        different = list(dict.fromkeys(self._names.actions))
        text = " x ".join(f"({listed(each)})" for each in (self._names.actions if len(different) > 1 else different))
        return f"actions {text}" if len(text) <= 2 * WIDEST else None


def listed(words: Sequence[str]) -> str:
    """Names with commas, the last ones left out where there are many."""
    shown, size = [], 0
    for word in words:
        shown.append(word if word.isprintable() else repr(word))
        size += len(shown[-1]) + 2
        if size > WIDEST:
            return ", ".join([*shown[:-1], "..."]) if len(shown) > 1 else f"{shown[0][:WIDEST]}..."
    return ", ".join(shown)


def renamed(game: Any, names: Any) -> Any:
    """A game with names as :meth:`Names.lists` gives them; without any where that is nothing."""
    return game.named(**{what: names.get(what) for what in ("players", "states", "actions")}) if names else game
