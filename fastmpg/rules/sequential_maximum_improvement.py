"""Sequential maximum improvement: one player in one state moves at a time, where most is to be gained.

    gain_i(s) = max_p [ <p, Qbar_i(s, .)> + tau H(p) ] - [ <pi_i, Qbar_i> + tau H(pi_i) ](s)
    pi_i(. | s) <- the p of the largest gain:   softmax(Qbar_i(s, .) / tau), at tau = 0 the first best action

Guo, Li, Maheshwari, Sastry and Wu (2023, arXiv 2305.12553), "sequential maximum improvement smoothed best response
dynamics". Its pseudocode was not at hand: that the largest gain is taken over players and states is remembered.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.oracle import Oracle
from ..kernels.simplex import entropy, weighed
from ..machine import attach, inlined
from ..metrics.respond import soft_maximum
from ..models.game import Game


class ImprovingState(NamedTuple):
    """policy (S, A_total); response (largest A_i,): scratch."""

    policy: Any
    response: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> ImprovingState:
        """The state at a given policy."""
        return cls(policy.copy(), np.zeros(max(game.num_actions)))


@inlined
def _update(rule, state, feedback, k):
    """The row of the largest gain responds, if any gain is above 0.    policy, q_bar (S, A_total) at temperature tau"""
    policy, offset, tau = state.policy, feedback.offset, feedback.temperature
    most, player, place = 0.0, -1, -1
    for s in range(policy.shape[0]):
        for i in range(offset.size - 1):
            own, q = policy[s, offset[i]:offset[i + 1]], feedback.q_bar[s, offset[i]:offset[i + 1]]
            gain = soft_maximum(q, tau, state.response[:q.size])
            for a in range(q.size):
                gain -= weighed(own[a], q[a])
            if tau > 0.0:
                gain -= tau * entropy(own)
            if gain > most:
                most, player, place = gain, i, s
    if player >= 0:
        low, high = offset[player], offset[player + 1]
        soft_maximum(feedback.q_bar[place, low:high], tau, state.response[:high - low])
        for c in range(low, high):
            policy[place, c] = state.response[c - low]


@attach(feedback=Oracle, state=ImprovingState, update=_update, uses_value=False, uses_visitation=False,
        examples=({}, {"tau": 0.1}),
        proved="potential games: the potential rises at every update; near-potential games: Nash regret up to "
               "alpha (Guo et al. 2023)",
        fails="needs somebody who compares all players' gains; one row moves at a time")
class SequentialMaximumImprovement(NamedTuple):
    """The player and state with most to gain respond, one at a time.

    Parameters
    ----------
    tau : float
        Temperature of the response, >= 0; 0: pure best actions.

    Notes
    -----
    In a potential game the potential rises at every update: with tau = 0 play ends at a pure equilibrium after finitely
    many. Several equal gains: the first state, and in it the first player. Gains are by Qbar of the policies as they
    are, with entropy at tau in all later states.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.random_markov(4, (3, 3), identical_interest=True, rng=0)
    >>> record = fm.Record(metrics=("ne_gap", "value"))
    >>> trace = fm.learn(game, fm.rules.SequentialMaximumImprovement(), 40, record=record).trace
    >>> bool((trace["value"][1:, 0] >= trace["value"][:-1, 0] - 1e-12).all()), bool(trace["ne_gap"][-1].max() < 1e-12)
    (True, True)
    """

    tau: float = 0.0

    @property
    def temperature(self) -> float:
        """Of the oracle's values."""
        return self.tau

    def checked(self) -> SequentialMaximumImprovement:
        """The rule with its parameters checked."""
        return SequentialMaximumImprovement(_check.real(self.tau, "tau", 0.0))
