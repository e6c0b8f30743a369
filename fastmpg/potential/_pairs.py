"""Certified bounds on what one player's deviations change a value by, whatever stationary policies all play.

Two copies of the game run side by side: in one player i plays pi', in the other pi, everybody else the same pi_-i in
both. With V' and V player i's values of a reward h, for any coupling c of the two next states

    V'(s) - V(t) <= D(s, t),    D(s, t) = max [ h(s, a') - h(t, a) + gamma sum_{u,v} c(u, v) D(u, v) ]

over (a_i', a_i, a_-i) where s = t, since there the others do the same, and over both joint actions where not: a Markov
decision process of pairs of states. It is solved by policy iteration, and its residual, with what rounding may hide,
bounds the error. The coupling leaves together what the two laws have in common.

The process forgets that policies are stationary: in state s it may let others act one way beside state t and another
way beside state u. Where its best choices disagree so, the set of policies is halved (the others' simplex in a state
along an edge, or the deviator's actions) and both halves are bounded: the larger of their bounds holds for the whole.
"""

from __future__ import annotations

import heapq
import itertools
from typing import Any, NamedTuple

import numpy as np

from .._check import Float

UNIT = 2.0**-53
LIMIT = 2**22  # numbers of one process of pairs
ITERATIONS = 100


class Region(NamedTuple):
    """A set of policies of player i's deviations: what others may mix, and what i may do before and after.

    mixes: for every other player an array (S, A_j, A_j): the vertices of its simplex in every state, a row each
    own (2, S, A_i) of bool: the actions of pi' and of pi
    """

    mixes: tuple[Float, ...]
    own: Any


class Bound(NamedTuple):
    """Of a region: the bound, the policies (pi_-i, pi', pi) of its best choices, and what to halve next, or None.

    halve: (player among the others or -1 for pi', -2 for pi; state; the two vertices or actions that disagree)
    """

    bound: float
    others: tuple[Float, ...]
    own: Float
    halve: Any


def whole(sizes: tuple[int, ...], i: int, states: int, can: Any) -> Region:
    """All policies.    can (S, A_0, ...): joint actions that there are, of which what a player has is read off"""
    mixes, own = [], None
    for j, n in enumerate(sizes):
        there = can.any(axis=tuple(1 + k for k in range(len(sizes)) if k != j))  # (S, A_j)
        if j == i:
            own = np.stack([there, there])
            continue
        first = there.argmax(axis=1)
        corners = np.broadcast_to(np.eye(n), (states, n, n)).copy()
        for s in range(states):  # what is not there stands in as the first that is
            corners[s, ~there[s]] = np.eye(n)[first[s]]
        mixes.append(corners)
    return Region(tuple(mixes), own)


def fits(states: int, joint: int) -> bool:
    """Whether processes of pairs are small enough."""
    return states**4 * joint**2 <= LIMIT


def coupled(p: Float, q: Float) -> Float:
    """Couplings (..., S, S) of laws p and q (..., S): what they have in common stays together."""
    both = np.minimum(p, q)
    rest, other = p - both, q - both
    mass = rest.sum(axis=-1)
    out = rest[..., :, None] * other[..., None, :] / np.where(mass > 0.0, mass, 1.0)[..., None, None]
    at = np.arange(p.shape[-1])
    out[..., at, at] += both
    return np.asarray(out)


def _mixed(table: Float, region: Region) -> Float:
    """A table (S, A_i, A_others ..., more) with others' vertices in place of their actions, (S, A_i, M, more)."""
    n = len(region.mixes)
    for j, mix in enumerate(region.mixes):
        table = np.moveaxis(np.einsum("sa...,sva->sv...", np.moveaxis(table, 2 + j, 1), mix), 1, 2 + j)
    return table.reshape(*table.shape[:2], -1, *table.shape[2 + n:])


