"""How near a Markov game is to a potential game: an interval for alpha.

    alpha = min over Phi of max over s, i, pi, pi_i' of
            | [Phi(s, pi_i', pi_-i) - Phi(s, pi)] - [V_i(s, pi_i', pi_-i) - V_i(s, pi)] |

(Guo, Li, Maheshwari, Sastry and Wu 2023, arXiv 2305.12553.) From below: around a square of deviations Phi adds up to 0,
so that a quarter of the defect, less what rounding may have made of it, is no more than alpha. From above: with Phi the
value of one reward phi for all, what players miss is V_i of h_i = r_i - phi, and for every i

    max |V^h(pi_i', pi_-i) - V^h(pi)| <= max_s [ hi(s) - lo(s) ]                            and
        <= max_{s, a_-i, a, a'} [ h(a) - h(a') + gamma sum_t ( (P - P')^+ hi - (P - P')^- lo ) ] / (1 - gamma)

with hi and lo the largest and smallest value of h that all players together could reach, and P, P' the laws of the
next state at (a, a_-i) and (a', a_-i): the second is the performance difference with the others' mixtures inside. In
games of one state without a future alpha is the value of a linear program.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from .. import _check
from .._check import Float
from .._same import comparable
from ..metrics._joint import joint_tables, together
from ..metrics.evaluation import evaluate
from ..metrics.ne_gap import ne_gap
from ..metrics.origin import centred
from ..models.available import choices
from ..models.game import Game, check_discounted, check_game
from .defect import ULP, PotentialDefect, defect, rounded
from .of import of

__all__ = ["PotentialInterval", "alpha"]

LARGEST = 200_000  # joint actions of all states up to which linear programs are solved
SLACK = 1e-7  # relative: what the linear program's tolerances may leave
ROUNDS = 60


@comparable
class PotentialInterval(NamedTuple):
    """What :func:`alpha` finds.

    Attributes
    ----------
    lower, upper : float
        alpha lies between them.
    phi : ndarray (S, A_0, ..., A_{N-1})
        A reward whose discounted value is an ``upper``-potential function.
    policy : ndarray (S, A_total)
        A deterministic policy that maximises that value from every state: no player gains more than ``upper`` by
        deviating.
    gap : float
        Its largest NE-gap, computed: at most ``upper``.
    limit : str
        What keeps the interval from being narrower.
    """

    lower: float
    upper: float
    phi: Float
    policy: Float
    gap: float
    limit: str

    def __repr__(self) -> str:
        return (f"<PotentialInterval [{self.lower:.6g}, {self.upper:.6g}], width {self.upper - self.lower:.3g} by "
                f"{self.limit}; its optimiser's NE-gap {self.gap:.3g}>")


def _chebyshev(payoffs: Float, there: Any) -> tuple[Float, float]:
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


def _values(reward: Float, moves: Float, discount: float, there: Any, sign: float) -> Float:
    """Bounds (S,) on the best (sign 1) or worst (-1) discounted value of all players together, on its outer side.

    reward, there (S, J)   moves (S, J, S)
    """
    paid = np.where(there, sign * reward, -np.inf)
    value = np.full(len(paid), paid.max() / (1.0 - discount))
    for _ in range(100_000):  # from above, sweeps come down and never cross
        new = (paid + discount * moves @ value).max(axis=1)
        done = np.abs(new - value).max() <= 1e-13 * np.abs(value).max()
        value = np.minimum(value, new)
        if done:
            break
    return sign * (value + 1e-12 * np.abs(value).max())


def _missed(own: Any, moves: Any, discount: float, there: Any, sizes: tuple[int, ...], i: int) -> float:
    """The bound of the module on what player i's deviations change V^h by.    own: h (S, J)"""
    high, low = (_values(own, moves, discount, there, sign) for sign in (1.0, -1.0))
    whole, states = float((high - low).max()), len(own)
    if discount == 0.0:
        whole = np.inf
    shape = (states, *sizes)
    h, can = (np.moveaxis(each.reshape(shape), 1 + i, 1) for each in (own, there))
    law = np.moveaxis(moves.reshape(*shape, states), 1 + i, 1)
    most = 0.0
    for a in range(sizes[i]):
        for b in range(sizes[i]):
            if a != b:
                step = law[:, a] - law[:, b]
                gain = h[:, a] - h[:, b] + discount * (np.maximum(step, 0.0) @ high + np.minimum(step, 0.0) @ low)
                both = can[:, a] & can[:, b]
                if both.any():
                    most = max(most, float(gain[both].max()))
    return min(whole, most / (1.0 - discount)) * (1.0 + 1e-12)


