"""Lower bounds on alpha: squares of deviations that are climbed to, and all cycles of the policies found there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from .._check import Float
from ..metrics.evaluation import evaluate
from ..models.available import choices
from ..models.game import Game
from .defect import PotentialDefect, deterministic, deterministic_counts, profile_values, rounded, sampled

ROUNDS = 60
STEPS = (1.0, 0.5, 0.2, 0.05)  # of a row towards one action
TABLE = 2**21  # numbers of the policies that are looked at in a round
PROFILES = 600  # of which cycles are looked at


def climbed(game: Game, found: PotentialDefect) -> PotentialDefect:
    """A larger defect near a square: rows of its policies move towards an action, one at a time, while it grows."""
    i, k = (int(x) for x in found.players)
    n, offset, available = game.num_players, game.offset, choices(game)[0]
    parts = [slice(offset[j], offset[j + 1]) for j in range(n)]
    best = found
    moves = [(s, j, int(a), moved) for s in range(game.num_states) for j in range(n)
             for a in np.flatnonzero(available[s, parts[j]])
             for moved in (((0, 3), (1, 2)) if j == i else ((0, 1), (2, 3)) if j == k else ((0, 1, 2, 3),))]
    steps = STEPS if len(STEPS) * len(moves) * best.square.size <= TABLE else STEPS[:1]
    if len(moves) * best.square.size > TABLE:
        return best
    for _ in range(ROUNDS):
        tried = np.repeat(best.square[None], len(moves) * len(steps), axis=0)
        for at, (s, j, a, moved) in enumerate(moves):
            row = np.eye(game.num_actions[j])[a]
            for each, step in enumerate(steps):
                for corner in moved:
                    here = tried[at * len(steps) + each, corner, s]
                    here[parts[j]] = (1.0 - step) * here[parts[j]] + step * row
        told = evaluate(game, tried)
        w = told.value[:, :, i] - told.value[:, :, k]
        around = np.abs(w[:, 1] - w[:, 0] - w[:, 2] + w[:, 3])
        at, state = (int(x) for x in np.unravel_index(around.argmax(), around.shape))
        seen = float(around[at, state])
        if not seen > best.defect * (1.0 + 1e-9):
            break
        error = rounded(found.weights, float(np.max(told.error_bound)), max(found.change, seen))
        best = best._replace(defect=seen, error=error, square=tried[at], state=state)
    return best


def highest(game: Game, found: PotentialDefect, starts: int, draw: Any) -> tuple[PotentialDefect, float]:
    """The largest defect climbed to from a square and from random ones, and a lower bound on alpha from all cycles of
    the policies on the way.
    """
    best = climbed(game, found)
    squares = [best]
    if starts and game.num_players > 1:
        corners, movers = sampled(game, starts, draw)
        for square, who in zip(corners, movers, strict=True):
            squares.append(climbed(game, found._replace(defect=0.0, error=0.0, square=square, players=who)))
        best = max(squares, key=lambda each: each.alpha)
    lower = best.alpha
    if game.num_players > 2:  # of two players no cycle was seen that is worse than the worst square
        lower = max(lower, _of_cycles(game, sorted(squares, key=lambda each: -each.alpha)))
    return best, lower


def _of_cycles(game: Game, squares: list[PotentialDefect]) -> float:
    """A lower bound from the profiles that the policies of the squares' corners make up, best squares first."""
    each: list[list[Float]] = [[] for _ in range(game.num_players)]
    for square in squares:
        more = [list(known) for known in each]
        for j in range(game.num_players):
            for corner in square.square[[0, 2]]:
                part = corner[:, game.offset[j]:game.offset[j + 1]]
                if not any(np.allclose(part, one, rtol=0.0, atol=1e-9) for one in more[j]):
                    more[j].append(part)
        if math.prod(map(len, more)) > PROFILES:
            break
        each = more
    if math.prod(deterministic_counts(game)) <= PROFILES:
        found = max(_proved(game, each, squares), _proved(game, deterministic(game), squares))
    else:
        found = _proved(game, each, squares)
    return found


def _proved(game: Game, each: list[Any], squares: list[PotentialDefect]) -> float:
    """A lower bound from all profiles of policies, from the states that the squares are worst in."""
    if min(map(len, each)) == 0:
        return 0.0
    table, error = profile_values(game, [np.stack(known) for known in each], 0.0)
    there = np.ones(table.shape[2:], bool)
    return max(cycle_bound(table[:, s], there, error) for s in {square.state for square in squares})


def cycle_bound(payoffs: Float, there: Any, error: float = 0.0) -> float:
    """A lower bound on alpha of a game without a future, payoffs (N, A_0, ...) known to ``error``, by duality.

    Any weights y of joint actions with sum_i y_i(a) = 0 for every a and sum over a_i of y_i(a) = 0 for every i and a_-i
    are a mixture of cycles of deviations, and prove alpha >= 2 y . u / sum |y|: phi drops out, and so does what does
    not depend on player i's own action. They come from a linear program, and miss these sums by little, which is
    charged: a best phi need not exceed 4 N largest payoffs.
    """
    n, sizes = payoffs.shape[0], payoffs.shape[1:]
    joint = math.prod(sizes)
    size = float(np.abs(payoffs[:, there]).max())
    if size == 0.0 or not np.isfinite(size + error):
        return 0.0
    kept = np.flatnonzero(there.reshape(-1))
    u, rows = payoffs.reshape(n, -1)[:, kept] / size, []
    place = np.arange(joint).reshape(sizes)
    for i in range(n):
        others = np.moveaxis(place, i, -1).reshape(-1, sizes[i])
        group = np.empty(joint, np.int64)
        group[others] = np.arange(len(others))[:, None]
        at = np.arange(len(kept))
        rows.append(sp.csr_array((np.ones(len(kept)), (group[kept], at)), shape=(len(others), len(kept))))
    sums = sp.vstack([sp.hstack([sp.eye_array(len(kept))] * n), sp.block_diag(rows)]).tocsr()
    count = n * len(kept)  # y = up - down, sum up + down = 1
    table = sp.vstack([sp.hstack([sums, -sums]), sp.csr_array(np.ones((1, 2 * count)))]).tocsr()
    gain = u.reshape(-1)
    made = linprog(np.concatenate([-gain, gain]), A_eq=table, b_eq=np.append(np.zeros(sums.shape[0]), 1.0),
                   bounds=(0.0, None), method="highs")
    if made.x is None:
        return 0.0
    y = made.x[:count] - made.x[count:]
    off = np.abs(sums @ y)
    charged = 4.0 * n * float(off[:len(kept)].sum()) + (4.0 * n + 1.0) * float(off[len(kept):].sum())
    total = float(np.abs(y).sum()) * (1.0 + count * 2.0**-52)
    proved = float(y @ gain) - charged - total * (error / size + count * 2.0**-50)
    return max(0.0, 2.0 * size * proved / total * (1.0 - 2.0**-48)) if total > 0.0 else 0.0
