"""The stages of exploring play on a game with tables: one normal-form game a state, given what comes after it.

    u_i(a) = R_i(s, a) + gamma sum_t P(t | s, a) V_i(t)        Q_i(s, a_i) = E_{a_-i ~ pi_-i} u_i(a_i, a_-i)
    pi_i = softmax(beta Q_i)

Etesami & Straehle (2020), (2)-(8): given V, the next stage's or the last iterate's, a stage falls apart into its
states, and each is a logit equilibrium of the game u, see :mod:`fastmpg.kernels.logit`. Only actions that can be taken
are in it: what the tables hold elsewhere is not read, Q there is -inf, and its probability 0.

A stage's states are dealt out to shares, every one with scratch of its own, so that no bit depends on threads.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ... import _check, machine
from ..._check import Float
from ...kernels import logit
from ...kernels.elementary import exp
from ...machine import UNCOMPILED, fanned, inlined, kernel, unit
from .ahead import actions_of, payoffs_of
from .game import MarkovGame

MEAN, SOFTMAX, MAX = 0, 1, 2  # what a state is worth to a player, given Q
KINDS = {"mean": MEAN, "softmax": SOFTMAX, "max": MAX}
# where a state's equilibrium is looked for: along the curve from uniform play, near a policy, or first very near it
CONTINUED, NEAR, TRACKED = 0, 1, 2
RETURN = 1e-7  # of a single step: sweeps that come back as near as that go round and round
CHUNK = 64  # sweeps between two looks at how far they are
PARALLEL_ENTRIES = 20_000  # payoffs of a stage from which threads pay


class LogitScratch(NamedTuple):
    """One state's game, and scratch for its equilibrium; n actions can be taken in it, by all players together.

    planes (N, >= joint actions), start (N + 1,): see :mod:`fastmpg.kernels.logit`   column (n,): of the actions
    joint (>= joint actions,): their numbers in the game's tables
    y, p, target (n,), weights (>= joint actions,), folded (2, >= joint actions), table (n + 1, n + 3), border, tangent,
    here, there (n + 1,)   count (1,): Newton steps made
    """

    planes: Any
    start: Any
    column: Any
    joint: Any
    y: Any
    p: Any
    target: Any
    weights: Any
    folded: Any
    table: Any
    border: Any
    tangent: Any
    here: Any
    there: Any
    count: Any


class StageFrame(NamedTuple):
    """A stage, and what is found of it: Q, policy, value, and how well every state is solved.

    model   available (S, A_total) bool   ahead (N, S): the value of what comes after
    numbers (5,): beta, gamma, the kind of value, the sweeps' alpha and tolerance
    q, policy (S, A_total), value (N, S)   off (S,): largest |U(Q) - Q|   steps (S,): Newton steps
    found (S,): 1 where the equilibrium is, or, of sweeps, where Q came back to what it was
    back (S, A_total): Q of an earlier sweep
    history, distance (shares, CHUNK): the sweeps' residuals, and how far Q is from ``back``
    The rest is :class:`LogitScratch`, one for each share.
    """

    model: Any
    available: Any
    ahead: Any
    numbers: Any
    q: Any
    policy: Any
    value: Any
    off: Any
    found: Any
    steps: Any
    back: Any
    history: Any
    distance: Any
    planes: Any
    start: Any
    column: Any
    joint: Any
    y: Any
    p: Any
    target: Any
    weights: Any
    folded: Any
    table: Any
    border: Any
    tangent: Any
    here: Any
    there: Any
    count: Any


@inlined
def _scratch(frame, share, n):
    """The scratch of one share, for n actions in all."""
    return LogitScratch(frame.planes[share], frame.start[share], frame.column[share], frame.joint[share],
                        frame.y[share, :n], frame.p[share, :n], frame.target[share, :n], frame.weights[share],
                        frame.folded[share], frame.table[share], frame.border[share], frame.tangent[share],
                        frame.here[share], frame.there[share], frame.count[share])


@kernel
def _ready(frame, s, game):
    """Set up the game of state s at what comes after; returns its payoffs' largest width."""
    return payoffs_of(frame.model, s, frame.ahead, frame.numbers[0], frame.numbers[1], game.start, game.column,
                      game.joint, game.planes)


