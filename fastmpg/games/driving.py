"""Cars and a pedestrian at a junction: the driving scene of Etesami & Straehle (2020)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from .._check.words import guided
from ..models.occupancy.game import OccupancyGame

__all__ = ["driving"]

MAP = ("...s....",
       "wwwzwwww",
       "eeezeeee",
       ".u.s....",
       ".u......")
RIGHT, STAY, DOWN, LEFT, UP = range(5)
STEPS = ((0, 1), (0, 0), (1, 0), (0, -1), (-1, 0))
STARTS = ((2, 1), (1, 4), (3, 1), (0, 3))
GOALS = ((2, 7), (1, 0), (2, 6), (3, 3))


def _graph(feet: bool) -> np.ndarray:
    """Next states (X, 5), -1 where an action cannot be taken, of the pedestrian or of cars."""
    rows, columns = len(MAP), len(MAP[0])
    to = np.full((rows, columns, 5), -1)
    for r in range(rows):
        for c in range(columns):
            to[r, c, STAY] = r * columns + c
            for a, (down, right) in enumerate(STEPS):
                y, x = r + down, c + right
                if a == STAY or not (0 <= y < rows and 0 <= x < columns):
                    continue
                here, there = MAP[r][c], MAP[y][x]
                if feet:
                    allowed = here in "sz" and there in "sz"
                else:
                    lane = a == {1: LEFT, 2: RIGHT}.get(r) or (here == "u" and a == UP)
                    allowed = lane and here in "wezu" and there in "wezu"
                if allowed:
                    to[r, c, a] = y * columns + x
    return to.reshape(-1, 5)


@guided
def driving(mu: ArrayLike = (2.0, 2.0, 2.0, 6.0), costs: ArrayLike = (1.0, 1.0, 1.0, 2.0)) -> OccupancyGame:
    """Three cars and a pedestrian cross at a junction with a zebra crossing.

    A reconstruction: the paper's picture does not say where its cells are. Ours, five rows of eight::

        . . . s . . . .     s sidewalk, z zebra crossing
        w w w z w w w w     w lane to the west, z part of it
        e e e z e e e e     e lane to the east, z part of it
        . u . s . . . .     u side road, upwards into the lane to the east
        . u . . . . . .

    Car 1 drives from (2, 1) to (2, 7), car 2 from (1, 4) to (1, 0), car 3 from (3, 1) to (2, 6), rows and columns from
    0; the pedestrian walks from (0, 3) to (3, 3). Cars follow their lane, the pedestrian keeps to s and z, and all may
    stay where they are. Actions: right, stay, down, left, up; those that lead elsewhere are not available. States are
    numbered row by row.

    Parameters
    ----------
    mu : float or array_like (4,)
        What it costs others to be where car 1, 2, 3 and the pedestrian are.
    costs : float or array_like (4,)
        Of every step that a player is not at its goal; R_F is the same.

    Returns
    -------
    OccupancyGame

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.driving()
    >>> game
    <OccupancyGame 'driving': 4 players, 40 states each, 5 actions each>
    >>> fm.solvers.mge_fb(game, 12).most_likely().arrivals  # published: the pedestrian, then cars 2, 1 and 3
    array([7, 5, 8, 3])

    Notes
    -----
    Etesami & Straehle (2020), section 7, driving scene, figure 6.
    """
    price = _check.array(costs, "costs")
    price = np.full(4, float(price)) if price.ndim == 0 else price
    _check.shape(price, "costs", (4,), "one number for every player")
    rows, columns = len(MAP), len(MAP[0])
    starts, goals = ([r * columns + c for r, c in each] for each in (STARTS, GOALS))
    car, feet = _graph(False), _graph(True)
    rewards = np.where(np.arange(rows * columns) == np.array(goals)[:, None], 0.0, -price[:, None])
    return OccupancyGame([car, car, car, feet], rewards, starts, mu=mu, goals=goals,
                         layout=np.stack(np.divmod(np.arange(rows * columns), columns), axis=1), ground="".join(MAP),
                         players=("car 1", "car 2", "car 3", "pedestrian"), name="driving")
