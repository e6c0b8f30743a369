"""Players who walk on graphs of their own: what the games of Etesami and Straehle (2020) share.

A *law* (X, A, X) gives the next place for a place and an action; an action whose row is 0 is not available there. The
joint state has the players' places as digits, player 0 slowest, and they move independently.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._check import Float
from ..models.markov.game import MarkovGame
from ..models.markov.moves import product_transitions

RIGHT, STAY, DOWN, LEFT, UP = range(5)  # the order of all actions here


def lattice(rows: int, columns: int) -> NDArray[np.int64]:
    """Where every action leads from every cell (rows * columns, 5), cells row by row; -1: there is no such move."""
    cell = np.arange(rows * columns).reshape(rows, columns)
    to = np.full((rows, columns, 5), -1)
    to[:, :-1, RIGHT], to[:, 1:, LEFT] = cell[:, 1:], cell[:, :-1]
    to[:-1, :, DOWN], to[1:, :, UP] = cell[1:], cell[:-1]
    to[:, :, STAY] = cell
    return to.reshape(-1, 5)


def certain(moves: NDArray[np.int64]) -> Float:
    """The law (X, A, X) of moves (X, A) that succeed for sure."""
    return (moves[:, :, None] == np.arange(len(moves))).astype(np.float64)


def by_places(sizes: Sequence[int], reward: Callable[..., Sequence[float]]) -> Float:
    """Rewards (N, S) from a function of the players' places."""
    return np.array([reward(*places) for places in np.ndindex(*sizes)], np.float64).T


def walk(laws: Sequence[Float], rewards: Float, initial: Any, name: str, discount: float = 1.0) -> MarkovGame:
    """The game of players with these laws.    rewards (N, S), of states, or (N, S, A_0, ...)"""
    sizes, actions = [len(law) for law in laws], tuple(law.shape[1] for law in laws)
    n, places, factors, masks = len(laws), np.indices(sizes).reshape(len(laws), -1), [], []
    for i, law in enumerate(laws):
        able: NDArray[np.bool_] = law.sum(axis=2) > 0.0
        factors.append(law.reshape(sizes[i], *(actions[i] if k == i else 1 for k in range(n)), sizes[i]))
        masks.append(able[places[i]])
    mask = np.concatenate(masks, axis=1)
    if rewards.ndim == 2:
        rewards = rewards.reshape(*rewards.shape, *(1,) * n)
    moves = product_transitions(factors, actions, available=mask)
    return MarkovGame(np.broadcast_to(rewards, (n, math.prod(sizes), *actions)), moves, discount, initial, name=name,
                      available=mask)


def at(state: int, count: int) -> Float:
    """The law (count,) that is surely in one state."""
    return (np.arange(count) == state).astype(np.float64)