@kernel
def _answer(frame, s, game):
    """y = beta U at the policy of state s."""
    for a in range(game.y.size):
        game.p[a] = frame.policy[s, game.column[a]]
    logit.responses(game.planes, game.start, game.p, game.weights, game.y)


@kernel
def _leave(frame, s, game):
    """Write what was found of state s: Q, policy, value, and how far Q is from U(Q), all in units of payoffs."""
    beta = frame.numbers[0]
    frame.off[s] = logit.residual(game, game.y) / beta
    for c in range(frame.q.shape[1]):
        frame.q[s, c], frame.policy[s, c] = -math.inf, 0.0
    for a in range(game.y.size):
        frame.q[s, game.column[a]], frame.policy[s, game.column[a]] = game.y[a] / beta, game.p[a]
    for i in range(game.start.size - 1):
        frame.value[i, s] = worth(game, i, frame.numbers[2]) / beta


@kernel
def worth(game, i, kind):
    """A state's value to player i, from its y and p: the mean, the log-sum-exp or the maximum."""
    low, high = game.start[i], game.start[i + 1]
    top = game.y[low]
    for a in range(low, high):
        top = max(top, game.y[a])
    total = 0.0
    for a in range(low, high):
        total += game.p[a] * (game.y[a] - top) if kind == MEAN else exp(game.y[a] - top)
    return top + (total if kind == MEAN else math.log(total) if kind == SOFTMAX else 0.0)


@unit
def solve_share(frame, share, how):
    """The equilibria of every so-many-th state: CONTINUED from uniform play, NEAR the policy, or TRACKED from it.

    TRACKED: where the policy is not near enough, continued.
    """
    for s in range(share, frame.q.shape[0], frame.planes.shape[0]):
        n = actions_of(frame.model, frame.available, s, frame.start[share], frame.column[share], frame.joint[share])
        game = _scratch(frame, share, n)
        width = _ready(frame, s, game)
        game.count[0] = 0
        found = False
        if how != CONTINUED:
            _answer(frame, s, game)
            found = logit.settle(game, game.y) if how == NEAR else logit.polish(game, game.y, logit.FAR)
        if how != NEAR and not found:
            found = logit.follow(game, game.y, width)
            if not found:
                logit.settle(game, game.y)  # an equilibrium, maybe, but not known to be the one
        frame.found[s] = 1 if found else 0
        frame.steps[s] = game.count[0]
        _leave(frame, s, game)


@unit
def begin_share(frame, share):
    """q = U at the policy, in every so-many-th state."""
    for s in range(share, frame.q.shape[0], frame.planes.shape[0]):
        n = actions_of(frame.model, frame.available, s, frame.start[share], frame.column[share], frame.joint[share])
        game = _scratch(frame, share, n)
        _ready(frame, s, game)
        _answer(frame, s, game)
        for a in range(n):
            frame.q[s, game.column[a]] = game.y[a] / frame.numbers[0]


