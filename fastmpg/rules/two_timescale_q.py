"""Two-timescale decentralised Q-learning: Maheshwari et al. (2022), Algorithm 1.

    q_i(s, a_i) += alpha(n_i(s, a_i)) [ r_i - tau nu_i(s) + gamma sum_b pi_i(b | t) q_i(t, b) - q_i(s, a_i) ]
    pi_i(s)     += beta(n(s)) [ softmax(q_i(s) / tau) - pi_i(s) ],     nu_i(s) = sum_a pi_i(a | s) log pi_i(a | s)

with every right-hand side at its old values, t the next state, n(s) and n_i(s, a_i) the visits so far, this one
included. For one player, who sees s, a, r, t, that is

    n[s, a] += 1;   nu = sum(pi[s] * log(pi[s]));   aim = r - tau * nu + gamma * sum(pi[t] * q[t])
    moved = pi[s] + beta(n(s)) * (softmax(q[s] / tau) - pi[s])
    q[s, a] += alpha(n[s, a]) * (aim - q[s, a]);   pi[s] = moved

and nothing else happens below: ``learn_from`` does it for all players at once, with nu(s) and V(t) = sum(pi[t] * q[t])
kept beside the tables, where each row's last visit left them (tests/naive_rules.py has the plain form as its twin).

Players are lanes: a row of the tables holds, action by action, the numbers of all players side by side. Four players or
fewer fill half a vector, and in an ensemble two runs share one; a number goes through the same operations either way.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.transition import Transition, up
from ..kernels.elementary import SMALLEST, exp, plogp, power
from ..machine import attach, kernel, precise
from ..machine.vectors import (
    LANES,
    aligned,
    any_lane,
    broadcast,
    broadcast_halves,
    fma,
    load,
    load_halves,
    select,
    store,
    store_halves,
)
from ..models.game import Game, check_discounted
from ._schedule import given_table, power_table, schedule, step_size

HALF = LANES // 2
ABSENT = -1e300  # q of an action that a player does not have, here or at all: its softmax is 0


@precise
def boltzmann(x):
    """exp(x) for x <= 0, without computing it where every entry is 0 or so low that it gives 0."""
    if any_lane((x < 0.0) & (x >= SMALLEST)):
        return exp(x)
    return select(x < SMALLEST, 0.0, x * 0.0 + 1.0)


@precise
def toward(x, y, share):
    """x moved by a share of the way to y."""
    return fma(share, y - x, x)


@precise
def _act(state, s, offset, uniforms, at, actions):
    """Every player draws from its row of the policy."""
    t = state.tables
    depth, width = len(t.depths) or t.depth, HALF * len(t.halves) or t.width
    row = s * t.span
    for i in range(0, width, LANES):
        u, total = load(uniforms, at + i), load(t.numbers, row + i)
        chosen = select(u >= total, 1, 0)
        for a in range(1, depth - 1):
            total = total + load(t.numbers, row + a * width + i)
            chosen = chosen + select(u >= total, 1, 0)
        last = load(t.last, s * t.stride + i)
        store(actions, i, select(chosen > last, last, chosen))


@precise
def slow_step(rule, tables, s, n):
    """The step size of the policy at the n-th visit of row s; beyond the table, LANES visits' at a time.

    What a row's next visits take is computed by the vector that makes the same numbers one by one.
    """
    if n < rule.beta.size or rule.beta_exponent == 0.0:
        return step_size(rule.beta, rule.beta_exponent, rule.beta_shift, float(n))
    steps, lane = tables.steps, n % LANES
    if steps.begun[s] != n - lane:
        steps.begun[s] = n - lane
        store(steps.ahead, s * LANES, power(load(steps.count, 0) + (float(n - lane) + rule.beta_shift),
                                            -rule.beta_exponent))
    return steps.ahead[s * LANES + lane]


@precise
def learn_from(rule, other_rule, state, other, feedback, other_feedback, shared):
    """One stage. Second halves of vectors belong to the same run's next players, or (shared) to another run."""
    t, o = state.tables, other.tables
    depth, width = len(t.depths) or t.depth, HALF * len(t.halves) or t.width
    s, next_s, s2, next_s2 = feedback.state[0], feedback.state[1], other_feedback.state[0], other_feedback.state[1]
    state.visits[s] += 1
    beta = slow_step(rule, t, s, state.visits[s])
    if shared:
        other.visits[s2] += other.moving
        betas = broadcast_halves(beta, slow_step(rule, o, s2, other.visits[s2]))
    else:
        betas = broadcast(beta)
    tau, inverse = broadcast_halves(rule.tau, other_rule.tau), broadcast_halves(rule.inverse, other_rule.inverse)
    counts, q_table, nu_row, value_row = 2 * depth * width, depth * width, 3 * depth * width, (3 * depth + 1) * width
    for i in range(0, width, LANES):
        at, at2 = s * t.span + i, s2 * t.span + (0 if shared else i + HALF)
        top = load_halves(t.numbers, at + q_table, o.numbers, at2 + q_table)
        for a in range(1, depth):
            q = load_halves(t.numbers, at + q_table + a * width, o.numbers, at2 + q_table + a * width)
            top = select(q > top, q, top)
        total = broadcast(0.0)
        for a in range(depth):
            q = load_halves(t.numbers, at + q_table + a * width, o.numbers, at2 + q_table + a * width)
            e = boltzmann((q - top) * inverse)
            store(t.scratch, LANES * a, e)
            total = total + e
        scale, mass, n = 1.0 / total, broadcast(0.0), broadcast(0.0)
        k2 = 0 if shared else i + HALF
        chosen = load_halves(feedback.actions, i, other_feedback.actions, k2)
        for a in range(depth):
            p = load_halves(t.numbers, at + a * width, o.numbers, at2 + a * width)
            p = toward(p, load(t.scratch, LANES * a) * scale, betas)
            store(t.scratch, LANES * (depth + a), p)
            mass = mass + p
            m = load_halves(t.numbers, at + counts + a * width, o.numbers, at2 + counts + a * width)
            m = select(chosen == a, m + 1.0, m)
            n = select(chosen == a, m, n)
            store_halves(t.numbers, at + counts + a * width, o.numbers, at2 + counts + a * width, m)
        alpha = step_size(rule.alpha, rule.alpha_exponent, rule.alpha_shift, n)
        nu = load_halves(t.numbers, at + nu_row, o.numbers, at2 + nu_row)
        future = load_halves(t.numbers, next_s * t.span + i + value_row, o.numbers, next_s2 * t.span + k2 + value_row)
        aim = fma(future, feedback.discount, load_halves(feedback.rewards, i, other_feedback.rewards, k2) - nu * tau)
        mass = 2.0 - mass  # 1 / mass to second order: rows do not drift from a sum of 1
        nu, value = broadcast(0.0), broadcast(0.0)
        for a in range(depth):
            p = load(t.scratch, LANES * (depth + a)) * mass
            q = load_halves(t.numbers, at + q_table + a * width, o.numbers, at2 + q_table + a * width)
            q = select(chosen == a, toward(q, aim, alpha), q)
            store_halves(t.numbers, at + a * width, o.numbers, at2 + a * width, p)
            store_halves(t.numbers, at + q_table + a * width, o.numbers, at2 + q_table + a * width, q)
            nu, value = nu + plogp(p), value + p * q
        store_halves(t.numbers, at + nu_row, o.numbers, at2 + nu_row, nu)
        store_halves(t.numbers, at + value_row, o.numbers, at2 + value_row, value)


