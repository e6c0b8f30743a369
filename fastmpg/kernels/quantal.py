"""Logit quantal response of a Markov game over joint actions: its equations, their derivatives, and linear solves.

Unknowns y: beta = log pi (S, A_total), values V (N, S), lam. Of every player i and state s, Q_i(s, a) its marginal Q,

    sum_a exp beta(s, a) = 1 (in logarithms)
    [beta(s, a) - beta(s, a*) - lam (Q_i(s, a) - Q_i(s, a*))] / max(1, lam) = 0     a other than a*, a likely action
    V_i(s) - sum_a pi(s, a) Q_i(s, a) = 0

Rows of missing actions read beta = 0, and pi is 0 there. By beta the first two are derived state by state, blocks
A_s (A_total, A_total), and the third rows C_s (N, A_total); states meet in V alone. Factored are the blocks, and

    [ I - gamma P - C_s A_s^-1 B_s ]     N S + 1 unknowns V and lam, the last row a border across the branch

instead of all S (A_total + N) + 1 unknowns at once; that is done with one state, and where a block is nearly singular.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..machine import kernel
from .pivoted import eliminate, factor, solve, substitute, substitute_transposed

GROWTH = 1e6  # largest entry of C_s A_s^-1 up to which blocks are eliminated


class Logit(NamedTuple):
    """A game over J joint actions, and what its equations are computed in.

    rewards (N, S, J)   moves (S, J, S)   columns (J, N): of every player's action   offset (N + 1,)   can (S, A_total)
    numbers (1,): discount   base (S, N): the column of a*
    policy, q, slope (S, A_total): slope is d / d lam   stage (N, S, J)   chain (S, S)
    ahead (S, A_total, S): B_s, of a player's own values   products (2, N + 1)
    blocks (S, A_total, A_total)   blocks_pivot (S, A_total) int32   carry (S, N, A_total): C_s, then C_s A_s^-1
    edge (S, A_total): border of beta, times A_s^-1
    lu (n, n)   pivot (n,) int32   x (n,): of values, or of all unknowns   routines, scalars: of LAPACK
    """

    rewards: Any
    moves: Any
    columns: Any
    offset: Any
    can: Any
    numbers: Any
    base: Any
    policy: Any
    q: Any
    slope: Any
    stage: Any
    chain: Any
    ahead: Any
    products: Any
    blocks: Any
    blocks_pivot: Any
    carry: Any
    edge: Any
    lu: Any
    pivot: Any
    x: Any
    routines: Any
    scalars: Any


@kernel
def payoffs(g, y):
    """policy, stage and q at y (n + 1,)."""
    states, width = g.policy.shape
    joint, players = g.columns.shape
    first, gamma, after = states * width, g.numbers[0], g.products[1]
    for s in range(states):
        p, q = g.policy[s], g.q[s]
        for c in range(width):
            p[c] = math.exp(min(y[s * width + c], 1.0)) if g.can[s, c] else 0.0
            q[c] = 0.0
        for j in range(joint):
            column, row = g.columns[j], g.moves[s, j]
            for i in range(players):
                total = 0.0
                if gamma != 0.0:
                    value = y[first + i * states:first + (i + 1) * states]
                    for t in range(states):
                        total += row[t] * value[t]
                g.stage[i, s, j] = g.rewards[i, s, j] + gamma * total
            after[players - 1] = 1.0
            for i in range(players - 1, 0, -1):
                after[i - 1] = after[i] * p[column[i]]
            before = 1.0
            for i in range(players):
                q[column[i]] += before * after[i] * g.stage[i, s, j]
                before *= p[column[i]]


@kernel
def residual(g, y, out):
    """The equations at y, after :func:`payoffs`: out (n,)."""
    states, width = g.policy.shape
    players, lam, first = g.offset.size - 1, y[y.size - 1], states * width
    scale = 1.0 / max(1.0, lam)
    for s in range(states):
        p, q, beta, left = g.policy[s], g.q[s], y[s * width:(s + 1) * width], out[s * width:(s + 1) * width]
        for i in range(players):
            base, total, mean = g.base[s, i], 0.0, 0.0
            for c in range(g.offset[i], g.offset[i + 1]):
                total += p[c]
                mean += p[c] * q[c]
                left[c] = scale * (beta[c] - beta[base] - lam * (q[c] - q[base])) if g.can[s, c] else beta[c]
            left[base] = math.log(total)
            out[first + i * states + s] = y[first + i * states + s] - mean


@kernel
def _crossed(g, s):
    """blocks[s]: of Q_i(a) by pi_k(b), where i is not k; ahead[s]: moves by own action, others averaged out."""
    states, width = g.policy.shape
    joint, players = g.columns.shape
    p, block, before, after, moving = g.policy[s], g.blocks[s], g.products[0], g.products[1], g.numbers[0] != 0.0
    for c in range(width):
        for b in range(width):
            block[c, b] = 0.0
        for t in range(states):
            g.ahead[s, c, t] = 0.0
    for j in range(joint):
        column, row = g.columns[j], g.moves[s, j]
        before[0] = 1.0
        for i in range(players):
            before[i + 1] = before[i] * p[column[i]]
        after[players - 1] = 1.0
        for i in range(players - 1, 0, -1):
            after[i - 1] = after[i] * p[column[i]]
        for i in range(players):
            weight, between = before[i] * after[i], before[i]
            if moving and weight != 0.0:
                into = g.ahead[s, column[i]]
                for t in range(states):
                    into[t] += weight * row[t]
            for k in range(i + 1, players):
                weight = between * after[k]
                block[column[i], column[k]] += weight * g.stage[i, s, j]
                block[column[k], column[i]] += weight * g.stage[k, s, j]
                between *= p[column[k]]


@kernel
def derivatives(g, y):
    """blocks, carry, slope, ahead, chain: all derivatives of the equations at y, after :func:`payoffs`."""
    states, width = g.policy.shape
    players, lam, gamma = g.offset.size - 1, y[y.size - 1], g.numbers[0]
    scale = 1.0 / max(1.0, lam)
    for s in range(states):
        _crossed(g, s)
        p, q, block, slope = g.policy[s], g.q[s], g.blocks[s], g.slope[s]
        for t in range(states):
            g.chain[s, t] = 0.0
        for a in range(g.offset[1]):
            for t in range(states):
                g.chain[s, t] += p[a] * g.ahead[s, a, t]
        for i in range(players):
            low, high, base = g.offset[i], g.offset[i + 1], g.base[s, i]
            mine = g.carry[s, i]
            for b in range(width):
                mine[b] = 0.0
            total = 0.0
            for a in range(low, high):
                total += p[a]
                for b in range(width):
                    block[a, b] *= p[b]
                    mine[b] -= p[a] * block[a, b]
                    block[a, b] *= -lam
                block[a, a] = 1.0
            for a in range(low, high):
                mine[a] = -p[a] * q[a]
                if a == base:
                    continue
                here = 1.0 if g.can[s, a] else 0.0  # a missing action: beta = 0
                for b in range(width):
                    block[a, b] = here * scale * (block[a, b] - block[base, b])
                block[a, a] += 1.0 - here
                slope[a] = -here * scale * (q[a] - q[base])
                factor_ahead = -here * scale * lam * gamma
                for t in range(states):
                    g.ahead[s, a, t] = factor_ahead * (g.ahead[s, a, t] - g.ahead[s, base, t])
            slope[base] = 0.0
            for b in range(width):
                block[base, b] = p[b] / total if low <= b < high else 0.0
            for t in range(states):
                g.ahead[s, base, t] = 0.0


@kernel
def whole(g, out):
    """out (n, n + 1 or more): all derivatives as one matrix, after :func:`derivatives`."""
    states, width = g.policy.shape
    players, first, gamma = g.offset.size - 1, states * width, g.numbers[0]
    n = first + players * states
    for row in range(n):
        for column in range(n + 1):
            out[row, column] = 0.0
    for s in range(states):
        for i in range(players):
            for a in range(g.offset[i], g.offset[i + 1]):
                row = out[s * width + a]
                for b in range(width):
                    row[s * width + b] = g.blocks[s, a, b]
                for t in range(states):
                    row[first + i * states + t] = g.ahead[s, a, t]
                row[n] = g.slope[s, a]
            row = out[first + i * states + s]
            for b in range(width):
                row[s * width + b] = g.carry[s, i, b]
            for t in range(states):
                row[first + i * states + t] = -gamma * g.chain[s, t]
            row[first + i * states + s] += 1.0


@kernel
def reduced(g, border):
    """Factors of the blocks and of what is left for values and lam, after :func:`derivatives`; border (n + 1,).

    The sign of the determinant; 0 if a block is nearly singular.
    """
    states, width = g.policy.shape
    players, first, gamma, sign = g.offset.size - 1, states * width, g.numbers[0], 1.0
    n = players * states
    last = g.lu[n]
    for column in range(n + 1):
        last[column] = border[first + column]
    for s in range(states):
        block, pivot, edge, slope = g.blocks[s], g.blocks_pivot[s], g.edge[s], g.slope[s]
        sign *= eliminate(block, pivot)
        if sign == 0.0:
            return 0.0
        for c in range(width):
            edge[c] = border[s * width + c]
        substitute_transposed(block, pivot, edge)
        for i in range(players + 1):
            if i < players:
                row, by = g.lu[i * states + s], g.carry[s, i]
                substitute_transposed(block, pivot, by)
                for c in range(width):
                    if not abs(by[c]) <= GROWTH:
                        return 0.0
                for column in range(n + 1):
                    row[column] = 0.0
                own = row[i * states:(i + 1) * states]
                for t in range(states):
                    own[t] = -gamma * g.chain[s, t]
                own[s] += 1.0
            else:
                row, by = last, edge
            for k in range(players):
                part = row[k * states:(k + 1) * states]
                for c in range(g.offset[k], g.offset[k + 1]):
                    f, ahead = by[c], g.ahead[s, c]
                    for t in range(states):
                        part[t] -= f * ahead[t]
            for c in range(width):
                row[n] -= by[c] * slope[c]
    return sign * factor(g.lu, g.pivot, g.routines, g.scalars)


@kernel
def factored(g, y, border):
    """Factors of [derivatives at y; border], whichever way g.lu was made for; the sign of the determinant, or 0."""
    payoffs(g, y)
    derivatives(g, y)
    if g.lu.shape[0] != y.size:
        return reduced(g, border)
    whole(g, g.lu)
    last = g.lu[y.size - 1]
    for column in range(y.size):
        last[column] = border[column]
    return factor(g.lu, g.pivot, g.routines, g.scalars)


@kernel
def solved(g, right, out):
    """out (n + 1,) = [derivatives; border]^-1 right, of what was factored last."""
    states, width = g.policy.shape
    players, first, x = g.offset.size - 1, states * width, g.x
    if g.lu.shape[0] == right.size:
        for c in range(right.size):
            out[c] = right[c]
        solve(g.lu, g.pivot, g.routines, g.scalars, out)
        return
    n = players * states
    for row in range(n + 1):
        x[row] = right[first + row]
    for s in range(states):
        for i in range(players):
            for c in range(width):
                x[i * states + s] -= g.carry[s, i, c] * right[s * width + c]
        for c in range(width):
            x[n] -= g.edge[s, c] * right[s * width + c]
    solve(g.lu, g.pivot, g.routines, g.scalars, x)
    for row in range(n + 1):
        out[first + row] = x[row]
    for s in range(states):
        beta = out[s * width:(s + 1) * width]
        for i in range(players):
            value = x[i * states:(i + 1) * states]
            for c in range(g.offset[i], g.offset[i + 1]):
                total, ahead = g.slope[s, c] * x[n], g.ahead[s, c]
                for t in range(states):
                    total += ahead[t] * value[t]
                beta[c] = right[s * width + c] - total
        substitute(g.blocks[s], g.blocks_pivot[s], beta)


@kernel
def fixed_point(g, y):
    """Largest |pi - softmax(lam Q)| or |V - pi Q|, and the largest gain max_a Q_i(s, a) - V_i(s); after payoffs."""
    states, width = g.policy.shape
    players, lam, first, worst, gain = g.offset.size - 1, y[y.size - 1], states * width, 0.0, 0.0
    for s in range(states):
        p, q = g.policy[s], g.q[s]
        for i in range(players):
            low, high, top, total, mean = g.offset[i], g.offset[i + 1], -math.inf, 0.0, 0.0
            for c in range(low, high):
                if g.can[s, c]:
                    top = max(top, q[c])
            for c in range(low, high):
                if g.can[s, c]:
                    total += math.exp(lam * (q[c] - top))
                    mean += p[c] * q[c]
            for c in range(low, high):
                if g.can[s, c]:
                    worst = max(worst, abs(p[c] - math.exp(lam * (q[c] - top)) / total))
            value = y[first + i * states + s]
            worst = max(worst, abs(mean - value))
            gain = max(gain, top - value)
    return worst, gain
