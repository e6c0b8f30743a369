"""Damped sweeps, the paper's own way to an equilibrium of exploring players, on whatever model contracts.

    Q <- alpha U(Q) + (1 - alpha) Q        U_i(Q)(s, a_i) = E_{a_-i ~ pi_-i} [r_i + gamma V_i(s')], pi = softmax(beta Q)

Etesami & Straehle (2020), (14), all players at once. Games with tables sweep their states one by one, in
:mod:`fastmpg.models.markov.stages`; here are models without, and what watches over the sweeps of both.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import machine
from .._check import Float
from ..feedback.desk import PARALLEL_WORK
from ..kernels.elementary import exp
from ..machine import kernel, unit
from ..models.game import Game, contract, lookahead
from ..models.markov.stages import CHUNK, MEAN, RETURN, SOFTMAX

ROUNDING = 4e-15  # relative: residuals below are rounding


class SweepFrame(NamedTuple):
    """A stage of a game without joint actions: as :class:`fastmpg.models.markov.stages.StageFrame`.

    model, work   offset (N + 1,)   ahead (N, S)   numbers (5,): beta, gamma as a share of the model's discount, the
    kind of value, alpha, a tolerance   coupled: whether what comes after is the stage itself
    q, policy, back, target (S, A_total)   value (N, S)   off (S,)   history, distance (CHUNK,)
    """

    model: Any
    work: Any
    offset: Any
    ahead: Any
    numbers: Any
    coupled: bool
    q: Any
    policy: Any
    back: Any
    target: Any
    value: Any
    off: Any
    history: Any
    distance: Any


@kernel
def _worth(frame, s, low, high):
    """A state's value to the player of columns low..high-1, whose policy there is filled from q."""
    beta, top, total, mean = frame.numbers[0], -math.inf, 0.0, 0.0
    for c in range(low, high):
        top = max(top, frame.q[s, c])
    for c in range(low, high):
        weight = exp(beta * (frame.q[s, c] - top))
        frame.policy[s, c] = weight
        total += weight
        if weight > 0.0:
            mean += weight * (frame.q[s, c] - top)
    for c in range(low, high):
        frame.policy[s, c] /= total
    if frame.numbers[2] == MEAN:
        return top + mean / total
    return top + math.log(total) / beta if frame.numbers[2] == SOFTMAX else top


@kernel
def _answers(frame):
    """target = U at the policy."""
    contract(frame.model, frame.work, frame.policy)
    for i in range(frame.offset.size - 1):
        if frame.model.discount > 0.0:
            lookahead(frame.model, frame.work, frame.policy, i, frame.ahead[i], frame.target)
        else:
            for s in range(frame.q.shape[0]):
                for c in range(frame.offset[i], frame.offset[i + 1]):
                    frame.target[s, c] = frame.work.reward[s, c]


@kernel
def _ready(frame):
    """Policy and value at q, what comes after if that is the stage itself, and target."""
    for i in range(frame.offset.size - 1):
        for s in range(frame.q.shape[0]):
            frame.value[i, s] = _worth(frame, s, frame.offset[i], frame.offset[i + 1])
            if frame.coupled:
                frame.ahead[i, s] = frame.numbers[1] * frame.value[i, s]
    _answers(frame)


@kernel
def _off(frame, s):
    """Largest |U(Q) - Q| of state s, over the actions that can be taken."""
    worst = 0.0
    for c in range(frame.q.shape[1]):
        if frame.target[s, c] > -math.inf:
            off = abs(frame.target[s, c] - frame.q[s, c])
            worst = max(worst, off) if off < math.inf else math.inf
    return worst


@unit
def begin_model(frame):
    """q = U at the policy."""
    _answers(frame)
    for s in range(frame.q.shape[0]):
        for c in range(frame.q.shape[1]):
            frame.q[s, c] = frame.target[s, c]


@unit
def look_model(frame):
    """Policy, value and residuals at q."""
    _ready(frame)
    for s in range(frame.off.size):
        frame.off[s] = _off(frame, s)


@unit
def sweep_model(frame, sweeps):
    """``sweeps`` damped updates; history and distance as those of :func:`fastmpg.models.markov.stages.sweep_share`."""
    alpha = frame.numbers[3]
    for k in range(sweeps):
        _ready(frame)
        worst, away = 0.0, 0.0
        for s in range(frame.q.shape[0]):
            worst = max(worst, _off(frame, s))
            for c in range(frame.q.shape[1]):
                if frame.target[s, c] > -math.inf:
                    away = max(away, abs(frame.q[s, c] - frame.back[s, c]))
                    frame.q[s, c] += alpha * (frame.target[s, c] - frame.q[s, c])
        frame.history[k], frame.distance[k] = worst, away


