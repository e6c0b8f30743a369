"""Action graphs: what players choose as counts at the neighbours of an action, and payoffs by those counts.

Source: Jiang, Leyton-Brown and Bhat, Action-graph games, Games and Economic Behavior 71 (2011), and how gambit reads
its files. A node's count is folded over players: each contributes a number that depends on its own action, and a
function node adds them (sum), asks whether any is positive (existence), or keeps the highest or the lowest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float

SUM, EXISTENCE, HIGHEST, LOWEST = range(4)
WEIGHTED = 10  # added to a function's type where actions have weights
LARGEST = 2**40  # of a contribution, so that sums over players stay whole
SHORT = "found a file too short for them"
Counts = NDArray[np.int64]
Config = tuple[int, ...]


class Function(NamedTuple):
    """What a function node makes of counts: one of SUM ... LOWEST, its default, and a weight an action node or None."""

    kind: int
    default: int
    weights: tuple[int, ...] | None


class ActionGraph(NamedTuple):
    """Action nodes 0 .. S - 1, then function nodes; ``payoffs[s]`` by configuration of the neighbours of s."""

    action_sets: list[list[int]]
    neighbours: list[list[int]]
    functions: list[Function]
    payoffs: list[dict[Config, float]]

    @property
    def n_nodes(self) -> int:
        """S, the number of action nodes."""
        return len(self.neighbours) - len(self.functions)

    def paths(self) -> list[list[int]]:
        """For every function node: along how many ways each action node (S,) leads to it.

        Raises
        ------
        ValueError
            If function nodes lead to one another in a circle, or to one of another kind.
        """
        size, found = self.n_nodes, dict[int, list[int]]()
        for first in range(size, len(self.neighbours)):
            stack, open_ = [first], set[int]()
            while stack:
                node = stack[-1]
                open_.add(node)
                inner = [v for v in self.neighbours[node] if v >= size]
                for v in inner:
                    if v in open_ and v not in found:
                        raise ValueError(f"function nodes that lead to one another in a circle, through node {v}")
                    if self.functions[v - size] != self.functions[node - size]:
                        raise ValueError(f"a function node whose neighbours are of its kind, found {v} beside {node}")
                due = [v for v in inner if v not in found]
                if due:
                    stack.append(due[-1])
                    continue
                row = [0] * size
                for v in self.neighbours[node]:
                    if v < size:
                        row[v] += 1
                    else:
                        row = [a + b for a, b in zip(row, found[v], strict=True)]
                found[stack.pop()] = row
        return [found[v] for v in range(size, len(self.neighbours))]

    def contributions(self, paths: list[list[int]], node: int) -> Counts:
        """(S, neighbours of the node): what one player who chooses an action adds to each neighbour's count."""
        size = self.n_nodes
        table = np.zeros((size, len(self.neighbours[node])), np.int64)
        for k, v in enumerate(self.neighbours[node]):
            if v < size:
                table[v, k] = 1
                continue
            kind, default, weights = self.functions[v - size]
            for s, times in enumerate(paths[v - size]):
                if kind in (SUM, EXISTENCE):
                    value = default + times * (1 if weights is None else weights[s])
                    value = int(value > 0) if kind == EXISTENCE else value
                else:
                    value = (s if weights is None else weights[s]) if times else default
                if abs(value) > LARGEST:
                    raise ValueError(f"contributions to function node {v} of at most {LARGEST}, found "
                                     f"{_check.shown(value)}")
                table[s, k] = value
        return table

    def folds(self, node: int) -> list[tuple[int, int]]:
        """How counts of the node's neighbours are folded over players: a kind and a default each."""
        size = self.n_nodes
        return [(SUM, 0) if v < size else (self.functions[v - size].kind, self.functions[v - size].default)
                for v in self.neighbours[node]]


def folded(kind: int, default: int, one: Any, other: Any) -> Any:
    """The count of two groups of players."""
    if kind == SUM:
        return one + other
    if kind == EXISTENCE:
        return np.asarray(one + other > 0).astype(np.int64)
    extreme = np.maximum(one, other) if kind == HIGHEST else np.minimum(one, other)
    return np.where(one == default, other, np.where(other == default, one, extreme))


