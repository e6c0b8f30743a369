"""Sparse transitions from compiled functions, one state and joint action at a time, and from independent factors."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ... import _check
from ...kernels import csr
from ...kernels.csr import merge
from ...machine import user_kernel
from ...machine.explain import explaining
from ..available import Mask, mask_of, possible, possible_moves, possible_rows
from ..outside import compiled
from .build import Rows

# numbers behind a row's room, so that a function that writes a little too far is found out and harms nothing
GUARD = 64
MANY, NEGATIVE, OUTSIDE, OFF = 1, 2, 3, 4  # what can be wrong with a row


def _next_joint(actions, n_actions):
    """The joint action after this one, the last player's digit first."""
    d = n_actions.size - 1
    while d >= 0:
        actions[d] += 1
        if actions[d] < n_actions[d]:
            return
        actions[d] = 0
        d -= 1


_next_joint = user_kernel(_next_joint)


def _can(mask, state, actions):
    """Whether every player has its part of a joint action.    mask (S, N, largest A_i), or (0, N, A)   actions (N,)"""
    if mask.shape[0] > 0:
        for i in range(actions.size):
            if not mask[state, i, actions[i]]:
                return False
    return True


_can = user_kernel(_can)


def _flags(mask: Mask | None, n_actions: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask as :func:`_can` reads it."""
    out = np.zeros((0 if mask is None else mask.shape[0], len(n_actions), max(n_actions)), np.bool_)
    if mask is not None:
        for i, part in enumerate(np.split(mask, np.cumsum(n_actions)[:-1], axis=1)):
            out[:, i, :part.shape[1]] = part
    return out


def arguments(function: Callable[..., Any], name: str, allowed: dict[int, str]) -> int:
    """How many arguments a user's function takes."""
    _check.function(function, name)
    try:
        count = len(inspect.signature(getattr(function, "py_func", function)).parameters)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a Python function of {' or '.join(allowed.values())}, found "
                        f"{_check.shown(function)}") from None
    if count not in allowed:
        raise TypeError(f"{name} must take {' or '.join(allowed.values())}, found {count} arguments")
    return count


@functools.lru_cache(maxsize=8)
def _rows_driver(move: Any, several: bool) -> Any:
    """The loop over states and joint actions around a compiled ``moves``, compiled once for all games of it."""
    tolerance = _check.TOLERANCE

    @user_kernel
    def one(state, actions, n_states, mask, columns, chances, order, into, values, room, fault, found):
        """Row of one state and joint action, checked and merged into ``into``, ``values`` (room,); returns its length.

        actions (N,)   mask: of :func:`_can`   columns, chances (room,): what ``moves`` writes
        fault (2,), found (1,): what is wrong with the row, and the number that is
        """
        if not _can(mask, state, actions):
            into[0], values[0] = state, 1.0
            count = 1
        elif not several:
            into[0], values[0] = move(state, actions), 1.0
            count = 1
        else:
            count = move(state, actions, columns, chances)
            if count < 0 or count > room:
                fault[1], found[0] = MANY, count
                return 0
            total = 0.0
            for e in range(count):
                if not chances[e] >= 0.0:
                    fault[1], found[0] = NEGATIVE, chances[e]
                    return 0
                if columns[e] < 0 or columns[e] >= n_states:
                    fault[1], found[0] = OUTSIDE, columns[e]
                    return 0
                total += chances[e]
            if not abs(total - 1.0) <= tolerance:
                fault[1], found[0] = OFF, total
                return 0
            count = merge(columns, chances, count, order, into, values)
        if into[0] < 0 or into[0] >= n_states:
            fault[1], found[0] = OUTSIDE, into[0]
            return 0
        return count

    @user_kernel
    def drive(n_states, counts, mask, pointer, index, probability, columns, chances, order, into, values, room, fault,
              found):
        """Row lengths into ``pointer`` (S J + 1,) where ``index`` is empty, else the rows into index, probability."""
        joint = (pointer.size - 1) // n_states
        actions = np.zeros(counts.size, np.int64)
        fill = index.size > 0
        for row in range(pointer.size - 1):
            count = one(row // joint, actions, n_states, mask, columns, chances, order, into, values, room, fault,
                        found)
            if fault[1] != 0:
                fault[0] = row
                return
            if fill:
                if pointer[row] + count != pointer[row + 1]:
                    fault[0], fault[1] = row, -1
                    return
                for e in range(count):
                    index[pointer[row] + e] = into[e]
                    probability[pointer[row] + e] = values[e]
            else:
                pointer[row + 1] = pointer[row] + count
            _next_joint(actions, counts)

    return drive


