"""Features of linear models of Qbar, Qbar_i(s, a) ~ <phi_i(s, a), w_i>, and least squares over them from samples.

    w <- Proj_{|w| <= W}( w - b_k 2 (<phi, w> - R) phi ),   k = 1 .. K;      estimate sum_k k w_k / sum_k k

Three kinds of features share five kernels: one for every row and action, a table of them, and a user's function. Of the
first kind w lies in ``state.q``, a step touches one number, and so do a projection (w is kept as a multiple) and the
average (a number joins it when it changes).
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from ..kernels.simplex import project_row
from ..kernels.vector import dot_in_order
from ..machine import attach, inlined, kernel, method, precise, user_kernel
from ._schedule import step_size

LONGEST = 1.0 + 1e-9  # |phi|^2, rounding allowed for
LEAST = 0.01  # a multiple of w below it is written out: sums of multiples would lose the digits of small ones

# open_fit(features, state, i): player i's last estimate is the first iterate
# learn(features, rule, state, feedback, i, first, count): the steps first + 1 .. first + count, from a chunk of samples
# close_fit(features, rule, state, feedback, i): the average becomes the estimate
# ascend(features, rule, state, feedback): everybody's policy moves by the estimates
open_fit, learn, close_fit, ascend = method("open_fit"), method("learn"), method("close_fit"), method("ascend")


class Fit(NamedTuple):
    """A regression under way.    iterate, average, since (as many as weights, or S A_total), multiple (3,): that of w,
    the sum of k times it, |w|^2; phi (d,): scratch of functions
    """

    iterate: Any
    average: Any
    since: Any
    multiple: Any
    phi: Any


@inlined
def copy_table(features, rule, state, feedback, s, place, out):
    """Everybody's policy in row s, out (A_total,), of a table."""
    for c in range(out.size):
        out[c] = state.policy[s, c]


@inlined
def keep_nothing(features, rule, state, feedback, s, place, now):
    """A table shows the policy by itself."""


@precise
def move_rows(rule, state, feedback):
    """pi_i(. | s) <- P(pi_i(. | s) + eta q_i(s, .)) in every row, P onto (1 - xi) simplex + xi uniform.

    policy, q (S, A_total)   Ding et al. (2022), Algorithm 2
    """
    for s in range(state.policy.shape[0]):
        for i in range(feedback.offset.size - 1):
            first, last = feedback.offset[i], feedback.offset[i + 1]
            for c in range(first, last):
                state.policy[s, c] = (state.policy[s, c] + rule.eta * state.q[s, c] if feedback.available[s, c]
                                      else -math.inf)
            project_row(state.policy[s, first:last], rule.exploration / feedback.num_actions[s, i],
                        state.policy[s, first:last])


@precise
def ascend_table(features, rule, state, feedback):
    """The step of :func:`move_rows`."""
    move_rows(rule, state, feedback)


# ------------------------------------------------------------------------------------- one feature a row and action
@precise
def _settle(state, first, last):
    """Write out the multiple, and let every number of a player's w join the average.    columns first..last-1"""
    fit, width = state.fit, state.q.shape[1]
    for s in range(state.q.shape[0]):
        for c in range(s * width + first, s * width + last):
            fit.average[c] += fit.iterate[c] * (fit.multiple[1] - fit.since[c])
            fit.iterate[c] *= fit.multiple[0]
            fit.since[c] = 0.0
    fit.multiple[0], fit.multiple[1] = 1.0, 0.0


@precise
def open_rows(features, state, feedback, i):
    """The first iterate is the player's part of q (S, A_total)."""
    fit, width = state.fit, state.q.shape[1]
    fit.multiple[0], fit.multiple[1], fit.multiple[2] = 1.0, 0.0, 0.0
    for s in range(state.q.shape[0]):
        for c in range(feedback.offset[i], feedback.offset[i + 1]):
            fit.iterate[s * width + c] = state.q[s, c]
            fit.average[s * width + c] = fit.since[s * width + c] = 0.0
            fit.multiple[2] += state.q[s, c] * state.q[s, c]


