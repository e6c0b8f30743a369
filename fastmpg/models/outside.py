"""What a user's function takes from outside of it, which compiled code holds as it was when it was compiled."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from ..machine import user_kernel

MOST = 256  # functions that are kept


def outside(function: Any, seen: tuple[Any, ...] = ()) -> Any:
    """A key of a function with the variables that it closes over and the globals that it names, however deep."""
    plain = getattr(function, "py_func", function)
    if not inspect.isfunction(plain) or plain in seen:
        return plain if isinstance(plain, Hashable) else object()  # which is like no other
    found = inspect.getclosurevars(plain)
    return plain.__code__, plain.__module__, _key(plain.__defaults__, seen), tuple((name, _key(value, (*seen, plain)))
                        for name, value in sorted({**found.nonlocals, **found.globals}.items()))


def _key(value: Any, seen: tuple[Any, ...]) -> Any:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, hashlib.sha256(value.tobytes()).digest()
    if value is None or isinstance(value, bool | int | float | str | bytes | np.generic):
        return type(value), repr(value)
    if isinstance(value, tuple | list):
        return type(value), tuple(_key(each, seen) for each in value)
    return outside(value, seen)


_kept: dict[Any, Any] = {}  # the last used last


def compiled(function: Callable[..., Any]) -> Any:
    """A user's function as a kernel: the same one for the same code, as long as nothing outside of it has changed.

    Every compilation takes seconds, and memory that no process gets back.
    """
    if hasattr(function, "py_func"):
        return function
    key = outside(function)
    found = _kept.pop(key, None) or user_kernel(function)
    _kept[key] = found
    if len(_kept) > MOST:
        del _kept[next(iter(_kept))]
    return found
