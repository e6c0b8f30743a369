r"""Provable steps and provable bounds, so that a run can be laid against its theorem.

Sources: Zhang, Mei, Dai, Schuurmans and Li (2022), Theorems 4-7 [Z], and Sun, Liu, Kumar and Shahrampour (2024),
Theorem 3.3 [S]. The constants behind every O(.) are those of the proofs ([Z] appendices 12-15).

Letters: n players, A_i actions of player i, gamma the discount, rho the initial law, d the discounted visitation;

    M   = sup over policies of max_s 1/d(s)   <=  max_s 1/((1-gamma) rho(s))             [Z eq. 5]
    c   = min over the run of min_{i,s} sum_{a in argmax Qbar_i(s,.)} pi_i(a|s)           [Z eq. 7, 11]
    D   = phi_max - phi_min, the range of the stage potential phi(s,a)                    [Z Definition 2]
    gap = max_i NE-gap_i

**Payoffs outside [0, 1].** Both papers assume rewards in [0, 1]. Adding a constant to one player's reward changes no
advantage, no update and no gap, so only widths matter. Let W be 1 where every payoff already lies in [0, 1] (then each
formula is the printed one) and the largest max r_i - min r_i over the players otherwise (1 if that is 0). Dividing the
shifted rewards by W gives a game with rewards in [0, 1] and potential range D/W, on which

    the run with (eta, lam, tau, epsilon)   is the run with   (W eta, lam/W, tau/W, epsilon/W)

iterate for iterate, and whose gaps are 1/W of the true ones. Solving back gives, in the game's own units,

    rule                  step                                                       units of the step
    gradient play         (1-gamma)^3 / (6 n W)                                      1/payoff
    natural gradient      (1-gamma)^2 / (2 n D)           (D carries the scale)      1/payoff
    log-barrier gradient  1 / (6 n W/(1-gamma)^3 + 2 lam max A_i)                    1/payoff
    log-barrier natural   1 / (4 (4 lam max A_i M^2 + 4 W M/(1-gamma)^2 + 3 n W M/(1-gamma)^3))
    entropy natural       1 / tau, for tau > 2 W sum A_i                             1/payoff

and bounds on a gap in payoff units, on a squared gap in squared payoff units: steps, weights and temperatures are
passed and returned in the game's own units everywhere, and multiplying all payoffs by k > 0 multiplies W, D, lam, tau,
epsilon and the gap bounds by k and divides the steps by k.

**Where the printed papers need care** (each point is repeated where it matters):

- [Z] Theorem 6's proof prints min ||grad|| <= 2 D/((1-gamma) eta T); that bounds min ||grad||^2. Its T is right.
- [Z] Lemma 21 asks for eta <= (1-gamma)^2, which Theorem 5's step need not satisfy when 2 n D < 1. It is not needed:
  Abar_i <= D/(1-gamma) gives eta Abar_i/(1-gamma) <= 1/(2n) at that step, all that the lemma uses.
- [Z] Lemma 24 loses a factor M: lam/(d pi) is at most 4 M B, not 4 B, with B = 1/(1-gamma)^2 + lam A_i M, so for M > 1
  its condition eta <= 1/(15 B) does not carry the argument. Theorem 7 survives: the second entry of its min, which is
  always the smaller one, is at most 1/(16 M B), and with it eta f <= 5/16 and, by sum pi f^2 <= (max f)(-min f),
  Z <= 1 + eta^2 5 M B^2 <= 1 + 5 eta B/16, which is what the induction needs.
- [Z] Theorem 7's proof prints T >= 18 (Phi~_T - Phi~_0)/((1-gamma) eta lam epsilon), counting 1/(1-gamma) twice; with
  Phi~_T - Phi~_0 <= D/(1-gamma), true from the uniform policy, it is T >= 18 D/((1-gamma) eta lam epsilon).
- [S] Theorem 3.3 is false on part of its range eta < 1/(tau - 2 sum A_i): the proof pulls 1 - eta tau out of a norm as
  if it were positive. With constant payoffs log pi is multiplied by 1 - eta tau, and tau = 12, sum A_i = 4,
  eta = 0.99/4 diverges. The factor proved is |1 - eta tau| + 2 eta sum A_i: the printed one for eta <= 1/tau,
  below 1 exactly for tau > 2 sum A_i and eta < 2/(tau + 2 sum A_i), smallest at eta = 1/tau.
- [S]'s experimental step 1/(2 (tau - 2) sum A_i) is negative for tau < 2 and follows from no theorem: not offered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "entropy_natural_bound",
    "entropy_natural_step",
    "gradient_play_bound",
    "gradient_play_step",
    "log_barrier_gradient_iterations",
    "log_barrier_gradient_step",
    "log_barrier_natural_bound",
    "log_barrier_natural_iterations",
    "log_barrier_natural_step",
    "log_barrier_weight",
    "natural_gradient_bound",
    "natural_gradient_step",
]


class Game(Protocol):
    """What the formulas read from a game; every fastmpg model has it."""

    @property
    def num_players(self) -> int: ...
    @property
    def num_states(self) -> int: ...
    @property
    def num_actions(self) -> tuple[int, ...]: ...
    @property
    def discount(self) -> float: ...
    @property
    def initial(self) -> NDArray[np.float64]: ...
    def payoff_range(self) -> NDArray[np.float64]: ...


# ---------------------------------------------------------------------------------------------------------------------
# Gradient play
# ---------------------------------------------------------------------------------------------------------------------


def gradient_play_step(game: Game) -> float:
    """Largest step at which softmax gradient play is proved to ascend the potential.

    (1-gamma)^3 / (6 n W), the inverse smoothness of the total potential in the softmax parameters. W is 1 for payoffs
    in [0, 1] and the largest width max r_i - min r_i otherwise: gradients scale with W, so the step scales with 1/W.

    Parameters
    ----------
    game : game
        A Markov potential game (not checked; see `fastmpg.potential.defect`).

    Returns
    -------
    float
        eta for `rules.GradientPlay`, in 1/payoff. Any smaller step is covered as well.

    Raises
    ------
    ValueError
        If the game's payoffs or discount are out of range.

    Notes
    -----
    The guarantee is ascent, Phi(k+1) - Phi(k) >= (eta/2) ||grad Phi||^2; convergence to a Nash equilibrium needs in
    addition that stationary policies are isolated and that d(s) > 0 (Assumption 1).

    References
    ----------
    Zhang et al. (2022), Theorems 4 and 5, Lemma 29.

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.gradient_play_step(fm.games.zhang_3x2()), 4)  # 1 / (6 * 2 * 1.2): payoffs in [-1, 0.2]
    0.0694
    """
    return 1.0 / _smoothness(game, 0.0)


def gradient_play_bound(
    game: Game,
    *,
    steps: int,
    c: float,
    mismatch: float | None = None,
    potential_range: float | None = None,
    eta: float | None = None,
) -> float:
    """Bound on the average squared NE-gap along gradient play.

    (1/T) sum_{k<T} gap(k)^2  <=  2 max_i A_i M^2 D / ((1-gamma) c^2 eta T)

    At the default step that is 12 n W max_i A_i M^2 D / ((1-gamma)^4 c^2 T).

    Parameters
    ----------
    game : game
        A Markov potential game.
    steps : int
        T >= 1, the number of updates; the average is over the T policies *before* each of them.
    c : float
        min over those policies of c(pi) (`metrics`, the trace's "c"), in (0, 1]. No a-priori value exists: it depends
        on the run and can be exponentially small.
    mismatch : float, optional
        M, or its maximum over the run, at least the number of states. Default: 1 for one state, else
        max_s 1/((1-gamma) rho(s)).
    potential_range : float, optional
        D, or an upper bound, in payoff units. Default, for identical interest only: max r - min r. The proof only uses
        that the total potential rises by at most D/(1-gamma), so (1-gamma)(Phi_max - Phi_min) serves as well.
    eta : float, optional
        The step of the run, in (0, `gradient_play_step`]. Default: `gradient_play_step`.

    Returns
    -------
    float
        The bound, in squared payoff units; `gap` is the largest NE-gap over the players. Payoffs outside [0, 1] enter
        through D, eta and the condition on eta: with all payoffs multiplied by k the bound grows by k^2.

    Raises
    ------
    ValueError
        If an argument is out of range, eta is beyond the provable step, some rho(s) = 0 and no `mismatch` is given, or
        the game is not of identical interest and no `potential_range` is given.

    Notes
    -----
    With c measured on the run, isolated stationary policies are not needed: they only make c positive for ever.

    References
    ----------
    Zhang et al. (2022), Theorem 5, eq. (12), proof in appendix 13.1 (whose "Theorem 1" is Lemma 1).

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.gradient_play_bound(fm.games.zhang_3x2(), steps=10_000, c=0.1), 4)
    1.0368
    """
    _at_least_one("steps", steps)
    _fraction("c", c)
    m = _mismatch(game, mismatch)
    width = _potential_range(game, potential_range)
    eta = _step(eta, gradient_play_step(game), "gradient_play_step")
    return 2.0 * max(game.num_actions) * m**2 * width / ((1.0 - game.discount) * c**2 * eta * steps)


# ---------------------------------------------------------------------------------------------------------------------
# Natural gradient play
# ---------------------------------------------------------------------------------------------------------------------


def natural_gradient_step(game: Game, *, potential_range: float | None = None) -> float:
    """Largest step at which natural gradient play is proved to ascend the potential.

    (1-gamma)^2 / (2 n D). The proof reads the payoffs only through the potential, so the formula needs no change for
    payoffs outside [0, 1]: D carries their scale.

    Parameters
    ----------
    game : game
        A Markov potential game.
    potential_range : float, optional
        D = max phi - min phi of the *stage* potential, or an upper bound, in payoff units, positive. Default, for
        identical interest only: max r - min r.

    Returns
    -------
    float
        eta for `rules.NaturalGradientPlay`, in 1/payoff. Any smaller step is covered as well.

    Raises
    ------
    ValueError
        If D is 0 (every policy is an equilibrium and every step will do), or the game is not of identical interest and
        no `potential_range` is given.

    Notes
    -----
    Lemma 21's further condition eta <= (1-gamma)^2 is superfluous at this step; see the module's docstring.

    References
    ----------
    Zhang et al. (2022), Theorems 4 and 5, Lemma 20.

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.natural_gradient_step(fm.games.zhang_3x2()), 4)  # 1 / (2 * 2 * 1.2)
    0.2083
    """
    width = _potential_range(game, potential_range)
    if width == 0.0:
        raise ValueError(
            "natural_gradient_step: the potential's range is 0, so every policy is an equilibrium and every step is "
            "provable; expected a positive range"
        )
    return (1.0 - _discount(game)) ** 2 / (2.0 * game.num_players * width)


def natural_gradient_bound(
    game: Game,
    *,
    steps: int,
    c: float,
    mismatch: float | None = None,
    potential_range: float | None = None,
    eta: float | None = None,
) -> float:
    """Bound on the average squared NE-gap along natural gradient play.

    (1/T) sum_{k<T} gap(k)^2  <=  3 M D / ((1-gamma) c eta T)

    At the default step that is 6 n M D^2 / ((1-gamma)^3 c T).

    Parameters
    ----------
    game : game
        A Markov potential game.
    steps : int
        T >= 1, the number of updates; the average is over the T policies *before* each of them.
    c : float
        min over those policies of c(pi), in (0, 1].
    mismatch : float, optional
        M, or its maximum over the run (the policy after the last update included), at least the number of states.
        Default: 1 for one state, else max_s 1/((1-gamma) rho(s)).
    potential_range : float, optional
        D of the stage potential, or an upper bound, in payoff units. Default, for identical interest only:
        max r - min r.
    eta : float, optional
        The step of the run, in (0, `natural_gradient_step`]. Default: `natural_gradient_step`.

    Returns
    -------
    float
        The bound, in squared payoff units; `gap` is the largest NE-gap over the players. Valid as it stands for payoffs
        of any range.

    Raises
    ------
    ValueError
        As `gradient_play_bound`; also if the potential's range is 0.

    References
    ----------
    Zhang et al. (2022), Theorem 5, eq. (13), proof in appendix 13.2.

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.natural_gradient_bound(fm.games.zhang_3x2(), steps=1000, c=0.1), 4)
    0.1728
    """
    _at_least_one("steps", steps)
    _fraction("c", c)
    m = _mismatch(game, mismatch)
    width = _potential_range(game, potential_range)
    eta = _step(eta, natural_gradient_step(game, potential_range=width), "natural_gradient_step")
    return 3.0 * m * width / ((1.0 - game.discount) * c * eta * steps)


# ---------------------------------------------------------------------------------------------------------------------
# Log-barrier regularisation
# ---------------------------------------------------------------------------------------------------------------------


def log_barrier_weight(
    game: Game,
    *,
    epsilon: float,
    rule: Literal["gradient", "natural"] = "gradient",
    mismatch: float | None = None,
) -> float:
    """Log-barrier weight with which an epsilon-Nash equilibrium is proved to be found.

    lam = epsilon / (M max_i A_i) for gradient play, half of it for natural gradient play.

    Parameters
    ----------
    game : game
        A Markov potential game.
    epsilon : float
        The NE-gap to reach, positive, in payoff units.
    rule : {"gradient", "natural"}
        `rules.GradientPlay` (Theorem 6) or `rules.NaturalGradientPlay` (Theorem 7).
    mismatch : float, optional
        M, an upper bound over *all* policies, at least the number of states. Default: 1 for one state, else
        max_s 1/((1-gamma) rho(s)).

    Returns
    -------
    float
        lam, in payoff units; no change for payoffs outside [0, 1], since lam and epsilon scale alike.

    Raises
    ------
    ValueError
        If epsilon is not positive, the rule is unknown, or some rho(s) = 0 and no `mismatch` is given.

    References
    ----------
    Zhang et al. (2022), Theorems 6 and 7.

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.log_barrier_weight(fm.games.zhang_3x2(), epsilon=0.3), 6)  # 0.3 / (1 * 3)
    0.1
    """
    _positive("epsilon", epsilon)
    if rule not in ("gradient", "natural"):
        raise ValueError(f"log_barrier_weight: rule is {rule!r}, expected 'gradient' or 'natural'")
    weight = epsilon / (_mismatch(game, mismatch) * max(game.num_actions))
    return weight if rule == "gradient" else weight / 2.0


def log_barrier_gradient_step(game: Game, *, lam: float) -> float:
    """Provable step of gradient play with a log-barrier.

    1 / (6 n W/(1-gamma)^3 + 2 lam max_i A_i), the inverse smoothness of the regularised potential; with W = 1 this is
    the printed (1-gamma)^3 / (6 n + 2 lam max_i A_i (1-gamma)^3).

    Parameters
    ----------
    game : game
        A Markov potential game.
    lam : float
        The log-barrier weight, at least 0, in payoff units (`log_barrier_weight`). At 0: `gradient_play_step`.

    Returns
    -------
    float
        eta for `rules.GradientPlay(eta, lam)`, in 1/payoff. Any smaller step is covered as well. W is 1 for payoffs in
        [0, 1] and the largest width max r_i - min r_i otherwise.

    Raises
    ------
    ValueError
        If lam is negative or not finite.

    References
    ----------
    Zhang et al. (2022), Theorem 6, Lemma 30.

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.log_barrier_gradient_step(fm.games.zhang_3x2(), lam=0.1), 4)  # 1 / (14.4 + 0.6)
    0.0667
    """
    _not_negative("lam", lam)
    return 1.0 / _smoothness(game, lam)


def log_barrier_gradient_iterations(
    game: Game,
    *,
    epsilon: float,
    mismatch: float | None = None,
    potential_range: float | None = None,
    eta: float | None = None,
) -> int:
    """Updates after which log-barrier gradient play is proved to have met an epsilon-Nash equilibrium.

    T = 2 max_i A_i^2 M^2 D / ((1-gamma) eta epsilon^2), rounded up, with lam = epsilon / (M max_i A_i) and the run
    started at the uniform policy: then min_{k<T} gap(k) <= epsilon.

    Parameters
    ----------
    game : game
        A Markov potential game.
    epsilon : float
        The NE-gap to reach, positive, in payoff units.
    mismatch : float, optional
        M, an upper bound over all policies, at least the number of states. Default: 1 for one state, else
        max_s 1/((1-gamma) rho(s)). The run's lam must use the same M.
    potential_range : float, optional
        D, or an upper bound, in payoff units; (1-gamma)(Phi_max - Phi_min) serves as well. Default, for identical
        interest only: max r - min r.
    eta : float, optional
        The step of the run, in (0, `log_barrier_gradient_step`]. Default: that step at the lam above.

    Returns
    -------
    int
        T >= 1. The best of the first T policies has a gap of at most epsilon, not necessarily the last one.

    Raises
    ------
    ValueError
        If an argument is out of range, eta is beyond the provable step, T exceeds the largest float, or a default does
        not exist (see `gradient_play_bound`).

    Notes
    -----
    The telescoped sum gives min_{k<T} ||grad Phi~||^2 <= 2 D/((1-gamma) eta T). The paper prints the left side without
    the square but concludes, correctly, T >= 2 D/((1-gamma) eta lam^2). Lemma 22 then needs ||grad|| <= lam (its proof
    opens with lam/2, unused). The uniform start makes the barrier's own change at most 0.

    References
    ----------
    Zhang et al. (2022), Theorem 6, proof in appendix 14.1.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.theory.log_barrier_gradient_iterations(fm.games.zhang_3x2(), epsilon=0.25)  # 21.6 * (14.4 + 0.5) / 0.0625
    5150
    """
    lam = log_barrier_weight(game, epsilon=epsilon, rule="gradient", mismatch=mismatch)
    width = _potential_range(game, potential_range)
    eta = _step(eta, log_barrier_gradient_step(game, lam=lam), "log_barrier_gradient_step")
    return _round_up(2.0 * width / ((1.0 - game.discount) * eta * lam**2))


def log_barrier_natural_step(game: Game, *, lam: float, mismatch: float | None = None) -> float:
    """Provable step of natural gradient play with a log-barrier.

    min{ 1/(15 (W/(1-gamma)^2 + lam max_i A_i M)),
         1/(4 (4 lam max_i A_i M^2 + 4 W M/(1-gamma)^2 + 3 n W M/(1-gamma)^3)) }

    Parameters
    ----------
    game : game
        A Markov potential game.
    lam : float
        The log-barrier weight, at least 0, in payoff units (`log_barrier_weight`).
    mismatch : float, optional
        M, an upper bound over all policies, at least the number of states. Default: 1 for one state, else
        max_s 1/((1-gamma) rho(s)).

    Returns
    -------
    float
        eta for `rules.NaturalGradientPlay(eta, lam)`, in 1/payoff, for a run from the uniform policy. Any smaller step
        is covered as well. W is 1 for payoffs in [0, 1] and the largest width max r_i - min r_i otherwise.

    Raises
    ------
    ValueError
        If lam is negative or not finite, or some rho(s) = 0 and no `mismatch` is given.

    Notes
    -----
    The second entry is always the smaller one (M >= 1), and it is also what repairs Lemma 24, whose proof loses a
    factor M when it bounds lam/(d pi); see the module's docstring. At this step every exponent stays in [-1/16, 5/16],
    so `clip="centred"` changes nothing, and pi_i(a|s) >= lam / (4 (lam A_i M + W/(1-gamma)^2)) throughout.

    References
    ----------
    Zhang et al. (2022), Theorem 7, Lemmas 24 and 26.

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.log_barrier_natural_step(fm.games.zhang_3x2(), lam=0.1), 6)  # 1 / (4 (1.2 + 4.8 + 7.2))
    0.018939
    """
    _not_negative("lam", lam)
    m, left, w, actions = _mismatch(game, mismatch), 1.0 - _discount(game), _payoff_width(game), max(game.num_actions)
    stay_inside = 15.0 * (w / left**2 + lam * actions * m)
    ascend = 4.0 * (4.0 * lam * actions * m**2 + 4.0 * w * m / left**2 + 3.0 * game.num_players * w * m / left**3)
    return min(1.0 / stay_inside, 1.0 / ascend)


def log_barrier_natural_bound(
    game: Game,
    *,
    steps: int,
    lam: float,
    mismatch: float | None = None,
    potential_range: float | None = None,
    eta: float | None = None,
) -> float:
    """Bound on the average NE-gap along log-barrier natural gradient play from the uniform policy.

    (1/T) sum_{k<T} gap(k)  <=  9 D / ((1-gamma) eta lam T) + lam max_i A_i M

    Parameters
    ----------
    game : game
        A Markov potential game.
    steps : int
        T >= 1, the number of updates; the average is over the T policies *before* each of them.
    lam : float
        The log-barrier weight of the run, positive, in payoff units.
    mismatch : float, optional
        M, an upper bound over all policies, at least the number of states. Default: 1 for one state, else
        max_s 1/((1-gamma) rho(s)).
    potential_range : float, optional
        D, or an upper bound, in payoff units; (1-gamma)(Phi_max - Phi_min) serves as well. Default, for identical
        interest only: max r - min r.
    eta : float, optional
        The step of the run, in (0, `log_barrier_natural_step`]. Default: `log_barrier_natural_step`.

    Returns
    -------
    float
        The bound, in payoff units (the gap itself, not its square); `gap` is the largest NE-gap over the players. It
        scales with the payoffs as lam does.

    Raises
    ------
    ValueError
        If an argument is out of range, eta is beyond the provable step, or a default does not exist (see
        `gradient_play_bound`).

    Notes
    -----
    The paper states 9 (Phi~(T) - Phi~(0)) for any start; its Lemma 24 needs the uniform one, from which the rise of
    Phi~ is at most D/(1-gamma), which is used here. Without clipping, or with `clip="centred"`, which is then idle.

    References
    ----------
    Zhang et al. (2022), Theorem 7, proof in appendix 14.2.

    Examples
    --------
    >>> import fastmpg as fm
    >>> bound = fm.theory.log_barrier_natural_bound(fm.games.zhang_3x2(), steps=100_000, lam=0.1)
    >>> round(bound, 6)  # 9 * 1.2 * 52.8 / (0.1 * 100_000) + 0.3
    0.357024
    """
    _at_least_one("steps", steps)
    _positive("lam", lam)
    m = _mismatch(game, mismatch)
    width = _potential_range(game, potential_range)
    eta = _step(eta, log_barrier_natural_step(game, lam=lam, mismatch=m), "log_barrier_natural_step")
    return 9.0 * width / ((1.0 - game.discount) * eta * lam * steps) + lam * max(game.num_actions) * m


def log_barrier_natural_iterations(
    game: Game,
    *,
    epsilon: float,
    mismatch: float | None = None,
    potential_range: float | None = None,
    eta: float | None = None,
) -> int:
    """Updates after which log-barrier natural gradient play is proved to have an average gap of at most epsilon.

    T = 36 max_i A_i M D / ((1-gamma) eta epsilon^2), rounded up, with lam = epsilon / (2 M max_i A_i) and the run
    started at the uniform policy: then (1/T) sum_{k<T} gap(k) <= epsilon.

    Parameters
    ----------
    game : game
        A Markov potential game.
    epsilon : float
        The average NE-gap to reach, positive, in payoff units.
    mismatch : float, optional
        M, an upper bound over all policies, at least the number of states. Default: 1 for one state, else
        max_s 1/((1-gamma) rho(s)). The run's lam must use the same M.
    potential_range : float, optional
        D, or an upper bound, in payoff units; (1-gamma)(Phi_max - Phi_min) serves as well. Default, for identical
        interest only: max r - min r.
    eta : float, optional
        The step of the run, in (0, `log_barrier_natural_step`]. Default: that step at the lam above.

    Returns
    -------
    int
        T >= 1.

    Raises
    ------
    ValueError
        If an argument is out of range, eta is beyond the provable step, T exceeds the largest float, or a default does
        not exist (see `gradient_play_bound`).

    Notes
    -----
    Half of epsilon pays for the barrier's bias lam max_i A_i M, half for 9 D/((1-gamma) eta lam T). The proof's
    intermediate T >= 18 (Phi~(T) - Phi~(0))/((1-gamma) eta lam epsilon) counts 1/(1-gamma) twice; the line after it
    (this one) is right.

    References
    ----------
    Zhang et al. (2022), Theorem 7, proof in appendix 14.2.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.theory.log_barrier_natural_iterations(fm.games.zhang_3x2(), epsilon=0.25)  # 129.6 * 50 / 0.0625
    103680
    """
    lam = log_barrier_weight(game, epsilon=epsilon, rule="natural", mismatch=mismatch)
    width = _potential_range(game, potential_range)
    eta = _step(eta, log_barrier_natural_step(game, lam=lam, mismatch=mismatch), "log_barrier_natural_step")
    return _round_up(18.0 * width / ((1.0 - game.discount) * eta * lam * epsilon))


# ---------------------------------------------------------------------------------------------------------------------
# Entropy regularisation
# ---------------------------------------------------------------------------------------------------------------------


def entropy_natural_step(game: Game, *, tau: float) -> float:
    """Provable step of entropy-regularised natural gradient play in a static game: 1/tau.

    For tau > 2 W sum_i A_i it is the largest step at which the rate of Theorem 3.3 is proved, and the one at which that
    rate is fastest, 2 W sum_i A_i / tau per update. The update is then the smoothed best response to the others' last
    policies, pi_i ~ exp(rbar_i / tau).

    Parameters
    ----------
    game : game
        One state and discount 0, otherwise arbitrary: no potential is needed.
    tau : float
        The temperature, above 2 W sum_i A_i, in payoff units. W is 1 for payoffs in [0, 1] and the largest width
        max r_i - min r_i otherwise.

    Returns
    -------
    float
        eta for `rules.EntropyNaturalGradientPlay(eta, tau)`, in 1/payoff. Any smaller step is covered as well, and
        larger ones below 2/(tau + 2 W sum_i A_i), at a slower rate: see `entropy_natural_bound`.

    Raises
    ------
    ValueError
        If tau is at most 2 W sum_i A_i, or the game has several states or a discount above 0.

    Notes
    -----
    The theorem prints the range eta < 1/(tau - 2 sum_i A_i), which is wrong above 1/tau: the proof uses
    ||(1 - eta tau) x|| = (1 - eta tau) ||x||. With constant payoffs the update multiplies log pi by 1 - eta tau and the
    gap, in the end, by its square. So for tau < 4 sum_i A_i the steps from 2/tau up to the printed limit do not
    converge at all, and for every tau the printed rate fails between (1 + 2 sum_i A_i/tau)/tau and the printed limit.
    The paper's own eq. (3) asks for eta tau < 1.

    References
    ----------
    Sun et al. (2024), Theorem 3.3 and eq. (3).

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.theory.entropy_natural_step(fm.games.zhang_3x2(), tau=20.0)  # 20 > 2 * 1.2 * (3 + 2) = 12
    0.05
    """
    _entropy_width(game, tau)
    return 1.0 / tau


def entropy_natural_bound(
    game: Game,
    policy: NDArray[np.float64] | Sequence[NDArray[np.float64]],
    *,
    tau: float,
    eta: float,
    steps: int,
) -> NDArray[np.float64]:
    """Bounds on the QRE-gap along entropy-regularised natural gradient play in a static game.

    QRE-gap(k) <= 2 tau q^k max_i ||log pi_i^0 - log pi_i^0*||_inf,    q = |1 - eta tau| + 2 eta W sum_i A_i

    with pi_i^0* ~ exp(rbar_i^0 / tau) and rbar_i^0 the marginal reward under the initial policy. For eta <= 1/tau and
    payoffs in [0, 1], q is the printed 1 - eta tau + 2 eta sum_i A_i.

    Parameters
    ----------
    game : game
        One state and discount 0, otherwise arbitrary.
    policy : ndarray (1, A_total) or list of ndarray (1, A_i)
        The initial policy; every probability positive.
    tau : float
        The temperature, above 2 W sum_i A_i, in payoff units.
    eta : float
        The step of the run, in (0, 2/(tau + 2 W sum_i A_i)), in 1/payoff; outside, q >= 1.
    steps : int
        Number of updates, at least 0.

    Returns
    -------
    ndarray (steps + 1,)
        The bound before update k at [k], [0] for the initial policy, on the largest QRE-gap over the players, in payoff
        units. W is 1 for payoffs in [0, 1] and the largest width max r_i - min r_i otherwise: dividing the payoffs by W
        turns (eta, tau) into (W eta, tau/W), hence the W in q and in the condition on tau.

    Raises
    ------
    ValueError
        If tau or eta is out of range, the game has several states or a discount above 0, or a probability is not
        positive.

    Notes
    -----
    The paper writes the right side without max_i; its proof has it. Its range for eta is too wide: see
    `entropy_natural_step`.

    References
    ----------
    Sun et al. (2024), Theorem 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> bound = fm.theory.entropy_natural_bound(game, fm.uniform_policy(game), tau=24.0, eta=1 / 24, steps=3)
    >>> np.round(bound / bound[0], 4).tolist()  # q = 2 * 1.2 * 5 / 24
    [1.0, 0.5, 0.25, 0.125]
    """
    width = _entropy_width(game, tau)
    if steps < 0:
        raise ValueError(f"steps is {steps}, expected at least 0")
    total = sum(game.num_actions)
    limit = 2.0 / (tau + 2.0 * width * total)
    if not 0.0 < eta < limit:
        raise ValueError(
            f"eta is {eta}, expected 0 < eta < 2/(tau + 2 W sum A_i) = {limit:.6g}: beyond it no rate is proved, and "
            f"1/(tau - 2 sum A_i) in the printed theorem is an error; entropy_natural_step gives 1/tau = {1 / tau:.6g}"
        )
    joined = np.concatenate([np.asarray(p, float) for p in policy], -1) if isinstance(policy, (list, tuple)) else policy
    p = np.asarray(joined, float).reshape(-1)
    if p.size != total:
        raise ValueError(f"policy has {p.size} entries, expected sum of num_actions = {total}")
    if not np.all(p > 0.0):
        column = int(np.flatnonzero(~(p > 0.0))[0])
        raise ValueError(
            f"policy has {p[column]} in column {column}, expected every probability positive: the bound starts from "
            "the largest |log pi - log pi*|, which is infinite there"
        )
    from .evaluate import evaluate  # the theory needs no compiled code until a policy is to be evaluated

    evaluated: Any = evaluate(game, policy)  # type: ignore[arg-type,unused-ignore]
    logits = np.asarray(evaluated.q_bar, float).reshape(-1) / tau
    distance = 0.0
    stop = 0
    for actions in game.num_actions:
        start, stop = stop, stop + actions
        response = logits[start:stop] - logits[start:stop].max()
        response -= np.log(np.exp(response).sum())
        distance = max(distance, float(np.abs(np.log(p[start:stop]) - response).max()))
    rate = abs(1.0 - eta * tau) + 2.0 * eta * width * total
    bound: NDArray[np.float64] = 2.0 * tau * distance * rate ** np.arange(steps + 1, dtype=np.float64)
    return bound


# ---------------------------------------------------------------------------------------------------------------------
# What a game says about itself
# ---------------------------------------------------------------------------------------------------------------------


def _payoff_range(game: Game) -> NDArray[np.float64]:
    """(N, 2) of (min, max), checked."""
    payoffs = np.asarray(game.payoff_range(), dtype=np.float64)
    if payoffs.shape != (game.num_players, 2):
        raise ValueError(f"game.payoff_range() has shape {payoffs.shape}, expected ({game.num_players}, 2)")
    wrong = ~(np.isfinite(payoffs).all(axis=1) & (payoffs[:, 0] <= payoffs[:, 1]))
    if wrong.any():
        player = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"player {player}: the payoff range is {payoffs[player].tolist()}, expected finite min <= max; "
            "no theorem covers unbounded payoffs"
        )
    return payoffs


def _payoff_width(game: Game) -> float:
    """W of the module's docstring: 1 for payoffs in [0, 1], else the largest width over the players (1 if 0)."""
    payoffs = _payoff_range(game)
    if payoffs.min() >= 0.0 and payoffs.max() <= 1.0:
        return 1.0
    width = float((payoffs[:, 1] - payoffs[:, 0]).max())
    return width if width > 0.0 else 1.0


