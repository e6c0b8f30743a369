"""Grid game (I): two goals in opposite corners."""

from __future__ import annotations

from .._check.words import guided
from ..models.markov.game import MarkovGame
from ._grid_game import grid_game
from ._lattice import certain, lattice

__all__ = ["grid_1"]


@guided
def grid_1(ends: str = "both", discount: float = 1.0) -> MarkovGame:
    """Two players cross a 3 x 3 grid, each to a corner of its own, and should not collide.

    Players are (A, B), each on one of the cells 0 to 8, row by row; state (x_A, x_B) has number 9 x_A + x_B. A starts
    in 6 and wants to 2, B starts in 0 and wants to 8. Both move at once: right, stay, down, left or up, in this order,
    as far as the grid has such a cell. Rewards are on transitions: a player that reaches its goal receives 30, once,
    and stays there while the other plays on; two players that move to one cell receive -1 each, and both are there
    then, unless one of them has arrived before. Swapping is free.

    Parameters
    ----------
    ends : "both" or "first"
        Whether one plays on when the other has arrived, or the game is over for both, as learners by episodes play it.
    discount : float
        In [0, 1]; 1 for a finite horizon.

    Returns
    -------
    MarkovGame
        Sparse, with 81 states and discount 1: for a finite horizon, here T = 5 moves and nothing for the state after
        the last.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.grid_1()
    >>> game
    <MarkovGame 'grid_1': 2 players, 81 states, actions (5, 5) (558 of 810 available), discount 1, own rewards>
    >>> game.rewards[:, 9 * 3 + 1, 0, 2]  # A from 3 to the right and B from 1 down: both to 4
    array([-1., -1.])

    Notes
    -----
    Etesami and Straehle (2020), section 7, "Grid games", figures 1 and 5. The horizon is a reconstruction: the table
    prints 29.6, and here T = 5 gives 29.6234, 30 less 0.3766 collisions.
    """
    return grid_game(certain(lattice(3, 3)), (6, 0), (2, 8), 30.0, "grid_1", ends, discount)
