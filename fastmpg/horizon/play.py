"""Simulation of time-dependent policies, by counter-based random numbers.

Run r draws its first state at step r of the stream START, and its decision t at step r T + t of the streams ACTIONS (a
number for every player) and ENVIRONMENT: what is drawn depends on the seed, r, t and T alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float
from .._same import comparable
from ..feedback.transition import up
from ..kernels.rng import START, fill_steps, pair
from ..machine import inlined, unit
from ..machine.vectors import LANES, aligned
from ..models.game import Game, check_game
from ..models.sampler import begin, begin_by_law, private, row, step
from .given import first_law, horizon_policy, terminal_payoff


class PlayFrame(NamedTuple):
    """What :func:`play_runs` reads and fills.

    sampler: see :mod:`..models.sampler`   policy (T, rows, A_total)   offset (N + 1,)   key (2,)
    initial (S,) or (0,): the law of the first state, if not the game's own
    actions, rewards (N,) and the lanes behind them, uniforms, starts, scratch: scratch, see :func:`.rng.fill_steps`
    span, first, draws: of its rows
    states (runs, T + 1), moves, paid (runs, T, N): the trajectories
    """

    sampler: Any
    policy: Any
    offset: Any
    key: Any
    initial: Any
    actions: Any
    rewards: Any
    uniforms: Any
    starts: Any
    scratch: Any
    span: int
    first: int
    draws: int
    states: Any
    moves: Any
    paid: Any


@inlined
def choose(policy, low, high, number):
    """An action by inversion of policy[low:high] at a number in [0, 1): none that has probability 0."""
    total, last = 0.0, low
    for c in range(low, high):
        if policy[c] > 0.0:
            total, last = total + policy[c], c
            if number < total:
                return c - low
    return last - low


@unit
def play_runs(frame):
    """All runs, one after the other."""
    horizon, players = frame.policy.shape[0], frame.offset.size - 1
    for r in range(frame.states.shape[0]):
        for block in range((frame.draws + 1) // 2):
            at = frame.first + 2 * block
            frame.uniforms[at], frame.uniforms[at + 1] = pair(frame.key[0], frame.key[1], np.uint64(r),
                                                              np.uint64(block), np.uint64(START))
        if frame.initial.size > 0:
            now = begin_by_law(frame, frame.uniforms, frame.first)
        else:
            now = begin(frame.sampler, frame.uniforms, frame.first)
        frame.states[r, 0] = now
        for t in range(horizon):
            lane = t % LANES
            if lane == 0:
                fill_steps(frame.key, np.uint64(r * horizon + t), players, frame.draws, frame.starts, frame.scratch,
                           frame.uniforms)
            at, s = lane * frame.span, row(frame.sampler, now)
            for i in range(players):
                frame.actions[i] = choose(frame.policy[t, s], frame.offset[i], frame.offset[i + 1],
                                          frame.uniforms[at + i])
            now = step(frame.sampler, now, frame.actions, frame.rewards, frame.uniforms, at + frame.first)
            frame.states[r, t + 1] = now
            for i in range(players):
                frame.moves[r, t, i], frame.paid[r, t, i] = frame.actions[i], frame.rewards[i]


@comparable
class HorizonPlay(NamedTuple):
    """Trajectories of :func:`play_horizon`.

    Attributes
    ----------
    states : ndarray (runs, T + 1) of int
        The state before every decision, and after the last.
    actions : ndarray (runs, T, N) of int
    rewards : ndarray (runs, T, N)
        Of a game from tables, the expected reward of the joint action, as the tables hold it.
    scores : ndarray (runs, N)
        The discounted sum of a run's rewards, with the terminal payoff of its last state.
    """

    states: NDArray[np.int64]
    actions: NDArray[np.int64]
    rewards: Float
    scores: Float

    def __repr__(self) -> str:
        runs, horizon, players = self.actions.shape
        return f"<HorizonPlay: {runs} runs of {horizon} decisions, {players} players>"


def play_horizon(game: Game, policy: Any, runs: int = 1, *, rng: Any = None, terminal: Any = None, initial: Any = None,
                 play: str = "mixed", ties: str = "split") -> HorizonPlay:
    """Play a policy that may depend on time over a finite horizon, again and again.

    Parameters
    ----------
    game : Game
        Any, simulators included: their policies have a row for every observation.
    policy : array_like (T, S, A_total), list of T (S, A_total), or list of N (T, S, A_i)
        One policy for every decision t = 0, ..., T - 1.
    runs : int
        How many games are played.
    rng : None, int, sequence of int, SeedSequence or Generator
        The seed. Run r is the same whatever the number of runs.
    terminal : array_like (N, S) or float, optional
        As for :func:`evaluate_horizon`; of a simulator one number, by default 0.
    initial, play, ties
        As for :func:`evaluate_horizon`; a simulator's first state is its own.

    Returns
    -------
    HorizonPlay

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit.
    MemoryError
        If the trajectories would not fit.

    Examples
    --------
    >>> import numpy as np, fastmpg as fm
    >>> game = fm.games.grid_1()
    >>> policy = np.stack([fm.uniform_policy(game)] * 5)
    >>> found = fm.play_horizon(game, policy, 10_000, rng=0)
    >>> found
    <HorizonPlay: 10000 runs of 5 decisions, 2 players>
    >>> bool(abs(found.scores.mean(axis=0) - fm.evaluate_horizon(game, policy).score).max() < 0.3)
    True
    """
    check_game(game)
    number = _check.integer(runs, "runs", low=0)
    checked, law = horizon_policy(game, policy, play, ties), first_law(game, initial)
    horizon, players, draws = checked.shape[0], game.num_players, game.draws
    if game.exact:
        final = terminal_payoff(game, terminal)
    else:
        each = 0.0 if terminal is None else _check.real(terminal, "terminal of a simulator")
        final = np.full((players, game.num_states), each)
    _check.budget(8 * number * (horizon + 1) * (2 * players + 1), f"{number} runs of {horizon} decisions",
                  "play fewer at a time, with other seeds")
    key = _check.seed_sequence(rng).generate_state(2).astype(np.uint64)
    first = players + players % 2
    span = up(first + draws)
    frame = PlayFrame(private(game.sampler()), checked, game.offset, key, np.zeros(0) if law is None else law,
                      aligned(up(players), -1, np.int64), aligned(up(players)), aligned(LANES * span),
                      np.arange(LANES) * span, aligned(LANES * LANES), span, first, draws,
                      np.zeros((number, horizon + 1), np.int64), np.zeros((number, horizon, players), np.int64),
                      np.zeros((number, horizon, players)))
    play_runs.bind(frame)()
    game.check()
    weights = game.discount ** np.arange(horizon + 1)
    last = final[:, frame.states[:, -1]].T if game.exact else np.full((number, players), final[0, 0])
    scores = np.tensordot(frame.paid, weights[:-1], axes=([1], [0])) + weights[-1] * last
    return HorizonPlay(frame.states, frame.moves, frame.paid, scores)
