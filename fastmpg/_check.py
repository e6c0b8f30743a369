"""Validation and canonical layout, once, at the door: every message says what, where, found, expected, what to do
instead.

Arrays leave here as C-contiguous float64 (int64 for indices), so that kernels compile for one layout and never see
unchecked input. Sizes are Python integers, which cannot wrap, and are compared with what the machine has free before
anything is allocated.
"""

from __future__ import annotations

import decimal
import inspect
import math
import numbers
import operator
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
# by which probabilities may miss a sum of 1 (float64 sums of thousands of rounded terms stay far below)
TOLERANCE = 1e-8
LARGEST = 2**62  # whole numbers up to here can be counted past in 64 bits
SHOWN = 100  # characters of a value in a message
CHUNK = 2**20  # probabilities that are normalised at a time
FORBIDDEN = "; a move that must not be made costs a large finite amount, or is left out of the actions"


def shown(value: Any) -> str:
    """A value for people, of any size."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return f"{'-' if value < 0 else ''}10^{int(abs(value).bit_length() * 0.30103)} or so"
    try:
        text = repr(value)
    except Exception:  # a repr of the caller's, or a number with more digits than Python prints
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _typed(value: Any) -> str:
    return f"{shown(value)} of type {type(value).__name__}"


def gib(size: int) -> str:
    """A byte count for people."""
    if size.bit_length() > 1000:  # no float holds it
        return f"about 10^{int(size.bit_length() * 0.30103)} bytes"
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= scale:
            number = size / scale
            return f"{number:.3g} {unit}" if number < 1e4 else f"{number:.3e} {unit}"
    return f"{size} bytes"


def free_bytes() -> int:
    """Memory that can be allocated now: what the system calls available, within this process's control group."""
    free = 2**62
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    free = int(line.split()[1]) * 1024
    except OSError:
        try:
            free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        except (AttributeError, ValueError, OSError):
            return free
    try:
        with open("/sys/fs/cgroup/memory.max") as most, open("/sys/fs/cgroup/memory.current") as used:
            limit = most.read().strip()
            if limit != "max":
                free = min(free, max(0, int(limit) - int(used.read())))
    except (OSError, ValueError):
        pass
    return free


_recent: tuple[Any, float, int] = (None, 0.0, 0)


def fits(need: int, share: float = 1.0, held: int = 0) -> bool:
    """Whether so many bytes are at most a share of what is free.

    What a tenth of a second ago was free is good enough for little.
    """
    global _recent
    if need > 2**26 or _recent[0] is not free_bytes or time.monotonic() - _recent[1] > 0.1:
        _recent = (free_bytes, time.monotonic(), free_bytes())
    return need <= (_recent[2] + held) * share


def budget(need: int, what: str, instead: str, limit: int | None = None, held: int = 0) -> None:
    """Refuse to go on when ``need`` bytes, of which ``held`` are taken already, exceed ``limit`` (default: what the
    machine has free).
    """
    if limit is None and fits(need, held=held):
        return
    have = free_bytes() + held if limit is None else integer(limit, "max_bytes", low=0)
    if need > have:
        raise MemoryError(f"{what} needs {gib(need)}, but {gib(have)} "
                          f"{'are free' if limit is None else 'are allowed'}; {instead}")


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
            raise TypeError(f"{name} must be a whole number, found {_typed(value)}") from None
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
            raise TypeError(f"{name} must be a real number, found {_typed(value)}")
        try:
            number = float(value)
        except OverflowError:
            raise ValueError(f"{name} must be a finite number that a float holds, found {shown(value)}") from None
        except Exception:  # whatever the caller's __float__ raises
            raise TypeError(f"{name} must be a real number, found {_typed(value)}") from None
    inside = (number > low if open_low else number >= low) and (number < high if open_high else number <= high)
    if not math.isfinite(number) or not inside:
        left, right = "(" if open_low or low == -math.inf else "[", ")" if open_high or high == math.inf else "]"
        raise ValueError(f"{name} must be a finite number in {left}{low:g}, {high:g}{right}, found {number}")
    return number


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


