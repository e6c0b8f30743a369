"""Ctrl-C and SIGTERM at the end of what must not be torn; and who else is told of them."""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
from collections.abc import Iterator
from typing import Any


def _task() -> Any:
    """The task that ``asyncio.run`` cancels at Ctrl-C, if it is who listens: asked in whatever thread."""
    handler = signal.getsignal(signal.SIGINT)
    task = handler.keywords.get("main_task") if isinstance(handler, functools.partial) else None
    return task if hasattr(task, "cancelling") else None


class Signals:
    """While entered, Ctrl-C and SIGTERM wait for the end of what must not be torn, then raise KeyboardInterrupt.

    Where somebody else listens they are left to it: a handler is called within a chunk of the run, and what it raises
    ends the run. ``asyncio.run`` raises nothing and cancels its task, which neither a run in it nor one that it has
    sent to a thread would ever notice: so they ask.
    """

    def __init__(self) -> None:
        self.whole, self.heard = False, False
        self.previous: dict[int, Any] = {}
        self.task: Any = None

    def _hear(self, number: int, frame: Any) -> None:
        self.heard = True
        if not self.whole:
            raise KeyboardInterrupt

    @property
    def _cancelled(self) -> bool:
        return self.task is not None and bool(self.task.cancelling() or self.task.cancelled())

    def wanted(self) -> bool:
        """Whether the run is to stop."""
        return self.heard or self._cancelled

    def ask(self) -> None:
        """Raise KeyboardInterrupt if asyncio has heard Ctrl-C."""
        if self._cancelled:
            raise KeyboardInterrupt

    def __enter__(self) -> Signals:
        self.task = _task()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                # else someone else listens
                if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
                    self.previous[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def undivided(self, quiet: bool = False) -> Iterator[None]:
        """What happens here happens whole; ``quiet``: and nothing is raised afterwards."""
        self.whole = True
        try:
            yield
        finally:
            self.whole = False
        if self.heard and not quiet:
            raise KeyboardInterrupt
