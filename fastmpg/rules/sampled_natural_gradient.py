"""Natural gradient play from samples, with greedy exploration.

    q_i ~ Qbar_i of the policies as they are, from K samples a player
    theta_i <- theta_i + eta q_i / (1 - gamma),      pi_i = (1 - xi) softmax(theta_i) + xi uniform

The natural gradient of Kakade (2001), player by player as of Zhang et al. (2022), eq. (9)-(10), with estimates instead
of expectations; policies greedy up to xi as those of Leonardos, Overman, Panageas and Piliouras (2022), so that every
action is sampled for ever. Samples, regression and their properties are those of :class:`LinearQAscent`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .._check import Float
from ..feedback.samples import Samples
from ..kernels.elementary import exp
from ..machine import attach, precise
from ..models.game import Game
from ._features import close_rows, copy_table, empty_fit, keep_nothing, learn_rows, open_rows
from ._schedule import numbers
from .linear_q_ascent import LinearQAscent, _Linear, rounds
from .state import refuse_zeros


@precise
def _climb(features, rule, state, feedback):
    """theta += eta q / (1 - gamma) and what follows.    theta, q, policy (S, A_total)"""
    theta, policy, offset, gain = state.theta, state.policy, feedback.offset, rule.eta / (1.0 - feedback.discount)
    for s in range(theta.shape[0]):
        for i in range(offset.size - 1):
            top, total, share = -math.inf, 0.0, rule.exploration / feedback.num_actions[s, i]
            for c in range(offset[i], offset[i + 1]):
                if feedback.available[s, c]:
                    theta[s, c] += gain * state.q[s, c]
                    top = max(top, theta[s, c])
            for c in range(offset[i], offset[i + 1]):
                theta[s, c] -= top
                policy[s, c] = exp(theta[s, c])
                total += policy[s, c]
            for c in range(offset[i], offset[i + 1]):
                if feedback.available[s, c]:
                    policy[s, c] = (1.0 - rule.exploration) * (policy[s, c] / total) + share


@attach(open_fit=open_rows, learn=learn_rows, close_fit=close_rows, ascend=_climb, probabilities=copy_table,
        shown=keep_nothing)
class Climbing(NamedTuple):
    """One feature for every row and action, and a step in logarithms."""


class ClimbingState(NamedTuple):
    """policy, q, theta (S, A_total): what is played, the last estimates of Qbar, and logarithms of the policy before
    exploration up to a constant a player and state; fault, fit: see :class:`~.linear_q_ascent.LinearState`.
    """

    policy: Any
    q: Any
    theta: Any
    fault: Any
    fit: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> ClimbingState:
        """The state at a given policy."""
        with np.errstate(divide="ignore"):
            return cls(policy.copy(), np.zeros_like(policy), np.log(policy), np.zeros(5), empty_fit(policy.size, 0))


@attach(feedback=Samples, state=ClimbingState, update=rounds, examples=({"samples": 50}, {"samples": 50, "eta": 0.3}),
        proved="the mean step is that of NaturalGradientPlay but for exploration and what no sample reached",
        fails="the noise of small batches stays; the limit is O(exploration) off")
class SampledNaturalGradient(NamedTuple):
    """Every player estimates its marginalised Q from samples and follows the natural gradient, exploring a little.

    Parameters
    ----------
    eta : float
        Step size, > 0.
    samples : int
        K: of every player for every update.
    exploration : float
        xi in (0, 1]: share of the uniform law in what is played.
    sgd : float or tuple
        Step size of the regression at its k-th sample, as of :class:`LinearQAscent`.

    Notes
    -----
    Estimates are unbiased but for what no sample has reached, so that the mean step is that of
    :class:`NaturalGradientPlay` (lam = 0), whose equilibria are met up to what exploration costs, O(xi). The first
    policy is the first theta, without exploration.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> result = fm.learn(game, fm.rules.SampledNaturalGradient(0.5, samples=500, exploration=0.02), 40, rng=0)
    >>> result.trace["ne_gap"].max(axis=1)[[0, -1]].round(2)
    array([0.38, 0.01])
    """

    eta: float = 0.1
    samples: int = 1000
    exploration: float = 0.05
    sgd: float | tuple[float, ...] = 0.25

    def checked(self) -> SampledNaturalGradient:
        """The rule with its parameters checked."""
        same = LinearQAscent(self.eta, self.samples, exploration=self.exploration, sgd=self.sgd).checked()
        return SampledNaturalGradient(same.eta, same.samples, same.exploration, same.sgd)

    def check_start(self, game: Game, policy: Float) -> None:
        """Refuse a first policy whose logarithm is none, and what has no horizon."""
        if not game.discount < 1.0:
            raise ValueError(f"SampledNaturalGradient needs a discount below 1, found {game!r}")
        refuse_zeros(game, policy, "SampledNaturalGradient")

    def compiled(self) -> _Linear:
        """The rule as kernels see it."""
        return _Linear(self.eta, self.samples, self.exploration, math.inf, *numbers(self.sgd), Climbing())
