"""Python called from compiled code: for what no kernel can do by itself, as solving a linear program.

A run's loop is one compiled call that holds no Python lock. A :class:`Callback` is entered from its middle like any
other unit, by address, whatever thread runs the loop: it takes the lock, runs its function, and gives it back. The
address is a number in a frame, so that code from the cache calls what this process made.

What the function raises cannot travel through compiled code. It is kept for :meth:`Callback.check`, and the kernels
that follow have to see by themselves that they must not go on: ``failed`` is 1 from then on, and nothing is called any
more. Ctrl-C is no failure: the function is run again from its beginning, so that what it leaves is whole, and
KeyboardInterrupt is raised by ``check`` too.

One call is made at a time: what numerical libraries do to the process, such as scipy to its filters of warnings, is not
for several threads.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from .frames import PASSED, Bound

_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_int64] * PASSED)
_lock = threading.Lock()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()  # another thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Callback:
    """A Python function for kernels.

    Parameters
    ----------
    function : callable
        Takes up to :data:`PASSED` integers. It reads and writes arrays that it knows.

    Attributes
    ----------
    bound : Bound
        What a frame holds; kernels call it as any other, ``call(frame.solve, (s,))``.
    failed : ndarray (1,)
        1 once the function has raised, else 0.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self.function, self.failed = function, np.zeros(1, np.int64)
        self._error: BaseException | None = None
        self._count = function.__code__.co_argcount - hasattr(function, "__self__")
        entry = _SIGNATURE(self._enter)  # kept by the Bound as long as anybody can call it
        code = ctypes.cast(entry, ctypes.c_void_p).value or 0
        self.bound = Bound(self._enter, 0, np.zeros(1, np.int64), code, entry, entry)

    def _enter(self, frame: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0) -> None:
        while not self.failed[0]:
            try:
                with _lock:
                    self.function(*(a, b, c, d, e)[:self._count])
                break
            except KeyboardInterrupt as interrupt:
                self._error = interrupt
            except BaseException as error:
                self._error, self.failed[0] = error, 1

    def check(self) -> None:
        """Raise what was raised since the last check."""
        error, self._error = self._error, None
        if error is not None:
            raise error


def check_callback(bound: Bound) -> None:
    """:meth:`Callback.check` of the one that a frame holds."""
    owner: Any = bound.kernel.__self__  # type: ignore[attr-defined]
    owner.check()
