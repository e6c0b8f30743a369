"""Text files of games as words that know their line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple, NoReturn

from .. import _check
from ._text import load

BREAK = re.compile(r"\r\n|\r|\n")


def lines_of(path: Any) -> tuple[str, list[str]]:
    """A file's name, and its lines; see :func:`._text.load`."""
    name, text = load(path)
    return name, BREAK.split(text)


class Word(NamedTuple):
    """A word, and the number of its line."""

    text: str
    line: int


class Words:
    """A file's words, from first to last."""

    def __init__(self, name: str, words: Iterable[Word]) -> None:
        self.name, self.words, self.at = name, list(words), 0

    def fail(self, expected: str, found: Any = None, word: Word | None = None) -> NoReturn:
        """Refuse the file: where, what was expected, what was found."""
        here = word or self.ahead()
        line = here.line if here else self.words[-1].line if self.words else 1
        said = "the end of the file" if here is None else _check.shown(here.text if found is None else found)
        raise ValueError(f"path {self.name}, line {line}: expected {expected}, found {said}")

    def ahead(self, by: int = 0) -> Word | None:
        """The next word, or one further on; None behind the last."""
        return self.words[self.at + by] if self.at + by < len(self.words) else None

    def comes(self, *texts: str) -> bool:
        """Whether these words are next."""
        return all((word := self.ahead(k)) is not None and word.text == text for k, text in enumerate(texts))

    def take(self, expected: str) -> Word:
        """The next word, whatever it is."""
        word = self.ahead()
        if word is None:
            self.fail(expected)
        self.at += 1
        return word

    def skip(self, text: str) -> None:
        """Go past a word that must be next."""
        if not self.comes(text):
            self.fail(repr(text))
        self.at += 1

    def number(self, expected: str, low: float = -math.inf, high: float = math.inf) -> float:
        """The next word as a finite number in [low, high]."""
        word = self.take(expected)
        value = number_of(word.text)
        if value is None or not low <= value <= high:
            self.fail(expected, word=word)
        return value

    def whole(self, expected: str, low: int, high: int) -> int:
        """The next word as a whole number in [low, high]."""
        word = self.take(expected)
        value = whole_of(word.text)
        if value is None or not low <= value <= high:
            self.fail(expected, word=word)
        return value


def number_of(text: str) -> float | None:
    """A finite number in ASCII, or None."""
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def whole_of(text: str) -> int | None:
    """A whole number without a sign, of at most 18 digits, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def written(value: float) -> str:
    """A number that reads back bit for bit, with a digit before and after its point."""
    text = repr(float(value))
    mantissa, exponent, power = text.partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{exponent}{power}"
