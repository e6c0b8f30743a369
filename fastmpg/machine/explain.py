"""Compilation errors in functions of the user's, told as Python tells its own: file, line, source, one sentence."""

from __future__ import annotations

import contextlib
import inspect
import linecache
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PLACE = re.compile(r'File "([^"\n]+)", line (\d+)|(?:\bat|Raised from) ([^\s(][^\n(]*?) \((\d+)\)')
LEVEL = re.compile(r"Failed in \w+ mode pipeline[^\n]*\n")
GENERIC = "Template.generic'"  # where a level only says that the package called a function of the user's
# Folders that hold no files of the user's:
THEIRS = [os.path.dirname(sys.modules[each].__file__ or "") + os.sep for each in ("numba", __name__.partition(".")[0])]
LONGEST = 300  # characters of a sentence


def explained(error: Exception, functions: Sequence[Callable[..., Any]], what: str) -> TypeError:
    """What the compiler found wrong in functions of the user's.

    Parameters
    ----------
    error : Exception
        The compiler's; raise what is returned ``from`` it.
    functions : sequence of callables
        Those which were compiled, plain or under a decorator. Lines are looked for in their files.
    what : str
        What they are, as in "`update` of FictitiousStep".

    Returns
    -------
    TypeError
        "<file>:<line>: in <what>: `<source line>`: <one sentence>".
    """
    plain = [inspect.unwrap(getattr(each, "py_func", each)) for each in functions]
    text = COLOUR.sub("", str(error))
    sentence = _sentence(text)
    file, line = _place(text, sentence, plain)
    source = linecache.getline(file, line).strip()
    return TypeError(f"{file}:{line}: in {what}: " + (f"`{source}`: " if source else "") + sentence)


def told(error: Exception, what: str, when: str) -> Exception:
    """What compiled functions of the user's have raised, with when that was; raise it ``from`` theirs.

    Returns
    -------
    ValueError or MemoryError
        "<file>:<line>: in <function or what> <when>: `<source line>`: <kind>: <what it says>"; code that ran out of
        memory does not say where.
    """
    found = [each for each in traceback.extract_tb(error.__traceback__)
             if not any(os.path.abspath(each.filename).startswith(root) for root in THEIRS)]
    kind = MemoryError if isinstance(error, MemoryError) else ValueError
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if not found:
        return kind(f"in {what} {when}: {said}; NUMBA_DISABLE_JIT=1 in the environment runs it as Python, which says "
                    "where")
    last = found[-1]
    source = f"`{last.line}`: " if last.line else ""
    return kind(f"{last.filename}:{last.lineno}: in `{last.name}` {when}: {source}{said}")


@contextlib.contextmanager
def explaining(function: Callable[..., Any], what: str = "") -> Iterator[None]:
    """Errors of compiling a user's function, explained; others as they are."""
    try:
        yield
    except Exception as error:
        if not any(kind.__module__.startswith(("numba.", "llvmlite.")) for kind in type(error).__mro__):
            raise
        raise explained(error, [function], what or getattr(function, "__name__", "the function")) from error


def _place(text: str, sentence: str, functions: Sequence[Any]) -> tuple[Any, int]:
    """The innermost line of the user's that the compiler names; else where the name stands that it does not know."""
    files = {os.path.abspath(each.__code__.co_filename): each.__code__.co_filename for each in functions}
    for match in PLACE.finditer(text):
        file, line = (match[1], match[2]) if match[1] else (match[3], match[4])
        where = os.path.abspath(file)
        if file in files.values() or where in files:
            return files.get(where, file), int(line)
        if os.path.exists(where) and not any(where.startswith(each) for each in THEIRS):
            return where, int(line)  # a function that theirs calls
    for name in [*reversed(re.findall(r"'([A-Za-z_]\w*)'", sentence)), "def"]:
        for each in functions:
            for line, source in _lines(each):
                if re.search(rf"\b{name}\b", source):
                    return each.__code__.co_filename, line
    return functions[0].__code__.co_filename, functions[0].__code__.co_firstlineno


def _lines(function: Any) -> Iterator[tuple[int, str]]:
    try:
        source, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        return
    yield from enumerate(source, first)


def _sentence(text: str) -> str:
    """What is wrong: the first line of the outermost level that is not about the package's own call."""
    starts = list(LEVEL.finditer(text))
    said = text
    for n, match in enumerate(starts):
        rest = text[match.end():starts[n + 1].start() if n + 1 < len(starts) else None]
        if rest.strip() and GENERIC not in rest:
            said = rest
            break
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.strip().startswith("- ")]
    first = re.sub(r"^(Internal error at.*?:|\w*Error: )", "", lines[0]) if lines else "it does not compile"
    call = next((line[4:] for line in lines if line.startswith(">>> ")), None)
    if call is not None and first.startswith("No implementation"):
        name, _, given = call.partition("(")
        first = f"there is no `{name}` of ({given}"
    missing = re.match(r"Unknown attribute '(\w+)' of type (.*)", first)
    if missing:
        first = f"{_short(missing[2])} has no attribute '{missing[1]}'"
    first = re.sub(r"\.?\s*Raised from .*", "", _short(first))
    first = re.sub(r"^Cannot unify (.*) and (.*) for '.*", r"one variable is \1 here and \2 there", first)
    return first if len(first) <= LONGEST else first[:LONGEST] + "..."


def _short(text: str) -> str:
    """Types without what is in them: ``TableState(array(float64, 2d, C) x 1)`` is ``TableState``."""
    text = re.sub(r"Literal\[(\w+)\]\(([^()]*)\)", r"\1", text)
    text = re.sub(r"\bunicode_type\b", "str", text)
    text = re.sub(r"@[0-9a-f]{16}(\.\d+)?", "", text)  # what tells frames of one class apart
    text = re.sub(r"\barray\((\w+), (\d+)d, \w+\)", r"\1 array (\2d)", text)
    while True:  # from the inside: NamedTuples, which begin with a capital letter and are no tuples of numba's
        shorter = re.sub(r"\b(?!Tuple|UniTuple|Function)([A-Z]\w*)\((?:[^()]|\(\dd\))*\)", r"\1", text)
        if shorter == text:
            return text
        text = shorter
