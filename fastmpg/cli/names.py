"""What a word of the command line means: names of games and rules, their parameters, and values."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def plain(name: str) -> str:
    """A name without case, dashes and underscores."""
    return name.replace("-", "").replace("_", "").lower()


def pick(name: str, known: Iterable[str], what: str) -> str:
    """The known name that is meant.

    Raises
    ------
    ValueError
        If there is none, with the list and the closest one.
    """
    table = {plain(each): each for each in known}
    if plain(name) in table:
        return table[plain(name)]
    close = difflib.get_close_matches(plain(name), table, 1, 0.5)
    hint = f"did you mean {table[close[0]]}? Choose" if close else "choose"
    raise ValueError(f"there is no {what} {name!r}; {hint} from {', '.join(table.values())}")


def literal(text: str) -> Any:
    """A flag's value: whole number, number, yes or no, none, several of these with commas, or a word."""
    if "," in text:
        return tuple(literal(part) for part in text.split(",") if part.strip())
    word = text.strip()
    if word.lower() in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[word.lower()]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(word)
    return word


def whole(text: str) -> int:
    """A whole number, also as 1e6 or 1_000."""
    number = literal(text)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return number


def games() -> dict[str, Callable[..., Any]]:
    """The named games."""
    from .. import games as room

    return {name: getattr(room, name) for name in room.__all__}


def is_file(word: str) -> bool:
    """Whether a word is a file's, and no game's name: it has a format's suffix, or is a path, or there is one."""
    from ..io._formats import of_path

    if plain(word) in map(plain, games()):
        return False
    return of_path(word) is not None or "/" in word or os.sep in word or os.path.isfile(word)


def game_name(word: str) -> str:
    """The named game that is meant, or the file as it stands.

    Raises
    ------
    ValueError
        If there is none, with what there is.
    """
    if not is_file(word):
        return pick(word, games(), "game")
    if not os.path.isfile(word):
        what = "a folder" if os.path.isdir(word) else "no file"
        raise ValueError(f"{word!r} is {what}: a game is a name (`fastmpg list games`) or a file of one")
    from ..io._formats import chosen

    chosen(word, None)
    return word


def maker(name: str) -> Callable[..., Any]:
    """What builds the game of such a name: a function of :mod:`fastmpg.games`, or what reads the file."""
    if not is_file(name):
        return games()[name]
    from ..io._formats import chosen

    reader = chosen(name, None).read

    def read(**options: Any) -> Any:
        return reader(name, **options)

    whole = inspect.signature(reader)
    read.__signature__ = whole.replace(parameters=list(whole.parameters.values())[1:])  # type: ignore[attr-defined]
    return read


def rules() -> dict[str, Any]:
    """The learning rules."""
    from .. import rules as room

    return {name: getattr(room, name) for name in room.__all__}


def parameters(thing: Any) -> dict[str, Any]:
    """What a game function or a rule class takes, with defaults; inspect.Parameter.empty where there is none."""
    return {name: each.default for name, each in inspect.signature(thing).parameters.items()}


def signature(thing: Any) -> str:
    """The parameters for people: ``eta=0.1, lam=0.0``."""
    return ", ".join(name if default is inspect.Parameter.empty else f"{name}={default!r}"
                     for name, default in parameters(thing).items())


def first_line(thing: Any) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def add_parameters(parser: argparse.ArgumentParser, things: Mapping[str, tuple[str, Any]],
                   elsewhere: Iterable[str] = ()) -> None:
    """Flags for the parameters of each (kind -> name, thing); taken names get their kind in front, as --rule.tau.

    ``elsewhere``: parameters of rules that are given in another way, and need no flag.
    """
    taken = {option for action in parser._actions for option in action.option_strings}
    flags = {kind: {name: f"--{name.replace('_', '-')}" for name in parameters(thing)}
             for kind, (_, thing) in things.items()}
    often = [flag for each in flags.values() for flag in each.values()]
    for kind, (title, thing) in things.items():
        group = parser.add_argument_group(f"parameters of the {kind} {title}")
        for name, default in parameters(thing).items():
            flag = flags[kind][name]
            if flag in taken or often.count(flag) > 1:
                flag = f"--{kind}.{flag[2:]}"
            missing = default is inspect.Parameter.empty and not (kind == "rule" and name in elsewhere)
            group.add_argument(flag, dest=f"{kind}.{name}", type=literal, required=missing, metavar="VALUE",
                               default=argparse.SUPPRESS, help="required" if missing
                               else f"default {default!r}".replace("%", "%%"))


def chosen(options: argparse.Namespace, kind: str) -> dict[str, Any]:
    """The parameters of this kind that were given."""
    return {name.partition(".")[2]: value for name, value in vars(options).items() if name.startswith(f"{kind}.")}
