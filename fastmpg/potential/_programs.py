"""Linear programs of nearest potential functions: of one stage exactly, of a Markov game by cuts."""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from .._check import Float
from ._pairs import Bound, coupled, most_missed, whole

PAIRED = 2**16  # rows of a linear program over pairs of states and of joint actions
SECONDS = 20.0  # that it may take
NEAR = 1e-2  # relative: how near the semi-infinite program comes to the best reward before it stops
WORK = 2**27  # numbers of processes of pairs that are looked at in all
HALVES = 100  # of one player's deviations, for one reward; in the end as many for every two rounds
CUTS, SAMPLES = 12, 100  # constraints by round, and of random deviations at first


def chebyshev(payoffs: Float, there: Any) -> tuple[Float, float]:
    """phi (A_0, ...) with the least largest deviation of u_i - phi, and that deviation: a linear program.

    payoffs (N, A_0, ...)   there (A_0, ...) of bool: the joint actions that there are
    """
    n, sizes = payoffs.shape[0], payoffs.shape[1:]
    joint = math.prod(sizes)
    place, kept = np.arange(joint).reshape(sizes), there.reshape(-1)
    rows, columns, right, middles = [], [], [], 0
    for i in range(n):  # |u_i(a) - phi(a) - m_i(a_-i)| <= t / 2
        others = np.moveaxis(place, i, -1).reshape(-1, sizes[i])
        group = np.empty(joint, np.int64)
        group[others] = np.arange(len(others))[:, None]
        rows.append(np.flatnonzero(kept))
        columns.append(joint + middles + group[kept])
        right.append(payoffs[i].reshape(-1)[kept])
        middles += len(others)
    count = int(kept.sum()) * n
    each, last = np.arange(count), joint + middles
    at, middle, u = map(np.concatenate, (rows, columns, right))
    sums = sp.csr_array((np.ones(2 * count), (np.tile(each, 2), np.concatenate([at, middle]))), shape=(count, last + 1))
    half = sp.csr_array((np.full(count, 0.5), (each, np.full(count, last))), shape=(count, last + 1))
    cost = np.zeros(last + 1)
    cost[last] = 1.0
    scale = max(float(np.abs(u).max()), np.finfo(float).tiny)
    found = linprog(cost, sp.vstack([-sums - half, sums - half]), np.concatenate([-u, u]) / scale, bounds=(None, None),
                    method="highs")
    if found.status != 0:
        raise RuntimeError(f"the linear program of the nearest potential failed: {found.message}")
    return scale * found.x[:joint].reshape(sizes), scale * float(found.x[last])


class Markov(NamedTuple):
    """A Markov game in the shapes of this module.

    rewards (N, S, A_0, ...)   moves (S, A_0, ..., S)   there (S, A_0, ...) of bool   off: what rows miss 1 by, at most
    """

    rewards: Float
    moves: Float
    there: Any
    discount: float
    off: float

    @property
    def size(self) -> int:
        """Numbers of one process of pairs."""
        return len(self.moves) ** 4 * math.prod(self.moves.shape[1:-1]) ** 2


def visits(game: Markov, policies: Any) -> Float:
    """Discounted visits (S, S J), from every state to every state with a joint action; policies: N of (S, A_i)."""
    states = len(game.moves)
    law = policies[0]
    for each in policies[1:]:
        law = (law[:, :, None] * each[:, None, :]).reshape(states, -1)
    chain = np.einsum("sj,sjt->st", law, game.moves.reshape(states, -1, states))
    inverse = np.linalg.inv(np.eye(states) - game.discount * chain)
    return np.asarray((inverse[:, :, None] * law).reshape(states, -1))


def certified(game: Markov, phi: Float, enough: float, halves: int) -> tuple[float, int, list[tuple[int, Bound]]]:
    """What the value of phi (S, A_0, ...) misses at most of any player's deviation; how many processes that took; and
    deviations that may be worst, by player.
    """
    worst, work, told = 0.0, 0, []
    for i in range(len(game.rewards)):
        h = np.moveaxis(game.rewards[i] - phi, 1 + i, 1)
        most, seen = most_missed(h, np.moveaxis(game.moves, 1 + i, 1), game.discount,
                                 whole(phi.shape[1:], i, len(phi), game.there), max(enough, worst), halves, game.off)
        worst, work = max(worst, most), work + len(seen)
        told += [(i, each) for each in seen]
    return worst, work, told


