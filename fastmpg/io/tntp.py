"""TNTP road networks: ``NAME_net.tntp`` and ``NAME_trips.tntp``, into atomic routing games."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..games._roads import PATHS, RoadNetwork, network
from ..models.normal_form import NormalFormGame
from ..run.storage import write_atomically
from ._words import Word, Words, lines_of, written

__all__ = ["read_tntp", "read_tntp_network", "read_tntp_trips", "write_tntp_network"]

SUFFIXES = (".tntp",)
END, ZONES, NODES, LINKS = "END OF METADATA", "NUMBER OF ZONES", "NUMBER OF NODES", "NUMBER OF LINKS"
THROUGH = "FIRST THRU NODE"
COLUMNS = 7  # that a link must have: two nodes, capacity, length, free-flow time, b, power
MOST = 10**9  # nodes or links that a file may count
ENDING = "_net.tntp"


def _parts(path: Any, cuts: str) -> tuple[dict[str, Word], Words]:
    """A file's metadata, and the words behind it, with ``cuts`` as words of their own."""
    name, lines = lines_of(path)
    known: dict[str, Word] = {}
    for k, line in enumerate(lines):
        text = line.strip()
        if text.startswith("<") and ">" in text:
            key, _, value = text[1:].partition(">")
            known[key.strip().upper()] = Word(value.strip(), k + 1)
            if key.strip().upper() == END:
                break
    if END not in known:
        raise ValueError(f"path {name}, line {max(1, len(lines))}: expected <{END}>, found the end of the file")
    words = []
    for k, line in enumerate(lines[known[END].line:], known[END].line + 1):
        body = line.partition("~")[0]
        for cut in cuts:
            body = body.replace(cut, f" {cut} ")
        words += [Word(text, k) for text in body.split()]
    return known, Words(name, words)


def _stated(known: dict[str, Word], words: Words, key: str, default: int | None = None) -> int:
    """A whole number of the metadata."""
    if key not in known:
        if default is not None:
            return default
        raise ValueError(f"path {words.name}, line 1: expected <{key}> in the metadata, found none")
    head = known[key]
    return Words(words.name, [Word(text, head.line) for text in head.text.split() or ["nothing"]]).whole(
        f"<{key}> and a number from 1 to {MOST}", 1, MOST)


def read_tntp_network(path: Any) -> RoadNetwork:
    """The road network of a ``_net.tntp`` file.

    Parameters
    ----------
    path : str or PathLike

    Returns
    -------
    RoadNetwork
        Its ``game(pairs, paths, load=...)`` is what :func:`read_tntp` builds. Lengths, speeds, tolls and types of links
        are not kept.

    Raises
    ------
    ValueError
        What is wrong in which line.
    OSError
        If the file cannot be read.

    Notes
    -----
    Transportation Networks for Research, https://github.com/bstabler/TransportationNetworks.
    """
    known, words = _parts(path, ";")
    nodes = _stated(known, words, NODES)
    zones, through = _stated(known, words, ZONES, nodes), _stated(known, words, THROUGH, 1)
    expected = _stated(known, words, LINKS)
    if zones > nodes:
        words.fail(f"at most {nodes} zones, one for every node", str(zones), known[ZONES])
    rows: list[tuple[float, ...]] = []
    while words.ahead() is not None:
        row = [float(words.whole(f"a node from 1 to {nodes}", 1, nodes)) for _ in range(2)]
        row += [words.number(what, 0.0) for what in ("a capacity", "a length", "a free-flow time", "b", "a power")]
        if row[5] > 0.0 and row[2] == 0.0:
            words.fail("a capacity above 0, as b is", "0", words.words[words.at - 1])
        while not words.comes(";"):
            words.number("a number, or ;")
        words.skip(";")
        if len(rows) == expected:
            words.fail(f"{expected} links, as <{LINKS}> says", "more of them", words.words[words.at - 1])
        rows.append((row[0], row[1], row[2], row[4], row[5], row[6]))
    if len(rows) < expected:
        words.fail(f"{expected} links, as <{LINKS}> says", f"{len(rows)} of them")
    base = os.path.basename(words.name)
    title = base[:-len(ENDING)] if base.lower().endswith(ENDING) and len(base) > len(ENDING) else base
    return network(nodes, zones, through, rows, title)


def read_tntp_trips(path: Any) -> Float:
    """The demand (zones, zones) of a ``_trips.tntp`` file: entry [i, j] of trips from node i + 1 to node j + 1.

    Parameters
    ----------
    path : str or PathLike

    Returns
    -------
    ndarray (zones, zones)

    Raises
    ------
    ValueError
        What is wrong in which line.
    OSError
        If the file cannot be read.
    MemoryError
        If the table would not fit.
    """
    known, words = _parts(path, ":;")
    zones = _stated(known, words, ZONES)
    _check.budget(8 * zones * zones, f"path {words.name}: trips between {zones} zones", "give a smaller network")
    table = np.zeros((zones, zones))
    origin = None
    while (word := words.ahead()) is not None:
        if word.text.lower() == "origin":
            words.take("Origin")
            origin = words.whole(f"an origin from 1 to {zones}", 1, zones)
            continue
        if origin is None:
            words.fail("Origin")
        there = words.whole(f"Origin, or a destination from 1 to {zones}", 1, zones)
        words.skip(":")
        table[origin - 1, there - 1] = words.number("a number of trips", 0.0)
        if words.ahead() is not None:
            words.skip(";")
    return table


