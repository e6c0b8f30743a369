"""Gambit's strategic games: ``.nfg`` files, both with payoffs and with outcomes.

Source: https://gambitproject.readthedocs.io/en/latest/formats.html.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game
from ..models.normal_form import NormalFormGame
from ..run.storage import write_atomically
from ._stage import Stage, game_of, stage_of
from ._text import MOST_PLAYERS, Text, load, written

__all__ = ["read_nfg", "write_nfg"]
SUFFIXES = (".nfg",)
# A quotation mark behind a backslash belongs to its text.
TOKEN = re.compile(r'\s*+(?:(?P<end>\Z)|(?P<mark>[{},])|"(?P<text>(?:[^"\\]++|\\++"?+)*+)"|(?P<open>")'
                   r'|(?P<word>[^\s{},"]++))', re.ASCII)


def read_nfg(path: str | os.PathLike[str]) -> NormalFormGame:
    """The game in a ``.nfg`` file of gambit.

    Parameters
    ----------
    path : path
        A file with payoffs or with outcomes. Integers, decimals and rationals are exact; each becomes the nearest
        float64.

    Returns
    -------
    NormalFormGame
        With the file's title and names. Names that only count, 1, 2, ... and Player 1, Player 2, ..., are left out;
        equal and empty ones get _1, _2, ... behind them, as in gambit. A comment is read over.

    Raises
    ------
    ValueError
        What is wrong in the file, with line and column.
    OSError
        If it cannot be read.
    MemoryError
        If the game would not fit.

    Examples
    --------
    The example of gambit's manual:

    >>> import pathlib, tempfile, fastmpg as fm
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "e02.nfg"
    >>> _ = path.write_text('''NFG 1 R "Selten (IJGT, 75), Figure 2, normal form"
    ... { "Player 1" "Player 2" } { 3 2 }
    ... 1 1 0 2 0 2 1 1 0 3 2 0''')
    >>> fm.io.read_nfg(path).payoffs[0]
    array([[1., 1.],
           [0., 0.],
           [0., 2.]])
    """
    name, text = load(path)
    return parse(f"path {name}", text)


def parse(where: str, text: str) -> NormalFormGame:
    """The game of a text in the format."""
    source = Text(where, text, TOKEN)
    source.skip("NFG", " first: this is no .nfg file")
    source.skip("1", " as the version")
    if not (source.comes("R") or source.comes("D")):
        source.fail("'R'")
    source.advance()
    title, players = _label(source, "the game's title in quotation marks"), _labels(source, "a player")
    if not players:
        source.fail("at least one player")
    if len(players) > MOST_PLAYERS:
        source.fail(f"at most {MOST_PLAYERS} players", str(len(players)))
    counts, actions = _strategies(source, len(players))
    if source.kind == "text":
        source.advance()  # a comment
    entries, most = math.prod(counts), len(text) - source.start + 1
    if entries > most:  # every entry takes a character at least
        source.fail(f"{_check.shown(entries)} joint strategies", f"a file with only {len(text)} characters")
    need = 16 * len(players) * entries
    _check.budget(need, f"{source.where}: the payoffs of {entries} joint strategies", "give a smaller file")
    outcomes = source.comes("{")
    rows = _outcomes(source, len(players), entries) if outcomes else _payoffs(source, len(players), entries)
    if source.kind != "end":
        source.fail(f"the end of the file after {entries} joint strategies")
    table = rows.reshape(*reversed(counts), len(players)).T  # the first player's strategy is the fastest
    return game_of(table, title, players, actions)


def _label(source: Text, expected: str) -> str:
    if source.kind != "text":
        source.fail(expected, "a text without its end" if source.kind == "open" else None)
    word = source.word.replace('\\"', '"')
    source.advance()
    return word


def _labels(source: Text, of: str) -> list[str]:
    """{ "first" "second" ... }"""
    source.skip("{", f" and the names of {of}s" if of == "a player" else f" and the names of {of}'s strategies")
    words = []
    while not source.comes("}"):
        words.append(_label(source, f"the name of {of} in quotation marks, or '}}'"))
    source.advance()
    return words


def _strategies(source: Text, n_players: int) -> tuple[list[int], list[list[str]] | None]:
    """How many strategies each player has, and their names if there are any."""
    source.skip("{", " and the players' strategies")
    named = source.comes("{")
    words, counts = [], []
    for i in range(n_players):
        if named:
            words.append(_labels(source, f"player {i + 1}"))
            counts.append(len(words[-1]))
            if counts[-1] == 0:
                source.fail(f"at least one strategy of player {i + 1}")
        else:
            counts.append(source.whole(f"how many strategies player {i + 1} has, at least 1", 1, _check.LARGEST))
    source.skip("}", f" after the strategies of {n_players} players")
    return counts, words if named else None


def _payoffs(source: Text, n_players: int, entries: int) -> Float:
    """(entries, N): one number a joint strategy and player."""
    if entries * n_players > len(source.text):
        source.fail(f"{entries * n_players} payoffs", f"a file with only {len(source.text)} characters")
    rows = np.empty(entries * n_players)
    for k in range(rows.size):
        rows[k] = source.number(f"payoff {k + 1} of {rows.size}, an integer, decimal or rational")
        if source.comes(","):
            source.advance()
    return rows.reshape(entries, n_players)


def _outcomes(source: Text, n_players: int, entries: int) -> Float:
    """(entries, N): the payoffs of the outcome at every joint strategy; outcome 0 pays nothing."""
    source.skip("{")
    paid = [[0.0] * n_players]
    while source.comes("{"):
        source.advance()
        _label(source, "an outcome's name in quotation marks")
        row = []
        for i in range(n_players):
            row.append(source.number(f"the payoff of player {i + 1}, an integer, decimal or rational"))
            if source.comes(","):
                source.advance()
        source.skip("}", f" after the payoffs of {n_players} players")
        paid.append(row)
    source.skip("}", " or the next outcome")
    found = np.empty(entries, np.int64)
    for k in range(entries):
        found[k] = source.whole(f"the outcome of joint strategy {k + 1} of {entries}, from 0 to {len(paid) - 1}", 0,
                                len(paid) - 1)
    return np.array(paid)[found]


def write_nfg(game: Game, path: str | os.PathLike[str], *, style: str = "payoffs", comment: str = "") -> None:
    """Write a game of one state as a ``.nfg`` file of gambit, whole or not at all.

    Parameters
    ----------
    game : Game
        With discount 0. Actions that players do not have are left out.
    path : path
    style : {"payoffs", "outcomes"}
        One payoff a player at every joint strategy, or a list of the different outcomes and their numbers: shorter
        where few differ.
    comment : str
        What the file says about the game.

    Raises
    ------
    ValueError
        If the game has more states, a discount, or a name that ends in a backslash, which the format cannot hold.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile, fastmpg as fm
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "dilemma.nfg"
    >>> fm.io.write_nfg(fm.NormalFormGame([[[3, 0], [5, 1]], [[3, 5], [0, 0.5]]], name="dilemma"), path)
    >>> print(path.read_text())
    NFG 1 R "dilemma" { "Player 1" "Player 2" }
    <BLANKLINE>
    { { "1" "2" }
      { "1" "2" } }
    ""
    <BLANKLINE>
    3 3
    5 0
    0 5
    1 0.5
    <BLANKLINE>
    """
    stage, target = stage_of(game, "gambit"), _check.path(path, "path")
    text = told(stage, _check.text(style, "style"), _check.text(comment, "comment"))
    write_atomically(target, text.encode())


def told(stage: Stage, style: str = "payoffs", comment: str = "") -> str:
    """A game in the format."""
    if style not in ("payoffs", "outcomes"):
        raise ValueError(f"style must be 'payoffs' or 'outcomes', found {_check.shown(style)}")
    _check.budget(60 * stage.payoffs.size, "the text of the payoffs", "give a smaller game")
    strategies = "\n  ".join(_quoted(words, "actions") for words in stage.actions)
    head = f"NFG 1 R {_quote(stage.title, 'name')} {_quoted(stage.players, 'players')}\n\n{{ {strategies} }}\n"
    rows = stage.payoffs.T.reshape(-1, len(stage.players))  # the first player's strategy is the fastest
    if style == "payoffs":
        body = "".join(" ".join(map(written, row)) + "\n" for row in rows.tolist())
    else:
        paid, place = np.unique(rows, axis=0, return_inverse=True)
        listed = "".join(f'{{ "{k + 1}" {", ".join(map(written, row))} }}\n' for k, row in enumerate(paid.tolist()))
        body = "{\n" + listed + "}\n" + " ".join(str(k + 1) for k in place.reshape(-1).tolist()) + "\n"
    return f"{head}{_quote(comment, 'comment')}\n\n{body}"


def _quoted(words: Sequence[str], what: str) -> str:
    return "{ " + " ".join(_quote(word, what) for word in words) + " }"


def _quote(word: Any, what: str) -> str:
    if word.endswith("\\"):
        raise ValueError(f"{what}: a .nfg file holds no text that ends in a backslash, found {_check.shown(word)}")
    try:
        word.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what}: a .nfg file holds no text that is no Unicode, found {_check.shown(word)}") from None
    return '"' + word.replace('"', '\\"') + '"'
