r"""Provable steps and bounds, to lay a run against its theorem: Zhang et al. (2022) [Z], Theorems 4-7, and Sun et al.
(2024) [S], Theorem 3.3, with the constants of their proofs. Games are Markov potential games (not checked); those of
[S] are static, potential or not. Every provable step comes with all smaller ones. n players, A = max_i A_i, gamma the
discount:

    M    >= max_s 1/d(s) over a run (for log-barriers, over all policies), d the visitation [Z eq. 5]; by default 1 for one
            state, otherwise max_s 1/((1-gamma) rho(s)), rho the initial law
    c    =  the run's least :func:`fastmpg.metrics.c` [Z eq. 7, 11]; no default: it can be exponentially small
    D    >= max phi - min phi of the stage potential [Z Definition 2]; by default, for identical interest only, max r - min r;
            without a natural_gradient_step, (1-gamma)(max Phi - min Phi) of the total potential serves as well
    gap  =  the largest NE-gap over the players; sums over k < T are over the policies *before* each of T updates

**Units.** The papers take rewards in [0, 1]. A constant added to a player's reward changes no update and no gap, so
widths alone matter: W is 1 if every payoff lies in [0, 1] (each formula is then the printed one), otherwise the largest
max r_i - min r_i (1 if that is 0). Shifted and divided by W, the rewards are in [0, 1], and (eta, lam, tau, epsilon, D,
gap) become (W eta, lam/W, tau/W, epsilon/W, D/W, gap/W) along the same run. Solved back, all is in the game's own
units: eta in 1/payoff; lam, tau, epsilon, D and gaps in payoffs.

**Where the printed papers need care.**

- [Z] Theorem 6's proof prints min ||grad|| <= 2 D/((1-gamma) eta T), which bounds min ||grad||^2; its T is right:
  Lemma 22 asks for ||grad|| <= lam (its proof's lam/2 is unused).
- [Z] Lemma 21 asks for eta <= (1-gamma)^2, which Theorem 5's step misses when 2 n D < 1; it uses only
  eta Abar_i/(1-gamma) <= 1/(2n), true at that step as Abar_i <= D/(1-gamma).
- [Z] Lemma 24 loses a factor M: lam/(d pi) <= 4 M B, not 4 B, B = 1/(1-gamma)^2 + lam A M. Theorem 7 survives, as the
  second entry of its min is always the smaller and at most 1/(16 M B): then exponents stay in [-1/16, 5/16] and
  normalisers at most 1 + 5 eta B/16.
- [Z] Theorem 7's proof prints T >= 18 (Phi~_T - Phi~_0)/((1-gamma) eta lam epsilon), counting 1/(1-gamma) twice: Phi~
  rises by at most D/(1-gamma) from the uniform policy, which Lemma 24 needs, so T >= 18 D/((1-gamma) eta lam epsilon).
- [S] Theorem 3.3 is false on part of its range eta < 1/(tau - 2 sum A_i), as its proof takes 1 - eta tau out of a norm
  as if positive: constant payoffs with tau = 12, sum A_i = 4, eta = 0.99/4 diverge. The factor proved is |1 - eta tau|
  + 2 eta sum A_i: below 1 for tau > 2 sum A_i, eta < 2/(tau + 2 sum A_i), least at 1/tau. Its right side lacks max_i.
- [S]'s experimental step 1/(2 (tau - 2) sum A_i) is negative for tau < 2 and follows from no theorem: not offered.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from . import _check
from ._check import Float, integer, real
from .metrics.evaluation import evaluate
from .models.game import Game, check_game
from .policy import check_policy, split


def _payoffs(game: Game) -> Float:
    """(N, 2) of (min, max)."""
    check_game(game)
    payoffs = _check.array(game.payoff_range(), "game.payoff_range()")
    _check.shape(payoffs, "game.payoff_range()", (game.num_players, 2), "(N, 2)")
    if (payoffs[:, 0] > payoffs[:, 1]).any():
        raise ValueError(f"game.payoff_range() must hold min <= max for every player, found {payoffs.tolist()}")
    return payoffs


def _sizes(game: Game) -> tuple[int, int, float, float]:
    """n, A = max A_i, 1 - gamma and W."""
    payoffs = _payoffs(game)
    width = float(np.ptp(payoffs, axis=1).max())
    if width == 0.0 or (payoffs.min() >= 0.0 and payoffs.max() <= 1.0):
        width = 1.0
    return game.num_players, max(game.num_actions), 1.0 - real(game.discount, "game.discount", 0.0, 1.0,
                                                               open_high=True), width


def _mismatch(game: Game, given: float | None) -> float:
    """M as given, or its a-priori bound."""
    check_game(game)
    if given is not None:
        # up to rounding
        return real(given, "mismatch (at least num_states, as d sums to 1)", game.num_states * (1.0 - 1e-9))
    if game.num_states == 1:
        return 1.0
    if not (game.initial > 0.0).all():
        s = int(np.argmin(game.initial > 0.0))
        raise ValueError(f"the initial law must be positive in every state, found {game.initial[s]} in state {s}; or "
                         "pass mismatch=..., an upper bound on fastmpg.metrics.mismatch over the run's policies")
    return 1.0 / (_sizes(game)[2] * float(game.initial.min()))


def _potential_range(game: Game, given: float | None) -> float:
    """D as given, or the reward's own range where the reward is the potential."""
    if given is not None:
        return real(given, "potential_range", 0.0)
    widths = np.ptp(_payoffs(game), axis=1)
    planes = np.asarray(getattr(game, "rewards", ()))  # one reward may be stored once per player
    if not (game.shares_reward or game.num_players == 1 or (planes.size and (planes == planes[:1]).all())):
        raise ValueError("potential_range is known only for identical interest, found different rewards; pass max phi "
                         "- min phi or an upper bound (for a normal-form potential game, such as the sum of payoff "
                         f"widths, {widths.sum():.6g})")
    return float(widths[0])


