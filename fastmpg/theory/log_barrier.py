r"""Log-barrier regularised gradient and natural gradient play: Zhang et al. (2022) [Z], Theorems 6 and 7.

**Where the printed paper needs care.**

- [Z] Theorem 6's proof prints min ||grad|| <= 2 D/((1-gamma) eta T), which bounds min ||grad||^2; its T is right:
  Lemma 22 asks for ||grad|| <= lam (its proof's lam/2 is unused).
- [Z] Lemma 24 loses a factor M: lam/(d pi) <= 4 M B, not 4 B, B = 1/(1-gamma)^2 + lam A M. Theorem 7 survives, as the
  second entry of its min is always the smaller and at most 1/(16 M B): then exponents stay in [-1/16, 5/16] and
  normalisers at most 1 + 5 eta B/16.
- [Z] Theorem 7's proof prints T >= 18 (Phi~_T - Phi~_0)/((1-gamma) eta lam epsilon), counting 1/(1-gamma) twice: Phi~
  rises by at most D/(1-gamma) from the uniform policy, which Lemma 24 needs, so T >= 18 D/((1-gamma) eta lam epsilon).
"""

from __future__ import annotations

from typing import Literal

from .. import _check
from .._check import integer, real
from ..models.game import Game
from ._constants import mismatch_or_bound, over, potential_range_or_known, round_up, sizes, step_or_largest


def log_barrier_weight(game: Game, *, epsilon: float, rule: Literal["gradient", "natural"] = "gradient",
                       mismatch: float | None = None) -> float:
    """Log-barrier weight proved to reach an epsilon-Nash equilibrium: epsilon / (M A), half of it for "natural".

    Zhang et al. (2022), Theorems 6 and 7.

    Parameters
    ----------
    game : Game
    epsilon : float
        The gap to reach, > 0, in payoffs.
    rule : {"gradient", "natural"}
        Theorem 6 or Theorem 7.
    mismatch : float, optional
        M over all policies, >= num_states.

    Returns
    -------
    float
        lam, in payoffs.

    Raises
    ------
    ValueError
        Argument out of range; M without default.
    """
    epsilon = real(epsilon, "epsilon", 0.0, open_low=True)
    if not isinstance(rule, str) or rule not in ("gradient", "natural"):
        raise ValueError(f"rule must be 'gradient' or 'natural', found {_check.shown(rule)}")
    bound = mismatch_or_bound(game, mismatch)
    return epsilon / (bound * int(game.action_counts().max())) / (1.0 if rule == "gradient" else 2.0)


def log_barrier_gradient_step(game: Game, *, lam: float) -> float:
    """Largest provable step of log-barrier gradient play: 1 / (6 n W/(1-gamma)^3 + 2 lam A).

    Zhang et al. (2022), Theorem 6, Lemma 30.

    Parameters
    ----------
    game : Game
    lam : float
        Log-barrier weight, >= 0, in payoffs.

    Returns
    -------
    float
        eta for rules.GradientPlay with lam, in 1/payoff.
    """
    n, most, left, width = sizes(game)
    return 1.0 / (6.0 * n * width / left**3 + 2.0 * real(lam, "lam", 0.0) * most)


def log_barrier_gradient_iterations(game: Game, *, epsilon: float, mismatch: float | None = None,
                                    potential_range: float | None = None, eta: float | None = None) -> int:
    """Updates in which log-barrier gradient play is proved to reach min_{k<T} gap_k <= epsilon.

    T = 2 A^2 M^2 D / ((1-gamma) eta epsilon^2), from the uniform policy with :func:`log_barrier_weight` at the same M.

    Zhang et al. (2022), Theorem 6, appendix 14.1.

    Parameters
    ----------
    game : Game
    epsilon : float
        The gap to reach, > 0, in payoffs.
    mismatch, potential_range, eta : float, optional
        M over all policies, >= num_states; D >= 0; the run's step, in (0, log_barrier_gradient_step] (its default).

    Returns
    -------
    int
        T >= 1; the best of the first T policies has the gap, not always the last.

    Raises
    ------
    ValueError
        Argument out of range; M or D without default; T beyond the largest float.
    """
    lam = log_barrier_weight(game, epsilon=epsilon, mismatch=mismatch)
    eta = step_or_largest(eta, log_barrier_gradient_step(game, lam=lam), "log_barrier_gradient_step")
    return round_up(2.0 * potential_range_or_known(game, potential_range), sizes(game)[2] * eta * lam * lam)


