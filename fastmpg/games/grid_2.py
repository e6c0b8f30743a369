"""Grid game (II): one goal for two, behind barriers."""

from __future__ import annotations

from .._check.words import guided
from ..models.markov.game import MarkovGame
from ._grid_game import grid_game
from ._lattice import UP, certain, lattice

__all__ = ["grid_2"]


@guided
def grid_2(ends: str = "both", discount: float = 1.0) -> MarkovGame:
    """Two players on a 2 x 3 grid share a goal, and the straight ways there are barred half of the time.

    A reconstruction of the grid's size. Players are (A, B), each on one of the cells 0 to 5, row by row; state (x_A,
    x_B) has number 6 x_A + x_B. A starts in 3, B in 5, and both want to 1. Both move at once: right, stay, down, left
    or up, in this order, as far as the grid has such a cell; the moves up from 3 and from 5 succeed with probability
    1/2, else one stays. Rewards are on transitions: a player that reaches the goal receives 2, once, and stays there
    while the other plays on; two players that come to be in one other cell receive -1 each. Swapping is free.

    Parameters
    ----------
    ends : "both" or "first"
        Whether one plays on when the other has arrived, or the game is over for both, as learners by episodes play it.
    discount : float
        In [0, 1]; 1 for a finite horizon.

    Returns
    -------
    MarkovGame
        Sparse, with 36 states and discount 1: for a finite horizon, here T = 5 moves and nothing for the state after
        the last.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.grid_2()
    >>> game.rewards[:, 6 * 3 + 4, 4, 4]  # B from 4 up to the goal, whatever A does at its barrier
    array([0., 2.])
    >>> game.rewards[:, 6 * 3 + 4, 4, 3]  # A at its barrier in 3, where B comes to: together if A fails
    array([-0.5, -0.5])

    Notes
    -----
    Etesami and Straehle (2020), section 7, "Grid games", figure 5. The table prints 1.37; here T = 5 gives 1.3728.
    """
    law = certain(lattice(2, 3))
    for cell in (3, 5):
        law[cell, UP] *= 0.5
        law[cell, UP, cell] = 0.5
    return grid_game(law, (3, 5), (1, 1), 2.0, "grid_2", ends, discount)
