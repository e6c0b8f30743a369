"""The gradient of entropy-regularised values in probabilities: Maheshwari et al. (2022), Lemma D.1.

    dV~_i(rho)/dpi_i(s, a) = d(s) / (1-gamma) (Qbar_i(s, a) - tau (1 + log pi_i(a | s)))
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game
from ..policy import check_policies
from .evaluation import evaluate

__all__ = ["perturbed_gradient"]


def perturbed_gradient(game: Game, policy: Any, tau: float) -> Float:
    """dV~_i(rho)/dpi_i(s, a) in every player's own probabilities, with stage payoffs r_i + tau H(pi_i).

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
    tau : float
        Temperature, >= 0; 0 gives d Qbar / (1-gamma), what projected gradient ascent follows.

    Returns
    -------
    ndarray (S, A_total), of a stack (..., S, A_total)
        Probabilities count as free: entropy is -sum p log p also where they do not sum to 1. Along a change of policy,
        rows that sum to 0, only differences within a row matter. inf where a probability is 0 and tau is not; 0 in
        states that are never visited and at actions that a player does not have.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.metrics.perturbed_gradient(game, fm.uniform_policy(game), 0.1).round(4)
    array([[-0.4201,  0.1649, -0.3901, -0.244 , -0.2674]])

    Notes
    -----
    Maheshwari et al. (2022), Lemma D.1; its Q~_i + tau nu_i is our Qbar_i, without entropy at s itself.
    """
    weight = _check.real(tau, "tau", 0.0)
    table = check_policies(game, policy)
    found = evaluate(game, table, tau=weight)
    can = (found.visit[..., None] > 0.0) & (found.q_bar != -np.inf)
    with np.errstate(divide="ignore"):
        steep = weight * (1.0 + np.log(table)) if weight > 0.0 else 0.0
    slope = np.subtract(found.q_bar, steep, out=np.zeros_like(table), where=can)
    return np.multiply(found.visit[..., None] / (1.0 - game.discount), slope, out=np.zeros_like(slope), where=can)
