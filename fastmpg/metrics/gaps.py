"""How far a policy is from equilibrium.

    NE-gap_i  = max_{pi_i'} V_i(rho; pi_i', pi_-i) - V_i(rho; pi)
    QRE-gap_i = the same with stage payoff r_i + tau H(pi_i(. | s))
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _check, _jit
from .._check import Float
from .._jit import kernel
from ..feedback.oracle import PARALLEL_WORK, Oracle, contracted, stage_payoffs
from ..models.game import Game, factor, solve
from .respond import profile, respond


@kernel
def gaps(model, oracle, policy, tau, value, out):
    """out[i] = rho . (best response's value - value_i), never below 0; returns the largest certified bound.

    ``value`` (N, S) must be the values at the same tau. P^pi is overwritten: compute everything else first.
    """
    bound = 0.0
    profile(oracle, policy, 0, policy.shape[1])
    for i in range(out.size):
        bound = max(bound, respond(model, oracle, policy, i, tau, value[i]))
        profile(oracle, policy, oracle.offset[i], oracle.offset[i + 1])
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
    relative = _check.flag(relative, "relative")
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
