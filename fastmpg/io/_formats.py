"""Formats of files, found by themselves: a module of this folder that declares ``SUFFIXES = (".nfg",)``.

Its name is the format's: ``nfg.py`` offers ``read_nfg(path, ...)`` and, where the format is written too,
``write_nfg(game, path, ...)``. A ``SUFFIXES`` that names no suffix of its own stays reachable by the format's name.
"""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from .. import _check
from .._discover import modules


class Format(NamedTuple):
    """A kind of file: its name, the suffixes that mean it, what reads it, and what writes it or None."""

    name: str
    suffixes: tuple[str, ...]
    read: Callable[..., Any]
    write: Callable[..., Any] | None


@cache
def formats() -> dict[str, Format]:
    """Every format by its name."""
    found: dict[str, Format] = {}
    for module in modules(__package__ or "", [os.path.dirname(__file__)]):
        if hasattr(module, "SUFFIXES"):
            name = module.__name__.rpartition(".")[2]
            found[name] = Format(name, tuple(module.SUFFIXES), getattr(module, f"read_{name}"),
                                 getattr(module, f"write_{name}", None))
    return found


def of_path(path: str) -> Format | None:
    """The format that a file's suffix means, the longest one first, whatever its case; None if there is none."""
    name = os.path.basename(path).lower()
    ends = {suffix.lower(): one for one in formats().values() for suffix in one.suffixes}
    return next((ends[suffix] for suffix in sorted(ends, key=len, reverse=True) if name.endswith(suffix)), None)


def chosen(path: str, name: Any) -> Format:
    """The format that is asked for, or that the suffix of ``path`` means.

    Raises
    ------
    ValueError
        If there is none, with the list.
    """
    known = formats()
    if name is not None:
        word = str(_check.text(name, "format"))
        plain = word.lower().lstrip(".")
        if plain not in known:
            close = difflib.get_close_matches(plain, known, 1, 0.5)
            hint = f"did you mean {close[0]!r}? Choose" if close else "choose"
            raise ValueError(f"format must be one that is known, found {_check.shown(word)}; {hint} from "
                             f"{', '.join(sorted(known))}")
        return known[plain]
    found = of_path(path)
    if found is None:
        listed = ", ".join(f"{suffix} ({one.name})" for one in known.values() for suffix in one.suffixes)
        raise ValueError(f"path must end in the suffix of a format, found {_check.shown(path)}; give format=..., or "
                         f"choose from {listed}")
    return found


def options(function: Callable[..., Any]) -> list[str]:
    """What ``read_...`` takes besides the path, or ``write_...`` besides the game and the path."""
    return [each for each in inspect.signature(function).parameters if each not in ("game", "path")]


def refuse_others(function: Callable[..., Any], given: dict[str, Any], name: str) -> None:
    """Refuse an option that a format does not have."""
    takes = options(function)
    for word in given:
        if word not in takes:
            has = f"takes {', '.join(takes)}" if takes else "takes no options"
            raise TypeError(f"{word}= is no option of the format {name}, which {has}")