def rows_of(moves: Callable[..., Any], n_states: int, n_actions: tuple[int, ...], mask: Mask | None, width: int,
            where: Callable[[int], str], limit: int | None, dtype: str) -> Rows:
    """Canonical rows from ``moves``; see :meth:`fastmpg.MarkovGame.from_moves`."""
    forms = {2: "(state, actions)", 4: "(state, actions, next_states, probabilities)"}
    several = arguments(moves, "moves", forms) == 4
    drive, joint = _rows_driver(compiled(moves), several), math.prod(n_actions)
    what = f"the rows of {n_states} states and {joint} joint actions"
    _check.budget(8 * n_states * joint, what, "a game of fewer states or joint actions would fit", limit)
    pointer = np.zeros(n_states * joint + 1, np.int64)
    counts, flags = np.array(n_actions, np.int64), _flags(mask, n_actions)
    fault, found = np.zeros(2, np.int64), np.zeros(1)
    room = width + GUARD
    scratch = (np.zeros(room, np.int64), np.zeros(room), np.zeros(room), np.zeros(room, np.int64), np.zeros(room))
    index, probability = np.zeros(0, np.int32), np.zeros(0, dtype)
    for _ in range(2):
        with explaining(moves, "moves"):
            drive(n_states, counts, flags, pointer, index, probability, *scratch, width, fault, found)
        if fault[1]:
            row, value = int(fault[0]), float(found[0])
            raise ValueError({
                -1: f"moves gave another number of next states the second time it was asked {where(row)}; it must not "
                    "remember anything",
                MANY: f"moves must return between 0 and width = {width} next states, found {value:g} {where(row)}; "
                      "give a larger width",
                NEGATIVE: f"moves must give probabilities of at least 0, found {value!r} {where(row)}",
                OUTSIDE: f"moves must lead to states 0 to {n_states - 1}, found {value:.0f} {where(row)}",
                OFF: f"probabilities of moves must sum to 1, found {value!r} {where(row)}"}[int(fault[1])])
        if index.size == 0:
            entries = int(pointer[-1])
            need = (4 + np.dtype(dtype).itemsize) * entries
            _check.budget(need, f"{what} with {entries} transitions",
                          "a game of fewer states or joint actions would fit", limit)
            index, probability = np.empty(entries, np.int32), np.empty(entries, dtype)
    return Rows(pointer, index, probability, True)


@functools.lru_cache(maxsize=8)
def _rewards_driver(give: Any) -> Any:
    """The loop over states and joint actions around a compiled ``reward``."""

    @user_kernel
    def drive(counts, mask, out, table):
        """table (planes, S, J) <- what ``reward`` writes into ``out`` (planes,) for every state and joint action.

        counts (N,)   mask: of :func:`_can`
        """
        actions = np.zeros(counts.size, np.int64)
        for s in range(table.shape[1]):
            for j in range(table.shape[2]):
                if _can(mask, s, actions):
                    give(s, actions, out)
                    for i in range(table.shape[0]):
                        table[i, s, j] = out[i]
                _next_joint(actions, counts)

    return drive


