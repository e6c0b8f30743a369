r"""Whether a game has a potential, weights allowed: cycles of two players' deviations.

    Phi(s, pi_i', pi_-i) - Phi(s, pi) = w_i (V_i(s, pi_i', pi_-i) - V_i(s, pi)),    w_i > 0, for all s, i, pi, pi_i'

Such a Phi exists if and only if, around every square pi -> pi_i' -> (pi_i', pi_k') -> pi_k' -> pi of two players'
deviations, the deviators' weighted value changes add up to 0 from every state (Monderer & Shapley 1996, Theorem 2.8 and
its weighted form, with stationary policies as strategies; Maheshwari et al. 2022, Definition 2.3 and footnote 4).
Nothing of Phi need be known. The sum is a mixed second difference of W = w_i V_i - w_k V_k, so that all squares of
deterministic policies follow from a table of their values.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float, real
from .._same import comparable
from ..metrics._interval import ROUNDING, Interval, around
from ..metrics.evaluation import evaluate
from ..metrics.origin import centred
from ..metrics.rounding import magnitudes
from ..models.available import choices
from ..models.game import Game, check_game
from ..policy import random_policy
from ..theory.perturbed import weights_of

__all__ = ["PotentialDefect", "defect"]

TINY = 1e-9  # singular values beside the largest that rounding could leave
ULP = 2.0**-52
PROFILES, SQUARES = 2**12, 2**24  # deterministic profiles, and numbers of their squares, that are all looked at


@comparable
class PotentialDefect(NamedTuple):
    """What :func:`defect` finds.

    Attributes
    ----------
    defect : float
        The largest |sum of the deviators' weighted value changes around a square|, over squares and states: proof that
        there is no potential if it is more than ``error``.
    error : float
        Certified bound on what rounding may have made of ``defect``.
    change : float
        The largest single weighted change among all squares.
    square : ndarray (4, S, A_total)
        The worst square's corners.
    players : ndarray (2,)
        Who deviates: the first from corner 0 to 1 and 2 to 3, the second from 1 to 2 and 3 to 0.
    state : int
        The state from which it is worst.
    weights : ndarray (N,)
        What players' values were weighed by.
    squares : int
        How many were looked at.
    exhaustive : bool
        Whether those of all deterministic policies are among them. In games of one state they decide: there a square of
        mixed policies is a mean of theirs.
    most : float
        What no square of the game can exceed: four changes of values, each within its range.
    """

    defect: float
    error: float
    change: float
    square: Float
    players: Any
    state: int
    weights: Float
    squares: int
    exhaustive: bool
    most: float = math.inf

    @property
    def interval(self) -> Interval:
        """Of the largest defect of all squares, mixed policies included."""
        if self.exhaustive and self.square.shape[1] == 1:
            return around(self.defect, self.error, ROUNDING, 0.0)
        near = around(self.defect, self.error, "", 0.0)
        return Interval(near.low, max(near.high, self.most), "sampling: squares that were not looked at")

    @property
    def relative(self) -> float:
        """defect / change: about 1e-14 is rounding; 0 where nothing changes."""
        return self.defect / self.change if self.change > 0.0 else 0.0

    @property
    def alpha(self) -> float:
        """A certified lower bound on alpha (see :func:`fastmpg.potential.alpha`): any one function adds up to 0 around
        the square, so that one of its four changes misses at least a quarter.
        """
        return max(0.0, self.defect - self.error) / 4.0

    def __repr__(self) -> str:
        many = "all deterministic squares" if self.exhaustive else "sampled squares"
        return (f"<PotentialDefect {self.defect:.6g}, {self.relative:.2g} of the largest change {self.change:.6g}, "
                f"over {self.squares} squares ({many}); alpha >= {self.alpha:.6g}>")


def _fitted(rows: Float) -> Float:
    """Weights (N,) of mean 1 that let rows (R, N) come nearest to 0, near ones where several do; 1 unless positive."""
    size = rows.shape[1]
    _, values, basis = np.linalg.svd(rows, full_matrices=True)
    values = np.concatenate([values, np.zeros(size - values.size)])
    null = basis[values <= max(TINY * values[0], values[-1])]
    found = null.T @ (null @ np.ones(size))
    return found * size / found.sum() if (found > 1e-6).all() else np.ones(size)


def sampled(game: Game, count: int, draw: Any) -> tuple[Float, Any]:
    """Corners (count, 4, S, A_total) of random squares, every second one of pure policies, and who moves (count, 2)."""
    n = game.num_players
    corners = np.zeros((count, 4, game.num_states, sum(game.num_actions)))
    movers = np.zeros((count, 2), np.int64)
    for r in range(count):
        here, there = random_policy(game, draw), random_policy(game, draw)
        if r % 2:
            here, there = _pure(game, here), _pure(game, there)
        i, k = movers[r] = draw.choice(n, 2, replace=False)
        corners[r] = here
        for corner, who in ((1, (i,)), (2, (i, k)), (3, (k,))):
            for j in who:
                own = slice(game.offset[j], game.offset[j + 1])
                corners[r, corner, :, own] = there[:, own]
    return corners, movers


def deterministic(game: Game) -> list[Float]:
    """All deterministic policies of every player, (D_i, S, A_i) each."""
    available, found = choices(game)[0], []
    for low, high in itertools.pairwise(game.offset):
        there = [np.flatnonzero(row) for row in available[:, low:high]]
        picks = np.array(list(itertools.product(*there)))
        found.append(np.eye(high - low)[picks])
    return found


def deterministic_counts(game: Game) -> list[int]:
    """How many deterministic policies every player has, as Python integers."""
    counts = choices(game)[1]
    return [math.prod(int(x) for x in counts[:, i]) for i in range(game.num_players)]


def _fits(game: Game) -> bool:
    """Whether all deterministic squares are few enough."""
    counts, n = deterministic_counts(game), game.num_players
    if math.prod(counts) > PROFILES:
        return False
    pairs = sum(counts[i] * counts[k] for i in range(n) for k in range(i))
    return math.prod(counts) * pairs * game.num_states <= SQUARES


def profile_values(game: Game, each: list[Float], tau: float) -> tuple[Float, float]:
    """V (N, S, D_0, ..., D_{N-1}) of all profiles of the players' policies (D_i, S, A_i), and a bound on its error."""
    counts = [len(one) for one in each]
    joint = np.stack(np.meshgrid(*(np.arange(c) for c in counts), indexing="ij")).reshape(len(counts), -1)
    policies = np.concatenate([one[joint[i]] for i, one in enumerate(each)], axis=2)
    told = evaluate(game, policies, tau=tau)
    table = np.moveaxis(told.value, 0, -1).reshape(game.num_players, game.num_states, *counts)
    return table, float(np.max(told.error_bound))


