"""The roads of Sioux Falls, the test network of traffic assignment."""

from __future__ import annotations

import functools
from typing import Any

from .._check.words import guided
from ..models.normal_form import NormalFormGame
from ._roads import PATHS, RoadNetwork, network

__all__ = ["sioux_falls"]

# Both directions of every road: two nodes, capacity, free-flow time; b is 0.15 and the power 4 everywhere.
# LeBlanc, Morlok and Pierskalla (1975), in the version of SiouxFalls_net.tntp of Transportation Networks for Research
# (https://github.com/bstabler/TransportationNetworks), whose data sets are offered for academic research, their source
# to be named.
ROADS = (
    (1, 2, 25900.20064, 6), (1, 3, 23403.47319, 4), (2, 6, 4958.180928, 5), (3, 4, 17110.52372, 4),
    (3, 12, 23403.47319, 4), (4, 5, 17782.7941, 2), (4, 11, 4908.82673, 6), (5, 6, 4947.995469, 4), (5, 9, 10000, 5),
    (6, 8, 4898.587646, 2), (7, 8, 7841.81131, 3), (7, 18, 23403.47319, 2), (8, 9, 5050.193156, 10),
    (8, 16, 5045.822583, 5), (9, 10, 13915.78842, 3), (10, 11, 10000, 5), (10, 15, 13512.00155, 6),
    (10, 16, 4854.917717, 4), (10, 17, 4993.510694, 8), (11, 12, 4908.82673, 6), (11, 14, 4876.508287, 4),
    (12, 13, 25900.20064, 3), (13, 24, 5091.256152, 4), (14, 15, 5127.526119, 5), (14, 23, 4924.790605, 4),
    (15, 19, 14564.75315, 3), (15, 22, 9599.180565, 3), (16, 17, 5229.910063, 2), (16, 18, 19679.89671, 3),
    (17, 19, 4823.950831, 2), (18, 20, 23403.47319, 4), (19, 20, 5002.607563, 4), (20, 21, 5059.91234, 6),
    (20, 22, 5075.697193, 5), (21, 22, 5229.910063, 2), (21, 24, 4885.357564, 3), (22, 23, 5000, 4),
    (23, 24, 5078.508436, 2),
)


@functools.cache
def roads() -> RoadNetwork:
    """The network: 24 nodes, all of them zones, and 76 links, in the order of the file."""
    links = sorted([*((a, b, c, t) for a, b, c, t in ROADS), *((b, a, c, t) for a, b, c, t in ROADS)])
    return network(24, 24, 1, [(*each, 0.15, 4.0) for each in links], "Sioux Falls")


@guided
def sioux_falls(pairs: Any = ((10, 20),) * 4, paths: int = PATHS, *, load: Any = 3000.0) -> NormalFormGame:
    """Drivers choose paths through Sioux Falls, 24 nodes and 76 links, and lose their travel times.

    A link of capacity c takes t (1 + 0.15 (x / c)^4), in the file's unit of time, x the load of those who take it.

    Parameters
    ----------
    pairs : sequence of N pairs of int
        Every player's origin and destination, nodes from 1 to 24.
    paths : int
        How many paths a player chooses from: the shortest ones without load, in the order of their nodes.
    load : float or array_like (N,)
        What a player adds to the load of every link of its path, in vehicles.

    Returns
    -------
    NormalFormGame
        With equal loads an exact potential game, see :func:`fastmpg.potential.of`. Actions are named by their paths'
        nodes.

    Raises
    ------
    ValueError, TypeError
        What is wrong with which argument.
    MemoryError
        If the payoffs of all joint actions would not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.sioux_falls()
    >>> game.num_actions, game.names.actions[0]
    ((5, 5, 5, 5), ('10-15-19-20', '10-15-22-20', '10-16-17-19-20', '10-16-18-20', '10-17-19-20'))
    >>> fm.potential.of(game).exact
    array([ True])
    >>> fm.ne_gap(game, fm.join([[[0, 0, 0, 1, 0]], [[0, 1, 0, 0, 0]], [[1, 0, 0, 0, 0]], [[0, 0, 0, 1, 0]]]))
    array([0., 0., 0., 0.])

    Notes
    -----
    Network: LeBlanc, Morlok and Pierskalla (1975), as in Transportation Networks for Research. At the equilibrium of
    the example, and at the eleven others, which differ by who is who, Rosenthal's potential is largest:
    -50.70545500007.
    """
    return roads().game(pairs, paths, load=load).named("Sioux Falls")
