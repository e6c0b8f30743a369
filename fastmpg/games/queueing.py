"""Dispatchers and parallel queues: a game with as many states as one likes, all of whose moves are local."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from .._check.words import guided
from ..models.markov.game import MarkovGame

__all__ = ["queueing"]


def _rates(given: ArrayLike | None, name: str, count: int, default: Any) -> Any:
    if given is None:
        return default
    table = _check.array(given, name)
    table = np.broadcast_to(table, (count,)) if table.ndim == 0 else table
    _check.shape(table, name, (count,), "one number each")
    if (table < 0).any():
        raise ValueError(f"{name} must not be negative, found {float(table.min())}")
    return np.array(table)


@guided
def queueing(num_players: int = 2, num_queues: int = 3, capacity: int = 3, arrival: ArrayLike | None = None,
             service: ArrayLike | None = None, holding: ArrayLike | None = None, penalty: float = 10.0,
             discount: float = 0.95, dtype: str = "float64") -> MarkovGame:
    """Dispatchers route jobs among parallel finite queues, and all pay for every waiting and every lost job.

    A state is the vector of queue lengths x, 0 <= x_q <= capacity, numbered with queue 0 slowest: (capacity +
    1)^num_queues of them. Player i's action a_i is the queue to which its next job would go. In a step one event
    happens (the uniformised continuous-time chain): a job of player i arrives with probability arrival_i / R, queue q
    completes a job with probability service_q / R, R the sum of all rates:

        x_{a_i} <- min(x_{a_i} + 1, capacity)           x_q <- max(x_q - 1, 0)
        r(x, a) = - sum_q holding_q x_q - penalty sum_i (arrival_i / R) [x_{a_i} = capacity]

    Every player receives the same reward: an identical-interest game, hence an exact Markov potential game whose
    potential is the common value. (Were every player to pay only for its own jobs, there would in general be no
    potential, since a player's choice changes the law of the states in which the others pay.)

    Parameters
    ----------
    num_players, num_queues, capacity : int
        ``queueing(3, 5, 9)`` has 10^5 states and 125 joint actions, and takes 1.4 GiB.
    arrival : float or array_like (num_players,), optional
        By default 1 for every player.
    service : float or array_like (num_queues,), optional
        By default from 0.6 to 1.4 times num_players / num_queues, evenly: slow queues and fast ones.
    holding : float or array_like (num_queues,), optional
        By default 1 for every queue.
    penalty : float
        Cost of a job that finds its queue full.
    discount : float
        In [0, 1], a step.
    dtype : str
        "float64" or "float32", of the stored transitions.

    Returns
    -------
    MarkovGame
        Sparse: from a state all joint actions together lead to at most 2 num_queues + 1 states.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.queueing()
    >>> game
    <MarkovGame 'queueing': 2 players, 64 states, actions (3, 3), discount 0.95, identical interest>
    >>> result = fm.learn(game, fm.rules.NaturalGradientPlay(eta=0.1), 100, record=fm.Record(every=100))
    >>> bool(result.trace["ne_gap"][-1].max() < 1e-3)
    True
    """
    n, queues = _check.integer(num_players, "num_players", low=1), _check.integer(num_queues, "num_queues", low=1)
    most = _check.integer(capacity, "capacity", low=1)
    joint, states = _check.power(queues, n), _check.power(most + 1, queues)
    _check.budget(8 * states * joint + 24 * (n + queues),
                  f"{_check.shown(states)} states and {_check.shown(joint)} joint actions",
                  f"for num_players = {n}, num_queues = {queues}, capacity = {most} choose fewer queues, a smaller "
                  "capacity or fewer players")
    jobs = _rates(arrival, "arrival", n, np.ones(n))
    done = _rates(service, "service", queues, np.linspace(0.6, 1.4, queues) * n / queues if queues > 1
                  else np.full(1, float(n)))
    cost = _rates(holding, "holding", queues, np.ones(queues))
    lost = _check.real(penalty, "penalty", 0.0)
    rate = float(jobs.sum() + done.sum())
    if rate <= 0.0:
        raise ValueError("arrival and service must not all be 0")
    jobs, done = jobs / rate, done / rate
    side = most + 1
    strides = np.array([side ** (queues - 1 - q) for q in range(queues)], np.int64)

    def moves(state, actions, next_states, probabilities):
        for i in range(n):
            full = state // strides[actions[i]] % side == most
            next_states[i] = state if full else state + strides[actions[i]]
            probabilities[i] = jobs[i]
        for q in range(queues):
            empty = state // strides[q] % side == 0
            next_states[n + q] = state if empty else state - strides[q]
            probabilities[n + q] = done[q]
        return n + queues

    def reward(state, actions, out):
        total = 0.0
        for q in range(queues):
            total -= cost[q] * (state // strides[q] % side)
        for i in range(n):
            if state // strides[actions[i]] % side == most:
                total -= lost * jobs[i]
        out[0] = total

    return MarkovGame.from_moves(states, (queues,) * n, moves, reward, discount, width=n + queues, shared=True,
                                 name="queueing", dtype=dtype)
