"""Simulation of games from tables over joint actions: one alias table a row, dense or in CSR."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ... import _check
from ..._check import Float
from ...kernels.alias import draw, draw_lanes
from ...machine import attach, inlined, precise
from ...machine.flat import poke
from ...machine.vectors import LANES, aligned, broadcast, gather, load, store
from ..sampler import SMALLER, begin_by_law, row_is_state

FEW = 4  # players up to which the compiler knows how many there are


@inlined
def _joint(sampler, state, actions, rewards):
    """Fill the rewards; return s J + j.    actions, rewards (N,) and the lanes behind them"""
    j, n = state, sampler.n_actions.size
    for i in range(n):
        j = j * sampler.n_actions[i] + actions[i]
    if sampler.shared:
        reward = gather(sampler.rewards, j)
        for i in range(n):
            rewards[i] = reward
    else:
        for i in range(0, n, LANES):  # by vectors, as rules load them: what was stored one by one would be waited for
            store(rewards, i, load(sampler.rewards, j * n + i))
    return j


@inlined
def _dense_step(sampler, state, actions, rewards, uniforms, at):
    """The next state by the alias table of the row (s, joint action); rewards (N,) of actions (N,)."""
    j, n = _joint(sampler, state, actions, rewards), sampler.initial.size
    return draw(gather(uniforms, at), j * n, n, sampler.threshold, sampler.other) if n > 1 else 0


@precise
def _dense_leap(sampler, at, u):
    """The next states of the rows at = s J + j, a vector."""
    n = sampler.initial.size
    return draw_lanes(u, at * n, n, sampler.threshold, sampler.other) if n > 1 else broadcast(0)


@attach(begin=begin_by_law, step=_dense_step, row=row_is_state, leap=_dense_leap)
class DenseSampler(NamedTuple):
    """rewards (S J N,), or (S J,) when shared   threshold, other (S J S,): alias tables   initial (S,)   n_actions
    (N,)
    """

    rewards: Any
    shared: bool
    threshold: Any
    other: Any
    initial: Any
    n_actions: Any


@inlined
def _sparse_step(sampler, state, actions, rewards, uniforms, at):
    """As :func:`_dense_step` over CSR rows: entry e of a row leads to state index[e]."""
    j = _joint(sampler, state, actions, rewards)
    start = gather(sampler.pointer, j)
    n = gather(sampler.pointer, j + 1) - start
    return gather(sampler.index, start + draw(gather(uniforms, at), start, n, sampler.threshold, sampler.other))


@precise
def _sparse_leap(sampler, at, u):
    """As :func:`_dense_leap` over CSR rows."""
    start = gather(sampler.pointer, at)
    n = gather(sampler.pointer, at + 1) - start
    return gather(sampler.index, start + draw_lanes(u, start, n, sampler.threshold, sampler.other))


@attach(begin=begin_by_law, step=_sparse_step, row=row_is_state, leap=_sparse_leap)
class SparseSampler(NamedTuple):
    """As DenseSampler, rows in CSR: pointer (S J + 1,), index (nnz,)."""

    rewards: Any
    shared: bool
    pointer: Any
    index: Any
    threshold: Any
    other: Any
    initial: Any
    n_actions: Any


@inlined
def _sure_step(sampler, state, actions, rewards, uniforms, at):
    """The only next state of the row, and its rewards (N,), from tables without states where stride is 0."""
    if len(sampler.players) == 2:
        j = gather(actions, 0) * gather(sampler.n_actions, 1) + gather(actions, 1) + state * sampler.stride
        if not sampler.shared:  # one by one, as they are read again one by one
            poke(rewards, 0, gather(sampler.gains, 2 * j))
            poke(rewards, 1, gather(sampler.gains, 2 * j + 1))
            return gather(sampler.moves, j)
    else:
        j, n = gather(actions, 0), sampler.n_actions.size
        for i in range(1, n):
            j = j * gather(sampler.n_actions, i) + gather(actions, i)
        j += state * sampler.stride
    n = sampler.n_actions.size
    if sampler.shared:
        for i in range(n):
            rewards[i] = gather(sampler.gains, j)
    else:
        for i in range(0, n, LANES):
            store(rewards, i, load(sampler.gains, j * n + i))
    return gather(sampler.moves, j)


@precise
def _sure_leap(sampler, at, u):
    """As :func:`_dense_leap` where every row has one next state."""
    return gather(sampler.index, at)


@attach(begin=begin_by_law, step=_sure_step, row=row_is_state, leap=_sure_leap, step_draws=0)
class SureSampler(NamedTuple):
    """Sparse rows with a single next state: rewards and index (S J,) as in SparseSampler.

    gains, moves: the same, or of one state alone, (J N,) and (J,), where all states have the same; stride: J, or 0
    players: a tuple as long as there are players, where these are few, or empty
    """

    rewards: Any
    shared: bool
    index: Any
    gains: Any
    moves: Any
    stride: int
    initial: Any
    n_actions: Any
    players: Any

    @classmethod
    def create(cls, game: Any, index: Any) -> SureSampler:
        """The sampler of a game whose row s J + j leads to state index[s J + j]."""
        rewards, shared = joint_rewards(game)
        joint, n = index.size // game.num_states, game.num_players
        rest = game.model.initial, game.model.n_actions, (0,) * n if n <= FEW else ()
        planes, table = game.model.rewards, index.reshape(-1, joint)
        if (table == table[0]).all() and (planes == planes[:, :1]).all():
            width = joint * planes.shape[0]
            gains, moves = aligned(width + LANES), table[0].copy()
            gains[:width] = rewards[:width]
            return cls(rewards, shared, index, gains, moves, 0, *rest)
        return cls(rewards, shared, index, rewards, index, joint, *rest)


def joint_rewards(game: Any) -> tuple[Float, bool]:
    """All players' rewards at a joint action side by side: (S J N,), or (S J,) when they share it."""
    planes = game.model.rewards
    if planes.shape[0] == 1:
        return planes.reshape(-1), True
    _check.budget(planes.nbytes, f"the rewards of {game!r} in the order of simulation", SMALLER)
    table = aligned(planes.size + LANES)  # the last vector that is loaded may reach past the end
    table[:planes.size].reshape(-1, planes.shape[0])[:] = np.moveaxis(game.rewards, 0, -1).reshape(-1, planes.shape[0])
    return table, False


def sure_move(game: Any, rewards: Float, state: int, actions: Any) -> tuple[int, Float]:
    """Where a joint action (N,) leads for sure, and the rewards (N,).    rewards (N or 1, S, A_0, ...)

    Raises
    ------
    ValueError
        If it leads to several states.
    """
    m, joint = game.model, tuple(int(a) for a in actions)
    row = state * math.prod(game.num_actions) + int(np.ravel_multi_index(joint, game.num_actions))
    if game.is_sparse:
        low, high = int(m.pointer[row]), int(m.pointer[row + 1])
        chances, where = m.probability[low:high], game._sampler_index()[low:high]
    else:
        chances, where = m.transitions.reshape(-1, game.num_states)[row], np.arange(game.num_states)
    if np.count_nonzero(chances) != 1:
        raise ValueError(f"moves must be sure, found {np.count_nonzero(chances)} next states {game._where(row)}")
    at: Any = (slice(None), state, *joint)
    found = np.broadcast_to(rewards[at], (game.num_players,)).copy()
    return int(where[np.argmax(chances)]), found
