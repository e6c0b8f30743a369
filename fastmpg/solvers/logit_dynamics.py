"""The logit dynamics, perturbed best responses in continuous time: what two-timescale learners' policies follow.

    dpi_i(s)/dt = gamma_i(s) (softmax(Q~_i(s, .; pi) / tau) - pi_i(s))        Maheshwari et al. (2022), eq. (15)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..metrics.evaluation import evaluate
from ..models.game import Game
from ..policy import split
from ._flow import Flow, flow

__all__ = ["logit_dynamics"]


def smoothed_replies(game: Game, policy: Float, tau: float) -> Float:
    """softmax(Q~_i(s, .; pi) / tau) of every player in every state (S, A_total), eq. (13)."""
    replies = []
    for q in split(game, evaluate(game, policy, tau=tau).q_bar):  # Q~ less the same number for all of a row
        weight = np.exp((q - q.max(axis=1, keepdims=True)) / tau)
        replies.append(weight / weight.sum(axis=1, keepdims=True))
    return np.concatenate(replies, axis=1)


def logit_dynamics(game: Game, tau: float, times: Any, *, policy: Any = None, rates: Any = 1.0,
                   tol: float = 1e-9) -> Flow:
    """Solve the limit differential equation of two-timescale Q-learning from a policy at t = 0.

    Parameters
    ----------
    game : Game
        Any: a potential is only needed for convergence.
    tau : float
        Temperature, > 0.
    times : array_like (K,)
        Increasing, >= 0, at most 1e6.
    policy : array_like (S, A_total) or list of (S, A_i), optional
        At t = 0; uniform by default.
    rates : float, array_like (S,) or (N, S)
        gamma_i(s) in (0, 1], constant: the paper's are in [eta, 1], by how often a state is visited.
    tol : float
        Of the integration, in [1e-13, .01]: errors of a step relative to this, and to a hundredth of it.

    Returns
    -------
    Flow

    Raises
    ------
    ValueError, TypeError
        What is wrong with the arguments.
    RuntimeError
        If scipy cannot integrate so far.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> found = fm.solvers.logit_dynamics(game, 0.1, [0, 1, 50])
    >>> fm.qre_gap(game, found.policy, 0.1).max(axis=1).round(5)
    array([0.27081, 0.06939, 0.     ])

    Notes
    -----
    Maheshwari et al. (2022), eq. (15), through :func:`scipy.integrate.solve_ivp` (LSODA).
    """
    tau = _check.real(tau, "tau", 0.0, open_low=True)

    def field(policy: Float) -> Float:
        return smoothed_replies(game, policy, tau) - policy

    return flow(game, field, times, policy, rates, tol, "logit dynamics")
