"""Better-response dynamics with inertia: players who are awake take any action that is better than their policy.

    with probability 1 - lambda:    pi_i(. | s) <- e_a,   a even among those with Qbar_i(s, a) > <pi_i, Qbar_i>(s)

Young (2004, "Strategic Learning and its Limits", section 6): in weakly acyclic games play comes to rest at a pure
equilibrium almost surely.
"""

from __future__ import annotations

from typing import NamedTuple

from .. import _check
from ..feedback.oracle import Oracle
from ..kernels.simplex import weighed
from ..machine import attach, inlined
from ._choices import choice
from .state import TableState


@inlined
def _update(rule, state, feedback, k):
    """One-hot rows at a better action, of players that are awake, where there is one.    policy, q_bar (S, A_total)"""
    policy, offset = state.policy, feedback.offset
    players = offset.size - 1
    for i in range(players):
        u, v = choice(feedback.key, k, i)
        if u < rule.inertia:
            continue
        for s in range(policy.shape[0]):
            own, q = policy[s, offset[i]:offset[i + 1]], feedback.q_bar[s, offset[i]:offset[i + 1]]
            mean, better = 0.0, 0
            for a in range(own.size):
                mean += weighed(own[a], q[a])
            for a in range(own.size):
                better += q[a] > mean
            if better == 0:
                continue
            if s > 0:
                _, v = choice(feedback.key, k, i + players * s)
            nth = min(int(v * better), better - 1)
            for a in range(own.size):
                taken = q[a] > mean
                own[a] = 1.0 if taken and nth == 0 else 0.0
                nth -= taken


@attach(feedback=Oracle, state=TableState, update=_update, uses_value=False, uses_visitation=False,
        draws=True,
        proved="weakly acyclic games without a future, potential games among them: rests at a pure equilibrium "
               "almost surely (Young 2004)",
        fails="games without a pure equilibrium")
class BetterResponse(NamedTuple):
    """Every player who is awake plays one of the pure actions that are better than its policy, any of them alike.

    Parameters
    ----------
    inertia : float
        Probability lambda in [0, 1) with which a player sleeps through an update.

    Notes
    -----
    Where no action is better a player stays. In Markov games "better" is by Qbar of the policies as they are, state by
    state.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.random_normal_form((4, 5), identical_interest=True, rng=0)
    >>> found = fm.learn(game, fm.rules.BetterResponse(0.5), 200, rng=0)
    >>> bool(found.trace["ne_gap"][-1].max() < 1e-12)
    True
    """

    inertia: float = 0.5

    def checked(self) -> BetterResponse:
        """The rule with its parameters checked."""
        return BetterResponse(_check.real(self.inertia, "inertia", 0.0, 1.0, open_high=True))