@unit
def sweep_share(frame, share, sweeps, fresh):
    """``sweeps`` damped updates Q <- alpha U(Q) + (1 - alpha) Q of every so-many-th state, all players at once [(14)].

    Fills the share's rows of history, the largest |U(Q) - Q| before each, and distance, the largest |Q - back| then.

    fresh: 1 where ``back`` is Q as it stands, which is then no return
    """
    beta, alpha = frame.numbers[0], frame.numbers[3]
    for k in range(sweeps):
        frame.history[share, k], frame.distance[share, k] = 0.0, 0.0
    for s in range(share, frame.q.shape[0], frame.planes.shape[0]):
        n = actions_of(frame.model, frame.available, s, frame.start[share], frame.column[share], frame.joint[share])
        game = _scratch(frame, share, n)
        _ready(frame, s, game)
        for a in range(n):
            game.y[a] = beta * frame.q[s, game.column[a]]
        for k in range(sweeps):
            logit.choices(game.y, 1.0, game.start, game.p)
            logit.responses(game.planes, game.start, game.p, game.weights, game.target)
            off, away = 0.0, 0.0
            for a in range(n):
                step = game.target[a] - game.y[a]
                off = max(off, abs(step)) if abs(step) < math.inf else math.inf
                away = max(away, abs(game.y[a] - beta * frame.back[s, game.column[a]]))
                game.y[a] += alpha * step
            frame.history[share, k] = max(frame.history[share, k], off / beta)
            frame.distance[share, k] = max(frame.distance[share, k], away / beta)
            if off > beta * frame.numbers[4] and away <= RETURN * alpha * off and k >= fresh:
                frame.found[s] = 1
            frame.off[s] = off / beta
        for a in range(n):
            frame.q[s, game.column[a]] = game.y[a] / beta


@unit
def value_share(frame, share):
    """The value of every so-many-th state at the Q that is there; nothing of the game is read."""
    for s in range(share, frame.q.shape[0], frame.planes.shape[0]):
        n = actions_of(frame.model, frame.available, s, frame.start[share], frame.column[share], frame.joint[share])
        game = _scratch(frame, share, n)
        for a in range(n):
            game.y[a] = frame.numbers[0] * frame.q[s, game.column[a]]
        logit.choices(game.y, 1.0, game.start, game.p)
        for i in range(game.start.size - 1):
            frame.value[i, s] = worth(game, i, frame.numbers[2]) / frame.numbers[0]


@unit
def look_share(frame, share):
    """Policy, value and residual of every so-many-th state at the Q that is there."""
    for s in range(share, frame.q.shape[0], frame.planes.shape[0]):
        n = actions_of(frame.model, frame.available, s, frame.start[share], frame.column[share], frame.joint[share])
        game = _scratch(frame, share, n)
        _ready(frame, s, game)
        for a in range(n):
            game.y[a] = frame.numbers[0] * frame.q[s, game.column[a]]
        _leave(frame, s, game)


class SlopeFrame(NamedTuple):
    """A :class:`StageFrame`, and out (S, A_total, A_total)."""

    stage: Any
    out: Any


@unit
def slope_share(frame, share):
    """dU(Q)(a_i) / dQ(a_j) of every so-many-th state at the stage's Q; 0 at actions that cannot be taken."""
    stage, out = frame.stage, frame.out
    for s in range(share, stage.q.shape[0], stage.planes.shape[0]):
        n = actions_of(stage.model, stage.available, s, stage.start[share], stage.column[share], stage.joint[share])
        game = _scratch(stage, share, n)
        _ready(stage, s, game)
        for a in range(n):
            game.y[a] = stage.numbers[0] * stage.q[s, game.column[a]]
        logit.choices(game.y, 1.0, game.start, game.p)
        logit.slopes(game.planes, game.start, game.p, game.weights, game.folded, game.target, game.table)
        for a in range(n):
            for b in range(n):
                out[s, game.column[a], game.column[b]] = game.table[a, b]


