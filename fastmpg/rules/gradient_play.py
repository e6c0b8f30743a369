"""Softmax gradient play, with or without log-barrier.

    theta_i <- theta_i + eta [ d(s) pi_i Abar_i / (1 - gamma) + lam - lam A_i pi_i ],  pi_i = softmax(theta_i)

Zhang et al. (2022), eq. (8), and eq. (15) for lam > 0. A_i is the number of actions that the player has in the state.
"""

from __future__ import annotations

from typing import NamedTuple

from .. import _check
from .._check import Float
from ..feedback.oracle import Oracle
from ..kernels.simplex import softmax_rows, weighed
from ..machine import attach, inlined
from ..models.game import Game
from .state import SoftmaxState, refuse_zeros


@inlined
def _update(rule, state, feedback, k):
    """theta += eta [d pi Abar / (1 - gamma) + lam - lam A_i pi]: Zhang et al. (2022), (8), (15).

    theta, policy, q_bar (S, A_total)   value (N, S)   visit (S,)   num_actions (S, N): A_i
    """
    policy, theta, offset = state.policy, state.theta, feedback.offset
    for s in range(policy.shape[0]):
        weight = feedback.visit[s] / (1.0 - feedback.discount)
        for i in range(offset.size - 1):
            n = feedback.num_actions[s, i]
            for c in range(offset[i], offset[i + 1]):
                slope = weight * weighed(policy[s, c], feedback.q_bar[s, c] - feedback.value[i, s])
                theta[s, c] += rule.eta * (slope + rule.lam - rule.lam * n * policy[s, c])
    softmax_rows(theta, offset, policy)


@attach(feedback=Oracle, state=SoftmaxState, update=_update, examples=({}, {"lam": 0.01}),
        proved="potential games: the gradient goes to 0, and policies to equilibria where c(pi) stays above 0; "
               "with lam > 0 an eps-equilibrium after polynomially many steps (Zhang et al. 2022)",
        fails="plateaus as long as 1/c; without a potential policies may go round")
class GradientPlay(NamedTuple):
    """Every player follows the gradient of its own value in its softmax parameters.

    Parameters
    ----------
    eta : float
        Step size, > 0. Provable: :func:`fastmpg.theory.gradient_play_step`.
    lam : float
        Weight of the log-barrier, >= 0.

    Notes
    -----
    Zhang et al. (2022), eq. (8) and (15).
    """

    eta: float = 0.1
    lam: float = 0.0

    def checked(self) -> GradientPlay:
        """The rule with its parameters checked."""
        return GradientPlay(_check.real(self.eta, "eta", 0.0, open_low=True), _check.real(self.lam, "lam", 0.0))

    def check_start(self, game: Game, policy: Float) -> None:
        """Refuse a first policy on the boundary, where the log-barrier is infinite."""
        if self.lam > 0.0:
            refuse_zeros(game, policy, "a log-barrier")