def paired(game: Markov) -> Float:
    """The reward phi (S, A_0, ...) whose bound by processes of pairs, whole regions at once, is least: a linear program
    over phi and the processes' values D_i(s, t); these are D_i(s, t) <= high_i(s) - low_i(t), s != t, in games of too
    many pairs of joint actions, high and low bounds on values of h_i = r_i - phi.
    """
    sizes, states, n = game.there.shape[1:], len(game.moves), len(game.rewards)
    joint = math.prod(sizes)
    pairs, gamma = n * states**2 * joint**2 <= PAIRED, game.discount
    first, top, law = states * joint, states * joint + n * states**2, game.moves.reshape(states, joint, states)
    last = top + (0 if pairs else 2 * n * states)
    place, there, at = np.arange(joint).reshape(sizes), game.there.reshape(states, joint), np.arange(states)
    entries: list[tuple[Any, Any, Any]] = []
    right: list[Float] = []
    count = 0

    def add(columns: Any, values: Any, limit: Float) -> None:
        nonlocal count
        rows = np.repeat(np.arange(count, count + len(limit)), columns.shape[1])
        entries.append((rows, columns.reshape(-1), values.reshape(-1)))
        right.append(limit)
        count += len(limit)

    for i in range(n):
        reward, own = game.rewards[i].reshape(states, joint), np.moveaxis(place, i, -1).reshape(-1, sizes[i])
        moved = np.array(list(itertools.permutations(range(sizes[i]), 2)), np.int64).reshape(-1, 2)
        d = first + i * states**2
        high, low = top + 2 * i * states + at, top + (2 * i + 1) * states + at
        for s, t in itertools.product(range(states), range(states)):
            if s != t and not pairs:
                continue
            a, b = ((own[:, moved[:, 0]].reshape(-1), own[:, moved[:, 1]].reshape(-1)) if s == t else
                    (each.reshape(-1) for each in np.meshgrid(np.arange(joint), np.arange(joint), indexing="ij")))
            kept = there[s, a] & there[t, b]
            a, b = a[kept], b[kept]
            c = gamma * coupled(law[s, a], law[t, b])  # h(s, a) - h(t, b) + gamma c D <= D(s, t)
            ahead = [d + np.arange(states**2)], [c.reshape(-1, states**2)]
            if not pairs:
                c[:, at, at], stay = 0.0, c[:, at, at].copy()
                ahead = [d + at * (states + 1), high, low], [stay, c.sum(axis=2), -c.sum(axis=1)]
            columns = np.tile(np.concatenate([*ahead[0], [d + s * states + t]]), (len(a), 1))
            values = np.concatenate([*ahead[1], -np.ones((len(a), 1))], axis=1)
            add(np.concatenate([(s * joint + a)[:, None], (t * joint + b)[:, None], columns], axis=1),
                np.concatenate([-np.ones((len(a), 1)), np.ones((len(a), 1)), values], axis=1),
                reward[t, b] - reward[s, a])
        for s in range(states):
            add(np.array([[d + s * (states + 1), last]]), np.array([[1.0, -1.0]]), np.zeros(1))
            for sign, bound in () if pairs else ((1.0, high), (-1.0, low)):
                a = np.flatnonzero(there[s])  # sign (h + gamma P bound - bound(s)) <= 0
                columns = np.tile(np.append(bound, bound[s]), (len(a), 1))
                add(np.concatenate([(s * joint + a)[:, None], columns], axis=1),
                    sign * np.concatenate([-np.ones((len(a), 1)), gamma * law[s, a], -np.ones((len(a), 1))], axis=1),
                    -sign * reward[s, a])
    rows, columns, values = (np.concatenate(each) for each in zip(*entries, strict=True))
    table = sp.csr_array((values, (rows, columns)), shape=(count, last + 1))
    made = linprog(np.eye(1, last + 1, last)[0], table, np.concatenate(right), bounds=(None, None), method="highs",
                   options={"time_limit": SECONDS})
    if made.x is None:
        return np.asarray(game.rewards.mean(axis=0))
    return np.asarray(made.x[:first].reshape(states, *sizes))


