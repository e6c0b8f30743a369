"""Exact evaluation of one policy: what :mod:`..feedback.oracle` computes, with the advantage and a certified error."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._check import Float
from .._same import comparable
from ..feedback.oracle import contracted, stage_payoffs
from ..models.game import Game


@comparable
class Evaluation(NamedTuple):
    """What :func:`evaluate` finds.

    Attributes
    ----------
    value : ndarray (N, S)
    q_bar, adv_bar : ndarray (S, A_total)
        Marginalised Q and advantage Qbar_i - V_i (with entropy: minus the value's own mean of Qbar).
    visit : ndarray (S,)
        Discounted visitation; sums to 1.
    error_bound : float
        Certified bound on the largest error of ``value``: its Bellman residual divided by 1 - gamma.
    """

    value: Float
    q_bar: Float
    adv_bar: Float
    visit: Float
    error_bound: float

    def __repr__(self) -> str:
        players, states = self.value.shape
        return (f"<Evaluation: {players} players, {states} states, values in [{self.value.min():.6g}, {self.value.max():.6g}], "
                f"error at most {self.error_bound:.1e}>")


def evaluate(game: Game, policy: Any, *, tau: float = 0.0) -> Evaluation:
    """Values, visitation, marginalised Q and advantage of a policy, exactly.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), or list of (S, A_i)
    tau : float
        Weight of the entropy in the stage payoffs, >= 0.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError, TypeError
        If the policy does not fit the game.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.evaluate(game, fm.uniform_policy(game)).q_bar.round(3)
    array([[-0.43 ,  0.155, -0.4  , -0.213, -0.237]])

    Notes
    -----
    Zhang et al. (2022), section 2.
    """
    from .._check import real

    oracle, table = contracted(game, policy, temperature=real(tau, "tau", 0.0))
    edges, gamma = game.offset, game.discount
    mean = np.add.reduceat(table * oracle.q_bar, edges[:-1], axis=1).T
    residual = np.zeros((game.num_players, game.num_states))
    stage_payoffs(np.zeros_like(table), table, edges, oracle.temperature, residual)
    residual += mean - oracle.value
    advantage = oracle.q_bar - np.repeat(mean, game.num_actions, axis=0).T
    return Evaluation(oracle.value, oracle.q_bar, advantage, oracle.visit, float(np.abs(residual).max() / (1 - gamma)))
