"""Gambit's action-graph games: ``.agg`` files.

Source: https://gambitproject.readthedocs.io/en/latest/formats.html.
"""

from __future__ import annotations

import math
import os
import re
from typing import Any

import numpy as np

from .. import _check
from ..models.counts.game import CountGame
from ..models.counts.vectors import count_vectors
from ..models.game import Game
from ..models.normal_form import NormalFormGame
from ..models.polymatrix import PolymatrixGame
from ..run.storage import write_atomically
from ._action_graphs import graph_of, text_of
from ._graph import (
    EXISTENCE,
    LOWEST,
    SUM,
    WEIGHTED,
    ActionGraph,
    Config,
    Function,
    by_counts,
    configurations,
    dependent,
    joint_actions,
    looked_up,
    over_players,
    shared_actions,
)
from ._stage import game_of
from ._text import MOST_PLAYERS, Text, load

__all__ = ["read_agg", "write_agg"]
SUFFIXES = (".agg",)
FORMS = ("auto", "table", "counts", "polymatrix")
TOKEN = re.compile(r"(?:\s++|^#[^\n]*+)*+(?:(?P<end>\Z)|(?P<mark>[\[\]])|(?P<word>[^\s\[\]]++))", re.ASCII | re.M)
ADDITIVE = 1e-9  # of the largest payoff, by which sums of pairs may miss a table


def read_agg(path: str | os.PathLike[str], *, form: str = "auto") -> NormalFormGame | CountGame | PolymatrixGame:
    """The game in a ``.agg`` file of gambit.

    Parameters
    ----------
    path : path
        Action nodes, function nodes of every kind that gambit has (0-3 and 10-13), payoffs in full (0) or listed (1).
    form : {"auto", "table", "counts", "polymatrix"}
        What becomes of it. ``"counts"``, where every player has every action: a :class:`CountGame`, by count vector,
        or by the count of the own action alone where payoffs depend on nothing else. ``"polymatrix"``: payoffs are
        sums over single others, or the file is refused. ``"auto"`` takes counts where it can, else a table over joint
        actions.

    Raises
    ------
    ValueError
        What is wrong in the file, with line and column; or it is no game of that form.
    OSError
        If it cannot be read.
    MemoryError
        If the game would not fit in that form.

    Notes
    -----
    As in gambit, the default of a sum with weights (10) counts once a player.

    Examples
    --------
    Two players on two roads that are slower with both on them:

    >>> import pathlib, tempfile, fastmpg as fm
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "roads.agg"
    >>> _ = path.write_text('''#AGG
    ... 2  2 0  2 2   0 1  0 1
    ... # each road's delay depends on who is on it
    ... 1 0  1 1
    ... 0 -1 -2
    ... 0 -2 -3''')
    >>> game = fm.io.read_agg(path)
    >>> type(game).__name__, game.payoffs[0, :, 1:].tolist()
    ('CountGame', [[-1.0, -2.0], [-2.0, -3.0]])
    """
    name, text = load(path)
    if _check.text(form, "form") not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, found {_check.shown(form)}")
    if not text.lstrip().startswith("#AGG"):
        raise ValueError(f"path {name}, line 1, column 1: expected '#AGG' first: this is no .agg file")
    graph = parse(f"path {name}", text)
    title = os.path.splitext(os.path.basename(name))[0]
    try:
        if form == "counts" or (form == "auto" and shared_actions(graph)):
            return _by_counts(graph, title)
        return _polymatrix(graph, title) if form == "polymatrix" else _table(graph, title)
    except ValueError as error:
        raise ValueError(f"path {name}: expected {error}") from None


