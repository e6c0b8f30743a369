"""Sweeps of MGE-FB: players with states of their own, who meet through the crowd alone.

    Q_i^t(x, a) = R_i(x, a) + Psi_i(O_-i^t)(x) + sum_y P_i(y | x, a) V_i^{t+1}(y),    pi_i^t = softmax(beta Q_i^t)
    O_i^{t+1}(y) = sum_{x, a} pi_i^t(a | x) P_i(y | x, a) O_i^t(x),                   O_i^0 given
    Psi_i(O_-i^t)(x) = - sum_{j != i} mu_j O_j^t(x) = - (W^t(x) - mu_i O_i^t(x)),     W^t = sum_j mu_j O_j^t

Etesami & Straehle (2020), Algorithm 3, equations (9)-(12). A sweep takes every player's occupancies and W as they were
and writes the occupancies of its new policy in their place: all players at once (Jacobi), so that they may be handed to
any number of threads; then W is summed again, player after player for every step. Nothing depends on the threads.

Where a player cannot be at step t it has no weight and no say: its occupancies hold only the cells that it can reach by
then, in the order in which it first reaches them (its *cells*, of which step t has the first ``counts[i, t]``).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..machine import attach, call, inlined, kernel, method, unit
from ..machine.vectors import LANES, broadcast, load, store
from .elementary import exp

MEAN, SOFTMAX, MAX = 0, 1, 2  # what a state is worth: sum_a pi Q, (1 / beta) log sum_a exp(beta Q), max_a Q
# A cycle: W is back where it was to this share of its largest change of one sweep since then, and so is the residual.
RETURNED = 1e-10
HUGE = 1e300  # what Psi may not exceed


class OccupancyModel(NamedTuple):
    """A game of M players on X cells.

    pointer (R + 1,), index, probability (E,): the rows of all graphs, those of one graph x A + a; an action that cannot
    be taken has an empty row
    row, actions (M,): a player's first row, and its number of actions
    reward, reward_at, reward_width: R_i(x, a) at reward[reward_at[i] + x] (width 1) or [reward_at[i] + x A + a] (A)
    final, final_at (M,): R_F,i(x) at final[final_at[i] + x]
    """

    pointer: Any
    index: Any
    probability: Any
    row: Any
    actions: Any
    reward: Any
    reward_at: Any
    reward_width: Any
    final: Any
    final_at: Any


class Sweep(NamedTuple):
    """What sweeps need: a game, a horizon of T steps with D decisions, and room for ``shares`` threads of control.

    felt: what fills ``level`` (shares, L), see :func:`feel`, for a player and a step   weight (M,): mu
    cells (C,) int32, first (M,): a player's cells begin at cells[first[i]]   counts (M, D + 1)
    place (M, D + 2): occupancies of step t begin at occupancy[place[i, t]], for t <= T
    occupancy: O, see above   crowd (T + 1, X): W   kept (T + 1, X): W of an earlier sweep
    moved, apart (T + 1,): how far W^t went in the last sweep, and how far it is from what is kept
    kind: what a state is worth   charged: whether V^D holds Psi(O^T)   alpha: share of the new occupancies
    policy (shares, P): pi_i^t(a | x) of the player at work at [A (place[i, t] - place[i, 0]) + A l + a], x its cell l
    q: the same of Q_i^t, and values: V_i^t(x) at [place[i, t] - place[i, 0] + l], for t <= D, where ``keep``
    gaps (shares, A L): Q - max Q of a step   value, flow (shares, 2, L): rows of two steps
    local (shares, X) int32: where a cell is among the player's own
    before (shares, X)   everyone: see :class:`Felt`
    residual (M,): largest change of a player's occupancies in the last sweep, before ``alpha``
    paths (runs, M, T + 1) int32, key (2,): of what is played   score (M,)
    """

    model: Any
    felt: Any
    weight: Any
    cells: Any
    first: Any
    counts: Any
    place: Any
    occupancy: Any
    crowd: Any
    kept: Any
    moved: Any
    apart: Any
    horizon: int
    decisions: int
    beta: float
    alpha: float
    kind: int
    charged: bool
    keep: bool
    shares: int
    policy: Any
    q: Any
    values: Any
    gaps: Any
    value: Any
    flow: Any
    local: Any
    before: Any
    everyone: Any
    level: Any
    residual: Any
    paths: Any
    key: Any
    score: Any


# ------------------------------------------------------------------------------------------------------ interactions
class Felt(NamedTuple):
    """What players feel of one another, besides what :class:`Sweep` says of the fields of the same name.

    psi: the interaction   level (shares, L): Psi_i(O_-i^t)(x) of the player and the step at work
    everyone (T + 1, X, M): O_j^t(x), and others (shares, M), of interactions that are functions of all; else empty
    fault (shares, 4): where Psi is no number, [1, i, t, x]
    """

    psi: Any
    weight: Any
    cells: Any
    first: Any
    counts: Any
    place: Any
    occupancy: Any
    crowd: Any
    everyone: Any
    others: Any
    level: Any
    fault: Any


interaction = method("interaction")  # Psi_i(O_-i^t)(x), from W^t(x) and the player's own O_i^t(x)


@inlined
def _weighted(psi, felt, share, i, t, x, own):
    """- sum_{j != i} mu_j O_j^t(x)."""
    return felt.weight[i] * own - felt.crowd[t, x]


@attach(interaction=_weighted)
class Weighted(NamedTuple):
    """Psi_i = - sum_{j != i} mu_j O_j."""

    players: int


@unit
def feel(felt, share, i, t):
    """level <- Psi_i(O_-i^t)(x) for the cells of player i at step t; what is no number is noted, and 0."""
    start, first = felt.place[i, t], felt.first[i]
    for l in range(felt.counts[i, t]):
        x = felt.cells[first + l]
        level = interaction(felt.psi, felt, share, i, t, x, felt.occupancy[start + l])
        if not abs(level) <= HUGE:
            felt.fault[share, 0], felt.fault[share, 1], felt.fault[share, 2], felt.fault[share, 3] = 1, i, t, x
            level = 0.0
        felt.level[share, l] = level


@kernel
def _gather(frame, t):
    """everyone[t, x, j] = O_j^t(x), 0 where j cannot be.    everyone (T + 1, X, M)"""
    everyone = frame.everyone
    for x in range(everyone.shape[1]):
        for j in range(everyone.shape[2]):
            everyone[t, x, j] = 0.0
    for j in range(everyone.shape[2]):
        for l in range(frame.counts[j, t]):
            everyone[t, frame.cells[frame.first[j] + l], j] = frame.occupancy[frame.place[j, t] + l]


# ------------------------------------------------------------------------------------------------------- one player
@kernel
def number(frame, share, i):
    """local[x] <- where cell x is among player i's own."""
    local = frame.local[share]
    for l in range(frame.counts[i, frame.decisions]):
        local[frame.cells[frame.first[i] + l]] = l


