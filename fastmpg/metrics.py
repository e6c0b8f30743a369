"""How far a policy is from equilibrium, and the quantities that the papers plot beside it.

    NE-gap_i  = max_{pi_i'} V_i(rho; pi_i', pi_-i) - V_i(rho; pi)
    QRE-gap_i = the same with stage payoff r_i + tau H(pi_i(. | s))
    c(pi)     = min_{i,s} sum_{a in argmax Qbar_i(s, .)} pi_i(a | s)         M(pi) = max_s 1 / d(s)
    grad_norm = 2-norm over all players and states of dV_i(rho)/dtheta_i = d(s) pi_i(a | s) Abar_i(s, a) / (1 - gamma)

Every gap is a vector over players; the papers' scalars are named reductions of it (Zhang et al. and Ding et al. take the
maximum, one line of follow-up work the sum).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import _check, _jit
from ._check import Float
from ._jit import kernel
from .evaluate import PARALLEL_WORK, Oracle, contracted, stage_payoffs
from .models.game import Game, factor, solve
from .respond import respond

TIED = 1e-12  # relative: actions this close to the best Q count as best


@kernel
def gaps(model, oracle, policy, tau, value, out):
    """out[i] = rho . (best response's value - value_i), never below 0; returns the largest certified bound.

    ``value`` (N, S) must be the values at the same tau. P^pi is overwritten: compute everything else first.
    """
    bound = 0.0
    for i in range(out.size):
        bound = max(bound, respond(model, oracle, policy, i, tau, value[i]))
        gap = 0.0
        for s in range(value.shape[1]):
            gap += model.initial[s] * (oracle.best[s] - value[i, s])
        out[i] = gap if not gap <= 0.0 else 0.0
    return bound


@kernel
def values_at(model, oracle, policy, tau, out):
    """Values at another temperature from a model that is contracted already.    out (N, S)"""
    stage_payoffs(oracle.work.reward, policy, oracle.offset, tau, out)
    if model.discount > 0.0:
        factor(model, oracle.work)
        solve(model, oracle.work, out, False)


@kernel
def greedy_mass(q_bar, policy, offset):
    """c(pi): the least probability that a player gives to its best actions in a state."""
    least = 1.0
    for s in range(q_bar.shape[0]):
        for i in range(offset.size - 1):
            top, size = -math.inf, 0.0
            for c in range(offset[i], offset[i + 1]):
                top = max(top, q_bar[s, c])
                size = max(size, abs(q_bar[s, c]))
            mass = 0.0
            for c in range(offset[i], offset[i + 1]):
                if q_bar[s, c] >= top - TIED * size:
                    mass += policy[s, c]
            least = min(least, mass)
    return least


@kernel
def gradient_into(value, q_bar, visit, policy, offset, discount, out):
    """Softmax-parameter gradient (S, A_total)."""
    for s in range(q_bar.shape[0]):
        weight = visit[s] / (1.0 - discount)
        for i in range(offset.size - 1):
            for c in range(offset[i], offset[i + 1]):
                out[s, c] = weight * policy[s, c] * (q_bar[s, c] - value[i, s])


@kernel
def norm(table):
    """Square root of the sum of squares."""
    total = 0.0
    for s in range(table.shape[0]):
        for c in range(table.shape[1]):
            total += table[s, c] * table[s, c]
    return math.sqrt(total)


@kernel
def mismatch_of(visit):
    """M(pi) = max_s 1 / d(s)."""
    least = math.inf
    for s in range(visit.size):
        least = min(least, visit[s])
    return 1.0 / least


def _gaps(game: Game, policy: Any, tau: float) -> tuple[Oracle, Float, float]:
    weight = _check.real(tau, "tau", 0.0)
    oracle, table = contracted(game, policy, temperature=weight, wants_visit=False)
    out = np.zeros(game.num_players)
    with _jit.parallel_region(game.work_size > PARALLEL_WORK):
        bound = gaps(game.model, oracle, table, weight, oracle.value, out)
    return oracle, out, float(bound)


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
        Non-negative; exact up to the rounding of a linear solve (best responses by policy iteration).

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
    _, out, _ = _gaps(game, policy, 0.0)
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
    return _gaps(game, policy, tau)[1]


def ne_gap_bound(game: Game, policy: Any, tau: float = 0.0) -> float:
    """Certified bound on the error of the best responses behind :func:`ne_gap` (or :func:`qre_gap` at tau)."""
    return _gaps(game, policy, tau)[2]


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


def c(game: Game, policy: Any) -> float:
    """c(pi): the least probability that a player gives to its best actions in a state (Zhang et al. 2022, eq. 7)."""
    oracle, table = contracted(game, policy, wants_visit=False)
    return float(greedy_mass(oracle.q_bar, table, oracle.offset))


def mismatch(game: Game, policy: Any) -> float:
    """M(pi) = max_s 1 / d(s), infinite when a state is never visited (Zhang et al. 2022, eq. 7)."""
    oracle, _ = contracted(game, policy)
    return float(mismatch_of(oracle.visit))


def gradient(game: Game, policy: Any) -> Float:
    """dV_i(rho)/dtheta_i in every player's own softmax parameters, (S, A_total) (Zhang et al. 2022, eq. 4)."""
    oracle, table = contracted(game, policy)
    out = np.zeros_like(table)
    gradient_into(oracle.value, oracle.q_bar, oracle.visit, table, oracle.offset, game.discount, out)
    return out


def grad_norm(game: Game, policy: Any) -> Float:
    """2-norm of :func:`gradient` per player, (N,); the papers' scalar is the 2-norm of these."""
    parts = np.add.reduceat(gradient(game, policy) ** 2, game.offset[:-1], axis=1)
    return np.sqrt(parts.sum(axis=0))
