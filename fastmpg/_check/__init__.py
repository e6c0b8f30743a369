"""Validation and canonical layout, once, at the door.

Every message says what, where, found, expected, what to do instead.

Arrays leave here as C-contiguous float64 (int64 for indices), so that kernels compile for one layout and never see
unchecked input. Sizes are Python integers, which cannot wrap, and are compared with what the machine has free before
anything is allocated.
"""

from __future__ import annotations

import os
import time
from typing import Any

from .arrays import (
    CHUNK,
    FORBIDDEN,
    TOLERANCE,
    Float,
    array,
    compressed_rows,
    distribution,
    initial,
    is_masked,
    law_table,
    laws,
    read,
    shape,
    shape_of,
    single_tolerance,
    transitions,
)
from .scalars import (
    LARGEST,
    SHOWN,
    arity,
    children,
    discount,
    entries,
    flag,
    function,
    generator,
    integer,
    is_int,
    num_actions,
    path,
    player,
    power,
    real,
    seed_sequence,
    sequence,
    shown,
    text,
)

__all__ = [
    "CHUNK", "FORBIDDEN", "LARGEST", "SHOWN", "TOLERANCE", "Float", "arity", "array", "budget", "children",
    "compressed_rows", "discount", "distribution", "entries", "fits", "flag", "free_bytes", "function", "generator",
    "gib", "initial", "integer", "is_int", "is_masked", "law_table", "laws", "num_actions", "path", "player", "power",
    "read", "real", "seed_sequence", "sequence", "shape", "shape_of", "shown", "single_tolerance", "text",
    "transitions",
]


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
    """Refuse to go on when ``need`` bytes, ``held`` of them taken, exceed ``limit`` (default: what is free)."""
    if limit is None and fits(need, held=held):
        return
    have = free_bytes() + held if limit is None else integer(limit, "max_bytes", low=0)
    if need > have:
        raise MemoryError(f"{what} needs {gib(need)}, but {gib(have)} "
                          f"{'are free' if limit is None else 'are allowed'}; {instead}")
