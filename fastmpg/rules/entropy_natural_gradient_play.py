"""Entropy-regularised natural gradient play.

    pi_i <- pi_i^{1 - eta tau / (1 - gamma)} exp( eta Qbar_i^tau / (1 - gamma) ) / Z

where Qbar_i^tau(s, a_i) = r_i(s, a_i) + gamma sum_t P_i(t | s, a_i) V_i^tau(t) and V_i^tau is the value with stage
payoff r_i + tau H(pi_i): no entropy at s itself, which would only add a constant. The fixed points are the quantal
response equilibria at tau. At eta tau = 1 - gamma the exponent of the old policy is 0 and the step is the logit reply
itself. Sun et al. (2024), eq. (2) and section IV-C, whose Markov form writes tau for our tau / (1 - gamma).

**Where the printed paper needs care.** The Markov form of section IV-C has for Qbar^tau the marginalised advantage of
Zhang et al. (2022), which holds no entropy. Values of states to come then count no entropy either, and the fixed
points, pi_i ~ exp(Abar_i / tau), are quantal response equilibria only where nobody's actions change what entropy is to
come, as in one state or without a future. With Qbar^tau the step is the natural gradient of the regularised value, as
in eq. (1).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from .. import _check
from .._check import Float
from ..feedback.oracle import Oracle
from ..kernels.simplex import softmax_rows
from ..machine import attach, inlined
from ..models.game import Game
from .state import SoftmaxState, refuse_zeros

UNIT = 2.0**-53
ADVANTAGES = ("regularised", "printed")


def _exponent(eta, tau, discount):
    """That of the old policy, 1 - eta tau / (1 - gamma); what a rounded gamma, eta and tau leave beside 0 is 0.

    gamma in [1/2, 1) is rounded by UNIT / 2 at most, which 1 / (1 - gamma) makes more of.
    """
    keep = 1.0 - eta / (1.0 - discount) * tau
    return 0.0 if abs(keep) <= 4.0 * UNIT + 0.505 * UNIT / (1.0 - discount) else keep


exponent = inlined(_exponent)


@inlined
def _update(rule, state, feedback, k):
    """theta <- (1 - eta tau / (1 - gamma)) theta + eta Qbar^tau / (1 - gamma): Sun et al. (2024), (2).

    theta (S, A_total), log pi up to a constant a player and state   q_bar (S, A_total) at temperature tau; printed: 0
    """
    theta = state.theta
    gain = rule.eta / (1.0 - feedback.discount)
    keep = exponent(rule.eta, rule.tau, feedback.discount)
    for s in range(theta.shape[0]):
        for c in range(theta.shape[1]):
            before = keep * theta[s, c] if keep != 0.0 else 0.0  # an old probability of 0, too, has 0^0 = 1
            theta[s, c] = before + gain * feedback.q_bar[s, c]
    softmax_rows(theta, feedback.offset, state.policy)


@attach(update=_update)
class _EntropyNumbers(NamedTuple):
    """The rule as kernels see it, whatever the advantage: that is the feedback's."""

    eta: float
    tau: float


@attach(feedback=Oracle, state=SoftmaxState, update=_update, uses_visitation=False, uses_value=False,
        examples=({}, {"advantage": "printed"}),
        proved="potential games of one state: QRE-gaps go to 0, linearly where tau is large enough (Sun et al. "
               "2024)",
        fails="tau is paid for: the limit is a QRE, not an equilibrium")
class EntropyNaturalGradientPlay(NamedTuple):
    """Every player takes a natural gradient step of its entropy-regularised value.

    Parameters
    ----------
    eta : float
        Step size, > 0; eta tau at most 1 - gamma, so that the exponent of the old policy is not negative.
    tau : float
        Weight of the entropy, >= 0; 0 gives :class:`NaturalGradientPlay`.
    advantage : "regularised" or "printed"
        Whether the values of states to come count entropy. "printed" leaves it out, as the paper's Markov form does:
        its fixed points are no quantal response equilibria, though near them. Without a future both are one.

    Notes
    -----
    The first policy must be positive everywhere unless tau is 0 (what is 0 stays 0, as in :class:`NaturalGradientPlay`)
    or eta tau = 1 - gamma (it does not matter): a probability of 0 would stay so, and the equilibria have none.

    Sun et al. (2024), eq. (2), and section IV-C for "printed". Provable steps:
    :func:`fastmpg.theory.entropy_natural_step`.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.random_markov(3, (2, 3), 0.7, rng=1)
    >>> for advantage in ("regularised", "printed"):
    ...     rule = fm.rules.EntropyNaturalGradientPlay(0.3, 0.5, advantage)
    ...     print(f"{fm.qre_gap(game, fm.learn(game, rule, 300).policy, 0.5).max():.6f}")
    0.000000
    0.000039
    """

    eta: float = 0.1
    tau: float = 0.1
    advantage: Literal["regularised", "printed"] = "regularised"

    @property
    def temperature(self) -> float:
        """The feedback's values carry entropy at this weight."""
        return self.tau if self.advantage == "regularised" else 0.0

    @property
    def qre_temperature(self) -> float:
        """That of the equilibria which the rule is after."""
        return self.tau

    def checked(self) -> EntropyNaturalGradientPlay:
        """The rule with its parameters checked."""
        what = 'advantage must be "regularised" or "printed"'
        if not isinstance(self.advantage, str):
            raise TypeError(f"{what}, found {_check.shown(self.advantage)}")
        if self.advantage not in ADVANTAGES:
            raise ValueError(f"{what}, found {_check.shown(self.advantage)}")
        return EntropyNaturalGradientPlay(_check.real(self.eta, "eta", 0.0, open_low=True),
                                          _check.real(self.tau, "tau", 0.0), self.advantage)

    def compiled(self) -> _EntropyNumbers:
        """The rule in numbers."""
        return _EntropyNumbers(self.eta, self.tau)

    def check_start(self, game: Game, policy: Float) -> None:
        """Refuse a step that overshoots for this game's discount, and a first policy that could not move."""
        left = 1.0 - game.discount
        keep = _exponent(self.eta, self.tau, game.discount)
        if keep < 0.0:
            raise ValueError(f"eta must be in (0, (1 - discount) / tau] = (0, {left / self.tau:.17g}] for this game, "
                             f"found {self.eta!r}: the old policy would have the negative exponent 1 - eta tau / (1 - "
                             f"discount) = {keep:.6g}")
        if self.tau > 0.0 and keep != 0.0:
            refuse_zeros(game, policy, "entropy-regularised play",
                         "; move it inside, or take eta = (1 - discount) / tau")
