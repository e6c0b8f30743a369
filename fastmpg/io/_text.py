"""Text files of games as tokens that know their line and column, and their numbers."""

from __future__ import annotations

import math
import os
import re
import sys
from fractions import Fraction
from typing import Any, NoReturn

from .. import _check

PER_CHARACTER = 40  # bytes that reading takes for every character of a file: itself, its numbers, their table
DIGITS = 4000  # of a number: Python refuses to read more than 4300
MOST_PLAYERS = 31  # axes that every numpy has, less one
NUMBER = re.compile(r"[-+]?(?:[0-9]+/[0-9]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)", re.ASCII)


def load(path: Any) -> tuple[str, str]:
    """A file's name and its text.

    Raises
    ------
    ValueError
        If it is no UTF-8.
    OSError
        If it cannot be read.
    MemoryError
        If it would not fit.
    """
    name = _check.path(path, "path")
    if os.path.isdir(name):
        raise IsADirectoryError(f"path must name a file, found the folder {name!r}")
    _check.budget(PER_CHARACTER * os.path.getsize(name), f"reading {name}", "give a smaller file")
    with open(name, "rb") as file:
        content = file.read()
    try:
        return name, content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        lines = content[:error.start].split(b"\n")
        raise ValueError(f"path {name}, line {len(lines)}, column {len(lines[-1]) + 1}: expected text in UTF-8, found "
                         f"the byte {content[error.start]:#04x}") from None


def number_of(word: str) -> float | None:
    """The float64 nearest to an integer, a decimal or a rational, infinite where none is near; None if it is none."""
    if len(word) > DIGITS or NUMBER.fullmatch(word) is None:
        return None
    top, slash, bottom = word.partition("/")
    if not slash:
        return float(word)
    if int(bottom) == 0:
        return None
    try:
        return float(Fraction(int(top), int(bottom)))
    except OverflowError:
        return math.inf


def written(value: float) -> str:
    """The shortest decimal that reads back bit for bit; gambit knows no plus sign in exponents."""
    text = repr(float(value))
    return text.removesuffix(".0").replace("e+", "e")


class Text:
    """A text and its current token: ``kind`` (a group's name in the pattern), ``word``, ``start``.

    Parameters
    ----------
    where : str
        What messages call the text, as ``"path game.nfg"``.
    pattern : Pattern
        One token and what goes before it; its groups are the kinds, ``end`` among them.
    """

    def __init__(self, where: str, text: str, pattern: re.Pattern[str]) -> None:
        self.where, self.text, self.pattern = where, text, pattern
        self.kind, self.word, self.start, self.stop = "", "", 0, 0
        self.advance()

    def advance(self) -> None:
        """Go on to the next token."""
        found = self.pattern.match(self.text, self.stop)
        assert found is not None and found.lastgroup is not None  # every pattern has a group for the rest
        self.kind = found.lastgroup
        self.word, self.start, self.stop = found[self.kind], found.start(self.kind), found.end()

    def place(self, at: int) -> str:
        """Where a character is, for people."""
        begin = self.text.rfind("\n", 0, at) + 1
        return f"{self.where}, line {self.text.count(chr(10), 0, at) + 1}, column {at - begin + 1}"

    def fail(self, expected: str, found: str | None = None) -> NoReturn:
        """Refuse the text at the current token."""
        if found is None:
            found = "the end of the file" if self.kind == "end" else _check.shown(self.word)
        raise ValueError(f"{self.place(self.start)}: expected {expected}, found {found}")

    def comes(self, word: str) -> bool:
        """Whether this word, or this mark, is the current token."""
        return self.word == word and self.kind in ("mark", "word")

    def skip(self, word: str, why: str = "") -> None:
        """Go past a word or mark that has to be here."""
        if not self.comes(word):
            self.fail(f"{word!r}{why}")
        self.advance()

    def number(self, expected: str) -> float:
        """The current token as a finite number."""
        value = number_of(self.word) if self.kind == "word" else None
        if value is None:
            self.fail(expected)
        if not math.isfinite(value):
            self.fail(f"{expected}, at most {sys.float_info.max:.1e} in size")
        self.advance()
        return value

    def whole(self, expected: str, low: int, high: int) -> int:
        """The current token as a whole number in [low, high]."""
        plain = self.kind == "word" and re.fullmatch(r"-?[0-9]{1,18}", self.word, re.ASCII)
        if not plain or not low <= int(self.word) <= high:
            self.fail(expected)
        value = int(self.word)
        self.advance()
        return value
