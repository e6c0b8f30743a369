"""Simulation of anonymous games: players are counted, LANES at a time; nothing grows with joint actions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...kernels.alias import draw
from ...kernels.contract_counts import EACH, FACTORED, FIXED, OWN, SHARED, TABLE, VECTOR
from ...machine import attach, inlined
from ...machine.vectors import LANES, broadcast, gather, lane_sum, load, select, store
from ..sampler import alias, begin_by_law, row_is_state


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
            sampler.tally[a] += lane_sum(select(chosen == a, broadcast(1), broadcast(0)))
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