def _masked(value: Any) -> int:
    """How many entries are masked, in nested lists too: numpy would read what is behind the masks."""
    if isinstance(value, np.ma.MaskedArray):
        return int(np.count_nonzero(np.ma.getmaskarray(value))) if value.dtype.names is None else 0
    if not isinstance(value, list | tuple):
        return 0
    return sum(_masked(each) for each in value if isinstance(each, list | tuple | np.ma.MaskedArray))


def is_masked(value: Any) -> bool:
    """Whether any entry is masked."""
    return _masked(value) > 0


def _entry(value: Any, name: str, at: tuple[int, ...]) -> float:
    """One number out of an array of objects, rounded to the nearest float64."""
    kind, where = type(value), f" at index {at}" if at else ""
    array_like = isinstance(value, np.ndarray | np.generic)
    known = isinstance(value, numbers.Real | decimal.Decimal)
    known = known or (array_like and value.ndim == 0 and value.dtype.kind in "fiub")
    if not known and (array_like or isinstance(value, str | bytes | numbers.Complex) or not hasattr(kind, "__float__")):
        raise TypeError(f"{name} must hold real numbers, found {_typed(value)}{where}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must hold numbers that a float holds, found {shown(value)}{where}") from None
    except Exception:  # whatever the caller's __float__ raises
        raise TypeError(f"{name} must hold real numbers, found {_typed(value)}{where}") from None


def read(value: Any, name: str) -> NDArray[Any]:
    """An array of real numbers of whatever precision, the caller's own if it is one.

    Everything that numpy reads, and arrays of objects that are numbers (Fraction and Decimal are rounded to the nearest
    float64).
    """
    if type(value) is np.ndarray and value.dtype.kind in "fiub":
        return value
    try:
        hidden = _masked(value)
        found: NDArray[Any] = np.asarray(value)
    except Exception as error:
        if isinstance(error, ValueError) and isinstance(value, list | tuple):
            raise ValueError(f"{name} must be a rectangular array of numbers, found lists of different "
                             "lengths") from None
        found_type = f"found {type(value).__name__}: {shown(str(error))}"
        raise TypeError(f"{name} must be an array of real numbers, {found_type}") from error
    if hidden:
        raise ValueError(f"{name} must not have masked entries, found {hidden} of them; give each a number first, with "
                         ".filled(number)")
    if found.dtype == object:
        out = np.empty(found.shape)
        for at in np.ndindex(found.shape):
            out[at] = _entry(found[at], name, at)
        return out
    if found.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, found dtype {found.dtype}")
    return found


def shape_of(value: ArrayLike, name: str) -> tuple[int, ...]:
    """The shape of a rectangular array."""
    if type(value) is np.ndarray:
        return value.shape
    if hasattr(value, "__array__") or isinstance(value, list | tuple):
        try:
            return tuple(map(int, np.shape(value)))
        except Exception:  # read says what is wrong
            pass
    return read(value, name).shape


def array(value: ArrayLike, name: str, *, copy: bool = True, advice: str = "") -> Float:
    """A C-contiguous float64 array of finite numbers, by default the caller's own no longer."""
    found = read(value, name)
    with np.errstate(invalid="ignore", over="ignore"):
        if copy:
            result = np.array(found, dtype=np.float64, order="C", copy=True)
        else:
            result = np.ascontiguousarray(found, np.float64)
        if found.ndim == 0:
            result = result.reshape(())
        total = float(result.sum()) if result.size else 0.0
    if not math.isfinite(total) and not np.isfinite(result).all():
        where = tuple(map(int, np.unravel_index(int(np.argmin(np.isfinite(result))), result.shape)))
        raise ValueError(f"{name} must be finite, found {float(result[where])} at index {where}{advice}")
    return result


def shape(value: Float, name: str, expected: Sequence[int], meaning: str) -> None:
    """An array of exactly this shape."""
    if value.shape != tuple(expected):
        raise ValueError(f"{name} must have shape {meaning} = {tuple(expected)}, found {value.shape}")


