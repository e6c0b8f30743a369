"""Roads: links with travel times that grow with their load, shortest paths, and games of players who choose paths."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float
from .._same import comparable
from ..models.normal_form import NormalFormGame

PATHS = 5  # that a player chooses from, by default


Key = tuple[float, int, tuple[int, ...]]  # a path, as paths are ordered: time, number of links, links
NOTHING: Key = (0.0, 0, ())


def _later(key: Key, time: float, link: int) -> Key:
    """A path with one more link."""
    return key[0] + time, key[1] + 1, (*key[2], link)


@comparable
class RoadNetwork(NamedTuple):
    """A network of directed links, as a ``_net.tntp`` file has it.

    Nodes are numbered from 1, as there. A link takes ``free_flow * (1 + b * (load / capacity) ** power)``, the formula
    of the Bureau of Public Roads.

    Attributes
    ----------
    num_nodes, num_zones : int
        Zones are the nodes 1, ..., num_zones.
    first_through : int
        The first node that one may drive through; those before are origins and destinations alone.
    tail, head : ndarray (L,) of int
        Nodes that link l leads from and to.
    capacity, free_flow, b, power : ndarray (L,)
    name : str
    """

    num_nodes: int
    num_zones: int
    first_through: int
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    capacity: Float
    free_flow: Float
    b: Float
    power: Float
    name: str = "roads"

    def __repr__(self) -> str:
        return f"<RoadNetwork {self.name!r}: {self.num_nodes} nodes, {self.tail.size} links>"

    def times(self, loads: Any) -> Float:
        """Travel times (..., L) of loads (..., L)."""
        given = _check.array(loads, "loads")
        if given.shape[-1:] != self.tail.shape or given.min(initial=0.0) < 0.0:
            raise ValueError(f"loads must be at least 0, one for every link, (..., {self.tail.size}), found "
                             f"{_check.shown(loads)}")
        table = [self._time(link, given[..., link]) for link in range(self.tail.size)]
        return np.stack(table, axis=-1)

    def shortest_paths(self, origin: int, destination: int, count: int = PATHS) -> list[tuple[int, ...]]:
        """The ``count`` shortest paths without a node twice, as links, by their times without load.

        Paths of equal time are in the order of their numbers of links, then of the links. There are fewer if the
        network has fewer.

        Parameters
        ----------
        origin, destination : int
            Different nodes, from 1.
        count : int

        Raises
        ------
        ValueError
            If a node is none, both are the same, or no path leads there.

        Notes
        -----
        Yen (1971), with Dijkstra's algorithm for every deviation.
        """
        start = _check.integer(origin, "origin", low=1, high=self.num_nodes)
        goal = _check.integer(destination, "destination", low=1, high=self.num_nodes)
        number = _check.integer(count, "count", low=1, high=10**6)
        if start == goal:
            raise ValueError(f"origin and destination must be different nodes, found {start} twice")
        out: list[list[int]] = [[] for _ in range(self.num_nodes + 1)]
        for link, node in enumerate(self.tail.tolist()):
            out[node].append(link)
        head, time = self.head.tolist(), self.free_flow.tolist()

        def best(prefix: Key, node: int, closed: set[int], cut: set[int]) -> Any:
            """The shortest way on from the end of a path, not through ``closed``, not beginning with a link of
            ``cut``."""
            heap, done = [(prefix, node)], set(closed)
            while heap:
                key, here = heapq.heappop(heap)
                if here == goal:
                    return key
                if here in done:
                    continue
                done.add(here)
                if here < self.first_through and here != start:
                    continue
                for link in out[here]:
                    if head[link] not in done and not (here == node and link in cut):
                        heapq.heappush(heap, (_later(key, time[link], link), head[link]))
            return None

        first = best(NOTHING, start, set(), set())
        if first is None:
            raise ValueError(f"no path leads from origin {start} to destination {goal}")
        found, seen = [first], {first[2]}
        waiting: list[Key] = []
        while len(found) < number:
            links = found[-1][2]
            prefix, node = NOTHING, start
            closed: set[int] = set()
            for k, link in enumerate(links):
                cut = {other[2][k] for other in found if other[2][:k] == links[:k] and len(other[2]) > k}
                key = best(prefix, node, closed, cut)
                if key is not None and key[2] not in seen:
                    seen.add(key[2])
                    heapq.heappush(waiting, key)
                prefix = _later(prefix, time[link], link)
                closed.add(node)
                node = head[link]
            if not waiting:
                break
            found.append(heapq.heappop(waiting))
        return [key[2] for key in found]

    def _nodes(self, links: tuple[int, ...]) -> tuple[list[int], tuple[int, ...]]:
        """What paths are sorted by: the nodes on their way, then the links."""
        return self.head[list(links)].tolist(), links

    def _called(self, paths: list[tuple[int, ...]]) -> list[str]:
        """What paths are called: their nodes, and their links where there are two of one way."""
        names = ["-".join(map(str, [self.tail[links[0]], *self.head[list(links)]])) for links in paths]
        return [f"{name} by {'-'.join(map(str, links))}" if names.count(name) > 1 else name
                for name, links in zip(names, paths, strict=True)]

    def _choices(self, pairs: Any, paths: Any, load: Any) -> tuple[list[Any], Float, list[list[str]]]:
        """Which links every path of every player has, (A_i, L) of bool, the players' loads (N,), and the paths' names.
        """
        asked = _check.sequence(pairs, "pairs", "pairs (origin, destination)")
        if not asked:
            raise ValueError("pairs must name at least one player's origin and destination, found none")
        number, chosen = _check.integer(paths, "paths", low=1, high=10**6), []
        for i, pair in enumerate(asked):
            ends = _check.sequence(pair, f"pairs[{i}]", "two nodes")
            if len(ends) != 2:
                raise ValueError(f"pairs[{i}] must be an origin and a destination, found {_check.shown(pair)}")
            try:
                chosen.append(sorted(self.shortest_paths(ends[0], ends[1], number), key=self._nodes))
            except (ValueError, TypeError) as error:
                raise type(error)(f"pairs[{i}]: {error}") from None
        given = _check.array(load, "load")
        if given.shape not in ((), (len(asked),)) or (given <= 0.0).any():
            raise ValueError(f"load must be one positive number, or one a player, ({len(asked)},), found "
                             f"{_check.shown(load)}")
        masks = []
        for each in chosen:
            mask = np.zeros((len(each), self.tail.size), np.bool_)
            for a, links in enumerate(each):
                mask[a, list(links)] = True
            masks.append(mask)
        actions = [len(each) for each in chosen]
        _check.budget(8 * math.prod(actions) * (2 * len(actions) + 4),
                      f"a routing game of {len(actions)} players with {_check.shown(actions)} paths",
                      "ask for fewer players or paths: every joint choice is listed")
        return masks, np.broadcast_to(given, (len(asked),)), [self._called(each) for each in chosen]

    def game(self, pairs: Any, paths: int = PATHS, *, load: Any = 1.0) -> NormalFormGame:
        """The atomic routing game: every player chooses one of its shortest paths and loses its travel time.

        Parameters
        ----------
        pairs : sequence of N pairs of int
            Every player's origin and destination, nodes from 1.
        paths : int
            How many paths a player chooses from, see :meth:`shortest_paths`; actions are in the order of their nodes.
        load : float or array_like (N,)
            What a player adds to the load of every link of its path: 1 counts the players.

        Returns
        -------
        NormalFormGame
            With equal loads it has Rosenthal's potential, :meth:`potential`. Actions are named by their paths' nodes.

        Raises
        ------
        ValueError, TypeError
            What is wrong with which argument.
        MemoryError
            If the payoffs of all joint actions would not fit.
        """
        masks, weights, names = self._choices(pairs, paths, load)
        n, actions = len(masks), tuple(len(mask) for mask in masks)
        payoffs = np.zeros((n, *actions))
        for link in np.flatnonzero(np.any(np.concatenate(masks), axis=0)):
            uses = [_along(mask[:, link], i, n) for i, mask in enumerate(masks)]
            time = self._time(link, sum(weights[i] * uses[i] for i in range(n)))
            for i in range(n):
                payoffs[i] -= uses[i] * time
        return NormalFormGame(payoffs, name=f"routing on {self.name}").named(actions=names)

    def potential(self, pairs: Any, paths: int = PATHS, *, load: Any = 1.0) -> Float:
        """Rosenthal's potential (A_0, ...) of :meth:`game`: minus the times that the players of every link meet there,
        one after the other.

        Parameters
        ----------
        pairs, paths, load
            As for :meth:`game`; ``load`` one number.

        Raises
        ------
        ValueError, TypeError
            What is wrong with which argument; loads that differ have no such potential.

        Notes
        -----
        Rosenthal (1973). :func:`fastmpg.potential.of` finds it from the payoffs, up to a constant.
        """
        masks, weights, _ = self._choices(pairs, paths, load)
        if weights.min() != weights.max():
            raise ValueError(f"load must be equal for all players where a potential is asked for, found "
                             f"{_check.shown(weights.tolist())}")
        n, weight = len(masks), float(weights[0])
        table = np.zeros(tuple(len(mask) for mask in masks))
        for link in np.flatnonzero(np.any(np.concatenate(masks), axis=0)):
            count = sum(_along(mask[:, link], i, n) for i, mask in enumerate(masks))
            total = np.concatenate([[0.0], np.cumsum(self._time(link, weight * np.arange(1.0, n + 1)))])
            table -= total[np.asarray(count, np.int64)]
        return table

    def _time(self, link: Any, load: Any) -> Float:
        """The time that one link takes at loads of any shape."""
        with np.errstate(over="ignore", invalid="ignore"):
            share = load / self.capacity[link] if self.b[link] != 0.0 else 0.0 * load
            time = np.asarray(self.free_flow[link] * (1.0 + self.b[link] * share ** self.power[link]))
        if not np.isfinite(time).all():
            raise ValueError(f"load must leave travel times that a float holds, found more on link {link}, from node "
                             f"{self.tail[link]} to {self.head[link]} of {self.name!r}")
        return time


def _along(values: Any, axis: int, n: int) -> Float:
    """A row of numbers as an array that varies along one of n axes."""
    return np.asarray(values, np.float64).reshape([-1 if k == axis else 1 for k in range(n)])


def network(num_nodes: int, num_zones: int, first_through: int, links: Sequence[Sequence[float]],
            name: str) -> RoadNetwork:
    """From rows of tail, head, capacity, free-flow time, b and power."""
    table = np.array(links, np.float64).reshape(-1, 6).T
    ends = table[:2].astype(np.int64)
    ends.flags.writeable = table.flags.writeable = False
    tail, head = ends
    capacity, free_flow, b, power = table[2:]
    return RoadNetwork(num_nodes, num_zones, first_through, tail, head, capacity, free_flow, b, power, name)
