"""Entropy-regularised natural gradient play.

    pi_i <- pi_i^{1 - eta tau / (1 - gamma)} exp( eta Qbar_i^tau / (1 - gamma) ) / Z

where Qbar_i^tau(s, a_i) = r_i(s, a_i) + gamma sum_t P_i(t | s, a_i) V_i^tau(t) and V_i^tau is the value with stage
payoff r_i + tau H(pi_i): no entropy at s itself, which would only add a constant. The fixed points are the quantal
response equilibria at tau. Sun et al. (2024), eq. (2) and section IV-C, whose Markov form writes tau for our
tau / (1 - gamma).
"""

from __future__ import annotations

from typing import NamedTuple

from .. import _check
from ..feedback.oracle import Oracle
from ..kernels.simplex import softmax_rows
from ..machine import attach, inlined
from .state import SoftmaxState


@inlined
def _update(rule, state, feedback, k):
    theta = state.theta
    gain = rule.eta / (1.0 - feedback.discount)
    keep = 1.0 - gain * rule.tau
    for s in range(theta.shape[0]):
        for c in range(theta.shape[1]):
            theta[s, c] = keep * theta[s, c] + gain * feedback.q_bar[s, c]
    softmax_rows(theta, feedback.offset, state.policy)


@attach(feedback=Oracle, state=SoftmaxState, update=_update, uses_visitation=False, uses_value=False)
class EntropyNaturalGradientPlay(NamedTuple):
    """Every player takes a natural gradient step of its entropy-regularised value.

    Parameters
    ----------
    eta : float
        Step size, > 0; eta tau < 1 - gamma keeps the exponent of the old policy positive.
    tau : float
        Weight of the entropy, >= 0; 0 gives :class:`NaturalGradientPlay`.

    Notes
    -----
    Sun et al. (2024), eq. (2). Provable steps: :func:`fastmpg.theory.entropy_natural_step`.
    """

    eta: float = 0.1
    tau: float = 0.1

    @property
    def temperature(self) -> float:
        """The feedback's values carry entropy at this weight."""
        return self.tau

    def checked(self) -> EntropyNaturalGradientPlay:
        """The rule with its parameters checked."""
        return EntropyNaturalGradientPlay(_check.real(self.eta, "eta", 0.0, open_low=True),
                                          _check.real(self.tau, "tau", 0.0))
