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
from ..machine import attach, kernel, precise
from ..machine.flat import lane_bits, lane_max, ones, poke, trailing_zeros
from ..machine.vectors import LANES, aligned, broadcast, gather, load, select
from ..models.game import Game
from . import _exploring
from ._choices import draw_softmax
from ._exploring import AHEAD, plan_ahead
from ._greedy import blank, count_available, draw_row, nth_available
from ._schedule import numbers, rate, step_size
from .state import first_largest

INITIAL = ("zeros", "uniform_opponents")
FEW = 4  # players up to which the compiler knows how many there are


@kernel
def _nth(state, s, i, low, high, u):
    """Any action that there is, where some are missing, by the uniform number u."""
    q = state.q[s, low:high]
    n = count_available(q)
    return nth_available(q, min(int(u * n), n - 1))


@kernel
def _among_equals(state, s, low, high, u):
    """An action by the policy, where several are greedy or the state was never visited."""
    return draw_row(state.policy[s, low:high], u)


@precise
def _choose(state, s, i, at, offset, u, epsilon):
    """Player i's action; ``at``: where greedy (S, N) has the one of largest q."""
    low, high, a = offset[i], offset[i + 1], gather(state.greedy, at)
    if state.hot:
        return draw_softmax(state.q[s, low:high], epsilon, u)
    if u < epsilon:
        part = u / epsilon
        return _nth(state, s, i, low, high, part) if state.masked else min(int(part * (high - low)), high - low - 1)
    return a if a >= 0 else _among_equals(state, s, low, high, (u - epsilon) / (1.0 - epsilon))


@precise
def _act(state, s, offset, uniforms, at, actions):
    """actions[i] (N,): with probability epsilon any available one, else the greedy one, by number uniforms[at + i].

    A number below epsilon, divided by it, is uniform again, as is what a number above it has left. Or all by
    Boltzmann's law, where epsilon is a temperature.
    """
    epsilon = gather(state.epsilon, 0)
    if len(state.players) == 2:
        one = _choose(state, s, 0, 2 * s, offset, gather(uniforms, at), epsilon)
        other = _choose(state, s, 1, 2 * s + 1, offset, gather(uniforms, at + 1), epsilon)
        poke(actions, 0, one)
        poke(actions, 1, other)
    else:
        n = offset.size - 1
        for i in range(n):
            poke(actions, i, _choose(state, s, i, s * n + i, offset, gather(uniforms, at + i), epsilon))


