"""The marginalised Q of entropy-regularised values, entropy at the state itself included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.bench import ask
from ..feedback.desk import evaluate_desk
from ..kernels.simplex import entropy
from ..machine import Bound, unit
from ..models.game import Game

__all__ = ["smoothed_q"]


class SmoothedFrame(NamedTuple):
    """A desk, and where its marginalised Q goes with the entropy at the state itself (S, A_total)."""

    desk: Any
    out: Any


@unit
def write_smoothed(frame, row):
    """Qbar_i(s, a) + tau H(pi_i(. | s))."""
    desk = frame.desk
    for s in range(desk.policy.shape[0]):
        for i in range(desk.offset.size - 1):
            low, high = desk.offset[i], desk.offset[i + 1]
            more = desk.temperature[0] * entropy(desk.policy[s, low:high])
            for c in range(low, high):
                frame.out[s, c] = desk.q_bar[s, c] + more


def _smoothed(desk: Any, game: Game) -> tuple[Sequence[Bound], Float]:
    out = np.zeros_like(desk.policy)
    return [evaluate_desk.bind(desk), write_smoothed.bind(SmoothedFrame(desk, out))], out


def smoothed_q(game: Game, policy: Any, tau: float) -> Float:
    """What a two-timescale learner's q-estimates approach while the policy stands still.

    Qtilde_i(s, a_i) = r_i(s, a_i) + tau H(pi_i(. | s)) + gamma sum_t P_i(t | s, a_i) sum_b pi_i(b | t) Qtilde_i(t, b)

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
    tau : float
        Temperature, >= 0.

    Returns
    -------
    ndarray (S, A_total), of a stack (..., S, A_total)
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
    Maheshwari et al. (2022), eq. (8): the mean of the update is 0 there. The softmax of Qtilde / tau is that of Qbar /
    tau, since players add the same number to all their actions.
    """
    out = ask(game, policy, _smoothed, _check.real(tau, "tau", 0.0))
    return out.reshape(*out.shape[:-1], game.num_states, sum(game.num_actions))
