"""Potential differences without knowing the potential: the line integral of the pseudo-gradient.

    Phi(pi) - Phi(pi0) = int_0^1 sum_i < grad_{pi_i} V_i(rho; pi0 + t (pi - pi0)), pi_i - pi0_i > dt
    grad_{pi_i(a|s)} V_i = d(s) Qbar_i(s, a) / (1 - gamma)

where V_i changes by the change of one function Phi whenever player i deviates alone. By Gauss-Legendre quadrature on
the segment, on which the integrand is a rational function without poles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..metrics.evaluation import evaluate
from ..metrics.origin import centred
from ..models.game import Game, check_discounted, check_game
from ..policy import check_policy, uniform_policy
from .defect import defect

__all__ = ["PotentialDifference", "difference"]

FEWEST, MOST = 8, 512  # nodes
EXACT = 1e-10  # relative defect up to which a game is taken for a potential game


class PotentialDifference(NamedTuple):
    """What :func:`difference` finds.

    Attributes
    ----------
    value : float
        Phi(pi) - Phi(pi0), from the initial law.
    error : float
        Difference of the last two quadratures: an estimate of the error, which is far smaller while it falls.
    nodes : int
        Of the last one.
    """

    value: float
    error: float
    nodes: int

    def __repr__(self) -> str:
        return f"<PotentialDifference {self.value:.10g}, error about {self.error:.1g}, {self.nodes} nodes>"


def _integral(game: Game, start: Float, change: Float, nodes: int) -> tuple[float, float]:
    """The quadrature, and the size of what is added up."""
    at, weights = np.polynomial.legendre.leggauss(nodes)
    found = evaluate(game, start + (0.5 * (at + 1.0))[:, None, None] * change)
    paid = np.where(change != 0.0, found.q_bar, 0.0)  # what nobody can take is -inf, and does not change
    each = np.einsum("ks,ksc,sc->k", found.visit, paid, change) / (1.0 - game.discount)
    return float(0.5 * weights @ each), float(0.5 * weights @ np.abs(each))


def difference(game: Game, policy: Any, policy0: Any = None, *, tol: float = 1e-12, check: bool = True,
               rng: Any = 0) -> PotentialDifference:
    """By how much the potential of a Markov potential game is larger at one policy than at another.

    Parameters
    ----------
    game : Game
    policy, policy0 : array_like (S, A_total) or list of (S, A_i)
        ``policy0`` is uniform by default.
    tol : float
        Nodes are doubled until the quadrature moves by less than this part of its size, or there are 512.
    check : bool
        Whether to refuse games that have no potential, by :func:`fastmpg.potential.defect`. Without a potential the
        integral is that along the straight line, and other lines have others.
    rng : None, int, sequence of int, SeedSequence or Generator
        Of that check.

    Returns
    -------
    PotentialDifference

    Raises
    ------
    ValueError
        If the game has no potential, with its defect.
    TypeError
        What is wrong with the arguments.

    Examples
    --------
    >>> import numpy as np, fastmpg as fm
    >>> game = fm.games.random_markov(3, (2, 3), identical_interest=True, rng=0)  # the value itself is a potential
    >>> pi = fm.random_policy(game, 1)
    >>> found = fm.potential.difference(game, pi)
    >>> value = fm.evaluate(game, np.stack([pi, fm.uniform_policy(game)])).value[:, 0] @ game.initial
    >>> bool(abs(found.value - (value[0] - value[1])) < 1e-12)
    True

    Notes
    -----
    Monderer and Shapley (1996), Theorem 4.5, of stationary policies.
    """
    check_game(game)
    check_discounted(game)
    last = check_policy(game, policy)
    first = uniform_policy(game) if policy0 is None else check_policy(game, policy0, "policy0")
    tol = _check.real(tol, "tol", 0.0, 1.0)
    if _check.flag(check, "check"):
        found = defect(game, samples=32, rng=rng)
        if found.relative > EXACT:
            raise ValueError(f"{game!r} has no potential: {found!r}; see fastmpg.potential.alpha for how near it "
                             "comes, or give check=False for the integral along the straight line")
    near = centred(game)[0]
    value, error, nodes = 0.0, np.inf, FEWEST
    while True:
        old, (value, size) = value, _integral(near, first, last - first, nodes)
        error = abs(value - old) if nodes > FEWEST else np.inf
        if error <= tol * size or nodes >= MOST:
            return PotentialDifference(value, error, nodes)
        nodes *= 2
