"""Optimistic multiplicative weights (optimistic Hedge) with exact feedback.

    pi_i <- pi_i exp( eta [ 2 Qbar_i^k - Qbar_i^{k-1} ] / (1 - gamma) ) / Z,     Qbar^{-1} = Qbar^0

Rakhlin and Sridharan (2013); of several players Syrgkanis, Agarwal, Luo and Schapire (2015), last iterates Daskalakis
and Panageas (2019). Without the guess that the next payoffs are the last ones this is :class:`NaturalGradientPlay`, in
a game without a future the multiplicative weights themselves.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.oracle import Oracle
from ..kernels.simplex import softmax_rows
from ..machine import attach, inlined
from ..models.game import Game


class GuessingState(NamedTuple):
    """policy; theta, its logarithm up to a constant a player and state; last, the Qbar before: (S, A_total) each."""

    policy: Any
    theta: Any
    last: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> GuessingState:
        """The state at a given policy (probabilities of 0 stay 0)."""
        with np.errstate(divide="ignore"):
            return cls(policy.copy(), np.log(policy), np.zeros(policy.shape))


@inlined
def _update(rule, state, feedback, k):
    """theta += eta (2 Qbar - last) / (1 - gamma), last <- Qbar.    theta, last, q_bar (S, A_total)"""
    scale = rule.eta / (1.0 - feedback.discount)
    for s in range(state.theta.shape[0]):
        for c in range(state.theta.shape[1]):
            if feedback.available[s, c]:  # elsewhere theta is -inf and stays
                q = feedback.q_bar[s, c]
                change = q - state.last[s, c] if k > 0 else 0.0
                state.theta[s, c] += scale * (q + change)
                state.last[s, c] = q
    softmax_rows(state.theta, feedback.offset, state.policy)


@attach(feedback=Oracle, state=GuessingState, update=_update, uses_value=False, uses_visitation=False,
        proved="bounded sum of regrets (Syrgkanis et al. 2015); zero-sum games with one equilibrium: last iterates "
               "(Daskalakis and Panageas 2019), without a future",
        fails="large steps; last iterates with more than two players")
class OptimisticMultiplicativeWeights(NamedTuple):
    """Every player multiplies its probabilities by the exponential of its payoffs, the last ones counted twice.

    Parameters
    ----------
    eta : float
        Step size, > 0, in units of 1 / (1 - gamma) as of :class:`NaturalGradientPlay`.

    Notes
    -----
    Syrgkanis et al. (2015): with eta = O(1 / sqrt(N)) the sum of all players' regrets stays bounded, where those of
    plain weights grow with sqrt(T). Daskalakis and Panageas (2019): last iterates converge in two-player zero-sum games
    with a unique equilibrium, from uniform policies and with a small eta; plain weights leave it.

    Examples
    --------
    >>> import fastmpg as fm
    >>> pennies = fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])
    >>> start = [[0.9, 0.1], [0.8, 0.2]]
    >>> for rule in (fm.rules.NaturalGradientPlay(0.1), fm.rules.OptimisticMultiplicativeWeights(0.1)):
    ...     gap = fm.learn(pennies, rule, 2000, policy=start, record=fm.Record(every=2000)).trace["ne_gap"][-1]
    ...     print(f"{gap.max():.0e}")
    2e+00
    6e-05
    """

    eta: float = 0.1

    def checked(self) -> OptimisticMultiplicativeWeights:
        """The rule with its parameters checked."""
        return OptimisticMultiplicativeWeights(_check.real(self.eta, "eta", 0.0, open_low=True))
