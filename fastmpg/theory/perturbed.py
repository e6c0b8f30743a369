r"""Games perturbed by entropy: Maheshwari et al. (2022) [M], Lemma 3.1, (14), (21) and Lemma D.2. nu_i(s, pi_i) =
sum_a pi_i(a | s) log pi_i(a | s); tilde marks values where player i's stage payoff is r_i - tau nu_i(s, pi_i).

**Where the printed paper needs care.**

- [M] Lemma 3.1(b) says that Phi - tau E sum_k gamma^k sum_j nu_j(s_k, pi_j), (14), is a potential of the perturbed
  game. Its proof drops the others' nu_j as if pi_i did not move the states in which they are counted. That is so
  where nobody influences transitions, so (14) holds there, and in games of one state; elsewhere the perturbed game in
  general has no potential at all (its four-cycle defect is not 0), and (16) is no Lyapunov function: at an equilibrium
  of the perturbed game the slope of (14) is not 0, so that it falls along (15) toward it from one side.
- [M] Lemma 3.5 infers from phi >= 0 falling that phi, (16), goes to 0. It goes to what the equilibrium reached falls
  short of the global maximum.
- [M] section C bounds |q| with ubar = max r_i - tau nu_i. With payoffs below 0 that lacks absolute values: r = -1 makes
  Rbar 0, and q goes to -1/(1-gamma).
- [M] (33) bounds the difference of two sums of nu_i by 2 max |nu_i| = 2 A_i/e each. On a simplex nu_i lies in
  [-log A_i, 0], so that their difference is at most log A_i.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _check
from .._check import Float, real
from ..metrics.evaluation import evaluate
from ..models.game import Game, check_discounted, check_game
from ..policy import check_policies, check_policy, split
from ._constants import over, payoff_range_of


def weights_of(game: Game, weights: Any) -> Float:
    """Positive weights (N,), 1 by default."""
    if weights is None:
        return np.ones(game.num_players)
    given = _check.array(weights, "weights")
    _check.shape(given, "weights", (game.num_players,), "(N,)")
    if not (given > 0.0).all():
        raise ValueError(f"weights must be positive, found {given.min()} for player {int(np.argmin(given))}")
    return given


def _has_one_payoff(game: Game) -> bool:
    planes = np.asarray(getattr(game, "rewards", ()))
    return game.shares_reward or game.num_players == 1 or bool(planes.size and (planes == planes[:1]).all())


def perturbed_potential(game: Game, policy: Any, tau: float, *, potential: Any = None, weights: Any = None) -> Float:
    """Phi~(s, pi) = Phi(s, pi) - tau E sum_k gamma^k sum_i w_i nu_i(s_k, pi_i), with s_0 = s.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
    tau : float
        Temperature, >= 0.
    potential : array_like (S,), of a stack (..., S), optional
        Phi(s, pi) of the game itself at these policies; by default the value, for identical interest only. Where
        nobody influences transitions it is the value of a game that pays the stage potential.
    weights : array_like (N,), optional
        w_i > 0 of a weighted Markov potential game, Phi(s, pi') - Phi(s, pi) = w_i (V_i(s, pi') - V_i(s, pi)); 1 by
        default.

    Returns
    -------
    ndarray (S,), of a stack (..., S)
        A potential of the perturbed game where nobody influences transitions; see the module. By :attr:`Game.initial`
        it is ``perturbed_potential(...) @ game.initial``, and (16) is by how much that falls short of its maximum.

    Raises
    ------
    ValueError, TypeError
        If players' rewards differ and no potential is given, or something does not fit the game.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> policy = fm.uniform_policy(game)
    >>> fm.theory.perturbed_potential(game, policy, 0.1).round(4)  # -.225 + .1 (log 3 + log 2)
    array([-0.0458])

    Notes
    -----
    Maheshwari et al. (2022), eq. (14); weights: footnote 4.
    """
    check_game(game)
    tau = real(tau, "tau", 0.0)
    table, scale = check_policies(game, policy), weights_of(game, weights)
    plain = evaluate(game, table).value
    if potential is not None:
        base = _check.array(potential, "potential")
        expected = (*table.shape[:-2], game.num_states)
        if base.shape != expected:
            raise ValueError(f"potential must have shape (..., S) = {expected}, one number a policy and state, found "
                             f"{base.shape}")
    elif _has_one_payoff(game) and (scale == scale[0]).all():
        base = scale[0] * plain[..., 0, :]
    else:
        raise ValueError("potential is known only for identical interest and equal weights, found others; pass "
                         "potential=Phi(s, pi) of the game at these policies")
    return base + np.einsum("i,...is->...s", scale, evaluate(game, table, tau=tau).value - plain)


def _entropies(part: Float) -> Float:
    """H of every row (S, A): (S,)."""
    return -np.where(part > 0.0, part * np.log(np.where(part > 0.0, part, 1.0)), 0.0).sum(axis=-1)


def performance_difference(game: Game, policy: Any, player: int, own: Any, *, tau: float = 0.0) -> Float:
    """What every state adds to a deviation's gain: with d' the visitation of the new policy, Gamma_i = Q~_i - V~_i,

        d'(s)/(1-gamma) (sum_a pi_i'(a | s) Gamma_i(s, a; pi) + tau nu_i(s, pi_i) - tau nu_i(s, pi_i'))

    Parameters
    ----------
    game : Game
        Any: no potential is needed.
    policy : array_like (S, A_total) or list of (S, A_i)
    player : int
        Who deviates.
    own : array_like (S, A_i)
        To what, pi_i'.
    tau : float
        Temperature, >= 0.

    Returns
    -------
    ndarray (S,)
        Their sum is V~_i(rho; pi_i', pi_-i) - V~_i(rho; pi).

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.theory.performance_difference(game, fm.uniform_policy(game), 0, [[0, 1, 0]]).round(4)
    array([0.38])

    Notes
    -----
    Maheshwari et al. (2022), Lemma D.2, eq. (36), where the s inside the sum is its s'.
    """
    check_game(game)
    check_discounted(game)
    i, tau = _check.player(player, game.num_players), real(tau, "tau", 0.0)
    table = check_policy(game, policy)
    before = split(game, table)[i]
    given = np.atleast_2d(_check.read(own, "own"))
    _check.shape(given, "own", before.shape, "(S, A_i)")
    columns = slice(game.offset[i], game.offset[i + 1])
    moved = check_policy(game, [given if j == i else part for j, part in enumerate(split(game, table))], "own")
    advantage = evaluate(game, table, tau=tau).adv_bar[:, columns]
    after = moved[:, columns]
    gain = np.multiply(after, advantage, out=np.zeros_like(after), where=after > 0.0).sum(axis=1)
    gain += tau * (_entropies(after) - _entropies(before))
    return evaluate(game, moved).visit / (1.0 - game.discount) * gain


def temperature_limit(game: Game, epsilon: float, *, printed: bool = False) -> float:
    """Temperature up to which every equilibrium of the perturbed game is an epsilon-equilibrium of the game itself.

    Parameters
    ----------
    game : Game
    epsilon : float
        > 0, in payoffs.
    printed : bool
        The paper's own epsilon e (1-gamma)/(2 A) instead of epsilon (1-gamma)/log A, A = max A_i(s).

    Returns
    -------
    float
        Infinite where nobody has a choice.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.routing(4)
    >>> [round(fm.theory.temperature_limit(game, 0.01, printed=each), 5) for each in (True, False)]
    [0.0034, 0.00721]

    Notes
    -----
    Maheshwari et al. (2022), Lemma 3.1(c). At the equilibrium V_i(pi_i') - V_i(pi) is at most the change of tau E sum_k
    gamma^k nu_i, and nu_i lies in [-log A, 0].
    """
    check_game(game)
    check_discounted(game)
    epsilon = real(epsilon, "epsilon", 0.0, open_low=True)
    actions = int(game.action_counts().max())
    left = (1.0 - game.discount) * epsilon
    if actions == 1:
        return math.inf
    return left * math.e / (2.0 * actions) if _check.flag(printed, "printed") else left / math.log(actions)


def q_estimate_range(game: Game, tau: float, *, q: Any = None) -> Float:
    """Between what numbers every q-estimate of a two-timescale learner stays at all times, up to rounding.

    Parameters
    ----------
    game : Game
    tau : float
        Temperature, >= 0.
    q : array_like (S, A_total), optional
        First estimates; 0 by default. Entries of actions that a player does not have are not read.

    Returns
    -------
    ndarray (N, 2)
        Lowest and highest: min(q, min r_i/(1-gamma)) and max(q, (max r_i + tau log A_i)/(1-gamma)). The paper's one
        number Rbar is the largest modulus.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.theory.q_estimate_range(fm.games.zhang_3x2(), 0.1).round(3)
    array([[-1.   ,  0.31 ],
           [-1.   ,  0.269]])

    Notes
    -----
    Maheshwari et al. (2022), section C (i), for (21) and (22): an estimate becomes an average of itself and r_i - tau
    nu_i + gamma sum_b pi_i(b) q_i(t, b), which stays in there if all of q does, as -nu_i lies in [0, log A_i].
    """
    check_game(game)
    check_discounted(game)
    tau, left = real(tau, "tau", 0.0), 1.0 - game.discount
    low, high = payoff_range_of(game).T
    most = np.log(game.action_counts().max(axis=0))
    first = np.zeros((game.num_players, 2))
    if q is not None:
        given = np.array(_check.read(q, "q"), np.float64)
        _check.shape(given, "q", (game.num_states, sum(game.num_actions)), "(S, A_total)")
        can = np.ones(given.shape, np.bool_) if game.available is None else game.available
        if not np.isfinite(given[can]).all():
            raise ValueError("q must be finite wherever there is an action, found other numbers")
        lows, highs = np.where(can, given, np.inf), np.where(can, given, -np.inf)
        first = np.stack([[a.min(), b.max()] for a, b in zip(split(game, lows), split(game, highs), strict=True)])
    tops = [over(float(each), left) if each > 0.0 else float(each) / left for each in high + tau * most]
    return np.stack([np.minimum(first[:, 0], low / left), np.maximum(first[:, 1], tops)], axis=1)