def _climbed(game: Game, found: PotentialDefect) -> PotentialDefect:
    """A larger defect near a square: rows of its five policies become pure, one at a time, while it grows."""
    i, k = (int(x) for x in found.players)
    n, offset, available = game.num_players, game.offset, choices(game)[0]
    parts = [slice(offset[j], offset[j + 1]) for j in range(n)]
    near, best = centred(game)[0], found
    for _ in range(ROUNDS):
        tried = []
        for s in range(game.num_states):
            for j in range(n):
                for a in np.flatnonzero(available[s, parts[j]]):
                    row = np.eye(game.num_actions[j])[a]
                    for moved in ((0, 3), (1, 2)) if j == i else ((0, 1), (2, 3)) if j == k else ((0, 1, 2, 3),):
                        other = best.square.copy()
                        other[list(moved), s, parts[j]] = row
                        tried.append(other)
        told = evaluate(near, np.stack(tried))
        w = told.value[:, :, i] - told.value[:, :, k]
        seen = np.abs(w[:, 1] - w[:, 0] - w[:, 2] + w[:, 3]).max(axis=1)
        at = int(seen.argmax())
        if seen[at] <= best.defect * (1.0 + 1e-9):
            break
        error = rounded(found.weights, float(np.max(told.error_bound)), max(found.change, float(seen[at])))
        best = best._replace(defect=float(seen[at]), error=error, square=tried[at])
    return best


def alpha(game: Game, *, samples: int = 100, rng: Any = 0) -> PotentialInterval:
    """Bounds on alpha: every Markov game is an alpha-potential game for some alpha, potential games for 0.

    Parameters
    ----------
    game : Game
        Of few joint actions: dense tables are formed, and linear programs solved.
    samples : int
        Squares of the lower bound, from the worst of which it climbs.
    rng : None, int, sequence of int, SeedSequence or Generator
        Of these squares.

    Returns
    -------
    PotentialInterval
        In games of one state without a future as narrow as the linear program's tolerance.

    Raises
    ------
    ValueError, TypeError
        What is wrong with the arguments.
    MemoryError
        If the game has too many joint actions.

    Examples
    --------
    >>> import fastmpg as fm
    >>> found = fm.potential.alpha(fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]]))
    >>> round(found.lower, 6), round(found.upper, 6)
    (2.0, 2.0)
    >>> fm.potential.alpha(fm.games.random_markov(3, (2, 2), identical_interest=True, rng=0)).upper
    0.0

    Notes
    -----
    Guo et al. (2023), whose semi-infinite program over all policies is bounded here by finitely many linear ones: what
    is found holds for all stationary policies, mixed ones included.
    """
    check_game(game)
    check_discounted(game)
    joint, states, sizes = math.prod(game.num_actions), game.num_states, tuple(game.num_actions)
    if states * joint * states > 50 * LARGEST or states * joint > LARGEST:
        raise MemoryError(f"alpha takes linear programs and sweeps over {_check.shown(states * joint)} states and "
                          f"joint actions, at most {LARGEST} (and {50 * LARGEST} transitions); a quarter of "
                          "fastmpg.potential.defect is a lower bound for games of any size")
    square = defect(game, samples=samples, rng=rng)
    lower = (square if square.exhaustive else _climbed(game, square)).alpha
    tables = joint_tables(game, "linear programs", 4)
    static = game.discount == 0.0
    moves: Any = tables.moves if isinstance(tables.moves, np.ndarray) else tables.moves.toarray()
    moves = moves.reshape(states, joint, states)
    flat: Any = np.ones((states, joint), bool) if tables.can is None else tables.can
    there = flat.reshape(states, *sizes)
    rewards: Any = np.where(flat, tables.rewards, 0.0).reshape(-1, states, *sizes)

    shared = (rewards == rewards[:1]).all()
    if shared:
        candidates, objective = {"the common reward": rewards[0]}, 0.0
    else:
        solved = [_chebyshev(rewards[:, s], there[s]) for s in range(states)]
        objective = max(each for _, each in solved)
        candidates = {"the linear program's tolerance": np.stack([phi for phi, _ in solved]),
                      "least squares": np.nan_to_num(of(game).table), "the mean reward": rewards.mean(axis=0)}
    best = None
    for name, phi in candidates.items():
        h = (rewards - phi).reshape(game.num_players, states, joint)
        found = max(_missed(h[i], moves, game.discount, flat, sizes, i) for i in range(game.num_players))
        if best is None or found < best[0]:
            best = found, name, phi
    assert best is not None
    upper, name, phi = best
    limit = name if static or shared else "bounds of values that all players together could reach"
    if not shared:  # h is a difference of payoffs, rounded
        upper += 4.0 * ULP * float(np.abs(rewards).max()) / (1.0 - game.discount)
    if static:
        lower = max(lower, objective - SLACK * float(np.abs(rewards).max()))
    policy, _ = together(game, tables, phi.reshape(states, joint))
    gap = float(ne_gap(game, policy).max())
    return PotentialInterval(lower, upper, np.where(there, phi, np.nan), policy, gap, limit)