@kernel
def terminal(frame, share, i, now):
    """now[l] <- V_i^D(x), R_F,i(x) and, where it is charged, Psi_i(O_-i^T)(x).    now (L,)"""
    model, last = frame.model, frame.decisions
    if frame.charged:
        call(frame.felt, (share, i, last))
    for l in range(frame.counts[i, last]):
        now[l] = model.final[model.final_at[i] + frame.cells[frame.first[i] + l]]
        if frame.charged:
            now[l] += frame.level[share, l]


@kernel
def _action_values(frame, share, i, t, after, now, q):
    """q <- Q_i^t less its maximum over a, and now <- that maximum, for the cells of step t.

    after (L,): V_i^{t+1}   now (L,)   q (counts[i, t], A)
    """
    model, local = frame.model, frame.local[share]
    pointer, index, probability, width = model.pointer, model.index, model.probability, model.reward_width[i]
    own, first = frame.place[i, t], frame.first[i]
    call(frame.felt, (share, i, t))
    for l in range(q.shape[0]):
        x = frame.cells[first + l]
        level = frame.level[share, l]
        if width == 1:
            level += model.reward[model.reward_at[i] + x]
        row, top = model.row[i] + q.shape[1] * x, -math.inf
        low = pointer[row]
        for a in range(q.shape[1]):
            high, found = pointer[row + a + 1], -math.inf
            if low < high:
                found = level
                if width > 1:
                    found += model.reward[model.reward_at[i] + x * width + a]
                for e in range(low, high):
                    found += probability[e] * after[local[index[e]]]
                top = max(top, found)
            q[l, a], low = found, high
        if frame.keep:
            for a in range(q.shape[1]):
                frame.q[share, q.shape[1] * (own - frame.place[i, 0] + l) + a] = q[l, a]
        now[l] = top
        for a in range(q.shape[1]):
            q[l, a] -= top