@precise
def learn_rows(features, rule, state, feedback, i, first, count):
    """Steps first + 1 .. first + count, each on one number.    fit.iterate, fit.average, fit.since (S A_total,)"""
    fit, offset, width = state.fit, feedback.offset[i], state.q.shape[1]
    for m in range(count):
        k = float(first + m + 1)
        c = feedback.rows[m] * width + offset + feedback.actions[m]
        old = fit.multiple[0] * fit.iterate[c]
        new = old - 2.0 * step_size(rule.rate, rule.rate_exponent, rule.rate_shift, k) * (old - feedback.returns[m])
        fit.average[c] += fit.iterate[c] * (fit.multiple[1] - fit.since[c])
        fit.iterate[c], fit.since[c] = new / fit.multiple[0], fit.multiple[1]
        fit.multiple[2] += new * new - old * old
        if fit.multiple[2] > rule.radius * rule.radius:
            fit.multiple[0] *= rule.radius / math.sqrt(fit.multiple[2])
            fit.multiple[2] = rule.radius * rule.radius
        fit.multiple[1] += k * fit.multiple[0]
        if fit.multiple[0] < LEAST:
            _settle(state, offset, feedback.offset[i + 1])


@precise
def close_rows(features, rule, state, feedback, i):
    """The player's part of q (S, A_total) is the average."""
    _settle(state, feedback.offset[i], feedback.offset[i + 1])
    width, total = state.q.shape[1], 0.5 * rule.samples * (rule.samples + 1.0)
    for s in range(state.q.shape[0]):
        for c in range(feedback.offset[i], feedback.offset[i + 1]):
            state.q[s, c] = state.fit.average[s * width + c] / total


@attach(open_fit=open_rows, learn=learn_rows, close_fit=close_rows, ascend=ascend_table, probabilities=copy_table,
        shown=keep_nothing)
class OneHot(NamedTuple):
    """One feature for every row and action: w is the table q."""


# ----------------------------------------------------------------------------------------------- several, in vectors
@precise
def learn_one(rule, fit, phi, aim, k):
    """Step k on one sample.    fit.iterate, fit.average, phi (d,)"""
    w = fit.iterate
    change = 2.0 * step_size(rule.rate, rule.rate_exponent, rule.rate_shift, k) * (aim - dot_in_order(phi, w))
    for e in range(w.size):
        w[e] += change * phi[e]
    if rule.radius < math.inf:
        square = dot_in_order(w, w)
        if square > rule.radius * rule.radius:
            shrink = rule.radius / math.sqrt(square)
            for e in range(w.size):
                w[e] *= shrink
    for e in range(w.size):
        fit.average[e] += k * w[e]


@precise
def _open_vector(features, state, feedback, i):
    """The first iterate (d,) is weights[i], (N, d)."""
    for e in range(state.fit.iterate.size):
        state.fit.iterate[e], state.fit.average[e] = state.weights[i, e], 0.0


@precise
def _close_vector(features, rule, state, feedback, i):
    """weights[i], (N, d), is the average (d,)."""
    for e in range(state.fit.average.size):
        state.weights[i, e] = state.fit.average[e] / (0.5 * rule.samples * (rule.samples + 1.0))


@precise
def _learn_table(features, rule, state, feedback, i, first, count):
    """Steps first + 1 .. first + count.    phi (S, A_total, d)"""
    for m in range(count):
        learn_one(rule, state.fit, features.phi[feedback.rows[m], feedback.offset[i] + feedback.actions[m]],
                  feedback.returns[m], float(first + m + 1))


