"""Policies: one array (S, A_total), player i in columns offset[i]:offset[i+1], or a list of (S, A_i), one per player.

Whatever numpy reads is taken: lists, arrays, tensors, data frames, arrays of Fractions and Decimals (rounded to the
nearest float64), masked arrays without masked entries. Probabilities are checked and settled: a row may miss a sum of 1
by 1e-8, or, if it comes from float32, by what rounding does to a float32 sum of so many terms (2^-24 a term, from 1e-6
to 1e-4); entries below 0 by no more than that are rounding, as linear programming leaves it, and become 0. Rows with
such entries, and rows from float32, are divided by their sum in float64; all others stay as they are, bit for bit.
Actions that a player does not have in a state (``game.available``) have probability 0, exactly.
"""

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
    """Every player picks every action that it has in a state equally often.

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
    if game.available is not None:
        return np.where(game.available, 1.0 / np.repeat(game.action_counts(), game.num_actions, axis=1), 0.0)
    row = np.concatenate([np.full(n, 1.0 / n) for n in game.num_actions])
    return np.tile(row, (game.num_states, 1))


def random_policy(game: Game, rng: Any = None) -> Float:
    """Every row drawn uniformly from its simplex, that of the actions which the player has in the state.

    Parameters
    ----------
    rng : None, int, sequence of int, SeedSequence or Generator

    Returns
    -------
    ndarray (S, A_total)
    """
    check_game(game)
    draw = _check.generator(rng)
    if game.available is not None:
        table = np.where(game.available, draw.standard_exponential(game.available.shape), 0.0)
        return table / np.repeat(np.add.reduceat(table, game.offset[:-1], axis=1), game.num_actions, axis=1)
    return np.concatenate([draw.dirichlet(np.ones(n), game.num_states) for n in game.num_actions], axis=1)


def split(game: Game, policy: PolicyLike) -> list[Float]:
    """Views (S, A_i) into a policy (or any array with its columns, such as q_bar), one per player."""
    check_game(game)
    columns = _joined(policy, "policy") if isinstance(policy, list | tuple) else _check.read(policy, "policy")
    total = sum(game.num_actions)
    if columns.ndim == 0 or columns.shape[-1] != total:
        raise ValueError(f"the last axis of policy must have {total} columns, one per player's action, found shape "
                         f"{columns.shape}{_stacked(game, columns.shape)}")
    edges = game.offset
    return [columns[..., edges[i]:edges[i + 1]] for i in range(game.num_players)]


def join(parts: Sequence[ArrayLike]) -> Float:
    """One array (S, A_total) from a list of (S, A_i), or from (N, S, A) where players have equally many actions."""
    return _joined(parts, "parts")


def _joined(parts: Any, name: str) -> Float:
    given = _check.sequence(parts, name, "arrays (S, A_i), one per player")
    tables = [np.atleast_1d(np.asarray(_check.read(part, f"{name}[{i}]"), np.float64)) for i, part in enumerate(given)]
    if not tables:
        raise ValueError(f"{name} must hold one array (S, A_i) per player, found none")
    if any(np.ndim(part) == 0 for part in given):
        raise ValueError(f"{name} must hold one array (S, A_i) per player, found single numbers: a table (S, A_total) "
                         "is joined already")
    tables = [np.atleast_2d(table) for table in tables]
    if len({table.shape[:-1] for table in tables}) > 1:
        raise ValueError(f"{name} must hold arrays (S, A_i) of the same states, found shapes "
                         f"{_check.shown([table.shape for table in tables])}")
    return np.concatenate(tables, axis=-1)


def _stacked(game: Game, found: tuple[int, ...]) -> str:
    """What to do with one table a player in one array (N, S, A), which could as well be N whole policies."""
    one_each = found == (game.num_players, game.num_states, game.num_actions[0]) and len(set(game.num_actions)) == 1
    return "; if it holds one (S, A) a player, write fm.join(list(policy))" if one_each and game.num_players > 1 else ""


def _is_by_player(game: Game, policy: Sequence[Any], name: str) -> bool:
    """Whether a list holds one (S, A_i) array a player, rather than the S rows of one table."""
    shapes = [_check.shape_of(part, f"{name} of player {i}") for i, part in enumerate(policy)]
    dims = set(map(len, shapes))
    if game.num_states == 1 and dims == {1}:  # rows of one table, or probability vectors
        return len(policy) == game.num_players and shapes[0] != (sum(game.num_actions),)
    return 2 in dims


def _row_laws(game: Game, table: Float, i: int, low: int, high: int, single: bool, name: str, entry: str) -> None:
    """Settle one player's columns of a table (..., S, A_total) in place."""
    lead = table.shape[:-1]

    def where(row: int, column: int | None) -> str:
        *run, s = (int(x) for x in np.unravel_index(row, lead))
        action = "" if column is None else f" for action {column}"
        return f"in state {s}{action}" + (f" of {entry} {tuple(run) if len(run) > 1 else run[0]}" if run else "")

    _check.laws(table[..., low:high], single, f"{name} of player {i}", where,
                advice="divide the player's part of each row by its sum, in float64")