class ModelStage:
    """The workspace for the sweeps of one game, whatever its model; see :class:`fastmpg.models.markov.stages.Stage`."""

    apart = False  # whether its states are watched one by one

    def __init__(self, game: Game, beta: float, gamma: float, kind: int, alpha: float, coupled: bool) -> None:
        self.large = game.work_size > PARALLEL_WORK
        work = game.workspace(machine.threads() if self.large else 1)
        columns, states = (game.num_states, sum(game.num_actions)), game.num_states
        share = gamma / game.discount if game.discount > 0.0 else 0.0
        tables = {name: np.zeros(columns) for name in ("policy", "back", "target")}
        self.frame = SweepFrame(
            model=game.held, work=work, offset=game.offset, ahead=np.zeros((game.num_players, states)),
            numbers=np.array([beta, share, float(kind), alpha, 0.0]), coupled=coupled, q=np.full(columns, -np.inf),
            value=np.zeros((game.num_players, states)), off=np.zeros(states), history=np.zeros(CHUNK),
            distance=np.zeros(CHUNK), **tables)

    def _run(self, work: Any, *numbers: int) -> None:
        with machine.parallel_region(self.large):
            work.bind(self.frame)(*numbers)

    def begin(self, policy: Float) -> None:
        """Q <- U at a policy (S, A_total)."""
        self.frame.policy[...] = policy
        self._run(begin_model)

    def sweep(self, count: int, fresh: bool = False) -> tuple[Float, Float]:
        """Up to CHUNK damped updates; the residual before each, and how far Q then is from ``back``."""
        self._run(sweep_model, count)
        return self.frame.history[:count], self.frame.distance[:count]

    def look(self) -> None:
        """Policy, value and residuals at Q."""
        self._run(look_model)


def within(tol: float, q: Float) -> float:
    """A tolerance in payoffs, not below what rounding leaves of numbers like Q's."""
    largest = np.abs(q, out=np.zeros_like(q), where=np.isfinite(q)).max()
    return max(tol, ROUNDING * float(largest))


def swept(stage: Any, tol: float, maxiter: int) -> tuple[str, int, Float]:
    """Sweep until the residual is at most ``tol``, or that cannot be.

    The iterates are held against one of before, taken anew at every power of two (Brent 1980): what comes back to it
    will do so for ever. Where states are independent of one another each is watched by itself, and sweeps end once no
    further state settles or comes back in as many sweeps as were made before.

    Returns
    -------
    status : "converged", "cycle", "limit" (``maxiter`` sweeps) or "diverged"
    sweeps : int
    history : ndarray (sweeps + 1,)
        The residuals |U(Q) - Q| before each sweep, and after the last.
    """
    f, done, marked, told = stage.frame, 0, 0, []
    status, alpha, decided, news = "limit", float(stage.frame.numbers[3]), 0, 0
    f.back[...] = f.q
    while done < maxiter and status == "limit":
        count, before = min(CHUNK, maxiter - done), f.q.copy()
        enough = within(tol, before)
        f.numbers[4] = enough
        history, distance = (each.copy() for each in stage.sweep(count, done == marked))
        small, wild = history <= enough, ~np.isfinite(history)
        back = (distance <= RETURN * alpha * history) & (np.arange(done, done + count) > marked)
        ends = np.flatnonzero(small | back | wild)
        if ends.size:  # the sweeps after that are taken back
            at = int(ends[0])
            status = "converged" if small[at] else "diverged" if wild[at] else "cycle"
            f.q[...] = before
            if at:
                stage.sweep(at)
            count, history = at, history[:at]
        done += count
        told.append(history)
        if status == "limit" and stage.apart and f.found.any():
            at = int(np.count_nonzero((f.found == 1) | (f.off <= enough)))
            decided, news = at, done if at > decided else news
            if at == f.found.size or done >= 2 * news + CHUNK:
                status = "cycle"
        if done >= 2 * marked:
            f.back[...], marked = f.q, done
    stage.look()
    last = float(f.off.max()) if np.isfinite(f.off).all() else math.inf
    if status == "limit" and last <= within(tol, f.q):
        status = "converged"
    return status, done, np.append(np.concatenate(told) if told else np.zeros(0), last)