def _discount(game: Game) -> float:
    gamma = float(game.discount)
    if not 0.0 <= gamma < 1.0:
        raise ValueError(f"game.discount is {gamma}, expected 0 <= discount < 1")
    return gamma


def _smoothness(game: Game, lam: float) -> float:
    """6 n W/(1-gamma)^3 + 2 lam max_i A_i, the smoothness of the (regularised) potential: Z Lemmas 29 and 30."""
    curvature = 6.0 * game.num_players * _payoff_width(game) / (1.0 - _discount(game)) ** 3
    return curvature + 2.0 * lam * max(game.num_actions)


def _mismatch(game: Game, mismatch: float | None) -> float:
    """M as given, or its a-priori bound (Z, after Assumption 1); 1 for one state, where d = 1."""
    gamma = _discount(game)
    if mismatch is not None:
        if not (math.isfinite(mismatch) and mismatch >= game.num_states * (1.0 - 1e-9)):
            raise ValueError(
                f"mismatch is {mismatch}, expected a finite number of at least num_states = {game.num_states}: "
                "it is max_s 1/d(s), and d sums to 1"
            )
        return float(mismatch)
    if game.num_states == 1:
        return 1.0
    initial = np.asarray(game.initial, dtype=np.float64)
    if not np.all(initial > 0.0):
        state = int(np.flatnonzero(~(initial > 0.0))[0])
        raise ValueError(
            f"state {state}: the initial law is {initial[state]}, so the bound M <= max_s 1/((1-gamma) rho(s)) does "
            "not exist; start from a law that is positive everywhere, or pass mismatch=..., an upper bound on "
            "max_s 1/d(s) with d the visitation (fastmpg.evaluate(game, policy).visit) over the policies of the run"
        )
    return 1.0 / ((1.0 - gamma) * float(initial.min()))


