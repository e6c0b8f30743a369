"""What a forked child may use of its parent's threads: nothing.

A fork copies the memory of a process and one of its threads. The pool of the parent's threads is not there in the child,
and OpenMP ends a process that enters it all the same. So in a child of a process whose pool had started, parallel kernels
do their shares one after the other: the bits are the same, whatever the number of threads. A child of a process that had
none starts its own, as do children that are spawned.
"""

from __future__ import annotations

import os
import sys

import numpy as np

# Every plan with several shares holds the address of this array, so that plans made before a fork notice it.
ADDRESS, ALONE = 0, 1  # of the function that fans out, and whether it may only loop
FAN_CELL = np.zeros(2, np.int64)


def alone() -> bool:
    """Whether this process must do without threads: it was forked from one whose pool had started."""
    return bool(FAN_CELL[ALONE])


def _after_fork() -> None:
    pool = sys.modules.get("numba.np.ufunc.parallel")
    if getattr(pool, "_is_initialized", True):
        FAN_CELL[ALONE] = 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
