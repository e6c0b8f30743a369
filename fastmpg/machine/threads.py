"""Threads begin here, and nowhere else: shares of a unit's work, handed out to as many threads as there are."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import prange
from numba.extending import get_cython_function_address
from numba.np.ufunc import parallel

from .._check.scalars import integer
from .calls import Unit, call
from .frames import Bound
from .options import UNCOMPILED

_lock = threading.RLock()
# 1 in a child of a process whose pool of threads had started: the pool is not there in the child, and OpenMP ends a
# process that enters it all the same. Shares are then done one after the other: the same bits.
_forked = np.zeros(1, np.int64)


def _after_fork() -> None:
    forsake_region()  # another thread of the parent may have held it
    if getattr(parallel, "_is_initialized", True):
        _forked[0] = 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def threads() -> int:
    """Number of threads that parallel kernels use now."""
    return 1 if _forked[0] else int(numba.get_num_threads())


def set_threads(count: int) -> None:
    """Let parallel kernels use ``count`` threads (1 to numba.config.NUMBA_NUM_THREADS); a forked child has one."""
    number = integer(count, "count", low=1, high=int(numba.config.NUMBA_NUM_THREADS))
    if not _forked[0]:
        numba.set_num_threads(number)


@contextlib.contextmanager
def parallel_region(active: bool) -> Iterator[None]:
    """Hold while parallel kernels may run: two Python threads inside them at once abort under the workqueue layer."""
    if not active or _forked[0]:
        yield
        return
    with _lock:
        yield


def forsake_region() -> None:
    """Let others have parallel kernels, though a thread that never comes back may be holding them."""
    global _lock
    _lock = threading.RLock()


class Fan(NamedTuple):
    """target: what to call   shares: how often   forked (1,)"""

    target: Any
    shares: int
    forked: Any


def _fan(frame: Any, share: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    """Shares 0 .. shares - 1 of a unit, ``unit(share, a, b, c, d)``, by all threads; in a forked child by one."""
    target, shares = frame.target, frame.shares
    if frame.forked[0] != 0:
        for each in range(shares):
            call(target, (each, a, b, c, d))
    else:
        for each in prange(shares):
            call(target, (each, a, b, c, d))


_FAN = Unit(_fan, parallel=True, _nrt=True)


def fanned(bound: Bound, shares: int) -> Bound:
    """A unit ``unit(frame, share, a, b, c, d)`` as one that does all its shares at once, called as (0, a, b, c, d).

    Of a heavy unit no second version, for threads, is compiled; of one share nothing is made.
    """
    if shares == 1:
        return bound
    if not (UNCOMPILED or _forked[0]):
        numba.get_num_threads()  # starts the threads' runtime, which a unit from the cache needs
        parallel._launch_threads()
    return _FAN.bind(Fan(bound, shares, _forked))


_addresses: dict[str, int] = {}


def lapack(name: str) -> int:
    """Address of one of scipy's LAPACK routines, for :func:`.calls.call_address`."""
    if name not in _addresses:
        _addresses[name] = int(get_cython_function_address("scipy.linalg.cython_lapack", name))
    return _addresses[name]
