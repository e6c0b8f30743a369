"""sgamesolver: stochastic games as lists of arrays, one a state, and as tables, one row a joint action."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game, check_game
from ..models.markov.game import MarkovGame, dense_bytes
from ..models.names import Names
from ..models.normal_form import NormalFormGame
from ..run.storage import write_atomically
from ._sgamesolver import TableCells, named, parse
from ._words import lines_of

__all__ = ["from_sgamesolver", "from_sgamesolver_table", "read_sgamesolver", "to_sgamesolver", "to_sgamesolver_table",
           "write_sgamesolver"]

SUFFIXES = (".csv",)


def _discount(delta: Any, players: int) -> float:
    """The one discount of all players."""
    given = _check.array(delta, "delta")
    if given.shape not in ((), (players,)):
        raise ValueError(f"delta must be one number, or one a player, ({players},), found shape {given.shape}")
    if given.size > 1 and np.ptp(given) > 0.0:
        raise ValueError(f"delta must be the same for all players, as a game has one discount, found "
                         f"{_check.shown(given.tolist())}; give one here, and one a player to fastmpg.evaluate, "
                         "best_response and gaps")
    return _check.real(float(given.flat[0]), "delta", 0.0, 1.0)


def _counts(num_actions: Any, states: int, players: int) -> Any:
    """(S, N): how many actions of padded arrays there are."""
    table = _check.array(num_actions, "num_actions")
    if table.shape != (states, players) or (table != np.floor(table)).any() or (table < 1).any():
        raise ValueError(f"num_actions must hold a whole number from 1 for every state and player, "
                         f"{(states, players)}, found {_check.shown(table.tolist())}")
    return table.astype(np.int64)


def from_sgamesolver(u: Any, phi: Any, delta: Any, *, num_actions: Any = None, name: str = "stochastic game") -> Game:
    """The game of sgamesolver's arrays.

    Parameters
    ----------
    u : array_like (S, N, A_0, ..., A_{N-1}), or list of S (N, A_0(s), ..., A_{N-1}(s))
        Payoffs of every state. Numbers of actions may differ by state: actions behind a state's own are not available
        there.
    phi : array_like (S, A_0, ..., A_{N-1}, S), or list of S (A_0(s), ..., A_{N-1}(s), S)
        Transitions. Where a row sums to less than 1 the game ends with the rest: that leads to one terminal state more,
        the last.
    delta : float or array_like (N,)
        Discounts, which must be equal.
    num_actions : array_like (S, N), optional
        Of arrays that are padded, as ``SGame.u`` and ``SGame.phi`` are: ``SGame.nums_actions``.
    name : str
        What reports call it.

    Returns
    -------
    MarkovGame, or NormalFormGame of one state with discount 0

    Raises
    ------
    ValueError, TypeError
        What is wrong with which argument.
    MemoryError
        If the tables would not fit.

    Examples
    --------
    A prisoners' dilemma that goes on with probability 0.9, where both may also have to stay silent:

    >>> import numpy as np, fastmpg as fm
    >>> u = [[[[2, 0], [3, 1]], [[2, 3], [0, 1]]], [[[2]], [[2]]]]
    >>> phi = [np.full((2, 2, 2), 0.45), [[[0.0, 0.9]]]]
    >>> game = fm.io.from_sgamesolver(u, phi, 0.5)
    >>> game
    <MarkovGame 'stochastic game': 2 players, 3 states, actions (2, 2) (10 of 12 available), discount 0.5, own rewards>
    >>> game.transitions[0, 0, 0]
    array([0.45, 0.45, 0.1 ])
    """
    payoffs = [_check.array(each, f"u[{s}]") for s, each in enumerate(_check.sequence(u, "u", "arrays, one a state"))]
    moves = [_check.array(each, f"phi[{s}]")
             for s, each in enumerate(_check.sequence(phi, "phi", "arrays, one a state"))]
    if not payoffs:
        raise ValueError("u must hold one array for every state, found none")
    states, players = len(payoffs), payoffs[0].ndim - 1
    if len(moves) != states:
        raise ValueError(f"phi must hold one array for every state of u, {states} of them, found {len(moves)}")
    counts = None if num_actions is None else _counts(num_actions, states, players)
    for s in range(states):
        found = payoffs[s].shape
        if players < 1 or len(found) != players + 1 or found[0] != players or 0 in found:
            raise ValueError(f"u[{s}] must have shape (N, A_0, ..., A_{{N-1}}) for N players, found {found}")
        if moves[s].shape != (*found[1:], states):
            raise ValueError(f"phi[{s}] must have shape (A_0, ..., A_{{N-1}}, S) = {(*found[1:], states)} to fit u, "
                             f"found {moves[s].shape}")
        if counts is not None:
            if (counts[s] > found[1:]).any():
                raise ValueError(f"num_actions must be at most the axes of u[{s}], {found[1:]}, found "
                                 f"{counts[s].tolist()}")
            part = tuple(slice(n) for n in counts[s].tolist())
            payoffs[s], moves[s] = payoffs[s][(slice(None), *part)], moves[s][part]
    return build(payoffs, moves, _discount(delta, players), _check.text(name, "name"))


def build(payoffs: list[Float], moves: list[Float], discount: float, name: str) -> Game:
    """The game of arrays that fit together, of one discount."""
    states, players = len(payoffs), payoffs[0].shape[0]
    if states == 1 and discount == 0.0:
        return NormalFormGame(payoffs[0], name=name)
    for s, each in enumerate(moves):
        total = each.sum(axis=-1)
        if each.min() < -_check.TOLERANCE or total.max() > 1.0 + _check.TOLERANCE:
            at = tuple(int(a) for a in np.unravel_index(int(total.argmax()), total.shape))
            raise ValueError(f"phi must hold probabilities that sum to at most 1, found {float(total.max())!r} in "
                             f"state {s} at joint action {at}, and {float(each.min())!r} as the least entry")
    more = any((each.sum(axis=-1) < 1.0 - _check.TOLERANCE).any() for each in moves)
    actions = tuple(max(each.shape[1 + i] for each in payoffs) for i in range(players))
    total_states = states + more
    _check.budget(2 * dense_bytes(total_states, actions, players), f"a game of {total_states} states and "
                  f"{math.prod(actions)} joint actions", "give fewer states or actions")
    rewards = np.zeros((players, total_states, *actions))
    table = np.zeros((total_states, *actions, total_states))
    able = np.ones((total_states, sum(actions)), np.bool_)
    for s, (u, phi) in enumerate(zip(payoffs, moves, strict=True)):
        part: Any = tuple(slice(n) for n in u.shape[1:])
        rewards[(slice(None), s, *part)] = u
        table[(s, *part, slice(states))] = phi
        if more:
            rest = 1.0 - phi.sum(axis=-1)
            table[(s, *part, states)] = np.where(rest > _check.TOLERANCE, rest, 0.0)
        able[s] = np.concatenate([np.arange(n) < u.shape[1 + i] for i, n in enumerate(actions)])
    law = np.append(np.full(states, 1.0 / states), [0.0] * more)
    return MarkovGame(rewards, table, discount, law, available=able, terminal=[states] if more else None, name=name)


def to_sgamesolver(game: Game) -> tuple[list[Float], list[Float], Float]:
    """sgamesolver's arrays (u, phi, delta) of a game: ``sgamesolver.SGame(*to_sgamesolver(game))``.

    Parameters
    ----------
    game : Game
        Any that has a dense form, whose available actions in a state are any choice: those that are missing are left
        out, and the others move up. Terminal states become states that stay and pay 0.

    Returns
    -------
    u : list of S ndarray (N, A_0(s), ..., A_{N-1}(s))
    phi : list of S ndarray (A_0(s), ..., A_{N-1}(s), S)
    delta : ndarray (N,)

    Raises
    ------
    TypeError
        If the game has no tables.
    MemoryError
        If the dense form would not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.random_markov(2, (2, 3))
    >>> u, phi, delta = fm.io.to_sgamesolver(game)
    >>> u[0].shape, phi[0].shape, delta
    ((2, 2, 3), (2, 3, 2), array([0.9, 0.9]))
    """
    check_game(game)
    form: Any = game.to_dense()
    rewards = np.broadcast_to(form.rewards, (form.num_players, *form.rewards.shape[1:]))
    u, phi = [], []
    for s in range(form.num_states):
        there = ([np.arange(n) for n in form.num_actions] if form.available is None else
                 [np.flatnonzero(each) for each in np.split(form.available[s], form.offset[1:-1])])
        u.append(rewards[:, s][np.ix_(np.arange(form.num_players), *there)].copy())
        phi.append(form.transitions[s][np.ix_(*there, np.arange(form.num_states))].copy())
    return u, phi, np.full(form.num_players, form.discount)


def from_sgamesolver_table(table: Any, *, name: str = "stochastic game") -> Game:
    """The game of sgamesolver's table, as ``SGame.from_table`` reads it.

    Parameters
    ----------
    table : pandas.DataFrame, or dict of columns
        Columns "state", "a_PLAYER" and "u_PLAYER" for every player, and "phi_STATE" for every state or one "to_state"
        (a state, or "STATE: PROBABILITY, ..."; nothing: the game ends). A row for every joint action that there is, and
        one with the state "delta", with discounts in the columns "u_PLAYER". Other columns are left alone. States and
        actions are in the order in which they first come.
    name : str
        What reports call it.

    Returns
    -------
    MarkovGame, or NormalFormGame of one state with discount 0
        See :func:`from_sgamesolver`.

    Raises
    ------
    ValueError, TypeError
        What is wrong in which row or column.

    Examples
    --------
    >>> import fastmpg as fm
    >>> table = {"state": ["delta", "s", "s"], "a_p": ["", "x", "y"], "u_p": [0.5, 1, 2], "to_state": ["", "s", "s"]}
    >>> fm.io.from_sgamesolver_table(table).rewards[0]
    array([[1., 2.]])
    """
    title = _check.text(name, "name")
    if isinstance(table, Mapping):
        heads: list[Any] = list(table)
        columns = [_check.sequence(each, f"table[{head!r}]", "cells") for head, each in table.items()]
    elif hasattr(table, "iloc") and hasattr(table, "columns"):
        heads, columns = list(table.columns), [table.iloc[:, k].tolist() for k in range(len(table.columns))]
    else:
        raise TypeError(f"table must be a pandas.DataFrame or a dict of columns, found {_check.shown(table)}")
    if not columns or len({len(each) for each in columns}) > 1:
        raise ValueError("table must have columns of one length, found "
                         f"{_check.shown([len(each) for each in columns])}")
    rows = list(zip(*columns, strict=True))
    where = [f"table, row {k}" for k in range(len(rows))]
    found = parse(TableCells([str(head) for head in heads], rows, where, "table"))
    return named(build(found.u, found.phi, _discount(found.delta, len(found.players)), title), found)


def read_sgamesolver(path: Any) -> Game:
    """The game of sgamesolver's table in a file of comma separated values.

    Parameters
    ----------
    path : str or PathLike

    Returns
    -------
    MarkovGame, or NormalFormGame of one state with discount 0
        See :func:`from_sgamesolver_table`.

    Raises
    ------
    ValueError
        What is wrong in which line.
    OSError
        If the file cannot be read.
    MemoryError
        If the tables would not fit.
    """
    name, lines = lines_of(path)
    reader = csv.reader(lines)
    rows, where = [], []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                where.append(f"path {name}, line {reader.line_num}")
    except csv.Error as error:
        raise ValueError(f"path {name}, line {reader.line_num}: no comma separated values: {error}") from None
    if not rows:
        raise ValueError(f"path {name}, line 1: expected the names of columns, found the end of the file")
    for row, at in zip(rows, where, strict=True):
        if len(row) != len(rows[0]):
            raise ValueError(f"{at}: expected {len(rows[0])} cells, as there are columns, found {len(row)}")
    found = parse(TableCells([cell.strip() for cell in rows[0]], rows[1:], where[1:], f"path {name}"))
    title = name.replace("\\", "/").rsplit("/", 1)[-1]
    try:
        return named(build(found.u, found.phi, _discount(found.delta, len(found.players)), title), found)
    except ValueError as error:
        raise ValueError(f"path {name}: {error}") from None


def _fit(names: Any) -> Any:
    """Names that a table can have: nothing else would be read back."""
    fine = names and all(each.strip() == each and each not in ("", "delta") and each.isprintable() for each in names)
    return names if fine else None


def to_sgamesolver_table(game: Game) -> dict[str, list[Any]]:
    """sgamesolver's table of a game, as a dict of columns: ``SGame.from_table(pandas.DataFrame(...))`` reads it.

    Parameters
    ----------
    game : Game
        As for :func:`to_sgamesolver`.

    Returns
    -------
    dict of list
        As :func:`from_sgamesolver_table` describes, transitions as "phi_STATE".

    Raises
    ------
    TypeError
        If the game has no tables.
    MemoryError
        If the dense form would not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> table = fm.io.to_sgamesolver_table(fm.games.random_markov(2, (2, 3)))
    >>> list(table)[:5], len(table["state"])
    (['state', 'a_player0', 'a_player1', 'u_player0', 'u_player1'], 13)
    """
    u, phi, delta = to_sgamesolver(game)
    names = game.names or Names()
    players = _fit(names.players) or [f"player{i}" for i in range(game.num_players)]
    states = _fit(names.states) or [f"state{s}" for s in range(game.num_states)]
    actions = [(_fit(names.actions[i]) if names.actions else None) or [f"a{a}" for a in range(n)]
               for i, n in enumerate(game.num_actions)]
    heads = ["state", *(f"a_{each}" for each in players), *(f"u_{each}" for each in players),
             *(f"phi_{each}" for each in states)]
    rows: list[list[Any]] = [["delta", *[""] * len(players), *delta.tolist(), *[""] * len(states)]]
    for s, state in enumerate(states):
        there = ([np.arange(n) for n in game.num_actions] if game.available is None else
                 [np.flatnonzero(each) for each in np.split(game.available[s], game.offset[1:-1])])
        for at in np.ndindex(*phi[s].shape[:-1]):
            chosen = [actions[i][there[i][a]] for i, a in enumerate(at)]
            rows.append([state, *chosen, *u[s][(slice(None), *at)].tolist(), *phi[s][at].tolist()])
    return {head: [row[k] for row in rows] for k, head in enumerate(heads)}


def write_sgamesolver(game: Game, path: Any) -> None:
    """Write a game as sgamesolver's table, in comma separated values that read back bit for bit.

    Parameters
    ----------
    game : Game
        As for :func:`to_sgamesolver`.
    path : str or PathLike

    Raises
    ------
    TypeError
        If the game has no tables.
    OSError
        If the file cannot be written.
    MemoryError
        If the dense form would not fit.
    """
    name = _check.path(path, "path")
    table = to_sgamesolver_table(game)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    write_atomically(name, text.getvalue().encode())
