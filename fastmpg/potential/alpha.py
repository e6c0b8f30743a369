r"""How near a Markov game is to a potential game: an interval for alpha.

    alpha = min over Phi of max over s, i, pi, pi_i' of
            | [Phi(s, pi_i', pi_-i) - Phi(s, pi)] - [V_i(s, pi_i', pi_-i) - V_i(s, pi)] |

(Guo, Li, Maheshwari, Sastry and Wu 2023, arXiv 2305.12553.) From below: around a cycle of deviations Phi adds up to 0,
so that the mean change around it, a quarter of the defect of a square, less what rounding may have made of it, is no
more than alpha (:mod:`._squares`). From above: with Phi the value of one reward phi for all, what players miss is V_i
of h_i = r_i - phi. The reward is found by linear programs (:mod:`._programs`), and what it misses is bounded over all
policies at once by two copies of the game side by side (:mod:`._pairs`); in games of too many joint actions, for every
i by

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

from .. import _check
from .._check import Float
from .._same import comparable
from ..metrics._interval import Interval
from ..metrics._joint import joint_tables, together
from ..metrics.ne_gap import ne_gap
from ..metrics.origin import centred
from ..metrics.rounding import magnitudes
from ..models.game import Game, check_discounted, check_game
from ..models.markov.game import MarkovGame
from ._pairs import fits
from ._programs import Markov, chebyshev, nearest, paired
from ._squares import cycle_bound, highest
from .defect import ULP, defect
from .of import of

__all__ = ["PotentialInterval", "alpha"]

TOLERANCE = "the linear program's tolerance"
FUNCTIONS = "potential functions that are no value of a reward, and cycles that were not looked at"
SWEEPS = 200  # of policy iteration, which takes a handful
LARGEST = 200_000  # joint actions of all states up to which linear programs are solved


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

    @property
    def interval(self) -> Interval:
        """[lower, upper]."""
        return Interval(self.lower, self.upper, self.limit)

    def team(self, game: Game) -> MarkovGame:
        """The team game whose reward is ``phi``: its value is an ``upper``-potential function of ``game``, from every
        state. Whatever maximises it, a rule or a solver, finds an ``upper``-equilibrium of ``game``.
        """
        check_game(game)
        if self.phi.shape != (game.num_states, *game.num_actions):
            raise ValueError(f"game must be the one that alpha was asked of, with phi of shape {self.phi.shape}, found "
                             f"{game!r}")
        moves = joint_tables(game, "the potential's team game", 2).moves
        table = moves.reshape(*self.phi.shape, -1) if isinstance(moves, np.ndarray) else moves
        return MarkovGame.identical_interest(self.phi, table, game.discount, game.initial, available=game.available)

    def __repr__(self) -> str:
        return (f"<PotentialInterval [{self.lower:.6g}, {self.upper:.6g}], width {self.upper - self.lower:.3g} by "
                f"{self.limit}; its optimiser's NE-gap {self.gap:.3g}>")


def _values(reward: Float, moves: Float, discount: float, there: Any, sign: float, off: float) -> Float:
    """Bounds (S,) on the best (sign 1) or worst (-1) discounted value of all players together, on its outer side.

    reward, there (S, J)   moves (S, J, S), rows of which miss 1 by ``off`` at most
    """
    paid = np.where(there, sign * reward, -np.inf)
    states, scale = len(paid), float(np.abs(reward).max())
    value, at = np.zeros(states), np.arange(states)
    for round_ in range(SWEEPS):
        q = paid + discount * moves @ value
        pick = q.argmax(axis=1)
        over, size = float((q[at, pick] - value).max()), scale + float(np.abs(value).max())
        if round_ and over <= (states + 4.0) * ULP * size:
            break
        value = np.linalg.solve(np.eye(states) - discount * moves[at, pick], paid[at, pick])
    else:
        over = float(((paid + discount * moves @ value).max(axis=1) - value).max())
    left = 1.0 - discount * (1.0 + off) - 4.0 * ULP
    if left <= 0.0:
        return np.full(states, sign * np.inf)
    return sign * (value + (max(over, 0.0) + (states + 4.0) * ULP * size) / left * (1.0 + 1e-12))


def _missed(own: Any, moves: Any, discount: float, there: Any, sizes: tuple[int, ...], i: int, off: float) -> float:
    """The bound of the module on what player i's deviations change V^h by.    own: h (S, J)"""
    high, low = (_values(own, moves, discount, there, sign, off) for sign in (1.0, -1.0))
    if not (np.isfinite(high).all() and np.isfinite(low).all()):
        return np.inf  # rows may outweigh the discount
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
    if discount == 0.0:
        return most
    size = float(np.abs(own).max())  # of what rounding and rows that miss 1 may add
    bound = most + (8.0 * (states + 4.0) * ULP + 4.0 * off) * (size + float(np.abs([high, low]).max()))
    return min(whole, bound / max(1.0 - discount * (1.0 + off) - 4.0 * ULP, 1e-300)) * (1.0 + 1e-12)


