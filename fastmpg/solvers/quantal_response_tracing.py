"""The branch of logit quantal response equilibria from uniform play to a Nash equilibrium, in Markov games.

    pi_i(a | s) = exp(lam Q_i(s, a; pi)) / sum_b exp(lam Q_i(s, b; pi)),     V_i(s) = sum_a pi_i(a | s) Q_i(s, a; pi)

McKelvey & Palfrey (1995); in stochastic games Breitmoser, Tan & Zizzo (2010) and Eibelshauser & Poensgen (2019). Values
are of payoffs alone, as there: not of payoffs and entropy, which :func:`..metrics.qre_gap` is about (with one state and
no future both are the same, lam = 1 / tau). Limits of the branch at lam to infinity are stationary equilibria; generic
normal-form games have one that starts at uniform play, the principal branch.

Followed by predictor and corrector in log-policies, values and lam at once (pseudo-arclength; Turocy 2005), so that lam
may fall: turning points are passed. Orientation is kept by the tangent; where the determinant changes its sign however
short the step, the branch crosses another, as symmetric games have it, and goes straight on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..metrics.ne_gap import ne_gap
from ..models.game import Game, check_discounted, check_game
from ._branch import Equations, tangent

__all__ = ["QuantalBranch", "quantal_response_tracing"]

FIRST, SHORTEST, GROWTH = 0.02, 1e-10, 2.0  # steps along the branch: the first, the least, and by how much they grow
CROSSING = 1e-7  # over less, relative to 1 + lam, a change of sign is a crossing of branches, no jump between them
NEWTON, EXACT, OFF = 8, 1e-7, 0.35  # corrections; when one more is the last; the largest one, of the predicted step
TURN = 0.8  # least cosine between tangents


class QuantalBranch(NamedTuple):
    """A branch of logit quantal response equilibria, as far as it was followed.

    Attributes
    ----------
    policy : ndarray (S, A_total)
        Where it ended.
    ne_gap : ndarray (N,)
        There, from the worst state.
    lam : ndarray (K,)
        Of every recorded point, 0 first; it may fall.
    policies : ndarray (K, S, A_total)
    gap : ndarray (K, N)
        NE-gaps along the branch, from the worst state.
    residual : ndarray (K,)
        Largest violation of pi = softmax(lam Q), and of the equation of V in units of the payoff range.
    status : str
        "equilibrium" (NE-gap within ``tol``), "steps exhausted", "stuck" (no step is short enough), "gap stalled" (lam
        grows beyond what floats tell apart).
    turning_points, crossings : int
        Where lam began to fall or to rise again; where the branch met another one.
    """

    policy: Float
    ne_gap: Float
    lam: Float
    policies: Float
    gap: Float
    residual: Float
    status: str
    turning_points: int
    crossings: int

    def __repr__(self) -> str:
        return (f"<QuantalBranch: {self.status} at lam = {self.lam[-1]:.4g} after {len(self.lam) - 1} steps, "
                f"{self.turning_points} turning points, {self.crossings} crossings, NE-gap {self.ne_gap.max():.3g}>")


def _corrected(system: Equations, guess: Float, along: Float, likely: Any, far: float) -> tuple[Float, Any] | None:
    """The point of the branch in the plane through ``guess`` across ``along``, and derivatives there; None if lost."""
    y, size, last = guess.copy(), np.inf, False
    for _ in range(NEWTON):
        residual, jacobian = system.at(y, likely)
        step = np.linalg.solve(np.vstack([jacobian, along]), np.append(residual, along @ (y - guess)))
        now = float(np.linalg.norm(step))
        if not np.isfinite(now) or (now > max(far, 0.5 * size) and not last):
            return None
        y, size = y - step, now
        far = 0.0  # from now on only half the last correction is allowed
        if last:
            return (y, system.at(y, likely)[1]) if y[-1] >= 0.0 else None
        last = now <= EXACT * (1.0 + float(np.linalg.norm(y)))
    return None


def quantal_response_tracing(game: Game, *, tol: float = 1e-7, max_steps: int = 5000) -> QuantalBranch:
    """Follow logit quantal response from uniform play at lam = 0 to a stationary Nash equilibrium.

    Parameters
    ----------
    game : Game
        Any whose tables over joint actions can be written down, with a discount below 1.
    tol : float
        NE-gap from the worst state, of the largest payoff range of a player where that is above 1, at which the end
        counts as an equilibrium, > 0.
    max_steps : int
        Most points to record.

    Returns
    -------
    QuantalBranch

    Raises
    ------
    ValueError, TypeError
        What is wrong with the game.
    MemoryError
        If tables or equations do not fit, with their size.

    Examples
    --------
    >>> import fastmpg as fm
    >>> chicken = fm.NormalFormGame([[[0, 7], [2, 6]], [[0, 2], [7, 6]]])
    >>> found = fm.solvers.quantal_response_tracing(chicken)
    >>> found.status, found.policy.round(3)  # symmetric from beginning to end: both are daring with probability 1/3
    ('equilibrium', array([[0.333, 0.667, 0.333, 0.667]]))

    Notes
    -----
    Eibelshauser & Poensgen (2019), "Markov quantal response equilibrium and a homotopy method for computing and
    selecting Markov perfect equilibria of dynamic stochastic games"; Turocy (2005).
    """
    check_game(game)
    check_discounted(game)
    within, most = _check.real(tol, "tol", 0.0, open_low=True), _check.integer(max_steps, "max_steps", low=1)
    system = Equations(game)
    within *= max(1.0, system.unit)
    y = system.start()
    likely = system.likely(y)
    along = np.zeros(y.size)
    along[-1] = 1.0
    along, sign = tangent(system.at(y, likely)[1], along)
    points, step, status, turns, crossings = [y], FIRST, "steps exhausted", 0, 0
    while len(points) <= most:
        found = _corrected(system, y + step * along, along, likely, OFF * step)
        if found is not None:
            after, other = tangent(found[1], along)
            bent, flipped = float(after @ along) < TURN, other != sign
            if flipped and not bent and step <= CROSSING * (1.0 + float(y[-1])):
                flipped, crossings = False, crossings + 1
            if bent or flipped:
                found = None
        if found is None:
            step *= 0.5
            if step <= SHORTEST * (1.0 + abs(y[-1])):
                status = "stuck"
                break
            continue
        turns += bool(after[-1] * along[-1] < 0.0)
        y, along, sign = found[0], after, other
        points.append(y)
        now = system.likely(y)
        if (now != likely).any():
            likely = now
            along, sign = tangent(system.at(y, likely)[1], along)
        q, value = system.marginals(y)
        best = np.maximum.reduceat(np.where(system.can, q, -np.inf), game.offset[:-1], axis=1).T
        if system.unit * np.max(best - value) <= within and np.max(ne_gap(game, _laws(system, y), start="worst")
                                                                   ) <= within:
            status = "equilibrium"
            break
        if y[-1] > 1e12:
            status = "gap stalled"
            break
        step *= GROWTH
    return _recorded(game, system, points, status, turns, crossings)


def _laws(system: Equations, y: Float) -> Float:
    """The policy at y, with rows that sum to 1 as nearly as floats can."""
    policy = system.policy(y)
    return policy / np.repeat(np.add.reduceat(policy, system.edges[:-1], axis=1), system.num_actions, axis=1)


def _recorded(game: Game, system: Equations, points: list[Float], status: str, turns: int,
              crossings: int) -> QuantalBranch:
    policies = np.stack([_laws(system, y) for y in points])
    gap = np.asarray(ne_gap(game, policies, start="worst"))
    residual = np.array([system.fixed_point_residual(y) for y in points])
    lam = np.array([y[-1] for y in points]) / system.unit
    return QuantalBranch(policies[-1], gap[-1], lam, policies, gap, residual, status, turns, crossings)
