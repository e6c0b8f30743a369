"""Policies: one array (S, A_total), player i in columns offset[i]:offset[i+1], or a list of (S, A_i), one per player."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import _check
from ._check import Float
from .models.game import Game, check_game

PolicyLike = ArrayLike | Sequence[ArrayLike]


def uniform_policy(game: Game) -> Float:
    """Every player picks every action equally often in every state.

    Returns
    -------
    ndarray (S, A_total)

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.uniform_policy(fm.games.zhang_3x2())
    array([[0.33333333, 0.33333333, 0.33333333, 0.5       , 0.5       ]])
    """
    check_game(game)
    row = np.concatenate([np.full(n, 1.0 / n) for n in game.num_actions])
    return np.tile(row, (game.num_states, 1))


def random_policy(game: Game, rng: Any = None) -> Float:
    """Every row drawn uniformly from its simplex.

    Parameters
    ----------
    rng : None, int, sequence of int, SeedSequence or Generator

    Returns
    -------
    ndarray (S, A_total)
    """
    check_game(game)
    draw = _check.generator(rng)
    return np.concatenate([draw.dirichlet(np.ones(n), game.num_states) for n in game.num_actions], axis=1)


def split(game: Game, policy: PolicyLike) -> list[Float]:
    """Views (S, A_i) into a policy (or any array with its columns, such as q_bar), one per player."""
    columns = np.asarray(policy) if not isinstance(policy, list | tuple) else join(policy)
    if columns.shape[-1] != sum(game.num_actions):
        raise ValueError(f"the last axis must have {sum(game.num_actions)} columns, one per player's action, found shape {columns.shape}")
    edges = game.offset
    return [columns[..., edges[i]:edges[i + 1]] for i in range(game.num_players)]


def join(parts: Sequence[ArrayLike]) -> Float:
    """One array (S, A_total) from a list of (S, A_i)."""
    return np.concatenate([np.atleast_2d(np.asarray(part, dtype=np.float64)) for part in parts], axis=-1)


def _is_by_player(game: Game, policy: Sequence[Any], name: str) -> bool:
    """Whether a list holds one (S, A_i) array a player, rather than the S rows of one table."""
    dims = {len(_check.shape_of(part, f"{name} of player {i}")) for i, part in enumerate(policy)}
    if game.num_states == 1 and dims == {1}:  # rows of one table, or probability vectors
        return len(policy) == game.num_players and np.shape(policy[0]) != (sum(game.num_actions),)
    return 2 in dims


def check_policy(game: Game, policy: PolicyLike, name: str = "policy") -> Float:
    """A copy of the policy in canonical layout (S, A_total), checked.

    Raises
    ------
    ValueError, TypeError
        What is wrong, for which player, in which state.
    """
    check_game(game)
    if isinstance(policy, list | tuple) and _is_by_player(game, policy, name):
        if len(policy) != game.num_players:
            raise ValueError(f"{name} must hold one array (S, A_i) for each of {game.num_players} players, found {len(policy)} arrays")
        for i, part in enumerate(policy):
            expected = (game.num_states, game.num_actions[i])
            found = np.shape(part)
            if found != expected and not (game.num_states == 1 and found == expected[1:]):
                raise ValueError(f"{name} of player {i} must have shape (S, A_{i}) = {expected}, found {found}")
        table = np.concatenate([np.atleast_2d(_check.array(part, f"{name} of player {i}")) for i, part in enumerate(policy)], axis=1)
    else:
        table = _check.array(policy, name)  # type: ignore[arg-type]
        if game.num_states == 1 and table.ndim == 1:
            table = table[None]
        _check.shape(table, name, (game.num_states, sum(game.num_actions)), "(S, A_total)")
    for i, part in enumerate(split(game, table)):
        if (part < 0).any():
            s, a = (int(x) for x in np.unravel_index(int(np.argmin(part)), part.shape))
            raise ValueError(f"{name} of player {i} must not be negative, found {float(part[s, a])} in state {s} for action {a}")
        off = np.abs(part.sum(axis=1) - 1)
        if (off > _check.TOLERANCE).any():
            s = int(np.argmax(off))
            raise ValueError(f"{name} of player {i} must sum to 1 in every state, found {float(part[s].sum())!r} in state {s}")
    return table