def _over(top: float, *below: float) -> float:
    """top divided by positive numbers in turn, infinite where they underflow to 0."""
    for each in below:
        top = top / each if each > 0.0 else math.inf if top > 0.0 else 0.0
    return top


def _step(eta: float | None, largest: float, source: str) -> float:
    """eta, by default the largest provable one and at most (up to rounding) that."""
    return largest if eta is None else real(eta, f"eta (provable up to {source})", 0.0, largest * (1.0 + 1e-12),
                                            open_low=True)


def _round_up(top: float, bottom: float) -> int:
    """top / bottom as a number of updates; a rounding error above a whole number is not charged."""
    count = top / bottom if bottom > 0.0 else math.inf
    if not math.isfinite(count):
        raise ValueError("the number of iterations must be a finite float, found more; give a larger "
                         "epsilon or eta, or a smaller mismatch or potential_range")
    near = round(count)
    return max(1, near if abs(count - near) <= 1e-12 * count else math.ceil(count))


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
    m, width, (_, most, left, _) = _mismatch(game, mismatch), _potential_range(game, potential_range), _sizes(game)
    eta = _step(eta, gradient_play_step(game), "gradient_play_step")
    return _over(2.0 * most * m * m * width, left * eta * steps, c, c)


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
    (n, _, left, _), width = _sizes(game), _potential_range(game, potential_range)
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
    m, width, left = _mismatch(game, mismatch), _potential_range(game, potential_range), _sizes(game)[2]
    eta = _step(eta, natural_gradient_step(game, potential_range=width), "natural_gradient_step")
    return _over(3.0 * m * width, left * eta * steps, c)


def log_barrier_weight(game: Game, *, epsilon: float, rule: Literal["gradient", "natural"] = "gradient",
                       mismatch: float | None = None) -> float:
    """Log-barrier weight that is proved to reach an epsilon-Nash equilibrium: epsilon / (M A), half of it for
    "natural".

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
    return epsilon / (_mismatch(game, mismatch) * max(game.num_actions)) / (1.0 if rule == "gradient" else 2.0)


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
    n, most, left, width = _sizes(game)
    return 1.0 / (6.0 * n * width / left**3 + 2.0 * real(lam, "lam", 0.0) * most)


def log_barrier_gradient_iterations(game: Game, *, epsilon: float, mismatch: float | None = None,
                                    potential_range: float | None = None, eta: float | None = None) -> int:
    """Updates in which log-barrier gradient play is proved to meet an epsilon-Nash equilibrium: min_{k<T} gap_k <=
    epsilon.

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
    eta = _step(eta, log_barrier_gradient_step(game, lam=lam), "log_barrier_gradient_step")
    return _round_up(2.0 * _potential_range(game, potential_range), _sizes(game)[2] * eta * lam * lam)


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
    lam, m = real(lam, "lam", 0.0), _mismatch(game, mismatch)
    n, most, left, width = _sizes(game)
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
    m, width, (_, most, left, _) = _mismatch(game, mismatch), _potential_range(game, potential_range), _sizes(game)
    eta = _step(eta, log_barrier_natural_step(game, lam=lam, mismatch=m), "log_barrier_natural_step")
    return _over(9.0 * width, left * eta * steps, lam) + lam * most * m


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
    eta = _step(eta, log_barrier_natural_step(game, lam=lam, mismatch=mismatch), "log_barrier_natural_step")
    return _round_up(18.0 * _potential_range(game, potential_range), _sizes(game)[2] * eta * lam * epsilon)


