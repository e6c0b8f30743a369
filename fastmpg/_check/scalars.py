"""What is no array: numbers, names, sequences, seeds, functions."""

from __future__ import annotations

import inspect
import math
import operator
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

LARGEST = 2**62  # whole numbers up to here can be counted past in 64 bits
SHOWN = 100  # characters of a value in a message


def shown(value: Any) -> str:
    """A value for people, of any size."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return f"{'-' if value < 0 else ''}10^{int(abs(value).bit_length() * 0.30103)} or so"
    try:
        text = repr(value)
    except Exception:  # a repr of the caller's, or a number with more digits than Python prints
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def typed(value: Any) -> str:
    return f"{shown(value)} of type {type(value).__name__}"


def integer(value: Any, name: str, low: int | None = None, high: int | None = None) -> int:
    """A whole number in [low, high], at most :data:`LARGEST` in size."""
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a whole number, found {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        if isinstance(value, float | np.floating) and float(value).is_integer():
            number = int(value)
        else:
            raise TypeError(f"{name} must be a whole number, found {typed(value)}") from None
    if (low is not None and number < low) or (high is not None and number > high):
        between = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {between}, found {shown(number)}")
    if abs(number) > LARGEST:
        raise ValueError(f"{name} must be at most 2^62, found {shown(number)}")
    return number


def power(base: int, exponent: int) -> int:
    """base^exponent, or a smaller power that no machine holds either."""
    return base ** min(exponent, 4096)


def real(value: Any, name: str, low: float = -math.inf, high: float = math.inf, *, open_low: bool = False,
         open_high: bool = False) -> float:
    """A finite real number in [low, high], either end open on request."""
    if type(value) is float:
        number = value
    else:
        array_like = isinstance(value, np.ndarray | np.generic)
        if (isinstance(value, bool | str | bytes | bytearray | np.ma.MaskedArray) or value is None
                or (array_like and (value.ndim != 0 or value.dtype.kind not in "fiuO"))):
            raise TypeError(f"{name} must be a real number, found {typed(value)}")
        try:
            number = float(value)
        except OverflowError:
            raise ValueError(f"{name} must be a finite number that a float holds, found {shown(value)}") from None
        except Exception:  # whatever the caller's __float__ raises
            raise TypeError(f"{name} must be a real number, found {typed(value)}") from None
    inside = (number > low if open_low else number >= low) and (number < high if open_high else number <= high)
    if not math.isfinite(number) or not inside:
        left, right = "(" if open_low or low == -math.inf else "[", ")" if open_high or high == math.inf else "]"
        raise ValueError(f"{name} must be a finite number in {left}{low:g}, {high:g}{right}, found {number}")
    return number


def discount(value: Any) -> float:
    """A game's discount: one for all players, in [0, 1]."""
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0):
        raise TypeError(f"discount must be a real number, found {typed(value)}: a game, and whoever learns in it, has "
                        "one for all players; one a player is an option of fastmpg.evaluate, best_response and gaps")
    return real(value, "discount", 0.0, 1.0)


def flag(value: Any, name: str) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, found {shown(value)}")
    return bool(value)


def text(value: Any, name: str) -> str:
    """A string."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, found {shown(value)}")
    return value


def path(value: Any, name: str) -> str:
    """A file's or a folder's name."""
    try:
        found = os.fspath(value)
    except TypeError:
        found = None
    if not isinstance(found, str):
        raise TypeError(f"{name} must be a path (a string or pathlib.Path), found {shown(value)}")
    if "\0" in found or not found:
        raise ValueError(f"{name} must be a path, found {shown(found)}")
    return found


def function(value: Any, name: str) -> Callable[..., Any]:
    """Something that can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be a function, found {shown(value)}")
    return value  # type: ignore[no-any-return]


def sequence(value: Any, name: str, of: str) -> list[Any]:
    """The items of a list, a tuple or an array."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a sequence of {of}, found {shown(value)}")
    try:
        return list(value)
    except TypeError:  # an array without axes
        raise TypeError(f"{name} must be a sequence of {of}, found {shown(value)}") from None


def entries(value: Any, name: str, keys: Sequence[str]) -> Any:
    """A mapping that has these keys."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict of arrays, found {shown(value)}")
    missing = [key for key in keys if key not in value]
    if missing:
        raise ValueError(f"{name} must hold {', '.join(keys)}, found {shown(list(value))}")
    return value


def is_int(value: Any) -> TypeGuard[int]:
    """Whether a value is a whole number (a bool is not)."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def num_actions(value: Any, name: str = "num_actions") -> tuple[int, ...]:
    """A tuple of action counts, each at least 1."""
    if is_int(value):
        one = shown(value)
        raise TypeError(f"{name} must hold one number per player, found {one}; for two players write ({one}, {one})")
    counts = sequence(value, name, "whole numbers")
    if not counts:
        raise ValueError(f"{name} must name at least one player, found {shown(value)}")
    return tuple(integer(n, f"{name}[{i}]", low=1) for i, n in enumerate(counts))


def player(value: Any, count: int) -> int:
    """The index of a player."""
    return integer(value, "player", low=0, high=count - 1)


def seed_sequence(rng: Any, name: str = "rng") -> np.random.SeedSequence:
    """A seed sequence from None, whole numbers, a SeedSequence, or a Generator (which is drawn from)."""
    if isinstance(rng, np.random.SeedSequence):
        return rng
    if isinstance(rng, np.random.Generator):
        return np.random.SeedSequence(rng.integers(0, 2**63, 4).tolist())
    if rng is None or is_int(rng) or isinstance(rng, list | tuple | np.ndarray):
        try:
            if isinstance(rng, np.ma.MaskedArray):
                raise ValueError("it is a masked array")
            return np.random.SeedSequence(rng)  # type: ignore[arg-type]
        except Exception as error:  # whatever numpy makes of lists of other things
            raise ValueError(f"{name} is no seed: {shown(str(error))}") from None
    raise TypeError(f"{name} must be None, a whole number, a sequence of them, a numpy SeedSequence or Generator, "
                    f"found {shown(rng)}")


def children(parent: np.random.SeedSequence, count: int) -> list[np.random.SeedSequence]:
    """The first children of a seed sequence, as ``spawn`` makes them, without counting them in the caller's object."""
    return [np.random.SeedSequence(parent.entropy, spawn_key=(*parent.spawn_key, r), pool_size=parent.pool_size)
            for r in range(count)]


def generator(rng: Any, name: str = "rng") -> np.random.Generator:
    """A numpy Generator: the caller's own, or a new one from a seed."""
    return rng if isinstance(rng, np.random.Generator) else np.random.default_rng(seed_sequence(rng, name))


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