def bounded(h: Float, law: Float, discount: float, region: Region, off: float = 0.0) -> Bound:
    """The bound of the module on max_s D(s, s) over a region.

    h (S, A_i, A_others ...)   law (S, A_i, A_others ..., S), rows of which miss 1 by ``off`` at most
    """
    states, own = h.shape[:2]
    reward, moves = _mixed(h, region), _mixed(law, region)  # (S, A_i, M), (S, A_i, M, S)
    kinds = reward.shape[2]
    after, before = (np.where(each[:, :, None], 0.0, -np.inf) for each in region.own)  # (S, A_i, 1)
    same = (reward + after)[:, :, None, :] + (before - reward)[:, None, :, :]  # (S, A', A, M)
    joined = coupled(np.broadcast_to(moves[:, :, None], (states, own, own, kinds, states)), moves[:, None])
    top, low = (reward + after).reshape(states, -1), (before - reward).reshape(states, -1)
    apart = top[:, None, :, None] + low[None, :, None, :]  # (S, T, A' M, A M)
    flat = moves.reshape(states, -1, states)
    split = coupled(np.broadcast_to(flat[:, None, :, None], (states, states, own * kinds, own * kinds, states)),
                    flat[None, :, None, :])
    same, apart = same.reshape(states, -1), apart.reshape(states, states, -1)
    joined = joined.reshape(states, -1, states * states)
    split = split.reshape(states, states, -1, states * states)
    at = np.arange(states)
    value, scale = np.zeros(states * states), 2.0 * float(np.abs(reward).max())
    for round_ in range(ITERATIONS):
        q, q_same = apart + discount * (split @ value), same + discount * (joined @ value)
        pick, pick_same = q.argmax(axis=2), q_same.argmax(axis=1)
        best = q.max(axis=2)
        best[at, at], pick[at, at] = q_same.max(axis=1), pick_same
        over = float((best.reshape(-1) - value).max())
        enough = (states + 4.0) * UNIT * (scale + float(np.abs(value).max()))
        if round_ == ITERATIONS - 1 or (round_ and over <= enough):
            break
        paid = np.take_along_axis(apart, pick[:, :, None] % apart.shape[2], 2)[:, :, 0]
        chain = np.take_along_axis(split, (pick % apart.shape[2])[:, :, None, None], 2)[:, :, 0]
        paid[at, at] = same[at, pick_same]
        chain[at, at] = joined[at, pick_same]
        value = np.linalg.solve(np.eye(states * states) - discount * chain.reshape(states**2, -1), paid.reshape(-1))
    size = scale + float(np.abs(value).max())
    steps = 2.0 * len(region.mixes) + sum(mix.shape[1] for mix in region.mixes) + 3.0 * states + states**2 + 12.0
    residual = max(0.0, over) + 4.0 * steps * UNIT * size
    left = 1.0 - discount * (1.0 + off) - 4.0 * UNIT
    residual += 4.0 * discount * off * size / left if left > 0.0 else 0.0  # laws that weigh more than what is coupled
    slack = residual / left if left > 0.0 else np.inf
    worst = int(value.reshape(states, states)[at, at].argmax())
    bound = (float(value[worst * (states + 1)]) + slack) * (1.0 + 1e-12)
    return _choices(region, pick, value, (own, kinds), bound, chain, discount, worst)


