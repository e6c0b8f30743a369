"""How far a policy is from equilibrium.

    NE-gap_i  = max_{pi_i'} V_i(rho; pi_i', pi_-i) - V_i(rho; pi)
    QRE-gap_i = the same with stage payoff r_i + tau H(pi_i(. | s))
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import _check, machine
from .._check import Float
from ..feedback.desk import PARALLEL_WORK, bench_of, evaluate_desk, evaluated, stage_payoffs
from ..kernels.simplex import entropy
from ..machine import kernel, unit
from ..models.game import Game, factor, solve
from .origin import centred
from .respond import profile, respond
from .rounding import UNIT, error_bound, larger, largest, magnitudes, policy_excess, rounding


@kernel
def gaps(model, oracle, policy, tau, value, out):
    """out[i] = rho . (best response's value - value_i), never below 0.

    ``value`` (N, S) must be the values at the same tau. P^pi is overwritten: compute everything else first.
    """
    profile(oracle, policy, 0, policy.shape[1])
    for i in range(out.size):
        respond(model, oracle, policy, i, tau, value[i])
        profile(oracle, policy, oracle.offset[i], oracle.offset[i + 1])
        gap = 0.0
        for s in range(value.shape[1]):
            gap += model.initial[s] * (oracle.best[s] - value[i, s])
        out[i] = gap if not gap <= 0.0 else 0.0


@kernel
def value_residual(q_bar, policy, offset, i, tau, value):
    """Largest Bellman residual of player i's value under its own policy.    value (S,)"""
    worst = 0.0
    for s in range(value.size):
        mean = 0.0
        for c in range(offset[i], offset[i + 1]):
            mean += policy[s, c] * q_bar[s, c]
        if tau > 0.0:
            mean += tau * entropy(policy[s, offset[i]:offset[i + 1]])
        worst = larger(worst, abs(mean - value[s]))
    return worst


@kernel
def gain_error(m, i, sums, pure, tau, actions, residual, value, reached, best):
    """Bound on the error of best - value in any state, from the residuals of both.    value, best (S,)"""
    mean = rounding(m, i, sums, pure, 0 if pure else actions, largest(value), tau, actions, actions + 8)
    top = rounding(m, i, sums, pure, 0, largest(best), tau, actions, 8 * actions + 8)
    apart = 0.0
    for s in range(best.size):
        apart = larger(apart, abs(best[s] - value[s]))
    bound = error_bound(m, i, sums, residual, mean) + error_bound(m, i, sums, reached, top) + UNIT * apart
    return bound if bound < math.inf else math.inf  # not NaN


@kernel
def gap_errors(model, oracle, policy, tau, m, sums, out):
    """out[i]: bound on the error of :func:`gaps` at the oracle's own tau, which is ``tau``. P^pi is overwritten."""
    pure = policy_excess(policy, oracle.offset, sums)
    profile(oracle, policy, 0, policy.shape[1])
    for i in range(out.size):
        low, high = oracle.offset[i], oracle.offset[i + 1]
        residual = value_residual(oracle.q_bar, policy, oracle.offset, i, tau, oracle.value[i])
        reached = respond(model, oracle, policy, i, tau, oracle.value[i])
        profile(oracle, policy, low, high)
        error = gain_error(m, i, sums, pure, tau, high - low, residual, oracle.value[i], reached, oracle.best)
        apart, mass = 0.0, 0.0
        for s in range(oracle.best.size):
            apart = larger(apart, abs(oracle.best[s] - oracle.value[i, s]))
            mass += model.initial[s]
        error = error * mass * (1.0 + 1e-12) + (oracle.best.size + 3) * UNIT * 1.01 * mass * apart
        out[i] = error if error < math.inf else math.inf


@kernel
def values_at(model, oracle, policy, tau, out):
    """Values at another temperature from a model that is contracted already.    out (N, S)"""
    stage_payoffs(oracle.work.reward, policy, oracle.offset, tau, out)
    if model.discount > 0.0:
        factor(model, oracle.work)
        solve(model, oracle.work, out, False)


class GapFrame(NamedTuple):
    """A desk, the temperature, and where the gaps (N,) go."""

    desk: Any
    tau: float
    out: Any


@unit
def gaps_of_desk(frame):
    """The gaps of the policy that the desk has evaluated at this temperature."""
    desk = frame.desk
    gaps(desk.model, desk, desk.policy, frame.tau, desk.value, frame.out)


def _frame(desk: Any, tau: float) -> GapFrame:
    return GapFrame(desk, tau, np.zeros(desk.value.shape[0]))


def _gaps(game: Game, policy: Any, tau: float) -> Float:
    """All gaps."""
    weight, (near, _) = _check.real(tau, "tau", 0.0), centred(game)
    if weight != 0.0:
        frame = _frame(evaluated(near, policy, temperature=weight, wants_visit=False), weight)
        with machine.parallel_region(game.work_size > PARALLEL_WORK):
            gaps_of_desk.bind(frame)()
        return frame.out
    with bench_of(near) as bench:
        bench.place(policy)
        bound = bench.bound(gaps_of_desk, _frame, 0.0)
        bench.run(bench.bound(evaluate_desk), bound)
        return bound.frame.out.copy()


def ne_gap(game: Game, policy: Any, *, relative: bool = False) -> Float:
    """What every player could gain by deviating alone: the distance from Nash equilibrium.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), or list of (S, A_i)
    relative : bool
        Divide by the player's payoff range over 1 - discount, the largest difference that two values can have.

    Returns
    -------
    ndarray (N,)
        Non-negative; exact up to the rounding of a linear solve (best responses by policy iteration), see
        :func:`ne_gap_bound`. Where the level of a player's payoffs drowns their differences they are counted from the
        middle of their range, so that gaps do not depend on the origin.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.ne_gap(game, fm.uniform_policy(game))
    array([0.38      , 0.01166667])

    Notes
    -----
    Zhang et al. (2022), Definition 1.
    """
    relative = _check.flag(relative, "relative")
    out = _gaps(game, policy, 0.0)
    if relative:
        low, high = game.payoff_range().T
        span = (high - low) / (1 - game.discount)
        return np.divide(out, span, out=np.zeros_like(out), where=span > 0)
    return out


def qre_gap(game: Game, policy: Any, tau: float) -> Float:
    """The gap when every player's stage payoff is r_i + tau H(pi_i): the distance from quantal response equilibrium.

    Parameters
    ----------
    tau : float
        Temperature, >= 0; 0 gives :func:`ne_gap`.

    Returns
    -------
    ndarray (N,)
        In a normal-form game, tau KL(pi_i || softmax(rbar_i / tau)).

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.qre_gap(fm.NormalFormGame.identical_interest([[0.0, 0.0]]), [[1.0], [0.5, 0.5]], tau=1.0)
    array([0., 0.])

    Notes
    -----
    Sun et al. (2024), eq. (4).
    """
    return _gaps(game, policy, tau)


def ne_gap_bound(game: Game, policy: Any, tau: float = 0.0) -> float:
    """Certified bound on the error of every entry of :func:`ne_gap`, or of :func:`qre_gap` at tau.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), or list of (S, A_i)
    tau : float
        Temperature, >= 0.

    Returns
    -------
    float
        At least |computed gap - gap| for every player, where the gap is that of the game and the policy exactly as
        given, negative ones (of rows that sum to more than 1) counted as 0. It adds the certified errors of the best
        response's value and of the policy's own: Bellman residuals and what rounding may hide of them
        (fastmpg/metrics/rounding.py), over 1 - gamma. Infinite where nothing can be said: overflow, or rows that sum to
        1/gamma.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.metrics.ne_gap_bound(game, fm.uniform_policy(game)) < 1e-14
    True
    """
    weight, (near, _) = _check.real(tau, "tau", 0.0), centred(game)
    oracle = evaluated(near, policy, temperature=weight, wants_visit=False)
    out = np.zeros(game.num_players)
    with machine.parallel_region(game.work_size > PARALLEL_WORK):
        gap_errors(near.model, oracle, oracle.policy, weight, magnitudes(near), np.zeros(2), out)
    return float(out.max())


def nash_regret(gap: ArrayLike) -> float:
    """(1/T) sum_t max_i NE-gap_i(pi^t) of a trace.

    Parameters
    ----------
    gap : array_like (T, N)
        Such as ``result.trace["ne_gap"]`` recorded at every step.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.nash_regret([[0.5, 0.25], [0.0, 0.5]])
    0.5

    Notes
    -----
    Ding et al. (2022).
    """
    table = _check.array(gap, "gap")
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"gap must have shape (T, N) with at least one entry, found {table.shape}")
    return float(table.max(axis=1).mean())
