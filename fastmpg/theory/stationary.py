r"""Gradients and equilibria: Zhang et al. (2022) [Z], Lemmas 1 and 2 and Remark 4.

With mass_i(s) = sum_{a in argmax Qbar_i(s, .)} pi_i(a | s), c_i = min_s mass_i(s) and M = max_s 1/d(s),

    gap_i <= sqrt(A_i) M / c_i ||grad_i V_i||_2     [Z Lemma 1]
    gap_i <= sqrt(S A_i) D_inf / c_i ||grad_i V_i||_2,  D_inf = sup max_s d'(s)/d(s)     [Z Remark 4]

Both come from mass_i(s) max_a Abar_i(s, a) <= sum_a |pi_i(a | s) Abar_i(s, a)|, and half of either will do: pi_i Abar_i
sums to 0 over a row, so that its positive part, all that mass_i(s) max_a Abar_i(s, a) can be, is half of that sum.

**Where the printed paper needs care.**

- [Z] (7) leaves open whose i is meant in c(theta) = min_s mass_i(s). For Lemma 1 the player's own c_i will do. Lemma 2
  needs the least over the players: a player that answers best has c_i = 1 beside one that does not, c_j = 0.
- [Z] Lemma 2 says that a stationary point is no equilibrium if and only if c = 0. At finite parameters every
  probability is positive, so that c > 0 and every stationary point *is* an equilibrium: the others are limits, policies
  on the boundary. So :func:`stationarity` asks about a policy, with tolerances that make a point near a limit count.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .._check import Float, real
from ..metrics.c import TIED
from ..metrics.evaluation import evaluate
from ..metrics.grad_norm import grad_norm
from ..metrics.mismatch import mismatch
from ..metrics.origin import centred
from ..models.game import Game, check_game
from ..policy import check_policies, check_policy, split
from ._constants import exact_mismatch, mismatch_or_bound, payoff_range_of


def _masses(game: Game, table: Float, q_bar: Float, tie: Float | None) -> Float:
    """mass_i(s) (..., S, N): an action counts as best up to ``tie`` (N,), by default up to the rounding of Qbar."""
    found = []
    for i, (part, q) in enumerate(zip(split(game, table), split(game, q_bar), strict=True)):
        size = np.abs(np.where(q == -np.inf, 0.0, q)).max(axis=-1, keepdims=True)
        slack = TIED * size if tie is None else tie[i]
        found.append(np.where(q >= q.max(axis=-1, keepdims=True) - slack, part, 0.0).sum(axis=-1))
    return np.stack(found, axis=-1)


def _lemma(game: Game, policy: Any, factor: Any) -> Float:
    """sqrt(A_i)/c_i ||grad_i V_i|| times a factor of the policies; infinite where c_i is 0."""
    table = check_policies(game, policy)
    near = centred(game)[0]
    least = _masses(game, table, evaluate(near, table).q_bar, None).min(axis=-2)
    top = np.sqrt(game.action_counts().max(axis=0)) * factor(table) * grad_norm(near, table)
    return np.divide(top, least, out=np.full(least.shape, np.inf), where=least > 0.0)


def gradient_domination(game: Game, policy: Any) -> Float:
    """Bound on every player's NE-gap by the norm of its gradient: sqrt(A_i) M / c_i ||grad_i V_i||_2.

    Parameters
    ----------
    game : Game
        Any: no potential is needed.
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)

    Returns
    -------
    ndarray (N,), of a stack (..., N)
        In payoffs; infinite where c_i is 0, or a state is never visited. Half of it is still a bound (see the module),
        before rounding: it takes that rows of the gradient sum to 0, to which float64 does not come near a boundary.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> policy = fm.uniform_policy(game)
    >>> fm.ne_gap(game, policy).round(4), fm.theory.gradient_domination(game, policy).round(4)
    (array([0.38  , 0.0117]), array([0.8069, 0.0233]))

    Notes
    -----
    Zhang et al. (2022), Lemma 1.
    """
    check_game(game)
    return _lemma(game, policy, lambda table: np.asarray(mismatch(game, table))[..., None])


def ratio_or_bound(game: Game) -> float:
    """D_inf, exact where the game is small, or its a-priori bound."""
    found = exact_mismatch(game)
    return found.pair_ratio if found is not None and math.isfinite(found.pair_ratio) else mismatch_or_bound(game, None)


def gradient_domination_by_ratio(game: Game, policy: Any, *, ratio: float | None = None) -> Float:
    """Bound on every player's NE-gap by the norm of its gradient: sqrt(S A_i) D_inf / c_i ||grad_i V_i||_2.

    Parameters
    ----------
    game : Game
        Any: no potential is needed.
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
    ratio : float, optional
        D_inf >= 1, or a bound on d'(s)/d(s) for the policies in question and their best responses; by default that of
        :func:`mismatch_supremum` where the game is small, otherwise max_s 1/((1-gamma) rho(s)).

    Returns
    -------
    ndarray (N,), of a stack (..., N)
        In payoffs; infinite where c_i is 0. Half of it is still a bound (see the module).

    Raises
    ------
    ValueError
        If rho is 0 somewhere and no ratio is given.

    Notes
    -----
    Zhang et al. (2022), Remark 4, eq. (18).
    """
    check_game(game)
    most = ratio_or_bound(game) if ratio is None else real(ratio, "ratio (at least 1)", 1.0)
    return _lemma(game, policy, lambda table: np.sqrt(game.num_states) * most)


class Stationarity(NamedTuple):
    """What :func:`stationarity` finds.

    Attributes
    ----------
    gradient : ndarray (N, S)
        Largest |dV_i(rho)/dtheta_i(s, .)|, in payoffs.
    gain : ndarray (N, S)
        max_a Abar_i(s, a) >= 0, what one better action would bring, in payoffs.
    mass : ndarray (N, S)
        Probability of the actions that are best up to ``tie_tol``; c is the least.
    stationary, best, stuck : ndarray (N, S) of bool
        Gradient within ``gradient_tol``; mass within ``mass_tol`` of 1; mass within ``mass_tol`` of 0.
    """

    gradient: Float
    gain: Float
    mass: Float
    stationary: Any
    best: Any
    stuck: Any

    @property
    def is_stationary(self) -> bool:
        """Whether the whole gradient is 0, within tolerance."""
        return bool(self.stationary.all())

    @property
    def is_nash(self) -> bool | None:
        """Lemma 2's answer at a stationary point; None where it is none, or c is neither near 1 nor near 0."""
        if not self.is_stationary or not (self.best.all() or self.stuck.any()):
            return None
        return bool(self.best.all())

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.is_stationary:
            return "not stationary"
        return {True: "Nash equilibrium", False: "stationary, no Nash equilibrium", None: "undecided"}[self.is_nash]

    def __repr__(self) -> str:
        return f"<Stationarity: {self.verdict}; c = {self.mass.min():.3g}, gradient {self.gradient.max():.3g}>"


