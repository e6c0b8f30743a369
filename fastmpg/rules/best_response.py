"""Best-response dynamics with inertia: players who are awake jump to their best pure action.

    with probability 1 - lambda:    pi_i(. | s) <- e_a,   a in argmax Qbar_i(s, .),   in every state s

Every player is awake or asleep by itself, in all states alike. Young (2004, "Strategic Learning and its Limits",
section 6): in weakly acyclic games, potential games among them, play comes to rest at a pure equilibrium almost surely.
"""

from __future__ import annotations

from typing import NamedTuple

from .. import _check
from ..feedback.oracle import Oracle
from ..kernels.vector import largest_of
from ..machine import attach, inlined
from ._choices import choice
from .state import TableState


@inlined
def _update(rule, state, feedback, k):
    """One-hot rows at the largest Qbar, of players that are awake; who plays one already stays there.

    policy, q_bar (S, A_total)
    """
    policy, offset = state.policy, feedback.offset
    for i in range(offset.size - 1):
        u, _ = choice(feedback.key, k, i)
        if u < rule.inertia:
            continue
        for s in range(policy.shape[0]):
            own, q = policy[s, offset[i]:offset[i + 1]], feedback.q_bar[s, offset[i]:offset[i + 1]]
            now, best = largest_of(own), largest_of(q)
            if own[now] != 1.0 or q[now] != q[best]:
                for a in range(own.size):
                    own[a] = 1.0 if a == best else 0.0


@attach(feedback=Oracle, state=TableState, update=_update, uses_value=False, uses_visitation=False,
        examples=({}, {"inertia": 0.0}),
        draws=True,
        proved="weakly acyclic games without a future, potential games among them: rests at a pure equilibrium "
               "almost surely (Young 2004)",
        fails="games without a pure equilibrium; without inertia players may miss each other for ever")
class BestResponse(NamedTuple):
    """Every player who is awake plays the pure action that is best against the others' policies as they are.

    Parameters
    ----------
    inertia : float
        Probability lambda in [0, 1) with which a player sleeps through an update. 0: all move at once, which may go
        round for ever where players meet the same choice.

    Notes
    -----
    Who plays a best action stays there; others take the first of several. In Markov games "best" is by Qbar of the
    policies as they are: a step of policy iteration, which never makes a player who moves alone worse off, and not yet
    the best response to the others.

    Examples
    --------
    >>> import fastmpg as fm
    >>> meeting = fm.NormalFormGame.identical_interest([[1, 0], [0, 1]])
    >>> start = [[1.0, 0.0], [0.0, 1.0]]
    >>> for inertia in (0.0, 0.5):
    ...     found = fm.learn(meeting, fm.rules.BestResponse(inertia), 50, policy=start, rng=0)
    ...     print(found.trace["ne_gap"][-1].max())
    1.0
    0.0
    """

    inertia: float = 0.5

    def checked(self) -> BestResponse:
        """The rule with its parameters checked."""
        return BestResponse(_check.real(self.inertia, "inertia", 0.0, 1.0, open_high=True))
