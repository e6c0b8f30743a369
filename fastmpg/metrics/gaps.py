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
from .rounding import UNIT, error_bound, larger, largest, policy_excess, rounding


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
    mean = rounding(m, i, sums, pure, 0 if pure else actions, largest(value), tau, actions, actions + 8)
    top = rounding(m, i, sums, pure, 0, largest(best), tau, actions, 8 * actions + 8)
    apart = 0.0
    for s in range(best.size):
        apart = larger(apart, abs(best[s] - value[s]))
    bound = error_bound(m, i, sums, residual, mean) + error_bound(m, i, sums, reached, top) + UNIT * apart
    return bound if bound < math.inf else math.inf  # not NaN


@kernel
def gap_errors(model, desk, policy, tau, m, sums, out):
    """out[i]: bound on the error of :func:`gaps` at the desk's own temperature ``tau``. P^pi is overwritten.

    policy (S, A_total)   m: :class:`.rounding.Magnitudes`   sums (2,)   out (N,)
    """
    pure = policy_excess(policy, desk.offset, sums)
    profile(desk, policy, 0, policy.shape[1])
    for i in range(out.size):
        low, high = desk.offset[i], desk.offset[i + 1]
        residual = value_residual(desk.q_bar, policy, desk.offset, i, tau, desk.value[i])
        reached = respond(model, desk, policy, i, tau, desk.value[i])
        profile(desk, policy, low, high)
        error = gain_error(m, i, sums, pure, tau, m.actions[i], residual, desk.value[i], reached, desk.best)
        apart, mass = 0.0, 0.0
        for s in range(desk.best.size):
            apart = larger(apart, abs(desk.best[s] - desk.value[i, s]))
            mass += model.initial[s]
        error = error * mass * (1.0 + 1e-12) + (desk.best.size + 3) * UNIT * 1.01 * mass * apart
        out[i] = error if error < math.inf else math.inf


@kernel
def values_at(model, desk, policy, tau, out):
    """Values at another temperature from a model that is contracted already.    out (N, S)"""
    stage_payoffs(desk.work.reward, policy, desk.offset, tau, out)
    if model.discount > 0.0:
        factor(model, desk.work)
        solve(model, desk.work, out, False)
