"""Equality that gives a truth value: what holds arrays is equal when every entry is, NaN to NaN in the same place."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T", bound=type)


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal: arrays by shape and entries, containers by type and content, all else by ``==``."""
    if a is b:
        return True
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape == b.shape and _same_entries(a, b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(value, b[name]) for name, value in a.items())
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, SimpleNamespace) and isinstance(b, SimpleNamespace):
        return same(vars(a), vars(b))
    return bool(np.all(a == b)) or (_is_nan(a) and _is_nan(b))


def _same_entries(a: Any, b: Any) -> bool:
    equal = a == b
    return bool(equal.all()) or bool((equal | ((a != a) & (b != b))).all())


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and value != value


def comparable(cls: T) -> T:
    """Class decorator: ``==``, ``!=`` and ``hash`` by :func:`same`, for a NamedTuple, or for a class with ``_parts()``.

    A NamedTuple's own compare as tuples do: they raise where there are arrays, and take one class for another with
    equal entries. What has a part that cannot be hashed, as arrays cannot, has no hash.
    """

    def equal(self: Any, other: Any) -> Any:
        if type(self) is not type(other):
            return False if isinstance(other, tuple) else NotImplemented
        return self is other or same(_parts(self), _parts(other))

    def differ(self: Any, other: Any) -> Any:
        found = equal(self, other)
        return found if found is NotImplemented else not found

    def number(self: Any) -> int:
        return hash((type(self).__qualname__, _key(_parts(self))))

    members = {"__eq__": equal, "__ne__": differ} | ({} if "__hash__" in vars(cls) else {"__hash__": number})
    for name, member in members.items():
        setattr(cls, name, member)
    return cls


def _parts(value: Any) -> Any:
    return tuple(value) if isinstance(value, tuple) else value._parts()


def _key(value: Any) -> Any:
    """What equal values have in common, NaN included, whose own hash differs from object to object."""
    if isinstance(value, tuple):
        return tuple(map(_key, value))
    return "nan" if _is_nan(value) else value
