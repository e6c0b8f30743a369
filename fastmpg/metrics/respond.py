"""Best responses: policy iteration on one player's marginal model, exact or entropy-regularised.

    V*(s) = max_a [ r_i(s, a) + gamma sum_t P_i(t | s, a) V*(t) ]                         tau = 0
    V*(s) = tau log sum_a exp( [ r_i(s, a) + gamma sum_t P_i(t | s, a) V*(t) ] / tau )    tau > 0

Each round solves the chain of the present response, so a handful of rounds reaches the fixed point (with tau > 0 this
is Newton's method on the soft Bellman equation). Large sparse chains are solved only so far that a shrinking share of
the Bellman residual is left while the response still changes, and to rounding once it stands. What remains, |TV -
V|_inf as computed afresh, is returned; with its own rounding (:mod:`.rounding`) it certifies |V* - V|_inf.

Ties are judged against the rounding of Q, which is relative to the values' size: count payoffs from the player's own
middle first where their level is far from it (:mod:`.origin`), as everything here that takes a game does.
"""

from __future__ import annotations

import math

from ..kernels.elementary import exp
from ..kernels.vector import largest_of
from ..machine import kernel
from ..models.game import deviate, improve, lookahead
from .rounding import larger

ROUNDS = 200  # policy iteration needs a handful; a run of this length means that rounding keeps swapping ties
# of the values' size: below, a residual that no longer falls is rounding; above, Newton's method is still on its way
ROUNDED = 1e-10
SHARE = 1e-2  # of the Bellman residual that an inexact round may leave
TIE = 1e-13  # relative: an action must beat the present one by this much times the values' size to replace it


@kernel
def soft_maximum(row, tau, weights):
    """tau log sum exp(row / tau), or the maximum at tau = 0; weights: the (soft) argmax, the lowest index at ties."""
    where = largest_of(row)
    top = row[where]
    if tau == 0.0:
        for a in range(row.size):
            weights[a] = 0.0
        weights[where] = 1.0
        return top
    total = 0.0
    for a in range(row.size):
        weights[a] = exp((row[a] - top) / tau)
        total += weights[a]
    for a in range(row.size):
        weights[a] /= total
    return top + tau * math.log(total)


@kernel
def profile(desk, policy, first, last):
    """Columns first..last-1 of the policy into desk.deviation, which :func:`respond` starts from.

    policy, desk.deviation (S, A_total)
    """
    for s in range(policy.shape[0]):
        for c in range(first, last):
            desk.deviation[s, c] = policy[s, c]


@kernel
def respond(model, desk, policy, i, tau, start):
    """Player i's best response to ``policy``; needs a contracted model, and leaves P^pi overwritten.

    start (S,)   any value function to begin from
    desk.deviation must hold ``policy`` but for i's columns, see :func:`profile`; these are filled with the response.
    Fills desk.best (S,) with its value.
    Returns the largest Bellman residual |TV - V| of that value, as computed: what :func:`.rounding.error_bound` takes.
    """
    low, high = desk.offset[i], desk.offset[i + 1]
    deviation, q, best = desk.deviation, desk.scratch, desk.best
    n_states = best.size
    for s in range(n_states):
        best[s] = start[s]
    lookahead(model, desk.work, policy, i, best, q)
    if model.discount == 0.0:
        for s in range(n_states):
            best[s] = soft_maximum(q[s, low:high], tau, deviation[s, low:high])
        return 0.0
    residual, exact = math.inf, False
    weights = desk.rhs[0]  # one number a state: the index of the present action, or unused
    for s in range(n_states):
        weights[s] = -1.0
    fresh = desk.row[:high - low]
    for round_ in range(ROUNDS):
        changed, size, worst = False, 0.0, 0.0
        for s in range(n_states):
            size = max(size, abs(best[s]))
        for s in range(n_states):
            row = q[s, low:high]
            if tau == 0.0:
                now, where = int(weights[s]), largest_of(row)
                top = row[where]
                if now < 0 or top > row[now] + TIE * (size + 1e-300):
                    changed, weights[s] = True, where
                    for a in range(high - low):
                        deviation[s, low + a] = 1.0 if a == where else 0.0
            else:
                top = soft_maximum(row, tau, fresh)
                for a in range(high - low):
                    deviation[s, low + a] = fresh[a]
            worst = larger(worst, abs(top - best[s]))
        if round_ > 0:
            if tau == 0.0 and not changed and exact:
                return worst
            if tau > 0.0 and (worst <= 1e-15 * size or (worst >= 0.5 * residual and worst <= ROUNDED * size)):
                return worst
            residual = worst
        if changed or tau > 0.0 or round_ == 0:
            deviate(model, desk.work, deviation, i)
        share = 0.0 if not changed and tau == 0.0 else SHARE * (1.0 if tau > 0.0 else 0.5**round_)
        exact = improve(model, desk.work, deviation, i, tau, q, best, share)
        lookahead(model, desk.work, policy, i, best, q)
    residual = 0.0  # of the last round's values, not of those before
    for s in range(n_states):
        residual = larger(residual, abs(soft_maximum(q[s, low:high], tau, fresh) - best[s]))
    return residual
