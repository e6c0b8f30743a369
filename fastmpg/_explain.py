"""What a user's function did wrong, in the user's words: file, line and one sentence first, the compiler's text behind ``from``."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ._check import shown

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
PLACE = re.compile(r'File "([^"]+)", line (\d+)')
LONGEST = 240  # characters of the sentence


def is_compilation(error: BaseException) -> bool:
    """Whether the compiler raised it."""
    return any(kind.__module__.startswith(("numba.", "llvmlite.")) for kind in type(error).__mro__)


def _source(function: Callable[..., Any]) -> tuple[str, int, list[str]]:
    """Where a function is defined: file, first line, and its lines where they can be read."""
    plain = inspect.unwrap(getattr(function, "py_func", function))
    code = getattr(plain, "__code__", None)
    if code is None:
        return "", 0, []
    try:
        lines, first = inspect.getsourcelines(plain)
    except (OSError, TypeError):
        lines, first = [], code.co_firstlineno
    return code.co_filename, first, lines


def _sentence(text: str) -> str:
    """What is wrong, out of the compiler's text."""
    said: list[str] = []
    for line in text.splitlines():
        words = line.strip()
        if said and (not words or words.startswith(("File ", "During:", "There are", "- "))):
            break
        if words and not words.startswith(("Failed in", "File ", "During:", "<source", "^", "Internal error")):
            said.append(words.removeprefix(">>> "))
    found = " ".join(said)
    return found if len(found) <= LONGEST else f"{found[:LONGEST]}..."


def _line(function: Callable[..., Any], text: str) -> tuple[str, int, str]:
    """File, line and code of the function's own line that the compiler stopped at; its first line if none is named."""
    name, first, lines = _source(function)
    inside = [int(line) for path, line in PLACE.findall(text)
              if (path == name or Path(path).name == Path(name).name) and first <= int(line) < first + max(1, len(lines))]
    number = inside[-1] if inside else first
    for word in () if inside else re.findall(r"'(\w+)'", text):  # a name that is nowhere defined comes without a line
        using = [k for k, line in enumerate(lines) if re.search(rf"\b{word}\b", line.partition("#")[0])]
        if using:
            number = first + using[0]
            break
    return name, number, lines[number - first].strip() if number - first < len(lines) else ""


def explained(function: Callable[..., Any], error: BaseException, what: str = "") -> BaseException:
    """An error that names the user's line and what is wrong with it, to be raised ``from error``; others as they are.

    Parameters
    ----------
    function : callable
        The user's function, compiled or not.
    error : exception
        What calling it raised.
    what : str
        What the function is to the package, such as "step"; by default its own name.
    """
    if not is_compilation(error):
        return error
    text = COLOURS.sub("", str(error))
    file, number, code = _line(function, text)
    name = what or getattr(function, "__name__", "the function")
    place = f"{file}, line {number}: " if file else ""
    return TypeError(f"{place}{f'`{code}` ' if code else ''}in {name} cannot be compiled: {_sentence(text)}")


@contextlib.contextmanager
def explaining(function: Callable[..., Any], what: str = "") -> Iterator[None]:
    """Errors of compiling a user's function, explained."""
    try:
        yield
    except Exception as error:
        said = explained(function, error, what)
        if said is error:
            raise
        raise said from error


def arity(function: Callable[..., Any], count: int, name: str, form: str, known: bool = True) -> None:
    """Refuse a function that does not take so many arguments; ``known``: also one that does not say how many it takes.

    Raises
    ------
    TypeError
        With the form that it must have.
    """
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"{name} must be a function {form}, found {shown(function)}")
    try:
        signature = inspect.signature(getattr(function, "py_func", function))
    except (TypeError, ValueError):
        if not known:
            return
        raise TypeError(f"{name} must be a Python function {form}, found {shown(function)}") from None
    try:
        signature.bind(*range(count))
    except TypeError:
        raise TypeError(f"{name} must be a function {form}, found one of {signature}") from None
