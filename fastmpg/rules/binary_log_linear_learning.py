"""Binary log-linear learning: one player at a time tries one other action.

    one player i drawn evenly, a trial b drawn evenly from its actions
    a_i <- b with probability exp(Qbar_i(s, b) / tau) / [ exp(Qbar_i(s, a_i) / tau) + exp(Qbar_i(s, b) / tau) ]

Arslan, Marden and Shamma (2007); Marden and Shamma (2012, "Revisiting log-linear learning", section 4): a player need
only know what two actions pay, and the stationary law of a potential game stays exp(phi(a) / tau) / Z.
"""

from __future__ import annotations

from typing import NamedTuple

from .. import _check
from ..feedback.oracle import Oracle
from ..kernels.elementary import exp
from ..kernels.simplex import weighed
from ..machine import attach, precise
from ._choices import choice, drawn_player
from ._greedy import count_available, nth_available
from .state import TableState


@precise
def _update(rule, state, feedback, k):
    """The drawn player's rows: the trial, or as before.    policy, q_bar (S, A_total)"""
    policy, offset = state.policy, feedback.offset
    i, _ = drawn_player(feedback.key, k, offset.size - 1)
    for s in range(policy.shape[0]):
        u, v = choice(feedback.key, k, s + 1)
        own, q = policy[s, offset[i]:offset[i + 1]], feedback.q_bar[s, offset[i]:offset[i + 1]]
        count, now = count_available(q), 0.0
        trial = nth_available(q, min(int(u * count), count - 1))
        for a in range(q.size):
            now += weighed(own[a], q[a])
        if v * (1.0 + exp((now - q[trial]) / rule.tau)) < 1.0:
            for a in range(q.size):
                own[a] = 1.0 if a == trial else 0.0


@attach(feedback=Oracle, state=TableState, update=_update, uses_value=False, uses_visitation=False,
        draws=True,
        proved="potential games without a future: profiles by exp(phi / tau) / Z in the long run (Marden and "
               "Shamma 2012)",
        fails="small tau: local maximisers are left after times exponential in 1/tau")
class BinaryLogLinearLearning(NamedTuple):
    """One player, drawn evenly, compares its action with one other and takes the better one, mostly.

    Parameters
    ----------
    tau : float
        Temperature, > 0.

    Notes
    -----
    As :class:`LogLinearLearning`, slower by the trials that change nothing. A mixed first policy is compared by its
    mean payoff, and is gone once a trial was taken.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.random_normal_form((4, 5), identical_interest=True, rng=0)
    >>> found = fm.learn(game, fm.rules.BinaryLogLinearLearning(0.01), 2000, rng=0, record=fm.Record(every=2000))
    >>> bool(found.trace["ne_gap"][-1].max() < 1e-12)
    True
    """

    tau: float = 0.1

    def checked(self) -> BinaryLogLinearLearning:
        """The rule with its parameters checked."""
        return BinaryLogLinearLearning(_check.real(self.tau, "tau", 0.0, open_low=True))
