"""What the solvers of exploring play share: the checks of their arguments, and one stage's solution."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game, check_game
from ..models.markov.game import MarkovGame
from ..models.markov.stages import CONTINUED, KINDS, NEAR, Stage
from ..policy import check_policies, uniform_policy
from ._sweeps import ModelStage, swept, within

BRANCHES = ("continued", "start")


class Wanted(NamedTuple):
    """Checked arguments.    start: policies (..., S, A_total), or None"""

    beta: float
    kind: int
    alpha: float | None
    tol: float
    maxiter: int
    start: Any


def choice(value: Any, name: str, options: Any) -> str:
    """One of a few words."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {', '.join(map(repr, options))}, found {_check.shown(value)}")
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, found {value!r}")
    return value


def wanted(game: Game, beta: Any, value: Any, alpha: Any, tol: Any, maxiter: Any, branch: Any, start: Any,
           stages: int | None) -> Wanted:
    """The arguments that the solvers share, checked; ``stages``: of a horizon, for ``start``."""
    check_game(game)
    if not game.exact:
        game.workspace()  # says why
    number = _check.real(beta, "beta", 0.0, open_low=True)
    kind = KINDS[choice(value, "value", tuple(KINDS))]
    damping = None if alpha is None else _check.real(alpha, "alpha", 0.0, 1.0, open_low=True)
    accuracy, most = _check.real(tol, "tol", 0.0, open_low=True), _check.integer(maxiter, "maxiter", low=1)
    given = choice(branch, "branch", BRANCHES) == "start"
    if given and start is None:
        raise ValueError('branch="start" needs start=..., a policy to begin from; or write branch="continued"')
    if not given and start is not None:
        raise ValueError('start is read with branch="start" alone; add that, or leave start out')
    table = check_policies(game, start, "start") if given else None
    if table is not None:
        one = (game.num_states, sum(game.num_actions))
        if table.shape != one and table.shape != (stages, *one):
            many = f" or (T, S, A_total) = {(stages, *one)}" if stages is not None else ""
            raise ValueError(f"start must have shape (S, A_total) = {one}{many}, found {table.shape}")
    return Wanted(number, kind, damping, accuracy, most, table)


def stage_of(game: Game, w: Wanted, gamma: float, coupled: bool) -> Stage | ModelStage:
    """The workspace: of the game's tables; or, for sweeps of a game without joint actions, of its own model."""
    alpha = 1.0 if w.alpha is None else w.alpha
    if not isinstance(game, MarkovGame):
        if w.alpha is not None and (gamma == 0.0 or game.discount > 0.0):
            return ModelStage(game, w.beta, gamma, w.kind, alpha, coupled)
        try:
            table = game.to_dense()
        except MemoryError as error:
            raise MemoryError(f"{error}; or pass alpha, such as alpha=0.3, for damped sweeps, which form no joint "
                              "actions") from None
        if not isinstance(table, MarkovGame):
            raise TypeError(f"to_dense() of {game!r} must give a MarkovGame, found {type(table).__name__}")
        game = table
    return Stage(game, w.beta, gamma, w.kind, alpha, coupled)


def ahead_of(stage: Stage | ModelStage, value: Float) -> None:
    """Put down what comes after the stage."""
    stage.frame.ahead[...] = value if isinstance(stage, Stage) else stage.frame.numbers[1] * value


class Solved(NamedTuple):
    """How a stage ended: its status, iterations, residual, states that did not settle, and the sweeps' residuals."""

    status: str
    iterations: int
    residual: float
    unsettled: int
    history: Float


def solve_stage(game: Game, stage: Stage | ModelStage, w: Wanted, start: Float | None) -> Solved:
    """One stage, given what comes after; Q, policy and value are then in ``stage.frame``."""
    f = stage.frame
    if w.alpha is not None or not isinstance(stage, Stage):
        stage.begin(uniform_policy(game) if start is None else start)
        status, made, history = swept(stage, w.tol, w.maxiter)
        settled = f.off <= within(w.tol, f.q)
    else:
        if start is not None:
            f.policy[...] = start
        stage.solve(CONTINUED if start is None else NEAR)
        settled = (stage.frame.found == 1) & (f.off <= within(w.tol, f.q))
        status, made, history = "converged" if settled.all() else "lost", int(stage.frame.steps.max()), np.zeros(0)
    residual = float(f.off.max()) if np.isfinite(f.off).all() else np.inf
    return Solved(status, made, residual, int(np.count_nonzero(~settled)), history)
