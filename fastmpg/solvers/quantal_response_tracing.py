"""The branch of logit quantal response equilibria from uniform play to a Nash equilibrium, in Markov games.

    pi_i(a | s) = exp(lam Q_i(s, a; pi)) / sum_b exp(lam Q_i(s, b; pi)),     V_i(s) = sum_a pi_i(a | s) Q_i(s, a; pi)

McKelvey & Palfrey (1995); in stochastic games Breitmoser, Tan & Zizzo (2010) and Eibelshauser & Poensgen (2019). Values
are of payoffs alone, as there: not of payoffs and entropy, which :func:`..metrics.qre_gap` is about (with one state and
no future both are the same, lam = 1 / tau). Limits of the branch at lam to infinity are stationary equilibria; generic
normal-form games have one that starts at uniform play, the principal branch.

Followed by predictor and corrector in log-policies, values and lam at once (pseudo-arclength; Turocy 2005), so that lam
may fall: turning points are passed. Orientation is kept by the tangent; where the determinant changes its sign however
short the step, or where both sides continue one another, the branch crosses another, as symmetric games have it, and
goes straight on. All of it is compiled: :mod:`._follow`, and the linear algebra in :mod:`..kernels.quantal`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..metrics.ne_gap import ne_gap
from ..models.game import Game, check_discounted, check_game
from ._branch import Equations
from ._follow import CLOSE, FIRST, STALLED, STEP, STUCK, VALID, Path, begin, follow

__all__ = ["QuantalBranch", "quantal_response_tracing"]

CHUNK = 10**8  # multiplications: points of a chunk, between which Ctrl-C is heard


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
        Largest violation of pi = softmax(lam Q), and of the equation of V in units of the payoff range: within
        1e-10 + 1e-13 lam times that range, but for games that round worse (what is rounded in Q is multiplied by lam).
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
    rows = np.zeros((8, system.size + 1))
    rows[0] = system.start()
    system.logit.base[:] = system.likely(rows[0])
    path = Path(rows, np.zeros(3), np.zeros(3, np.int64))
    begin(system.logit, path)
    chunk = max(1, min(64, CHUNK // len(system.logit.lu)**3))
    points, facts = np.zeros((chunk, system.size + 1)), np.zeros((chunk, 2))
    found, told, count, status = [rows[:1].copy()], [np.zeros((1, 2))], 0, "steps exhausted"
    while count < most:
        size = min(chunk, most - count)
        why, made = follow(system.logit, path, points[:size], facts[:size], within / system.unit)
        count += made
        found.append(points[:made].copy())
        told.append(facts[:made].copy())
        if why == CLOSE and np.max(ne_gap(game, system.policy(rows[0]), start="worst")) <= within:
            status = "equilibrium"
            break
        if why == STALLED or (why == STUCK and not system.at_once()):
            status = "gap stalled" if why == STALLED else "stuck"
            break
        if why == STUCK:  # if that was a block of one state alone
            path.numbers[STEP], path.counts[VALID] = FIRST, 0
    y = np.concatenate(found)
    policies = system.policy(y)
    gap = np.asarray(ne_gap(game, policies, start="worst"))
    turns, crossings = (int(x) for x in path.counts[:2])
    residual = np.concatenate(told)[:, 0]
    return QuantalBranch(policies[-1], gap[-1], y[:, -1] / system.unit, policies, gap, residual, status, turns,
                         crossings)
