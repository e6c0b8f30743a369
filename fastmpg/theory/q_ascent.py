r"""Independent Q-ascent: Ding et al. (2022) [D], steps, regret, and the comparison of methods in their slides.

The rule is pi_i <- P(pi_i + alpha Qbar_i), all players at once, from pi to pi', delta_i = pi_i' - pi_i. It is the
gradient's step with a penalty that is weighed by the visitation, which cancels it:

    pi_i'(. | s) = argmax_p  <p, d(s) Qbar_i(s, .)/(1-gamma)> - d(s)/(2 (1-gamma) alpha) ||p - pi_i(. | s)||^2

**Identical interest: what is proved here.** Rewards of width W (all else is in units of W); w = W/(1-gamma) is the
width of Q; N players, A = max A_i; V = V(rho).

1. A projection is a variational inequality, <p - pi_i', pi_i + alpha Qbar_i - pi_i'> <= 0 for all p. At p = pi_i:
   <delta_i, Qbar_i> >= ||delta_i||^2/alpha.
2. Let players move one after the other: pi' - pi = sum_i delta_i x pi'_{<i} x pi_{>i}, and each term differs from
   delta_i x pi_{-i} by sum_{j<i} delta_i x delta_j x (the others). Rows of delta sum to 0, so that each such pair
   changes <., Q> by at most (w/2) ||delta_i||_1 ||delta_j||_1 <= (w A/2) ||delta_i|| ||delta_j||, and all of them by at
   most (w A/4)(N-1) ||delta||^2, where ||delta||^2 is the sum over players.
3. The performance difference V' - V = sum_s d'(s) <pi' - pi, Q>/(1-gamma) with 1 and 2:

       V' - V >= (1/alpha - (N-1) A w/4)/(1-gamma) sum_s d'(s) ||delta(s)||^2

   so that V never falls where alpha <= 4/((N-1) A w), and the bracket is at least 7/(8 alpha) at alpha = 1/(2 N A w).
4. For the best response p: <p - pi_i', Qbar_i> <= <p - pi_i', delta_i>/alpha <= sqrt(2) ||delta_i||/alpha, and
   <delta_i, Qbar_i> <= (w/2) ||delta_i||_1 <= (w/2) sqrt(A) ||delta_i||. At that alpha the sum is below
   2 ||delta_i||/alpha (A >= 2; a player with one action has delta_i = 0). With d* the visitation of the response,

       gap_i <= 2/(alpha (1-gamma)) sum_s d*(s) ||delta_i(s)||

5. Cauchy and Schwarz over T steps: sum_s,t d* ||delta|| <= sqrt(sum d*^2/d') sqrt(sum d' ||delta||^2). The first sum
   is at most T max d*/d' <= T d/(1-gamma), as d' >= (1-gamma) rho and d* <= d rho; the second at most
   8 alpha (1-gamma)/7 (V_T - V_0) <= 8 alpha W/7. Together, with alpha = (1-gamma)/(2 N A W),

       (1/T) sum_t max_i gap_i(pi^t) <= W sqrt(64 d N A/(7 T))/(1-gamma)^2

**Rates of [D]'s slides**, up to constants, powers of 1-gamma and the potential's range: Nash regret of order

    Markov potential games    min(d, S)^2 sqrt(A N/T)       with linear Q  d^2 sqrt(A N/T)     + (d^2 U A N e)^(1/3)
    identical interest        sqrt(d_c) sqrt(A N/T)         with linear Q  sqrt(d) sqrt(A N/T) + (d^2 U A N e)^(1/3)

where d_c is the least d of any rho (5 has that of the game's rho), U bounds the weights and e is the critic's
statistical error. The constants of the paper were not read, and are not here.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .._check import integer, real
from ..models.game import Game, check_game
from ._constants import exact_mismatch, payoff_range_of, potential_range_or_known, sizes
from .mismatch import mismatch_supremum


def _shared_sizes(game: Game) -> tuple[int, int, float, float]:
    """N, A, 1 - gamma and the width of the one reward; ValueError where there are several."""
    check_game(game)
    width = potential_range_or_known(game, None, shared=True)
    players, most, left, _ = sizes(game)
    return players, most, left, width


def q_ascent_step(game: Game) -> float:
    """The step of independent Q-ascent with a proved regret: alpha = (1-gamma)/(2 N A W).

    Parameters
    ----------
    game : Game
        Of identical interest.

    Returns
    -------
    float
        eta for rules.QAscent, in 1/payoff; infinite where all payoffs are equal. V(rho) never falls at any step up to
        8 N/(N-1) times as long.

    Raises
    ------
    ValueError
        If the players' rewards differ, or the discount is 1.

    Notes
    -----
    Ding et al. (2022); see the module for the proof.

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.q_ascent_step(fm.games.zhang_3x2()), 4)  # 1 / (2 * 2 * 3 * 1.2): payoffs in [-1, 0.2]
    0.0694
    """
    players, most, left, width = _shared_sizes(game)
    return left / (2 * players * most * width) if width > 0.0 else math.inf


def q_ascent_bound(game: Game, *, steps: int, ratio: float | None = None) -> float:
    """Bound on the Nash regret of independent Q-ascent: W sqrt(64 d N A/(7 T))/(1-gamma)^2.

    Parameters
    ----------
    game : Game
        Of identical interest.
    steps : int
        T >= 1, the policies that are averaged over, the first among them.
    ratio : float, optional
        d >= 1, a bound on d(s)/rho(s) over all policies; by default that of :func:`mismatch_supremum` where joint
        actions are few, otherwise 1/min rho.

    Returns
    -------
    float
        Of (1/T) sum_t max_i gap_i(pi^t) at the step :func:`q_ascent_step`, in payoffs.

    Raises
    ------
    ValueError
        If the players' rewards differ, or rho is 0 somewhere and no ratio is given.

    Notes
    -----
    Ding et al. (2022); see the module for the proof.

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.q_ascent_bound(fm.games.zhang_3x2(), steps=10_000), 3)
    0.089
    """
    players, most, left, width = _shared_sizes(game)
    count, d = integer(steps, "steps", low=1), _ratio(game, ratio)
    return width * math.sqrt(64.0 * d * players * most / (7.0 * count)) / left**2


def _ratio(game: Game, given: float | None) -> float:
    """d as given, exact, or bounded."""
    if given is not None:
        return real(given, "ratio (at least 1)", 1.0)
    found = exact_mismatch(game)
    if found is not None and math.isfinite(found.ratio):
        return found.ratio
    least = float(game.initial.min())
    if least <= 0.0:
        raise ValueError(f"the initial law must be positive in every state, found {least} in state "
                         f"{int(game.initial.argmin())}; or pass ratio=..., a bound on d(s)/rho(s) over all policies")
    return 1.0 / least


class IterationsRow(NamedTuple):
    """A method of the slides' comparison; ``iterations`` and ``samples`` up to constants and powers of 1/(1-gamma)."""

    method: str
    source: str
    iterations: float
    samples: float


