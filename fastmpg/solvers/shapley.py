"""Two-player zero-sum Markov games: the value from every state, within a certified interval, and optimal policies.

    v(s) = val_{a, b} [ r_0(s, a, b) + gamma sum_t P(t | s, a, b) v(t) ]         Shapley (1953)

by policy iteration of Hoffman & Karp (1966): the optimal mix x of player 0 in every state's matrix game at v, and next
v that of player 1's best reply to it from now on, which never falls. The interval does not rest on the iteration:
player 0 gets at least what the best reply to its policy leaves, and at most what player 1's policy admits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linprog

from .. import _check
from .._check import Float
from ..metrics._joint import JointTables, joint_tables
from ..metrics.evaluation import evaluate
from ..metrics.ne_gap import ne_gap, ne_gap_bound
from ..models.game import Game, check_discounted, check_game
from ..policy import check_policy, uniform_policy

__all__ = ["ZeroSumSolution", "shapley"]

ZERO = 1e-12  # of the largest payoff: what sums of float payoffs may miss 0 by
PATIENCE = 10  # iterations that bring nothing


class ZeroSumSolution(NamedTuple):
    """The value of a two-player zero-sum Markov game.

    Attributes
    ----------
    value : ndarray (S,)
        Of player 0, from every state: the middle of the interval.
    lower, upper : ndarray (S,)
        The value lies between: certified, rounding included.
    policy : ndarray (S, A_total)
        Maximin policies of both: player 0 gets at least ``lower`` and at most ``upper``, whatever the other does.
    iterations : int
    status : str
        "converged" if no interval is wider than ``tol``; "stalled" if iterations no longer narrow it, which is
        rounding; "limit" after ``maxiter`` of them.
    """

    value: Float
    lower: Float
    upper: Float
    policy: Float
    iterations: int
    status: str

    def __repr__(self) -> str:
        return (f"<ZeroSumSolution: {self.status} after {self.iterations} iterations, values in "
                f"[{self.value.min():.6g}, {self.value.max():.6g}], intervals up to "
                f"{np.max(self.upper - self.lower):.1e}>")


def matrix_game(payoff: Float) -> tuple[float, Float, Float]:
    """Value of a matrix game (A, B) to its row player, and optimal mixes (A,) and (B,), by one linear program.

    max v,  sum_a x_a payoff[a, b] >= v for every b,  x in the simplex; its dual prices are the column player's mix.
    """
    low, high = payoff.min(axis=1), payoff.max(axis=0)
    rows, columns = payoff.shape
    if low.max() == high.min():  # a saddle in pure actions
        return float(low.max()), np.eye(rows)[low.argmax()], np.eye(columns)[high.argmin()]
    level, scale = float(payoff.mean()), float(np.ptp(payoff))
    table = (payoff - level) / scale
    limits = np.hstack([-table.T, np.ones((columns, 1))])
    found = linprog(np.append(np.zeros(rows), -1.0), A_ub=limits, b_ub=np.zeros(columns),
                    A_eq=np.append(np.ones(rows), 0.0)[None], b_eq=[1.0],
                    bounds=[(0.0, None)] * rows + [(None, None)], method="highs-ds",
                    options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10})
    if found.x is None:
        raise RuntimeError(f"the linear program of a {rows} x {columns} matrix game failed: {found.message}")
    mixes = [np.maximum(found.x[:-1], 0.0), np.maximum(-found.ineqlin.marginals, 0.0)]
    x, y = (each / each.sum() for each in mixes)
    return level + scale * float(found.x[-1]), x, y


def _check_zero_sum(game: Game, tables: JointTables) -> None:
    """Refuse payoffs that do not add up to 0."""
    r = tables.rewards
    total = r[0] + r[1]
    if tables.can is not None:
        total = np.where(tables.can, total, 0.0)
    size = float(np.abs(r).max())
    off = np.abs(total)
    if off.max() > ZERO * size:
        s, j = np.unravel_index(off.argmax(), off.shape)
        actions = tuple(map(int, np.unravel_index(j, game.num_actions)))
        raise ValueError(f"game must be zero-sum, r_0 + r_1 = 0, found a sum of {total[s, j]:g} in state {s} at "
                         f"actions {actions}; if the sum is the same everywhere, subtract half of it from both "
                         "rewards, else look for equilibria with fastmpg.solvers.quantal_response_tracing")


def _stage(game: Game, tables: JointTables, value: Float) -> tuple[Float, Float]:
    """Values (S,) of the states' matrix games with ``value`` ahead, and their optimal mixes (S, A_total)."""
    (first, second), states = game.num_actions, game.num_states
    ahead = np.asarray(tables.moves @ value).reshape(states, first, second)
    q = tables.rewards[0].reshape(states, first, second) + game.discount * ahead
    worth, policy = np.zeros(states), np.zeros((states, first + second))
    every = np.ones((states, first + second), bool) if game.available is None else game.available
    for s in range(states):
        rows, columns = np.flatnonzero(every[s, :first]), np.flatnonzero(every[s, first:])
        worth[s], x, y = matrix_game(q[s][np.ix_(rows, columns)])
        policy[s, rows], policy[s, first + columns] = x, y
    return worth, policy


