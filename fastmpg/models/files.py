"""Games as files: an npz archive of their tables with names, sealed, never a pickle."""

from __future__ import annotations

import functools
import os
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import storage
from .names import renamed

FORMAT, KIND = 1, "saved game"


def _checked(build: Any) -> Any:
    """Say of tables that are missing, or none, that they are no such game's."""
    @functools.wraps(build)
    def from_tables(cls: Any, tables: dict[str, NDArray[Any]]) -> Any:
        try:
            return build(cls, tables)
        except (KeyError, AttributeError, IndexError, OverflowError) as error:
            raise ValueError(f"tables are none that {cls.__name__}.tables() gives: {_check.shown(str(error))} is "
                             "missing or does not fit") from None

    return from_tables


class Saved:
    """A game that can be written to a file and read back, bit for bit."""

    name: str
    names: Any
    savable: ClassVar[dict[str, type[Saved]]] = {}  # every class of games that has tables, by its name

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        Saved.savable[cls.__name__] = cls
        if "from_tables" in vars(cls):
            setattr(cls, "from_tables", classmethod(_checked(vars(cls)["from_tables"].__func__)))  # noqa: B010

    def tables(self) -> dict[str, NDArray[Any]]:
        """Arrays from which :meth:`from_tables` builds the same game, bit for bit; none if it is made of functions."""
        return {}

    @classmethod
    def from_tables(cls, tables: dict[str, NDArray[Any]]) -> Any:
        """The game that gave these :meth:`tables`."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the game to one npz file (no pickle), whole or not at all: tables, discount, start, masks, names.

        Parameters
        ----------
        path : path

        Raises
        ------
        TypeError
            If it is made of functions, as simulators are: these are not stored.

        Examples
        --------
        >>> import tempfile, fastmpg as fm
        >>> path = tempfile.mkdtemp() + "/game.npz"
        >>> fm.games.zhang_3x2().named(players=["Ann", "Bob"]).save(path)
        >>> fm.Game.load(path)
        <NormalFormGame 'zhang_3x2': 2 players (Ann, Bob), 1 states, actions (3, 2), discount 0, identical interest>
        """
        target, tables = _check.path(path, "path"), self.tables()
        if not tables:
            raise TypeError(f"{self!r} is made of functions, which are not stored: keep the code that builds it, or "
                            "build the same game from tables")
        meta = {"format": FORMAT, "kind": KIND, "class": type(self).__name__, "name": self.name,
                "names": None if self.names is None else self.names.lists(),
                "largest_change": float(getattr(self, "largest_change", 0.0))}
        if os.path.isdir(target):
            raise ValueError(f"path must name a file, found the folder {target!r}")
        storage.write_atomically(target, storage.pack(tables, meta))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what :meth:`save` wrote, as ``fm.Game.load(path)``; the file may be anybody's.

        Parameters
        ----------
        path : path

        Raises
        ------
        FileNotFoundError
            If there is none.
        ValueError
            If the file is damaged, no saved game, or holds a game of another class than the one that is asked.
        MemoryError
            If the game would not fit.
        """
        target = _check.path(path, "path")
        try:
            game = _read(target)
        except (OSError, MemoryError):
            raise
        except Exception as error:
            said = " ".join(str(error).split())
            raise ValueError(said if said.startswith(target) else f"{target} holds no game: {said[:300]}") from None
        if not isinstance(game, cls):
            raise ValueError(f"{target} holds a {type(game).__name__}, no {cls.__name__}: load it with "
                             f"fastmpg.{type(game).__name__}.load")
        return game


def _read(path: str) -> Any:
    arrays, meta = storage.unpack(path)
    if not isinstance(meta, dict) or meta.get("kind") != KIND or meta.get("format") != FORMAT:
        raise ValueError(f"{path} is no game that this version of fastmpg saved")
    kind = Saved.savable.get(meta["class"])
    if kind is None:
        raise ValueError(f"{path} holds a game of the class {_check.shown(meta['class'])}, which is not imported")
    game = kind.from_tables(arrays)
    game.name = _check.text(meta["name"], "name")
    change = _check.real(meta["largest_change"], "largest_change", 0.0)
    if hasattr(game, "largest_change"):
        object.__setattr__(game, "largest_change", change)
    return renamed(game, _check.entries(meta["names"], "names", ()) if meta["names"] is not None else None)


def numbers(table: Any, name: str, kinds: str = "iu") -> NDArray[Any]:
    """An array out of a file that must hold whole numbers, or other ``kinds`` of them."""
    found = np.asarray(table)
    if found.dtype.kind not in kinds:
        raise ValueError(f"{name} must hold whole numbers, found dtype {found.dtype}")
    return found