@precise
def _settle(state, s, i, low, high, at, now, k):
    """Find the largest q (S, A_total) of a row anew: greedy, top, second (S, N); ``policy`` follows when it is asked
    for, but for ties, which it is drawn by. ``first`` (S, N): the first of the largest.

    at, now: as of :func:`_learn`
    """
    n, steps, nothing = high - low, load(AHEAD, 0), broadcast(-np.inf)
    best = nothing
    for v in range(0, n, LANES):
        q = select(steps < float(n - v), load(state.rows.q, at + low + v), nothing)
        best = select(q > best, q, best)
    top = lane_max(best)
    below, first, ties = nothing, 0, 0
    for v in range((n - 1) // LANES * LANES, -1, -LANES):
        q = select(steps < float(n - v), load(state.rows.q, at + low + v), nothing)
        equal = lane_bits(q == top)
        q = select(q == top, nothing, q)
        below = select(q > below, q, below)
        ties += ones(equal)
        first = v + trailing_zeros(equal) if equal != 0 else first
    poke(state.top, now, top)
    poke(state.second, now, lane_max(below))
    poke(state.greedy, now, first if ties == 1 else -1)
    if gather(state.first, now) != first:
        poke(state.first, now, first)
        poke(state.moved, 0, k + 1)
    poke(state.stale, now, 1)
    if ties > 1:
        _share(state, s, low, high, top, 1.0 / ties)
        poke(state.stale, now, 0)


@kernel
def _share(state, s, low, high, top, share):
    """All actions of largest q alike."""
    for c in range(low, high):
        state.policy[s, c] = share if state.q[s, c] == top else 0.0


@precise
def _learn(rule, state, feedback, i, low, at, now, after):
    """Player i's step; whether its greedy action is still known: it is as long as no other value reaches its own, and
    it falls no lower than a bound on the others.

    at: where the state's row of q (S, A_total) begins   now, after: where greedy, top, second (S, N) have the player in
    the state and in the next one
    """
    a = gather(feedback.actions, i)
    c = at + low + a
    count = gather(state.counts, c) + 1
    poke(state.counts, c, count)
    alpha = rule.constant if rule.constant > 0.0 else step_size(rule.alpha, rule.exponent, rule.shift, float(count))
    aim = gather(feedback.rewards, i) + feedback.discount * gather(state.top, after)
    before = gather(state.q, c)
    value = before + alpha * (aim - before)
    poke(state.q, c, value)
    g, top, second = gather(state.greedy, now), gather(state.top, now), gather(state.second, now)
    own = a == g
    poke(state.top, now, value if own else top)
    poke(state.second, now, value if (not own) & (value > second) else second)
    return (own & (value > second)) | ((not own) & (g >= 0) & (value < top))


@precise
def _update(rule, state, feedback, k):
    """One step of all players; state.q (S, A_total), player i in columns offset[i]:offset[i + 1]."""
    s, t, offset = gather(feedback.state, 0), gather(feedback.state, 1), feedback.offset
    n = len(state.players) if len(state.players) > 0 else offset.size - 1
    at = s * offset[n]
    poke(state.visits, s, gather(state.visits, s) + 1)
    # the row is searched only where its largest value is not known. A next state that is this one is seen by a player
    # as it was before the step
    if n == 2:
        low = offset[1]
        one = _learn(rule, state, feedback, 0, 0, at, 2 * s, 2 * t)
        other = _learn(rule, state, feedback, 1, low, at, 2 * s + 1, 2 * t + 1)
        if not (one and other):
            for i in range(2):
                if not (one if i == 0 else other):
                    _settle(state, s, i, offset[i], offset[i + 1], at, s * n + i, k)
    else:
        for i in range(n):
            if not _learn(rule, state, feedback, i, offset[i], at, s * n + i, t * n + i):
                _settle(state, s, i, offset[i], offset[i + 1], at, s * n + i, k)
    lane = (k + 1) % LANES
    if lane == 0 or k == 0:
        plan_ahead(rule.exploration, k + 1 - lane, state.ahead)
    poke(state.epsilon, 0, gather(state.ahead, lane))


@kernel
def _publish(state):
    """policy (S, A_total) <- greedy in the rows that changed."""
    offset = state.rows.offset
    for s in range(state.policy.shape[0]):
        for i in range(offset.size - 1):
            if state.stale[s, i]:
                for c in range(offset[i], offset[i + 1]):
                    state.policy[s, c] = 0.0
                state.policy[s, offset[i] + state.greedy[s, i]] = 1.0
                state.stale[s, i] = 0


@precise
def _decided(state, s, i, low, high):
    """The action of largest q, the first of several; before the first visit, of the policy."""
    return state.first[s, i] if state.first[s, i] >= 0 else first_largest(state, s, i, low, high)


@precise
def _moved(state):
    """Updates made when a player's greedy action changed last."""
    return state.moved[0]


@attach(transient=True)
class LearnerRows(NamedTuple):
    """q of :class:`LearnerState` laid out flat, with a vector behind it; offset (N + 1,)."""

    q: Any
    offset: Any


@attach(act=_act, publish=_publish, decided=_decided, moved_at=_moved, holds_actions=("greedy", "first"))
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
    greedy, first : (S, N)
        The action of largest q, -1 where there is none yet, or several; and the first of these.
    top, second : (S, N)
        The largest q of a player in a state, and a bound on the others.
    moved : (1,)
        Updates made when one of ``first`` changed last.
    stale : (S, N), 0 or 1
        Which rows of ``policy`` are not written out yet.
    epsilon, ahead : (1,), (LANES,)
        The probability of exploring in the next step, or the temperature; and those of the steps around it.
    masked, hot, rows, players
        Whether some action is not available, whether epsilon is a temperature, :class:`LearnerRows`, and a tuple as
        long as there are players, where these are few.
    """

    policy: Any
    q: Any
    counts: Any
    visits: Any
    greedy: Any
    first: Any
    top: Any
    second: Any
    moved: Any
    stale: Any
    epsilon: Any
    ahead: Any
    masked: bool
    hot: bool
    rows: Any
    players: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> LearnerState:
        """Nothing learned yet, q = 0."""
        one, n = (policy.shape[0], game.num_players), game.num_players
        _check.budget(32 * policy.size + 48 * policy.shape[0] * n, f"the tables of learners of {game!r}",
                      "a game of fewer states or actions would fit")
        flat = aligned(policy.size + LANES)  # vectors of a last row may reach past it
        q = flat[:policy.size].reshape(policy.shape)
        q[...] = blank(game, policy)
        return cls(policy.copy(), q, np.zeros(policy.shape, np.int64), np.zeros(policy.shape[0], np.int64),
                   np.full(one, -1), _first(game, policy), np.zeros(one), np.full(one, np.inf), np.zeros(1, np.int64),
                   np.zeros(one, np.int64), np.ones(1), aligned(LANES), bool(np.isinf(q).any()), False,
                   LearnerRows(flat, game.offset), (0,) * n if n <= FEW else ())


def _settle_all(state: LearnerState, game: Game) -> None:
    """Make the policy greedy in every state."""
    state.top[...] = np.maximum.reduceat(state.q, game.offset[:-1], axis=1)
    equal = state.q == np.repeat(state.top, game.num_actions, axis=1)
    ties = np.add.reduceat(equal.astype(np.int64), game.offset[:-1], axis=1)
    state.policy[...] = np.where(equal, np.repeat(1.0 / ties, game.num_actions, axis=1), 0.0)
    state.first[...] = _first(game, state.policy)
    state.greedy[...] = np.where(ties == 1, state.first, -1)


def _first(game: Game, policy: Float) -> Any:
    """(S, N): the first of every player's most probable actions."""
    parts = np.split(policy, game.offset[1:-1], axis=1)
    return np.stack([part.argmax(axis=1) for part in parts], axis=1)


@attach(update=_update)
class _QLearning(NamedTuple):
    """The rule as kernels see it. constant: the step size, or 0 where it changes: alpha, by visit, with exponent and
    shift. exploration: a Schedule.
    """

    constant: float
    alpha: Any
    exponent: float
    shift: float
    exploration: Any


@attach(feedback=Transition, state=LearnerState, update=_update, tables=("initial",),
        examples=({}, {"alpha": (0.6, 1.0), "exploration": ("exponential", 0.01), "initial": "uniform_opponents"}),
        proved="one player, or others who hold still: q converges (Watkins and Dayan 1992)",
        fails="others who learn too are no stationary world: cycles, and prices above those of equilibrium "
              "(Calvano et al. 2020)")
class IndependentQLearning(NamedTuple):
    """Every player learns the values of its own actions from its own rewards, and takes the others for part of the
    world.

    Parameters
    ----------
    alpha : float, or tuple of float
        Step size in (0, 1]; or at the n-th visit (n + c)^-p from (exponent p, offset c), or from a table of at least
        three whose last one stays.
    exploration : float, or tuple
        Probability epsilon with which a player takes any of its actions alike. By step k: ("exponential", beta):
        exp(-beta k), that of Calvano et al. (2020); ("power", p) or ("power", p, c): (k + c)^-p, at most 1, c = 1 if
        not given; ("table", probabilities): one a step, the last one stays. Or ("boltzmann", T), ("boltzmann", T,
        beta): all actions by exp(q / T_k), T_k = T exp(-beta k).
    initial : "zeros", "uniform_opponents", or array_like (S, A_total)
        The first q. "uniform_opponents": r_i(s, a_i) / (1 - gamma) with the others' actions drawn evenly (Calvano et
        al. 2020), of games whose rewards are known. Values of terminal states are 0 whatever is given.

    Notes
    -----
    Watkins (1989). Players see the state, their own action and their own reward. A step into a terminal state
    (:attr:`fastmpg.Game.terminal`) ends an episode, and the next one begins at once.

    The policy is the greedy one, without exploration; several best actions share it evenly, and are played so. (For
    :class:`fastmpg.Unchanged` and :func:`fastmpg.metrics.cycle` the first of them counts.) A state that was never
    visited keeps the policy that the run was started with, unless ``initial`` says something else.

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
        return IndependentQLearning(rate(self.alpha, "alpha"),
                                    _exploring.checked(self.exploration, temperatures=True), first)

    def check_start(self, game: Game, policy: Float) -> None:
        """Refuse a first table that does not fit the game."""
        if not isinstance(self.initial, str):
            _check.shape(np.asarray(self.initial), "initial", policy.shape, "(S, A_total)")
        elif self.initial == "uniform_opponents" and not game.discount < 1.0:
            raise ValueError(f'initial="uniform_opponents" needs a discount below 1, found {game!r}; give initial as '
                             "an array (S, A_total)")
        elif self.initial == "uniform_opponents":
            game.rewards_against_uniform()

    def opening(self, game: Game, state: Any) -> Any:
        """Write the first q and probability of exploring."""
        plan = _exploring.schedule(self.exploration)
        state = state._replace(hot=plan.hot)
        state.epsilon[0] = _exploring.first_of(plan)
        if isinstance(self.initial, str) and self.initial == "zeros":
            return state
        first = self.initial
        if isinstance(first, str):
            first = game.rewards_against_uniform() / (1.0 - game.discount)
        state.q[...] = np.where(np.isinf(state.q), state.q, first)
        if game.terminal is not None:
            state.q[game.terminal] = np.where(np.isinf(state.q[game.terminal]), -np.inf, 0.0)
        _settle_all(state, game)
        return state

    def compiled(self) -> _QLearning:
        """The rule as kernels see it."""
        return _QLearning(self.alpha if isinstance(self.alpha, float) else 0.0, *numbers(self.alpha),
                          _exploring.schedule(self.exploration))