class Stage:
    """The workspace for stages of one game with tables, one after the other.

    ``coupled``: what comes after a stage is the stage itself, as with an infinite horizon.
    """

    def __init__(self, game: MarkovGame, beta: float, gamma: float, kind: int, alpha: float, coupled: bool) -> None:
        states, columns, players = game.num_states, sum(game.num_actions), game.num_players
        large = states * math.prod(game.num_actions) * players > PARALLEL_ENTRIES
        self.apart = not coupled  # states are independent of one another
        self.shares, self.coupled = min(states, 4 * machine.threads()) if large and not UNCOMPILED else 1, coupled
        sizes = self._scratch(game)
        share = sum(math.prod(each) for each, _ in sizes.values())
        need = 8 * (states * (4 * columns + 2 * players + 3) + self.shares * share)
        _check.budget(need, f"one stage of {game!r}", "give a smaller game")
        self.available = np.ones((states, columns), bool) if game.available is None else game.available
        self.frame = StageFrame(
            model=game.held, available=self.available, ahead=np.zeros((players, states)),
            numbers=np.array([beta, gamma, float(kind), alpha, 0.0]), q=np.full((states, columns), -np.inf),
            policy=np.zeros((states, columns)), value=np.zeros((players, states)), off=np.zeros(states),
            found=np.zeros(states, np.int64), steps=np.zeros(states, np.int64), back=np.zeros((states, columns)),
            **{name: np.zeros((self.shares, *size), dtype) for name, (size, dtype) in sizes.items()})
        self._bound: dict[Any, Any] = {}

    @staticmethod
    def _scratch(game: MarkovGame) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Shapes and dtypes of a share's scratch."""
        players, columns, joint = game.num_players, sum(game.num_actions), math.prod(game.num_actions)
        sizes = {"history": (CHUNK,), "distance": (CHUNK,), "planes": (players, joint), "weights": (joint,),
                 "folded": (2, joint), "table": (columns + 1, columns + 3)}
        sizes |= dict.fromkeys(("y", "p", "target", "border", "tangent", "here", "there"), (columns + 1,))
        whole = {"start": (players + 1,), "column": (columns,), "joint": (joint,), "count": (1,)}
        return {name: (size, np.float64) for name, size in sizes.items()} | {
            name: (size, np.int64) for name, size in whole.items()}

    def _each(self, work: Any, *numbers: int, frame: Any = None) -> None:
        """Run a unit on all shares."""
        bound = self._bound.get(work) if frame is None else None
        if bound is None:
            bound = fanned(work.bind(self.frame if frame is None else frame), self.shares)
        if frame is None:
            self._bound[work] = bound
        with machine.parallel_region(self.shares > 1):
            bound(0, *numbers)

    def begin(self, policy: Float) -> None:
        """Q <- U at a policy (S, A_total)."""
        self.frame.policy[...], self.frame.found[...] = policy, 0
        self._each(begin_share)

    def solve(self, how: int = CONTINUED) -> None:
        """Every state's equilibrium: continued from uniform play, NEAR the frame's policy, or TRACKED from it."""
        self._each(solve_share, how)

    def sweep(self, count: int, fresh: bool = False) -> tuple[Float, Float]:
        """Up to CHUNK damped updates; the residual before each, and how far Q then is from ``back``.

        ``fresh``: whether ``back`` is Q as it stands.
        """
        if not self.coupled:
            self._each(sweep_share, count, int(fresh))
            return self.frame.history[:, :count].max(axis=0), self.frame.distance[:, :count].max(axis=0)
        found = np.zeros((2, count))
        for k in range(count):
            self._each(value_share)
            self.frame.ahead[...] = self.frame.value
            self._each(sweep_share, 1, 1)
            found[:, k] = self.frame.history[:, 0].max(), self.frame.distance[:, 0].max()
        return found[0], found[1]

    def look(self) -> None:
        """Policy, value and residuals at Q."""
        if self.coupled:
            self._each(value_share)
            self.frame.ahead[...] = self.frame.value
        self._each(look_share)

    def slopes(self, q: Float) -> Float:
        """(S, A_total, A_total): the Jacobian of Q -> U(Q), state by state, at q and what comes after."""
        states, columns = q.shape
        _check.budget(8 * states * columns**2, "the Jacobian of a stage", "ask for a smaller game")
        out = np.zeros((states, columns, columns))
        self.frame.q[...] = q
        self._each(slope_share, frame=SlopeFrame(self.frame, out))
        return out