def settle(game: Game, table: Float, single: Sequence[bool], name: str, entry: str = "policy") -> Float:
    """Check and settle a table (..., S, A_total) in place; ``single``: which players' probabilities come from float32.

    ``entry``: what messages call one policy of a stack.
    """
    if table.size == 0 or (not any(single) and _is_settled(game, table)):
        return _refuse_unavailable(game, table, name, entry)
    edges = game.offset
    for i in range(game.num_players):
        _row_laws(game, table, i, int(edges[i]), int(edges[i + 1]), single[i], name, entry)
    return _refuse_unavailable(game, table, name, entry)


def _refuse_unavailable(game: Game, table: Float, name: str, entry: str) -> Float:
    """The settled table (..., S, A_total), if it plays nothing that cannot be taken."""
    if game.available is not None:
        bad = (table != 0.0) & ~game.available
        if bad.any():
            *run, s, c = (int(x) for x in np.argwhere(bad)[0])
            i = int(np.searchsorted(game.offset, c, side="right")) - 1
            where = f" of {entry} {tuple(run) if len(run) > 1 else run[0]}" if run else ""
            raise ValueError(f"{name} of player {i} must give unavailable actions probability 0, found "
                             f"{float(table[bad][0])!r} in state {s} for action {c - int(game.offset[i])}{where}; see "
                             "game.available")
    return table


def _is_settled(game: Game, table: Float) -> bool:
    """Whether nothing has to be said or done: two passes over the table, whatever the number of players."""
    off = np.add.reduceat(table, game.offset[:-1], axis=-1)
    off -= 1.0
    return bool(table.min() >= 0.0 and np.abs(off, out=off).max() <= _check.TOLERANCE / 2)  # another order of summation


def check_policy(game: Game, policy: PolicyLike, name: str = "policy") -> Float:
    """A copy of the policy in canonical layout (S, A_total), checked and settled (see :mod:`fastmpg.policy`).

    Raises
    ------
    ValueError, TypeError
        What is wrong, for which player, in which state.
    """
    check_game(game)
    if isinstance(policy, list | tuple) and _is_by_player(game, policy, name):
        if len(policy) != game.num_players:
            raise ValueError(f"{name} must hold one array (S, A_i) for each of {game.num_players} players, found "
                             f"{len(policy)} arrays")
        parts, single = [], []
        for i, part in enumerate(policy):
            expected = (game.num_states, game.num_actions[i])
            one, is_single, _ = _check.law_table(part, f"{name} of player {i}")
            if one.shape != expected and not (game.num_states == 1 and one.shape == expected[1:]):
                raise ValueError(f"{name} of player {i} must have shape (S, A_{i}) = {expected}, found {one.shape}")
            parts.append(np.atleast_2d(one))
            single.append(is_single)
        return settle(game, np.concatenate(parts, axis=1), single, name)
    table, is_single, _ = _check.law_table(policy, name)  # type: ignore[arg-type]
    if game.num_states == 1 and table.ndim == 1:
        table = table[None]
    expected = (game.num_states, sum(game.num_actions))
    if table.shape != expected:
        raise ValueError(f"{name} must have shape (S, A_total) = {expected}, found {table.shape}"
                         f"{_stacked(game, table.shape)}")
    return settle(game, table, [is_single] * game.num_players, name)


def check_policies(game: Game, policy: PolicyLike, name: str = "policy") -> Float:
    """A copy of a policy (S, A_total), or of a stack of policies (..., S, A_total), checked and settled.

    A list of one array a player is one policy if these are (S, A_i), and a stack if they are (..., S, A_i).

    Raises
    ------
    ValueError, TypeError
        What is wrong, for which player, in which state of which policy.
    """
    check_game(game)
    states, total = game.num_states, sum(game.num_actions)
    if isinstance(policy, list | tuple):
        shapes = [_check.shape_of(part, f"{name} of player {i}") for i, part in enumerate(policy)]
        parts = [(states, n) for n in game.num_actions]
        if min(map(len, shapes), default=0) > 2 and [shape[-2:] for shape in shapes] == parts:
            found = [_check.law_table(part, f"{name} of player {i}")[:2] for i, part in enumerate(policy)]
            return settle(game, _joined([one for one, _ in found], name), [is_single for _, is_single in found], name)
        if len(set(shapes)) == 1 and shapes[0] == (states, total) and len(shapes) > 1:
            raise ValueError(f"{name} must hold one array (S, A_i) for each of {game.num_players} players, found "
                             f"{len(shapes)} whole policies (S, A_total) = {shapes[0]}; a stack of policies is one "
                             "array: numpy.stack(policies)")
        single = min(map(len, shapes), default=0) <= 2
    else:
        single = len(_check.shape_of(policy, name)) <= 2  # type: ignore[arg-type]
    if single:
        return check_policy(game, policy, name)
    table, is_single, _ = _check.law_table(policy, name)  # type: ignore[arg-type]
    if table.shape[-2:] != (states, total):
        raise ValueError(f"{name} must have shape (S, A_total) = {(states, total)}, found {table.shape}; a stack of "
                         f"policies has shape (..., {states}, {total}){_stacked(game, table.shape)}")
    return settle(game, table, [is_single] * game.num_players, name)
