"""Independent Q-learning, every player for itself.

    q_i(s, a_i) += alpha(n_i(s, a_i)) [ r_i + gamma max_b q_i(t, b) - q_i(s, a_i) ],     t the next state

with n_i(s, a_i) the visits so far, this one included. A player takes the action of largest q_i, and with probability
epsilon_k any of its actions. Watkins (1989); of several players Tan (1993), Claus and Boutilier (1998).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.transition import Transition
from ..machine import attach, precise
from ..models.game import Game, contract
from ..policy import uniform_policy
from ._greedy import act_greedily, best_value, blank, epsilon_at, exploration, explored, settle, settle_all
from ._schedule import numbers, rate, step_size

INITIAL = ("zeros", "uniform_opponents")


@precise
def _update(rule, state, feedback, k):
    """One step of all players; state.q (S, A_total), player i in columns offset[i]:offset[i + 1]."""
    s, t = feedback.state[0], feedback.state[1]
    state.visits[s] += 1
    for i in range(feedback.offset.size - 1):
        low, high = feedback.offset[i], feedback.offset[i + 1]
        a = feedback.actions[i]
        c = low + a
        state.counts[s, c] += 1
        alpha = step_size(rule.alpha, rule.exponent, rule.shift, float(state.counts[s, c]))
        aim = feedback.rewards[i] + feedback.discount * best_value(state, t, i, low, high)
        before = state.q[s, c]
        after = before + alpha * (aim - before)
        state.q[s, c] = after
        g = state.greedy[s, i]
        if g < 0 or (after < before if a == g else after >= state.q[s, low + g]):
            settle(state, s, i, low, high)
    state.epsilon[0] = epsilon_at(rule, k + 1)


@attach(act=act_greedily)
class LearnerState(NamedTuple):
    """What epsilon-greedy learners keep.

    Attributes
    ----------
    policy : (S, A_total)
        Greedy in q, ties evenly; before the first visit of a state the policy that the run was started with.
    q : (S, A_total)
        -inf where an action is not available.
    counts, visits : (S, A_total), (S,)
        How often each player took each action, and how often each state was seen.
    greedy, epsilon, masked
        See :mod:`fastmpg.rules._greedy`.
    """

    policy: Any
    q: Any
    counts: Any
    visits: Any
    greedy: Any
    epsilon: Any
    masked: bool

    @classmethod
    def start(cls, game: Game, policy: Float) -> LearnerState:
        """Nothing learned yet, q = 0."""
        q = blank(game, policy)
        return cls(policy.copy(), q, np.zeros(policy.shape, np.int64), np.zeros(policy.shape[0], np.int64),
                   np.full((policy.shape[0], game.num_players), -1), np.ones(1), bool(np.isinf(q).any()))


@attach(update=_update)
class _QLearning(NamedTuple):
    """The rule as kernels see it. alpha: step sizes by visit, with exponent and shift; epsilon, decay."""

    alpha: Any
    exponent: float
    shift: float
    epsilon: float
    decay: float


@attach(feedback=Transition, state=LearnerState, update=_update, tables=("initial",),
        examples=({}, {"alpha": (0.6, 1.0), "exploration": ("exponential", 0.01), "initial": "uniform_opponents"}))
class IndependentQLearning(NamedTuple):
    """Every player learns the values of its own actions from its own rewards, and takes the others for part of the
    world.

    Parameters
    ----------
    alpha : float, or tuple of float
        Step size in (0, 1]; or at the n-th visit (n + c)^-p from (exponent p, offset c), or from a table of at least
        three whose last one stays.
    exploration : float, or ("exponential", float)
        Probability epsilon with which a player takes any of its actions alike; ("exponential", beta): exp(-beta k) at
        step k.
    initial : "zeros", "uniform_opponents", or array_like (S, A_total)
        The first q. "uniform_opponents": r_i(s, a_i) / (1 - gamma) with the others' actions drawn evenly (Calvano et
        al. 2020), of games with exact values. Values of terminal states are 0 whatever is given.

    Notes
    -----
    Watkins (1989). Players see the state, their own action and their own reward. A step into a terminal state
    (:attr:`fastmpg.Game.terminal`) ends an episode, and the next one begins at once.

    The policy is the greedy one, without exploration. A state that was never visited keeps the policy that the run was
    started with, unless ``initial`` says something else.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.NormalFormGame([[[5, 0], [6, 1]], [[5, 6], [0, 1]]])       # both are better off with action 1
    >>> rule = fm.rules.IndependentQLearning(alpha=0.1, exploration=("exponential", 1e-3))
    >>> fm.learn(game, rule, 10_000, rng=0, record=fm.Record(every=10_000)).policy
    array([[0., 1., 0., 1.]])
    """

    alpha: Any = 0.1
    exploration: Any = 0.1
    initial: Any = "zeros"

    def checked(self) -> IndependentQLearning:
        """The rule with its parameters checked."""
        first = self.initial
        if not isinstance(first, str):
            first = _check.array(first, "initial")
        elif first not in INITIAL:
            raise ValueError(f'initial must be "zeros", "uniform_opponents" or an array (S, A_total), found {first!r}')
        return IndependentQLearning(rate(self.alpha, "alpha"), exploration(self.exploration), first)

    def check_start(self, game: Game, policy: Float) -> None:
        """Refuse a first table that does not fit the game."""
        if not isinstance(self.initial, str):
            _check.shape(np.asarray(self.initial), "initial", policy.shape, "(S, A_total)")
        elif self.initial == "uniform_opponents" and not (game.exact and game.discount < 1.0):
            raise ValueError('initial="uniform_opponents" needs a game with exact rewards and a discount below 1, '
                             f"found {game!r}; give initial as an array (S, A_total)")

    def opening(self, game: Game, state: Any) -> None:
        """Write the first q and probability of exploring."""
        state.epsilon[0] = explored(self.exploration)[0]
        if isinstance(self.initial, str) and self.initial == "zeros":
            return
        first = self.initial
        if isinstance(first, str):
            work = game.workspace()
            contract(game.model, work, uniform_policy(game))
            first = work.reward / (1.0 - game.discount)
        state.q[...] = np.where(np.isinf(state.q), state.q, first)
        if game.terminal is not None:
            state.q[game.terminal] = np.where(np.isinf(state.q[game.terminal]), -np.inf, 0.0)
        settle_all(state, game, range(game.num_states))

    def compiled(self) -> _QLearning:
        """The rule as kernels see it."""
        return _QLearning(*numbers(self.alpha), *explored(self.exploration))
