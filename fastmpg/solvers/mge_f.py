"""MGE-F: exploring players over a finite horizon, by Boltzmann policies whose Bellman equations are coupled.

    Q_i^t(s, a_i) = E_{a_-i ~ pi_-i^t} [ r_i(s, a) + gamma sum_t' P(t' | s, a) V_i^{t+1}(t') ]        V_i^T = R_F,i
    pi_i^t(a_i | s) = softmax(beta Q_i^t(s, .))

Etesami & Straehle (2020), (5), (7), (8) and Algorithm 2, with gamma = 1 in the paper. A stage falls apart into its
states, each a logit equilibrium by itself: that is how it is solved here (:mod:`fastmpg.models.markov.stages`), and the
paper's damped sweeps of the whole table are there beside it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from .._same import comparable
from ..horizon.given import terminal_payoff
from ..models.game import Game
from ._exploring import Solved, ahead_of, solve_stage, stage_of, wanted

__all__ = ["MgeF", "mge_f"]


@comparable
class MgeF(NamedTuple):
    """Exploring play over T stages.

    Attributes
    ----------
    policy, q : ndarray (T, S, A_total)
        Where an action cannot be taken, the policy is 0 and Q is -inf.
    value : ndarray (T + 1, N, S)
        At [T], the terminal reward.
    beta : float
        The inverse temperature of the policies.
    iterations : ndarray (T,) of int
        The most steps of Newton's method that a state took; of damped sweeps, their number.
    residual : ndarray (T,)
        Largest |U(Q) - Q| of the stage, U(Q) what the players' answers to one another are worth.
    status : tuple of str
        Of each stage: "converged"; "lost", where a state's equilibrium was not reached from uniform play, or not from
        ``start``; of damped sweeps also "cycle" (they come back to where they were), "limit" (``maxiter`` sweeps) and
        "diverged".
    unsettled : ndarray (T,) of int
        States whose equilibrium was not found, or whose residual is above the tolerance.
    history : tuple of ndarray
        Of each stage the residual before every damped sweep, and after the last; empty without these.
    kind : str
        What a state is worth: "mean", "softmax" or "max".
    scheme : str
        "jacobi": all players are updated at once, where the paper's Algorithm 1 lets one of them see the others' new
        values. The solutions are the same.
    """

    policy: Float
    q: Float
    value: Float
    beta: float
    iterations: Any
    residual: Float
    status: tuple[str, ...]
    unsettled: Any
    history: tuple[Float, ...]
    kind: str
    scheme: str

    def __repr__(self) -> str:
        stages, states, _ = self.policy.shape
        bad = [f"stage {t} {word}" for t, word in enumerate(self.status) if word != "converged"]
        more = "" if len(bad) <= 3 else f" and {len(bad) - 3} more"
        how = f"not settled: {', '.join(bad[:3])}{more}; {int(self.unsettled.sum())} states" if bad else "converged"
        return (f"<MgeF: {stages} stages, {states} states, beta {self.beta:g}, {how}, "
                f"residual {self.residual.max(initial=0.0):.1e}>")


def mge_f(game: Game, horizon: int, beta: float = 1.0, *, value: str = "mean", alpha: float | None = None,
          terminal: Any = None, tol: float = 1e-10, maxiter: int = 100_000, branch: str = "continued",
          start: Any = None) -> MgeF:
    """Policies of players who explore, over a finite horizon: MGE-F.

    Parameters
    ----------
    game : Game
        Its discount is the factor between stages, 1 in the paper. Models without joint actions are solved in their
        dense form, or by damped sweeps (``alpha``), which do not need it.
    horizon : int
        T, the number of decisions, >= 1.
    beta : float
        Inverse temperature, > 0: the higher, the less players explore.
    value : {"mean", "softmax", "max"}
        What a state is worth to a player: sum pi Q (the paper's (4) and (7)), (1/beta) log sum exp(beta Q) (its
        Theorem 4), or max Q (with which its figure 4 agrees).
    alpha : float in (0, 1], optional
        Sweep the whole table, damped as in (14), all states and players at once, from uniform play. By default states
        are solved one by one.
    terminal : array_like (N, S) or float, optional
        R_F, the value after the last decision. By default R where that depends on the state alone, else 0.
    tol : float
        Largest |U(Q) - Q| of a solution, in payoffs, or relative to the largest |Q| where that is above 1.
    maxiter : int
        Most damped sweeps of a stage.
    branch : {"continued", "start"}
        Where there are several solutions: the one that is reached from uniform play as beta grows from 0, state by
        state (without ``alpha``; it keeps the symmetries of a game), or one near ``start``.
    start : array_like (S, A_total) or (T, S, A_total), optional
        Policies to begin from, for ``branch="start"``.

    Returns
    -------
    MgeF
        With the status of every stage: look at it, or at the residual, before you trust a policy.

    Raises
    ------
    ValueError, TypeError
        What is wrong with an argument; a simulator is refused.
    MemoryError
        If the tables of a game without joint actions would not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.pursuit_3()
    >>> found = fm.solvers.mge_f(game, 3, value="max")
    >>> found.policy[0, 81 * 0 + 9 * 8 + 4, :3].round(6)  # hunter 1: right, stay, down
    array([0.365237, 0.269525, 0.365237])
    >>> found.status, bool(found.residual.max() < 1e-13)
    (('converged', 'converged', 'converged'), True)
    >>> fm.solvers.mge_f(game, 1, alpha=1.0).status  # undamped sweeps go round and round
    ('cycle',)

    Notes
    -----
    Etesami & Straehle (2020), section 4.2. Thresholds under which the solution is unique, and the damping under which
    sweeps settle: :func:`fastmpg.theory.mge_f_factors`, :func:`fastmpg.theory.damping_limit`.
    """
    stages = _check.integer(horizon, "horizon", low=1)
    w = wanted(game, beta, value, alpha, tol, maxiter, branch, start, stages)
    players, states, columns = game.num_players, game.num_states, sum(game.num_actions)
    _check.budget(8 * stages * states * (2 * columns + players), f"{stages} stages of {game!r}",
                  "ask for a shorter horizon")
    last = terminal_payoff(game, terminal)
    stage = stage_of(game, w, game.discount, False)
    policy, q = np.zeros((stages, states, columns)), np.zeros((stages, states, columns))
    values = np.zeros((stages + 1, players, states))
    values[stages] = last
    found: list[Solved] = []
    for t in range(stages - 1, -1, -1):
        ahead_of(stage, values[t + 1])
        near = None if w.start is None else w.start if w.start.ndim == 2 else w.start[t]
        found.insert(0, solve_stage(game, stage, w, near))
        policy[t], q[t], values[t] = stage.frame.policy, stage.frame.q, stage.frame.value
    return MgeF(policy, q, values, w.beta, np.array([each.iterations for each in found]),
                np.array([each.residual for each in found]), tuple(each.status for each in found),
                np.array([each.unsettled for each in found]), tuple(each.history for each in found), str(value),
                "jacobi")
