"""The replicator dynamics: what multiplicative weights and natural gradient play follow with small steps.

    dpi_i(a | s)/dt = pi_i(a | s) [ Qbar_i(s, a; pi) - sum_b pi_i(b | s) Qbar_i(s, b; pi) ] / (1 - gamma)

Taylor and Jonker (1978); of several players Hofbauer and Sigmund (1998). One step of :class:`NaturalGradientPlay` with
eta (lam = 0) is the flow of time eta, up to eta^2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._check import Float
from ..metrics.evaluation import evaluate
from ..models.game import Game
from ._flow import Flow, flow

__all__ = ["replicator_dynamics"]


def replicator_dynamics(game: Game, times: Any, *, policy: Any = None, rates: Any = 1.0,
                        tol: float = 1e-9) -> Flow:
    """Solve the replicator equation from a policy at t = 0.

    Parameters
    ----------
    game : Game
        Any that can be evaluated, with a discount below 1.
    times : array_like (K,)
        Increasing, >= 0, at most 1e6.
    policy : array_like (S, A_total) or list of (S, A_i), optional
        At t = 0; uniform by default. Actions without probability never get any.
    rates : float, array_like (S,) or (N, S)
        In (0, 1]: how fast players learn, by state.
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
    >>> pennies = fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])
    >>> start = [[0.9, 0.1], [0.8, 0.2]]
    >>> found = fm.solvers.replicator_dynamics(pennies, [0, 5, 10], policy=start)
    >>> found.policy[:, 0].prod(axis=1).round(6)  # a constant of the motion: orbits are closed
    array([0.0144, 0.0144, 0.0144])

    Notes
    -----
    In a potential game the potential rises along the flow; in zero-sum games with an inner equilibrium orbits go round
    it (Hofbauer and Sigmund 1998). Through :func:`scipy.integrate.solve_ivp` (LSODA).
    """

    def field(policy: Float) -> Float:
        q = evaluate(game, policy).q_bar
        paid = np.where(policy > 0.0, q, 0.0)  # what cannot be taken is -inf
        mean = np.add.reduceat(policy * paid, game.offset[:-1], axis=1)
        return np.asarray(policy * (paid - np.repeat(mean, game.num_actions, axis=1)) / (1.0 - game.discount))

    return flow(game, field, times, policy, rates, tol, "replicator dynamics")
