"""The log-barrier B_i(pi) = sum_s sum_a log pi_i(a | s), and what players climb with it: Zhang et al. (2022), eq. (14).

    J~_i = V_i(rho) + lam B_i        Phi~ = Phi + lam sum_i B_i        (Phi = V(rho) where all players' rewards are one)

Recorded is B itself, without a weight: "value" and "log_barrier" of one trace give the objective at every lam. Section
5 names a variant whose states weigh as much as they are visited, sum_s d(s) sum_a log pi_i(a | s), and turns it down
because d depends on everybody's policy: "visited_log_barrier".
"""

from __future__ import annotations

import math
from typing import Any

from .. import _check
from .._check import Float
from ..feedback.bench import ask
from ..machine import kernel, unit
from ..models.game import Game
from .metric import Metric, as_recorded
from .value import METRIC as VALUE
from .visited_log_barrier import METRIC as VISITED

__all__ = ["log_barrier", "log_barrier_objective"]


@kernel
def barriers(q_bar, policy, offset, out):
    """out[i] = sum over states and the actions that can be taken there, those with Qbar > -inf, of log pi_i(a | s).

    q_bar, policy (S, A_total)   offset (N + 1,)   out (N,)
    """
    for i in range(out.size):
        total = 0.0
        for s in range(policy.shape[0]):
            for c in range(offset[i], offset[i + 1]):
                if q_bar[s, c] != -math.inf:
                    total += math.log(policy[s, c]) if policy[s, c] > 0.0 else -math.inf
        out[i] = total


@unit
def write(frame, row):
    """Every player's barrier.    out (K, N)"""
    barriers(frame.desk.q_bar, frame.desk.policy, frame.desk.offset, frame.out[row])


METRIC = Metric("log_barrier", ("N",), "log-barrier Σ log π", write)
_PLAIN, _VISITED, _VALUE = as_recorded(METRIC), as_recorded(VISITED), as_recorded(VALUE)


def log_barrier(game: Game, policy: Any, *, visited: bool = False) -> Float:
    """Every player's sum of the logarithms of its probabilities, over states and the actions that it has there.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
    visited : bool
        Weigh states by the discounted visitation d(s), which sums to 1; a state that is never visited counts as 0.

    Returns
    -------
    ndarray (N,), of a stack (..., N)
        -inf where a probability is 0.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.metrics.log_barrier(game, fm.uniform_policy(game)).round(4)  # 3 log(1/3), 2 log(1/2)
    array([-3.2958, -1.3863])

    Notes
    -----
    Zhang et al. (2022), section 5. Runs record it as "log_barrier" and "visited_log_barrier".
    """
    return ask(game, policy, _VISITED if _check.flag(visited, "visited") else _PLAIN)


def log_barrier_objective(game: Game, policy: Any, lam: float, *, visited: bool = False) -> Float:
    """What every player climbs with a log-barrier: J~_i = V_i(rho) + lam sum_s sum_a log pi_i(a | s).

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
    lam : float
        Weight, >= 0, in payoffs; 0 gives V_i(rho).
    visited : bool
        The variant with states weighed by d(s): the value of a game whose stage payoff is r_i + lam (1-gamma) sum_a log
        pi_i(a | s), that no rule here follows.

    Returns
    -------
    ndarray (N,), of a stack (..., N)
        In payoffs. Where all players' rewards are one, the regularised potential (14) is V(rho) + lam times the sum of
        :func:`log_barrier` over the players.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.metrics.log_barrier_objective(game, fm.uniform_policy(game), 0.003).round(4)
    array([-0.2349, -0.2292])

    Notes
    -----
    Zhang et al. (2022), eq. (14), and the discussion after it.
    """
    lam = _check.real(lam, "lam", 0.0)
    visited = _check.flag(visited, "visited")
    value = ask(game, policy, _VALUE)
    return value + lam * log_barrier(game, policy, visited=visited) if lam > 0.0 else value
