"""The visitation that policies can reach, exactly: d of Ding et al. (2022), M of Zhang et al. (2022), as MDPs."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .._check import Float
from ..models.available import possible
from ..models.game import Game, check_discounted, check_game

ROUNDS = 1000  # policy iteration needs a handful
TIE = 1e-13  # by which an action must beat the present one: values lie in [0, 1]
BLOCK = 2**22  # entries of the chains that are solved at once
LIMIT = 2**24  # J S^2 up to which it is found at all: 2000 states at J = 4 are some twenty minutes
SMALL = 2**20  # J S^2 up to which the theorems take it by themselves: at most a second
FEW = 128  # states up to which they do


class MismatchSupremum(NamedTuple):
    """What :func:`mismatch_supremum` finds, rounded outwards by what the solutions leave open.

    Attributes
    ----------
    ratio : float
        d = sup over policies of max_s d(s)/rho(s) >= 1; infinite where a state with rho(s) = 0 can be visited.
    mismatch : float
        M = sup over policies of max_s 1/d(s) >= S; infinite where a state can be avoided.
    pair_ratio : float
        D_inf = sup over pairs of policies of max_s d'(s)/d(s).
    largest, smallest : ndarray (S,)
        Of d(s) over all policies, each at a policy of its own.
    error : float
        By how much the last two may be off.
    """

    ratio: float
    mismatch: float
    pair_ratio: float
    largest: Float
    smallest: Float
    error: float

    def __repr__(self) -> str:
        return (f"MismatchSupremum(ratio={self.ratio:.6g}, mismatch={self.mismatch:.6g}, "
                f"pair_ratio={self.pair_ratio:.6g}, error={self.error:.1e}; {self.largest.size} states)")


def _best(moves: Any, barred: Any, discount: float, initial: Float, reward: Float) -> tuple[Float, float]:
    """Largest V(rho) (n,) for n rewards (S, n) of states, and a bound on its error: policy iteration, all at once.

    moves (S J, S), dense or CSR   barred (S, J) of bool, or None
    """
    states, n = reward.shape
    joint = moves.shape[0] // states
    rows, each = np.arange(states), np.arange(n)
    value: Any = np.zeros((states, n))
    chosen, q = np.full((states, n), -1), value
    for _ in range(ROUNDS):
        q = (moves @ value).reshape(states, joint, n)
        if barred is not None:
            q = np.where(barred[:, :, None], -np.inf, q)
        better = q.argmax(axis=1)
        now = np.take_along_axis(q, np.maximum(chosen, 0)[:, None], axis=1)[:, 0]
        change = (chosen < 0) | (np.take_along_axis(q, better[:, None], axis=1)[:, 0] > now + TIE)
        if not change.any():
            break
        chosen = np.where(change, better, chosen)
        chain = np.stack([_rows(moves, rows * joint + chosen[:, m]) for m in each])
        value = np.linalg.solve(np.eye(states) - discount * chain, reward.T[..., None])[..., 0].T
    else:
        raise ArithmeticError(f"policy iteration did not settle in {ROUNDS} rounds")
    residual = float(np.abs(reward + discount * q.max(axis=1) - value).max())
    rounding = 4.0 * np.finfo(float).eps * (states + 4)
    return initial @ value, (residual + rounding) / (1.0 - discount)


def _rows(moves: Any, index: Any) -> Float:
    found = moves[index]
    return found if isinstance(found, np.ndarray) else found.toarray()


def mismatch_supremum(game: Game) -> MismatchSupremum:
    """The largest and the smallest visitation of every state over all policies, and what the theorems take of them.

    d_rho^pi(s) is the value of the reward (1 - gamma) 1{state = s}, of which every player's policy is a part. Its
    extremes over joint policies are those of an MDP over joint actions, which deterministic policies reach; and these
    are product policies. So 2 S MDPs give sup d(s)/rho(s), sup 1/d(s) and sup d'(s)/d(s), none of them an a-priori
    bound such as 1/((1 - gamma) min rho).

    Parameters
    ----------
    game : Game
        Any, in a form whose joint actions can be listed, J of them; discount below 1, and J S^2 at most 2^24 where
        S > 1 and discount > 0. Actions that are not available are not taken.

    Returns
    -------
    MismatchSupremum

    Raises
    ------
    ValueError
        If the discount is 1.
    MemoryError
        If J S^2 is above that or the table of joint actions would not fit, with the size. CSR transitions count in
        full, as the chains that are solved are dense.

    Notes
    -----
    Zhang et al. (2022), eq. (7), has M; Ding et al. (2022) d; Remark 4 of the former D_inf. It costs about 2 S times
    a few solutions of a chain of S states.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.random_markov(4, (2, 2), 0.9, rng=1)
    >>> fm.theory.mismatch_supremum(game)
    MismatchSupremum(ratio=2.04771, mismatch=24.0671, pair_ratio=9.41851, error=7.2e-14; 4 states)
    """
    check_game(game)
    check_discounted(game)
    initial, states = np.asarray(game.initial), game.num_states
    if states == 1 or game.discount == 0.0:
        most = least = initial.copy()
        error = 0.0
    else:
        joint = math.prod(game.num_actions)
        if game.exact and joint * states**2 > LIMIT:
            raise MemoryError(f"mismatch_supremum takes J S^2 up to {LIMIT}, found {joint} joint actions in {states} "
                              f"states, {joint * states**2}; pass theorems an upper bound, ratio=... or mismatch=...")
        listed: Any = game.to_dense() if not getattr(game, "is_sparse", False) else game
        moves = listed.transitions
        moves = moves.reshape(-1, states) if isinstance(moves, np.ndarray) else moves.astype(np.float64)
        barred = None if game.available is None else ~possible(game.available, game.num_actions).reshape(states, joint)
        most, least, errors = np.empty(states), np.empty(states), []
        width = max(1, BLOCK // (states * max(states, joint)))
        for first in range(0, states, width):
            part = slice(first, min(states, first + width))
            reward = (1.0 - game.discount) * np.eye(states)[:, part]
            most[part], over = _best(moves, barred, game.discount, initial, reward)
            least[part], under = _best(moves, barred, game.discount, initial, -reward)
            errors += [over, under]
        least = np.maximum(-least, 0.0)
        error = max(errors)
    top, bottom = np.minimum(most + error, 1.0), np.maximum(least - error, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(initial > 0.0, top / initial, np.where(most > error, np.inf, 1.0))
        pairs = np.where(bottom > 0.0, top / bottom, np.where(most > error, np.inf, 1.0))
        mismatch = 1.0 / bottom
    return MismatchSupremum(float(max(1.0, ratio.max())), float(mismatch.max()), float(max(1.0, pairs.max())), most,
                            least, error)


def is_small(game: Game) -> bool:
    """Whether the theorems find it by themselves."""
    joint = math.prod(game.num_actions)
    return bool(game.num_states <= FEW and joint * game.num_states**2 <= SMALL and game.exact)


