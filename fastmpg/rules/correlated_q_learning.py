"""Correlated Q-learning: values of correlated equilibria of stage games (Greenwald and Hall 2003).

    Q_i(s, a) += alpha(n(s, a)) [ r_i + gamma sum_b sigma(b | t) Q_i(t, b) - Q_i(s, a) ],     a the joint action played

t the next state and sigma(. | s) a correlated equilibrium of the stage game Q_1(s, .), ..., Q_N(s, .) that is best for
an objective, a linear program over joint actions:

    max_sigma  sum_j sigma(j) sum_i w_i Q_i(s, j)     w_i = 1 for all ("utilitarian") or for one player ("libertarian")
    sum_{a_-i} sigma(a_i, a_-i) [Q_i(s, a_i, a_-i) - Q_i(s, b_i, a_-i)] >= 0                       for all i, a_i, b_i

Where nobody gains by leaving the joint action that is best of all for the objective, that one is the solution, and no
program is solved; else HiGHS solves it. A solution is asked for when a state is played or led to, and serves until the
values of the state change.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from .. import _check
from .._check import Float
from ..feedback.joint_transition import JointTransition
from ..machine import Callback, attach, call, check_callback, kernel, precise
from ..models.available import possible
from ..models.game import Game
from ._exploring import checked, first_of, number_at, schedule
from ._greedy import blank, count_available, draw_row, nth_available
from ._joint import count_joint
from ._schedule import numbers, rate, step_size


@kernel
def best_for_all(q, s, weights, offset):
    """The joint action of largest sum_i w_i Q_i(s, j) if it is an equilibrium, else -1.

    q (N, S, J), -inf where an action is not available   weights (N,)   offset (N + 1,)
    """
    players, joint = q.shape[0], q.shape[2]
    best, top = -1, -np.inf
    for j in range(joint):
        total = 0.0
        for i in range(players):
            if weights[i] != 0.0:
                total += weights[i] * q[i, s, j]
        if total > top:
            best, top = j, total
    stride = 1
    for i in range(players - 1, -1, -1):
        n = offset[i + 1] - offset[i]
        others = best - best // stride % n * stride
        for b in range(n):
            if q[i, s, others + b * stride] > q[i, s, best]:
                return -1
        stride *= n
    return best


@kernel
def refresh(state, s, offset):
    """An equilibrium of the stage game in state s, if that of before does not count any more: joint[s] (J,), its values
    value[:, s] (N,) and its marginals policy[s] (A_total,).
    """
    if state.stale[s] == 0:
        return
    q, sigma, policy = state.joint_q, state.joint[s], state.policy
    players, joint = q.shape[0], q.shape[2]
    best = best_for_all(q, s, state.stage.weights, offset)
    if best >= 0:
        for j in range(joint):
            sigma[j] = 0.0
        sigma[best] = 1.0
        state.stale[s] = 0
    else:
        call(state.stage.program, (s,))
        if state.stale[s] != 0:  # it failed, and the run will be told
            return
    for c in range(policy.shape[1]):
        policy[s, c] = 0.0
    for i in range(players):
        state.value[i, s] = 0.0
    for j in range(joint):
        if sigma[j] > 0.0:
            rest = j
            for i in range(players - 1, -1, -1):
                n = offset[i + 1] - offset[i]
                policy[s, offset[i] + rest % n] += sigma[j]
                rest = rest // n
                state.value[i, s] += sigma[j] * q[i, s, j]


@precise
def _act(state, s, offset, uniforms, at, actions):
    """actions[i] (N,): with probability epsilon any available one, else what an equilibrium recommends.

    The first player who does not explore draws the recommendation for all by what is left of its number.
    """
    epsilon, drawn, stride = state.epsilon[0], -1, 1
    for i in range(offset.size - 1):
        u = uniforms[at + i]
        if u >= epsilon and drawn < 0:
            refresh(state, s, offset)
            drawn = draw_row(state.joint[s], (u - epsilon) / (1.0 - epsilon))
    for i in range(offset.size - 2, -1, -1):
        u, n = uniforms[at + i], offset[i + 1] - offset[i]
        if u >= epsilon:
            a = drawn // stride % n
        elif state.stage.available.size > 0:
            row = state.stage.available[s, offset[i]:offset[i + 1]]
            open_ = count_available(row)
            a = nth_available(row, min(int(u / epsilon * open_), open_ - 1))
        else:
            a = min(int(u / epsilon * n), n - 1)
        actions[i] = a
        stride *= n


@precise
def _update(rule, state, feedback, k):
    """One step: joint_q (N, S, J) of all players at what they played."""
    s, t, offset = feedback.state[0], feedback.state[1], feedback.offset
    players, j = offset.size - 1, count_joint(state, feedback, s)
    refresh(state, t, offset)
    alpha = step_size(rule.alpha, rule.exponent, rule.shift, float(state.joint_counts[s, j]))
    for i in range(players):
        before = state.joint_q[i, s, j]
        after = before + alpha * (feedback.rewards[i] + feedback.discount * state.value[i, t] - before)
        state.joint_q[i, s, j] = after
        if after != before:
            state.stale[s] = 1
    state.epsilon[0] = number_at(rule.exploration, k + 1)


@kernel
def _publish(state):
    """Equilibria in all states: policy (S, A_total)."""
    for s in range(state.policy.shape[0]):
        refresh(state, s, state.stage.offset)


class Program:
    """The linear program of stage games: written down once, its coefficients filled in for every state."""

    def __init__(self, num_actions: tuple[int, ...], q: Float, sigma: Float, stale: Any, weights: Float) -> None:
        self.q, self.sigma, self.stale, self.weights = q, sigma, stale, weights
        joint = np.arange(math.prod(num_actions)).reshape(num_actions)
        players: list[Any] = []
        rows: list[Any] = []
        here: list[Any] = []
        there: list[Any] = []
        for i, n in enumerate(num_actions):
            plays = np.moveaxis(joint, i, 0).reshape(n, -1)
            for a in range(n):
                for b in range(n):
                    if a != b:
                        rows.append(np.full(plays.shape[1], len(rows)))
                        players.append(np.full(plays.shape[1], i))
                        here.append(plays[a])
                        there.append(plays[b])
        none = [np.zeros(0, np.int64)]
        self.rows, self.players, self.here, self.there = map(np.concatenate, (rows or none, players or none,
                                                                              here or none, there or none))
        self.matrix = np.zeros((len(rows) + 1, joint.size))
        self.matrix[-1] = 1.0
        self.low, self.high = np.zeros(len(rows) + 1), np.full(len(rows) + 1, np.inf)
        self.low[-1] = self.high[-1] = 1.0

    def solve(self, s: int) -> None:
        """sigma[s] (J,) <- an equilibrium of state s that is best for the objective.

        Raises
        ------
        RuntimeError
            If there is no solution: HiGHS' own words, the state and its values.
        """
        q = self.q[:, s]
        can: Any = np.isfinite(q).all(axis=0)
        q = np.where(can, q, 0.0)
        gain = np.where(can[self.here] & can[self.there], q[self.players, self.here] - q[self.players, self.there], 0.0)
        aim = self.weights @ q
        aim = np.where(can, aim - aim[can].mean(), 0.0)  # only differences count, for HiGHS' tolerances too
        self.matrix[self.rows, self.here] = gain / max(np.abs(gain).max(initial=0.0), 1e-300)
        found = milp(-aim / max(np.abs(aim).max(), 1e-300), bounds=Bounds(0.0, can.astype(float)),
                     constraints=LinearConstraint(self.matrix, self.low, self.high), options={"presolve": False})
        if not found.success:
            raise RuntimeError(f"the linear program of the stage game in state {s} was not solved: {found.message}; "
                               f"values of its joint actions, a row a player: {_check.shown(q.round(6).tolist())}")
        sigma = np.maximum(found.x, 0.0)
        self.sigma[s] = sigma / sigma.sum()
        self.stale[s] = 0


class StageGames(NamedTuple):
    """What equilibria are made of.

    program: the :class:`Program` as kernels call it   weights (N,) of the objective   offset (N + 1,)
    available (S, A_total): 0, or -inf where an action is not available; empty where all are
    """

    program: Any
    weights: Any
    offset: Any
    available: Any


@attach(act=_act, publish=_publish)
class CorrelatedState(NamedTuple):
    """What the players share.

    Attributes
    ----------
    policy : (S, A_total)
        Marginals of ``joint``.
    joint : (S, J)
        Correlated equilibria of the stage games, player 0 slowest; in states of which nothing is known the product of
        the policies that the run was started with.
    joint_q, value : (N, S, J), (N, S)
        Values of joint actions, and of equilibria.
    joint_counts, visits : (S, J), (S,)
        How often each joint action was played, and each state seen.
    stale : (S,)
        1 where values changed since the equilibrium was found.
    epsilon : (1,)
        Probability of exploring in the next step.
    """

    policy: Any
    joint: Any
    joint_q: Any
    value: Any
    joint_counts: Any
    visits: Any
    stale: Any
    epsilon: Any
    stage: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> CorrelatedState:
        """Q = 0, for which everything is an equilibrium."""
        states, joint, players = policy.shape[0], math.prod(game.num_actions), game.num_players
        need = 8 * (players + 2) * states * joint + 8 * joint * sum(n * (n - 1) for n in game.num_actions)
        _check.budget(need, f"values of {_check.shown(joint)} joint actions",
                      "use a rule that keeps none, as IndependentQLearning")
        sigma = np.ones((states, 1))
        for one in np.split(policy, game.offset[1:-1], axis=1):
            sigma = (sigma[:, :, None] * one[:, None, :]).reshape(states, -1)
        q, stale, weights = np.zeros((players, states, joint)), np.zeros(states, np.int64), np.zeros(players)
        open_ = np.zeros((0, 0))
        if game.available is not None:
            open_ = blank(game, policy)
            q[:, ~possible(game.available, game.num_actions).reshape(states, joint)] = -np.inf
        program = Callback(Program(game.num_actions, q, sigma, stale, weights).solve)
        return cls(policy.copy(), sigma, q, np.zeros((players, states)), np.zeros((states, joint), np.int64),
                   np.zeros(states, np.int64), stale, np.ones(1),
                   StageGames(program.bound, weights, game.offset.copy(), open_))

    def check(self) -> None:
        """Raise what a linear program raised."""
        check_callback(self.stage.program)


@attach(update=_update)
class _CorrelatedQ(NamedTuple):
    """The rule as kernels see it. alpha: step sizes by visit, with exponent and shift; exploration: a Schedule."""

    alpha: Any
    exponent: float
    shift: float
    exploration: Any


@attach(feedback=JointTransition, state=CorrelatedState, update=_update,
        examples=({}, {"objective": "libertarian", "alpha": (0.6, 1.0)}),
        proved="nothing in general; values converge where all stage games have saddle points, or all an optimum of all "
               "players (Littman 2001)",
        fails="several correlated equilibria: values need not converge (Zinkevich, Greenwald and Littman 2005)")
class CorrelatedQLearning(NamedTuple):
    """All players together learn the values of joint actions, and play a correlated equilibrium of these values.

    Parameters
    ----------
    objective : "utilitarian" or "libertarian"
        Which equilibrium: of the largest sum of the players' values (uCE-Q), or of the largest value of one (lCE-Q).
    dictator : int
        The player whose value it is that a libertarian equilibrium makes as large as it can be.
    alpha : float, or tuple of float
        Step size in (0, 1]; or at the n-th visit of a state and joint action (n + c)^-p from (exponent p, offset c), or
        from a table of at least three whose last one stays.
    exploration : float, or tuple
        Probability with which a player takes any of its actions alike instead of what is recommended to it: as of
        :class:`IndependentQLearning`, without "boltzmann". Players explore independently.

    Raises
    ------
    RuntimeError
        From a run whose linear program HiGHS could not solve.

    Notes
    -----
    Greenwald and Hall (2003), Table 1, with rewards as they are (there they are multiplied by 1 - gamma). One solution
    serves all players, so that ties are no question of luck; which of equally good ones it is is left to HiGHS. Players
    see everybody's actions and rewards.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.NormalFormGame([[[6, 2], [7, 0]], [[6, 7], [2, 0]]])                      # chicken
    >>> record = fm.Record(every=2000, metrics=("policy",))
    >>> result = fm.learn(game, fm.rules.CorrelatedQLearning(alpha=1.0), 2000, rng=0, record=record)
    >>> result.state.joint.round(6)                                        # the mediator's half, quarter and quarter
    array([[0.5 , 0.25, 0.25, 0.  ]])
    """

    objective: str = "utilitarian"
    dictator: int = 0
    alpha: Any = 0.1
    exploration: Any = 0.1

    def checked(self) -> CorrelatedQLearning:
        """The rule with its parameters checked."""
        if not (isinstance(self.objective, str) and self.objective in ("utilitarian", "libertarian")):
            raise ValueError(f'objective must be "utilitarian" or "libertarian", found {_check.shown(self.objective)}')
        return CorrelatedQLearning(self.objective, _check.integer(self.dictator, "dictator", low=0),
                                   rate(self.alpha, "alpha"), checked(self.exploration))

    def check_start(self, game: Game, policy: Float) -> None:
        """Refuse a dictator that is no player."""
        _check.integer(self.dictator, "dictator", low=0, high=game.num_players - 1)

    def opening(self, game: Game, state: Any) -> None:
        """Write the objective, and the first probability of exploring."""
        state.epsilon[0] = first_of(schedule(self.exploration))
        state.stage.weights[...] = np.arange(game.num_players) == self.dictator
        if self.objective == "utilitarian":
            state.stage.weights[...] = 1.0

    def compiled(self) -> _CorrelatedQ:
        """The rule as kernels see it."""
        return _CorrelatedQ(*numbers(self.alpha), schedule(self.exploration))
