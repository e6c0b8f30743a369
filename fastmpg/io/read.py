"""Games in files of any format."""

from __future__ import annotations

import os
from typing import Any

from .. import _check
from ..models.game import Game, check_game
from ._formats import chosen, refuse_others

__all__ = ["read", "write"]


def read(path: str | os.PathLike[str], format: str | None = None, **options: Any) -> Game:
    """The game in a file.

    Parameters
    ----------
    path : path
    format : str, optional
        The format's name, as ``"nfg"``; what the file's suffix means by default.
    **options
        What the format's own ``read_...`` takes besides.

    Raises
    ------
    ValueError
        If the suffix means no format, or what is wrong in the file and where.
    OSError
        If the file cannot be read.
    MemoryError
        If the game would not fit.

    Examples
    --------
    >>> import pathlib, tempfile, fastmpg as fm
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "dilemma.nfg"
    >>> fm.io.write(fm.NormalFormGame([[3, 0], [5, 1]], [[3, 5], [0, 1]]), path)
    >>> fm.io.read(path).payoffs[1]
    array([[3., 5.],
           [0., 1.]])
    """
    name = _check.path(path, "path")
    one = chosen(name, format)
    refuse_others(one.read, options, one.name)
    return one.read(name, **options)  # type: ignore[no-any-return]


def write(game: Game, path: str | os.PathLike[str], format: str | None = None, **options: Any) -> None:
    """Write a game to a file, whole or not at all.

    Parameters
    ----------
    game : Game
    path : path
    format : str, optional
        The format's name, as ``"nfg"``; what the file's suffix means by default.
    **options
        What the format's own ``write_...`` takes besides.

    Raises
    ------
    ValueError
        If the suffix means no format, the format is only read, or it cannot hold such a game.
    OSError
        If the file cannot be written.
    """
    check_game(game)
    name = _check.path(path, "path")
    one = chosen(name, format)
    if one.write is None:
        raise ValueError(f"path: files of the format {one.name} are read, not written")
    refuse_others(one.write, options, one.name)
    one.write(game, name, **options)
