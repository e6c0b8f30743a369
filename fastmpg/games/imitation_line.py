"""Two players on a line whose wishes are to be learned from what they do."""

from __future__ import annotations

import numpy as np

from .._check import Float
from ..models.markov.game import MarkovGame
from ._lattice import certain, walk

__all__ = ["imitation_line"]

THETA = np.array([[1.0, -1.5], [0.7, 0.8]])  # of player 1 and player 2


def line_features() -> list[Float]:
    """What the players of :func:`imitation_line` care about, one array (S, K) a player.

    F_1 = [x_1 = 3, x_1 = x_2], F_2 = [x_2 = 0, x_2 = 1], in state 4 x_1 + x_2.
    """
    one, two = np.indices((4, 4)).reshape(2, 16)
    return [np.stack([one == 3, one == two], axis=1).astype(np.float64),
            np.stack([two == 0, two == 1], axis=1).astype(np.float64)]


def imitation_line() -> MarkovGame:
    """A line of four nodes on which one player wants to the right end, away from the other, who wants to the left.

    Both are on one of the nodes 0 - 1 - 2 - 3; state (x_1, x_2) has number 4 x_1 + x_2. Both move at once: stay, right
    or left, in this order, as far as the line goes. Rewards depend on the state alone and are linear in features,
    theta_1 = (1, -1.5) on [x_1 = 3, x_1 = x_2] and theta_2 = (.7, .8) on [x_2 = 0, x_2 = 1]: the truth that inverse
    reinforcement learning has to find again.

    Returns
    -------
    MarkovGame
        Sparse, with 16 states and discount 1: for a finite horizon, here T = 4. It begins in (0, 3), (1, 2) or (2, 0)
        with equal probability.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.imitation_line()
    >>> game.rewards[:, 4 * 1 + 1, 0, 0]  # both in node 1
    array([-1.5,  0.8])

    Notes
    -----
    A test of Etesami and Straehle (2020), algorithm 4; not in the paper.
    """
    place = np.arange(4)
    moves = np.stack([place, np.where(place < 3, place + 1, -1), place - 1], axis=1)
    rewards = np.stack([features @ weights for features, weights in zip(line_features(), THETA, strict=True)])
    start = np.isin(np.arange(16), [3, 6, 8]) / 3
    return walk([certain(moves)] * 2, rewards, start, "imitation_line")