def rewards_of(reward: Callable[..., Any], n_states: int, n_actions: tuple[int, ...], planes: int,
               mask: Mask | None, limit: int | None) -> NDArray[np.float64]:
    """Rewards (planes, S, A_0, ...) from ``reward(state, actions, out)``."""
    arguments(reward, "rewards", {3: "(state, actions, out)"})
    drive, joint = _rewards_driver(compiled(reward)), math.prod(n_actions)
    _check.budget(8 * planes * n_states * joint, f"the rewards of {n_states} states and {joint} joint actions",
                  "a game of fewer states or joint actions would fit, or one whose players share a reward", limit)
    table = np.zeros((planes, n_states, joint))

    with explaining(reward, "rewards"):
        drive(np.array(n_actions, np.int64), _flags(mask, n_actions), np.zeros(planes), table)
    return table.reshape(planes, n_states, *n_actions)


@functools.lru_cache(maxsize=8)
def _mask_driver(ask: Any) -> Any:
    """The loop over states and actions around a compiled ``available``."""

    @user_kernel
    def drive(counts, out):
        """out (S, A_total) <- whether the function says yes, state by state, player by player.    counts (N,)"""
        for s in range(out.shape[0]):
            c = 0
            for i in range(counts.size):
                for a in range(counts[i]):
                    out[s, c] = bool(ask(s, i, a))
                    c += 1

    return drive


def mask_from(available: Callable[..., Any], n_states: int, num_actions: tuple[int, ...], limit: int | None) -> Mask:
    """(S, A_total) from a user's function ``available(state, player, action)``, compiled."""
    arguments(available, "available", {3: "(state, player, action)"})
    ask, total = compiled(available), sum(num_actions)
    _check.budget(n_states * total, f"the available actions of {n_states} states", "a game of fewer states would fit",
                  limit)
    out, drive = np.zeros((n_states, total), np.bool_), _mask_driver(ask)
    with explaining(available, "available"):
        drive(np.array(num_actions, np.int64), out)
    return out


def _used(can: Mask, lengths: Sequence[int], l: int, actions: Sequence[int]) -> Mask:
    """(X_l, A_0 or 1, ...): which local states and joint actions of factor l occur in a possible joint action.

    can (S, A_0, ..., A_{N-1})
    """
    apart = can.reshape(*lengths, *can.shape[1:])
    over = [m for m in range(len(lengths)) if m != l] + [len(lengths) + i for i, n in enumerate(actions) if n == 1]
    return apart.any(axis=tuple(over)).reshape(lengths[l], *actions)  # type: ignore[no-any-return]


