"""Two-timescale fictitious play: beliefs about the others, values of joint actions, and smoothed best responses.

    m_j(s, a_j) += alpha(n(s)) [ 1{j plays a_j} - m_j(s, a_j) ]
    Q_i(s, a)   += beta(n(s, a)) [ r_i + gamma v_i(t) - Q_i(s, a) ],    t the next state, a all that is played
    q_i(s, a_i)  = sum_{a_-i} prod_{j != i} m_j(s, a_j) Q_i(s, a_i, a_-i)
    v_i(s)       = tau log sum_a exp(q_i(s, a) / tau),                   pi_i(a | s) = exp([ q_i(s, a) - v_i(s) ] / tau)

Sayin, Parise and Ozdaglar (2022, "Fictitious play in zero-sum stochastic games"), whose values follow more slowly than
beliefs, beta(n) / alpha(n) -> 0; smoothed as of Fudenberg and Levine (1998), so that every action is tried: their
model-free form.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.joint_transition import JointTransition
from ..machine import attach, precise
from ..models.game import Game
from ._choices import soften
from ._greedy import blank
from ._joint import count_joint, follow, marginal_values
from ._schedule import numbers, rate, step_size


@precise
def _update(rule, state, feedback, k):
    """One step of all players: beliefs (S, A_total), Q (N, S, J), and what they give together in row s."""
    s, t, offset = feedback.state[0], feedback.state[1], feedback.offset
    players, j = offset.size - 1, count_joint(state, feedback, s)
    alpha = step_size(rule.alpha, rule.exponent, rule.shift, float(state.visits[s]))
    beta = step_size(rule.beta, rule.beta_exponent, rule.beta_shift, float(state.joint_counts[s, j]))
    for i in range(players):
        aim = feedback.rewards[i] + feedback.discount * state.value[i, t]
        state.joint_q[i, s, j] += beta * (aim - state.joint_q[i, s, j])
    follow(state.model, feedback, s, alpha)
    marginal_values(state.joint_q, state.model, offset, s, state.q)
    for i in range(players):
        low, high = offset[i], offset[i + 1]
        state.value[i, s] = soften(state.q[s, low:high], rule.tau, state.policy[s, low:high])


class BelievingState(NamedTuple):
    """What the players keep.

    Attributes
    ----------
    policy : (S, A_total)
        Smoothed best responses to the beliefs; before the first visit of a state the policy that the run was started
        with.
    q : (S, A_total)
        What every action is worth against the beliefs; -inf where it is not available.
    model : (S, A_total)
        What the others take a player to do; they all saw the same.
    value : (N, S)
        Of the next play in a state, entropy included; 0 before the first visit.
    joint_q, joint_counts : (N, S, J), (S, J)
        Values of joint actions, player 0 slowest, and how often each was played.
    visits : (S,)
    """

    policy: Any
    q: Any
    model: Any
    value: Any
    joint_q: Any
    joint_counts: Any
    visits: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> BelievingState:
        """Nothing learned yet; the beliefs are the policy itself."""
        states, joint = policy.shape[0], math.prod(game.num_actions)
        _check.budget(8 * (game.num_players + 1) * states * joint, f"values of {_check.shown(joint)} joint actions",
                      "use a rule that keeps none, as TwoTimescaleQ")
        return cls(policy.copy(), blank(game, policy), policy.copy(), np.zeros((game.num_players, states)),
                   np.zeros((game.num_players, states, joint)), np.zeros((states, joint), np.int64),
                   np.zeros(states, np.int64))


@attach(update=_update)
class _Believing(NamedTuple):
    """The rule as kernels see it: step sizes by visit, with exponents and shifts."""

    tau: float
    alpha: Any
    exponent: float
    shift: float
    beta: Any
    beta_exponent: float
    beta_shift: float


@attach(feedback=JointTransition, state=BelievingState, update=_update, examples=({}, {"alpha": 0.2, "beta": 0.1}),
        proved="two-player zero-sum Markov games: beliefs converge to equilibria, here of the game with entropy "
               "(Sayin et al. 2022)",
        fails="cycles where fictitious play has them; a table of joint actions")
class SmoothedFictitiousPlay(NamedTuple):
    """Every player keeps beliefs of how the others play and values of what they do together, and responds softly.

    Parameters
    ----------
    tau : float
        Temperature of the responses, > 0.
    alpha, beta : float, or tuple of float
        Step sizes of beliefs, by visit of a state, and of values, by visit of a state and joint action: a constant in
        (0, 1], (exponent p, offset c) for (n + c)^-p, or a table of at least three whose last one stays.

    Notes
    -----
    Sayin et al. (2022): two-player zero-sum Markov games, and with values that follow more slowly than beliefs beliefs
    converge to equilibria; with smoothed responses to those of the game with entropy, whose QRE-gap at ``tau`` is what
    to record. Players see everybody's actions, and their own rewards. It fails as fictitious play does where that
    cycles, as in Shapley's game with a small tau.

    Examples
    --------
    >>> import fastmpg as fm
    >>> pennies = fm.NormalFormGame([[[2, -1], [-1, 1]], [[-2, 1], [1, -1]]])
    >>> record = fm.Record(every=200_000, metrics=("qre_gap",))
    >>> rule = fm.rules.SmoothedFictitiousPlay(0.2, alpha=(1.0, 1.0))
    >>> found = fm.learn(pennies, rule, 200_000, rng=0, record=record)
    >>> bool(found.trace["qre_gap"][-1].max() < 1e-3)
    True
    """

    tau: float = 0.1
    alpha: Any = (0.6, 1.0)
    beta: Any = (1.0, 1.0)

    @property
    def qre_temperature(self) -> float:
        """Of the equilibria that it looks for."""
        return self.tau

    def checked(self) -> SmoothedFictitiousPlay:
        """The rule with its parameters checked."""
        return SmoothedFictitiousPlay(_check.real(self.tau, "tau", 0.0, open_low=True), rate(self.alpha, "alpha"),
                                      rate(self.beta, "beta"))

    def compiled(self) -> _Believing:
        """The rule as kernels see it."""
        return _Believing(self.tau, *numbers(self.alpha), *numbers(self.beta))
