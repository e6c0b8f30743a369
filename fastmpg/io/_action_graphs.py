"""Games as action graphs, and these as text."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import _check
from ..kernels.contract_counts import OWN
from ..models.counts.game import CountGame
from ..models.counts.vectors import count_vectors
from ..models.polymatrix import PolymatrixGame
from ._graph import SUM, ActionGraph, Config, Function
from ._stage import one_state, stage_of
from ._text import written

WRITTEN = 30  # characters of a payoff and its marks
SMALLER = "give a smaller game"


def graph_of(game: Any) -> ActionGraph:
    """The action graph of a game of one state, as small as its form lets it be."""
    found = one_state(game, "gambit")
    if found.available is None and isinstance(found, CountGame):
        return _of_counts(found)
    if found.available is None and isinstance(found, PolymatrixGame):
        return _of_pairs(found)
    return _of_table(found)


def _of_counts(game: CountGame) -> ActionGraph:
    """One node an action; one a player and action, counted by functions, where players have payoffs of their own."""
    n_players, n_actions, payoffs = game.num_players, game.num_actions[0], game.payoffs
    names = range(n_actions)
    if payoffs.ndim == 4:
        lines = n_players * n_actions * n_players
        _check.budget(3 * lines * (WRITTEN + 100), f"the action graph of {game!r}", SMALLER)
        sets = [[i * n_actions + a for a in names] for i in range(n_players)]
        first = n_players * n_actions
        near = [[first + s % n_actions] for s in range(first)]
        near += [[i * n_actions + a for i in range(n_players)] for a in names]
        listed = [_own(payoffs[i, 0, a]) for i in range(n_players) for a in names]
        return ActionGraph(sets, near, [Function(SUM, 0, None)] * n_actions, listed)
    sets = [list(names) for _ in range(n_players)]
    _check.budget(200 * n_players * n_actions, f"the action graph of {game!r}", SMALLER)
    if game.model.payoff_kind == OWN:
        return ActionGraph(sets, [[a] for a in names], [], [_own(payoffs[0, a]) for a in names])
    columns = math.comb(n_players + n_actions - 1, n_actions - 1)
    _check.budget(3 * columns * n_actions * (WRITTEN + 100 + 40 * n_actions), f"the action graph of {game!r}", SMALLER)
    counts = count_vectors(n_players, n_actions)
    paid = np.broadcast_to(payoffs[0], (n_actions, len(counts)))
    listed = []
    for a in names:
        at = counts[:, a] > 0
        listed.append(_listed(counts[at].tolist(), paid[a, at].tolist()))
    return ActionGraph(sets, [list(names) for _ in names], [], listed)


def _listed(rows: Iterable[Iterable[int]], paid: Iterable[float]) -> dict[Config, float]:
    return {tuple(row): value for row, value in zip(rows, paid, strict=True)}


def _own(row: Any) -> dict[Config, float]:
    """Payoffs by the count of the own action, from 1."""
    return {(n,): float(row[n]) for n in range(1, len(row))}


def _joint(sizes: list[int]) -> list[Config]:
    """One-hot configurations of players with so many actions each, the last one's action the fastest."""
    if not sizes:
        return [()]
    hot = [np.eye(n, dtype=np.int64) for n in sizes]
    at = np.indices(sizes).reshape(len(sizes), -1)
    rows = np.concatenate([eye[index] for eye, index in zip(hot, at, strict=True)], axis=1)
    return [tuple(row) for row in rows.tolist()]


def _nodes(num_actions: tuple[int, ...]) -> list[list[int]]:
    """Action nodes of every player, none shared."""
    edges = np.cumsum([0, *num_actions]).tolist()
    return [list(range(low, high)) for low, high in itertools.pairwise(edges)]


def _of_pairs(game: PolymatrixGame) -> ActionGraph:
    """A node a player and action, whose neighbours are the actions of those who matter to the player."""
    sizes, pairs, solo = game.num_actions, game.payoffs, game.tables()["solo"][0]
    sets, near, listed = _nodes(sizes), [], []
    others = [[k for k in range(game.num_players) if (i, k) in pairs] for i in range(game.num_players)]
    lines = [math.prod(sizes[k] for k in each) for each in others]
    width = [sum(sizes[k] for k in each) for each in others]
    need = sum(n * count * (WRITTEN + 100 + 40 * wide) for n, count, wide in zip(sizes, lines, width, strict=True))
    _check.budget(3 * need, f"the action graph of {game!r}, which lists all actions of a player's neighbours", SMALLER)
    for i, actions in enumerate(sets):
        keys = _joint([sizes[k] for k in others[i]])
        for a, s in enumerate(actions):
            total: Any = np.full([sizes[k] for k in others[i]], solo[s])
            for axis, k in enumerate(others[i]):
                row = pairs[i, k][0, a]
                total = total + row.reshape([-1 if x == axis else 1 for x in range(len(others[i]))])
            near.append([v for k in others[i] for v in sets[k]])
            listed.append(_listed(keys, np.asarray(total).ravel().tolist()))
    return ActionGraph(sets, near, [], listed)


def _of_table(game: Any) -> ActionGraph:
    """A node a player and action, whose neighbours are all actions of all others."""
    joint, width = math.prod(game.num_actions), sum(game.num_actions)
    _check.budget(3 * game.num_players * joint * (WRITTEN + 100 + 40 * width), f"the action graph of {game!r}", SMALLER)
    payoffs = stage_of(game, "gambit").payoffs
    sizes = payoffs.shape[1:]
    sets, near, listed = _nodes(sizes), [], []
    for i, actions in enumerate(sets):
        keys = _joint([n for k, n in enumerate(sizes) if k != i])
        for a in range(len(actions)):
            near.append([v for k, each in enumerate(sets) if k != i for v in each])
            listed.append(_listed(keys, np.take(payoffs[i], a, axis=i).ravel().tolist()))
    return ActionGraph(sets, near, [], listed)


def text_of(graph: ActionGraph) -> str:
    """An action graph in the format, payoffs listed."""
    def row(numbers: Iterable[int]) -> str:
        return " ".join(map(str, numbers))

    lines = ["#AGG", "# players, action nodes, function nodes", str(len(graph.action_sets)), str(graph.n_nodes),
             str(len(graph.functions)), "# how many actions players have, and which", row(map(len, graph.action_sets)),
             *map(row, graph.action_sets), "# neighbours of nodes", *(row([len(v), *v]) for v in graph.neighbours)]
    if graph.functions:
        lines += ["# functions: 0 is a sum", *(str(each.kind) for each in graph.functions)]
    lines.append("# payoffs by counts at the neighbours")
    for each in graph.payoffs:
        lines += ["1", str(len(each)), *(f"[{row(key)}] {written(value)}" for key, value in each.items())]
    return "\n".join(lines) + "\n"