def alpha(game: Game, *, samples: int = 100, starts: int = 8, rounds: int = 8, rng: Any = 0) -> PotentialInterval:
    """Bounds on alpha: every Markov game is an alpha-potential game for some alpha, potential games for 0.

    Parameters
    ----------
    game : Game
        Of few joint actions: dense tables are formed, and linear programs solved.
    samples : int
        Squares of the lower bound, from the worst of which it climbs.
    starts : int
        Random squares from which it climbs as well, and whose policies make up longer cycles.
    rounds : int
        Of the semi-infinite program of the upper bound, after the linear program over pairs of states. More of both
        make the interval narrower.
    rng : None, int, sequence of int, SeedSequence or Generator
        Of squares and of the program's first constraints.

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
    Guo et al. (2023), whose semi-infinite program has constraints for all policies: here those that matter are found
    by bounds over all of them, so that what is found holds for all stationary policies, mixed ones included.
    """
    check_game(game)
    check_discounted(game)
    starts, rounds = _check.integer(starts, "starts", low=0), _check.integer(rounds, "rounds", low=0)
    draw = _check.generator(rng)
    joint, states, sizes = math.prod(game.num_actions), game.num_states, tuple(game.num_actions)
    if states * joint * states > 50 * LARGEST or states * joint > LARGEST:
        raise MemoryError(f"alpha takes linear programs and sweeps over {_check.shown(states * joint)} states and "
                          f"joint actions, at most {LARGEST} (and {50 * LARGEST} transitions); a quarter of "
                          "fastmpg.potential.defect is a lower bound for games of any size")
    _check.budget(64 * starts * states * sum(sizes), f"squares for starts = {starts}", "ask for fewer")
    square = defect(game, samples=samples, rng=draw)
    tables = joint_tables(game, "linear programs", 4)
    static = game.discount == 0.0
    moves: Any = tables.moves if isinstance(tables.moves, np.ndarray) else tables.moves.toarray()
    moves = moves.reshape(states, joint, states)
    flat: Any = np.ones((states, joint), bool) if tables.can is None else tables.can
    there = flat.reshape(states, *sizes)
    rewards: Any = np.where(flat, tables.rewards, 0.0).reshape(-1, states, *sizes)
    shared = bool((rewards == rewards[:1]).all())
    found = _from_above(rewards, moves, game, there, rounds, draw)
    if shared:
        lower = 0.0
    elif static:
        lower = max(square.alpha, max(cycle_bound(rewards[:, s], there[s]) for s in range(states)))
    else:
        lower = highest(centred(game)[0], square, starts, draw)[1]
    upper, phi, limit = found
    if not shared:  # h is a difference of payoffs, rounded
        upper += 4.0 * ULP * (float(np.abs(rewards).max()) + float(np.abs(phi).max())) / (1.0 - game.discount)
    policy, _ = together(game, tables, phi.reshape(states, joint))
    gap = float(ne_gap(game, policy).max())
    return PotentialInterval(lower, upper, np.where(there, phi, np.nan), policy, gap, limit)


def _from_above(rewards: Any, moves: Any, game: Game, there: Any, rounds: int, draw: Any) -> tuple[float, Float, str]:
    """A bound on alpha, the reward that it is of, and what limits it.

    rewards (N, S, A_0, ...)   moves (S, J, S)   there (S, A_0, ...) of bool
    """
    n, states = rewards.shape[:2]
    sizes, joint, gamma = rewards.shape[2:], moves.shape[1], game.discount
    if (rewards == rewards[:1]).all():
        return 0.0, rewards[0], "nothing: the reward is common"
    stages = np.stack([chebyshev(rewards[:, s], there[s])[0] for s in range(states)])
    flat = there.reshape(states, joint)
    candidates = [stages, np.nan_to_num(of(game).table), rewards.mean(axis=0)]
    best: tuple[float, Float, str] | None = None
    off = 0.0 if gamma == 0.0 else float(magnitudes(game).off) + 4.0 * ULP
    told = TOLERANCE if gamma == 0.0 else "bounds of values that all players together could reach"
    for phi in candidates:
        h = (rewards - phi).reshape(n, states, joint)
        found = max(_missed(h[i], moves, gamma, flat, sizes, i, off) for i in range(n))
        if best is None or found < best[0]:
            best = found, phi, told
    assert best is not None
    if gamma > 0.0 and fits(states, joint):
        markov = Markov(rewards, moves.reshape(states, *sizes, states), there, gamma, off)
        miss, phi = nearest(markov, [paired(markov), best[1]], rounds, draw)
        if miss < best[0]:
            best = miss, phi, FUNCTIONS
    return best