def parse(where: str, text: str) -> ActionGraph:
    """The action graph of a text in the format."""
    source, most = Text(where, text, TOKEN), len(text)
    n_players = source.whole("the number of players, at least 1", 1, most)
    n_nodes = source.whole("the number of action nodes, at least 1", 1, most)
    n_functions = source.whole("the number of function nodes", 0, most)
    sizes = [source.whole(f"how many actions player {i} has, from 1 to {n_nodes}", 1, n_nodes)
             for i in range(n_players)]
    if sum(sizes) > most:
        source.fail(f"{sum(sizes)} actions of players", f"a file with only {most} characters")
    sets = []
    for i, size in enumerate(sizes):
        least = 0
        actions = []
        for _ in range(size):
            actions.append(source.whole(f"an action node of player {i}, ascending, from {least} to {n_nodes - 1}",
                                        least, n_nodes - 1))
            least = actions[-1] + 1
        sets.append(actions)
    nodes = n_nodes + n_functions
    neighbours = []
    for v in range(nodes):
        count = source.whole(f"how many neighbours node {v} has, at most {nodes}", 0, nodes)
        found = [source.whole(f"a neighbour of node {v}, from 0 to {nodes - 1}", 0, nodes - 1) for _ in range(count)]
        neighbours.append(found)
    functions = [_function(source, n_nodes, nodes, n_nodes + k) for k in range(n_functions)]
    widest = max(map(len, neighbours))
    _check.budget(16 * n_nodes * (widest + n_functions + 1), f"{where}: the graph of {nodes} nodes",
                  "give a smaller file")
    graph = ActionGraph(sets, neighbours, functions, [])
    try:
        paths = graph.paths()
        for s in range(n_nodes):
            graph.payoffs.append(_payoffs(source, graph, paths, s))
    except ValueError as error:
        if str(error).startswith(where):
            raise
        raise ValueError(f"{source.place(source.start)}: expected {error}") from None
    if source.kind != "end":
        source.fail(f"the end of the file after the payoffs of {n_nodes} action nodes")
    return graph


def _function(source: Text, n_nodes: int, nodes: int, v: int) -> Function:
    """The signature of a function node."""
    expected = f"the type of function node {v}, 0 to 3 or 10 to 13"
    if source.word in map(str, range(LOWEST + 1, WEIGHTED)):
        source.fail(expected)
    kind = source.whole(expected, 0, WEIGHTED + LOWEST)
    if kind < WEIGHTED:
        return Function(kind, 0 if kind in (SUM, EXISTENCE) else nodes, None)
    least = 0 if kind == 11 else -2**31
    default = source.whole("the function's default, a whole number", least, 2**31)
    source.skip("[", " and a weight for every action node")
    weights = tuple(source.whole(f"the weight of action node {s}, a whole number", least, 2**31)
                    for s in range(n_nodes))
    source.skip("]", f" after the weights of {n_nodes} action nodes")
    return Function(kind - WEIGHTED, default, weights)


def _payoffs(source: Text, graph: ActionGraph, paths: list[list[int]], s: int) -> dict[Config, float]:
    """The payoffs of an action node by configuration."""
    kind = source.whole(f"how the payoffs of action node {s} are given, 0 (in full) or 1 (listed)", 0, 1)
    if kind == 0:
        rows = configurations(graph, paths, s, len(source.text) - source.start + 1)
        expected = f"of {len(rows)} payoffs of action node {s}"
        return {tuple(row): source.number(f"number {k + 1} {expected}") for k, row in enumerate(rows.tolist())}
    found: dict[Config, float] = {}
    count = source.whole(f"how many payoffs of action node {s} are listed", 0, len(source.text))
    width = len(graph.neighbours[s])
    for k in range(count):
        source.skip("[", f" and the configuration of payoff {k + 1} of {count} of action node {s}")
        key = tuple(source.whole(f"the count of neighbour {j + 1} of {width}", -2**62, 2**62) for j in range(width))
        source.skip("]", f" after the counts of {width} neighbours")
        if key in found:
            source.fail(f"every configuration once, [{' '.join(map(str, key))}] is here again")
        found[key] = source.number(f"the payoff of action node {s} at [{' '.join(map(str, key))}]")
    return found


def _by_counts(graph: ActionGraph, title: str) -> CountGame:
    """The game of players with the same actions."""
    if not shared_actions(graph):
        raise ValueError("that every player has every action, for a game of counts; read it as a table")
    n_players, n_nodes, paths = len(graph.action_sets), graph.n_nodes, graph.paths()
    if all(set(graph.neighbours[s]) <= {s} for s in range(n_nodes)):
        _check.budget(48 * n_nodes * (n_players + 1), f"a game of {n_players} players", "give a smaller game")
        own = np.zeros((1, n_nodes, n_players + 1))
        reached = np.arange(1 if n_nodes > 1 else n_players, n_players + 1)
        for s in range(n_nodes):
            own[0, s, reached] = looked_up(graph.payoffs[s], [reached for _ in graph.neighbours[s]], s)
        return CountGame(own, [[1.0]], 0.0, name=title)
    counts = count_vectors(n_players, n_nodes)
    most = max(map(len, graph.neighbours)) + 3
    _check.budget(8 * counts.size * 6 + 8 * len(counts) * most * 4, f"a game of {len(counts)} count vectors",
                  "give a smaller game")
    table = np.zeros((1, n_nodes, len(counts)))
    for s in range(n_nodes):
        chosen = counts[:, s] > 0
        places = by_counts(graph, graph.contributions(paths, s), s, counts[chosen])
        table[0, s, chosen] = looked_up(graph.payoffs[s], places, s)
    return CountGame.from_count_vectors(table, [[1.0]], 0.0, num_players=n_players, name=title)


