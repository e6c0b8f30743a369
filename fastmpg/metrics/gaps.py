"""Kernels of gaps and of their errors.

    NE-gap_i  = max_{pi_i'} V_i(rho; pi_i', pi_-i) - V_i(rho; pi)
    QRE-gap_i = the same with stage payoff r_i + tau H(pi_i(. | s))
"""

from __future__ import annotations

import math

from ..feedback.desk import stage_payoffs
from ..kernels.simplex import entropy, weighed
from ..machine import kernel
from ..models.game import factor, solve
from .respond import profile, respond
from .rounding import TINY, UNIT, error_bound, larger, largest, policy_excess, rounding


@kernel
def gaps(model, desk, policy, tau, value, out):
    """out[i] = rho . (best response's value - value_i), never below 0.

    ``value`` (N, S) must be the values at the same tau. P^pi is overwritten: compute everything else first.
    """
    profile(desk, policy, 0, policy.shape[1])
    for i in range(out.size):
        respond(model, desk, policy, i, tau, value[i])
        profile(desk, policy, desk.offset[i], desk.offset[i + 1])
        gap = 0.0
        for s in range(value.shape[1]):
            gap += model.initial[s] * (desk.best[s] - value[i, s])
        out[i] = gap if not gap <= 0.0 else 0.0


@kernel
def state_gaps(model, desk, policy, tau, value, out):
    """out[i, s] = best response's value in s - value_i(s), never below 0: as :func:`gaps`, from every state.

    value, out (N, S)
    """
    profile(desk, policy, 0, policy.shape[1])
    for i in range(out.shape[0]):
        respond(model, desk, policy, i, tau, value[i])
        profile(desk, policy, desk.offset[i], desk.offset[i + 1])
        for s in range(value.shape[1]):
            gap = desk.best[s] - value[i, s]
            out[i, s] = gap if not gap <= 0.0 else 0.0


@kernel
def value_residual(q_bar, policy, offset, i, tau, value):
    """Largest Bellman residual of player i's value under its own policy.    value (S,)"""
    worst = 0.0
    for s in range(value.size):
        mean = 0.0
        for c in range(offset[i], offset[i + 1]):
            mean += weighed(policy[s, c], q_bar[s, c])
        if tau > 0.0:
            mean += tau * entropy(policy[s, offset[i]:offset[i + 1]])
        worst = larger(worst, abs(mean - value[s]))
    return worst


@kernel
def gain_error(m, i, sums, pure, tau, actions, residual, value, reached, best):
    """Bound on the error of best - value in any state, from the residuals of both.    value, best (S,)"""
    bound = value_error(m, i, sums, pure, tau, actions, residual, value)
    bound += best_error(m, i, sums, pure, tau, actions, reached, best)
    apart = 0.0
    for s in range(best.size):
        apart = larger(apart, abs(best[s] - value[s]))
    bound += UNIT * apart
    return bound if bound < math.inf else math.inf  # not NaN


@kernel
def value_error(m, i, sums, pure, tau, actions, residual, value):
    """Bound on the error of the value of player i's own policy.    value (S,)"""
    return error_bound(m, i, sums, residual,
                       rounding(m, i, sums, pure, 0 if pure else actions, largest(value), tau, actions, actions + 8))


@kernel
def best_error(m, i, sums, pure, tau, actions, reached, best):
    """Bound on the error of the value of player i's best response.    best (S,)"""
    return error_bound(m, i, sums, reached,
                       rounding(m, i, sums, pure, 0, largest(best), tau, actions, 8 * actions + 8))


# where a row of :func:`certify_gaps` holds what; values of best responses (S,) and gains from every state (S,) follow
GAP, ERROR, EVERY, BEST, GAP_ROUNDED, BEST_ROUNDED, HEAD = range(7)


@kernel
def certify_gaps(model, desk, policy, tau, m, sums, first, out):
    """Gaps and best responses' values at the desk's own temperature ``tau``, with bounds on their errors, of player
    first + k in out[k]; P^pi is overwritten.

    GAP: as of :func:`gaps`, ERROR: its error   EVERY: that of gains, as of :func:`state_gaps`, in any state
    BEST: that of the values of best responses
    GAP_ROUNDED, BEST_ROUNDED: what is left of EVERY and BEST without the residuals that were seen

    policy (S, A_total)   m: :class:`.rounding.Magnitudes`   sums (2,)   out (K, HEAD + 2 S)
    """
    pure, n_states = policy_excess(policy, desk.offset, sums), desk.best.size
    profile(desk, policy, 0, policy.shape[1])
    for k in range(out.shape[0]):
        i = first + k
        low, high, actions, best = desk.offset[i], desk.offset[i + 1], m.actions[i], desk.best
        residual = value_residual(desk.q_bar, policy, desk.offset, i, tau, desk.value[i])
        reached = respond(model, desk, policy, i, tau, desk.value[i])
        profile(desk, policy, low, high)
        error = gain_error(m, i, sums, pure, tau, actions, residual, desk.value[i], reached, best)
        out[k, EVERY] = error
        out[k, GAP_ROUNDED] = gain_error(m, i, sums, pure, tau, actions, 0.0, desk.value[i], 0.0, best)
        out[k, BEST] = best_error(m, i, sums, pure, tau, actions, reached, best)
        out[k, BEST_ROUNDED] = best_error(m, i, sums, pure, tau, actions, 0.0, best)
        gap, apart, mass = 0.0, 0.0, 0.0
        for s in range(n_states):
            gain = best[s] - desk.value[i, s]
            apart = larger(apart, abs(gain))
            gap += model.initial[s] * gain
            mass += model.initial[s]
            out[k, HEAD + s] = best[s]
            out[k, HEAD + n_states + s] = gain if not gain <= 0.0 else 0.0
        error = error * mass * (1.0 + 1e-12) + (n_states + 3) * UNIT * 1.01 * mass * apart
        if apart > 0.0:
            error += n_states * TINY  # the mean may underflow
        out[k, ERROR] = error if error < math.inf else math.inf
        out[k, GAP] = gap if not gap <= 0.0 else 0.0


@kernel
def values_at(model, desk, policy, tau, out):
    """Values at another temperature from a model that is contracted already.    out (N, S)"""
    stage_payoffs(desk.work.reward, policy, desk.offset, tau, out)
    if model.discount > 0.0:
        factor(model, desk.work)
        solve(model, desk.work, out, False)
