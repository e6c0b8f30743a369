"""Exact evaluation of one policy: what :mod:`..feedback.oracle` computes, with the advantage and a certified error."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._check import Float, real
from .._same import comparable
from ..feedback.desk import bench_of, evaluate_desk, evaluated
from ..kernels.simplex import entropy
from ..machine import kernel, unit
from ..models.game import Game
from .rounding import error_bound, larger, largest, magnitudes, policy_excess, rounding


@kernel
def certify(m, q_bar, policy, offset, value, tau, sums, adv):
    """Advantages, and the bound on the largest error of ``value``: its residual and what rounding may hide of it.

    q_bar, policy, adv (S, A_total)   value (N, S)   sums (2,): filled, see :func:`.rounding.policy_excess`
    """
    bound, pure = 0.0, policy_excess(policy, offset, sums)
    for i in range(value.shape[0]):
        residual, actions = 0.0, offset[i + 1] - offset[i]
        for s in range(value.shape[1]):
            mean = 0.0
            for c in range(offset[i], offset[i + 1]):
                mean += policy[s, c] * q_bar[s, c]
            for c in range(offset[i], offset[i + 1]):
                adv[s, c] = q_bar[s, c] - mean
            if tau > 0.0:
                mean += tau * entropy(policy[s, offset[i]:offset[i + 1]])
            residual = larger(residual, abs(mean - value[i, s]))
        rounded = rounding(m, i, sums, pure, 0 if pure else actions, largest(value[i]), tau, actions, actions + 8)
        bound = max(bound, error_bound(m, i, sums, residual, rounded))
    return bound


class CertifyFrame(NamedTuple):
    """A desk, its game's :class:`.rounding.Magnitudes`, and where sums (2,), advantages (S, A_total) and the bound (1,) go."""

    desk: Any
    magnitudes: Any
    sums: Any
    advantage: Any
    bound: Any


@unit
def certify_desk(frame):
    """Advantages and the certified bound of what the desk has found."""
    desk = frame.desk
    frame.bound[0] = certify(frame.magnitudes, desk.q_bar, desk.policy, desk.offset, desk.value, desk.temperature, frame.sums,
                             frame.advantage)


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
        Certified bound on the largest error of ``value``: its Bellman residual and what rounding may hide of it,
        divided by 1 - gamma times the largest sum of a row as it is stored (see fastmpg/metrics/rounding.py). It holds
        for the game and the policy exactly as given, for discounts up to 1 - 1e-15 and values up to 1e300; infinite
        where nothing can be said.
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
    temperature = real(tau, "tau", 0.0)
    if temperature != 0.0:
        frame = _frame(evaluated(game, policy, temperature=temperature), game)
        certify_desk.bind(frame)()
        return _read(frame)
    with bench_of(game) as bench:
        bench.place(policy)
        certified = bench.bound(certify_desk, _frame, game)
        bench.run(bench.bound(evaluate_desk), certified)
        return _read(certified.frame)


def _frame(desk: Any, game: Game) -> CertifyFrame:
    return CertifyFrame(desk, magnitudes(game), np.zeros(2), np.zeros_like(desk.policy), np.zeros(1))


def _read(frame: CertifyFrame) -> Evaluation:
    """What a desk found, copied."""
    desk = frame.desk
    return Evaluation(desk.value.copy(), desk.q_bar.copy(), frame.advantage.copy(), desk.visit.copy(), float(frame.bound[0]))
