r"""Gradient play and natural gradient play: Zhang et al. (2022) [Z], Theorems 4 and 5.

**Where the printed paper needs care.**

- [Z] Lemma 21 asks for eta <= (1-gamma)^2, which Theorem 5's step misses when 2 n D < 1; it uses only
  eta Abar_i/(1-gamma) <= 1/(2n), true at that step as Abar_i <= D/(1-gamma).
"""

from __future__ import annotations

from .._check import integer, real
from ..models.game import Game
from ._constants import mismatch_or_bound, over, potential_range_or_known, sizes, step_or_largest
from .log_barrier import log_barrier_gradient_step


def gradient_play_step(game: Game) -> float:
    """Largest step with proved ascent: (1-gamma)^3 / (6 n W).

    Zhang et al. (2022), Theorems 4 and 5, Lemma 29: Phi rises by (eta/2) ||grad Phi||^2 or more. Convergence
    also needs d > 0 and isolated stationary policies.

    Parameters
    ----------
    game : Game

    Returns
    -------
    float
        eta for rules.GradientPlay, in 1/payoff.

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.gradient_play_step(fm.games.zhang_3x2()), 4)  # 1 / (6 * 2 * 1.2): payoffs in [-1, 0.2]
    0.0694
    """
    return log_barrier_gradient_step(game, lam=0.0)


def gradient_play_bound(game: Game, *, steps: int, c: float, mismatch: float | None = None,
                        potential_range: float | None = None, eta: float | None = None) -> float:
    """Bound on the average squared gap: (1/T) sum_k gap_k^2 <= 2 A M^2 D / ((1-gamma) c^2 eta T).

    Zhang et al. (2022), Theorem 5, eq. (12), appendix 13.1. With c measured, stationary policies need not be isolated.

    Parameters
    ----------
    game : Game
    steps, c : int, float
        T >= 1, and c over the T policies, in (0, 1].
    mismatch, potential_range, eta : float, optional
        M over the run, >= num_states; D >= 0; the run's step, in (0, gradient_play_step] (its default).

    Returns
    -------
    float
        In payoffs squared; at the default step 12 n W A M^2 D / ((1-gamma)^4 c^2 T).

    Raises
    ------
    ValueError
        Argument out of range; M or D without default.
    """
    steps, c = integer(steps, "steps", 1), real(c, "c", 0.0, 1.0, open_low=True)
    m, width = mismatch_or_bound(game, mismatch), potential_range_or_known(game, potential_range)
    _, most, left, _ = sizes(game)
    eta = step_or_largest(eta, gradient_play_step(game), "gradient_play_step")
    return over(2.0 * most * m * m * width, left * eta * steps, c, c)


def natural_gradient_step(game: Game, *, potential_range: float | None = None) -> float:
    """Largest step with proved ascent: (1-gamma)^2 / (2 n D); D carries the payoffs' scale.

    Zhang et al. (2022), Theorems 4 and 5, Lemma 20.

    Parameters
    ----------
    game : Game
    potential_range : float, optional
        D > 0 of the *stage* potential.

    Returns
    -------
    float
        eta for rules.NaturalGradientPlay, in 1/payoff.

    Raises
    ------
    ValueError
        D is 0, where any step will do, or without default.
    """
    (n, _, left, _), width = sizes(game), potential_range_or_known(game, potential_range)
    if width == 0.0:
        raise ValueError("potential_range must be positive, found 0: every policy is an equilibrium, every step "
                         "provable")
    return left**2 / (2.0 * n * width)


def natural_gradient_bound(game: Game, *, steps: int, c: float, mismatch: float | None = None,
                           potential_range: float | None = None, eta: float | None = None) -> float:
    """Bound on the average squared gap: (1/T) sum_k gap_k^2 <= 3 M D / ((1-gamma) c eta T).

    Zhang et al. (2022), Theorem 5, eq. (13), appendix 13.2.

    Parameters
    ----------
    game : Game
    steps, c : int, float
        T >= 1, and c over the T policies, in (0, 1].
    mismatch, potential_range, eta : float, optional
        M over the run and the policy after it, >= num_states; D > 0; the run's step, in (0, natural_gradient_step] (its
        default).

    Returns
    -------
    float
        In payoffs squared; at the default step 6 n M D^2 / ((1-gamma)^3 c T).

    Raises
    ------
    ValueError
        Argument out of range; M or D without default.

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.natural_gradient_bound(fm.games.zhang_3x2(), steps=1000, c=0.1), 4)
    0.1728
    """
    steps, c = integer(steps, "steps", 1), real(c, "c", 0.0, 1.0, open_low=True)
    m, width, left = mismatch_or_bound(game, mismatch), potential_range_or_known(game, potential_range), sizes(game)[2]
    eta = step_or_largest(eta, natural_gradient_step(game, potential_range=width), "natural_gradient_step")
    return over(3.0 * m * width, left * eta * steps, c)
