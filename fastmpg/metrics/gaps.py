"""How far a policy is from equilibrium, and the quantities that the papers plot beside it.

    NE-gap_i  = max_{pi_i'} V_i(rho; pi_i', pi_-i) - V_i(rho; pi)
    QRE-gap_i = the same with stage payoff r_i + tau H(pi_i(. | s))
    c(pi)     = min_{i,s} sum_{a in argmax Qbar_i(s, .)} pi_i(a | s)         M(pi) = max_s 1 / d(s)
    grad_norm = 2-norm over all players and states of dV_i(rho)/dtheta_i = d(s) pi_i(a | s) Abar_i(s, a) / (1 - gamma)
    distance_i = sum_s |V_i(s; pi_i^k, pi_-i^K) - max_{pi_i'} V_i(s; pi_i', pi_-i^K)|, K the last snapshot

Every gap is a vector over players; the papers' scalars are named reductions of it (Zhang et al. and Ding et al. take the
maximum, one line of follow-up work the sum).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _check, _jit
from .._check import Float
from .._jit import kernel
from ..models.game import Game, check_game, deviate, factor, solve
from ..policy import check_policy, split
from .evaluation import PARALLEL_WORK, Oracle, contracted, stage_payoffs
from .respond import profile, respond

TIED = 1e-12  # relative: actions this close to the best Q count as best


@kernel
def gaps(model, oracle, policy, tau, value, out):
    """out[i] = rho . (best response's value - value_i), never below 0; returns the largest certified bound.

    ``value`` (N, S) must be the values at the same tau. P^pi is overwritten: compute everything else first.
    """
    bound = 0.0
    profile(oracle, policy, 0, policy.shape[1])
    for i in range(out.size):
        bound = max(bound, respond(model, oracle, policy, i, tau, value[i]))
        profile(oracle, policy, oracle.offset[i], oracle.offset[i + 1])
        gap = 0.0
        for s in range(value.shape[1]):
            gap += model.initial[s] * (oracle.best[s] - value[i, s])
        out[i] = gap if not gap <= 0.0 else 0.0
    return bound


@kernel
def values_at(model, oracle, policy, tau, out):
    """Values at another temperature from a model that is contracted already.    out (N, S)"""
    stage_payoffs(oracle.work.reward, policy, oracle.offset, tau, out)
    if model.discount > 0.0:
        factor(model, oracle.work)
        solve(model, oracle.work, out, False)


@kernel
def greedy_mass(q_bar, policy, offset):
    """c(pi): the least probability that a player gives to its best actions in a state."""
    least = 1.0
    for s in range(q_bar.shape[0]):
        for i in range(offset.size - 1):
            top, size = -math.inf, 0.0
            for c in range(offset[i], offset[i + 1]):
                top = max(top, q_bar[s, c])
                size = max(size, abs(q_bar[s, c]))
            mass = 0.0
            for c in range(offset[i], offset[i + 1]):
                if q_bar[s, c] >= top - TIED * size:
                    mass += policy[s, c]
            least = min(least, mass)
    return least


@kernel
def gradient_into(value, q_bar, visit, policy, offset, discount, out):
    """Softmax-parameter gradient (S, A_total)."""
    for s in range(q_bar.shape[0]):
        weight = visit[s] / (1.0 - discount)
        for i in range(offset.size - 1):
            for c in range(offset[i], offset[i + 1]):
                out[s, c] = weight * policy[s, c] * (q_bar[s, c] - value[i, s])


@kernel
def norm(table):
    """Square root of the sum of squares."""
    total = 0.0
    for s in range(table.shape[0]):
        for c in range(table.shape[1]):
            total += table[s, c] * table[s, c]
    return math.sqrt(total)


@kernel
def mismatch_of(visit):
    """M(pi) = max_s 1 / d(s)."""
    least = math.inf
    for s in range(visit.size):
        least = min(least, visit[s])
    return 1.0 / least


@kernel
def distances(model, oracle, policy, snapshots, out):
    """out[k, i] = sum_s |value of i when it alone plays snapshots[k] - its best one|; needs a contracted model.

    policy (S, A_total)   snapshots (K, S, A_total)   out (K, N). P^pi is overwritten.
    """
    value = oracle.rhs
    profile(oracle, policy, 0, policy.shape[1])
    for i in range(out.shape[1]):
        respond(model, oracle, policy, i, 0.0, oracle.value[i])
        low, high = oracle.offset[i], oracle.offset[i + 1]
        for k in range(out.shape[0]):
            profile(oracle, snapshots[k], low, high)
            for s in range(oracle.best.size):
                value[0, s] = 0.0
                for c in range(low, high):
                    value[0, s] += snapshots[k, s, c] * oracle.work.reward[s, c]
            if model.discount > 0.0:
                deviate(model, oracle.work, oracle.deviation, i)
                solve(model, oracle.work, value, False)
            out[k, i] = 0.0
            for s in range(oracle.best.size):
                out[k, i] += abs(oracle.best[s] - value[0, s])
        profile(oracle, policy, low, high)


def _gaps(game: Game, policy: Any, tau: float) -> tuple[Oracle, Float, float]:
    weight = _check.real(tau, "tau", 0.0)
    oracle, table = contracted(game, policy, temperature=weight, wants_visit=False)
    out = np.zeros(game.num_players)
    with _jit.parallel_region(game.work_size > PARALLEL_WORK):
        bound = gaps(game.model, oracle, table, weight, oracle.value, out)
    return oracle, out, float(bound)


def ne_gap(game: Game, policy: Any, *, relative: bool = False) -> Float:
    """What every player could gain by deviating alone: the distance from Nash equilibrium.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), or list of (S, A_i)
    relative : bool
        Divide by the player's payoff range over 1 - discount, the largest difference that two values can have.

    Returns
    -------
    ndarray (N,)
        Non-negative; exact up to the rounding of a linear solve (best responses by policy iteration).

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.ne_gap(game, fm.uniform_policy(game))
    array([0.38      , 0.01166667])

    Notes
    -----
    Zhang et al. (2022), Definition 1.
    """
    _, out, _ = _gaps(game, policy, 0.0)
    if relative:
        low, high = game.payoff_range().T
        span = (high - low) / (1 - game.discount)
        return np.divide(out, span, out=np.zeros_like(out), where=span > 0)
    return out


def qre_gap(game: Game, policy: Any, tau: float) -> Float:
    """The gap when every player's stage payoff is r_i + tau H(pi_i): the distance from quantal response equilibrium.

    Parameters
    ----------
    tau : float
        Temperature, >= 0; 0 gives :func:`ne_gap`.

    Returns
    -------
    ndarray (N,)
        In a normal-form game, tau KL(pi_i || softmax(rbar_i / tau)).

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.qre_gap(fm.NormalFormGame.identical_interest([[0.0, 0.0]]), [[1.0], [0.5, 0.5]], tau=1.0)
    array([0., 0.])

    Notes
    -----
    Sun et al. (2024), eq. (4).
    """
    return _gaps(game, policy, tau)[1]


def ne_gap_bound(game: Game, policy: Any, tau: float = 0.0) -> float:
    """Certified bound on the error of the best responses behind :func:`ne_gap` (or :func:`qre_gap` at tau)."""
    return _gaps(game, policy, tau)[2]


def nash_regret(gap: ArrayLike) -> float:
    """(1/T) sum_t max_i NE-gap_i(pi^t) of a trace.

    Parameters
    ----------
    gap : array_like (T, N)
        Such as ``result.trace["ne_gap"]`` recorded at every step.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.nash_regret([[0.5, 0.25], [0.0, 0.5]])
    0.5

    Notes
    -----
    Ding et al. (2022).
    """
    table = _check.array(gap, "gap")
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"gap must have shape (T, N) with at least one entry, found {table.shape}")
    return float(table.max(axis=1).mean())


def c(game: Game, policy: Any) -> float:
    """c(pi): the least probability that a player gives to its best actions in a state (Zhang et al. 2022, eq. 7)."""
    oracle, table = contracted(game, policy, wants_visit=False)
    return float(greedy_mass(oracle.q_bar, table, oracle.offset))


def mismatch(game: Game, policy: Any) -> float:
    """M(pi) = max_s 1 / d(s), infinite when a state is never visited (Zhang et al. 2022, eq. 7)."""
    oracle, _ = contracted(game, policy)
    return float(mismatch_of(oracle.visit))


def gradient(game: Game, policy: Any) -> Float:
    """dV_i(rho)/dtheta_i in every player's own softmax parameters, (S, A_total) (Zhang et al. 2022, eq. 4)."""
    oracle, table = contracted(game, policy)
    out = np.zeros_like(table)
    gradient_into(oracle.value, oracle.q_bar, oracle.visit, table, oracle.offset, game.discount, out)
    return out


