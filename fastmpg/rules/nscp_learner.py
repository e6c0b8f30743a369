"""Best responses to empirical models of the others: the NSCP learner, for non-stationary converging policies.

    m_j(s, a_j) += mu(n(s)) [ 1{j plays a_j} - m_j(s, a_j) ]
    Q_i(s, a)   += alpha(n(s, a)) [ r_i + gamma max_b q_i(t, b) - Q_i(s, a) ],    t the next state, a all that is played
    q_i(s, a_i)  = sum_{a_-i} prod_{j != i} m_j(s, a_j) Q_i(s, a_i, a_-i)

with the model of t as it was before this step. mu(n) = 1/n gives frequencies, C_j(s, a_j) / sum_a C_j(s, a).
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
from ._exploring import checked, first_of, number_at, schedule
from ._greedy import act_greedily, best_value, blank, settle
from ._joint import count_joint, follow, marginal_values
from ._schedule import numbers, rate, step_size


@precise
def _update(rule, state, feedback, k):
    """One step of all players: Q (N, S, J), the models, and what they give together in row s."""
    s, t, offset = feedback.state[0], feedback.state[1], feedback.offset
    players, j = offset.size - 1, count_joint(state, feedback, s)
    alpha = step_size(rule.alpha, rule.exponent, rule.shift, float(state.joint_counts[s, j]))
    for i in range(players):
        aim = feedback.rewards[i] + feedback.discount * best_value(state, t, i, offset[i], offset[i + 1])
        state.joint_q[i, s, j] += alpha * (aim - state.joint_q[i, s, j])
    share = rule.memory if rule.memory > 0.0 else 1.0 / state.visits[s]
    follow(state.model, feedback, s, share)
    marginal_values(state.joint_q, state.model, offset, s, state.q)
    for i in range(players):
        settle(state, s, i, offset[i], offset[i + 1])
    state.epsilon[0] = number_at(rule.exploration, k + 1)


@attach(act=act_greedily, holds_actions=("greedy",))
class NSCPState(NamedTuple):
    """What the players keep.

    Attributes
    ----------
    policy : (S, A_total)
        Best responses to the models, ties evenly; before the first visit of a state the policy that the run was started
        with.
    q : (S, A_total)
        What every action is worth against the models; -inf where it is not available.
    model : (S, A_total)
        What the others take a player to do; they all saw the same.
    joint_q, joint_counts : (N, S, J), (S, J)
        Values of joint actions, player 0 slowest, and how often each was played.
    visits : (S,)
    greedy, epsilon, masked
        See :mod:`fastmpg.rules._greedy`.
    """

    policy: Any
    q: Any
    model: Any
    joint_q: Any
    joint_counts: Any
    visits: Any
    greedy: Any
    epsilon: Any
    masked: bool

    @classmethod
    def start(cls, game: Game, policy: Float) -> NSCPState:
        """Nothing learned yet; the model is the policy itself."""
        states, joint = policy.shape[0], math.prod(game.num_actions)
        _check.budget(8 * (game.num_players + 1) * states * joint, f"values of {_check.shown(joint)} joint actions",
                      "use a rule that keeps none, as IndependentQLearning")
        q = blank(game, policy)
        return cls(policy.copy(), q, policy.copy(), np.zeros((game.num_players, states, joint)),
                   np.zeros((states, joint), np.int64), np.zeros(states, np.int64),
                   np.full((states, game.num_players), -1), np.ones(1), bool(np.isinf(q).any()))


@attach(update=_update)
class _BestResponse(NamedTuple):
    """The rule as kernels see it. alpha: step sizes by visit, with exponent and shift; exploration: a Schedule;
    memory: 0 for frequencies.
    """

    alpha: Any
    exponent: float
    shift: float
    exploration: Any
    memory: float


@attach(feedback=JointTransition, state=NSCPState, update=_update, examples=({}, {"memory": 0.1}),
        proved="nothing in general; others whose policies converge are responded to (Weinberg and Rosenschein "
               "2004)",
        fails="models of players who respond to one another cycle as fictitious play does")
class NSCPLearner(NamedTuple):
    """Every player learns the values of joint actions from its own rewards, keeps models of how the others play, and
    responds to these as well as it can.

    Parameters
    ----------
    alpha : float, or tuple of float
        Step size in (0, 1] of the values; or at the n-th visit of a state and joint action (n + c)^-p from (exponent p,
        offset c), or from a table of at least three whose last one stays.
    exploration : float, or tuple
        As of :class:`IndependentQLearning`, without "boltzmann".
    memory : float, optional
        Step size in (0, 1] of the models, so that what was seen long ago is forgotten; by default they are the
        frequencies of all that was seen in a state.

    Notes
    -----
    Weinberg and Rosenschein (2004), "Best-response multiagent learning in non-stationary environments", the baseline of
    the pursuit games of Etesami and Straehle (2020), who say of it no more than its name. What is read into it here:
    values of joint actions, as a player must have who is to respond to another policy than the one that it learned
    from; models by state of players who choose independently, by the frequencies that Etesami and Straehle give for
    joint action learners (Claus and Boutilier 1998); one best response to the models, ties evenly, both in the aim of
    the values and in play; and exploration by epsilon. Players see everybody's actions, and their own rewards.

    A step into a terminal state (:attr:`fastmpg.Game.terminal`) ends an episode, and the next one begins at once.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.NormalFormGame([[[5, 0], [6, 1]], [[5, 6], [0, 1]]])       # both are better off with action 1
    >>> result = fm.learn(game, fm.rules.NSCPLearner(), 10_000, rng=0, record=fm.Record(every=10_000))
    >>> result.policy
    array([[0., 1., 0., 1.]])
    """

    alpha: Any = 0.1
    exploration: Any = 0.1
    memory: Any = None

    def checked(self) -> NSCPLearner:
        """The rule with its parameters checked."""
        memory = None if self.memory is None else _check.real(self.memory, "memory", 0.0, 1.0, open_low=True)
        return NSCPLearner(rate(self.alpha, "alpha"), checked(self.exploration), memory)

    def opening(self, game: Game, state: Any) -> None:
        """Write the first probability of exploring."""
        state.epsilon[0] = first_of(schedule(self.exploration))

    def compiled(self) -> _BestResponse:
        """The rule as kernels see it."""
        return _BestResponse(*numbers(self.alpha), schedule(self.exploration), self.memory or 0.0)