@precise
def _update(rule, state, feedback, k):
    """One step of all players, Maheshwari et al. (2022), Algorithm 1; few players leave half of a vector empty."""
    if len(state.tables.halves) == 1:
        learn_from(rule, rule, state, state.nobody, feedback, state.nobody, True)
    else:
        learn_from(rule, rule, state, state, feedback, feedback, False)


@precise
def _update_pair(rule, other_rule, state, other, feedback, other_feedback, k):
    """One step of two runs of few players, side by side in the two halves of a vector: the same numbers as alone."""
    learn_from(rule, other_rule, state, other, feedback, other_feedback, True)


@kernel
def _publish(state):
    """Write policy, q, counts (S, A_total) from the tables that keep players side by side.

    numbers[s span + a width + i]: the policy; q and counts ``depth * width`` and twice that behind it
    """
    t = state.tables
    for s in range(state.policy.shape[0]):
        c = 0
        for i in range(t.n_actions.size):
            for a in range(t.n_actions[i]):
                at = s * t.span + a * t.width + i
                q = t.numbers[at + t.depth * t.width]
                state.policy[s, c] = t.numbers[at]
                state.q[s, c] = -math.inf if q == ABSENT else q
                state.counts[s, c] = np.int64(t.numbers[at + 2 * t.depth * t.width])
                c += 1