def nearest(game: Markov, starts: list[Float], rounds: int, draw: Any) -> tuple[float, Float]:
    """The certified miss of a reward phi (S, A_0, ...) that is near the best one, and phi: a semi-infinite program.

        min over phi and t of t
        | [V_i - V^phi](s, pi_i', pi_-i) - [V_i - V^phi](s, pi) | <= t        for all i, s, pi, pi_i'

    Values of phi are linear in phi. Constraints are added where bounds over all policies say that phi misses most,
    until these and the program's value are as near as NEAR; halfway back to the best phi yet, since programs of few
    constraints leap.
    """
    shape, n = starts[0].shape, len(game.rewards)
    low, high = float(game.rewards.min()), float(game.rewards.max())
    width, shift = max(high - low, np.finfo(float).tiny), 0.5 * (low + high)
    left = WORK // game.size
    halves = int(max(1, min(HALVES, left // (8 * n))))
    rows, right = [], []

    def cut(i: int, others: Any, own: Any) -> tuple[Float, Float]:
        one, two = (visits(game, [*others[:i], each, *others[i:]]) for each in own)
        d = one - two
        return d, (d @ game.rewards[i].reshape(-1) - shift * d.sum(axis=1)) / width

    def add(told: list[tuple[int, Bound]], phi: Float) -> None:
        flat, made = (phi.reshape(-1) - shift) / width, []
        for i, each in told:
            d, paid = cut(i, each.others, each.own)
            made.append((float(np.abs(paid - d @ flat).max()), d, paid))
        for _, d, paid in sorted(made, key=lambda each: -each[0])[:CUTS]:
            rows.append(d)
            right.append(paid)

    best: tuple[float, Float] | None = None
    last: Float | None = None
    for phi in starts:
        miss, work, told = certified(game, phi, 0.0 if best is None else 0.9 * best[0], halves)
        left -= work
        if best is None or miss < best[0]:
            best = miss, phi
        if rounds:
            add(told[-4 * CUTS:], phi)
    assert best is not None
    for _ in range(SAMPLES if rounds else 0):  # of pure policies
        rank = [draw.random((len(game.moves), size)) for size in shape[1:]]
        i = int(draw.integers(n))
        masks = [game.there.any(axis=tuple(1 + k for k in range(n) if k != j)) for j in range(n)]
        pure = [np.eye(size)[np.where(mask, each, -1.0).argmax(axis=-1)] for size, mask, each in
                zip(shape[1:], masks, rank, strict=True)]
        other = np.where(masks[i], draw.random(rank[i].shape), -1.0).argmax(axis=-1)
        d, paid = cut(i, [*pure[:i], *pure[i + 1:]], np.stack([pure[i], np.eye(shape[1 + i])[other]]))
        rows.append(d)
        right.append(paid)
    for _ in range(rounds):
        if left <= 0:
            break
        d, paid = np.concatenate(rows), np.concatenate(right)  # |paid - d phi| <= t
        t = -np.ones((len(d), 1))
        made = linprog(np.eye(1, d.shape[1] + 1, d.shape[1])[0], np.vstack([np.hstack([d, t]), np.hstack([-d, t])]),
                       np.concatenate([paid, -paid]), bounds=[(-2.0, 2.0)] * d.shape[1] + [(0.0, None)],
                       method="highs")
        if made.status != 0 or width * made.x[-1] * (1.0 + NEAR) >= best[0]:
            break
        last = (shift + width * made.x[:-1]).reshape(shape)
        phi = 0.5 * (best[1] + last)
        miss, work, told = certified(game, phi, width * made.x[-1], halves)
        left -= work
        add(told, phi)
        if miss < best[0]:
            best = miss, phi
    for phi in (last, best[1]) if last is not None else ():  # what was left undecided, in more parts
        halves = int(min(HALVES * (rounds // 2), left // (2 * n)))
        if halves > HALVES:
            miss, work, _ = certified(game, phi, 0.0 if phi is last else (1.0 - NEAR) * best[0], halves)
            if miss < best[0]:
                best = miss, phi
    return best