def grad_norm(game: Game, policy: Any) -> Float:
    """2-norm of :func:`gradient` per player, (N,); the papers' scalar is the 2-norm of these."""
    parts = np.add.reduceat(gradient(game, policy) ** 2, game.offset[:-1], axis=1)
    return np.sqrt(parts.sum(axis=0))


def _snapshots(game: Game, policies: ArrayLike) -> Float:
    """Policies (..., K, S, A_total), every one of them checked."""
    check_game(game)
    table = _check.array(policies, "policies")
    size = (game.num_states, sum(game.num_actions))
    if table.ndim < 3 or table.shape[-2:] != size or 0 in table.shape:
        raise ValueError(f"policies must have shape (..., K, S, A_total) with K >= 1 and (S, A_total) = {size}, found {table.shape}; "
                         'record them with Record(metrics=("policy",))')
    for i, part in enumerate(split(game, table)):
        low, off = part.min(axis=-1), np.abs(part.sum(axis=-1) - 1)
        for bad, what in ((low < 0, "not be negative"), (off > _check.TOLERANCE, "sum to 1 in every state")):
            if bad.any():
                where = tuple(int(x) for x in np.argwhere(bad)[0])
                raise ValueError(f"policies of player {i} must {what}, found {part[where].tolist()} in state {where[-1]} "
                                 f"of snapshot {where[:-1] if len(where) > 2 else where[0]}")
    return table


