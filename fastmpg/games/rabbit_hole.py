"""A fox, a rabbit, and a hole with a prize in it."""

from __future__ import annotations

import numpy as np

from ..models.markov.game import MarkovGame
from ._lattice import DOWN, STAY, UP, by_places, certain, lattice, walk

__all__ = ["rabbit_hole"]

CELLS, ENTRANCE, HOLE = 21, 17, 20


def rabbit_hole() -> MarkovGame:
    """A fox chases a rabbit, for which a prize waits in a hole with one entrance: a reconstruction of the map.

    The map has four rows of five cells, 0 to 19, row by row, and the hole, 20, under the middle of the last row (17).
    Players are (fox, rabbit), and both may enter the hole. Both move at once: right, stay, down, left or up, in this
    order, as far as the map has such a cell; they may swap, and nothing absorbs. Rewards depend on the state alone:
    the fox receives 2 and the rabbit -2 whenever they are in one cell, and the rabbit 0.3 the first time that it is in
    the hole.

    The rabbit's place x_r is its cell, or 21 + its cell once it has the prize (which it has from the step after its
    first in the hole); state (x_f, x_r) has number 42 x_f + x_r. The first state is drawn from the 380 in which they
    are in two different cells of the four rows.

    Returns
    -------
    MarkovGame
        Sparse, with 882 states and discount 1: for a finite horizon, in the paper T = 12.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.rabbit_hole()
    >>> game
    <MarkovGame 'rabbit_hole': 2 players, 882 states, actions (5, 5) (7140 of 8820 available), discount 1, own rewards>
    >>> game.rewards[:, 42 * 0 + 20, 0, 1], game.rewards[:, 42 * 20 + 21 + 20, 1, 1]
    (array([0. , 0.3]), array([ 2., -2.]))

    Notes
    -----
    Etesami and Straehle (2020), section 7, "Rabbit-hole game", and figure 5. The paper's average scores over 10 games
    are .06 for the rabbit and 0 for the fox; here greedy play of the mean value gives -.008 and .058.
    """
    alone = np.where(np.arange(5) == STAY, HOLE, -1)
    cells = np.vstack([lattice(4, 5), alone])
    cells[ENTRANCE, DOWN], cells[HOLE, UP] = HOLE, ENTRANCE
    fox = certain(cells)
    later = np.where(cells >= 0, cells + CELLS, -1)
    without = cells.copy()
    without[HOLE] = later[HOLE]  # the prize is taken by being there
    rabbit = certain(np.vstack([without, later]))

    def reward(fox: int, place: int) -> tuple[float, float]:
        caught, prize = 2.0 * (fox == place % CELLS), 0.3 * (place == HOLE)
        return caught, prize - caught

    start = np.zeros((CELLS, 2 * CELLS))
    start[:HOLE, :HOLE] = (1 - np.eye(HOLE)) / (HOLE * (HOLE - 1))
    return walk([fox, rabbit], by_places((CELLS, 2 * CELLS), reward), start.reshape(-1), "rabbit_hole")
