r"""Entropy-regularised natural gradient play: Sun et al. (2024) [S], Theorem 3.3.

**Where the printed paper needs care.**

- [S] Theorem 3.3 is false on part of its range eta < 1/(tau - 2 sum A_i), as its proof takes 1 - eta tau out of a norm
  as if positive: constant payoffs with tau = 12, sum A_i = 4, eta = 0.99/4 diverge. The factor proved is |1 - eta tau|
  + 2 eta sum A_i: below 1 for tau > 2 sum A_i, eta < 2/(tau + 2 sum A_i), least at 1/tau. Its right side lacks max_i.
- [S]'s experimental step 1/(2 (tau - 2) sum A_i) is negative for tau < 2 and follows from no theorem: not offered.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._check import Float, integer, real
from ..metrics.evaluation import evaluate
from ..models.game import Game, check_game
from ..policy import check_policy, split
from ._constants import sizes


def _entropy_check(game: Game, tau: float) -> tuple[float, float]:
    """tau in the range of Theorem 3.3 and 2 W sum A_i, of a static game."""
    check_game(game)
    if game.num_states != 1 or game.discount != 0.0:
        raise ValueError(f"the game must have one state and discount 0, found {game.num_states} states and discount "
                         f"{game.discount:g}")
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