def _entropy_check(game: Game, tau: float) -> tuple[float, float]:
    """tau in the range of Theorem 3.3 and 2 W sum A_i, of a static game."""
    check_game(game)
    if game.num_states != 1 or game.discount != 0.0:
        raise ValueError(f"the game must have one state and discount 0, found {game.num_states} states and discount "
                         f"{game.discount:g}")
    width = _sizes(game)[3]
    least = 2.0 * width * sum(game.num_actions)
    return real(tau, f"tau (above 2 W sum A_i, with payoffs of width W = {width:g})", least, open_low=True), least


def entropy_natural_step(game: Game, *, tau: float) -> float:
    """Step with the fastest proved rate, 1/tau: a smoothed best response.

    Sun et al. (2024), Theorem 3.3 and eq. (3), which asks for eta tau < 1.

    Parameters
    ----------
    game : Game
        One state, discount 0.
    tau : float
        Temperature, above 2 W sum A_i.

    Returns
    -------
    float
        eta for rules.EntropyNaturalGradientPlay, in 1/payoff, with rate 2 W sum A_i / tau.

    Raises
    ------
    ValueError
        tau out of range, or no static game.
    """
    return 1.0 / _entropy_check(game, tau)[0]


def entropy_natural_bound(game: Game, policy: Any, *, tau: float, eta: float, steps: int) -> Float:
    """Bounds on the QRE-gap along entropy-regularised natural gradient play.

        QRE-gap_k <= 2 tau q^k max_i ||log pi_i^0 - log pi_i^0*||_inf,    q = |1 - eta tau| + 2 eta W sum A_i

    with pi_i^0* ~ exp(rbar_i^0 / tau), rbar_i^0 the marginal reward at the initial policy.

    Sun et al. (2024), Theorem 3.3, with the factor that its proof gives: the printed one for eta <= 1/tau.

    Parameters
    ----------
    game : Game
        One state, discount 0.
    policy : array_like (1, A_total), or list of (1, A_i)
        Initial, every probability > 0.
    tau, eta, steps : float, float, int
        Temperature, above 2 W sum A_i; step, in (0, 2/(tau + 2 W sum A_i)); updates, >= 0.

    Returns
    -------
    ndarray (steps + 1,)
        At [k], on the largest QRE-gap over the players after k updates, in payoffs.

    Raises
    ------
    ValueError
        Argument out of range, or no static game.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> bound = fm.theory.entropy_natural_bound(game, fm.uniform_policy(game), tau=24.0, eta=1 / 24, steps=3)
    >>> (bound / bound[0]).round(4)  # q = 2 * 1.2 * 5 / 24
    array([1.   , 0.5  , 0.25 , 0.125])
    """
    tau, pull = _entropy_check(game, tau)
    steps = integer(steps, "steps", 0)
    _check.budget(24 * (steps + 1), f"a bound for each of steps = {steps}", "ask for fewer steps")
    eta = real(eta, "eta (below 2/(tau + 2 W sum A_i); the printed 1/(tau - 2 sum A_i) is an error)", 0.0,
               2.0 / (tau + pull), open_low=True, open_high=True)
    parts = split(game, check_policy(game, policy))
    for i, part in enumerate(parts):
        if not part.all():
            raise ValueError(f"policy must be positive everywhere, found 0 for player {i}, action "
                             f"{int(np.argmin(part))}")
    distance = 0.0
    for part, q in zip(parts, split(game, evaluate(game, policy).q_bar)):
        soft = (q - q.max()) / tau
        distance = max(distance, float(np.abs(np.log(part) - soft + np.log(np.exp(soft).sum())).max()))
    return np.asarray(2.0 * tau * distance * (abs(1.0 - eta * tau) + eta * pull) ** np.arange(steps + 1.0))
