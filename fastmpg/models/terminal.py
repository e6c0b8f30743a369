"""Terminal states, which end a game: nobody receives anything there, and the state stays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .available import Mask


def terminal_of(value: Any, n_states: int) -> Mask | None:
    """Which states are terminal (S,), read-only, from truth values (S,) or the states' numbers; None if none is.

    Raises
    ------
    ValueError, TypeError
        If it is neither, or names a state that there is not.
    """
    if value is None:
        return None
    found = _check.read(value, "terminal")
    if found.dtype.kind == "b":
        if found.shape != (n_states,):
            raise ValueError(f"terminal must hold one truth value a state, (S,) = ({n_states},), or be a list of "
                             f"states, found shape {found.shape}")
        ended = found.copy()
    else:
        ended = np.zeros(n_states, np.bool_)
        for each in _check.sequence(value, "terminal", "states"):
            ended[_check.integer(each, "a state in terminal", low=0, high=n_states - 1)] = True
    if not ended.any():
        return None
    ended.flags.writeable = False
    return ended


def going_on(mask: Mask | None, ended: Mask | None, columns: int) -> Mask | None:
    """The mask (S, A_total) of actions at which tables are read: those that there are, in states that are not terminal.

    None: all of them.
    """
    if ended is None:
        return mask
    every = np.ones((ended.size, columns), np.bool_) if mask is None else mask
    return every & ~ended[:, None]


def ending_moves(transitions: Any, name: str, ended: Mask | None) -> NDArray[Any]:
    """Transitions (S, ..., S), or a copy that stays in terminal states, whatever stood there."""
    found = _check.read(transitions, name)
    if ended is None:
        return found
    found, at = np.array(found), np.flatnonzero(ended)
    found[at] = 0
    found[at, ..., at] = 1
    return found


def ending_counts(ended: Mask | None, payoffs: Any, what: str, axis: int, transitions: Any,
                  factored: bool) -> tuple[Any, Any]:
    """Payoffs of a count game, states along an axis, and its transitions, where terminal states end it.

    A function f(state, counts) is not asked about terminal states.
    """
    if ended is None:
        return payoffs, transitions
    if factored:
        raise ValueError("terminal states need transitions (S, C, S), (S, S) or a function f(state, counts), found one "
                         "table a facility, (L, m, N + 1, m): facilities do not know the state")
    given = np.array(_check.read(payoffs, what))
    np.moveaxis(given, axis, 0)[ended] = 0
    if not callable(transitions):
        return given, ending_moves(transitions, "transitions", ended)
    _check.arity(transitions, 2, "transitions", "f(state, counts)")

    def moves(state: int, counts: Any) -> Any:
        stay = np.tile((np.arange(ended.size) == state).astype(np.float64), (len(counts), 1))
        return stay if ended[state] else transitions(state, counts)

    return given, moves