@precise
def _fill_q(features, state, feedback):
    """q = <phi, w>.    q (S, A_total)   phi (S, A_total, d)   weights (N, d)"""
    for s in range(state.q.shape[0]):
        for i in range(feedback.offset.size - 1):
            for c in range(feedback.offset[i], feedback.offset[i + 1]):
                state.q[s, c] = dot_in_order(features.phi[s, c], state.weights[i])


@precise
def _ascend_vector(features, rule, state, feedback):
    """q from the weights, and the step of :func:`move_rows`."""
    _fill_q(features, state, feedback)
    move_rows(rule, state, feedback)


@attach(open_fit=_open_vector, learn=_learn_table, close_fit=_close_vector, ascend=_ascend_vector,
        probabilities=copy_table, shown=keep_nothing)
class FeatureTable(NamedTuple):
    """phi (S, A_total, d)"""

    phi: Any


# -------------------------------------------------------------------------------------------------- users' functions
@kernel
def _ascend_sum(features, rule, state, feedback):
    """The sum of all estimates is the policy.    total, weights (N, d)"""
    for i in range(state.weights.shape[0]):
        for e in range(state.weights.shape[1]):
            state.total[i, e] += state.weights[i, e]


@functools.lru_cache(maxsize=64)
def function_features(function: Any) -> Any:
    """Kernels around ``function(state, player, action, out)``, which fills ``out`` (d,).

    The policy is P(uniform + eta <phi, sum of the estimates>): projected where it is asked for, no state is listed.
    """
    fill = function if hasattr(function, "py_func") else user_kernel(function)

    @user_kernel
    def scored(state, place, i, a, which):
        """<phi_i(place, a), w>, and whether phi is longer than 1 or no number, noted."""
        phi, square, total = state.fit.phi, 0.0, 0.0
        fill(place, i, a, phi)
        for e in range(phi.size):
            square += phi[e] * phi[e]
            total += phi[e] * which[e]
        if not square <= LONGEST and state.fault[0] == 0.0:
            state.fault[0], state.fault[1], state.fault[2], state.fault[3] = 1.0, place, i, a
            state.fault[4] = square
        return total

    @user_kernel
    def fill_probabilities(features, rule, state, feedback, s, place, out):
        """Everybody's policy at ``place``, seen as row s.    out (A_total,)"""
        for i in range(feedback.offset.size - 1):
            first, last = feedback.offset[i], feedback.offset[i + 1]
            n = feedback.num_actions[s, i]
            for c in range(first, last):
                out[c] = (1.0 / n + rule.eta * scored(state, place, i, c - first, state.total[i])
                          if feedback.available[s, c] else -math.inf)
            project_row(out[first:last], rule.exploration / n, out[first:last])

    @user_kernel
    def learn_chunk(features, rule, state, feedback, i, first, count):
        """Steps first + 1 .. first + count."""
        for m in range(count):
            fill(feedback.places[m], i, feedback.actions[m], state.fit.phi)
            learn_one(rule, state.fit, state.fit.phi, feedback.returns[m], float(first + m + 1))

    @user_kernel
    def show_row(features, rule, state, feedback, s, place, now):
        """The policy, and what the last estimate says, in the row of a sampled state."""
        for i in range(feedback.offset.size - 1):
            for c in range(feedback.offset[i], feedback.offset[i + 1]):
                state.policy[s, c] = now[c]
                state.q[s, c] = scored(state, place, i, c - feedback.offset[i], state.weights[i])

    @attach(open_fit=_open_vector, learn=learn_chunk, close_fit=_close_vector, ascend=_ascend_sum,
            probabilities=fill_probabilities, shown=show_row)
    class UserFeatures(NamedTuple):
        """The function, as kernels see it."""

    UserFeatures.__module__ = "user"  # never cached: nobody can stamp a user's functions
    return UserFeatures()


def empty_fit(size: int, phi: int) -> Fit:
    """A regression over ``size`` numbers that has not begun."""
    return Fit(np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(3), np.zeros(phi))