def read_tntp(path: Any, *, trips: Any = None, pairs: Any = None, players: int = 4, paths: int = PATHS,
              load: Any = None) -> NormalFormGame:
    """The atomic routing game of a road network, see :func:`fastmpg.games.sioux_falls`.

    Parameters
    ----------
    path : str or PathLike
        A ``_net.tntp`` file.
    trips : str or PathLike, optional
        A ``_trips.tntp`` file, where ``pairs`` are not given; by default the one beside ``path``.
    pairs : sequence of N pairs of int, optional
        Every player's origin and destination, nodes from 1; by default those with the most trips.
    players : int
        How many pairs to take from the trips, one player each.
    paths : int
        How many paths a player chooses from: the shortest ones without load, in the order of their nodes.
    load : float or array_like (N,), optional
        What a player adds to the load of every link of its path: by default 1 if ``pairs`` are given, so that loads
        count the players, else the pair's trips.

    Returns
    -------
    NormalFormGame
        Players lose their travel times, by the formula of the Bureau of Public Roads. With equal loads it is an exact
        potential game.

    Raises
    ------
    ValueError, TypeError
        What is wrong in which line, or with which argument.
    OSError
        If a file cannot be read.
    MemoryError
        If the payoffs of all joint actions would not fit.

    Examples
    --------
    Two roads from 1 to 2, of which the second is longer, but wide:

    >>> import pathlib, tempfile, fastmpg as fm
    >>> path = pathlib.Path(tempfile.mkdtemp(), "Two_net.tntp")
    >>> _ = path.write_text('''<NUMBER OF NODES> 2
    ... <NUMBER OF LINKS> 2
    ... <END OF METADATA>
    ... ~ from to capacity length time b power
    ... 1 2 1 1 1.0 1.0 1 ;
    ... 1 2 1 1 2.5 0.0 1 ;''')
    >>> fm.io.read_tntp(path, pairs=[(1, 2), (1, 2)], paths=2).payoffs[0]
    array([[-3. , -2. ],
           [-2.5, -2.5]])
    """
    roads = read_tntp_network(path)
    number = _check.integer(players, "players", low=1)
    if pairs is None:
        name = _check.path(path, "path")
        if trips is None and not name.lower().endswith(ENDING):
            raise ValueError(f"pairs or trips must be given for path {name}, which does not end in {ENDING}")
        beside = name[:-len(ENDING)] + "_trips.tntp"
        table = read_tntp_trips(beside if trips is None else _check.path(trips, "trips"))
        np.fill_diagonal(table, 0.0)
        most = np.argsort(-table, axis=None, kind="stable")[:number]
        if most.size < number or table.flat[most[-1]] == 0.0:
            raise ValueError(f"players must be at most the number of pairs with trips, {np.count_nonzero(table)}, "
                             f"found {_check.shown(players)}")
        pairs = [(int(at) // table.shape[0] + 1, int(at) % table.shape[0] + 1) for at in most]
        load = table.flat[most] if load is None else load
    return roads.game(pairs, paths, load=1.0 if load is None else load)


def write_tntp_network(roads: RoadNetwork, path: Any) -> None:
    """Write a road network as a ``_net.tntp`` file, with numbers that read back bit for bit.

    Parameters
    ----------
    roads : RoadNetwork
    path : str or PathLike

    Raises
    ------
    TypeError
        If it is no road network.
    OSError
        If the file cannot be written.
    """
    if not isinstance(roads, RoadNetwork):
        raise TypeError(f"roads must be a RoadNetwork, found {_check.shown(roads)}")
    name = _check.path(path, "path")
    said = [f"<{ZONES}> {roads.num_zones}", f"<{NODES}> {roads.num_nodes}", f"<{THROUGH}> {roads.first_through}",
            f"<{LINKS}> {roads.tail.size}", f"<{END}>", "",
            "~\tinit_node\tterm_node\tcapacity\tlength\tfree_flow_time\tb\tpower\tspeed\ttoll\tlink_type\t;"]
    for tail, head, *rest in zip(*(each.tolist() for each in roads[3:9]), strict=True):
        capacity, time, b, power = map(written, rest)
        said.append("\t".join(["", str(tail), str(head), capacity, time, time, b, power, "0", "0", "1", ";"]))
    write_atomically(name, ("\n".join(said) + "\n").encode())
