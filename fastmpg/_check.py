"""Validation and canonical layout, once, at the door: every message says what, where, found, expected, what to do instead.

Arrays leave here as C-contiguous float64 (int64 for indices), so that kernels compile for one layout and never see
unchecked input. Sizes are Python integers, which cannot wrap, and are compared with what the machine has free before
anything is allocated.
"""

from __future__ import annotations

import math
import operator
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
TOLERANCE = 1e-8  # by which probabilities may miss a sum of 1 (float64 sums of thousands of rounded terms stay far below)


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
    """Whether so many bytes are at most a share of what is free. What a tenth of a second ago was free is good enough for little."""
    global _recent
    if need > 2**26 or _recent[0] is not free_bytes or time.monotonic() - _recent[1] > 0.1:
        _recent = (free_bytes, time.monotonic(), free_bytes())
    return need <= (_recent[2] + held) * share


def budget(need: int, what: str, instead: str, limit: int | None = None, held: int = 0) -> None:
    """Refuse to go on when ``need`` bytes, of which ``held`` are taken already, exceed ``limit`` (default: what the machine has free)."""
    if limit is None and fits(need, held=held):
        return
    have = free_bytes() + held if limit is None else limit
    if need > have:
        raise MemoryError(f"{what} needs {gib(need)}, but {gib(have)} {'are free' if limit is None else 'are allowed'}; {instead}")


def integer(value: Any, name: str, low: int | None = None, high: int | None = None) -> int:
    """A whole number in [low, high]."""
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a whole number, found {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        if isinstance(value, float | np.floating) and float(value).is_integer():
            number = int(value)
        else:
            raise TypeError(f"{name} must be a whole number, found {value!r} of type {type(value).__name__}") from None
    if (low is not None and number < low) or (high is not None and number > high):
        between = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {between}, found {number}")
    return number


def real(value: Any, name: str, low: float = -math.inf, high: float = math.inf, *, open_low: bool = False,
         open_high: bool = False) -> float:
    """A finite real number in [low, high], either end open on request."""
    if isinstance(value, bool | str) or value is None:
        raise TypeError(f"{name} must be a real number, found {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a real number, found {value!r} of type {type(value).__name__}") from None
    inside = (number > low if open_low else number >= low) and (number < high if open_high else number <= high)
    if not math.isfinite(number) or not inside:
        left, right = "(" if open_low or low == -math.inf else "[", ")" if open_high or high == math.inf else "]"
        raise ValueError(f"{name} must be a finite number in {left}{low:g}, {high:g}{right}, found {number}")
    return number


def shape_of(value: ArrayLike, name: str) -> tuple[int, ...]:
    """The shape of a rectangular array."""
    try:
        return tuple(np.shape(value))
    except ValueError:
        raise ValueError(f"{name} must be a rectangular array of numbers, found lists of different lengths") from None


def array(value: ArrayLike, name: str, *, copy: bool = True) -> Float:
    """A C-contiguous float64 array of finite numbers, by default the caller's own no longer."""
    try:
        found = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must be a rectangular array of numbers, found lists of different lengths") from None
    if found.dtype == object or found.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, found dtype {found.dtype}")
    result = np.array(found, dtype=np.float64, order="C", copy=True) if copy else np.ascontiguousarray(found, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        total = float(result.sum()) if result.size else 0.0
    if not math.isfinite(total) and not np.isfinite(result).all():
        where = np.unravel_index(int(np.argmin(np.isfinite(result))), result.shape)
        raise ValueError(f"{name} must be finite, found {float(result[where])} at index {tuple(map(int, where))}")
    return result


def shape(value: Float, name: str, expected: Sequence[int], meaning: str) -> None:
    """An array of exactly this shape."""
    if value.shape != tuple(expected):
        raise ValueError(f"{name} must have shape {meaning} = {tuple(expected)}, found {value.shape}")


def distribution(value: ArrayLike, name: str, size: int) -> Float:
    """A probability vector of the given length."""
    row = array(value, name)
    shape(row, name, (size,), "(num_states,)")
    if (row < 0).any():
        s = int(np.argmax(row < 0))
        raise ValueError(f"{name} must not be negative, found {float(row[s])} at state {s}")
    if abs(row.sum() - 1) > TOLERANCE:
        raise ValueError(f"{name} must sum to 1, found {float(row.sum())!r}; divide it by its sum")
    return row


def rows_sum_to_one(low: Float, total: Float, where: Callable[[int], str]) -> None:
    """Rows of transition probabilities, given by every row's smallest entry and sum; ``where`` says which row one is."""
    if (low < 0).any():
        row = int(np.argmin(low))
        raise ValueError(f"transition probabilities must not be negative, found {float(low[row])!r} {where(row)}")
    off = np.abs(total - 1)
    if (off > TOLERANCE).any():
        row = int(np.argmax(off))
        raise ValueError(f"transition probabilities must sum to 1, found {float(total[row])!r} {where(row)}; "
                         "divide each row by its sum (for an absorbing state, let it lead to itself)")


def is_int(value: Any) -> TypeGuard[int]:
    """Whether a value is a whole number (a bool is not)."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def num_actions(value: Any, name: str = "num_actions") -> tuple[int, ...]:
    """A tuple of action counts, each at least 1."""
    if is_int(value):
        raise TypeError(f"{name} must hold one number per player, found {value!r}; for two players write ({value}, {value})")
    try:
        counts = tuple(value)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of whole numbers, found {value!r}") from None
    if not counts:
        raise ValueError(f"{name} must name at least one player, found {value!r}")
    return tuple(integer(n, f"{name}[{i}]", low=1) for i, n in enumerate(counts))


def player(value: Any, count: int) -> int:
    """The index of a player."""
    return integer(value, "player", low=0, high=count - 1)


def seed_sequence(rng: Any, name: str = "rng") -> np.random.SeedSequence:
    """A seed sequence from None, a whole number, a sequence of them, a SeedSequence, or a Generator (which is drawn from)."""
    if isinstance(rng, np.random.SeedSequence):
        return rng
    if isinstance(rng, np.random.Generator):
        return np.random.SeedSequence(rng.integers(0, 2**63, 4).tolist())
    if rng is None or is_int(rng) or isinstance(rng, list | tuple | np.ndarray):
        try:
            return np.random.SeedSequence(rng)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} is no seed: {error}") from None
    raise TypeError(f"{name} must be None, a whole number, a sequence of them, a numpy SeedSequence or Generator, found {rng!r}")


def children(parent: np.random.SeedSequence, count: int) -> list[np.random.SeedSequence]:
    """The first children of a seed sequence, as ``spawn`` makes them, without counting them against the caller's object."""
    return [np.random.SeedSequence(parent.entropy, spawn_key=(*parent.spawn_key, r), pool_size=parent.pool_size) for r in range(count)]


def generator(rng: Any, name: str = "rng") -> np.random.Generator:
    """A numpy Generator: the caller's own, or a new one from a seed."""
    return rng if isinstance(rng, np.random.Generator) else np.random.default_rng(seed_sequence(rng, name))
