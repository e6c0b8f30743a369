"""Exact evaluation of one policy: what :mod:`..feedback.oracle` computes, with the advantage and a certified error."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.desk import Desk, bench_of, evaluate_desk, evaluated, stage_payoffs
from ..models.game import Game


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
    temperature = _check.real(tau, "tau", 0.0)
    if temperature != 0.0:
        return _read(game, evaluated(game, policy, temperature=temperature))
    with bench_of(game) as bench:
        bench.place(policy)
        bench.run(bench.bound(evaluate_desk))
        return _read(game, bench.desk)


def _read(game: Game, desk: Desk) -> Evaluation:
    """What a desk found."""
    table, edges = desk.policy, game.offset
    mean = np.add.reduceat(table * desk.q_bar, edges[:-1], axis=1).T
    residual = mean - desk.value
    if desk.temperature != 0.0:
        entropy = np.zeros_like(residual)
        stage_payoffs(np.zeros_like(table), table, edges, desk.temperature, entropy)
        residual += entropy
    advantage = desk.q_bar - np.repeat(mean, game.num_actions, axis=0).T
    return Evaluation(desk.value.copy(), desk.q_bar.copy(), advantage, desk.visit.copy(),
                      float(np.abs(residual).max() / (1 - game.discount)))