def _interval(game: Game, policy: Float) -> tuple[Float, Float, Float]:
    """Lower and upper bounds (S,) on the value, and what player 0 gets against the best reply, without rounding."""
    told = evaluate(game, policy)
    gain = ne_gap(game, policy, start="every")
    error = told.error_bound + float(ne_gap_bound(game, policy))
    least, most = -(told.value[1] + gain[1]), told.value[0] + gain[0]
    return least - error, most + error, least


def shapley(game: Game, *, policy: Any = None, tol: float = 1e-10, maxiter: int = 1000) -> ZeroSumSolution:
    """Value and optimal policies of a two-player zero-sum Markov game.

    Parameters
    ----------
    game : Game
        Two players, r_0 + r_1 = 0, discount below 1. Matrix games too.
    policy : array_like (S, A_total) or list of (S, A_i), optional
        Where to start; uniform by default.
    tol : float
        Widest interval to stop at, in the units of values. Rounding may leave wider ones, of large values or of
        discounts near 1: the iteration then ends as "stalled", and the interval holds.
    maxiter : int
        Most iterations to make.

    Returns
    -------
    ZeroSumSolution

    Raises
    ------
    ValueError, TypeError
        If the game is not zero-sum, with the largest sum of payoffs found; if it has not two players.

    Examples
    --------
    >>> import fastmpg as fm
    >>> pennies = fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])
    >>> fm.solvers.shapley(pennies).policy
    array([[0.5, 0.5, 0.5, 0.5]])
    >>> stay = fm.MarkovGame([[[[3, 0], [0, 1]]], [[[-3, 0], [0, -1]]]], [[[[1], [1]], [[1], [1]]]], 0.9)
    >>> fm.solvers.shapley(stay).value.round(12)  # 3/4 for ever
    array([7.5])

    Notes
    -----
    Shapley (1953); Hoffman & Karp (1966), as in Filar & Vrieze (1997), section 6.3.
    """
    check_game(game)
    if game.num_players != 2:
        raise ValueError(f"game must have two players, found {game.num_players}")
    check_discounted(game)
    within, limit = _check.real(tol, "tol", 0.0), _check.integer(maxiter, "maxiter", low=1)
    tables = joint_tables(game, "the matrix games")
    _check_zero_sum(game, tables)
    mixed = uniform_policy(game) if policy is None else check_policy(game, policy)
    lower, upper, value = _interval(game, mixed)
    status, done, since, best = "limit", 0, 0, (np.inf, lower, upper, mixed)
    while done < limit:
        done += 1
        _, mixed = _stage(game, tables, value)
        lower, upper, value = _interval(game, mixed)
        width = float(np.max(upper - lower))
        since = 0 if width < best[0] else since + 1
        if width < best[0]:
            best = width, lower, upper, mixed
        if width <= within or since > PATIENCE:
            status = "converged" if best[0] <= within else "stalled"
            break
    _, lower, upper, mixed = best
    return ZeroSumSolution(0.5 * (lower + upper), lower, upper, mixed, done, status)