def _choices(region: Region, pick: Any, value: Float, shape: tuple[int, int], bound: float, chain: Float,
             discount: float, worst: int) -> Bound:
    """What the best choices are, and where they disagree most, weighed by how often the process is there."""
    states, (own, kinds) = len(region.own[0]), shape
    start = np.zeros(states * states)
    start[worst * (states + 1)] = 1.0
    seen = np.linalg.solve((np.eye(states * states) - discount * chain.reshape(states**2, -1)).T, start)
    seen = np.maximum(seen.reshape(states, states), 0.0)
    # votes: how often in state s the first copy's deviator, the second's, and the others' joint vertex are what
    ahead, behind, joint = np.zeros((states, own)), np.zeros((states, own)), np.zeros((states, kinds))
    for s, t in itertools.product(range(states), range(states)):
        if s == t:
            a, b, m = np.unravel_index(pick[s, t], (own, own, kinds))
            ahead[s, a] += seen[s, t]
            behind[s, b] += seen[s, t]
            joint[s, m] += 2.0 * seen[s, t]
        else:
            a, m, b, n = np.unravel_index(pick[s, t], (own, kinds, own, kinds))
            ahead[s, a] += seen[s, t]
            behind[t, b] += seen[s, t]
            joint[s, m] += seen[s, t]
            joint[t, n] += seen[s, t]
    counts = [mix.shape[1] for mix in region.mixes]
    most, halve, others = 1e-9 * float(seen.sum()), None, []
    table = joint.reshape(states, *counts)
    for j, mix in enumerate(region.mixes):
        votes = table.sum(axis=tuple(1 + k for k in range(len(counts)) if k != j))  # (S, vertices)
        share = votes / np.where(votes.sum(axis=1) > 0.0, votes.sum(axis=1), 1.0)[:, None]
        share[votes.sum(axis=1) == 0.0, 0] = 1.0
        others.append(np.einsum("sv,sva->sa", share, mix))
        for s in range(states):
            for u, v in itertools.combinations(range(counts[j]), 2):
                wide = float(np.abs(mix[s, u] - mix[s, v]).sum()) / 2.0
                score = min(votes[s, u], votes[s, v]) * wide
                if score > most:
                    most, halve = score, (j, s, u, v)
    deviations = []
    for who, votes in ((-1, ahead), (-2, behind)):
        deviations.append(np.eye(own)[np.where(region.own[-1 - who], votes, -1.0).argmax(axis=1)])
        for s in range(states):
            order = votes[s].argsort()[::-1]
            if own > 1 and votes[s, order[1]] > most:
                most, halve = float(votes[s, order[1]]), (who, s, int(order[0]), int(order[1]))
    return Bound(bound, tuple(others), np.stack(deviations), halve)


def halves(region: Region, halve: Any) -> tuple[Region, Region]:
    """Two regions that make up the whole."""
    j, s, u, v = halve
    if j < 0:
        made = []
        for keep in (True, False):
            own = region.own.copy()
            row = own[-1 - j, s]
            one = np.arange(row.size) == u
            own[-1 - j, s] = row & (one if keep else ~one)
            made.append(region._replace(own=own))
        return made[0], made[1]
    made = []
    for drop in (u, v):
        mixes = list(region.mixes)
        mixes[j] = mixes[j].copy()
        mixes[j][s, drop] = 0.5 * (mixes[j][s, u] + region.mixes[j][s, v])
        made.append(region._replace(mixes=tuple(mixes)))
    return made[0], made[1]


def most_missed(h: Float, law: Float, discount: float, region: Region, enough: float, budget: int, off: float
                ) -> tuple[float, list[Bound]]:
    """A bound over all of a region, of at most ``budget`` parts and done once it is down to ``enough``; and all bounds
    on the way, whose choices may be worst.
    """
    first = bounded(h, law, discount, region, off)
    heap: list[Any] = [(-first.bound, 0, region, first)]
    count, settled = 1, 0.0
    seen = [first]
    while heap and count < budget:
        bound, _, region, found = heap[0]
        if -bound <= max(enough, settled):
            break
        heapq.heappop(heap)
        if found.halve is None:
            settled = max(settled, -bound)
            continue
        for half in halves(region, found.halve):
            each = bounded(h, law, discount, half, off)
            each = each._replace(bound=min(each.bound, -bound))
            count += 1
            heapq.heappush(heap, (-each.bound, count, half, each))
            seen.append(each)
    top = max(settled, -heap[0][0] if heap else 0.0)
    return top, seen
