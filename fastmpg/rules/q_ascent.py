"""Independent Q-ascent.

    pi_i <- P_Delta( pi_i + eta Qbar_i )

Ding et al. (2022), "independent Q-ascent": the gradient's step without the visitation in front of it.
"""

from __future__ import annotations

from typing import NamedTuple

from .. import _check
from ..feedback.oracle import Oracle
from ..machine import attach, inlined
from .projected_gradient_ascent import ascend
from .state import TableState


@inlined
def _update(rule, state, feedback, k):
    """pi <- P(pi + eta Qbar), P onto the simplex: Ding et al. (2022).   policy, q_bar (S, A_total)"""
    for s in range(state.policy.shape[0]):
        ascend(state.policy, feedback.q_bar, feedback.offset, s, rule.eta)


@attach(feedback=Oracle, state=TableState, update=_update, uses_visitation=False, uses_value=False,
        proved="potential games: Nash regret O(T^-1/4), of one interest O(T^-1/2), whatever the number of states "
               "(Ding et al. 2022)",
        fails="zero-sum games: policies go round")
class QAscent(NamedTuple):
    """Every player moves its probabilities along its marginalised Q and projects back onto the simplex.

    Parameters
    ----------
    eta : float
        Step size, > 0.

    Notes
    -----
    Ding et al. (2022), "independent policy gradient ascent with Q", Algorithm 1. It is projected gradient ascent whose
    quadratic penalty is weighed by the visitation, which then cancels:

        pi_i'(. | s) = argmax_p  <p, d(s) Qbar_i(s, .)/(1-gamma)> - d(s)/(2 (1-gamma) eta) ||p - pi_i(. | s)||^2

    so that states that are hardly visited are learned as fast as others. For identical interest
    :func:`fastmpg.theory.q_ascent_step` is the step with a proved regret, :func:`fastmpg.theory.q_ascent_bound`.
    """

    eta: float = 0.1

    def checked(self) -> QAscent:
        """The rule with its parameters checked."""
        return QAscent(_check.real(self.eta, "eta", 0.0, open_low=True))