@inlined
def _exponentials(beta, q, out):
    """out <- exp(beta q), eight at a time.    q, out (n,)"""
    whole = q.size - q.size % LANES
    for c in range(0, whole, LANES):
        store(out, c, exp(load(q, c) * broadcast(beta)))
    for c in range(whole, q.size):
        out[c] = exp(q[c] * beta)


@kernel
def _weigh(kind, beta, q, policy, now):
    """policy <- its rows divided by their sums, and now <- V_i^t.

    q (n, A): less its maximum over a   policy (n, A): exp(beta q)   now (n,): the maximum
    """
    for l in range(now.size):
        total, mean = 0.0, 0.0
        for a in range(q.shape[1]):
            total += policy[l, a]
            mean += policy[l, a] * max(q[l, a], -HUGE)  # what cannot be taken has weight 0
        scale = 1.0 / total
        for a in range(q.shape[1]):
            policy[l, a] *= scale
        if kind == MEAN:
            now[l] += mean * scale
        elif kind == SOFTMAX:
            now[l] += math.log(total) / beta


@kernel
def backward(frame, share, i):
    """Q_i^t and pi_i^t of player i for t = D - 1 .. 0 against the occupancies of the others as they are."""
    actions, origin = frame.model.actions[i], frame.place[i, 0]
    number(frame, share, i)
    last = frame.decisions
    terminal(frame, share, i, frame.value[share, last % 2])
    if frame.keep:
        for l in range(frame.counts[i, last]):
            frame.values[share, frame.place[i, last] - origin + l] = frame.value[share, last % 2, l]
    for t in range(last - 1, -1, -1):
        now, after = frame.value[share, t % 2], frame.value[share, (t + 1) % 2]
        count, at = frame.counts[i, t], actions * (frame.place[i, t] - origin)
        flat, policy = frame.gaps[share, :actions * count], frame.policy[share, at:at + actions * count]
        shape = (count, actions)
        _action_values(frame, share, i, t, after, now, flat.reshape(shape))
        _exponentials(frame.beta, flat, policy)
        _weigh(frame.kind, frame.beta, flat.reshape(shape), policy.reshape(shape), now[:count])
        if frame.keep:
            for l in range(count):
                frame.values[share, frame.place[i, t] - origin + l] = now[l]


