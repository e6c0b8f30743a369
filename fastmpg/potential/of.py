"""The potential of stage games: the nearest one by least squares, exact where there is one.

    phi = argmin sum_{i, a, a_i'} ( [phi(a_i', a_-i) - phi(a)] - [u_i(a_i', a_-i) - u_i(a)] )^2

The normal equations are the Laplacian of the graph of unilateral deviations, which cosines along every player's axis
diagonalise: phi-hat(c) = sum_{i: c_i > 0} A_i u_i-hat(c) / sum_{i: c_i > 0} A_i (Candogan, Menache, Ozdaglar and
Parrilo 2011, whose potential component it is). It costs a fast transform.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from .._check import Float
from .._same import comparable
from ..metrics._joint import joint_tables
from ..models.game import Game, check_game
from ..theory._potential_range import missed, nearest
from ..theory.perturbed import weights_of

__all__ = ["StagePotential", "of"]

ORDINAL = 2**21  # edges of deviations up to which orders are looked at
ROUNDED = 1e-11  # of the payoffs' spread: a residual below it is rounding


@comparable
class StagePotential(NamedTuple):
    """What :func:`of` finds.

    Attributes
    ----------
    table : ndarray (S, A_0, ..., A_{N-1})
        phi, with mean 0 in every state; NaN at joint actions that somebody cannot take.
    residual : ndarray (S,)
        The largest |change of phi - weighted change of u_i| over one player's deviations; 0 up to rounding where the
        stage game has an exact (weighted) potential.
    spread : ndarray (S,)
        The largest weighted change of u_i by one deviation.
    ordinal, generalised : ndarray (S,) of bool, or None
        Whether the stage game has an ordinal potential (no cycle of deviations that are no worse, with a better one),
        and a generalised ordinal one (no cycle of better ones: the finite improvement property). None where there are
        too many deviations to look at.
    weights : ndarray (N,)
    """

    table: Float
    residual: Float
    spread: Float
    ordinal: Any
    generalised: Any
    weights: Float

    @property
    def exact(self) -> Any:
        """(S,) of bool: whether phi is a potential of the stage game, up to rounding."""
        return self.residual <= ROUNDED * np.maximum(self.spread, np.finfo(float).tiny)

    def __repr__(self) -> str:
        states = len(self.residual)
        said = ["exact" if self.exact.all() else f"exact in {self.exact.sum()} of {states} states"]
        if self.ordinal is not None:
            said.append(f"ordinal in {self.ordinal.sum()}, generalised ordinal in {self.generalised.sum()}")
        return f"<StagePotential of {states} states: {'; '.join(said)}; residual at most {self.residual.max():.3g}>"


def _orders(payoffs: Float) -> tuple[bool, bool]:
    """Whether there are an ordinal and a generalised ordinal potential: by cycles of deviations."""
    n, sizes = payoffs.shape[0], payoffs.shape[1:]
    index = np.arange(math.prod(sizes)).reshape(sizes)
    frm, to, better = [], [], []
    for i in range(n):
        u, place = (np.moveaxis(each, i, -1).reshape(-1, sizes[i]) for each in (payoffs[i], index))
        gain = u[:, None, :] - u[:, :, None]  # from the second axis to the third
        rows, here, there = np.nonzero((gain >= 0.0) & ~np.eye(sizes[i], dtype=bool))
        frm.append(place[rows, here])
        to.append(place[rows, there])
        better.append(gain[rows, here, there] > 0.0)
    start, end, strict = map(np.concatenate, (frm, to, better))
    found = []
    for edges in (np.ones(len(start), bool), strict):
        graph = sp.csr_array((np.ones(edges.sum()), (start[edges], end[edges])), shape=(index.size, index.size))
        label = connected_components(graph, directed=True, connection="strong")[1]
        found.append(not bool((label[start[strict]] == label[end[strict]]).any()))
    return found[0], found[1]


def stage_payoffs(game: Game, weights: Float) -> Float:
    """Weighted rewards (S, N, A_0, ...)."""
    table = joint_tables(game, "stage payoffs").rewards * weights[:, None, None]
    return np.moveaxis(table.reshape(*table.shape[:2], *game.num_actions), 0, 1)


def of(game: Game, *, weights: Any = None) -> StagePotential:
    """The potential of a normal-form game, and of the stage game of every state, nearest by least squares.

    Parameters
    ----------
    game : Game
    weights : array_like (N,), optional
        Of a weighted potential: phi changes by w_i times the change of u_i.

    Returns
    -------
    StagePotential

    Raises
    ------
    ValueError, TypeError
        What is wrong with the arguments.
    MemoryError
        If a dense table of rewards would not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> dilemma = fm.NormalFormGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]])
    >>> fm.potential.of(dilemma).table[0]
    array([[-1.75,  0.25],
           [ 0.25,  1.25]])
    >>> fm.potential.of(fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]]))
    <StagePotential of 1 states: exact in 0 of 1 states; ordinal in 0, generalised ordinal in 0; residual at most 2>

    Notes
    -----
    Monderer and Shapley (1996); orders: Voorneveld and Norde (1997). Exact potentials of all stage games make no Markov
    potential game by themselves: transitions that actions change must fit (:func:`fastmpg.potential.defect` tells).
    """
    check_game(game)
    scale = weights_of(game, weights)
    payoffs = stage_payoffs(game, scale)
    states, sizes = payoffs.shape[0], payoffs.shape[2:]
    table, off, spread = np.zeros((states, *sizes)), np.zeros(states), np.zeros(states)
    edges = math.prod(sizes) * sum(n - 1 for n in sizes)
    orders: Any = np.zeros((2, states), bool) if edges <= ORDINAL else None
    for s in range(states):
        there = ([np.arange(n) for n in sizes] if game.available is None else
                 [np.flatnonzero(each) for each in np.split(game.available[s], game.offset[1:-1])])
        here = payoffs[s][np.ix_(np.arange(len(sizes)), *there)]
        phi = nearest(here)
        table[s] = np.nan
        table[s][np.ix_(*there)] = phi
        off[s], spread[s] = missed(here, phi), missed(here, np.zeros(()))
        if orders is not None:
            orders[:, s] = _orders(here)
    ordinal, generalised = (None, None) if orders is None else orders
    return StagePotential(table, off, spread, ordinal, generalised, scale)
