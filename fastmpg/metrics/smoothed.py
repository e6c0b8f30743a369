"""The marginalised Q of entropy-regularised values, entropy at the state itself included."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.desk import evaluated
from ..models.game import Game
from ..policy import split


def smoothed_q(game: Game, policy: Any, tau: float) -> Float:
    """What a two-timescale learner's q-estimates approach while the policy stands still.

    Qtilde_i(s, a_i) = r_i(s, a_i) + tau H(pi_i(. | s)) + gamma sum_t P_i(t | s, a_i) sum_b pi_i(b | t) Qtilde_i(t, b)

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), or list of (S, A_i)
    tau : float
        Temperature, >= 0.

    Returns
    -------
    ndarray (S, A_total)
        The marginalised Q of :func:`evaluate` at tau plus the entropy at s itself.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> policy = fm.uniform_policy(game)
    >>> (fm.metrics.smoothed_q(game, policy, 1.0) - fm.evaluate(game, policy).q_bar).round(4)
    array([[1.0986, 1.0986, 1.0986, 0.6931, 0.6931]])

    Notes
    -----
    Maheshwari et al. (2022), eq. (8): the mean of the update is 0 there. The softmax of Qtilde / tau is that of Qbar / tau,
    since players add the same number to all their actions.
    """
    oracle = evaluated(game, policy, temperature=_check.real(tau, "tau", 0.0), wants_visit=False)
    out = np.array(oracle.q_bar)
    for part, own in zip(split(game, out), split(game, oracle.policy), strict=True):
        part -= oracle.temperature * (own * np.log(np.where(own > 0, own, 1.0))).sum(axis=1, keepdims=True)
    return out
