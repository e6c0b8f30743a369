r"""Entropy-regularised natural gradient play: Sun et al. (2024) [S], Theorem 3.3.

**Where the printed paper needs care.**

- [S] Theorem 3.3 is false on part of its range eta < 1/(tau - 2 sum A_i), as its proof takes 1 - eta tau out of a norm
  as if positive: constant payoffs with tau = 12, sum A_i = 4, eta = 0.99/4 diverge. The factor proved is |1 - eta tau|
  + 2 eta sum A_i: below 1 for tau > 2 sum A_i, eta < 2/(tau + 2 sum A_i), least at 1/tau. Its right side lacks max_i.
- The last line of its proof, printed as an inequality, is an equality: log xi_i^0 - rbar_i^0/tau = log pi_i^0 -
  log pi_i^0*, as xi_i^0 = |exp(rbar_i^0/tau)|_1 pi_i^0. Nothing is lost there.
- [S]'s experimental step 1/(2 (tau - 2) sum A_i) is negative for tau < 2 and follows from no theorem: not offered.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float, integer, real
from .._same import comparable
from ..metrics.evaluation import evaluate
from ..models.game import Game, check_game
from ..policy import check_policies, check_policy, split
from ._constants import sizes


def _static(game: Game) -> None:
    check_game(game)
    if game.num_states != 1 or game.discount != 0.0:
        raise ValueError(f"the game must have one state and discount 0, found {game.num_states} states and discount "
                         f"{game.discount:g}")


def _entropy_check(game: Game, tau: float) -> tuple[float, float]:
    """tau in the range of Theorem 3.3 and 2 W sum A_i, of a static game."""
    _static(game)
    width = sizes(game)[3]
    least = 2.0 * width * int(game.action_counts().sum())
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
    can = [np.ones(part.shape, np.bool_) for part in parts] if game.available is None else split(game, game.available)
    for i, part in enumerate(parts):
        if not part[can[i]].all():
            raise ValueError(f"policy must be positive everywhere, found 0 for player {i}, action "
                             f"{int(np.argmin(np.where(can[i], part, 1.0)))}")
    distance = 0.0
    for i, q in enumerate(split(game, evaluate(game, policy).q_bar)):
        part, soft = parts[i][can[i]], (q[can[i]] - q.max()) / tau
        distance = max(distance, float(np.abs(np.log(part) - soft + np.log(np.exp(soft).sum())).max()))
    return np.asarray(2.0 * tau * distance * (abs(1.0 - eta * tau) + eta * pull) ** np.arange(steps + 1.0))


@comparable
class EntropyProof(NamedTuple):
    """What :func:`entropy_natural_proof` finds, at [k] of the k-th policy.

    Attributes
    ----------
    log_xi : ndarray (K, A_total)
        Logarithms of the auxiliary sequence (5); pi_i^k is xi_i^k, normalised. NaN at actions that a player does not
        have.
    distance : ndarray (K, N)
        ||log xi_i^k - rbar_i^k/tau||_inf.
    pull : ndarray (K - 1, N)
        ||rbar_i^(k+1) - rbar_i^k||_inf/tau: by (6), distance^(k+1) <= |1 - eta tau| distance^k + pull^k.
    gap_bound : ndarray (K,)
        2 tau max_i distance_i^k, above the largest QRE-gap: the proof's, before it is bounded by its start.
    """

    log_xi: Float
    distance: Float
    pull: Float
    gap_bound: Float


def entropy_natural_proof(game: Game, policies: Any, *, tau: float, eta: float) -> EntropyProof:
    """The sequences with which Theorem 3.3 is proved, along a run: at any temperature, whether the theorem covers it::

        xi_i^0 = ||exp(rbar_i^0/tau)||_1 pi_i^0,   xi_i^(k+1) = (xi_i^k)^(1 - eta tau) exp(eta rbar_i^k)            (5)
        log xi_i^(k+1) - rbar_i^(k+1)/tau
            = (1 - eta tau)(log xi_i^k - rbar_i^k/tau) + (rbar_i^k - rbar_i^(k+1))/tau                             (6)
        QRE-gap_k <= 2 tau max_i ||log xi_i^k - rbar_i^k/tau||_inf,   at k = 0: 2 tau max_i ||log pi_i^0 - log pi_i^0*||

    Sun et al. (2024), eq. (5), (6) and the proof of Theorem 3.3.

    Parameters
    ----------
    game : Game
        One state, discount 0.
    policies : array_like (K, 1, A_total)
        A run's, from the initial one on and none left out, as Record(metrics=("policy",)) keeps them; the initial one
        positive everywhere.
    tau, eta : float
        The run's temperature, > 0, and step, > 0 (in payoffs and 1/payoff).

    Returns
    -------
    EntropyProof

    Raises
    ------
    ValueError
        Argument out of range, or no static game.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game, rule = fm.games.zhang_3x2(), fm.rules.EntropyNaturalGradientPlay(0.1, 2.0)
    >>> run = fm.learn(game, rule, 20, record=fm.Record(metrics=("policy", "qre_gap")))
    >>> found = fm.theory.entropy_natural_proof(game, run.trace["policy"], tau=2.0, eta=0.1)
    >>> bool((run.trace["qre_gap"].max(axis=1) <= found.gap_bound).all())
    True

    Notes
    -----
    The proof bounds pull_i^k by 2 eta W sum A_j times max_j distance_j^k. It loses most of that in ||pi_j' - pi_j||_1
    <= 2 A_j ||l||_inf, l = log xi_j' - log xi_j, where ' is after a step. Along p_t ~ pi_j exp(t l), from pi_j at t = 0
    to pi_j' at 1, dp_t/dt = p_t (l - E_t l), and a mean absolute deviation is at most half the range: ||pi_j' -
    pi_j||_1 <= ||l||_inf = eta tau distance_j. And payoffs of width W, counted from their middle, are at most W/2. So

        pull_i^k <= eta (n - 1) (W/2) max_j distance_j^k

    and Theorem 3.3 holds with |1 - eta tau| + eta (n - 1) W/2 for its factor: for tau > (n - 1) W/2, whatever the
    number of actions. This is derived here; the paper does not say it.
    """
    _static(game)
    table = check_policies(game, policies, "policies")
    if table.ndim != 3:
        raise ValueError(f"policies must be those of one run, of shape (K, 1, {sum(game.num_actions)}), found shape "
                         f"{table.shape}")
    tau, eta = real(tau, "tau", 0.0, open_low=True), real(eta, "eta", 0.0, open_low=True)
    can = np.ones(sum(game.num_actions), np.bool_) if game.available is None else game.available[0]
    if not (table[0, 0] > 0.0)[can].all():
        raise ValueError("policies must begin with one that is positive everywhere, found 0 in column "
                         f"{int(np.argmax(can & ~(table[0, 0] > 0.0)))}")
    soft = np.where(can, evaluate(game, table).q_bar[:, 0], np.nan) / tau
    log_xi = np.full_like(soft, np.nan)
    for low, high in zip(game.offset[:-1], game.offset[1:], strict=True):
        top = np.nanmax(soft[0, low:high])
        total = top + np.log(np.nansum(np.exp(soft[0, low:high] - top)))
        log_xi[0, low:high] = np.where(can[low:high], np.log(np.where(can, table[0, 0], 1.0)[low:high]) + total, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):  # steps that no theorem allows may leave what a float holds
        for k in range(len(table) - 1):
            log_xi[k + 1] = log_xi[k] - eta * tau * (log_xi[k] - soft[k])

    def largest(rows: Float) -> Float:
        return np.maximum.reduceat(np.where(can, np.abs(rows), 0.0), game.offset[:-1], axis=1)

    with np.errstate(over="ignore", invalid="ignore"):
        distance = largest(log_xi - soft)
        return EntropyProof(log_xi, distance, largest(np.diff(soft, axis=0)), 2.0 * tau * distance.max(axis=1))