@kernel
def forward(frame, share, i):
    """O_i^{t+1} of player i's policy for t = 0 .. T - 1 in the place of the old; returns the largest change."""
    model, actions = frame.model, frame.model.actions[i]
    local, policy, origin = frame.local[share], frame.policy[share], frame.place[i, 0]
    worst, alpha = 0.0, frame.alpha
    for l in range(frame.counts[i, 0]):
        frame.flow[share, 0, l] = frame.occupancy[origin + l]
    for t in range(frame.horizon):
        now, after = frame.flow[share, t % 2], frame.flow[share, (t + 1) % 2]
        start, end = frame.place[i, t], frame.place[i, t + 1]
        for l in range(frame.counts[i, t + 1]):
            after[l] = 0.0
        for l in range(frame.counts[i, t]):
            if now[l] > 0.0:
                at, row = actions * (start - origin + l), model.row[i] + actions * frame.cells[frame.first[i] + l]
                for a in range(actions):
                    mass = now[l] * policy[at + a]
                    for e in range(model.pointer[row + a], model.pointer[row + a + 1]):
                        after[local[model.index[e]]] += mass * model.probability[e]
        for l in range(frame.counts[i, t + 1]):
            change = after[l] - frame.occupancy[end + l]
            worst = max(worst, abs(change))
            frame.occupancy[end + l] = after[l] if alpha == 1.0 else frame.occupancy[end + l] + alpha * change
    return worst


# ------------------------------------------------------------------------------------------------------- all players
@unit
def sweep_players(frame, share):
    """A share of a sweep: every ``shares``-th player."""
    for i in range(share, frame.residual.size, frame.shares):
        backward(frame, share, i)
        frame.residual[i] = forward(frame, share, i)


@unit
def sum_crowd(frame, share):
    """A share of W^t = sum_j mu_j O_j^t: every ``shares``-th step, player after player."""
    before = frame.before[share]
    for t in range(share, frame.horizon + 1, frame.shares):
        row = frame.crowd[t]
        for x in range(row.size):
            before[x] = row[x]
            row[x] = 0.0
        for j in range(frame.weight.size):
            weight, start, first = frame.weight[j], frame.place[j, t], frame.first[j]
            if weight != 0.0:
                for l in range(frame.counts[j, t]):
                    row[frame.cells[first + l]] += weight * frame.occupancy[start + l]
        moved, apart = 0.0, 0.0
        for x in range(row.size):
            moved = max(moved, abs(row[x] - before[x]))
            apart = max(apart, abs(row[x] - frame.kept[t, x]))
        frame.moved[t], frame.apart[t] = moved, apart
        if frame.everyone.size > 0:
            _gather(frame, t)


class Sweeping(NamedTuple):
    """Both halves of a sweep, each as one call; crowd, kept, moved, apart, residual, fault as in :class:`Sweep`.

    count (4,): sweeps made; sweeps since W was kept and after how many it is kept again (Brent 1980); period of a cycle
    found (4,): residual of the last sweep; tolerance; largest change of W since it was kept; residual at that time
    """

    players: Any
    crowds: Any
    crowd: Any
    kept: Any
    moved: Any
    apart: Any
    residual: Any
    fault: Any
    count: Any
    found: Any


@inlined
def _largest(row):
    """Largest entry of a row that holds none below 0."""
    top = 0.0
    for value in row:
        top = max(top, value)
    return top


@unit
def sweeps(frame, most):
    """Up to ``most`` sweeps, until all changes are within the tolerance, W cycles, or Psi is no number."""
    count, found = frame.count, frame.found
    for _ in range(most):
        call(frame.players, (0,))
        call(frame.crowds, (0,))
        count[0] += 1
        count[1] += 1
        found[0] = _largest(frame.residual)
        found[2] = max(found[2], _largest(frame.moved))
        for share in range(frame.fault.shape[0]):
            if frame.fault[share, 0] != 0:
                return
        if found[0] <= found[1]:
            return
        back = _largest(frame.apart) <= RETURNED * found[2] and abs(found[0] - found[3]) <= RETURNED * found[0]
        if count[1] > 1 and back:
            count[3] = count[1]
            return
        if count[1] == count[2]:
            count[1], count[2], found[2], found[3] = 0, 2 * count[2], 0.0, found[0]
            for t in range(frame.crowd.shape[0]):
                for x in range(frame.crowd.shape[1]):
                    frame.kept[t, x] = frame.crowd[t, x]
