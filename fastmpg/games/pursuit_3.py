"""Pursuit: two hunters and a prey on nine nodes."""

from __future__ import annotations

from ..models.markov.game import MarkovGame
from ._lattice import by_places, certain, lattice, walk

__all__ = ["pursuit_3"]


def pursuit_3() -> MarkovGame:
    """Two hunters chase a prey over a 3 x 3 grid, and must not collide with each other.

    Players are (hunter 1, hunter 2, prey), each on one of the nodes 0 to 8, row by row; state (x_1, x_2, x_p) has
    number 81 x_1 + 9 x_2 + x_p. All move at once: right, stay, down, left or up, in this order, as far as the grid has
    such an edge. They may share a node and swap; nothing absorbs. Rewards depend on the state alone:

        hunter 1    5/4 with the prey alone, -15/4 with hunter 2 alone, -10/4 with both, 0 with nobody; hunter 2 alike
        prey       -1/8 with any hunter, else 0

    Returns
    -------
    MarkovGame
        Sparse, with 729 states, discount 1 and uniform first state: for a finite horizon, in the paper T = 3, from
        (0, 8, 4) and from (0, 8, 2).

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.pursuit_3()
    >>> game
    <MarkovGame 'pursuit_3': 3 players, 729 states, actions (5, 5, 5) (8019 of 10935 available), discount 1,
    own rewards>
    >>> game.available[81 * 0 + 9 * 8 + 4].astype(int).reshape(3, 5)  # the corners, and the middle
    array([[1, 1, 1, 0, 0],
           [0, 1, 0, 1, 1],
           [1, 1, 1, 1, 1]])

    Notes
    -----
    Etesami and Straehle (2020), section 7, "Pursuit game", second variant, and figure 4.
    """

    def reward(one: int, two: int, prey: int) -> tuple[float, float, float]:
        def hunter(own: int, other: int) -> float:
            if own == other:
                return -10 / 4 if own == prey else -15 / 4
            return 5 / 4 if own == prey else 0.0

        return hunter(one, two), hunter(two, one), -1 / 8 if prey in (one, two) else 0.0

    return walk([certain(lattice(3, 3))] * 3, by_places((9, 9, 9), reward), None, "pursuit_3")
