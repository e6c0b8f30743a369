"""Bounds on alpha that can be written down: of games near one with a stage potential, congestion and team games.

Ours, with their proof. Let phi be a reward, V^phi its value, and for player i h_i = r_i - phi, so that V_i - V^phi is
the value V^h of h_i. Say that one player's action changes its h_i by at most ``missed``, that h_i lies in an interval
of length ``spread``, and that one player's action changes the law of the next state by at most ``influence`` in total
variation. Then V^phi is an alpha-potential function with

    alpha <= (missed + gamma influence spread / (1 - gamma)) / (1 - gamma + gamma influence).

Proof. Let D be the largest change of V^h in any state by a change of pi_i, the others' policies being the same. Values
of h in two different states differ by at most R = spread / (1 - gamma), whatever is played, so that D <= R. Play one
step with either policy, others drawing the same actions: h changes by at most ``missed``, and the next states can be
drawn together so that they differ with a probability d <= influence. Where they do not, values differ by at most D
again, else by R: D <= missed + gamma ((1 - d) D + d R), the right side growing in d; solve for D.

*Congestion games.* With Rosenthal's (1973) potential phi(s, n) = sum_l sum_{m <= n_l} c_{s,l}(m) a player's payoff and
phi change by the same, and h_i(s, a) = -phi(s, n_-i), n_-i how many others are where: missed = 0, and where costs lie
in an interval [0, w], spread <= (N - 1) w.

*Team games.* With r_i = r + kappa xi_i, |xi_i| <= 1, and phi = r, missed and spread are at most 2 kappa, and whatever
the influence alpha <= 2 kappa / (1 - gamma).

Guo, Li, Maheshwari, Sastry & Wu (2023), arXiv 2305.12553, bound alpha of both classes; their constants could not be
read here, and none of the above is taken from them.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from .._same import comparable
from ..metrics._joint import joint_tables
from ..models.game import Game, check_discounted, check_game
from ._potential_range import nearest


@comparable
class NearPotential(NamedTuple):
    """What :func:`near_potential` finds.

    Attributes
    ----------
    alpha : float
        The bound.
    missed, spread, influence : float
        What it is made of.
    phi : ndarray (S, A_0, ..., A_{N-1})
        The reward whose value is an ``alpha``-potential function.
    """

    alpha: float
    missed: float
    spread: float
    influence: float
    phi: Float

    def __repr__(self) -> str:
        return (f"<NearPotential: alpha <= {self.alpha:.6g}; missed {self.missed:.3g}, spread {self.spread:.3g}, "
                f"influence {self.influence:.3g}>")


def _bound(discount: float, missed: float, spread: float, influence: float) -> float:
    """The formula of the module."""
    top = missed + discount * influence * spread / (1.0 - discount)
    return top / (1.0 - discount + discount * influence)


def _discount(value: Any) -> float:
    gamma = _check.real(value, "discount", 0.0, 1.0)
    if gamma == 1.0:
        raise ValueError("discount must be below 1, found 1: values of endless games are infinite")
    return gamma


def near_potential(game: Game, phi: Any = None) -> NearPotential:
    """A bound on alpha of a game that is near one with a stage potential.

    Parameters
    ----------
    game : Game
        Whose tables over joint actions can be written down, all actions available, with a discount below 1.
    phi : array_like (S, A_0, ..., A_{N-1}), optional
        A common reward; by default the nearest stage potentials, of which those of congestion games are exact.

    Returns
    -------
    NearPotential

    Raises
    ------
    ValueError, TypeError
        If phi does not fit the game, or actions are missing.
    MemoryError
        If the tables do not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> found = fm.theory.near_potential(fm.games.routing(3))
    >>> round(found.alpha, 9), round(found.spread, 9), round(found.influence, 9)
    (10.5, 14.0, 0.6)

    Notes
    -----
    Ours; see :mod:`fastmpg.theory.near_potential` for the proof. :func:`fastmpg.potential.alpha` is never above it but
    for rounding, where its linear program over pairs of states is small enough.
    """
    check_game(game)
    check_discounted(game)
    if game.available is not None and not game.available.all():
        raise ValueError(f"game must let everybody take every action in every state, found {game!r}; see "
                         "fastmpg.potential.alpha")
    tables = joint_tables(game, "a bound on alpha", 4)
    n, states, sizes = game.num_players, game.num_states, tuple(game.num_actions)
    rewards = tables.rewards.reshape(n, states, *sizes)
    if phi is None:
        table = np.stack([nearest(rewards[:, s]) for s in range(states)])
    else:
        table = _check.array(phi, "phi")
        _check.shape(table, "phi", (states, *sizes), "(S, A_0, ..., A_{N-1})")
    h = rewards - table
    axes = (0, *range(2, 2 + n))
    middle = 0.5 * (h.max(axis=axes) + h.min(axis=axes))  # a constant a state makes no player's change any other
    h = h - middle.reshape(1, -1, *(1,) * n)
    missed = max(float(np.ptp(h[i], axis=1 + i).max()) for i in range(n))
    spread = max(float(np.ptp(h[i])) for i in range(n))
    moves = tables.moves if isinstance(tables.moves, np.ndarray) else tables.moves.toarray()
    law, influence = np.asarray(moves).reshape(states, *sizes, states), 0.0
    for i in range(n):
        own = np.moveaxis(law, 1 + i, 0)
        for a, b in itertools.combinations(range(sizes[i]), 2):
            influence = max(influence, 0.5 * float(np.abs(own[a] - own[b]).sum(axis=-1).max()))
    return NearPotential(_bound(game.discount, missed, spread, influence), missed, spread, influence,
                         table + middle.reshape(-1, *(1,) * n))


def congestion_alpha(num_players: int, influence: float, discount: float, *, width: float = 1.0) -> float:
    """alpha of a Markov congestion game is at most gamma x (N - 1) w / ((1 - gamma)(1 - gamma + gamma x)).

    Parameters
    ----------
    num_players : int
    influence : float
        x in [0, 1]: by how much one player's choice changes the law of the next state, in total variation.
    discount : float
        Below 1.
    width : float
        w: the largest difference of costs.

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        What is wrong with the arguments.

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.congestion_alpha(3, 0.1, 0.9), 6)
    9.473684

    Notes
    -----
    Ours; see :mod:`fastmpg.theory.near_potential`.
    """
    n, gamma = _check.integer(num_players, "num_players", low=1), _discount(discount)
    share, w = _check.real(influence, "influence", 0.0, 1.0), _check.real(width, "width", 0.0)
    if n > 2**53:
        raise ValueError(f"num_players must be at most 2^53, found {_check.shown(n)}")
    return _bound(gamma, 0.0, (n - 1) * w, share)


def perturbed_team_alpha(kappa: float, discount: float) -> float:
    """alpha of a team game perturbed by kappa is at most 2 kappa / (1 - gamma).

    Parameters
    ----------
    kappa : float
        No payoff differs from the common one by more.
    discount : float
        Below 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        What is wrong with the arguments.

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.perturbed_team_alpha(0.1, 0.9), 6)
    2.0

    Notes
    -----
    Ours; see :mod:`fastmpg.theory.near_potential`.
    """
    size, gamma = _check.real(kappa, "kappa", 0.0), _discount(discount)
    return 2.0 * size / (1.0 - gamma)