@kernel
def _decided(state, s, i, low, high):
    """Player i's action of largest probability in row s, the first of several."""
    t, best = state.tables, 0
    for a in range(1, high - low):
        if t.numbers[s * t.span + a * t.width + i] > t.numbers[s * t.span + best * t.width + i]:
            best = a
    return best


@attach(transient=True)
class SlowSteps(NamedTuple):
    """Step sizes of rows that were visited often; no part of a run's state, as they follow from the visits.

    ahead (S LANES,): of the visits begun[s] .. begun[s] + LANES - 1   begun (S,)   count (LANES,): 0, 1, ..
    """

    ahead: Any
    begun: Any
    count: Any

    @classmethod
    def start(cls, rows: int) -> SlowSteps:
        """Nothing is known."""
        return cls(aligned(rows * LANES), np.full(rows, -1), np.arange(LANES, dtype=np.float64))


class Tables(NamedTuple):
    """numbers: rows of ``span`` numbers, a row for every state: policy, q, counts (depth, width), nu, value (width,)

    n_actions (N,)   last: each player's last action in the state at [s stride + i], -1 for lanes without a player;
    stride: 0 where that is the same in all states
    depths, halves: tuples as long as depth and width / HALF, where these are small enough for the compiler to know
    them, or empty
    scratch: two vectors an action   steps: of :func:`slow_step`
    """

    numbers: Any
    n_actions: Any
    last: Any
    scratch: Any
    depths: Any
    halves: Any
    depth: int
    width: int
    span: int
    stride: int
    steps: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> Tables:
        """Tables of a first policy, q = 0."""
        n_actions = np.array(game.num_actions, np.int64)
        n, depth = n_actions.size, int(n_actions.max())
        width = HALF if n <= HALF else up(n)
        columns = [slice(low, high) for low, high in zip(game.offset[:-1], game.offset[1:], strict=True)]
        last, can = aligned(up(n), -1, np.int64), game.available
        last[:n] = n_actions - 1
        if can is not None:  # beyond the last action that there is, a draw could fall by rounding
            last = aligned(policy.shape[0] * up(n), -1, np.int64)
            for i, each in enumerate(columns):
                last.reshape(-1, up(n))[:, i] = n_actions[i] - 1 - can[:, each][:, ::-1].argmax(axis=1)
        span = (3 * depth + 2) * width
        numbers = aligned(policy.shape[0] * span + LANES)  # a last half row is loaded as a whole vector
        rows = numbers[:-LANES].reshape(-1, 3 * depth + 2, width)
        rows[:, 0] = 1.0
        rows[:, depth + 1:2 * depth] = ABSENT
        for i, one in enumerate(policy[:, each] for each in columns):
            rows[:, :one.shape[1], i] = one
            rows[:, depth:depth + one.shape[1], i] = 0.0 if can is None else np.where(can[:, columns[i]], 0.0, ABSENT)
            rows[:, 3 * depth, i] = (one * np.log(np.where(one > 0, one, 1.0))).sum(axis=1)
        return cls(numbers, n_actions, last, aligned(2 * depth * LANES), (0,) * depth if depth <= 4 else (),
                   (0,) * (width // HALF) if width <= LANES else (), depth, width, span,
                   0 if can is None else up(n), SlowSteps.start(policy.shape[0]))


class NoRun(NamedTuple):
    """The second run of a pair when there is none: a run of at most HALF players leaves half of a vector empty.

    Its arrays are empty and of booleans, from which ``load_halves`` makes zeros.
    """

    tables: Any
    visits: Any
    state: Any
    actions: Any
    rewards: Any
    moving: int


class NoTables(NamedTuple):
    """The tables of :class:`NoRun`: none."""

    numbers: Any
    steps: Any


@attach(act=_act, publish=_publish, decided=_decided)
class QState(NamedTuple):
    """What the players keep.

    Attributes
    ----------
    policy, q (S, A_total)
        q is -inf at actions that a player does not have in the state.
    visits (S,)
        n(s), the visits of every state.
    counts (S, A_total)
        n_i(s, a_i), how often each player took each action there.
    tables, nobody, moving
        The same tables as kernels keep them, and a :class:`NoRun`. Checkpoints hold their arrays under these names.
    """

    policy: Any
    q: Any
    visits: Any
    counts: Any
    tables: Any
    nobody: Any
    moving: int = 1

    @classmethod
    def start(cls, game: Game, policy: Float) -> QState:
        """No visits yet, q = 0; -inf at actions that a player does not have."""
        none = np.zeros(0, np.bool_)
        tables = NoTables(none, SlowSteps.start(1))
        nobody = NoRun(tables, np.zeros(1, np.int64), np.zeros(2, np.int64), none, none, 0)
        counts = np.zeros(policy.shape, np.int64)
        q = np.zeros_like(policy) if game.available is None else np.where(game.available, 0.0, -np.inf)
        return cls(policy.copy(), q, np.zeros(policy.shape[0], np.int64), counts,
                   Tables.start(game, policy), nobody)


@attach(update=_update, update_pair=_update_pair)
class _Compiled(NamedTuple):
    """The rule as kernels see it. alpha, beta: step sizes by visit; exponent 0: the last one stays."""

    tau: float
    inverse: float
    alpha: Any
    alpha_exponent: float
    alpha_shift: float
    beta: Any
    beta_exponent: float
    beta_shift: float


@attach(feedback=Transition, state=QState, update=_update, update_pair=_update_pair, tables=("alpha", "beta"),
        examples=({"tau": 0.1},),
        proved="potential games: policies converge to the equilibria of the game with perturbed payoffs, near its "
               "own for small tau (Maheshwari et al. 2022)",
        fails="small tau and states seldom seen: very long waits; without a potential policies may go round")
class TwoTimescaleQ(NamedTuple):
    """Every player learns Q by sampled temporal differences, and moves its policy more slowly toward the softmax of Q.

    Parameters
    ----------
    tau : float
        Temperature, in [1e-300, 1e290]: 1e-8 is fine.
    alpha, beta : (float, float), or sequence of float
        Step sizes of q and of the policy at the n-th visit: (n + c)^-p from (exponent p, offset c), or a table of at
        least three, used from its first entry on, whose last one stays.

    Notes
    -----
    Maheshwari et al. (2022), Algorithm 1, whose experiments take alpha = (0.6, 1) and beta = (1, 1). Each player sees
    the state, its own action and its own reward.
    """

    tau: float
    alpha: Any = (0.6, 1.0)
    beta: Any = (1.0, 1.0)

    @property
    def temperature(self) -> float:
        """That of the QRE which the policies approach."""
        return self.tau

    def checked(self) -> TwoTimescaleQ:
        """The rule with its parameters checked."""
        # above, what stands for actions that a player does not have would be an action: exp(ABSENT / tau) > 0
        return TwoTimescaleQ(_check.real(self.tau, "tau", 1e-300, 1e290), schedule(self.alpha, "alpha"),
                             schedule(self.beta, "beta"))

    def compiled(self) -> _Compiled:
        """The rule as kernels see it: tables of step sizes."""
        sizes: list[Any] = []
        for given in (self.alpha, self.beta):
            sizes += [power_table(*given), *given] if len(given) == 2 else [given_table(given), 0.0, 0.0]
        return _Compiled(self.tau, 1.0 / self.tau, *sizes)

    def check_start(self, game: Game, policy: Float) -> None:
        """Refuse a game without discounting: entropy would add up for ever."""
        check_discounted(game)

    @staticmethod
    def pairs(game: Game, one: _Compiled, other: _Compiled) -> bool:
        """Whether two runs can share vectors."""
        return game.num_players <= HALF and one.alpha is other.alpha and one.beta is other.beta