def product_transitions(factors: Sequence[ArrayLike], num_actions: Sequence[int], *, available: Any = None,
                        max_bytes: int | None = None) -> Any:
    """Transitions of a state made of independent factors: P(x' | x, a) = prod_l P_l(x'_l | x_l, a).

    State (x_0, ..., x_{L-1}) has number sum_l x_l prod_{m > l} X_m: factor 0 is the slowest.

    Parameters
    ----------
    factors : sequence of array_like (X_l, A_0, ..., A_{N-1}, X_l)
        The local transitions of every factor; rows from float32 may sum to 1 up to its rounding (see
        :class:`fastmpg.Game`). An axis of length 1 in the place of an A_i says that player i's action does not matter
        to this factor.
    num_actions : sequence of int
        One number a player.
    available : array_like (S, A_total) of bool, or list of (S, A_i), optional
        Which actions every player has in which state, as of :class:`fastmpg.MarkovGame`: a joint action of which
        somebody does not have its part stays put. Rows of factors that are used by no other may be anything.
    max_bytes : int, optional
        Refuse to build past this size; by default, what the machine has free.

    Returns
    -------
    scipy.sparse.csr_array (S * J, S)
        Sorted rows s * J + j, for :class:`fastmpg.MarkovGame`, in float64. Entries of 0 are left out.

    Raises
    ------
    ValueError
        If a factor has another shape, or a row that is no distribution, with the factor, local state and joint action.
    MemoryError
        If the rows would not fit, before they are built.

    Examples
    --------
    Two lamps, each with a switch of its own that works with probability 0.9:

    >>> import numpy as np, fastmpg as fm
    >>> lamp = np.array([[[1, 0], [0.1, 0.9]], [[0, 1], [0.9, 0.1]]])  # (X, A, X): action 1 switches
    >>> moves = fm.product_transitions([lamp[:, :, None], lamp[:, None]], (2, 2))
    >>> moves.shape, moves.nnz
    ((16, 4), 36)
    >>> moves.toarray()[3].round(2)  # both switch, from both off
    array([0.01, 0.09, 0.09, 0.81])
    """
    actions = _check.num_actions(num_actions)
    joint = math.prod(actions)
    given = _check.sequence(factors, "factors", "tables of local transitions")
    if not given:
        raise ValueError("factors must hold at least one table of local transitions")
    _check.budget(8 * joint * len(given), f"{joint} joint actions", "fewer of them would fit", max_bytes)
    shapes = [_check.shape_of(factor, f"factors[{l}]") for l, factor in enumerate(given)]
    lengths = [found[0] if found else 0 for found in shapes]
    mask = mask_of(available, math.prod(lengths), actions)
    can = None if mask is None else possible(mask, actions)
    sizes, places, starts, bounds, index, chances = [], [], [], [np.zeros(1, np.int64)], [], []
    rows = entries = 0
    for l, factor in enumerate(given):
        found = shapes[l]
        good = len(found) == len(actions) + 2 and found[0] == found[-1] > 0
        if not good or any(n not in (1, a) for n, a in zip(found[1:-1], actions, strict=True)):
            raise ValueError(f"factors[{l}] must have shape (X, A_0, ..., X) with actions {actions}, or 1 in the place "
                             f"of those that do not matter, found {found}")
        if can is not None:
            factor = possible_moves(factor, f"factors[{l}]", _used(can, lengths, l, found[1:-1]))
        table, single, own = _check.law_table(factor, f"factors[{l}]", copy=False)
        local = np.arange(math.prod(table.shape[1:-1])).reshape(table.shape[1:-1])
        flat = table.reshape(-1, table.shape[0])

        def where(row: int, _: int | None, lead: tuple[int, ...] = table.shape[:-1]) -> str:
            x, *a = (int(each) for each in np.unravel_index(row, lead))
            return f"at local state {x} and joint action {tuple(a)}"

        flat, _ = _check.laws(flat, single, f"the distributions of factors[{l}]", where, own=own)
        sizes.append((table.shape[0], local.size))
        places.append(np.broadcast_to(local, actions).reshape(-1))
        starts.append(rows)
        filled = sp.csr_array(flat)
        bounds.append(entries + filled.indptr[1:].astype(np.int64))
        index.append(filled.indices.astype(np.int64))
        chances.append(filled.data)
        rows, entries = rows + flat.shape[0], entries + filled.nnz
    n_states = math.prod(x for x, _ in sizes)
    what = f"a product of {n_states} states and {joint} joint actions"
    per_action = np.ones(joint, object)
    for size, place, ends, before in zip(sizes, places, bounds[1:], bounds, strict=False):
        filled_rows = np.diff(ends, prepend=before[-1]).reshape(size)
        per_action *= filled_rows.sum(axis=0).astype(object)[place]
    total = sum(per_action.tolist())
    small = total < 2**31
    need = (12 if small else 16) * (total + n_states * joint)
    _check.budget(need, f"{what} with {total} transitions", "fewer or smaller factors would fit", max_bytes)
    shared = np.array(places, np.int64), np.array(starts, np.int64), np.concatenate(bounds)
    shape, pointer = np.array(sizes, np.int64), np.zeros(n_states * joint + 1, np.int64)
    csr.product_counts(*shared, shape, pointer)
    columns, values = np.empty(total, np.int32 if small else np.int64), np.empty(total)
    csr.product_fill(*shared, np.concatenate(index), np.concatenate(chances), shape, pointer, columns, values)
    if can is not None:
        pointer, columns, values = possible_rows(pointer, columns, values, can)
    return sp.csr_array((values, columns, pointer.astype(columns.dtype)), shape=(n_states * joint, n_states))
