"""Decentralised Q-learning with exploration phases: players hold still while they learn, and then respond.

    in a phase of T steps:  a_i = the baseline's action, with probability rho any action;
                            q_i(s, a_i) += alpha(n_i(s, a_i)) [ r_i + gamma max_b q_i(t, b) - q_i(s, a_i) ]
    at its end:             baselines that are best up to delta stay; of the others 1 - lambda are drawn anew, evenly
                            from all deterministic policies that are best up to delta

Arslan and Yuksel (2017, "Decentralized Q-learning for stochastic teams and games"), Algorithm 2, remembered. Visits
n_i are counted anew in every phase; q_i is kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.transition import Transition
from ..kernels.vector import largest_of
from ..machine import attach, kernel, precise
from ..models.game import Game
from ._choices import choice
from ._greedy import act_greedily, blank
from ._schedule import numbers, rate, step_size
from .state import first_largest


@kernel
def _is_best(policy, q, s, low, high, tolerance):
    """Whether all that the policy may take in state s is best up to the tolerance.    policy, q (S, A_total)"""
    enough, best = q[s, low + largest_of(q[s, low:high])] - tolerance, True
    for c in range(low, high):
        best = best and (policy[s, c] == 0.0 or q[s, c] >= enough)
    return best


@kernel
def _draw_best(state, s, i, low, high, tolerance, u, k):
    """One of the actions that are best up to the tolerance becomes the baseline in state s, at update k."""
    enough, count, taken = state.q[s, low + largest_of(state.q[s, low:high])] - tolerance, 0, -1
    for c in range(low, high):
        count += state.q[s, c] >= enough
    nth = min(int(u * count), count - 1)
    for c in range(low, high):
        if state.q[s, c] >= enough:
            if nth == 0:
                taken = c - low
            nth -= 1
    if first_largest(state, s, i, low, high) != taken:
        state.moved[0] = k + 1
    for c in range(low, high):
        state.policy[s, c] = 1.0 if c == low + taken else 0.0
    state.greedy[s, i] = taken


@precise
def _update(rule, state, feedback, k):
    """One step of all players' q (S, A_total), and at the end of a phase their baselines."""
    s, t, offset, states = feedback.state[0], feedback.state[1], feedback.offset, state.policy.shape[0]
    players = offset.size - 1
    state.visits[s] += 1
    for i in range(players):
        low, high = offset[i], offset[i + 1]
        c = low + feedback.actions[i]
        state.counts[s, c] += 1
        alpha = step_size(rule.alpha, rule.exponent, rule.shift, float(state.counts[s, c]))
        best = state.q[t, low + largest_of(state.q[t, low:high])]
        state.q[s, c] += alpha * (feedback.rewards[i] + feedback.discount * best - state.q[s, c])
    if (k + 1) % rule.phase != 0:
        return
    for i in range(players):
        low, high, stays = offset[i], offset[i + 1], True
        for x in range(states):
            stays = stays and _is_best(state.policy, state.q, x, low, high, rule.tolerance)
        u, v = choice(feedback.key, k, i)
        if not stays and u >= rule.inertia:
            for x in range(states):
                if x > 0:
                    _, v = choice(feedback.key, k, i + players * x)
                _draw_best(state, x, i, low, high, rule.tolerance, v, k)
    for x in range(states):
        for c in range(state.counts.shape[1]):
            state.counts[x, c] = 0


@kernel
def _moved(state):
    """Updates made when a baseline's action changed last."""
    return state.moved[0]


@attach(act=act_greedily, moved_at=_moved, holds_actions=("greedy",))
class PhasedState(NamedTuple):
    """policy (S, A_total), the baselines; q, counts (S, A_total), of the phase; visits (S,); greedy (S, N): the
    baselines' actions, -1 where they are still the policy that the run was started with; moved (1,): updates made when
    one of them changed last; epsilon, masked: see :mod:`fastmpg.rules._greedy`.
    """

    policy: Any
    q: Any
    counts: Any
    visits: Any
    greedy: Any
    moved: Any
    epsilon: Any
    masked: bool

    @classmethod
    def start(cls, game: Game, policy: Float) -> PhasedState:
        """Nothing learned yet."""
        q, states = blank(game, policy), policy.shape[0]
        return cls(policy.copy(), q, np.zeros(policy.shape, np.int64), np.zeros(states, np.int64),
                   np.full((states, game.num_players), -1), np.zeros(1, np.int64), np.zeros(1), bool(np.isinf(q).any()))


@attach(update=_update)
class _Phases(NamedTuple):
    """The rule as kernels see it. alpha: step sizes by visit, with exponent and shift."""

    phase: int
    alpha: Any
    exponent: float
    shift: float
    inertia: float
    tolerance: float


@attach(feedback=Transition, state=PhasedState, update=_update,
        examples=({"phase": 5, "exploration": 0.3}, {"phase": 3, "alpha": 0.2, "tolerance": 0.3}),
        draws=True,
        proved="weakly acyclic games: equilibria with any probability below 1, with phases long and exploration "
               "small enough (Arslan and Yuksel 2017)",
        fails="short phases: responses to noise; other players who do not hold still")
class DecentralisedQLearning(NamedTuple):
    """Every player keeps its policy for a phase, learns what its actions are worth meanwhile, and then mostly responds.

    Parameters
    ----------
    phase : int
        T, steps of a phase, the same for all players.
    alpha : float, or tuple of float
        Step size in (0, 1]; or at the n-th visit of a phase (n + c)^-p from (exponent p, offset c), or from a table of
        at least three whose last one stays.
    exploration : float
        rho in [0, 1]: probability with which a player takes any of its actions.
    inertia : float
        lambda in [0, 1): probability with which a player keeps a policy that is not good enough.
    tolerance : float
        delta >= 0: by how much an action may be worse and still be good enough.

    Notes
    -----
    Arslan and Yuksel (2017): in weakly acyclic games, teams and potential games among them, with phases long and
    exploration small enough baselines are equilibria with any probability below 1, in the long run. Without phases the
    others would change while a player learns; that is what fails for :class:`IndependentQLearning`.

    The policy is the baselines, without exploration. A mixed first policy counts as all that it may take.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.NormalFormGame.identical_interest([[1, 0], [0, 1]])
    >>> found = fm.learn(game, fm.rules.DecentralisedQLearning(phase=100), 5000, rng=0, record=fm.Record(every=5000))
    >>> found.trace["ne_gap"][-1].max()
    np.float64(0.0)
    """

    phase: int = 1000
    alpha: Any = (1.0, 0.0)
    exploration: float = 0.1
    inertia: float = 0.5
    tolerance: float = 0.0

    def checked(self) -> DecentralisedQLearning:
        """The rule with its parameters checked."""
        return DecentralisedQLearning(_check.integer(self.phase, "phase", low=1), rate(self.alpha, "alpha"),
                                      _check.real(self.exploration, "exploration", 0.0, 1.0),
                                      _check.real(self.inertia, "inertia", 0.0, 1.0, open_high=True),
                                      _check.real(self.tolerance, "tolerance", 0.0))

    def opening(self, game: Game, state: Any) -> None:
        """Write the probability of exploring."""
        state.epsilon[0] = self.exploration

    def compiled(self) -> _Phases:
        """The rule as kernels see it."""
        return _Phases(self.phase, *numbers(self.alpha), self.inertia, self.tolerance)
