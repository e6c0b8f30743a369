"""MGE-I: exploring players without end, by Boltzmann policies whose Bellman equations are coupled.

    Q_i(s, a_i) = E_{a_-i ~ pi_-i} [ r_i(s, a) + gamma sum_t P(t | s, a) V_i(t) ]
    pi_i(a_i | s) = softmax(beta Q_i(s, .))

Etesami & Straehle (2020), (2)-(6) and Algorithm 1. States are coupled through V alone: given V, every state's
equilibrium is found by itself, as in :mod:`.mge_f`, and V is iterated.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from .._same import comparable
from ..models.game import Game, check_game
from ..models.markov.stages import CONTINUED, NEAR, RETURN, TRACKED, Stage
from ..policy import uniform_policy
from ._exploring import Wanted, stage_of, wanted
from ._sweeps import swept, within

__all__ = ["MgeI", "mge_i"]


@comparable
class MgeI(NamedTuple):
    """Exploring play by stationary policies.

    Attributes
    ----------
    policy, q : ndarray (S, A_total)
        Where an action cannot be taken, the policy is 0 and Q is -inf.
    value : ndarray (N, S)
    beta, gamma : float
        The inverse temperature of the policies, and the discount.
    iterations : int
        Iterations of V; of damped sweeps, their number.
    residual : float
        Largest |T(Q) - Q|, T(Q) the right-hand side of the equation for Q, its V included.
    status : str
        "converged"; "lost", where some state's equilibrium was not found; "cycle" (iterates come back to where they
        were); "limit" (``maxiter`` iterations); of damped sweeps also "diverged".
    unsettled : int
        States whose equilibrium was not found, or whose residual is above the tolerance.
    history : ndarray (iterations + 1,)
        Of damped sweeps the residual before each and after the last; else gamma times the change of V.
    kind : str
        What a state is worth: "mean", "softmax" or "max".
    scheme : str
        "jacobi": all players and states are updated at once, where the paper's Algorithm 1 lets one player see the
        others' new values. The solutions are the same.
    """

    policy: Float
    q: Float
    value: Float
    beta: float
    gamma: float
    iterations: int
    residual: float
    status: str
    unsettled: int
    history: Float
    kind: str
    scheme: str

    def __repr__(self) -> str:
        how = self.status if self.status == "converged" else f"not settled: {self.status}, {self.unsettled} states"
        return (f"<MgeI: {self.policy.shape[0]} states, beta {self.beta:g}, gamma {self.gamma:g}, {how} after "
                f"{self.iterations} iterations, residual {self.residual:.1e}>")


def mge_i(game: Game, beta: float = 1.0, *, gamma: float | None = None, value: str = "mean",
          alpha: float | None = None, tol: float = 1e-10, maxiter: int = 100_000, branch: str = "continued",
          start: Any = None) -> MgeI:
    """Stationary policies of players who explore, with an infinite horizon: MGE-I.

    Parameters
    ----------
    game : Game
        Models without joint actions are solved in their dense form, or by damped sweeps (``alpha``), which do not need
        it.
    beta : float
        Inverse temperature, > 0: the higher, the less players explore.
    gamma : float in [0, 1), optional
        By default the game's discount.
    value : {"mean", "softmax", "max"}
        What a state is worth to a player: sum pi Q (the paper's (4)), (1/beta) log sum exp(beta Q) (its remark 1), or
        max Q.
    alpha : float in (0, 1], optional
        Sweep the whole table, Q <- alpha T(Q) + (1 - alpha) Q, all states and players at once, from uniform play. By
        default V is iterated, and states are solved one by one in between.
    tol : float
        Largest |T(Q) - Q| of a solution, in payoffs.
    maxiter : int
        Most iterations of V, or damped sweeps.
    branch : {"continued", "start"}
        Where there are several solutions: in every state, given V, the equilibrium that is reached from uniform play as
        beta grows from 0 (without ``alpha``; it keeps the symmetries of a game); or one near ``start``.
    start : array_like (S, A_total) or list of (S, A_i), optional
        A policy to begin from, for ``branch="start"``.

    Returns
    -------
    MgeI
        With its status: look at it, or at the residual, before you trust the policy.

    Raises
    ------
    ValueError, TypeError
        What is wrong with an argument; a simulator is refused.
    MemoryError
        If the tables of a game without joint actions would not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.random_markov(3, (2, 2), discount=0.9, rng=0)
    >>> found = fm.solvers.mge_i(game, 0.5)
    >>> found.status, found.unsettled
    ('converged', 0)
    >>> q = fm.evaluate(game, found.policy).q_bar  # of the mean's kind, the values are those of the policy
    >>> bool(abs(q - found.q).max() < 1e-9)
    True

    Notes
    -----
    Etesami & Straehle (2020), section 4.1. Rewards below :func:`fastmpg.theory.mge_i_reward_limit` have only one
    solution.
    """
    check_game(game)
    if gamma is None and game.discount >= 1.0:
        raise ValueError(f"mge_i needs a discount below 1, found {game.discount:g}; pass gamma, or use mge_f for a "
                         "finite horizon")
    discount = game.discount if gamma is None else _check.real(gamma, "gamma", 0.0, 1.0, open_high=True)
    w = wanted(game, beta, value, alpha, tol, maxiter, branch, start, None)
    stage = stage_of(game, w, discount, True)
    f, near = stage.frame, w.start
    if w.alpha is not None:
        stage.begin(uniform_policy(game) if near is None else near)
        status, made, history = swept(stage, w.tol, w.maxiter)
        bad = f.off > within(w.tol, f.q)
    else:
        assert isinstance(stage, Stage)
        if near is not None:
            _value_of(stage, near, discount, w)
        status, made, history = _iterate(stage, near, discount, w)
        lost = stage.frame.found == 0
        stage.look()
        bad = lost | (f.off > within(w.tol, f.q))
        if status == "converged" and bad.any():
            status = "lost" if lost.any() else "limit"
    residual = float(f.off.max()) if np.isfinite(f.off).all() else np.inf
    return MgeI(f.policy, f.q, f.value, w.beta, discount, made, residual, status, int(np.count_nonzero(bad)), history,
                str(value), "jacobi")


def _value_of(stage: Stage, policy: Float, gamma: float, w: Wanted) -> None:
    """What comes after <- the policy's own values, to the tolerance."""
    f, edges = stage.frame, stage.frame.model.offset
    for _ in range(w.maxiter):
        stage.begin(policy)
        q = np.where(policy > 0.0, f.q, 0.0)
        value = np.add.reduceat(policy * q, edges[:-1], axis=1).T
        change = gamma * np.abs(value - f.ahead).max()
        f.ahead[...] = value
        if not change > within(w.tol, f.q):
            break
    f.policy[...] = policy


def _iterate(stage: Stage, near: Float | None, gamma: float, w: Wanted) -> tuple[str, int, Float]:
    """Iterate V until gamma times its change is within half the tolerance; status, iterations, changes.

    States are tracked from one iterate to the next. What is found in the end is confirmed from uniform play, and
    iterated on where that disagrees.
    """
    f, told, how, mark, marked = stage.frame, [], CONTINUED if near is None else NEAR, None, 0
    for done in range(1, w.maxiter + 1):
        stage.solve(how)
        change = gamma * float(np.abs(f.value - f.ahead).max())
        told.append(change)
        if not np.isfinite(change):
            return "lost", done, np.array(told)
        if change <= 0.5 * within(w.tol, f.q):
            if how != TRACKED or near is not None:
                return "converged", done, np.array(told)
            how = CONTINUED
            continue
        if mark is not None and gamma * float(np.abs(f.value - mark).max()) <= RETURN * change:
            return "cycle", done, np.array(told)
        if done >= 2 * marked:
            mark, marked = f.value.copy(), done
        f.ahead[...] = f.value
        how = TRACKED
    return "limit", w.maxiter, np.array(told)