def configurations(graph: ActionGraph, paths: list[list[int]], node: int, most: int) -> Counts:
    """All that can be at the neighbours of a node when a player chooses it, in lexicographic order: (K, neighbours).

    Raises
    ------
    MemoryError
        If they would not fit.
    ValueError
        If there are more than ``most``.
    """
    table, folds = graph.contributions(paths, node), graph.folds(node)
    done, found = set(), np.zeros((0, table.shape[1]), np.int64)
    for actions in graph.action_sets:
        if node not in actions or tuple(actions) in done:
            continue
        done.add(tuple(actions))
        some = table[node][None]
        first = True
        for others in graph.action_sets:
            if first and others == actions:  # this one chooses the node
                first = False
                continue
            each = np.unique(table[others], axis=0)
            _check.budget(32 * len(some) * len(each) * (table.shape[1] + 1),
                          f"the configurations of action node {node}", "give a smaller game")
            pairs = [folded(*fold, some[:, None, k], each[None, :, k]).ravel() for k, fold in enumerate(folds)]
            some = np.unique(np.stack(pairs, axis=1), axis=0) if pairs else some
            if len(some) > most and all(kind == SUM for kind, _ in folds):
                raise ValueError(f"payoffs of action node {node} at {len(some)} configurations at least, {SHORT}")
        found = np.concatenate([found, some])
    found = np.unique(found, axis=0) if found.shape[1] else found[:1]
    if len(found) > most:
        raise ValueError(f"payoffs of action node {node} at {len(found)} configurations, {SHORT}")
    return found


def looked_up(payoffs: dict[Config, float], places: list[Counts], node: int) -> Float:
    """Payoffs at arrays of counts of every neighbour, all of one shape."""
    if not places:
        places = [np.zeros(1, np.int64)]
        payoffs = {(0, *key): value for key, value in payoffs.items()}
    flat = np.stack(np.broadcast_arrays(*places), axis=-1)
    rows, inverse = np.unique(flat.reshape(-1, flat.shape[-1]), axis=0, return_inverse=True)
    values = np.empty(len(rows))
    for r, row in enumerate(rows.tolist()):
        value = payoffs.get(tuple(row))
        if value is None:
            raise ValueError(f"a payoff of action node {node} at the configuration {_check.shown(row)}, found none")
        values[r] = value
    return values[inverse.reshape(-1)].reshape(flat.shape[:-1])


def over_players(graph: ActionGraph, table: Counts, node: int, player: int, among: list[int]) -> list[Counts]:
    """Counts of the node's neighbours, one axis for each of the players ``among``.

    The axis of the player is one long, as it chooses the node; everybody else takes the first action.
    """
    found = []
    for k, fold in enumerate(graph.folds(node)):
        total: Any = None
        for j, actions in enumerate(graph.action_sets):
            chosen = [node] if j == player else actions if j in among else actions[:1]
            shape = [1] * len(among)
            if j in among:
                shape[among.index(j)] = len(chosen)
            mine = table[chosen, k].reshape(shape)
            total = mine if total is None else folded(*fold, total, mine)
        found.append(total)
    return found


def by_counts(graph: ActionGraph, table: Counts, node: int, counts: Counts) -> list[Counts]:
    """Counts of the node's neighbours at count vectors (C, S) of all players."""
    found = []
    for k, (kind, default) in enumerate(graph.folds(node)):
        column = table[:, k]
        if kind == SUM:
            found.append(counts @ column)
        elif kind == EXISTENCE:
            found.append((counts @ column > 0).astype(np.int64))
        else:
            seen = (counts > 0) & (column != default)
            worst = np.iinfo(np.int64).min if kind == HIGHEST else np.iinfo(np.int64).max
            ends = np.where(seen, column, worst)
            found.append(np.where(seen.any(axis=1), ends.max(axis=1) if kind == HIGHEST else ends.min(axis=1), default))
    return found


def shared_actions(graph: ActionGraph) -> bool:
    """Whether every player can choose every action node."""
    return all(len(actions) == graph.n_nodes for actions in graph.action_sets)


def dependent(graph: ActionGraph, table: Counts, player: int) -> Iterator[int]:
    """The other players on whose action a node's neighbours depend."""
    for j, actions in enumerate(graph.action_sets):
        if j != player and len(actions) > 1 and (table[actions] != table[actions[0]]).any():
            yield j


def joint_actions(graph: ActionGraph) -> int:
    """How many joint actions there are."""
    return math.prod(map(len, graph.action_sets))
