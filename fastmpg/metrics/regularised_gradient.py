"""The gradient of entropy-regularised values in softmax parameters: Sun et al. (2024), before eq. (2) and section VI-A.

    dV^tau_i(rho)/dtheta_i(s, a) = d(s) pi_i(a | s) (Qbar^tau_i(s, a) - tau log pi_i(a | s) - V^tau_i(s)) / (1 - gamma)

with stage payoffs r_i + tau H(pi_i): V^tau counts entropy at s itself, Qbar^tau only in states to come. In one state
without a future this is the printed pi_i (rbar_i - tau log pi_i - rhat_i).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game
from ..policy import check_policies
from .evaluation import evaluate

__all__ = ["regularised_gradient"]


def regularised_gradient(game: Game, policy: Any, tau: float) -> Float:
    """dV^tau_i(rho)/dtheta_i in every player's own softmax parameters, with stage payoffs r_i + tau H(pi_i).

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
    tau : float
        Weight of the entropy, >= 0; 0 gives :func:`gradient`.

    Returns
    -------
    ndarray (S, A_total), of a stack (..., S, A_total)
        A player's row sums to 0. 0 at probabilities of 0, as p log p is.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game, tau = fm.games.zhang_3x2(), 0.1
    >>> policy = [[[0.6, 0.3, 0.1]], [[0.5, 0.5]]]
    >>> fm.metrics.regularised_gradient(game, policy, tau).round(4)
    array([[-0.1303,  0.1311, -0.0008, -0.1402,  0.1402]])

    Notes
    -----
    Sun et al. (2024), section III-A, for games with states by the product rule: the derivative of what follows is as in
    Zhang et al. (2022), eq. (4), and that of tau H(pi_i(. | s)) is -tau pi_i (log pi_i + H). The pseudo-inverse of
    :func:`fisher_matrix` times this is what rules.EntropyNaturalGradientPlay climbs.
    """
    weight, table = _check.real(tau, "tau", 0.0), check_policies(game, policy)
    found = evaluate(game, table, tau=weight)
    taken = table > 0.0
    value = np.repeat(np.moveaxis(found.value, -2, -1), game.num_actions, axis=-1)
    rise = np.subtract(found.q_bar, value, out=np.zeros_like(table), where=taken)
    if weight > 0.0:
        rise -= weight * np.log(table, out=np.zeros_like(table), where=taken)
    return found.visit[..., None] / (1.0 - game.discount) * table * rise