def iterations_table(game: Game, epsilon: float, *, c: float | None = None) -> list[IterationsRow]:
    """Orders of the iterations to an epsilon near-Nash policy by method, as the slides of Ding et al. (2022) compare.

    Parameters
    ----------
    game : Game
        A Markov potential game (not checked) in a form whose joint actions can be listed.
    epsilon : float
        > 0, in payoffs.
    c : float, optional
        min over players, states and steps of the probability of a best action, from a run
        (:func:`fastmpg.metrics.c`), in (0, 1]; without it softmax gradient ascent has NaN.

    Returns
    -------
    list of IterationsRow
        Q-ascent A N d^4/eps^2 (with exact values) and A^2 N^2 d^6/eps^5 samples; projected gradient ascent twice,
        S A N d^2/eps^2 and S^2 A N d^4/eps^6, S A N D_inf^2/eps^2 and S^4 A^3 N D_inf^6/eps^6; softmax gradient ascent
        A N M^2/(c eps)^2. **Orders, not numbers**: constants and powers of 1/(1-gamma) are left out, as in the slides;
        epsilon counts in units of the widest payoff.

    Raises
    ------
    ValueError, MemoryError
        As :func:`mismatch_supremum`; if epsilon or c is out of range.

    Notes
    -----
    Ding et al. (2022), slides; Leonardos et al. (2022); Zhang, Ren, Li (2021); Zhang et al. (2022). d, D_inf and M are
    exact suprema over policies, see :class:`MismatchSupremum`.

    Examples
    --------
    >>> import fastmpg as fm
    >>> for row in fm.theory.iterations_table(fm.games.zhang_3x2(), 0.12, c=0.5):
    ...     print(f"{row.method:31}{row.iterations:6.0f}")
    independent Q-ascent              600
    projected gradient ascent         600
    projected gradient ascent         600
    softmax gradient ascent          2400
    """
    check_game(game)
    players, most, _, _ = sizes(game)
    share = real(epsilon, "epsilon", 0.0, open_low=True)
    least = math.nan if c is None else real(c, "c", 0.0, 1.0, open_low=True)
    widths = payoff_range_of(game)
    share /= float((widths[:, 1] - widths[:, 0]).max()) or 1.0
    found, states, size = mismatch_supremum(game), float(game.num_states), float(players * most)

    def over(top: float, power: int) -> float:
        try:
            return top / share**power
        except (OverflowError, ZeroDivisionError):
            return 0.0 if share > 1.0 else math.inf

    d, pair, m = found.ratio, found.pair_ratio, found.mismatch
    return [
        IterationsRow("independent Q-ascent", "Ding et al. 2022", over(size * d**4, 2), over(size**2 * d**6, 5)),
        IterationsRow("projected gradient ascent", "Leonardos et al. 2022", over(states * size * d**2, 2),
                      over(states**2 * size * d**4, 6)),
        IterationsRow("projected gradient ascent", "Zhang, Ren, Li 2021", over(states * size * pair**2, 2),
                      over(states**4 * size * most**2 * pair**6, 6)),
        IterationsRow("softmax gradient ascent", "Zhang et al. 2022", over(size * (m / least) * (m / least), 2),
                      math.nan)]