def _worst_deterministic(game: Game, each: list[Float], scale: Float,
                         tau: float) -> tuple[PotentialDefect, int]:
    """What is found over all deterministic squares, and how many there are."""
    n = game.num_players
    table, off_by = profile_values(game, each, tau)
    value: Any = table * scale.reshape(-1, *(1,) * (n + 1))
    change, looked = 0.0, 0
    best: tuple[float, tuple[int, int], int, list[int], tuple[int, int]] = (-1.0, (0, 1), 0, [0] * n, (0, 0))
    for i in range(n):
        change = max(change, float((value[i].max(axis=1 + i) - value[i].min(axis=1 + i)).max()))
    for i, k in itertools.combinations(range(n), 2):
        w = np.moveaxis(value[i] - value[k], (1 + i, 1 + k), (0, 1))  # (D_i, D_k, S, others)
        di, dk, rest = w.shape[0], w.shape[1], w.shape[2:]
        flat = w.reshape(di, dk, -1)
        looked += di * (di - 1) * dk * (dk - 1) // 4 * (flat.shape[2] // game.num_states)
        for a, b in itertools.combinations(range(di), 2):
            off = flat[a] - flat[b]  # (D_k, others): the largest minus the smallest is the worst pair of player k
            top, low = off.argmax(axis=0), off.argmin(axis=0)
            spread = off.max(axis=0) - off.min(axis=0)
            at = int(spread.argmax())
            if spread[at] > best[0]:
                start, *others = np.unravel_index(at, rest)
                profile = [int(x) for x in others]
                profile.insert(i, a)
                profile.insert(k, int(low[at]))
                best = (float(spread[at]), (i, k), int(start), profile, (b, int(top[at])))
    most, (i, k), s, profile, moved = best
    corners = []
    for who in ((), (i,), (i, k), (k,)):
        picks = list(profile)
        for j in who:
            picks[j] = moved[0] if j == i else moved[1]
        corners.append(np.concatenate([one[picks[j]] for j, one in enumerate(each)], axis=1))
    return PotentialDefect(max(most, 0.0), rounded(scale, off_by, change), change, np.stack(corners), np.array([i, k]),
                           s, scale, looked, True), looked


def rounded(scale: Float, error: float, change: float) -> float:
    """What rounding may make of a sum around a square: two values a change, four changes, and the sum itself."""
    return 8.0 * float(scale.max()) * error + 16.0 * ULP * change


