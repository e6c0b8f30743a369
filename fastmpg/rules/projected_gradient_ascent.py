"""Projected gradient ascent in the probabilities themselves.

    pi_i <- P_Delta( pi_i + eta d(s) Qbar_i / (1 - gamma) )

Ding et al. (2022), "projected PG".
"""

from __future__ import annotations

from typing import NamedTuple

from .. import _check
from ..feedback.oracle import Oracle
from ..kernels.simplex import project_row
from ..machine import attach, inlined, kernel
from .state import TableState


@kernel
def ascend(policy, q_bar, offset, s, step):
    """Move one state's rows by step Qbar and project every player's back onto its simplex, in which an action of
    Qbar -inf has no place.

    policy, q_bar (S, A_total)   offset (N + 1,)
    """
    if step == 0.0:  # nobody ever comes here; and 0 times -inf would be no number
        return
    for i in range(offset.size - 1):
        for c in range(offset[i], offset[i + 1]):
            policy[s, c] += step * q_bar[s, c]
        project_row(policy[s, offset[i]:offset[i + 1]], 0.0, policy[s, offset[i]:offset[i + 1]])


@inlined
def _update(rule, state, feedback, k):
    """pi <- P(pi + eta d Qbar / (1 - gamma)), P onto the simplex: Ding et al. (2022).

    policy, q_bar (S, A_total)   visit (S,)
    """
    for s in range(state.policy.shape[0]):
        step = rule.eta * feedback.visit[s] / (1.0 - feedback.discount)
        ascend(state.policy, feedback.q_bar, feedback.offset, s, step)


@attach(feedback=Oracle, state=TableState, update=_update, uses_value=False,
        proved="potential games: eps-equilibria after O(1/eps^2) steps, by the mismatch of visitations (Leonardos "
               "et al. 2022; Ding et al. 2022)",
        fails="states that are seldom visited hardly move")
class ProjectedGradientAscent(NamedTuple):
    """Every player follows the gradient of its own value in its probabilities and projects back onto the simplex.

    Parameters
    ----------
    eta : float
        Step size, > 0.

    Notes
    -----
    Ding et al. (2022), "projected policy gradient".
    """

    eta: float = 0.1

    def checked(self) -> ProjectedGradientAscent:
        """The rule with its parameters checked."""
        return ProjectedGradientAscent(_check.real(self.eta, "eta", 0.0, open_low=True))