def single_tolerance(length: int) -> float:
    """By how much rows of float32 may miss a sum of 1: what rounding does to a float32 sum of so many terms."""
    return min(1e-4, max(1e-6, length * 2.0**-24))


def laws(table: Float, single: bool, what: str, where: Callable[[int, int | None], str], *, own: bool = True,
         advice: str = "divide each row by its sum, in float64") -> tuple[Float, float]:
    """Rows of probabilities along the last axis, settled, and the largest change that this took.

    Negative entries and sums that are off by no more than the tolerance are rounding: entries below 0 become 0 and
    their row is divided by its sum; rows of single precision are divided by theirs in double. Other rows stay as they
    are, bit for bit.

    Parameters
    ----------
    single : bool
        Whether the rows come from float32.
    where : callable
        ``where(row, column)`` says which entry one is, ``where(row, None)`` which row.
    own : bool
        Whether the table may be changed; else a copy is, where something has to.
    """
    tolerance = single_tolerance(table.shape[-1]) if single else TOLERANCE
    low, total = table.min(axis=-1), table.sum(axis=-1)
    least = low.min()
    if least < -tolerance:
        row = int(np.argmin(low))
        column = int(np.argmin(table[np.unravel_index(row, low.shape)]))
        raise ValueError(f"{what} must not be negative, found {float(least)!r} {where(row, column)}".rstrip())
    off = np.abs(total - 1)
    if off.max() > tolerance:
        row = int(np.argmax(off))
        found = f"{float(total.flat[row])!r} {where(row, None)}".rstrip()
        raise ValueError(f"{what} must sum to 1, found {found}; {advice}")
    if not single and least >= 0:
        return table, 0.0
    rows, change = np.nonzero((low < 0) | (total != 1) if single else low < 0), 0.0
    if rows[0].size and not own:
        table = table.copy()
    step = max(1, CHUNK // table.shape[-1])
    for first in range(0, rows[0].size, step):
        some = tuple(index[first:first + step] for index in rows)
        before = table[some]
        after = np.maximum(before, 0.0)
        after /= after.sum(axis=-1, keepdims=True)
        change = max(change, float(np.abs(after - before).max()))
        table[some] = after
    return table, change


def law_table(value: ArrayLike, name: str, *, copy: bool = True) -> tuple[Float, bool, bool]:
    """Probabilities as :func:`array` gives them, whether they come from float32, and whether they may be changed."""
    found = read(value, name)
    table = array(found, name, copy=copy)
    return table, found.dtype == np.float32, copy or not np.may_share_memory(table, found)


def distribution(value: ArrayLike, name: str, size: int) -> tuple[Float, float]:
    """A probability vector of the given length, settled as :func:`laws` does, and the largest change."""
    row, single, _ = law_table(value, name)
    shape(row, name, (size,), "(num_states,)")
    settled, change = laws(row[None], single, name, lambda _, s: "" if s is None else f"at state {s}",
                           advice="divide it by its sum, in float64")
    return settled[0], change


def initial(value: ArrayLike | None, n_states: int) -> tuple[Float, float]:
    """The law of the first state, uniform by default, and the largest change that settling it took."""
    return (np.full(n_states, 1.0 / n_states), 0.0) if value is None else distribution(value, "initial", n_states)


def transitions(table: Float, single: bool, where: Callable[[int], str], *, own: bool = True) -> tuple[Float, float]:
    """Rows of transition probabilities, settled as :func:`laws` does, and the largest change.

    ``where`` says which row one is.
    """
    return laws(table, single, "transition probabilities", lambda row, _: where(row), own=own,
                advice="divide each row by its sum, in float64 (for an absorbing state, let it lead to itself)")


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
    """A seed sequence from None, a whole number, a sequence of them, a SeedSequence, or a Generator (which is drawn
    from).
    """
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
    """The first children of a seed sequence, as ``spawn`` makes them, without counting them against the caller's
    object.
    """
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