def defect(game: Game, *, weights: Any = None, tau: float = 0.0, samples: int = 100, rng: Any = 0) -> PotentialDefect:
    """By how much the game fails to be a (weighted) Markov potential game, on squares of two players' deviations.

    Parameters
    ----------
    game : Game
    weights : None, "fit" or array_like (N,)
        w_i > 0; 1 by default. "fit": the weights of mean 1 that come nearest to a potential, by least squares over the
        sampled squares, and 1 where they are not all positive.
    tau : float
        Temperature, >= 0, of the game with stage payoffs r_i + tau H(pi_i), which need have no potential though the
        game has one (see :func:`fastmpg.theory.perturbed_potential`).
    samples : int
        Random squares, >= 1, every second one of pure policies. Where deterministic policies are few (4096 profiles,
        2^24 numbers of squares) all of theirs are looked at as well.
    rng : None, int, sequence of int, SeedSequence or Generator
        Of players, policies and deviations.

    Returns
    -------
    PotentialDefect
        0 up to rounding on all squares says nothing about others, but in games of one state; a larger one is proof that
        there is no potential with these weights.

    Raises
    ------
    ValueError, TypeError
        What is wrong with the arguments.
    MemoryError
        If the squares would not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> defect = fm.potential.defect
    >>> [defect(fm.games.routing(3, transitions=each)).relative > 1e-3 for each in ("counts", "averaged")]
    [True, False]
    >>> payoff = fm.games.zhang_3x2().payoffs[0]
    >>> game = fm.NormalFormGame([payoff, 4 * payoff])  # weights in the ratio 4 : 1
    >>> defect(game).relative > 1e-3, defect(game, weights="fit").weights.round(4)
    (True, array([1.6, 0.4]))

    Notes
    -----
    Monderer and Shapley (1996), Theorem 2.8; Maheshwari et al. (2022), Definition 2.3 and footnote 4.
    """
    check_game(game)
    fit = isinstance(weights, str)
    if fit and weights != "fit":
        raise ValueError(f'weights must be None, "fit" or an array (N,), found {_check.shown(weights)}')
    scale = np.ones(game.num_players) if fit else weights_of(game, weights)
    tau, draw = real(tau, "tau", 0.0), _check.generator(rng)
    count = _check.integer(samples, "samples", low=1)
    n, columns = game.num_players, (game.num_states, sum(game.num_actions))
    _check.budget(32 * count * (columns[0] * (columns[1] + n)), f"squares for samples = {count}", "ask for fewer")
    if n == 1:
        return PotentialDefect(0.0, 0.0, 0.0, np.zeros((4, *columns)), np.zeros(2, np.int64), 0, scale, 0, True, 0.0)
    near = centred(game)[0]
    most = _most(near, scale, tau)
    corners, movers = sampled(game, count, draw)
    told = evaluate(near, corners, tau=tau)
    steps = np.roll(told.value, -1, axis=1) - told.value  # (samples, 4, N, S)
    each, turns = np.arange(count)[:, None], movers[:, [0, 1, 0, 1]]
    changes = steps[each, np.arange(4), turns]  # (samples, 4, S), of the deviator
    if fit:
        table = np.zeros((count, n, columns[0]))
        for side in range(4):
            table[np.arange(count), turns[:, side]] += changes[:, side]
        scale = _fitted(np.moveaxis(table, 1, 2).reshape(-1, n))
        most = _most(near, scale, tau)
    changes = changes * scale[turns][..., None]
    around = np.abs(changes.sum(axis=1))
    r, s = (int(x) for x in np.unravel_index(around.argmax(), around.shape))
    change = float(np.abs(changes).max())
    found = PotentialDefect(float(around[r, s]), rounded(scale, float(np.max(told.error_bound)), change), change,
                            corners[r], movers[r], s, scale, count, False, most)
    if not _fits(game):
        return found
    every, looked = _worst_deterministic(near, deterministic(game), scale, tau)
    worst = every if every.defect > found.defect else found
    return worst._replace(change=max(found.change, every.change), squares=count + looked, exhaustive=True, most=most)


def _most(game: Game, scale: Float, tau: float) -> float:
    """Twice the largest sum of two players' weighted ranges of values; rows as they are stored may miss 1, those of
    policies by a few roundings.
    """
    m, low, high = magnitudes(game), *game.payoff_range().T
    slack = game.num_players * 1e-15
    left = 1.0 - game.discount * (1.0 + max(m.over, 0.0) + slack)
    if left <= 0.0:
        return math.inf
    with np.errstate(over="ignore"):
        widths = (high - low + tau * np.log(game.num_actions)) / left
        widths = scale * (widths + 2.0 * m.size * (m.off + slack) / left**2) * (1.0 + 1e-12)
    return 2.0 * float(np.sort(widths)[-2:].sum())


def _pure(game: Game, policy: Float) -> Float:
    """Every row's likeliest action alone."""
    out = np.zeros_like(policy)
    for low, high in zip(game.offset[:-1], game.offset[1:], strict=True):
        out[np.arange(len(out)), low + policy[:, low:high].argmax(axis=1)] = 1.0
    return out
