"""Simulation of anonymous games: players are counted, LANES at a time; nothing grows with joint actions.

Where there are few counts, all that depends on them lies in flat tables, one row for every state and count, and a step
has no branch (:class:`FlatSampler`); others look up what they need by a tally (:class:`CountSampler`). Both give the
same bits from the same draws.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...kernels.alias import draw
from ...kernels.contract_counts import EACH, FACTORED, FIXED, OWN, SHARED, TABLE, VECTOR
from ...machine import attach, inlined
from ...machine.flat import lane_bits, ones
from ...machine.vectors import LANES, aligned, broadcast, gather, load, select, store
from ..sampler import alias, begin_by_law, row_is_state

FEW = 4  # actions, and local states, up to which loops over them are unrolled
ROOM = 2**16  # entries of flat tables: what a cache holds beside the learners' own


@inlined
def _index(sampler, n_actions):
    """Where the count vector in the tally is stored.    sampler.tally (L,)   sampler.choose (L + 1, N + 3)"""
    index, total = 0, 0
    for d in range(1, n_actions):
        total += sampler.tally[d - 1]
        index += sampler.choose[d, total]
    return index


@inlined
def _step(sampler, state, actions, rewards, uniforms, at):
    """The next state; rewards (N,) of actions (N,), both padded to whole vectors; draws from uniforms[at] on.

    Actions are counted first: everything else is read from the tables by these counts.
    """
    n, n_actions = sampler.players, sampler.tally.size
    for a in range(n_actions):
        sampler.tally[a] = 0
    for i in range(0, n, LANES):  # lanes without a player hold -1
        chosen = load(actions, i)
        for a in range(n_actions):
            sampler.tally[a] += ones(lane_bits(chosen == a))
    kind, index = sampler.payoff_kind, 0
    if kind in (VECTOR, SHARED) or sampler.kind == TABLE:
        index = _index(sampler, n_actions)
    if kind == EACH:
        for i in range(n):
            rewards[i] = sampler.rewards[i, state, actions[i], sampler.tally[actions[i]]]
    else:
        for a in range(n_actions):
            if kind == OWN:
                sampler.payoff[a] = sampler.rewards[0, state, a, sampler.tally[a]]
            else:
                sampler.payoff[a] = sampler.rewards[0, state, index, a if kind == VECTOR else 0]
        for i in range(0, n, LANES):
            chosen, reward = load(actions, i), broadcast(0.0)
            for a in range(n_actions):
                reward = select(chosen == a, sampler.payoff[a], reward)
            store(rewards, i, reward)
    if sampler.kind != FACTORED:
        n_states = sampler.initial.size
        row = state if sampler.kind == FIXED else state * sampler.rows + index
        return draw(gather(uniforms, at), row * n_states, n_states, sampler.threshold, sampler.other)
    after, local = 0, sampler.transitions.shape[1]
    for a in range(n_actions):
        x, m = sampler.digits[state, a], sampler.tally[a]
        y, total = 0, sampler.transitions[a, x, m, 0]
        while y < local - 1 and uniforms[at + a] >= total:
            y += 1
            total += sampler.transitions[a, x, m, y]
        after = after * local + y
    return after


@attach(begin=begin_by_law, step=_step, row=row_is_state)
class CountSampler(NamedTuple):
    """rewards, transitions, choose, kind, payoff_kind: as in the model   threshold, other: alias tables where rows are
    joint

    digits (S, L): the facilities' states   rows: count vectors   tally, payoff (L,): a run's own scratch
    """

    rewards: Any
    transitions: Any
    choose: Any
    kind: int
    payoff_kind: int
    threshold: Any
    other: Any
    digits: Any
    rows: int
    players: int
    initial: Any
    tally: Any
    payoff: Any

    @classmethod
    def create(cls, game: Any) -> CountSampler:
        """That of a count game."""
        m, n_actions, n_states = game.model, game.num_actions[0], game.num_states
        threshold, other, digits = np.zeros(0), np.zeros(0, np.int32), np.zeros((0, n_actions), np.int64)
        if m.kind == FACTORED:
            digits = np.indices((m.transitions.shape[1],) * n_actions).reshape(n_actions, -1).T.copy()
        else:
            count = m.transitions.size // n_states
            threshold, other = alias(np.arange(count + 1) * n_states, m.transitions.reshape(-1), repr(game))
        return cls(m.rewards, m.transitions, m.choose, m.kind, m.payoff_kind, threshold, other, digits,
                   m.transitions.shape[2], game.num_players, m.initial, np.zeros(n_actions, np.int64),
                   np.zeros(n_actions))

    def alone(self) -> CountSampler:
        """With scratch of its own, for one run."""
        return self._replace(tally=self.tally.copy(), payoff=self.payoff.copy())


@inlined
def _flat_step(sampler, state, actions, rewards, uniforms, at):
    """As :func:`_step`, by one row of the flat tables."""
    n, n_actions, weight, count = sampler.players, len(sampler.links), 1, 0
    for a in range(1, n_actions):
        for i in range(0, n, LANES):  # lanes without a player hold -1
            count += weight * ones(lane_bits(load(actions, i) == a))
        weight *= n + 1
    row = state * weight + count
    for i in range(0, n, LANES):
        chosen, reward = load(actions, i), broadcast(0.0)
        for a in range(n_actions):
            reward = select(chosen == a, gather(sampler.payoff, row * n_actions + a), reward)
        store(rewards, i, reward)
    if len(sampler.local) == 0:
        n_states = sampler.initial.size
        return draw(gather(uniforms, at), gather(sampler.place, row), n_states, sampler.threshold, sampler.other)
    after, cuts = 0, len(sampler.local) - 1
    for a in range(n_actions):
        u, y = gather(uniforms, at + a), 0
        for l in range(cuts):
            y += 1 if u >= gather(sampler.edges, (row * n_actions + a) * cuts + l) else 0
        after = after * (cuts + 1) + y
    return after


@attach(begin=begin_by_law, step=_flat_step, row=row_is_state)
class FlatSampler(NamedTuple):
    """Row s (N + 1)^(L - 1) + sum_a n_a (N + 1)^(a - 1): state s with n_a players at action a >= 1.

    payoff (rows L,): what an action pays   edges (rows L (m - 1),): where each facility's next state changes, among m
    place (rows,): the first entry of the alias table that leads on   threshold, other, initial: as in CountSampler
    links, local: tuples as long as L and m, which the compiler then knows; local is empty where rows are joint
    """

    payoff: Any
    edges: Any
    place: Any
    threshold: Any
    other: Any
    initial: Any
    links: Any
    local: Any
    players: int

    @classmethod
    def create(cls, sampler: CountSampler) -> FlatSampler | CountSampler:
        """The same sampler with flat tables; itself where these would be large, or players are paid differently."""
        n, n_actions, n_states = sampler.players, sampler.tally.size, sampler.initial.size
        local = sampler.transitions.shape[1] if sampler.kind == FACTORED else 0
        each = (n + 1) ** (n_actions - 1) * n_states * n_actions * max(1, local - 1)
        if n_actions > FEW or local > FEW or sampler.payoff_kind == EACH or each > ROOM:
            return sampler
        counts = np.indices((n + 1,) * (n_actions - 1)).reshape(n_actions - 1, -1)[::-1].T  # n_1 changes fastest
        tally = np.concatenate([n - counts.sum(axis=1, keepdims=True), counts], axis=1)
        real = tally[:, 0] >= 0
        tally, rows = np.where(real[:, None], tally, 0), len(tally)
        index, total = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        for d in range(1, n_actions):
            total += tally[:, d - 1]
            index += sampler.choose[d, total]
        index = np.where(real, index, 0)
        payoff, links = aligned(n_states * rows * n_actions), np.arange(n_actions)
        paid = payoff.reshape(n_states, rows, n_actions)
        if sampler.payoff_kind == OWN:
            paid[:] = sampler.rewards[0][:, links, tally]
        else:
            paid[:] = sampler.rewards[0][:, index]
        place, edges = np.zeros(0, np.int64), np.zeros(0)
        if local:
            cumulative = np.cumsum(sampler.transitions, axis=-1)[..., :-1]  # (L, m, N + 1, m - 1)
            edges = aligned(n_states * rows * n_actions * (local - 1))
            edges.reshape(n_states, rows, n_actions, local - 1)[:] = cumulative[links, sampler.digits[:, None], tally]
        else:
            first = np.arange(n_states)[:, None]
            place = ((first if sampler.kind == FIXED else first * sampler.rows + index) * n_states
                     + np.zeros(rows, np.int64)).ravel()
        return cls(payoff, edges, place, sampler.threshold, sampler.other, sampler.initial, (0,) * n_actions,
                   (0,) * local, n)
