"""What greedy play comes to in games whose moves are sure, as repeated games are: the cycle that it ends in, what firms
earn on it, whether that is a best response, and what a deviation does. Calvano et al. (2020), sections IV and V.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float
from .._same import comparable
from ..models.game import Game, check_discounted, check_game
from ..policy import check_policy
from .best_response import best_response
from .evaluation import evaluate

__all__ = ["best_on_cycle", "cycle", "deviation"]

LOSS = 1e-9  # of values, relative to the largest one: rounding


@comparable
class Cycle(NamedTuple):
    """Where greedy play ends.

    Attributes
    ----------
    states : ndarray (L,) of int
        In the order in which they are passed.
    actions : ndarray (L, N) of int
    profit : ndarray (N,)
        Mean reward of every player over the cycle.
    length : int
        L.
    before : int
        Stages before the cycle is reached.
    """

    states: NDArray[np.int64]
    actions: NDArray[np.int64]
    profit: Float
    length: int
    before: int


@comparable
class CycleResponse(NamedTuple):
    """How far greedy play is from best responses, by values (of the rest of the game, the others' play given).

    Best among all deviations, of any number of stages: much more than one that deviates once could win.

    Attributes
    ----------
    on_path : ndarray (N,)
        The largest loss over the states of the cycle, as a share of the player's largest best value in any state.
    off_path : ndarray (N,)
        The mean of that share over all other states, visited or not.
    best_on_path, best_off_path : ndarray (N,)
        The share of these states in which nothing is lost.
    """

    on_path: Float
    off_path: Float
    best_on_path: Float
    best_off_path: Float


@comparable
class Deviation(NamedTuple):
    """What follows when one player deviates once.

    Attributes
    ----------
    states : ndarray (T,) of int
        Stage 0 is the one of the deviation.
    actions : ndarray (T, N) of int
    profits : ndarray (T, N)
    gain : ndarray (N,)
        Discounted rewards with the deviation less those without, over these stages.
    """

    states: NDArray[np.int64]
    actions: NDArray[np.int64]
    profits: Float
    gain: Float


def _greedy(game: Game, policy: Float) -> NDArray[np.int64]:
    """(S, N): the action of largest probability, the first of several."""
    parts = np.split(policy, game.offset[1:-1], axis=1)
    return np.stack([part.argmax(axis=1) for part in parts], axis=1)


def _checked(game: Any, policy: Any, state: Any) -> tuple[NDArray[np.int64], int]:
    check_game(game)
    table = check_policy(game, policy)
    return _greedy(game, table), _check.integer(state, "state", low=0, high=game.num_states - 1)


def cycle(game: Game, policy: Any, state: int) -> Cycle:
    """The cycle that greedy play ends in from a state.

    Parameters
    ----------
    game : Game
        Whose greedy moves are sure: with probability 1 they lead to one state.
    policy : array_like (S, A_total) or list of (S, A_i)
        Players take the action of largest probability, ties to the lowest index.
    state : int

    Returns
    -------
    Cycle

    Raises
    ------
    ValueError
        If a move that is made on the way is random, or an argument does not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.pricing()
    >>> found = fm.metrics.cycle(game, fm.uniform_policy(game), 100)      # all set the lowest price, for ever
    >>> found.states, found.length, found.before, found.profit.round(4)
    (array([0]), 1, 1, array([0.2035, 0.2035]))
    """
    greedy, now = _checked(game, policy, state)
    when: dict[int, int] = {}
    path: list[int] = []
    rewards: list[Float] = []
    while now not in when:
        when[now] = len(path)
        path.append(now)
        now, reward = game._move(now, greedy[now])
        rewards.append(reward)
    first = when[now]
    states = np.array(path[first:], np.int64)
    return Cycle(states, greedy[states], np.mean(rewards[first:], axis=0), states.size, first)


def best_on_cycle(game: Game, policy: Any, state: int) -> CycleResponse:
    """Whether greedy play is a best response to itself, on the cycle that it ends in and elsewhere.

    Parameters
    ----------
    game : Game
        With exact values, and a discount below 1; its greedy moves are sure.
    policy, state
        As for :func:`cycle`.

    Returns
    -------
    CycleResponse

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.pricing()
    >>> found = fm.metrics.best_on_cycle(game, fm.uniform_policy(game), 0)
    >>> found.best_on_path, bool((found.on_path > 0).all())        # whoever sells at the lowest price could do better
    (array([0., 0.]), True)
    """
    found = cycle(game, policy, state)
    if not game.exact:
        raise TypeError(f"{game!r} has no exact values: build the game from tables")
    check_discounted(game)
    greedy = _greedy(game, check_policy(game, policy))
    pure = np.zeros((game.num_states, sum(game.num_actions)))
    np.put_along_axis(pure, greedy + game.offset[:-1], 1.0, axis=1)
    value = evaluate(game, pure).value
    best = np.stack([best_response(game, pure, i)[1] for i in range(game.num_players)])
    share = np.maximum(best - value, 0.0) / np.abs(best).max(axis=1, keepdims=True).clip(np.finfo(float).tiny)
    on = np.isin(np.arange(game.num_states), found.states)
    none, rest = share <= LOSS, ~on
    if not rest.any():
        rest = on
    return CycleResponse(share[:, on].max(axis=1), share[:, rest].mean(axis=1), none[:, on].mean(axis=1),
                         none[:, rest].mean(axis=1))


def deviation(game: Game, policy: Any, state: int, player: int = 0, *, action: int | None = None,
              stages: int = 25) -> Deviation:
    """One player deviates once, and both before and after everybody plays greedily: an impulse response.

    Parameters
    ----------
    game, policy, state
        As for :func:`cycle`; ``state``: where the deviation is made, such as one of the cycle.
    player : int
    action : int, optional
        What the player does instead; by default what gives the largest reward at once, the others' play given.
    stages : int
        To play, that of the deviation included.

    Returns
    -------
    Deviation

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.pricing()
    >>> found = fm.metrics.deviation(game, fm.uniform_policy(game), 0, action=5, stages=3)
    >>> found.actions.tolist()
    [[5, 0], [0, 0], [0, 0]]
    """
    greedy, now = _checked(game, policy, state)
    i = _check.player(player, game.num_players)
    count = _check.integer(stages, "stages", low=1, high=10**6)
    first = greedy[now].copy()
    if action is None:
        can = np.ones(game.num_actions[i], bool)
        if game.available is not None:
            can = game.available[now, game.offset[i]:game.offset[i + 1]]
        gains = [game._move(now, [*first[:i], a, *first[i + 1:]])[1][i] if can[a] else -np.inf for a in range(can.size)]
        first[i] = int(np.argmax(gains))
    else:
        first[i] = _check.integer(action, "action", low=0, high=game.num_actions[i] - 1)
    states, actions, profits = _played(game, greedy, now, first, count)
    without = _played(game, greedy, now, greedy[now], count)[2]
    gain = game.discount ** np.arange(count) @ (profits - without)
    return Deviation(states, actions, profits, gain)


def _played(game: Game, greedy: NDArray[np.int64], now: int, first: NDArray[np.int64],
            count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Float]:
    """States, actions, rewards of ``count`` stages, the first one with the actions ``first``."""
    states, actions, rewards = [], [], []
    for stage in range(count):
        states.append(now)
        actions.append(first if stage == 0 else greedy[now])
        now, reward = game._move(now, actions[-1])
        rewards.append(reward)
    return np.array(states, np.int64), np.stack(actions), np.stack(rewards)