def distance_to_nash(game: Game, policies: ArrayLike, last: ArrayLike | None = None) -> Float:
    """How much worse than a best response every snapshot of a player is against the others' last policies.

    distance[k, i] = sum_s |V_i(s; pi_i^k, pi_-i^K) - max_{pi_i'} V_i(s; pi_i', pi_-i^K)|, where K is the last snapshot.

    Parameters
    ----------
    game : Game
    policies : array_like (..., K, S, A_total)
        Snapshots such as ``result.trace["policy"]``; an ensemble's run axes may stand in front.
    last : array_like (S, A_total) or (..., S, A_total), optional
        What the others play: one policy for all runs, or one a run. By default every run's last snapshot.

    Returns
    -------
    ndarray (..., K, N)
        Non-negative. At the last snapshot 0 for a player who responds best, and for all of them at a Nash equilibrium.
        Exact up to the rounding of linear solves.

    Raises
    ------
    ValueError
        If the snapshots do not fit the game, with the player, state and snapshot.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> start, end = fm.uniform_policy(game), fm.join([[0.0, 0.0, 1.0], [1.0, 0.0]])
    >>> fm.metrics.distance_to_nash(game, [start, end]).round(4)
    array([[0.4133, 0.6   ],
           [0.    , 0.    ]])

    Notes
    -----
    Maheshwari et al. (2022), section 4, whose figures draw it. Earlier snapshots are judged against the others' *last*
    policies, so that this is not the NE-gap along the run; and a distance that falls to 0 says of the last snapshot alone
    that it is an equilibrium.
    """
    table = _snapshots(game, policies)
    lead, size = table.shape[:-3], table.shape[-2:]
    if last is None:
        ends = table[..., -1, :, :]
    else:
        given = _check.array(last, "last")
        if given.shape not in (size, (*lead, *size)):
            raise ValueError(f"last must have shape (S, A_total) = {size}, or one a run, {(*lead, *size)}, found {given.shape}")
        ends = np.broadcast_to(given, (*lead, *size))
    out = np.zeros((*table.shape[:-2], game.num_players))
    for run in np.ndindex(lead):
        end = check_policy(game, ends[run], "last")
        oracle, end = contracted(game, end, wants_visit=False)
        with _jit.parallel_region(game.work_size > PARALLEL_WORK):
            distances(game.model, oracle, end, table[run], out[run])
    return out


def smoothed_q(game: Game, policy: Any, tau: float) -> Float:
    """What a two-timescale learner's q-estimates approach while the policy stands still.

    Qtilde_i(s, a_i) = r_i(s, a_i) + tau H(pi_i(. | s)) + gamma sum_t P_i(t | s, a_i) sum_b pi_i(b | t) Qtilde_i(t, b)

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), or list of (S, A_i)
    tau : float
        Temperature, >= 0.

    Returns
    -------
    ndarray (S, A_total)
        The marginalised Q of :func:`evaluate` at tau plus the entropy at s itself.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> policy = fm.uniform_policy(game)
    >>> (fm.metrics.smoothed_q(game, policy, 1.0) - fm.evaluate(game, policy).q_bar).round(4)
    array([[1.0986, 1.0986, 1.0986, 0.6931, 0.6931]])

    Notes
    -----
    Maheshwari et al. (2022), eq. (8): the mean of the update is 0 there. The softmax of Qtilde / tau is that of Qbar / tau,
    since players add the same number to all their actions.
    """
    oracle, table = contracted(game, policy, temperature=_check.real(tau, "tau", 0.0), wants_visit=False)
    out = np.array(oracle.q_bar)
    for part, own in zip(split(game, out), split(game, table), strict=True):
        part -= oracle.temperature * (own * np.log(np.where(own > 0, own, 1.0))).sum(axis=1, keepdims=True)
    return out