def _table(graph: ActionGraph, title: str) -> NormalFormGame:
    """The game's payoffs at every joint action."""
    n_players, joint = len(graph.action_sets), joint_actions(graph)
    _check.budget(8 * joint * (3 * n_players + 4 * max(map(len, graph.neighbours)) + 8),
                  f"the payoffs of {_check.shown(joint)} joint actions",
                  "give a smaller game, or read it with form='counts' or form='polymatrix' if it is one")
    if n_players > MOST_PLAYERS:
        raise ValueError(f"at most {MOST_PLAYERS} players for a table, found {n_players}")
    paths, everybody = graph.paths(), list(range(n_players))
    payoffs = np.empty((n_players, *map(len, graph.action_sets)))
    for i, actions in enumerate(graph.action_sets):
        for a, s in enumerate(actions):
            places = over_players(graph, graph.contributions(paths, s), s, i, everybody)
            at: list[Any] = [i, *(slice(None) for _ in everybody)]
            at[1 + i] = slice(a, a + 1)
            payoffs[tuple(at)] = looked_up(graph.payoffs[s], places, s)
    return game_of(payoffs, title)


def _polymatrix(graph: ActionGraph, title: str) -> PolymatrixGame:
    """The game whose payoffs are sums over single others."""
    paths, sizes = graph.paths(), tuple(map(len, graph.action_sets))
    solo = [np.zeros(n) for n in sizes]
    pairs: dict[tuple[int, int], Any] = {}
    for i, actions in enumerate(graph.action_sets):
        for a, s in enumerate(actions):
            table = graph.contributions(paths, s)
            others = list(dependent(graph, table, i))
            entries = math.prod(sizes[j] for j in others)
            _check.budget(8 * entries * (4 * len(graph.neighbours[s]) + 8),
                          f"the payoffs of player {i} at {_check.shown(entries)} actions of others",
                          "give a game with fewer neighbours")
            if len(others) >= MOST_PLAYERS:
                raise ValueError(f"at most {MOST_PLAYERS - 1} other players that matter to one, found {len(others)}")
            places = over_players(graph, table, s, i, others)
            paid = looked_up(graph.payoffs[s], places, s).reshape([sizes[j] for j in others])
            total = paid.flat[0]
            solo[i][a] = total
            for axis, j in enumerate(others):
                along: list[Any] = [0] * len(others)
                along[axis] = slice(None)
                part = paid[tuple(along)] - paid.flat[0]
                total = total + part.reshape([-1 if k == axis else 1 for k in range(len(others))])
                pairs.setdefault((i, j), np.zeros((sizes[i], sizes[j])))[a] = part
            if np.abs(total - paid).max() > ADDITIVE * np.abs(paid).max():
                raise ValueError(f"payoffs that are sums over single others, which those of action node {s} are not; "
                                 "read it as a table")
    return PolymatrixGame(pairs, sizes, solo=solo, name=title)


def write_agg(game: Game, path: str | os.PathLike[str]) -> None:
    """Write a game of one state as a ``.agg`` file of gambit, whole or not at all.

    Parameters
    ----------
    game : Game
        With discount 0. Of a :class:`CountGame` the file holds payoffs by counts, of a :class:`PolymatrixGame` those
        by the actions of a player's neighbours, of others, and where actions are not available, those at all joint
        actions. The format has no names.
    path : path

    Raises
    ------
    ValueError
        If the game has more states or a discount.
    OSError
        If the file cannot be written.
    MemoryError
        If the text would not fit.

    Examples
    --------
    >>> import pathlib, tempfile, fastmpg as fm
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "roads.agg"
    >>> fm.io.write_agg(fm.CountGame([[[0, -1, -2], [0, -2, -3]]], [[1]], 0.0), path)
    >>> fm.io.read_agg(path).payoffs[0, :, 1:].tolist()
    [[-1.0, -2.0], [-2.0, -3.0]]
    """
    graph, target = graph_of(game), _check.path(path, "path")
    write_atomically(target, text_of(graph).encode())