def _potential_range(game: Game, potential_range: float | None) -> float:
    """D as given, or the reward's own range where the reward is the potential."""
    if potential_range is not None:
        _not_negative("potential_range", potential_range)
        return float(potential_range)
    payoffs = _payoff_range(game)
    if not (_shares_one_reward(game) and bool(np.all(payoffs == payoffs[0]))):
        raise ValueError(
            "the potential's range is known only for identical interest games; pass potential_range=..., "
            "max phi - min phi of the stage potential or an upper bound on it (for a normal-form potential game the "
            f"sum of the players' payoff widths is one: {float((payoffs[:, 1] - payoffs[:, 0]).sum()):.6g})"
        )
    return float(payoffs[0, 1] - payoffs[0, 0])


def _shares_one_reward(game: Game) -> bool:
    """Whether every player has the same reward: the game says so, stores it once, or stores equal planes."""
    declared = getattr(game, "shares_reward", False)
    if game.num_players == 1 or (isinstance(declared, (bool, np.bool_)) and bool(declared)):
        return True
    rewards = getattr(game, "rewards", None)
    return isinstance(rewards, np.ndarray) and all(np.array_equal(plane, rewards[0]) for plane in rewards[1:])


def _entropy_width(game: Game, tau: float) -> float:
    """W, once the game is static and tau is in the range of S Theorem 3.3."""
    if game.num_states != 1 or _discount(game) != 0.0:
        raise ValueError(
            f"the game has {game.num_states} states and discount {game.discount}, expected one state and discount 0: "
            "the linear rate is proved for static games only (the paper's Markov games are experiments)"
        )
    width = _payoff_width(game)
    least = 2.0 * width * sum(game.num_actions)
    if not (tau > least and math.isfinite(tau)):
        raise ValueError(
            f"tau is {tau}, expected more than 2 W sum A_i = {least:.6g} (W = {width:.6g}, the width of the payoffs): "
            "at or below it no step is proved to converge, though smaller temperatures often work in practice"
        )
    return width


