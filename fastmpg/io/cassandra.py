"""Cassandra's .MDP and .POMDP files, those in which the state is seen."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import scipy.sparse as sp

from .. import _check
from ..models.game import Game
from ..models.markov.game import MarkovGame
from ..models.names import Names
from ..run.storage import write_atomically
from ._cassandra import Model, may_be_called
from ._single import one_player
from ._words import written

__all__ = ["read_cassandra", "write_cassandra"]

SUFFIXES = (".mdp", ".pomdp")


def read_cassandra(path: Any) -> MarkovGame:
    """The game of one player of a file in Cassandra's format.

    Parameters
    ----------
    path : str or PathLike
        A file with the sections ``discount:``, ``values:`` (``cost``: rewards are minus the numbers), ``states:``,
        ``actions:``, of a POMDP ``observations:``, then ``start:``, ``T:``, ``O:`` and ``R:`` as the format has them:
        names or numbers, ``*`` for all, single entries, rows, matrices, ``identity``, ``uniform`` and ``reset``. Later
        lines replace earlier ones; what no line tells is 0.

    Returns
    -------
    MarkovGame
        Rewards are the means over the next states (and observations). Of a POMDP, the first state is taken to be seen.

    Raises
    ------
    ValueError
        What is wrong in which line; that the file is a POMDP whose observations leave the state open.
    OSError
        If the file cannot be read.
    MemoryError
        If its tables would not fit.

    Examples
    --------
    >>> import pathlib, tempfile, fastmpg as fm
    >>> path = pathlib.Path(tempfile.mkdtemp(), "machine.mdp")
    >>> _ = path.write_text('''discount: 0.9
    ... values: cost
    ... states: good broken
    ... actions: run repair
    ... T: run
    ... 0.8 0.2
    ... 0.0 1.0
    ... T: repair : * : good 1.0
    ... R: run : broken : * 5.0
    ... R: repair : * : * 3.0''')
    >>> game = fm.io.read_cassandra(path)
    >>> fm.best_response(game, fm.uniform_policy(game), 0)[1].round(3)
    array([-4.576, -7.119])

    Notes
    -----
    Cassandra's pomdp-solve, file format and grammar (https://www.pomdp.org/code/pomdp-file-spec.html).
    """
    return Model(path).game()


def _listed(label: str, table: Any) -> list[str]:
    """What is not 0 of a row, one line each."""
    return [f"{label} : {t} {written(p)}" for t, p in zip(table.indices.tolist(), table.data.tolist(), strict=True)
            if p != 0.0]


def _called(names: Any, count: int) -> str:
    """Names where all of them are such as the format has, else their number."""
    return " ".join(names) if names and all(map(may_be_called, names)) else str(count)


def write_cassandra(game: Game, path: Any) -> None:
    """Write a game of one player as a file in Cassandra's format, with numbers that read back bit for bit.

    Parameters
    ----------
    game : Game
        Of one player, who has all actions in every state. Terminal states become states that stay and pay 0.
    path : str or PathLike
        Its ending says what is written: ``.pomdp`` an observation for every state, anything else no observations.

    Raises
    ------
    ValueError, TypeError
        If the game has several players, or lacks actions in some states.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile, fastmpg as fm
    >>> path = pathlib.Path(tempfile.mkdtemp(), "random.mdp")
    >>> game = fm.games.random_markov(3, (2,))
    >>> fm.io.write_cassandra(game, path)
    >>> fm.io.read_cassandra(path) == game
    True
    """
    name = _check.path(path, "path")
    form = one_player(game, "a file in Cassandra's format")
    states, count, names = form.num_states, form.num_actions[0], game.names or Names()
    seen = os.path.splitext(name)[1].lower() == ".pomdp"
    rows = sp.csr_array(form.transitions if form.is_sparse else form.transitions.reshape(-1, states))
    said = [f"# {' '.join(form.name.split())}", f"discount: {written(form.discount)}", "values: reward",
            f"states: {_called(names.states, states)}",
            f"actions: {_called(names.actions[0] if names.actions else None, count)}"]
    said += [f"observations: {states}"] if seen else []
    said += [f"start: {' '.join(map(written, form.initial))}", ""]
    for s in range(states):
        for a in range(count):
            said += _listed(f"T: {a} : {s}", rows[[s * count + a]])
    said += ["", *(f"O: * : {s} : {s} 1.0" for s in range(states))] if seen else []
    said.append("")
    rest = " : * : *" if seen else " : *"
    for s, a in np.argwhere(form.rewards[0] != 0.0).tolist():
        said.append(f"R: {a} : {s}{rest} {written(form.rewards[0, s, a])}")
    write_atomically(name, ("\n".join(said) + "\n").encode())
