"""State-dependent action sets: which actions every player has in which state.

A mask is a bool array (S, A_total), player i in columns offset[i]..offset[i+1]. A joint action is *possible* in a state
if every player has its own part of it there. Rewards and transitions of joint actions that are not possible are never
read from what is given: the game keeps a reward of 0 and a move to the same state there, which no policy gives any
weight, and an action that a player does not have is worth -inf (see :func:`.game.contract`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from .._check import Float

Mask = NDArray[np.bool_]


def _truths(value: Any, name: str) -> Mask:
    """An array of truth values: bool, or numbers that are 0 or 1."""
    found = _check.read(value, name)
    truth = np.asarray(found, np.bool_)
    if found.dtype.kind != "b":
        with np.errstate(invalid="ignore"):
            off = (found != 0) & (found != 1)
        if off.any():
            at = tuple(int(x) for x in np.argwhere(off)[0])
            raise ValueError(f"{name} must hold truth values, True or 1 where the action can be taken, found "
                             f"{found[at]} at index {at}")
    return truth.copy() if truth is found else truth


def mask_of(value: Any, n_states: int, num_actions: Sequence[int], name: str = "available") -> Mask | None:
    """A checked, read-only mask of one's own, from (S, A_total) or a list of (S, A_i); None if nothing is missing.

    Raises
    ------
    ValueError, TypeError
        If it has another shape or holds no truth values; which player has no action in which state.
    """
    if value is None:
        return None
    expected, parts = (n_states, sum(num_actions)), [(n_states, n) for n in num_actions]
    mask: Any = None
    if isinstance(value, list | tuple):
        shapes = [_check.shape_of(part, f"{name}[{i}]") for i, part in enumerate(value)]
        flat = n_states == 1 and shapes == [part[1:] for part in parts]
        if shapes == parts or flat:
            each = [np.atleast_2d(_truths(part, f"{name}[{i}]")) for i, part in enumerate(value)]
            mask = np.concatenate(each, axis=1)
        elif shapes and max(map(len, shapes)) == 2 and (len(shapes) > 1 or shapes[0] != expected):
            raise ValueError(f"{name} must be one array (S, A_total) = {expected}, or hold one array (S, A_i) per "
                             f"player, {parts}, found {_check.shown(shapes)}")
    if mask is None:
        mask = _truths(value, name)
        if n_states == 1 and mask.shape == expected[1:]:
            mask = mask[None]
    if mask.shape != expected:
        raise ValueError(f"{name} must have shape (S, A_total) = {expected}, or be a list of one (S, A_i) per player, "
                         f"found {mask.shape}")
    edges = np.concatenate([[0], np.cumsum(num_actions)])
    counts = np.add.reduceat(mask.astype(np.int64), edges[:-1], axis=1)
    if not counts.all():
        s, i = (int(x) for x in np.argwhere(counts == 0)[0])
        raise ValueError(f"every player needs at least one available action in every state, found none for player {i} "
                         f"in state {s}; give it one that does nothing")
    if mask.all():
        return None
    mask = np.ascontiguousarray(mask)
    mask.flags.writeable = False
    return mask  # type: ignore[no-any-return]


def missing_of(mask: Mask | None) -> NDArray[np.int64]:
    """Where a table (S, A_total) laid out flat has what cannot be taken: what models keep."""
    return np.zeros(0, np.int64) if mask is None else np.flatnonzero(~mask).astype(np.int64)


def possible(mask: Mask, num_actions: Sequence[int]) -> Mask:
    """(S, A_0, ..., A_{N-1}): the joint actions of which every player has its part."""
    n_states, count = mask.shape[0], len(num_actions)
    out = np.ones((n_states, *num_actions), np.bool_)
    edge = 0
    for i, n in enumerate(num_actions):
        shape = [n_states] + [1] * count
        shape[1 + i] = n
        out &= mask[:, edge:edge + n].reshape(shape)
        edge += n
    return out


def possible_rewards(rewards: ArrayLike, name: str, can: Mask) -> NDArray[Any]:
    """A copy of rewards (..., S, A_0, ...) with 0 at joint actions that are not possible, whatever stood there."""
    found = np.array(_check.read(rewards, name))
    found[..., ~can] = 0
    return found


def possible_moves(transitions: ArrayLike, name: str, can: Mask) -> NDArray[Any]:
    """A copy of transitions (S, A_0, ..., S) that stay put at joint actions that are not possible."""
    found = np.array(_check.read(transitions, name))
    at = np.nonzero(~can)
    found[at] = 0
    found[(*at, at[0])] = 1
    return found


def possible_rows(pointer: NDArray[np.int64], index: Any, probability: Any, can: Mask) -> tuple[Any, Any, Any]:
    """CSR rows s J + j as new arrays; those of joint actions that are not possible stay put."""
    keep, joint = can.reshape(-1), can.size // can.shape[0]
    sizes = np.where(keep, np.diff(pointer), 1)
    after = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    columns, chances = np.empty(int(after[-1]), index.dtype), np.empty(int(after[-1]), probability.dtype)
    new, old = np.repeat(keep, sizes), np.repeat(keep, np.diff(pointer))
    columns[new], chances[new] = index[:old.size][old], probability[:old.size][old]
    stay = np.flatnonzero(~keep)
    columns[after[stay]], chances[after[stay]] = stay // joint, 1
    return after, columns, chances


def range_of(planes: Float, can: Mask) -> Float:
    """(planes, 2): smallest and largest of rewards (planes, S, A_0, ...) at possible joint actions."""
    used = [plane[can] for plane in planes]
    return np.array([(each.min(), each.max()) for each in used])


def choices(game: Any) -> tuple[Mask, NDArray[np.int64]]:
    """What feedbacks show: which actions there are (S, A_total), and how many each player has (S, N)."""
    if game._everything is None and game.available is None:
        full = np.ones((game.num_states, sum(game.num_actions)), np.bool_)
        full.flags.writeable = False
        object.__setattr__(game, "_everything", full)
    return game._everything if game.available is None else game.available, game.action_counts()
