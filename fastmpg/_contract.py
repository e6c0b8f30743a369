"""Contracts: all that is asked of a class which anybody may write, on one page a kind of class.

A page is a frozen dataclass: its fields are the names that such a class may have, with their defaults; its docstring
says what each means. What a class leaves out takes the default; a public name that is on no page is refused, with the
closest one that is.

A class's own: the fields of the NamedTuple, names that begin with an underscore, and properties that resemble no name
of the page.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
from typing import Any

LIKE = 0.7  # difflib's ratio from which a name is taken for a slip of another


def closest(name: str, known: list[str]) -> str:
    """A hint at the name that is meant, or nothing."""
    near = difflib.get_close_matches(name, known, 1, LIKE)
    return f"did you mean `{near[0]}`?" if near else ""


def members(kind: type, page: type, what: str) -> dict[str, Any]:
    """What a class defines of a page's names.

    Parameters
    ----------
    kind : type
        The class that somebody wrote.
    page : dataclass
        Its fields are the names, those without a default are required.
    what : str
        What such a class is called, as in "rule".

    Raises
    ------
    TypeError
        If it has a public name that is not on the page, or lacks one that is required.
    """
    asked = {each.name: each for each in dataclasses.fields(page) if each.init}
    known, fields = list(asked), getattr(kind, "_fields", ())
    public = {name: value for base in kind.__mro__ if base not in (tuple, object) for name, value in vars(base).items()
              if not name.startswith("_") and name not in fields}
    for name, value in public.items():
        hint = closest(name, known)
        if name in asked or (isinstance(value, property | functools.cached_property) and not hint):
            continue
        advice = hint or f"choose from {', '.join(known)}"
        raise TypeError(f"{kind.__name__}.{name}: a {what} has no `{name}`; {advice} "
                        "(names of your own begin with _)")
    for name, each in asked.items():
        if not hasattr(kind, name) and each.default is dataclasses.MISSING:
            slips = [other for other in public if difflib.get_close_matches(other, [name], 1, LIKE)]
            raise TypeError(f"{kind.__name__} has no `{name}`, which every {what} must have"
                            + (f"; did you mean it by `{slips[0]}`?" if slips else ""))
    return {name: getattr(kind, name) for name in known if hasattr(kind, name)}
