"""Sampled feedback: one transition at a time, of which a player sees the state, its own action and its own reward."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..kernels.rng import START, fill_steps, pair
from ..machine import attach, inlined, kernel, method
from ..machine.vectors import LANES, aligned
from ..models.available import choices
from ..models.game import Game
from ..models.sampler import begin, private, row, step, step_draws


@inlined
def act_by_policy(state, s, offset, uniforms, at, actions):
    """Every player draws from its row of ``state.policy`` (S, A_total) with its own number uniforms[at + i].

    Where rounding leaves a number above the sum of the row, the last action with a probability is taken.
    """
    policy = state.policy[s]
    for i in range(offset.size - 1):
        a, last, total = 0, offset[i + 1] - offset[i] - 1, policy[offset[i]]
        while a < last and uniforms[at + i] >= total:
            a += 1
            total += policy[offset[i] + a]
        while a > 0 and policy[offset[i] + a] == 0.0:
            a -= 1
        actions[i] = a


# act(state, s, offset, uniforms, at, actions): every player's action in row s
act = method("act", default=act_by_policy)


@kernel
def begin_episode(feedback, key, k):
    """Put the environment in a first state, drawn by the numbers START of step k.    key (2,)"""
    for block in range((feedback.draws + 1) // 2):
        at = feedback.first + 2 * block
        feedback.uniforms[at], feedback.uniforms[at + 1] = pair(key[0], key[1], np.uint64(k), np.uint64(block),
                                                                np.uint64(START))
    feedback.place[0] = begin(feedback.sampler, feedback.uniforms, feedback.first)


@inlined
def _observe(feedback, state, key, k):
    """Play step k of the run with this key (2,): actions, rewards (N,) and the two rows of ``feedback.state``.

    Random numbers are made for LANES steps at a time, uniforms[lane * span + i] for player i. An episode that is over
    begins again before them, since it takes its numbers in the place of the first lane's.
    """
    if feedback.ends.size > 0 and feedback.ends[feedback.place[0]]:
        begin_episode(feedback, key, k)
    lane = k % LANES
    if feedback.filled[0] != k - lane:
        fill_steps(key, np.uint64(k - lane), feedback.offset.size - 1, feedback.each, feedback.starts,
                   feedback.scratch, feedback.uniforms)
        feedback.filled[0] = k - lane
        feedback.key[0], feedback.key[1] = key[0], key[1]
    at = lane * feedback.span
    now = feedback.place[0]
    s = row(feedback.sampler, now)
    act(state, s, feedback.offset, feedback.uniforms, at, feedback.actions)
    after = step(feedback.sampler, now, feedback.actions, feedback.rewards, feedback.uniforms, at + feedback.first)
    feedback.next[0] = after
    feedback.state[0], feedback.state[1] = s, row(feedback.sampler, after)


@inlined
def _proceed(feedback, k):
    """Step k is over: keep its state and actions if a trajectory is recorded, and go on from the next state."""
    if feedback.states.size > 0:
        at = k - feedback.origin[0]
        feedback.states[at] = feedback.place[0]
        for i in range(feedback.history.shape[1]):
            feedback.history[at, i] = feedback.actions[i]
    feedback.place[0] = feedback.next[0]


@attach(observe=_observe, proceed=_proceed, sampled=True, continues=True,
        sees="the state, its own action and its own reward, step by step")
class Transition(NamedTuple):
    """Sampled feedback. A rule reads entry i of ``actions`` and ``rewards`` for player i, and nothing of the others.

    A step into a terminal state (:attr:`fastmpg.Game.terminal`) ends an episode: the next step is played in a first
    state, drawn anew. Nobody plays or learns in a terminal state (unless it is a first state), so that its value stays
    what it is at the start, 0.

    Attributes
    ----------
    state : (2,)
        Rows of the tables for the state and for the next one.
    actions, rewards : (N,), rounded up to a multiple of LANES; actions there are -1
    offset : (N + 1,)
        First column of every player.
    available : (S, A_total) of bool, num_actions : (S, N)
        Which actions there are, and how many each player has, in every row of the tables.
    discount : float
    key : (2,)
        The run's key, of rules that draw for themselves (:func:`fastmpg.kernels.rng.pair`, stream CHOICES).
    place, next, ends, uniforms, starts, scratch, filled, span, first, draws, each, sampler, states, history, origin
        The environment (a start takes ``draws`` uniform numbers, a step ``each``) and the trajectory, which holds the
        states that were played: none is terminal, but the last may be.
    """

    state: Any
    actions: Any
    rewards: Any
    offset: Any
    available: Any
    num_actions: Any
    discount: float
    key: Any
    place: Any
    next: Any
    ends: Any
    uniforms: Any
    starts: Any
    scratch: Any
    filled: Any
    span: int
    first: int
    draws: int
    each: int
    sampler: Any
    states: Any
    history: Any
    origin: Any

    @classmethod
    def create(cls, game: Game, state: Any, **_: Any) -> tuple[Transition, None]:
        """The environment of one run, not yet started."""
        players, draws, first = up(game.num_players), game.draws, game.num_players + game.num_players % 2
        one, sampler = np.zeros(1, np.int64), private(game.sampler())
        each = step_draws(game, sampler)
        close = each == 0 and first == 2  # numbers of steps lie side by side, those of a start behind them
        span = 2 if close else up(first + draws)
        first = LANES * span if close else first
        ends = np.zeros(0, np.bool_) if game.terminal is None else game.terminal
        made = cls(np.zeros(2, np.int64), aligned(players, -1, np.int64), aligned(players), game.offset, *choices(game),
                   game.discount, np.zeros(2, np.uint64), one.copy(), one.copy(), ends,
                   aligned(LANES * span + up(draws)), np.arange(LANES) * span, aligned(LANES * LANES), one - 1, span,
                   first, draws, each, sampler, np.zeros(0, np.int64), np.zeros((0, 0), np.int64), one.copy())
        return made, None


def up(count: int) -> int:
    """Rounded up to whole vectors."""
    return -(-count // LANES) * LANES


@kernel
def start(feedback, key):
    """Put the environment of a run in the first state of the run with this key.    key (2,)"""
    begin_episode(feedback, key, 0)
    feedback.filled[0] = -1