def log_barrier_natural_step(game: Game, *, lam: float, mismatch: float | None = None) -> float:
    """Provable step of log-barrier natural gradient play from the uniform policy.

        min{ 1/(15 (W/(1-gamma)^2 + lam A M)), 1/(4 (4 lam A M^2 + 4 W M/(1-gamma)^2 + 3 n W M/(1-gamma)^3)) }

    Zhang et al. (2022), Theorem 7, Lemmas 24 and 26. With it clip="centred" never clips and no
    probability falls below lam / (4 (lam A M + W/(1-gamma)^2)).

    Parameters
    ----------
    game : Game
    lam : float
        Log-barrier weight, >= 0, in payoffs.
    mismatch : float, optional
        M over all policies, >= num_states.

    Returns
    -------
    float
        eta for rules.NaturalGradientPlay with lam, in 1/payoff.

    Raises
    ------
    ValueError
        Argument out of range; M without default.
    """
    lam, m = real(lam, "lam", 0.0), mismatch_or_bound(game, mismatch)
    n, most, left, width = sizes(game)
    inside = 15.0 * (width / left**2 + lam * most * m)
    ascend = 4.0 * (4.0 * lam * most * m * m + 4.0 * width * m / left**2 + 3.0 * n * width * m / left**3)
    return 1.0 / max(inside, ascend)


def log_barrier_natural_bound(game: Game, *, steps: int, lam: float, mismatch: float | None = None,
                              potential_range: float | None = None, eta: float | None = None) -> float:
    """Bound on the average gap of log-barrier natural gradient play from the uniform policy.

        (1/T) sum_k gap_k <= 9 D / ((1-gamma) eta lam T) + lam A M

    Zhang et al. (2022), Theorem 7, appendix 14.2.

    Parameters
    ----------
    game : Game
    steps, lam : int, float
        T >= 1, and the run's log-barrier weight, > 0, in payoffs.
    mismatch, potential_range, eta : float, optional
        M over all policies, >= num_states; D >= 0; the run's step, in (0, log_barrier_natural_step] (its default).

    Returns
    -------
    float
        In payoffs.

    Raises
    ------
    ValueError
        Argument out of range; M or D without default.
    """
    steps, lam = integer(steps, "steps", 1), real(lam, "lam", 0.0, open_low=True)
    m, width = mismatch_or_bound(game, mismatch), potential_range_or_known(game, potential_range)
    _, most, left, _ = sizes(game)
    eta = step_or_largest(eta, log_barrier_natural_step(game, lam=lam, mismatch=m), "log_barrier_natural_step")
    return over(9.0 * width, left * eta * steps, lam) + lam * most * m


def log_barrier_natural_iterations(game: Game, *, epsilon: float, mismatch: float | None = None,
                                   potential_range: float | None = None, eta: float | None = None) -> int:
    """Updates in which log-barrier natural gradient play is proved to have an average gap <= epsilon.

    T = 36 A M D / ((1-gamma) eta epsilon^2), from the uniform policy with :func:`log_barrier_weight` at the same M.

    Zhang et al. (2022), Theorem 7, appendix 14.2: half of epsilon for each term of :func:`log_barrier_natural_bound`.

    Parameters
    ----------
    game : Game
    epsilon, mismatch, potential_range, eta
        As for :func:`log_barrier_gradient_iterations`, with log_barrier_natural_step; it raises the same.

    Returns
    -------
    int
    """
    lam = log_barrier_weight(game, epsilon=epsilon, rule="natural", mismatch=mismatch)
    eta = step_or_largest(eta, log_barrier_natural_step(game, lam=lam, mismatch=mismatch), "log_barrier_natural_step")
    return round_up(18.0 * potential_range_or_known(game, potential_range), sizes(game)[2] * eta * lam * epsilon)
