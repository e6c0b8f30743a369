"""Samples of games that are played player by player, by counts or by a simulator: see :mod:`.samples`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..kernels.rng import SAMPLES, START, STEPS, pair
from ..machine import attach, inlined, kernel, method
from ..machine.vectors import LANES, broadcast, load, store
from ..models.game import Game
from ..models.sampler import begin, row, step
from ._times import draw_times, own_action
from .transition import up

# probabilities(features, rule, state, feedback, s, place, out): everybody's policy (A_total,) in a state seen as row s
# shown(features, rule, state, feedback, s, place, now): notes the policy in a state that players take an action from
probabilities, shown = method("probabilities"), method("shown")


@inlined
def _ready_play(source, rule, state, feedback):
    """Nothing is kept from one round to the next."""


@kernel
def _fill(source, key, n, t):
    """uniforms[:2 B]: what step t of sample n needs, players first, then the environment's draws."""
    key0, key1, width = broadcast(key[0]), broadcast(key[1]), source.blocks
    lanes = load(STEPS, 0) + np.uint64(t * width)
    for b in range(0, width, LANES):
        u, v = pair(key0, key1, broadcast(np.uint64(n)), lanes + np.uint64(b), broadcast(np.uint64(SAMPLES)))
        store(source.halves, 0, u)
        store(source.halves, LANES, v)
        for c in range(min(LANES, width - b)):
            source.uniforms[2 * (b + c)] = source.halves[c]
            source.uniforms[2 * (b + c) + 1] = source.halves[LANES + c]


@kernel
def _first(source, key, n):
    """The first state of sample n."""
    for b in range((source.draws + 1) // 2):
        source.uniforms[2 * b], source.uniforms[2 * b + 1] = pair(key[0], key[1], np.uint64(n), np.uint64(b),
                                                                  np.uint64(START))
    return begin(source.sampler, source.uniforms, 0)


@inlined
def _collect_play(source, rule, state, feedback, first, count, player):
    """As :func:`_collect_tables`, one sample after the other."""
    draw_times(feedback.key, first, source.scale, source.before, source.after, 0, count)
    for m in range(count):
        n = first + m
        place = _first(source, feedback.key, n)
        feedback.returns[m] = 0.0
        for t in range(source.before[m] + 1 + source.after[m]):
            _fill(source, feedback.key, n, t)
            s, special = row(source.sampler, place), t == source.before[m]
            probabilities(rule.features, rule, state, feedback, s, place, source.now[0])
            if special:
                feedback.rows[m], feedback.places[m] = s, place
                shown(rule.features, rule, state, feedback, s, place, source.now[0])
            for i in range(feedback.offset.size - 1):
                source.actions[i] = own_action(source.now, 0, feedback.offset[i], feedback.offset[i + 1],
                                               feedback.available[s:s + 1], feedback.num_actions[s, i],
                                               rule.exploration if special and i == player else 0.0,
                                               source.uniforms[i])
            if special:
                feedback.actions[m] = source.actions[player]
            place = step(source.sampler, place, source.actions, source.rewards, source.uniforms, source.first)
            if t >= source.before[m]:
                feedback.returns[m] += source.rewards[player]


@attach(ready=_ready_play, collect=_collect_play)
class OneByOne(NamedTuple):
    """Samples of a game that is played player by player: by counts, or a simulator.

    before, after (CHUNK,), scale: of the times   now (1, A_total), actions, rewards (N,), rounded up to whole vectors,
    uniforms, halves (2 LANES,): of a step   blocks: B   first: where the environment's numbers begin
    """

    before: Any
    after: Any
    scale: float
    now: Any
    actions: Any
    rewards: Any
    uniforms: Any
    halves: Any
    blocks: int
    first: int
    draws: int
    sampler: Any


def played(game: Game, sampler: Any, scale: float, times: tuple[Any, Any], blocks: int) -> OneByOne:
    """The source of one run."""
    players = up(game.num_players)
    acting = (game.num_players + 1) // 2
    return OneByOne(*times, scale, np.zeros((1, sum(game.num_actions))), np.full(players, -1, np.int64),
                  np.zeros(players), np.zeros(max(2 * blocks, game.draws + 1) + 2), np.zeros(2 * LANES), blocks,
                  2 * acting, game.draws, sampler)
