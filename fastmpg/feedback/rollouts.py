"""Sampled feedback in batches: rollouts of a fixed length from the initial law under the current policy, and their
returns to go.

Rollout j of iteration k is the run's rollout number n = k count + j. Its first state is drawn at step n of the stream
START, its step t at step n length + t of the streams ACTIONS (a number for every player) and ENVIRONMENT: no number
serves twice, and what is drawn depends on the run's key and on k alone, so that a run goes on from its policies and k.
No environment state is carried from one iteration to the next.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..kernels.rng import START, fill_steps, pair
from ..machine import attach, inlined, kernel
from ..machine.vectors import LANES
from ..models.available import choices
from ..models.game import Game
from ..models.sampler import begin, private, row, step
from .transition import act_by_policy, up

# steps that are kept; longer rollouts keep the environment's state once a block and are played again from there
BLOCK = 8 * LANES
LONGEST = 2**20  # steps of a rollout


@inlined
def note(feedback, state, key, k):
    """Note the key (2,) and the number k of the update: the rule asks for the batch itself."""
    feedback.key[0], feedback.key[1] = key[0], key[1]
    feedback.iteration[0] = k


@attach(observe=note, sampled=True,
        sees="batches of episodes of the policies as they are: its own actions and rewards")
class Rollouts(NamedTuple):
    """Sampled feedback. A rule asks for a batch by :func:`play`, and of player i reads its columns of the tables alone.

    Attributes
    ----------
    visits, returns, discounted : (S, A_total)
        Of every player's actions in the rows that the batch has seen: how often taken, the sum of the returns to go,
        and that of gamma^t times the return to go from step t. A return to go is that of the player's own rewards up to
        the rollout's end.
    order : (S,), found : (1,)
        ``order[:found[0]]`` are the rows that the batch has seen. What the tables hold in other rows means nothing.
    offset : (N + 1,)
        First column of every player.
    available : (S, A_total) of bool, num_actions : (S, N)
        Which actions there are, and how many each player has, in every row of the tables.
    discount : float
    key, iteration, known, to_go, resting, seen, actions, rewards, uniforms, starts, scratch, span, first, draws,
    sampler
        Of the rollouts under way.
    """

    visits: Any
    returns: Any
    discounted: Any
    order: Any
    found: Any
    offset: Any
    available: Any
    num_actions: Any
    discount: float
    key: Any
    iteration: Any
    known: Any
    to_go: Any
    resting: Any
    seen: Any
    actions: Any
    rewards: Any
    uniforms: Any
    starts: Any
    scratch: Any
    span: int
    first: int
    draws: int
    sampler: Any

    @classmethod
    def create(cls, game: Game, state: Any, **_: Any) -> tuple[Rollouts, None]:
        """Tables and workspace of one run."""
        players, draws, first = up(game.num_players), game.draws, game.num_players + game.num_players % 2
        span, rows, sampler = up(first + draws), game.num_states, private(game.sampler())
        shape = rows, sum(game.num_actions)
        made = cls(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(rows, np.int64), np.zeros(1, np.int64),
                   game.offset, *choices(game), game.discount, np.zeros(2, np.uint64), np.zeros(1, np.int64),
                   np.zeros(rows, np.bool_), np.zeros(game.num_players), np.zeros(LONGEST // BLOCK, np.int64),
                   np.zeros(BLOCK, np.int64), np.full((BLOCK, players), -1, np.int64), np.zeros((BLOCK, players)),
                   np.zeros(LANES * span), np.arange(LANES) * span, np.zeros(LANES * LANES), span, first, draws,
                   sampler)
        return made, None


@kernel
def _first(feedback, rollout):
    """The first state of a rollout, by draws of its own from the stream START, left in uniforms[first:]."""
    for block in range((feedback.draws + 1) // 2):
        at = feedback.first + 2 * block
        feedback.uniforms[at], feedback.uniforms[at + 1] = pair(feedback.key[0], feedback.key[1], np.uint64(rollout),
                                                                np.uint64(block), np.uint64(START))
    return begin(feedback.sampler, feedback.uniforms, feedback.first)


@kernel
def _walk(feedback, state, number, now, steps):
    """Play and keep ``steps`` <= BLOCK steps on from ``now``, ``number`` that of the first; return where they lead.

    rows, actions, rewards of step t at index t of ``seen`` (BLOCK,), ``actions`` and ``rewards`` (BLOCK, N and lanes)
    """
    for t in range(steps):
        lane = t % LANES
        if lane == 0:
            fill_steps(feedback.key, np.uint64(number + t), feedback.offset.size - 1, feedback.draws, feedback.starts,
                       feedback.scratch, feedback.uniforms)
        at = lane * feedback.span
        s = row(feedback.sampler, now)
        feedback.seen[t] = s
        act_by_policy(state, s, feedback.offset, feedback.uniforms, at, feedback.actions[t])
        now = step(feedback.sampler, now, feedback.actions[t], feedback.rewards[t], feedback.uniforms,
                   at + feedback.first)
    return now


@kernel
def _credit(feedback, t, weight):
    """Enter step t of those that are kept; steps come last to first.

    visits, returns, discounted (S, A_total); weight: gamma^t
    """
    s = feedback.seen[t]
    if not feedback.known[s]:
        feedback.known[s] = True
        feedback.order[feedback.found[0]] = s
        feedback.found[0] += 1
        for c in range(feedback.visits.shape[1]):
            feedback.visits[s, c] = feedback.returns[s, c] = feedback.discounted[s, c] = 0.0
    for i in range(feedback.offset.size - 1):
        to_go = feedback.rewards[t, i] + feedback.discount * feedback.to_go[i]
        c = feedback.offset[i] + feedback.actions[t, i]
        feedback.to_go[i] = to_go
        feedback.visits[s, c] += 1.0
        feedback.returns[s, c] += to_go
        feedback.discounted[s, c] += weight * to_go


@kernel
def play(feedback, state, count, length):
    """Play this iteration's ``count`` rollouts of ``length`` steps under ``state.policy`` and fill the tables.

    state.policy (S, A_total)
    """
    for r in range(feedback.found[0]):
        feedback.known[feedback.order[r]] = False
    feedback.found[0] = 0
    blocks = (length + BLOCK - 1) // BLOCK
    for j in range(count):
        rollout = feedback.iteration[0] * count + j
        now = _first(feedback, rollout)
        for b in range(blocks):
            feedback.resting[b] = now
            now = _walk(feedback, state, rollout * length + b * BLOCK, now, min(BLOCK, length - b * BLOCK))
        for i in range(feedback.to_go.size):
            feedback.to_go[i] = 0.0
        for b in range(blocks - 1, -1, -1):
            steps = min(BLOCK, length - b * BLOCK)
            if b < blocks - 1:
                _walk(feedback, state, rollout * length + b * BLOCK, feedback.resting[b], steps)
            for t in range(steps - 1, -1, -1):
                _credit(feedback, t, feedback.discount ** (b * BLOCK + t))
