"""Log-linear learning: one player at a time revises, and mostly to what pays best.

    one player i drawn evenly:    a_i ~ exp(Qbar_i(s, a_i) / tau),    everybody else stays

Blume (1993); Marden and Shamma (2012, "Revisiting log-linear learning", section 2). In a potential game without a
future the pure profiles are visited with the stationary law exp(phi(a) / tau) / Z, so that with tau -> 0 the maximisers
of the potential are what is stochastically stable.
"""

from __future__ import annotations

from typing import NamedTuple

from .. import _check
from ..feedback.oracle import Oracle
from ..machine import attach, precise
from ._choices import choice, draw_softmax, drawn_player
from .state import TableState


@precise
def _update(rule, state, feedback, k):
    """The drawn player's rows become pure, actions by exp(Qbar / tau).    policy, q_bar (S, A_total)"""
    policy, offset = state.policy, feedback.offset
    i, v = drawn_player(feedback.key, k, offset.size - 1)
    for s in range(policy.shape[0]):
        if s > 0:
            _, v = choice(feedback.key, k, s)
        taken = draw_softmax(feedback.q_bar[s, offset[i]:offset[i + 1]], rule.tau, v)
        for c in range(offset[i], offset[i + 1]):
            policy[s, c] = 1.0 if c == offset[i] + taken else 0.0


@attach(feedback=Oracle, state=TableState, update=_update, uses_value=False, uses_visitation=False,
        draws=True,
        proved="potential games without a future: profiles by exp(phi / tau) / Z in the long run (Blume 1993)",
        fails="small tau: local maximisers are left after times exponential in 1/tau")
class LogLinearLearning(NamedTuple):
    """One player, drawn evenly, takes a pure action by the exponential of what it pays against the others' present one.

    Parameters
    ----------
    tau : float
        Temperature, > 0.

    Notes
    -----
    Policies are pure once everybody was drawn. In Markov games actions are drawn in every state by itself, by Qbar of
    the policies as they are; the stationary law is known without a future only. A recorded QRE-gap is that of the pure
    policies at temperature 0.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.NormalFormGame.identical_interest([[1, 0], [0, 2]])
    >>> record = fm.Record(every=1, metrics=("policy",))
    >>> found = fm.learn(game, fm.rules.LogLinearLearning(1.0), 50_000, rng=0, record=record).trace["policy"][100:, 0]
    >>> joint = (found[:, :2, None] * found[:, None, 2:]).mean(axis=0)
    >>> bool(abs(joint[1, 1] / joint[0, 0] - 2.718) < 0.15)
    True
    """

    tau: float = 0.1

    def checked(self) -> LogLinearLearning:
        """The rule with its parameters checked."""
        return LogLinearLearning(_check.real(self.tau, "tau", 0.0, open_low=True))