def stationarity(game: Game, policy: Any, *, gradient_tol: float = 1e-6, tie_tol: float = 1e-6,
                 mass_tol: float = 0.01) -> Stationarity:
    """Whether a policy, such as the limit of a run, is a stationary point of softmax gradient play, and if so a Nash
    equilibrium: exactly if every player plays best actions only, c = 1; otherwise c = 0.

    Proof: at a stationary point with d > 0, pi_i(a | s) Abar_i(s, a) = 0 for all a. Where max_a Abar_i(s, a) = 0, all
    that is played is best, mass 1; where it is above 0, no best action is played, mass 0, and playing it is a gain.

    Parameters
    ----------
    game : Game
        Any: no potential is needed.
    policy : array_like (S, A_total) or list of (S, A_i)
    gradient_tol : float
        A gradient entry d(s) pi_i Abar_i / (1-gamma) counts as 0 up to this times span_i / (1-gamma).
    tie_tol : float
        An action counts as best if its Qbar_i is within this times span_i of the best.
    mass_tol : float
        Mass counts as 1, or as 0, up to this; in [0, 0.5).

    Returns
    -------
    Stationarity

    Raises
    ------
    ValueError
        If a state is never visited (Assumption 1), or an argument is out of range.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> [fm.theory.stationarity(game, [first, [1, 0]]) for first in ([0, 1, 0], [0, 0, 1])]
    [<Stationarity: stationary, no Nash equilibrium; c = 0, gradient 0>,
     <Stationarity: Nash equilibrium; c = 1, gradient 0>]

    Notes
    -----
    Zhang et al. (2022), Lemma 2. span_i = (max r_i - min r_i)/(1-gamma) is the largest difference of two values.
    """
    check_game(game)
    gradient_tol, tie_tol = real(gradient_tol, "gradient_tol", 0.0), real(tie_tol, "tie_tol", 0.0)
    mass_tol = real(mass_tol, "mass_tol", 0.0, 0.5, open_high=True)
    table = check_policy(game, policy)
    found = evaluate(centred(game)[0], table)
    if not (found.visit > 0.0).all():
        raise ValueError(f"policy must visit every state (Assumption 1 of Lemma 2), found d = 0 in state "
                         f"{int(np.argmin(found.visit))}: give the game an initial law that is positive everywhere")
    left = 1.0 - game.discount
    span = np.ptp(payoff_range_of(game), axis=1) / left
    gradient, gain = [], []
    for part, adv in zip(split(game, table), split(game, found.adv_bar), strict=True):
        moved = np.multiply(part, adv, out=np.zeros_like(part), where=part > 0.0)
        gradient.append(np.abs(moved).max(axis=1) * found.visit / left)
        gain.append(np.maximum(adv.max(axis=1), 0.0))
    steep = np.stack(gradient)
    mass = _masses(game, table, found.q_bar, np.maximum(tie_tol, TIED) * span).T
    return Stationarity(steep, np.stack(gain), mass, steep <= gradient_tol * span[:, None] / left,
                        mass >= 1.0 - mass_tol, mass <= mass_tol)
