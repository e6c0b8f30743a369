"""Tables in numpy's ``.npz`` files, under the names that constructors give them."""

from __future__ import annotations

import io
import math
import os
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import storage
from ..models.game import Game, check_game
from ..models.markov.game import MarkovGame
from ._stage import game_of, names_of, stage_of

__all__ = ["read_npz", "write_npz"]
SUFFIXES = (".npz",)
MARKOV = ("rewards", "transitions", "discount", "initial", "available", "terminal")
SAVED = "meta.json.npy"  # in what this package seals: games, results, checkpoints


def read_npz(path: str | os.PathLike[str]) -> Game:
    """The game whose tables a ``.npz`` file holds, as ``numpy.savez(path, payoffs=...)`` writes it.

    Parameters
    ----------
    path : path
        With ``payoffs`` (N, A_0, ..., A_{N-1}), and names if there are some: ``title``, ``players`` (N,), ``actions_0``
        (A_0,) and so on. Or with ``rewards``, ``transitions``, ``discount``, and ``initial``, ``available``,
        ``terminal`` if there are some, as :class:`MarkovGame` takes them.

    Raises
    ------
    ValueError, TypeError
        If it is no such file, or what is wrong with a table.
    OSError
        If it cannot be read.
    MemoryError
        If the tables would not fit, before any is read.

    Examples
    --------
    >>> import pathlib, tempfile, numpy as np, fastmpg as fm
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "dilemma.npz"
    >>> np.savez(path, payoffs=[[[3, 0], [5, 1]], [[3, 5], [0, 1]]])
    >>> fm.io.read_npz(path).num_actions
    (2, 2)
    """
    name = _check.path(path, "path")
    tables = _arrays(name)
    if SAVED in tables:
        load = getattr(Game, "load", None)
        if load is None:
            raise ValueError(f"path {name} holds what this package saved, not tables of a game")
        return load(name)  # type: ignore[no-any-return]
    try:
        return _game(tables)
    except ValueError as error:
        raise ValueError(f"path {name}: {error}") from None
    except TypeError as error:
        raise TypeError(f"path {name}: {error}") from None


def _game(tables: dict[str, NDArray[Any]]) -> Game:
    if "payoffs" in tables:
        players, n = tables.get("players"), len(tables["payoffs"].shape) - 1
        actions = [tables.get(f"actions_{i}") for i in range(n)]
        given = None if any(each is None for each in actions) else [_words(each, "actions") for each in actions]
        title = str(tables["title"]) if "title" in tables else ""
        return game_of(tables["payoffs"], title, None if players is None else _words(players, "players"), given)
    if all(key in tables for key in MARKOV[:3]):
        discount = tables["discount"]
        _check.shape(discount, "discount", (), "()")
        more: dict[str, Any] = {key: tables[key] for key in MARKOV[3:] if key in tables}
        return MarkovGame(tables["rewards"], tables["transitions"], float(discount), **more)
    raise ValueError("it must hold payoffs, or rewards, transitions and discount, found "
                     f"{_check.shown(list(tables))}")


def _words(table: Any, name: str) -> list[str]:
    if table.dtype.kind != "U" or table.ndim != 1:
        raise ValueError(f"{name} must be strings along one axis, found dtype {table.dtype} of shape {table.shape}")
    return [str(word) for word in table.tolist()]


def _arrays(name: str) -> dict[str, NDArray[Any]]:
    """Every array of an archive; sizes are checked, by what the file says and by what it can hold, before any is."""
    if os.path.isdir(name):
        raise IsADirectoryError(f"path must name a file, found the folder {name!r}")
    _check.budget(os.path.getsize(name), f"reading {name}", "give a smaller file")
    with open(name, "rb") as file:
        content = io.BytesIO(file.read())
    try:
        with zipfile.ZipFile(content) as archive:
            entries = archive.infolist()
            if any(entry.filename == SAVED for entry in entries):
                return {SAVED: np.zeros(0)}
            _check.budget(4 * sum(entry.file_size for entry in entries), f"the tables in {name}", "give a smaller file")
            return {entry.filename.removesuffix(".npy"): _array(archive, entry) for entry in entries}
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever a file that is none raises
        raise ValueError(f"path {name} is no whole .npz file of numbers: {_check.shown(str(error))}") from None


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> NDArray[Any]:
    """One array, of no more bytes than its entry has."""
    found = storage.array_in(archive, entry)
    if found.dtype.kind not in "fiubU":
        raise ValueError(f"{entry.filename} holds {found.dtype}")
    return found


def write_npz(game: Game, path: str | os.PathLike[str]) -> None:
    """Write a game's tables to a ``.npz`` file, whole or not at all.

    Parameters
    ----------
    game : Game
        Of one state, not terminal, and discount 0: ``payoffs`` and its names; others, as :meth:`Game.to_dense` has
        them: ``rewards``, ``transitions``, ``discount``, ``initial``, ``available`` and ``terminal``.
    path : path

    Raises
    ------
    TypeError
        If it is made of functions.
    OSError
        If the file cannot be written.
    MemoryError
        If the tables would not fit.
    """
    check_game(game)
    target, found = _check.path(path, "path"), dict[str, Any]()
    if not game.exact:
        raise TypeError(f"game must have tables to be written, found the simulator {game!r}")
    if game.num_states == 1 and game.discount == 0.0 and game.terminal is None:
        stage = stage_of(game, "numpy")
        found = {"payoffs": stage.payoffs, "title": np.array(stage.title)}
        if getattr(game, "names", None):
            found |= {"players": np.array(names_of(game)[0])}
            found |= {f"actions_{i}": np.array(each) for i, each in enumerate(stage.actions)}
    else:
        dense: Any = game.to_dense()
        joint = dense.num_states * math.prod(dense.num_actions)
        _check.budget(16 * joint * (dense.num_players + dense.num_states), f"the tables of {game!r}",
                      "give a smaller game")
        rewards = np.broadcast_to(dense.rewards, (dense.num_players, *dense.rewards.shape[1:]))
        found = {"rewards": rewards, "transitions": dense.transitions, "discount": np.array(dense.discount),
                 "initial": dense.initial}
        found |= {key: getattr(dense, key) for key in MARKOV[4:] if getattr(dense, key) is not None}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **found)
    storage.write_atomically(target, buffer.getvalue())