# ---------------------------------------------------------------------------------------------------------------------
# Arguments
# ---------------------------------------------------------------------------------------------------------------------


def _positive(name: str, value: float) -> None:
    if not (value > 0.0 and math.isfinite(value)):
        raise ValueError(f"{name} is {value}, expected a positive finite number")


def _not_negative(name: str, value: float) -> None:
    if not (value >= 0.0 and math.isfinite(value)):
        raise ValueError(f"{name} is {value}, expected a finite number of at least 0")


def _fraction(name: str, value: float) -> None:
    if not 0.0 < value <= 1.0:
        raise ValueError(f"{name} is {value}, expected 0 < {name} <= 1")


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} is {value}, expected at least 1")


def _step(eta: float | None, largest: float, source: str) -> float:
    """eta, or the largest provable one; refused beyond it (a rounding error above is let pass)."""
    if eta is None:
        return largest
    _positive("eta", eta)
    if eta > largest * (1.0 + 1e-12):
        raise ValueError(f"eta is {eta}, expected at most {source} = {largest:.6g}: beyond it no bound is proved")
    return float(eta)


def _round_up(iterations: float) -> int:
    """The next whole number, at least 1; a rounding error above a whole number is not charged."""
    if not math.isfinite(iterations):
        raise ValueError("the number of iterations exceeds the largest float; expected a larger epsilon")
    nearest = round(iterations)
    if abs(iterations - nearest) <= 1e-12 * iterations:
        return max(1, nearest)
    return max(1, math.ceil(iterations))
