"""The grammar of Cassandra's files."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float
from ..models.markov.game import MarkovGame
from ._words import Word, Words, lines_of, number_of, whole_of

NAME = re.compile(r"[A-Za-z][\w.\-]*\Z")
SECTIONS = {"discount", "values", "states", "actions", "observations"}
BODY = {"start", "T", "O", "R"}
NEAR = 1e-5  # by which probabilities may miss a sum of 1, as in pomdp-solve
MOST = 10**7  # states, actions or observations that a file may count
Places = NDArray[np.int64]


def may_be_called(name: str) -> bool:
    """Whether something may have this name in a file."""
    return NAME.match(name) is not None and name not in SECTIONS | BODY


class Model:
    """What a file says: T (A, S, S), O (A, S, Z) or None, R (A, S, S, 1 or Z), start (S,)."""

    def __init__(self, path: Any) -> None:
        name, lines = lines_of(path)
        spaced = [line.partition("#")[0].replace(":", " : ").split() for line in lines]
        self.words = Words(name, (Word(text, k + 1) for k, line in enumerate(spaced) for text in line))
        self.discount, self.cost = 1.0, False
        self.lists: dict[str, list[str] | int] = {}
        self.given: set[str] = set()
        self._preamble()
        self.states, self.actions = self._count("states"), self._count("actions")
        self.seen = "observations" in self.lists  # a POMDP
        self.observations = self._count("observations") if self.seen else 1
        pairs = self.actions * self.states
        self._afford(6 * pairs * self.states + 2 * pairs * self.observations)
        self.moves = np.zeros((self.actions, self.states, self.states))
        self.looks = np.zeros((self.actions, self.states, self.observations))
        self.payments: list[tuple[Places, Places, Places, Places, Float]] = []  # actions, states, next ones, seen
        self.start = np.full(self.states, 1.0 / self.states)
        self.resets: list[tuple[Places, Places]] = []
        while self.words.ahead() is not None:
            self._specification()
        for some, here in self.resets:
            for a in some:
                self.moves[a, here] = np.where(np.isnan(self.moves[a, here]), self.start, self.moves[a, here])

    def _afford(self, numbers: int) -> None:
        """Refuse a model whose tables would not fit."""
        _check.budget(8 * numbers, f"path {self.words.name}: a model of {self.states} states, {self.actions} actions "
                      f"and {self.observations} observations", "build the game with sparse transitions")

    def _count(self, what: str) -> int:
        entry = self.lists[what]
        return entry if isinstance(entry, int) else len(entry)

    # What comes first

    def _preamble(self) -> None:
        """``discount:``, ``values:`` and the lists, in any order."""
        words = self.words
        while (word := words.ahead()) is not None and word.text in SECTIONS:
            if word.text in self.given:
                words.fail(f"{word.text}: only once")
            self.given.add(word.text)
            words.take("a section")
            words.skip(":")
            if word.text == "discount":
                self.discount = words.number("a discount in [0, 1]", 0.0, 1.0)
            elif word.text == "values":
                kind = words.take("reward or cost")
                if kind.text not in ("reward", "cost"):
                    words.fail("reward or cost", word=kind)
                self.cost = kind.text == "cost"
            else:
                self.lists[word.text] = self._names(word.text)
        for what in ("discount", "states", "actions"):
            if what not in self.given:
                words.fail(f"{what}: before T, O, R and start")

    def _names(self, what: str) -> list[str] | int:
        """A count, or a list of names up to the next section."""
        words, found = self.words, []
        first = words.ahead()
        if first is not None and whole_of(first.text) is not None:
            return words.whole(f"a number of {what} from 1 to {MOST}", 1, MOST)
        while (word := words.ahead()) is not None and not self._section_ahead():
            if not NAME.match(word.text):
                words.fail(f"a number of {what}, or names that begin with a letter")
            if word.text in found:
                words.fail(f"{what} with different names", f"{word.text} twice")
            found.append(words.take("a name").text)
        if not found:
            words.fail(f"a number of {what}, or their names")
        return found

    def _section_ahead(self) -> bool:
        """Whether the next words begin a section."""
        word, after, then = (self.words.ahead(k) for k in range(3))
        if word is None or word.text not in SECTIONS | BODY or after is None:
            return False
        started = word.text == "start" and after.text in ("include", "exclude") and then is not None
        return after.text == ":" or (started and then is not None and then.text == ":")

    # What follows

    def _specification(self) -> None:
        words = self.words
        if words.comes("start"):
            self._start()
        elif words.comes("T"):
            self._transitions()
        elif words.comes("O"):
            if not self.seen:
                words.fail("T, R or start, as the file has no observations:")
            self._observations()
        elif words.comes("R"):
            self._rewards()
        else:
            words.fail("T:, O:, R: or start:")

    def _which(self, what: str) -> Places:
        """One of the states, actions or observations, by name or number, or all of them."""
        entry, count = self.lists[what], self._count(what)
        word = self.words.take(f"one of the {what}")
        if word.text == "*":
            return np.arange(count)
        number = whole_of(word.text)
        if number is not None and number < count:
            return np.array([number])
        if not isinstance(entry, list) or word.text not in entry:
            self.words.fail(f"one of the {count} {what}, by {'name or ' if isinstance(entry, list) else ''}number, or "
                            "*", word=word)
        return np.array([entry.index(word.text)])

    def _more(self) -> bool:
        """Whether a colon says that another one follows."""
        if self.words.comes(":"):
            self.words.skip(":")
            return True
        return False

    def _numbers(self, shape: tuple[int, ...], low: float = -np.inf, high: float = np.inf) -> Float:
        """So many numbers."""
        what = "a number" if low == -np.inf else f"a number in [{low:g}, {high:g}]"
        size = int(np.prod(shape))
        what += f" ({size} of them, {shape})" if size > 1 else ""
        return np.array([self.words.number(what, low, high) for _ in range(size)]).reshape(shape)

    def _start(self) -> None:
        words, law = self.words, np.zeros(self.states)
        words.skip("start")
        if words.comes("include") or words.comes("exclude"):
            inside = words.take("include").text == "include"
            words.skip(":")
            named = []
            while words.ahead() is not None and not self._section_ahead():
                named.append(self._which("states"))
            if not named:
                words.fail("states")
            law[np.concatenate(named)] = 1.0
            law = law if inside else 1.0 - law
            if not law.any():
                words.fail("a state to start in")
            self.start = law / law.sum()
            return
        words.skip(":")
        first, after = words.ahead(), words.ahead(1)
        if first is not None and first.text == "uniform":
            words.skip("uniform")
            self.start = np.full(self.states, 1.0 / self.states)
            return
        alone = first is not None and (number_of(first.text) is None or after is None or number_of(after.text) is None)
        if alone and self.states > 1:
            here = self._which("states")
            law[here] = 1.0 / here.size
        else:
            law = self._numbers((self.states,), 0.0, 1.0 + _check.TOLERANCE)
        if abs(law.sum() - 1.0) > NEAR:
            words.fail(f"{self.states} probabilities that sum to 1", f"a sum of {float(law.sum())!r}",
                       words.words[words.at - 1])
        self.start = law if abs(law.sum() - 1.0) <= _check.TOLERANCE else law / law.sum()

    def _row(self, size: int) -> Float:
        """Probabilities: ``uniform``, or so many numbers."""
        if self.words.comes("uniform"):
            self.words.skip("uniform")
            return np.full(size, 1.0 / size)
        return self._numbers((size,), 0.0, 1.0 + _check.TOLERANCE)

    def _table(self, rows: int, size: int) -> Float:
        """Rows of probabilities: ``identity``, ``uniform``, or so many numbers."""
        if self.words.comes("identity"):
            if rows != size:
                self.words.fail(f"a matrix of {rows} rows and {size} columns, or uniform")
            self.words.skip("identity")
            return np.eye(size)
        if self.words.comes("uniform"):
            self.words.skip("uniform")
            return np.full((rows, size), 1.0 / size)
        return self._numbers((rows, size), 0.0, 1.0 + _check.TOLERANCE)

    def _probabilities(self, key: str, table: Float, last: str) -> None:
        """``T:`` or ``O:`` with their tables (A, S, .): an entry, a row or a matrix."""
        self.words.skip(key)
        self.words.skip(":")
        some = self._which("actions")
        if not self._more():
            table[some] = self._table(self.states, table.shape[2])
            return
        here = self._which("states")
        if self._more():
            there = self._which(last)
            table[np.ix_(some, here, there)] = self._numbers((1,), 0.0, 1.0 + _check.TOLERANCE)[0]
        elif key == "T" and self.words.comes("reset"):
            self.words.skip("reset")
            self.resets.append((some, here))
            table[np.ix_(some, here)] = np.nan
        else:
            table[np.ix_(some, here)] = self._row(table.shape[2])

    def _transitions(self) -> None:
        self._probabilities("T", self.moves, "states")

    def _observations(self) -> None:
        self._probabilities("O", self.looks, "observations")

    def _rewards(self) -> None:
        """``R:`` an entry, a row or a matrix; of an MDP there is no last index."""
        self.words.skip("R")
        self.words.skip(":")
        some, every = self._which("actions"), np.arange(self.states)
        looks, width = np.arange(self.observations), (self.states, self.observations)
        if not self._more():
            if self.seen:
                self.words.fail("a colon and a state")
            self.payments.append((some, every, every, looks, self._numbers((self.states, self.states))[:, :, None]))
            return
        here = self._which("states")
        if not self._more():
            self.payments.append((some, here, every, looks, self._numbers(width)))
            return
        there = self._which("states")
        if not self._more():
            self.payments.append((some, here, there, looks, self._numbers((self.observations,))))
            return
        if self.seen:
            looks = self._which("observations")
        else:
            self.words.skip("*")
        self.payments.append((some, here, there, looks, self._numbers((1,))))

    # What comes of it

    def _refuse_hidden(self) -> None:
        """Refuse a POMDP in which an observation may come from several states."""
        for a in range(self.actions):
            for z in range(self.observations):
                states = np.flatnonzero(self.looks[a, :, z] > 0.0)
                if states.size > 1:
                    raise ValueError(f"path {self.words.name}: observations must tell the state, found a POMDP: after "
                                     f"action {self._called('actions', a)}, observation "
                                     f"{self._called('observations', z)} may come from state "
                                     f"{self._called('states', int(states[0]))} and from "
                                     f"{self._called('states', int(states[1]))}; there are no partially observed "
                                     "games here")

    def _called(self, what: str, number: int) -> str:
        entry = self.lists[what]
        return entry[number] if isinstance(entry, list) else str(number)

    def _settle(self, table: Float, key: str) -> None:
        """Rows that sum to 1 as nearly as pomdp-solve asks for; what is off by more than rounding is divided."""
        total = table.sum(axis=2)
        off = np.abs(total - 1.0)
        if off.max() > NEAR:
            a, s = np.unravel_index(int(off.argmax()), off.shape)
            raise ValueError(f"path {self.words.name}: probabilities {key}: {self._called('actions', int(a))} : "
                             f"{self._called('states', int(s))} must sum to 1, found {float(total[a, s])!r}")
        table /= np.where(off > _check.TOLERANCE, total, 1.0)[:, :, None]

    def _paid(self) -> Float:
        """Mean rewards (A, S, S) of moves, over what is seen there."""
        apart = any(looks.size < self.observations or np.ptp(paid, axis=-1).any()
                    for *_, looks, paid in self.payments)
        width = self.observations if apart else 1
        self._afford((width + 2) * self.actions * self.states**2)
        table = np.zeros((self.actions, self.states, self.states, width))
        for some, here, there, looks, paid in self.payments:
            table[np.ix_(some, here, there, looks if apart else np.arange(1))] = paid if apart else paid[..., :1]
        return np.einsum("astz,atz->ast", table, self.looks) if apart else table[..., 0]

    def game(self) -> MarkovGame:
        """The game of one player."""
        self._settle(self.moves, "T")
        if self.seen:
            self._settle(self.looks, "O")
            self._refuse_hidden()
        paid = self._paid()
        same = (paid == paid[..., :1]).all(axis=2)  # then that is the mean, bit for bit
        mean = np.where(same, paid[..., 0], np.einsum("ast,ast->as", self.moves, paid))
        title = self.words.name.replace("\\", "/").rsplit("/", 1)[-1]
        game = MarkovGame((-mean if self.cost else mean).T[None], self.moves.transpose(1, 0, 2), self.discount,
                          self.start, name=title)
        states, actions = self.lists["states"], self.lists["actions"]
        return game.named(states=states if isinstance(states, list) else None,
                          actions=[actions] if isinstance(actions, list) else None)
