"""Threads that move runs on: several at once, or one, where code of the user's might never come back.

Ctrl-C is heard by Python's main thread alone, and not while it is in compiled code. So code of the user's runs in a
thread of its own, while the main thread waits: for the end of the chunk, and once it is asked to stop no longer than
:data:`GRACE`. A loop without an end cannot be stopped from outside; it is left behind, and the process goes on without.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from .. import machine

GRACE = 3.0  # seconds that a step may still take when it is to stop
TICK = 0.1  # seconds between looks at whether it is


class Team:
    """Threads with a share of the work each.

    Parameters
    ----------
    count : int
    wanted : callable, optional
        Whether they are to stop; without it they are waited for however long it takes.
    """

    def __init__(self, count: int, wanted: Callable[[], bool] | None = None) -> None:
        self.wanted, self.left = wanted, False
        self._tasks: list[Any] = [queue.SimpleQueue() for _ in range(count)]
        self._awake: Any = queue.SimpleQueue()
        self._open = [False] * count
        self._errors: list[BaseException | None] = [None] * count
        for worker in range(count):
            threading.Thread(target=self._work, args=(worker, machine.threads()), daemon=True).start()

    def _work(self, worker: int, threads: int) -> None:
        machine.set_threads(threads)
        while (task := self._tasks[worker].get()) is not None:
            try:
                task(worker)
            except BaseException as error:
                self._errors[worker] = error
            del task
            self._open[worker] = False
            self._awake.put(None)

    def do(self, share: Callable[[int], None]) -> None:
        """``share(worker)`` in every thread; what one raises, once all have ended.

        Raises
        ------
        KeyboardInterrupt
            If one did not come back after all were to stop; then :attr:`left` is true.
        """
        for worker, tasks in enumerate(self._tasks):
            self._open[worker], self._errors[worker] = True, None
            tasks.put(share)
        asked: float | None = None
        theirs: BaseException | None = None  # raised by a handler of somebody else's, which may strike anywhere here
        while True:
            try:
                if not any(self._open):
                    break
                self._wait()
                if asked is None and self.wanted is not None and (theirs is not None or self.wanted()):
                    asked = time.monotonic()
                if asked is not None and time.monotonic() - asked > GRACE:
                    self.left = True
                    break
            except BaseException as error:
                theirs = theirs or error
        if self.left:
            machine.forsake_region()
        if theirs is not None:
            raise theirs
        if self.left:
            raise KeyboardInterrupt
        for found in self._errors:
            if found is not None:
                raise found

    def _wait(self) -> None:
        with contextlib.suppress(queue.Empty):
            self._awake.get(timeout=None if self.wanted is None else TICK)

    def close(self) -> None:
        """Let the threads end."""
        for tasks in self._tasks:
            tasks.put(None)
