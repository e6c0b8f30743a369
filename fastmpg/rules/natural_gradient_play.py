"""Natural gradient play, with or without log-barrier, with or without clipped steps.

    pi_i <- pi_i exp(w_i) / Z,   w_i = eta [ Abar_i / (1 - gamma) + lam / (d pi_i) - lam A_i / d ]

Zhang et al. (2022), eq. (9)-(10) (whose printed (10) lacks eta) and (17) for lam > 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import _check
from .._check import Float
from ..feedback.oracle import Oracle
from ..kernels.simplex import softmax_rows
from ..machine import attach, inlined
from ..models.game import Game
from .state import SoftmaxState, refuse_zeros

CLIPS = {None: 0, "raw": 1, "centred": 2}
TINY = 1e-290  # a probability or visitation that underflowed still divides


@inlined
def _update(rule, state, feedback, k):
    """theta += eta [Abar / (1 - gamma) + lam / (d pi) - lam A_i / d], the step clipped as ``rule.clip`` says.

    Zhang et al. (2022), (9), (10), (17).   theta, policy, q_bar (S, A_total)   value (N, S)   visit (S,)
    num_actions (S, N): A_i
    """
    policy, theta, offset = state.policy, state.theta, feedback.offset
    scale = 1.0 / (1.0 - feedback.discount)
    for s in range(policy.shape[0]):
        for i in range(offset.size - 1):
            n = feedback.num_actions[s, i]
            if rule.lam == 0.0 and rule.clip == 0:
                for c in range(offset[i], offset[i + 1]):  # the value cancels in the normalisation
                    theta[s, c] += rule.eta * scale * feedback.q_bar[s, c]
                continue
            barrier = rule.lam / max(feedback.visit[s], TINY) if rule.lam > 0.0 else 0.0
            for c in range(offset[i], offset[i + 1]):
                if not feedback.available[s, c]:
                    continue  # theta is -inf and stays
                pull = barrier / max(policy[s, c], TINY)
                if rule.clip == 1:
                    w = rule.eta * (feedback.q_bar[s, c] * scale + pull)
                else:
                    w = rule.eta * ((feedback.q_bar[s, c] - feedback.value[i, s]) * scale + pull - barrier * n)
                if rule.clip != 0:
                    w = min(max(w, -1.0), 1.0)
                theta[s, c] += min(max(w, -1e300), 1e300)
    softmax_rows(theta, offset, policy)


@attach(feedback=Oracle, state=SoftmaxState, update=_update, examples=({}, {"lam": 0.01, "clip": "centred"}),
        proved="potential games: NE-gaps go to 0 at a rate by the least c(pi) met, with lam > 0 by constants of "
               "the game alone (Zhang et al. 2022)",
        fails="zero-sum games: policies leave an inner equilibrium and go round")
class NaturalGradientPlay(NamedTuple):
    """Every player multiplies its probabilities by the exponential of its marginalised advantage.

    Parameters
    ----------
    eta : float
        Step size, > 0. Provable: :func:`fastmpg.theory.natural_gradient_step`.
    lam : float
        Weight of the log-barrier, >= 0.
    clip : None, "raw" or "centred"
        Limit each entry of the step to [-1, 1]: "raw" clips eta (Qbar / (1 - gamma) + lam / (d pi)) before normalising
        (the published two-player run), "centred" clips w itself (the published three- and eight-player runs).

    Notes
    -----
    Zhang et al. (2022), eq. (9), (10) and (17). With lam > 0 the step is as large as lam / (d pi): choose eta with care
    or clip. Logarithms of probabilities are kept, so an action can come back from below 1e-308.
    """

    eta: float = 0.1
    lam: float = 0.0
    clip: Any = None

    @property
    def uses_visitation(self) -> bool:
        """Without a barrier the visitation cancels: the natural gradient does not depend on it."""
        return self.lam != 0.0

    @property
    def uses_value(self) -> bool:
        """A plain step needs Q only: the value is the same for all actions of a row."""
        return self.lam != 0.0 or self.clip is not None

    def checked(self) -> NaturalGradientPlay:
        """The rule with its parameters checked."""
        if isinstance(self.clip, str | None) and self.clip not in CLIPS:
            raise ValueError(f'clip must be None, "raw" or "centred", found {_check.shown(self.clip)}')
        if not isinstance(self.clip, str | None):
            raise TypeError(f'clip must be None, "raw" or "centred", found {_check.shown(self.clip)}')
        return NaturalGradientPlay(_check.real(self.eta, "eta", 0.0, open_low=True), _check.real(self.lam, "lam", 0.0),
                                   self.clip)

    def check_start(self, game: Game, policy: Float) -> None:
        """Refuse a first policy on the boundary, where the log-barrier is infinite."""
        if self.lam > 0.0:
            refuse_zeros(game, policy, "a log-barrier")

    def compiled(self) -> NaturalGradientPlay:
        """The rule as kernels see it: numbers only."""
        return self._replace(clip=CLIPS[self.clip])
