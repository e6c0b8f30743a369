"""Pursuit: a hunter and a prey on nine nodes, with edges of their own."""

from __future__ import annotations

import numpy as np

from ..models.markov.game import MarkovGame
from ._lattice import STAY, by_places, certain, lattice, walk

__all__ = ["pursuit_2"]


def pursuit_2() -> MarkovGame:
    """A hunter chases a prey that has other edges than the hunter: a reconstruction.

    Players are (hunter, prey), each on one of the nodes 0 to 8 of a 3 x 3 grid, row by row; state (x_h, x_p) has number
    9 x_h + x_p. Both move at once: right, stay, down, left or up, in this order, as far as they have such an edge. They
    may share a node and swap; nothing absorbs. Whenever they are on one node the hunter receives 0.4 and the prey -0.4.

    The figure that shows the prey's edges does not survive in the text. Here the hunter has all edges of the grid and
    the prey those of its outer ring, so that a prey in the middle can only stay there. The paper's 2.9 hunts a game (T
    = 22) are 2.77 here, in mixed play and on average over all 81 first states; from the 72 with a prey on the ring,
    2.47.

    Returns
    -------
    MarkovGame
        Sparse, with 81 states, discount 1 and uniform first state: for a finite horizon, in the paper T = 22.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.pursuit_2()
    >>> game.available[9 * 3 + 3].astype(int).reshape(2, 5)  # the prey cannot go through the middle
    array([[1, 1, 1, 0, 1],
           [0, 1, 1, 0, 1]])

    Notes
    -----
    Etesami and Straehle (2020), section 7, "Pursuit game", first variant, and figure 2.
    """
    grid = lattice(3, 3)
    ring = np.where(grid == 4, -1, grid)
    ring[4] = np.where(np.arange(5) == STAY, 4, -1)
    rewards = by_places((9, 9), lambda hunter, prey: (0.4, -0.4) if hunter == prey else (0.0, 0.0))
    return walk([certain(grid), certain(ring)], rewards, None, "pursuit_2")
